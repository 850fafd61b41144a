"""The buyer's tools: create, close, preview, award, report."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from market_core.auction import Auction
from market_core.commands import AwardAuction, CloseAuction, CreateAuction, Others
from market_core.events import AuctionCreated, BidSubmitted
from market_core.facts import Facts
from market_core.handle import auction_stream
from market_core.observation import PreviewSeen, preview, preview_together
from market_core.terms import Model
from market_core.values import ObjectId, owner_of, shown
from server.batch import After, Answer, once
from server.ports import Query
from server.tools import answers
from server.tools.award_views import award_answer, together_answer
from server.tools.preview_views import preview_answer, preview_text, together_preview
from server.tools.registry import Call, acting, custom, reading, reply
from server.tools.solving import (
    see_based,
    see_together,
    solved_for_award,
    solved_for_preview,
    solved_for_preview_together,
    solved_together,
)

_KNOWN = 20  # providers named in the answer to a creation


@custom("Create an auction", CreateAuction, answers.AuctionCreated)
async def create_auction(ask: CreateAuction, call: Call) -> Answer:
    """Post a task as a reverse auction: providers bid, the lowest score wins, the mechanism sets the payment.

    Returns auction_id, and the registered providers with the capabilities you ask for. Changes:
    the auction opens, those providers hear of it. Then wait with inbox, decide with award.
    """
    providers = await _providers(ask, call)
    told = _told(ask, providers)

    def answer(after: After) -> Answer:
        ((event, *entered),) = after.decision.events.values()
        assert isinstance(event, AuctionCreated)  # what a creation makes first
        bids = sum(isinstance(each, BidSubmitted) for each in entered)
        made = answers.AuctionCreated(
            auction_id=event.auction_id,
            status="open",
            closes_at=event.closes_at,
            tie_break_commitment=event.commitment,
            eligible_providers=providers,
            bids=bids or None,
        )
        until = f"until {shown(event.closes_at)}" if event.closes_at else "until you award or close it"
        if event.schedule is not None and not event.closes_at:
            until = "until somebody takes its offer; at max_price the offer stays"
        decide = "award after the deadline" if event.closes_at else "award decides when you have enough bids"
        if event.schedule is not None:
            decide = "withdraw calls it off while nobody has taken it"
        sooner = ", or as soon as all invited have bid" if event.closes_at and event.invite else ""
        text = f"Auction {event.auction_id} is open for bids {until}. {told}"
        if bids:
            text += f" {answers.count(bids, 'standing bid')} entered it at once."
        return reply(made, f"{text}\nNext: inbox with wait tells of bids; {decide}{sooner}.")

    return await call.service.execute(
        ask, answer, once(ask.agent, call.key, "create_auction", ask.model_dump)
    )


def _told(ask: CreateAuction, providers: list[str]) -> str:
    """Return who hears of a new auction, and what its terms mean where a buyer may not expect it."""
    names = ", ".join(providers)
    if ask.invite:
        unknown = [agent for agent in ask.invite if agent not in providers]
        text = f"Invited: {', '.join(ask.invite[:_KNOWN])}."
        text += f" Not registered or not able so far: {', '.join(unknown[:_KNOWN])}." if unknown else ""
    elif not ask.requirements.capabilities:
        text = "It asks for no capability, so nobody is told of it; list_auctions shows it."
    elif providers:
        text = f"Told to the providers with these capabilities: {names}."
    else:
        text = "No registered provider has all these capabilities yet; bids may still come."
    unpriced = any(lot.max_price is None for lot in ask.lots) if ask.lots else ask.max_price is None
    if ask.payment_rule in ("vcg", "core") and unpriced:
        text += (
            f" Without max_price {ask.payment_rule} is refused where nobody else could do a winner's part."
        )
    if ask.schedule is not None:
        text += " The first provider to take the offer wins, at once; there is nothing for you to award."
    if ask.payment_rule == "second_price" and ask.max_price is None:
        text += " Without max_price a single bidder is paid its own cost, whatever it asks."
    return text


async def _providers(ask: CreateAuction, call: Call) -> list[str]:
    """Return registered agents that may bid, as far as capabilities tell; none if any agent may."""
    wanted = {f"cap:{name}" for name in ask.requirements.capabilities}
    store = call.service.store
    if ask.invite:
        pages = [await store.find(Query("agent", id=agent, limit=1)) for agent in ask.invite]
        found = [row.summary for page in pages for row in page.found]
    elif wanted:
        found = [row.summary for row in (await store.find(Query("agent", tag=min(wanted), limit=500))).found]
    else:
        found = []
    able = [
        card.id for card in found if wanted <= set(card.tags) and owner_of(card.id) != owner_of(ask.agent)
    ]
    return able[:_KNOWN]


@acting("Close an auction", CloseAuction, answers.Closed, "final")
def close_auction(ask: CloseAuction, after: After) -> tuple[BaseModel, str]:
    """End the bidding in your auction without deciding, to look with preview_award before you award.

    Not before a deadline you set, unless every invited agent has bid. Returns the number of bids. Changes: no
    more bids; the auction can then only be awarded as created, or cancelled. award closes by itself.
    """
    auction = _auction(after, ask.auction_id)
    made = answers.Closed(auction_id=ask.auction_id, status="closed", bids=len(auction.bids))
    return (
        made,
        f"Closed with {answers.count(made.bids, 'bid')}.\nNext: preview_award to look, award to decide.",
    )


def _auction(after: After, auction_id: str) -> Auction:
    auction = after.states[auction_stream(auction_id)]
    assert isinstance(auction, Auction)  # by its stream's name
    return auction


class PreviewAward(Model):
    """Arguments of preview_award."""

    auction_id: ObjectId
    together_with: Annotated[Others, Field(description="as in award")] = ()
    agent: str = ""


@reading("Preview the award", PreviewAward, answers.Preview)
async def preview_award(ask: PreviewAward, call: Call) -> tuple[BaseModel, str]:
    """Show what an award of your closed auction would be, under its own payment rule and the others that fit.

    Returns the ranking (top 20) and a row per rule: who would win, what is paid, the premium over the winners' cost,
    or why the rule would be refused. Changes nothing. The auction is awarded under the rule it was created with.
    """
    several = tuple(dict.fromkeys((ask.auction_id, *ask.together_with)))
    if len(several) > 1:
        return await _previewed_together(several, ask.agent, call)
    solutions = await solved_for_preview(ask.auction_id, ask.agent, call)

    def view(auction: Auction, now: datetime) -> tuple[PreviewSeen, answers.Preview]:
        seen = preview(auction, ask.agent, Facts(now, may_solve=False), solutions)
        return seen, preview_answer(auction, seen)

    seen, made = await see_based(ask.auction_id, call, view)
    return made, preview_text(made, seen)


async def _previewed_together(several: tuple[str, ...], viewer: str, call: Call) -> tuple[BaseModel, str]:
    solutions = await solved_for_preview_together(several, viewer, call)

    def view(
        auctions: list[Auction], capacity: Mapping[str, int], now: datetime
    ) -> tuple[answers.Preview, str]:
        facts = Facts(now, may_solve=False)
        seen = preview_together(auctions, viewer, facts, capacity, solutions)
        return together_preview(auctions, seen)

    return await see_together(several, call, view)


@custom("Award an auction", AwardAuction, answers.Awarded, "final")
async def award(ask: AwardAuction, call: Call) -> Answer:
    """Decide your auction, for good: the mechanism picks the bids with the lowest total score and sets the payments.

    Closes an open auction that has no deadline; with one only after it, or once all invited have bid. Returns winners,
    payments, ranking, reasons, proof; `unsold` without an eligible bid. Changes: everybody sees winners and payments.
    """
    key = once(ask.agent, call.key, "award", ask.model_dump)
    if (known := await call.service.recalled(key)) is not None:
        return known
    if len(ask.auctions) > 1:
        solution = await solved_together(ask, call)
    else:
        solution = await solved_for_award(ask, call)

    def answer(after: After) -> Answer:
        auctions = [_auction(after, auction_id) for auction_id in ask.auctions]
        return reply(*(award_answer(*auctions) if len(auctions) == 1 else together_answer(auctions)))

    return await call.service.execute(ask, answer, key, () if solution is None else (solution,))
