"""The tools that only look: auctions, resources, agents, one's own inbox."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.commands import Model
from market_core.events import OutcomeReported, ResourceCleared
from market_core.handle import States, agent_stream, auction_stream, resource_stream
from market_core.observation import AgentSeen as CardSeen
from market_core.observation import AuctionSeen, ResourceSeen, see_agent, see_auction, see_resource
from market_core.rejections import Code, Rejection
from market_core.values import Name, ObjectId, name_of, plain, shown, total
from server.ports import Found, Page, Query
from server.projection import epoch, moment_of
from server.tools import answers
from server.tools.registry import Call, reading
from server.tools.resources import book_of, side


def _cursor(value: object) -> object:
    """A cursor looks like a number, so it may come as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


CursorField = Annotated[
    str,
    BeforeValidator(_cursor),
    StringConstraints(max_length=40),
    Field(description="next_cursor of the page before"),
    WithJsonSchema({"type": "string"}),
]
Limit = Annotated[int, Field(ge=1, le=100, description="rows a page")]
Status = Literal["open", "closed", "awarded", "unsold", "cancelled"]


def position(cursor: str) -> int | None:
    """Return the position that a cursor stands for, None for an empty one. Raises `invalid_value`."""
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Rejection(
            Code.INVALID_VALUE, field="cursor", rule="must be a next_cursor from an earlier answer"
        )
    return int(cursor)


def _next(page: Page, shown_rows: int, limit: int) -> str | None:
    """Return the cursor of the page after the rows shown of this one, None at the end."""
    full = shown_rows < len(page.found) or (len(page.found) == limit and page.total > limit)
    return str(page.found[shown_rows - 1].position) if full and shown_rows else None


# Auctions


class GetAuction(Model):
    """Arguments of get_auction."""

    auction_id: ObjectId
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at an auction", GetAuction, answers.AuctionSeen)
async def get_auction(ask: GetAuction, call: Call) -> tuple[BaseModel, str]:
    """Show one auction: the task, what it requires, how it scores and pays, its status, and your own bid.

    After the award: winner and payment; the buyer sees the ranking (20 rows a page), a pay_as_bid loser the cost
    below which it would have won. Changes nothing.
    """
    stream = auction_stream(ask.auction_id)
    first = position(ask.cursor) or 0

    def view(states: States, now: datetime) -> AuctionSeen:
        auction = states[stream]
        assert isinstance(auction, Auction)  # by its stream's name
        return see_auction(auction, ask.agent, now, first)

    seen = await call.service.see([stream], view)
    return auction_answer(seen, ask.agent, first)


def auction_answer(seen: AuctionSeen, viewer: str, first: int = 0) -> tuple[answers.AuctionSeen, str]:
    """Return the answer for an auction as seen."""
    terms, own = seen.terms, seen.own_bid
    shown_to = first + len(seen.ranking)
    made = answers.AuctionSeen(
        auction_id=terms.auction_id,
        status=seen.status,
        task=terms.task,
        buyer=terms.buyer,
        description=terms.description or None,
        requirements=_compact(terms.requirements),
        max_price=terms.max_price,
        payment_rule=terms.payment_rule,
        format=None if terms.format == "sealed" else terms.format,
        scoring=_compact(terms.scoring),
        extension=terms.extension and _compact(terms.extension),
        schedule=terms.schedule and _compact(terms.schedule),
        offered=seen.offered,
        closes_at=seen.closes_at,
        invited_only=seen.invited_only or None,
        invite=list(terms.invite[: answers.MOST_ROWS]) or None,
        bids=seen.bids,
        tie_break_commitment=terms.commitment,
        own_bid=None
        if own is None
        else answers.OwnBid(
            bid_id=own.bid_id,
            cost=own.cost,
            score=own.score,
            lapsed=seen.own_lapsed or None,
            rank=None if seen.own_position is None else seen.own_position + 1,
            winning_threshold=seen.winning_threshold,
            lower_cost_would_have_won=seen.lower_cost_would_have_won,
        ),
        winners=[
            answers.WinnerRow(
                agent=w.agent,
                bid_id=w.bid_id,
                payment=w.payment,
                cost=w.cost,
            )
            for w in seen.winners
        ]
        or None,
        ranking=answers.rank_rows(seen.ranking, terms, first) or None,
        ranked=seen.ranked or None,
        next_cursor=str(shown_to) if seen.ranking and shown_to < seen.ranked else None,
        nonce=seen.nonce,
        outcome=_compact_outcome(seen),
    )
    return made, _auction_text(made, seen, viewer)


