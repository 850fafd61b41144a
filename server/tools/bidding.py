"""The provider's tools: register, bid, bid many, withdraw."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from market_core.agent import Agent
from market_core.auction import Auction, bids_of
from market_core.awards import place
from market_core.commands import RegisterAgent, SubmitBid, Withdraw
from market_core.eligibility import score_parts
from market_core.events import AuctionCancelled, BidSubmitted, DeadlineExtended
from market_core.handle import agent_stream, auction_stream
from market_core.invalid import invalid
from market_core.mechanisms.confidence import least_payment
from market_core.observation import see_agent
from market_core.rejections import Rejection
from market_core.terms import Model
from market_core.values import auction_of, from_micros, micros, plain, shown
from server.batch import After, Answer, Outcome, once
from server.ports import Query
from server.projection import epoch
from server.tools import answers
from server.tools.auction_views import DELIVER, sold_text
from server.tools.registry import Call, acting, custom, reply

_LOOKED_UP = 5  # capabilities for which the answer to a registration counts open auctions


@custom("Register an agent", RegisterAgent, answers.Card)
async def register_agent(ask: RegisterAgent, call: Call) -> Answer:
    """Say what you can do, so that auctions which ask for it accept your bids and you hear of new ones.

    Capabilities are needed to bid where an auction requires them; attributes hold for all your bids. Returns your
    card. Changes: your public card, replacing the one before. Names match however written: "Code Review", "code-review".
    """
    work = await _open_work(ask, call)

    def answer(after: After) -> Answer:
        card = after.states[agent_stream(ask.agent)]
        assert isinstance(card, Agent)  # by its stream's name
        seen = see_agent(ask.agent, card)
        made = answers.Card(
            agent=ask.agent,
            description=seen.description or None,
            capabilities=list(seen.capabilities),
            attributes=seen.attributes or None,
            max_concurrent=seen.max_concurrent,
            standing_bids={name: answers.compact(bid) for name, bid in ask.standing_bids.items()} or None,
            open_auctions=work,
        )
        counts = ", ".join(f"{name} {number}" for name, number in work.items())
        told = f"Open auctions that ask for it: {counts}." if counts else "No open auction asks for it yet."
        text = f"Registered {ask.agent}. Capabilities: {', '.join(seen.capabilities) or 'none'}. {told}"
        if ask.standing_bids:
            text += (
                f" Standing bids enter new auctions for: {', '.join(ask.standing_bids)}; inbox tells where."
            )
        return reply(made, f"{text}\nNext: list_auctions, or inbox with wait for new ones.")

    return await call.service.execute(
        ask, answer, once(ask.agent, call.key, "register_agent", ask.model_dump)
    )


async def _open_work(ask: RegisterAgent, call: Call) -> dict[str, int]:
    """Return the number of open auctions for each of the first capabilities that some auction asks for."""
    now = epoch(call.service.clock.now())
    counts = {}
    for name in ask.capabilities[:_LOOKED_UP]:
        query = Query("auction", now=now, tag=f"cap:{name}", status=("open",), limit=1)
        if number := (await call.service.store.find(query)).total:
            counts[name] = number
    return counts


@acting("Submit a bid", SubmitBid, answers.BidReceipt)
def submit_bid(ask: SubmitBid, after: After) -> tuple[BaseModel, str]:
    """Make a binding offer in an open auction, replace yours, or take a Dutch auction's offer (which decides it).

    Returns bid_id, score (lowest wins), rank where shown. Changes: your standing bid.
    """
    receipt, bid = _receipt(after)
    auction = after.states[auction_stream(ask.auction_id)]
    assert isinstance(auction, Auction)  # by its stream's name
    if receipt.payment is not None:
        paid = answers.credits_text(receipt.payment)
        return receipt, f"Taken: you won {receipt.auction_id} and are paid {paid}.\nNext: {DELIVER}"
    text = f"Bid {receipt.bid_id} stands: {_score_text(bid, auction)}."
    if receipt.least_payment is not None:
        least = receipt.least_payment
        text += f" If you win and fail, {plain(least)} credits is the least that is left of your payment"
        text += f": below 0, you owe {plain(-least)}." if least < 0 else "."
    if receipt.rank is not None:
        text += f" Rank {receipt.rank} of {answers.count(len(auction.bids), 'bid')}."
    text += " It replaces your earlier bid." if bid.replaced else ""
    if auction.terms.lots:
        mine = len(bids_of(auction, bid.bidder))
        how = "at most one of them wins" if auction.terms.bids_combine == "xor" else "they add up"
        text += f" You have {mine} bids here now, on different lots: {how}." if mine > 1 else ""
    text += f" It binds you until {shown(bid.valid_until)}." if bid.valid_until else ""
    if receipt.closes_at is not None:
        text += f" You took the lead late, so bidding now ends at {shown(receipt.closes_at)}."
    return receipt, f"{text}\nNext: {_then(receipt)}"


def _then(receipt: answers.BidReceipt) -> str:
    if receipt.rank is None:
        return "inbox with wait says whether you won; submit_bid again to change it, withdraw to leave."
    if receipt.rank == 1:
        return "inbox with wait tells if another takes the lead, and whether you won."
    return "submit_bid with a lower cost to improve your rank; inbox with wait says whether you won."


def _score_text(bid: BidSubmitted, auction: Auction) -> str:
    """Return a bid's cost, and how its score was made where that is not the cost alone."""
    parts = score_parts(bid, auction.terms)
    terms = [
        ("+", "time", parts.time),
        ("-", "quality", parts.quality),
        ("-", "bonus", parts.bonus),
        ("+", "failure", parts.failure),
    ]
    said = "".join(f" {sign} {name} {plain(value)}" for sign, name, value in terms if value)
    wins = "lowest total wins" if auction.terms.mechanism in ("units", "lots") else "lowest wins"
    if auction.terms.scoring.use_track_record:
        wins = f"{wins}; as claimed: the award goes by what track records predict"
    return f"cost {plain(bid.cost)}{sold_text(bid)}, score {plain(bid.score)}" + (
        f" = cost{said} ({wins})" if said else f" ({wins})"
    )


