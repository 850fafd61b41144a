"""The tool for what happens after an award: the buyer's report, the winner's delivery and dispute."""

from pydantic import BaseModel

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.commands import ReportOutcome
from market_core.events import OutcomeDisputed, OutcomeReported, OutcomeSettled, WorkDelivered
from market_core.facts import Facts
from market_core.handle import agent_stream, auction_stream, next_after
from market_core.observation import see_agent
from market_core.outcomes import state_of
from market_core.values import plain, shown, total
from server.batch import After
from server.tools import answers
from server.tools.registry import acting

Said = WorkDelivered | OutcomeReported | OutcomeDisputed | OutcomeSettled


@acting("Report an outcome", ReportOutcome, answers.OutcomeRecorded)
def report_outcome(ask: ReportOutcome, after: After) -> tuple[BaseModel, str]:
    """Say how awarded work went. Buyer: success, with actual time and quality. Winner: delivered, or dispute a report.

    Once per winner; a report can be changed for a while, and disputed. Returns the provider's record with it; after a
    failure who comes next. Changes: the outcome joins the provider's public record, unless it is disputed.
    """
    auction = after.states[auction_stream(ask.auction_id)]
    assert isinstance(auction, Auction)  # by its stream's name
    event = after.decision.events[auction_stream(ask.auction_id)][0]
    assert isinstance(event, WorkDelivered | OutcomeReported | OutcomeDisputed | OutcomeSettled)
    agent = after.states[agent_stream(event.provider)]
    assert isinstance(agent, Agent)  # likewise
    record = see_agent(event.provider, agent).record
    outcome = auction.outcomes.get(event.provider)
    failed = isinstance(event, OutcomeReported | OutcomeSettled) and not event.success
    counts = state_of(auction, event.provider) in ("reported", "settled")
    moved = outcome.adjustment if outcome and counts else None
    following = next_after(after.states, auction, event.provider, Facts(after.now)) if failed else ()
    made = answers.OutcomeRecorded(
        auction_id=ask.auction_id,
        provider=event.provider,
        state=state_of(auction, event.provider),
        success=outcome.success if outcome else None,
        estimated_time=outcome.estimated_time if outcome else None,
        actual_time=outcome.actual_time if outcome else ask.actual_time,
        until=event.amend_until if isinstance(event, OutcomeReported) else None,
        adjustment=moved,
        final_payment=None if moved is None or outcome is None else total((outcome.payment, moved)),
        comes_next=list(dict.fromkeys(winner.agent for winner in following)) or None,
        record=answers.Record(reported=record.reported, successes=record.successes, failures=record.failures),
    )
    return made, f"{_text(event, made, auction)}\nNext: {_then(event, made, auction)}"


def _text(event: Said, made: answers.OutcomeRecorded, auction: Auction) -> str:
    match event:
        case WorkDelivered():
            return (
                f"Recorded: you say that the work of {event.auction_id} is delivered. The buyer hears of it."
            )
        case OutcomeDisputed():
            return (
                "In dispute: the report counts for nobody until both sides agree or the operator settles it."
            )
        case OutcomeSettled():
            return f"Accepted: the report stands as a {_went(event.success)}. {_counts(made)}{_moved(made)}"
    took = f" in {plain(event.actual_time)} seconds" if event.actual_time else ""
    promised = event.estimated_time
    took += f" (promised: {plain(promised)})" if event.actual_time and promised else ""
    text = f"Recorded as a {_went(event.success)} of {event.provider}{took}, which now has {_counted(made)}."
    if event.provider in auction.disputes:
        return f"{text} It is in dispute: it counts once the provider accepts it."
    text += _moved(made)
    if event.amend_until:
        text += f" You can change it until {shown(event.amend_until)}"
        text += (
            f"; the provider can dispute it until {shown(event.dispute_until)}."
            if event.dispute_until
            else "."
        )
    return text


def _moved(made: answers.OutcomeRecorded) -> str:
    """Return what the outcome does to the payment, where confidence is settled."""
    if made.adjustment is None or made.final_payment is None:
        return ""
    final = made.final_payment
    owes = f": below 0, {made.provider} owes {plain(-final)}" if final < 0 else ""
    return f" Its payment moves by {plain(made.adjustment)} to {plain(final)} credits{owes}."


def _went(success: bool) -> str:
    return "success" if success else "failure"


def _counts(made: answers.OutcomeRecorded) -> str:
    return f"{made.provider} now has {_counted(made)}."


def _counted(made: answers.OutcomeRecorded) -> str:
    successes = answers.count(made.record.successes, "success", "successes")
    return f"{successes} and {answers.count(made.record.failures, 'failure')}"


def _then(event: Said, made: answers.OutcomeRecorded, auction: Auction) -> str:
    match event:
        case WorkDelivered():
            return "inbox tells of the buyer's report."
        case OutcomeDisputed():
            return "the buyer may change its report; report_outcome with dispute: false accepts it."
        case OutcomeSettled():
            return "nothing; this is settled."
    if made.comes_next:
        who = ", ".join(made.comes_next[:10])
        return f"award with instead_of: {event.provider} gives the work to {who}, on the terms of the bids."
    if not event.success:
        return "create_auction again for the work that is missing: no bid here can take it over."
    left = dict.fromkeys(w.agent for w in auction.winners if w.agent not in auction.outcomes)
    if left:
        return f"report_outcome of the other winners: {', '.join(left)}."
    return "nothing; this auction is done."
