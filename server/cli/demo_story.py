"""What happens in the demonstration, and how it is told. Every figure comes from an answer of the market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import anyio

from market_core.values import plain
from server.cli.demo_agents import BUYER, INCIDENT, PROVIDERS, REVIEW, Agent, Content, Refused, exact
from server.cli.sheet import Sheet

TIME_PRICE, QUALITY_PRICE = Decimal("0.01"), Decimal(5)
RESOURCE = "gpu-hours"
DEMAND: Mapping[str, tuple[int, str | None]] = {
    "quinn-quick": (20, None),
    "hana-honest": (40, "3"),
    "max-margin": (30, "2.2"),
    "carla-careful": (10, "2.2"),
    "ada": (25, "1.2"),
}
"""Hours wanted and the most paid for one (None: any price)."""
OFFERS: Mapping[str, tuple[int, str]] = {
    "north-gpu": (50, "1"),
    "south-gpu": (30, "1.5"),
    "west-gpu": (40, "2.6"),
}
"""Hours offered and the least taken for one."""

Cast = Mapping[str, Agent]


@dataclass(slots=True)
class Show:
    """The demonstration so far: the page it is written on, and one row per award for the end."""

    sheet: Sheet
    cast: Cast
    paid: list[Sequence[object]] = field(default_factory=list)

    @property
    def buyer(self) -> Agent:
        """Who buys the work."""
        return self.cast[BUYER.name]

    async def buy(self, **terms: Any) -> tuple[Content, Content]:
        """Post a task, let every provider find it and bid, award it; return the terms and the award."""
        created = await self.buyer.call("create_auction", **terms)
        told: dict[str, str] = {}
        async with anyio.create_task_group() as tasks:
            for player in PROVIDERS:
                tasks.start_soon(self._take_part, self.cast[player.name], told)
        for name in sorted(told):
            self.sheet.say(told[name], "yellow")
        seen = await self.buyer.call("get_auction", auction_id=created["auction_id"])
        self.sheet.say(f"Until the award ada sees of the bids only their number: {seen['bids']}.")
        return seen, await self.buyer.call("award", auction_id=created["auction_id"])

    async def _take_part(self, agent: Agent, told: dict[str, str]) -> None:
        """Find the auction and bid in it; leave in `told` what is worth telling of that."""
        terms = await agent.find_work()
        true_cost = agent.player.true_cost
        if agent.minds_max_price and true_cost > exact(terms["max_price"]):
            told[agent.name] = (
                f"{agent.name} has learned to read max_price first: {plain(exact(terms['max_price']))} is below its "
                f"own cost of {plain(true_cost)}, so it does not bid."
            )
            return
        try:
            await agent.bid(terms)
        except Refused as refused:
            then = await self._learn(agent, terms, refused)
            told[agent.name] = (
                f"Refused: {agent.name} bids {plain(agent.player.bid(true_cost, terms))} ({refused.code}). It is told: "
                f"{refused.message}; next: {refused.next}. {then}"
            )

    async def _learn(self, agent: Agent, terms: Content, refused: Refused) -> str:
        """Do what the refusal says helps; return what that was. Raises the refusal if nothing does."""
        if refused.code == "missing_capability":
            await agent.join([*agent.player.capabilities, *refused.missing])
            await agent.bid(terms)
            return f"{agent.name} can do it, so it registers {', '.join(refused.missing)} too; its second bid stands."
        if refused.code == "bid_above_max_price":
            agent.minds_max_price = True
            return f"{agent.name} will not work below its own cost, and leaves."
        raise refused

    async def report(self, terms: Content, award: Content, seconds: int, quality: str) -> None:
        """Let the winner hear of it and deliver, and the buyer say how it went."""
        winner = self.cast[award["winners"][0]["agent"]]
        news = {item["what"]: item["why"] for item in await winner.news(10)}
        reported = await self.buyer.call(
            "report_outcome",
            auction_id=terms["auction_id"],
            success=True,
            actual_time=seconds,
            quality=float(quality),
        )
        record = reported["record"]
        self.sheet.say(
            f"{winner.name} reads in its inbox: {news['bid_won']}. ada reports success after {seconds} s, quality "
            f"{quality}; the record of {winner.name}: {record['successes']} of {record['reported']} succeeded."
        )


# The first four acts; the fifth is in `demo_pool`


async def introduce(show: Show) -> None:
    """Show who takes part."""
    show.sheet.heading("Who sells work")
    show.sheet.table(
        ["agent", "strategy", "true cost", "time", "quality"],
        ([p.name, p.strategy, p.true_cost, f"{p.seconds} s", p.quality] for p in PROVIDERS),
        right=("true cost", "time", "quality"),
    )
    show.sheet.say("The true cost is each agent's secret. No server and no other agent knows it.")


async def first_price(show: Show) -> None:
    """A sealed auction by cost, in which the winner is paid what it asked."""
    show.sheet.heading("1. Sealed first-price auction (payment_rule pay_as_bid)")
    show.sheet.say("ada: review a 400-line Python pull request, for at most 7 credits. The lowest cost wins.")
    terms, award = await show.buy(
        task="Review a 400-line Python pull request",
        requirements={"capabilities": [REVIEW]},
        max_price=7,
    )
    _tell_award(show, terms, award)
    loser = show.cast[award["ranking"][1]["agent"]]
    own = (await loser.call("get_auction", auction_id=terms["auction_id"]))["own_bid"]
    true_cost = loser.player.true_cost
    threshold = exact(own["winning_threshold"])
    missed = " Its true cost is lower: the margin lost it the work." if true_cost < threshold else ""
    show.sheet.say(
        f"{loser.name}, which asked {plain(exact(own['cost']))}, is told that a cost below {plain(threshold)} "
        f"would have won.{missed}"
    )
    await show.report(terms, award, 870, "0.65")


async def second_price(show: Show) -> None:
    """The same task, paid by the runner-up's bid."""
    show.sheet.heading("2. Second-price auction (payment_rule second_price)")
    show.sheet.say(
        "ada posts the same task again, and pays the cost at which the winner would just still have won."
    )
    terms, award = await show.buy(
        task="Review a 400-line Python pull request, again",
        requirements={"capabilities": [REVIEW]},
        max_price=7,
        payment_rule="second_price",
    )
    _tell_award(show, terms, award)
    _tell_second_price(show, terms, award)
    show.sheet.say(
        "Its own bid decides whether it wins, not what it is paid: it does best to ask its true cost."
    )
    await show.report(terms, award, 1150, "0.7")


