"""The buyer's tools: create, close, preview, award, report."""

from datetime import datetime

from pydantic import BaseModel

from market_core import awards
from market_core.agent import Agent
from market_core.auction import Auction
from market_core.commands import (
    AwardAuction,
    CloseAuction,
    CreateAuction,
    Model,
    ReportOutcome,
)
from market_core.events import AuctionAwarded, AuctionCreated
from market_core.handle import States, agent_stream, auction_stream
from market_core.observation import PreviewSeen, preview, see_agent
from market_core.values import ObjectId, owner_of, plain, shown, total
from server.ports import Query
from server.service import After, Answer, once
from server.tools import answers
from server.tools.registry import Call, acting, custom, reading, reply

_KNOWN = 20  # providers named in the answer to a creation


@custom("Create an auction", CreateAuction, answers.AuctionCreated)
async def create_auction(ask: CreateAuction, call: Call) -> Answer:
    """Post a task as a reverse auction: providers bid, the lowest score wins, the mechanism sets the payment.

    Use it to buy work. Returns auction_id, and the registered providers with the capabilities you ask for. Changes:
    the auction opens and those providers hear of it. Then wait with inbox, and decide with award.
    """
    providers = await _providers(ask, call)
    told = _told(ask, providers)

    def answer(after: After) -> Answer:
        ((event,),) = after.decision.events.values()
        assert isinstance(event, AuctionCreated)  # what a creation makes
        made = answers.AuctionCreated(
            auction_id=event.auction_id,
            status="open",
            closes_at=event.closes_at,
            tie_break_commitment=event.commitment,
            eligible_providers=providers,
        )
        until = f"until {shown(event.closes_at)}" if event.closes_at else "until you award or close it"
        decide = "award after the deadline" if event.closes_at else "award decides when you have enough bids"
        sooner = ", or as soon as all invited have bid" if event.closes_at and event.invite else ""
        text = f"Auction {event.auction_id} is open for bids {until}. {told}"
        return reply(made, f"{text}\nNext: inbox with wait tells of bids; {decide}{sooner}.")

    return await call.service.execute(
        ask, answer, once(ask.agent, call.key, "create_auction", ask.model_dump())
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
    agent: str = ""


@reading("Preview the award", PreviewAward, answers.Preview)
async def preview_award(ask: PreviewAward, call: Call) -> tuple[BaseModel, str]:
    """Show what an award of your closed auction would be, and what each payment rule would have paid.

    Returns the ranking (top 20) and a row per rule with winner, payment and premium over the winner's cost.
    Changes nothing. The auction is awarded under the rule it was created with.
    """
    stream = auction_stream(ask.auction_id)

    def view(states: States, now: datetime) -> PreviewSeen:
        auction = states[stream]
        assert isinstance(auction, Auction)  # by its stream's name
        return preview(auction, ask.agent, now)

    seen = await call.service.see([stream], view)
    winner = seen.ranking[0].bidder if seen.ranking else None
    rules = [
        answers.RuleRow(
            payment_rule=rule.payment_rule, winner=winner, payment=rule.payment, premium=rule.premium
        )
        for rule in seen.rules
    ]
    made = answers.Preview(
        auction_id=ask.auction_id,
        ranking=answers.rank_rows(seen.ranking, seen.terms),
        ranked=seen.ranked,
        rules=rules,
    )
    if winner is None:
        return (
            made,
            "No bid counts: an award now would end the auction unsold.\nNext: award, or withdraw to cancel.",
        )
    rows = answers.table(
        ["payment_rule", "payment", "premium over cost"],
        ([r.payment_rule, r.payment, r.premium] for r in rules),
    )
    first = f"{winner} would win and be paid {answers.credits_text(rules[0].payment)} ({rules[0].payment_rule}, this auction's rule)."
    text = f"{first}\n{rows}\n\nRanking, {len(made.ranking)} of {answers.count(seen.ranked, 'bid')}:\n{answers.rank_table(made.ranking)}"
    return (
        made,
        f"{text}\nOther rules are shown for the same bids; under them bidders might have bid otherwise.\nNext: award decides, for good.",
    )


@acting("Award an auction", AwardAuction, answers.Awarded, "final")
def award(ask: AwardAuction, after: After) -> tuple[BaseModel, str]:
    """Decide your auction, for good: the mechanism picks the bid with the lowest score and sets the payment.

    Closes an open auction that has no deadline; with a deadline only after it, or once every invited agent has bid.
    Returns winner, payment, ranking and reasons; `unsold` without an eligible bid. Changes: everybody sees winner
    and payment, the winner hears that it is to deliver.
    """
    auction = _auction(after, ask.auction_id)
    decided = auction.award
    assert isinstance(decided, AuctionAwarded)  # just decided
    ranked = awards.final_ranking(auction).bids[:20]
    made = answers.Awarded(
        auction_id=ask.auction_id,
        status=auction.status,
        winners=[
            answers.WinnerRow(agent=w.agent, bid_id=w.bid_id, cost=w.cost, payment=w.payment)
            for w in decided.winners
        ],
        total_payment=total(w.payment for w in decided.winners),
        ranking=answers.rank_rows(ranked, auction.terms),
        ranked=decided.eligible,
        explanation=explain(auction),
        proof=answers.Proof(),
        nonce=auction.terms.nonce,
    )
    if not decided.winners:
        return (
            made,
            f"Unsold. {made.explanation}\nNext: create_auction again, with a higher max_price or looser requirements.",
        )
    winner = decided.winners[0]
    text = f"Awarded to {winner.agent} for {answers.credits_text(winner.payment)}. {made.explanation}"
    rows = answers.rank_table(made.ranking)
    return made, (
        f"{text}\n\nRanking, {len(ranked)} of {answers.count(decided.eligible, 'bid')}:\n{rows}\n"
        "Next: when the work is delivered, report_outcome."
    )


def explain(auction: Auction) -> str:
    """Return why the award of `auction` is what it is, in up to three sentences without others' words."""
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    if not decided.winners:
        return "No bid counted when the auction was decided." if auction.bids else "Nobody bid."
    winner = decided.winners[0]
    scored = winner.score != winner.cost
    own = (
        f"score {plain(winner.score)} at a cost of {plain(winner.cost)}"
        if scored
        else f"cost {plain(winner.cost)}"
    )
    if auction.terms.schedule is not None:
        return f"dutch: it was the first to take the offer, which stood at {plain(winner.payment)}."
    why = [f"It has the lowest {'score' if scored else 'cost'} of {decided.eligible} bids: {own}."]
    if decided.runner_up_score is None:
        why = [f"It was the only bid that counted: {own}."]
    elif decided.runner_up_score == winner.score:
        why.append("The runner-up has the same score; the tie fell by the committed nonce.")
    else:
        why.append(
            f"The runner-up's score is {plain(decided.runner_up_score)}, {plain(total((decided.runner_up_score, -winner.score)))} more."
        )
    why.append(_payment_reason(auction))
    return " ".join(why)


def _payment_reason(auction: Auction) -> str:
    decided, terms = auction.award, auction.terms
    assert decided is not None  # asked only of awarded auctions
    winner = decided.winners[0]
    if terms.payment_rule == "pay_as_bid":
        return "pay_as_bid: it is paid its cost."
    if decided.runner_up_score is None:
        limit = "max_price" if terms.max_price is not None else "its own cost, as there is no max_price"
        return f"second_price without a second bid: it is paid {limit}; no competition set the payment."
    if terms.max_price is not None and winner.payment == terms.max_price:
        return "second_price: it is paid the cost at which it would just have won, at most max_price, which applies."
    return "second_price: it is paid the cost at which its score would equal the runner-up's."


@acting("Report an outcome", ReportOutcome, answers.OutcomeRecorded)
def report_outcome(ask: ReportOutcome, after: After) -> tuple[BaseModel, str]:
    """Say how the work of your awarded auction went: success or not, actual time, quality received. Once.

    Use it when the work is delivered or has failed. Returns the provider's record with it. Changes: the outcome
    joins the provider's public record.
    """
    auction = _auction(after, ask.auction_id)
    assert auction.outcome is not None  # just reported
    provider = auction.outcome.provider
    agent = after.states[agent_stream(provider)]
    assert isinstance(agent, Agent)  # by its stream's name
    record = see_agent(provider, agent).record
    made = answers.OutcomeRecorded(
        auction_id=ask.auction_id,
        provider=provider,
        success=ask.success,
        estimated_time=auction.outcome.estimated_time,
        actual_time=ask.actual_time,
        record=answers.Record(reported=record.reported, successes=record.successes, failures=record.failures),
    )
    went = "success" if ask.success else "failure"
    promised = auction.outcome.estimated_time
    took = f" in {plain(ask.actual_time)} seconds" if ask.actual_time else ""
    took += f" (promised: {plain(promised)})" if ask.actual_time and promised else ""
    successes = answers.count(record.successes, "success", "successes")
    failures = answers.count(record.failures, "failure")
    text = f"Recorded as a {went} of {provider}{took}, which now has {successes} and {failures}."
    then = (
        "nothing; this auction is done."
        if ask.success
        else "create_auction again for the work that is missing."
    )
    return made, f"{text}\nNext: {then}"
