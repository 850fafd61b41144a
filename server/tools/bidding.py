"""The provider's tools: register, bid, bid many, withdraw."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from market_core.agent import Agent
from market_core.commands import Model, RegisterAgent, SubmitBid, Withdraw
from market_core.events import AuctionCancelled, BidSubmitted
from market_core.handle import agent_stream
from market_core.observation import see_agent
from market_core.rejections import Rejection
from market_core.values import plain
from server.service import After, Answer, Outcome, once
from server.tools import answers
from server.tools.reading import card_of
from server.tools.registry import Call, acting, custom, reply


@acting("Register an agent", RegisterAgent, answers.AgentSeen)
def register_agent(ask: RegisterAgent, after: After) -> tuple[BaseModel, str]:
    """Say what you can do, so that auctions which ask for it accept your bids and you hear of new ones.

    Capabilities are needed to bid where an auction requires them; attributes hold for all your bids. Returns your
    card. Changes: your public card, replacing the one before. Names meet however written: "Code Review", "code-review".
    """
    card = after.states[agent_stream(ask.agent)]
    assert isinstance(card, Agent)  # by its stream's name
    seen = see_agent(ask.agent, card)
    made = card_of(seen)
    can = ", ".join(seen.capabilities) or "none"
    return (
        made,
        f"Registered {ask.agent}. Capabilities: {can}.\nNext: list_auctions, or inbox with wait for new ones.",
    )


@acting("Submit a bid", SubmitBid, answers.BidReceipt)
def submit_bid(ask: SubmitBid, after: After) -> tuple[BaseModel, str]:
    """Make a binding offer in an open auction, or replace your earlier one there.

    Returns bid_id and the score (credits; the lowest wins). Changes: your one standing bid in that auction; others
    see only that the number of bids grew. get_auction shows what the auction asks for and how it pays.
    """
    receipt, bid = _receipt(after)
    replaced = " It replaces your earlier bid." if bid.replaced else ""
    text = f"Bid {receipt.bid_id} stands: cost {plain(bid.cost)}, score {plain(bid.score)} (lowest wins).{replaced}"
    return (
        receipt,
        f"{text}\nNext: inbox with wait says whether you won; submit_bid again to change it, withdraw to leave.",
    )


def _receipt(after: After) -> tuple[answers.BidReceipt, BidSubmitted]:
    ((stream, (event,)),) = after.decision.events.items()
    assert isinstance(event, BidSubmitted)  # what a bid makes
    receipt = answers.BidReceipt(
        bid_id=event.bid_id,
        auction_id=stream.partition("/")[2],
        status="standing",
        cost=event.cost,
        score=event.score,
        replaced=event.replaced or None,
        valid_until=event.valid_until,
    )
    return receipt, event


def _undescribed(schema: dict[str, Any]) -> None:
    """The fields are those of submit_bid, where they are described; twice would be too long."""
    for part in schema["properties"].values():
        part.pop("description", None)


class BidRow(SubmitBid):
    """One row of submit_bids; agent defaults to the one of the call."""

    model_config = ConfigDict(json_schema_extra=_undescribed)

    agent: Annotated[str, Field(max_length=129)] = ""


class SubmitBids(Model):
    """Arguments of submit_bids."""

    bids: Annotated[
        tuple[BidRow, ...],
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

    The rows are one transaction, judged in order, each alone: a refused row does not stop the others. Returns a
    result per row: bid_id, or code and message. Changes as submit_bid.
    """
    rows = [
        SubmitBid(**{**dict(row), "agent": call.identity.acting(row.agent or ask.agent)}) for row in ask.bids
    ]
    return await call.service.execute_each(rows, _results, once(ask.agent, call.key, "submit_bids", ask))


def _results(outcomes: list[Outcome]) -> Answer:
    results = [_result(index, outcome) for index, outcome in enumerate(outcomes)]
    refused = [result for result in results if result.code]
    then = {outcome.code.value: outcome.next for outcome in outcomes if isinstance(outcome, Rejection)}
    made = answers.BidResults(
        accepted=len(results) - len(refused), refused=len(refused), results=results, next=then
    )
    text = f"{made.accepted} of {answers.count(len(results), 'bid')} stand."
    if refused:
        rows = ([r.index, r.code, r.message] for r in refused[:20])
        text += f"\nRefused{'' if len(refused) <= 20 else ', the first 20'}:\n{answers.table(['index', 'code', 'why'], rows)}"
    return reply(made, f"{text}\nNext: inbox with wait says which ones won.")


def _result(index: int, outcome: Outcome) -> answers.BidResult:
    if isinstance(outcome, Rejection):
        return answers.BidResult(index=index, code=outcome.code.value, message=outcome.message)
    return answers.BidResult(index=index, bid_id=_receipt(outcome)[0].bid_id)


@acting("Withdraw", Withdraw, answers.Withdrawn, "final")
def withdraw(ask: Withdraw, after: After) -> tuple[BaseModel, str]:
    """Take back what you posted: a bid in an open auction, a demand, an offer, or an auction without an award.

    Give its id (bid_, dem_, off_ or auc_); inbox lists yours. Returns its new status. Changes: it no longer
    counts. A cancelled auction stays visible, with whether it was cancelled after closing.
    """
    ((event,),) = after.decision.events.values()
    status = "cancelled" if isinstance(event, AuctionCancelled) else "withdrawn"
    then = "bidders hear of it" if status == "cancelled" else "post again whenever you like"
    return answers.Withdrawn(id=ask.id, status=status), f"{ask.id} is {status}.\nNext: {then}."