async def scored(show: Show) -> None:
    """An auction in which time and quality count, in credits."""
    show.sheet.heading("3. Scored auction (time and quality have a price, second_price)")
    show.sheet.say(
        "ada: find out why checkout is down, for at most 12 credits. An hour of waiting costs ada "
        f"{plain(TIME_PRICE * 3600)} credits (time_price {plain(TIME_PRICE)} a second), and quality 1 rather than 0 is "
        f"worth {plain(QUALITY_PRICE)}. Score = cost + time_price x time - quality_price x quality; the lowest wins."
    )
    terms, award = await show.buy(
        task="Find out why checkout is down",
        requirements={"capabilities": [INCIDENT]},
        max_price=12,
        payment_rule="second_price",
        scoring={"time_price": float(TIME_PRICE), "quality_price": float(QUALITY_PRICE)},
    )
    _tell_award(show, terms, award)
    _tell_second_price(show, terms, award)
    await show.report(terms, award, 260, "0.8")


def _tell_award(show: Show, terms: Content, award: Content) -> None:
    """Show the ranking with the parts of each score, who won, what is paid, and the market's reason."""
    winner = award["winners"][0]
    rows = [_bid_row(show, bid, winner) for bid in award["ranking"]]
    heads = ["agent", "true cost", "bid", "+ time", "- quality", "= score", "result"]
    if "scoring" not in terms:  # the score is the cost
        heads, rows = [*heads[:3], "result"], [[*row[:3], row[-1]] for row in rows]
    show.sheet.table(heads, rows, right=heads[1:-1], best=0)
    paid, cost = exact(winner["payment"]), exact(winner["cost"])
    show.sheet.say(f"{winner['agent']} wins and is paid {plain(paid)}. {award['explanation']}", "bold")
    rule = terms["payment_rule"] + (", scored" if "scoring" in terms else "")
    show.paid.append([rule, winner["agent"], cost, paid, award["ranked"]])


def _bid_row(show: Show, bid: Content, winner: Content) -> list[object]:
    time, quality = TIME_PRICE * bid["estimated_time"], QUALITY_PRICE * exact(bid["quality"])
    result = (
        f"wins, paid {plain(exact(winner['payment']))}" if bid["agent"] == winner["agent"] else "paid nothing"
    )
    true_cost = show.cast[bid["agent"]].player.true_cost
    return [bid["agent"], true_cost, exact(bid["cost"]), time, quality, exact(bid["score"]), result]


def _tell_second_price(show: Show, terms: Content, award: Content) -> None:
    """Do the sum in front of the reader, if it is the market's sum."""
    own, runner_up = (exact(bid["score"]) for bid in award["ranking"][:2])
    cost, paid = exact(award["winners"][0]["cost"]), exact(award["winners"][0]["payment"])
    limit = exact(terms["max_price"])
    due = cost + runner_up - own
    capped = f", but at most max_price {plain(limit)}" if due > limit else ""
    if paid == min(due, limit):
        show.sheet.say(
            f"The sum: cost {plain(cost)} + (the runner-up's score {plain(runner_up)} - its own score {plain(own)}) = "
            f"{plain(due)}{capped}."
        )