def _receipt(after: After) -> tuple[answers.BidReceipt, BidSubmitted]:
    (stream, *_), event = after.decision.events, _bid(after)
    auction = after.states[stream]
    assert isinstance(auction, Auction)  # by its stream's name
    moved = any(isinstance(other, DeadlineExtended) for other in after.decision.events[stream])
    receipt = answers.BidReceipt(
        bid_id=event.bid_id,
        auction_id=stream.partition("/")[2],
        status="won" if auction.award else "standing",
        cost=event.cost,
        score=event.score,
        replaced=event.replaced or None,
        valid_until=event.valid_until,
        rank=place(auction, event) if auction.terms.format == "open" else None,
        closes_at=auction.closes_at if moved else None,
        payment=auction.award.winners[0].payment if auction.award else None,
        least_payment=_least(event, auction),
    )
    return receipt, event


def _least(bid: BidSubmitted, auction: Auction) -> Decimal | None:
    """Return what is left of the least payment after a failure, where confidence is settled."""
    weights = auction.terms.scoring
    if not weights.settle_confidence or bid.confidence is None:
        return None
    prices = micros(weights.failure_price), micros(weights.settle_confidence)
    return from_micros(least_payment(micros(bid.cost), micros(bid.confidence), *prices))


def _least_of(after: After) -> Decimal | None:
    bid = _bid(after)
    auction = after.states[auction_stream(auction_of(bid.bid_id))]
    assert isinstance(auction, Auction)  # by its stream's name
    return _least(bid, auction)


def _bid(after: After) -> BidSubmitted:
    """Return the event that a bid has made."""
    (event, *_) = next(iter(after.decision.events.values()))  # a taken offer is the taker's work, too
    assert isinstance(event, BidSubmitted)
    return event


def _undescribed(schema: dict[str, Any]) -> None:
    """The fields are those of submit_bid, where they are described; twice would be too long."""
    schema.pop("description")
    for part in schema["properties"].values():
        part.pop("description", None)


class BidRow(SubmitBid):
    """One row of submit_bids; agent defaults to the one of the call."""

    model_config = ConfigDict(json_schema_extra=_undescribed)

    agent: Annotated[str, Field(max_length=129)] = ""


def _with_rows(schema: dict[str, Any]) -> None:
    """The rows are shown as bids, though each is checked on its own."""
    schema["properties"]["bids"]["items"] = BidRow.model_json_schema()