def _compact(model: BaseModel) -> dict[str, Any] | None:
    """Return what a model says beyond its defaults, None if nothing."""
    return numbers(model.model_dump(exclude_defaults=True)) or None


def numbers(value: Any) -> Any:
    """Return a value with its decimals as JSON numbers."""
    match value:
        case Decimal():
            return answers.number(value)
        case dict():
            return {key: numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [numbers(item) for item in value]
    return value


def _compact_outcome(seen: AuctionSeen) -> dict[str, Any] | None:
    outcome = seen.outcome
    if outcome is None:
        return None
    told = {
        "provider": outcome.provider,
        "success": outcome.success,
        "actual_time": outcome.actual_time,
        "quality": outcome.quality,
        "note": outcome.note,
        "reference": outcome.reference,
    }
    return {name: numbers(value) for name, value in told.items() if value not in (None, "")}


def _auction_text(made: answers.AuctionSeen, seen: AuctionSeen, viewer: str) -> str:
    lines = [_headline(made, seen)]
    facts = {
        "task": made.task,
        "buyer": made.buyer,
        "max_price": "none" if made.max_price is None else plain(made.max_price),
        "payment_rule": made.payment_rule,
        "requirements": json.dumps(made.requirements, ensure_ascii=False) if made.requirements else "none",
        "scoring": json.dumps(made.scoring) if made.scoring else "cost only",
    }
    if made.format:
        facts["format"] = _format_text(made, seen)
    if made.invited_only:
        facts["invited"] = (
            ", ".join(made.invite[:20]) if made.invite else "only agents that the buyer invited"
        )
    lines.append("\n".join(f"{name}: {value}" for name, value in facts.items()))
    if made.description:
        lines.append(f"description, in the buyer's words:\n{answers.quoted(made.description)}")
    if made.own_bid:
        lines.append(_own_text(made.own_bid, seen))
    if made.ranking:
        lines.append(
            answers.rank_table(made.ranking) + answers.paged(len(made.ranking), seen.ranked, made.next_cursor)
        )
    if seen.outcome:
        lines.append(_outcome_text(seen.outcome))
    return "\n".join(lines) + f"\nNext: {_auction_next(made, viewer)}"


def _format_text(made: answers.AuctionSeen, seen: AuctionSeen) -> str:
    """Return how an auction that is not sealed goes, with its rule in numbers."""
    if seen.terms.schedule is not None:
        rule = seen.terms.schedule
        now = f", now {plain(seen.offered)}" if seen.offered is not None else ""
        return (
            f"dutch: the offer starts at {plain(rule.start)} and rises by {plain(rule.step)} every "
            f"{plain(rule.every)} seconds up to max_price{now}; the first to take it wins"
        )
    text = "open: each bidder sees its rank; a new bid must lower one's score"
    if seen.terms.extension is not None:
        limits = seen.terms.extension
        text += (
            f" by {plain(limits.min_decrement)} or more; a new leader in the last {plain(limits.within)} seconds "
            f"moves the deadline by {plain(limits.by)} seconds"
        )
    return text


def _outcome_text(outcome: OutcomeReported) -> str:
    told = [f"outcome, as the buyer reported: {'success' if outcome.success else 'failure'}"]
    for name, came, promised in (
        ("seconds", outcome.actual_time, outcome.estimated_time),
        ("quality", outcome.quality, outcome.promised_quality),
    ):
        if came is not None:
            told.append(f"{name} {plain(came)}" + (f" (promised {plain(promised)})" if promised else ""))
    text = ", ".join(told)
    if outcome.reference:
        text += f"\nreference, in the buyer's words:\n{answers.quoted(outcome.reference)}"
    if outcome.note:
        text += f"\nnote, in the buyer's words:\n{answers.quoted(outcome.note)}"
    return text


def _headline(made: answers.AuctionSeen, seen: AuctionSeen) -> str:
    if seen.winners:
        winner = seen.winners[0]
        return f"{made.auction_id} is awarded to {winner.agent} for {answers.credits_text(winner.payment)}, from {answers.count(made.bids, 'bid')}."
    after = " after closing" if seen.cancelled_after_closing else ""
    until = f" until {shown(made.closes_at)}" if made.closes_at and made.status == "open" else ""
    return f"{made.auction_id} is {made.status}{until}{after}; {answers.count(made.bids, 'bid' if made.format else 'sealed bid')}."


def _own_text(own: answers.OwnBid, seen: AuctionSeen) -> str:
    text = f"your bid: {own.bid_id}, cost {plain(own.cost)}, score {plain(own.score)}"
    if own.lapsed:
        text += ", lapsed: its validity is over, so it does not count"
    if own.rank is not None:
        text += f", rank {own.rank} of {seen.ranked or seen.bids}"
    if own.winning_threshold:
        text += f"; a cost below {plain(own.winning_threshold)} would have won"
    elif own.lower_cost_would_have_won is False:
        text += "; with the time and quality it states, no cost would have won"
    elif own.lower_cost_would_have_won:
        text += "; a lower cost would have won"
    return text


def _auction_next(made: answers.AuctionSeen, viewer: str) -> str:
    buyer = viewer == made.buyer
    match made.status:
        case "open":
            if buyer:
                return "inbox with wait; award when bidding is over."
            if made.schedule:
                return "submit_bid with take: true (and at_least) when the offer is enough for you."
            return "submit_bid to take part or to change your bid."
        case "closed":
            return "preview_award to look, award to decide." if buyer else "wait for the award; inbox tells."
        case "awarded":
            if made.outcome:
                return "nothing; this is done."
            if buyer:
                return "report_outcome once the work is delivered."
            if made.winners and viewer == made.winners[0].agent:
                return (
                    "deliver the work to the buyer, outside this market; the buyer then reports the outcome."
                )
    return "list_auctions shows others."


class ListAuctions(Model):
    """Arguments of list_auctions."""

    status: Annotated[Status | None, Field(description="Default: all")] = None
    capability: Annotated[Name | None, Field(description="only auctions that require it")] = None
    mine: Annotated[bool, Field(description="only those you created; needs agent")] = False
    limit: Limit = 20
    cursor: CursorField = ""
    agent: str = ""


@reading("List auctions", ListAuctions, answers.AuctionList)
async def list_auctions(ask: ListAuctions, call: Call) -> tuple[BaseModel, str]:
    """List auctions, newest first: use status open to find work to bid on, capability for what you can do.

    Returns id, task, number of bids, max_price and deadline of each; winner and payment once awarded. Changes nothing.
    """
    if ask.mine and not ask.agent:
        raise Rejection(Code.AGENT_REQUIRED)
    query = Query(
        "auction",
        now=epoch(call.service.clock.now()),
        owner=ask.agent if ask.mine else "",
        tag=f"cap:{ask.capability}" if ask.capability else "",
        status=(ask.status,) if ask.status else (),
        before=position(ask.cursor),
        limit=ask.limit,
    )
    page = await call.service.store.find(query)
    rows = answers.fitting([auction_row(found, query.now) for found in page.found])
    cursor = _next(page, len(rows), ask.limit)
    made = answers.AuctionList(auctions=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "No such auctions.\nNext: leave filters out, or create_auction to post a task."
    listed = answers.table(
        [
            "auction_id",
            "status",
            "task",
            "asks for",
            "bids",
            "max_price",
            "rule",
            "closes_at",
            "winner",
            "payment",
        ],
        (
            [
                r.auction_id,
                r.status,
                r.task,
                _asks_for(r),
                r.bids,
                r.max_price,
                r.payment_rule,
                r.closes_at,
                r.winner,
                r.payment,
            ]
            for r in rows
        ),
    )
    text = f"{answers.count(page.total, 'auction')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_auction shows one whole; submit_bid bids on an open one."


def _asks_for(row: answers.AuctionRow) -> str:
    asks = list(row.capabilities or ()) + (["an invitation"] if row.invited_only else [])
    return ", ".join(asks)


def auction_row(found: Found, now: int) -> answers.AuctionRow:
    """Return an auction's summary as a row of a list; `now` (epoch microseconds) decides whether it is over."""
    summary = found.summary
    body = json.loads(summary.body)
    over = summary.status == "open" and summary.until is not None and summary.until <= now
    return answers.AuctionRow(
        auction_id=summary.id,
        status="closed" if over else summary.status,
        task=answers.cell(body["task"]),
        buyer=summary.owner,
        bids=found.children,
        max_price=_decimal(body["max_price"]),
        payment_rule=body["payment_rule"],
        format=None if body.get("format", "sealed") == "sealed" else body["format"],
        capabilities=body["capabilities"][:3] or None,
        invited_only=body["invited_only"] or None,
        closes_at=None if summary.until is None else moment_of(summary.until),
        winner=body["winner"],
        payment=_decimal(body["payment"]),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


# Resources


class GetResource(Model):
    """Arguments of get_resource."""

    resource: Annotated[Name | None, Field(description="its name; without one, the list of resources")] = None
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at a resource", GetResource, answers.ResourceSeen)
async def get_resource(ask: GetResource, call: Call) -> tuple[BaseModel, str]:
    """Show a resource's book: demand and offers in sums, your own entries, what clearing now would give, the last clearing.

    Without a name: the list of resources. Others' limits are never shown; a price only with 3 owners on each side.
    Changes nothing.
    """
    if ask.resource is None:
        return await _list_resources(ask, call)
    name = ask.resource

    def view(states: States, now: datetime) -> ResourceSeen:
        return see_resource(book_of(states, name), ask.agent, now)

    return resource_answer(await call.service.see([resource_stream(name)], view))


def resource_answer(seen: ResourceSeen) -> tuple[answers.ResourceSeen, str]:
    """Return the answer for a resource as seen."""
    preview = None
    if seen.price_now is not None:
        preview = {"clearing_price": numbers(seen.price_now), "quantity": numbers(seen.tradable)}
    made = answers.ResourceSeen(
        resource=seen.name,
        unit=seen.unit or None,
        whole=seen.whole,
        demand=side(seen.demand),
        offers=side(seen.offers),
        own=[
            answers.EntryRow(id=e.entry_id, kind=e.side, left=e.left, limit=e.limit, until=e.until)
            for e in seen.own
        ],
        preview=preview,
        last_clearing=_last(seen.last_clearing) if seen.last_clearing else None,
    )
    rows = [("demand", seen.demand), ("offers", seen.offers)]
    text = [
        f"Book of {name_of(seen.name)}"
        + (f" in {seen.unit}" if seen.unit else "")
        + (", whole units only" if seen.whole else "")
        + ".",
        answers.table(
            ["side", "quantity", "entries", "owners"], ([n, s.quantity, s.entries, s.owners] for n, s in rows)
        ),
    ]
    if preview:
        text.append(f"Clearing now: {plain(seen.tradable)} at {answers.credits_text(seen.price_now)} each.")
    elif seen.demand.entries and seen.offers.entries:
        text.append("What clearing now would give is shown only with 3 owners on each side.")
    if seen.last_clearing:
        text.append(f"Last clearing: {json.dumps(made.last_clearing)}")
    if made.own:
        own = ([e.id, e.kind, e.left, e.limit, e.until] for e in made.own)
        text.append("Yours:\n" + answers.table(["id", "kind", "left", "limit", "until"], own))
    can = seen.demand.entries and seen.offers.entries
    then = "aggregate_demand trades what fits." if can else "request_resources or offer_resources add to it."
    return made, "\n".join(text) + f"\nNext: {then}"


def _last(event: ResourceCleared) -> dict[str, Any]:
    return {
        "at": shown(event.at),
        "clearing_price": numbers(event.clearing_price),
        "quantity": numbers(total(fill.quantity for fill in event.allocations)),
    }


async def _list_resources(ask: GetResource, call: Call) -> tuple[BaseModel, str]:
    page = await call.service.store.find(Query("resource", before=position(ask.cursor), limit=100))
    bodies = [json.loads(found.summary.body) for found in page.found]
    rows = [answers.BookRow(resource=b["name"], unit=b["unit"] or None, whole=b["whole"]) for b in bodies]
    cursor = _next(page, len(rows), 100)
    made = answers.ResourceSeen(resources=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "Nobody has named a resource yet.\nNext: request_resources or offer_resources."
    listed = answers.table(
        ["sold in", "unit", "resource"],
        (["whole units" if r.whole else "any quantity", r.unit, r.resource] for r in rows),
    )
    text = f"{answers.count(page.total, 'resource')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_resource with a name shows its book."


# Agents


class GetAgent(Model):
    """Arguments of get_agent."""

    agent_id: Annotated[str, Field(max_length=129, description="whose card; without it, find agents")] = ""
    capability: Annotated[Name | None, Field(description="only agents that have it")] = None
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at an agent", GetAgent, answers.AgentSeen)
async def get_agent(ask: GetAgent, call: Call) -> tuple[BaseModel, str]:
    """Show an agent's card (what it says it can do) and its outcomes so far; without agent_id, find agents.

    Outcomes are as buyers reported them; those between agents of one owner do not count. Changes nothing.
    """
    if not ask.agent_id:
        return await _list_agents(ask, call)
    agent_id = ask.agent_id.strip()
    stream = agent_stream(agent_id)

    def view(states: States, _now: datetime) -> CardSeen:
        agent = states[stream]
        assert isinstance(agent, Agent)  # by its stream's name
        return see_agent(agent_id, agent)

    return card_answer(await call.service.see([stream], view))


def card_of(seen: CardSeen) -> answers.AgentSeen:
    """Return an agent's card and record as part of an answer."""
    record = seen.record
    return answers.AgentSeen(
        agent=seen.agent,
        description=seen.description or None,
        capabilities=list(seen.capabilities),
        attributes=seen.attributes or None,
        last_outcomes=[_outcome_row(outcome) for outcome in seen.last_outcomes] or None,
        record=answers.Record(reported=record.reported, successes=record.successes, failures=record.failures),
    )


def _outcome_row(outcome: OutcomeReported) -> answers.OutcomeRow:
    return answers.OutcomeRow(
        auction_id=outcome.auction_id,
        buyer=outcome.buyer,
        success=outcome.success,
        estimated_time=outcome.estimated_time,
        actual_time=outcome.actual_time,
        promised_quality=outcome.promised_quality,
        quality=outcome.quality,
    )


def card_answer(seen: CardSeen) -> tuple[answers.AgentSeen, str]:
    """Return the answer for an agent as seen."""
    record = seen.record
    lines = [
        f"{seen.agent}: {answers.count(record.successes, 'success', 'successes')} and {answers.count(record.failures, 'failure')} reported.",
        f"capabilities: {', '.join(seen.capabilities) or 'none'}",
        f"attributes: {json.dumps(seen.attributes, ensure_ascii=False) if seen.attributes else 'none'}",
    ]
    rows = [_outcome_row(outcome) for outcome in seen.last_outcomes]
    if rows:
        heads = [
            "auction_id",
            "buyer",
            "success",
            "estimated_time",
            "actual_time",
            "promised_quality",
            "quality",
        ]
        lines.append(
            "Last outcomes:\n" + answers.table(heads, ([getattr(row, h) for h in heads] for row in rows))
        )
    if seen.description:
        lines.append(f"description, in its own words:\n{answers.quoted(seen.description)}")
    return card_of(seen), "\n".join(lines) + "\nNext: create_auction with invite asks it for a bid."


async def _list_agents(ask: GetAgent, call: Call) -> tuple[BaseModel, str]:
    tag = f"cap:{ask.capability}" if ask.capability else ""
    page = await call.service.store.find(Query("agent", tag=tag, before=position(ask.cursor), limit=50))
    bodies = [(found.summary.id, json.loads(found.summary.body)) for found in page.found]
    rows = [
        answers.AgentRow(agent=name, capabilities=body["capabilities"][:5], outcomes=body["outcomes"])
        for name, body in bodies
    ]
    rows = answers.fitting(rows)
    cursor = _next(page, len(rows), 50)
    made = answers.AgentSeen(agents=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "No such agents.\nNext: register_agent makes you known; capability may be left out."
    listed = answers.table(
        ["agent", "outcomes", "capabilities"],
        ([r.agent, r.outcomes, ", ".join(r.capabilities)] for r in rows),
    )
    text = f"{answers.count(page.total, 'agent')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_agent with agent_id shows one whole."