async def clearing(show: Show) -> None:
    """Several agents want a resource, several offer it; one price for all."""
    show.sheet.heading(f"4. Demand clearing: {RESOURCE}, one price for all")
    async with anyio.create_task_group() as tasks:
        for name, (hours, most) in DEMAND.items():
            tasks.start_soon(_request, show.cast[name], hours, most)
        for name, (hours, least) in OFFERS.items():
            tasks.start_soon(_offer, show.cast[name], hours, least)
    (cleared,) = (await show.buyer.call("aggregate_demand", resources=[RESOURCE]))["clearings"]
    price = exact(cleared["clearing_price"])
    got = {row["agent"]: row for row in cleared["allocations"]}
    sold = {row["agent"]: row for row in cleared["suppliers"]}
    show.sheet.say(
        f"aggregate_demand pools {len(DEMAND)} requests and clears them against {len(OFFERS)} offers: "
        f"{cleared['quantity']:g} hours at {plain(price)} credits each.",
        "bold",
    )
    show.sheet.table(
        ["wants", "hours", "at most", "gets", "pays", "because"],
        (_demand_row(name, price, got) for name in DEMAND),
        right=("hours", "at most", "gets", "pays"),
    )
    show.sheet.table(
        ["offers", "hours", "at least", "sells", "receives", "because"],
        (_offer_row(name, price, sold) for name in OFFERS),
        right=("hours", "at least", "sells", "receives"),
    )
    _tell_price(show, price, got, sold)
    paid, received = _sum(got, "payment"), _sum(sold, "payment")
    show.sheet.say(
        f"Payments in {plain(paid)} = payments out {plain(received)}. Unmet demand of {cleared['unmet']:g} hours stays "
        "in the book for the next clearing."
    )


async def _request(agent: Agent, hours: int, most: str | None) -> None:
    limit: Content = {} if most is None else {"max_unit_price": float(most)}
    await agent.call("request_resources", resource=RESOURCE, quantity=hours, **limit)


async def _offer(agent: Agent, hours: int, least: str) -> None:
    await agent.call("offer_resources", resource=RESOURCE, quantity=hours, unit_price=float(least))


def _filled(rows: Mapping[str, Content], name: str) -> tuple[Decimal, Decimal]:
    """Return the hours and credits of an agent's part in a clearing."""
    row = rows.get(name, {"quantity": 0, "payment": 0})
    return exact(row["quantity"]), exact(row["payment"])


def _sum(rows: Mapping[str, Content], what: str) -> Decimal:
    return sum((exact(row[what]) for row in rows.values()), Decimal(0))


def _demand_row(name: str, price: Decimal, got: Mapping[str, Content]) -> list[object]:
    hours, most = DEMAND[name]
    gets, pays = _filled(got, name)
    limit = None if most is None else Decimal(most)
    if limit is not None and limit < price:
        why = f"pays less than {plain(price)}"
    elif gets < hours:
        why = "at the margin: shares what is left in proportion"
    else:
        why = "takes any price" if limit is None else f"would pay more than {plain(price)}"
    return [name, hours, "any price" if limit is None else limit, gets, pays, why]


def _offer_row(name: str, price: Decimal, sold: Mapping[str, Content]) -> list[object]:
    hours, least = OFFERS[name]
    sells, receives = _filled(sold, name)
    if Decimal(least) > price:
        why = f"asks more than {plain(price)}"
    else:
        why = "takes less" if sells == hours else "at the margin: shares what is left in proportion"
    return [name, hours, Decimal(least), sells, receives, why]


def _tell_price(show: Show, price: Decimal, got: Mapping[str, Content], sold: Mapping[str, Content]) -> None:
    """Say why it is this price, where demand at the margin sets it."""
    limits = {name: None if most is None else Decimal(most) for name, (_, most) in DEMAND.items()}
    above = sum(DEMAND[name][0] for name, limit in limits.items() if limit is None or limit > price)
    margin = {name: DEMAND[name][0] for name, limit in limits.items() if limit == price}
    offered = sum(hours for hours, least in OFFERS.values() if Decimal(least) <= price)
    if not above < offered < above + sum(margin.values()) or _sum(sold, "quantity") != offered:
        return
    parts = ", ".join(f"{name} {plain(_filled(got, name)[0])} of {hours}" for name, hours in margin.items())
    show.sheet.say(
        f"Why {plain(price)}: at this price {offered} hours are offered. Just above it only {above} would be wanted, just "
        f"below it {above + sum(margin.values())}. So it is the price, and the {offered - above} hours that are left are "
        f"shared by those whose limit it is, in proportion: {parts}."
    )


def conclude(show: Show) -> None:
    """Put the three payments side by side."""
    show.sheet.heading("What was paid")
    show.sheet.table(["rule", "winner", "asked", "paid", "bids"], show.paid, right=("asked", "paid", "bids"))
    show.sheet.say(
        "In 1 the agent with the lowest true cost lost over its margin; in 2, with the same work at the same payment, "
        "it won; in 3 the dear but quick one was the cheapest, all counted."
    )