class SubmitBids(Model):
    """Arguments of submit_bids. A row is checked on its own, so that one bad row stops no other."""

    model_config = ConfigDict(json_schema_extra=_with_rows)

    bids: Annotated[
        tuple[dict[str, Any], ...],
        Field(
            strict=False,
            min_length=1,
            max_length=100,
            description="rows with the arguments of submit_bid, each with its auction_id and, if another, its agent",
        ),
    ]
    agent: str = ""


@custom("Submit many bids", SubmitBids, answers.BidResults)
async def submit_bids(ask: SubmitBids, call: Call) -> Answer:
    """Make up to 100 bids in one call, in one or many auctions: quicker than one by one.

    The rows are one transaction, judged in order, each alone: a refused row does not stop the others. Returns
    bid_ids, one per row, and why rows were refused. Changes as submit_bid.
    """
    rows = [_row(row, ask, call) for row in ask.bids]
    bids = [row for row in rows if isinstance(row, SubmitBid)]

    def answer(outcomes: list[Outcome]) -> Answer:
        decided = iter(outcomes)
        return _results([row if isinstance(row, Rejection) else next(decided) for row in rows])

    def content() -> object:
        return [row.model_dump() if isinstance(row, SubmitBid) else str(row) for row in rows]

    return await call.service.execute_each(bids, answer, once(ask.agent, call.key, "submit_bids", content))


def _row(row: dict[str, Any], ask: SubmitBids, call: Call) -> SubmitBid | Rejection:
    """Return the bid of a row, or the refusal of its values."""
    given = {name: value for name, value in row.items() if value is not None}
    try:
        named = given.get("agent", "")
        given["agent"] = call.identity.acting(named or ask.agent) if isinstance(named, str) else named
        return SubmitBid.model_validate(given)
    except Rejection as refusal:
        return refusal
    except ValidationError as error:
        return invalid(error)


def _results(outcomes: list[Outcome]) -> Answer:
    refusals = [
        answers.RefusedRow(index=index, code=outcome.code.value, message=outcome.message)
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Rejection)
    ]
    ids = ["" if isinstance(outcome, Rejection) else _bid(outcome).bid_id for outcome in outcomes]
    least = {
        str(index): amount
        for index, outcome in enumerate(outcomes)
        if not isinstance(outcome, Rejection) and (amount := _least_of(outcome)) is not None
    }
    made = answers.BidResults(
        accepted=len(ids) - len(refusals),
        refused=len(refusals),
        bid_ids=ids,
        refusals=refusals,
        next={outcome.code.value: outcome.next for outcome in outcomes if isinstance(outcome, Rejection)},
        least_payments={index: answers.number(amount) for index, amount in least.items()} or None,
    )
    text = f"{made.accepted} of {answers.count(len(ids), 'bid')} stand{'s' if made.accepted == 1 else ''}."
    if made.accepted:
        placed = [(str(index), bid_id) for index, bid_id in enumerate(ids) if bid_id]
        text += f"\n{answers.columns(['index', 'bid_id'], placed)}"
    if least:
        owed = ((index, plain(amount)) for index, amount in least.items())
        text += f"\nWhat is left to you at least, if you win and fail (credits; below 0 you owe it):\n{answers.columns(['index', 'least_payment'], owed)}"
    if refusals:
        rows = ([r.index, r.code, r.message] for r in refusals[:20])
        text += f"\nRefused{'' if len(refusals) <= 20 else ', the first 20'}:\n{answers.table(['index', 'code', 'why'], rows)}"
    return reply(made, f"{text}\nNext: inbox with wait says which ones won.")


@acting("Withdraw", Withdraw, answers.Withdrawn, "final")
def withdraw(ask: Withdraw, after: After) -> tuple[BaseModel, str]:
    """Take back what you posted: a bid in an open auction, a demand, an offer, or an auction without an award.

    Give its id (bid_, dem_, bun_, off_ or auc_); inbox lists yours. Returns its new status. Changes: it no longer
    counts. A cancelled auction stays visible, with whether it was cancelled after closing.
    """
    event = next(iter(after.decision.events.values()))[0]  # of a bundle the same in each of its books
    status = "cancelled" if isinstance(event, AuctionCancelled) else "withdrawn"
    then = "bidders hear of it" if status == "cancelled" else "post again whenever you like"
    return answers.Withdrawn(id=ask.id, status=status), f"{ask.id} is {status}.\nNext: {then}."
