"""What an answer says of one agent: its card, its track record, and what it is as a buyer."""

import json
from collections.abc import Sequence

from market_core.events import OutcomeReported
from market_core.observation import AgentSeen as CardSeen
from market_core.observation import EstimateSeen
from server.tools import answers
from server.tools.record_views import estimate_row, estimates_text


def card_of(seen: CardSeen, estimates: Sequence[EstimateSeen], bought: dict[str, int]) -> answers.AgentSeen:
    """Return an agent's card and record as part of an answer."""
    record = seen.record
    return answers.AgentSeen(
        agent=seen.agent,
        description=seen.description or None,
        capabilities=list(seen.capabilities),
        attributes=seen.attributes or None,
        max_concurrent=seen.max_concurrent,
        running=seen.running,
        standing_bids={name: answers.compact(bid) for name, bid in seen.standing_bids.items()} or None,
        newcomer=seen.newcomer or None,
        vouched=seen.vouched or None,
        as_buyer=bought or None,
        last_outcomes=_outcome_rows(seen) or None,
        record=answers.Record(
            reported=record.reported,
            successes=record.successes,
            failures=record.failures,
            disputed=record.disputed or None,
            estimates=[estimate_row(one) for one in estimates],
        ),
    )


def _outcome_rows(seen: CardSeen) -> list[answers.OutcomeRow]:
    return [_outcome_row(outcome, seen) for outcome in seen.last_outcomes]


def _outcome_row(outcome: OutcomeReported, seen: CardSeen) -> answers.OutcomeRow:
    return answers.OutcomeRow(
        auction_id=outcome.auction_id,
        buyer=outcome.buyer,
        success=outcome.success,
        estimated_time=outcome.estimated_time,
        actual_time=outcome.actual_time,
        promised_quality=outcome.promised_quality,
        quality=outcome.quality,
        state="disputed: counts for nobody" if outcome.auction_id in seen.disputed else None,
    )


def card_answer(
    seen: CardSeen, estimates: Sequence[EstimateSeen], bought: dict[str, int], *, own: bool
) -> tuple[answers.AgentSeen, str]:
    """Return the answer for an agent as seen; `own`: by itself."""
    record = seen.record
    disputed = f"; {record.disputed} disputed, which counts for nobody so far" if record.disputed else ""
    lines = [
        f"{seen.agent}: {answers.count(record.successes, 'success', 'successes')} and {answers.count(record.failures, 'failure')} reported{disputed}.",
        f"capabilities: {', '.join(seen.capabilities) or 'none'}",
        f"attributes: {json.dumps(seen.attributes, ensure_ascii=False) if seen.attributes else 'none'}",
        f"running: {answers.count(seen.running, 'work') if seen.running else 'no work'} (won, neither delivered nor reported on)"
        + (f"; at most {seen.max_concurrent} at a time" if seen.max_concurrent else ""),
    ]
    if seen.standing_bids:
        rates = (f"{name} {json.dumps(answers.compact(bid))}" for name, bid in seen.standing_bids.items())
        lines.append(f"standing_bids (only you see them): {'; '.join(rates)}")
    if bought:
        lines.append(_bought_text(bought))
    lines.append(estimates_text(estimates))
    if seen.newcomer:
        lines.append(_NEWCOMER + (_VOUCHED if seen.vouched else ""))
    rows = _outcome_rows(seen)
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
        heads += ["state"] if any(row.state for row in rows) else []
        lines.append(
            "Last outcomes (times in seconds, latest last):\n"
            + answers.table(heads, ([getattr(row, h) for h in heads] for row in rows))
        )
    if seen.description:
        lines.append(f"description, in its own words:\n{answers.quoted(seen.description)}")
    then = "create_auction with invite asks it for a bid."
    if own:
        then = "register_agent changes the card (say all of it: it replaces this one); inbox shows your work."
    return card_of(seen, estimates, bought), "\n".join(lines) + f"\nNext: {then}"


_NEWCOMER = (
    "Its owner has less than 5 full outcomes: awards that use_track_record take it to be no better than all but a fifth "
    "of the capability's providers."
)
_VOUCHED = " An operator vouches for it, so explore (credits off its score) works for it, one work at a time."


def _bought_text(bought: dict[str, int]) -> str:
    silent = bought["delivered_or_overdue_without_report"]
    of = f" of the latest {bought['looked_at']}" if bought["looked_at"] < bought["awards"] else ""
    told = f"as a buyer: {answers.count(bought['awards'], 'award')} given"
    return f"{told}; {silent}{of} delivered or overdue, without a report of it"
