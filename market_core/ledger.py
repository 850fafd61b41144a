"""An agent's outcomes as its record: what may still change is kept apart from what is final.

A report may be changed or disputed for a while. What is final is in running sums; the rest is counted anew when a
part of it changes, so that the record is always that of the reports as they stand.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from market_core.events import OutcomeDisputed, OutcomeReported, OutcomeSettled, WorkWon
from market_core.mechanisms.track_record import Outcome, Record
from market_core.values import micros, owner_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_of(moment: datetime) -> int:
    """Return a moment in whole seconds since 1970: as fine as a record counts."""
    return (moment - _EPOCH) // timedelta(seconds=1)


@dataclass(slots=True)
class Ledger:
    """`record` counts all outcomes that stand; `final` those that nothing can change any more.

    `reports` are the others, by auction and provider, in the order in which they were first made; of them `left_out`
    are disputed or void, and count for nobody.
    """

    record: Record = field(default_factory=Record)
    final: Record = field(default_factory=Record)
    reports: dict[str, OutcomeReported] = field(default_factory=dict)
    left_out: dict[str, bool] = field(default_factory=dict)


def after(ledger: Ledger, event: "OutcomeReported | OutcomeDisputed | OutcomeSettled") -> Ledger:
    """Return what a ledger is after an event, leaving it as it is."""
    then = replace(ledger, reports=dict(ledger.reports), left_out=dict(ledger.left_out))
    match event:
        case OutcomeReported():
            reported(then, event)
        case OutcomeDisputed():
            disputed(then, event)
        case OutcomeSettled():
            settled(then, event)
    return then


def won(ledger: Ledger, event: WorkWon) -> None:
    """Count an award."""
    ledger.record = ledger.record.awarded(event.capabilities)
    ledger.final = ledger.final.awarded(event.capabilities)


def reported(ledger: Ledger, event: OutcomeReported) -> None:
    """Count a report; one that takes the place of another counts instead of it."""
    _make_final(ledger, event.at)
    known = _key(event) in ledger.reports
    ledger.reports[_key(event)] = event
    if known:
        _count_anew(ledger)
    else:
        ledger.record = ledger.record.after(outcome_of(event))


def disputed(ledger: Ledger, event: OutcomeDisputed) -> None:
    """Count a report for nobody until it is settled."""
    if _key(event) in ledger.reports:  # else another process, with another clock, has made it final
        ledger.left_out[_key(event)] = True
        _count_anew(ledger)


def settled(ledger: Ledger, event: OutcomeSettled) -> None:
    """Count what was settled in place of the report."""
    key = _key(event)
    if key not in ledger.left_out:  # as above
        return
    report = ledger.reports[key]
    ledger.reports[key] = replace(
        report,
        success=event.success,
        actual_time=event.actual_time,
        quality=event.quality,
        amend_until=event.at,
        dispute_until=event.at,
    )
    ledger.left_out.pop(key)
    if not event.counts:
        del ledger.reports[key]
    _count_anew(ledger)


def _key(event: OutcomeReported | OutcomeDisputed | OutcomeSettled) -> str:
    return f"{event.auction_id}/{event.provider}"


def _make_final(ledger: Ledger, now: datetime) -> None:
    """Move the reports that can no longer change, and are not in dispute, to the final ones."""
    over = [
        key for key, event in ledger.reports.items() if key not in ledger.left_out and _is_final(event, now)
    ]
    for key in over:
        ledger.final = ledger.final.after(outcome_of(ledger.reports.pop(key)))


def _is_final(event: OutcomeReported, now: datetime) -> bool:
    return all(until is None or until <= now for until in (event.amend_until, event.dispute_until))


def _count_anew(ledger: Ledger) -> None:
    record = ledger.final
    for key, event in ledger.reports.items():
        if key not in ledger.left_out:
            record = record.after(outcome_of(event))
    ledger.record = record


def outcome_of(event: OutcomeReported) -> Outcome:
    """Return a report as the record counts it."""
    return Outcome(
        event.provider,
        owner_of(event.provider),
        event.buyer,
        owner_of(event.buyer),
        event.capabilities,
        seconds_of(event.at),
        event.success,
        micros(event.payment),
        _micros(event.estimated_time),
        _micros(event.actual_time),
        _micros(event.promised_quality),
        _micros(event.quality),
        _micros(event.confidence),
    )


def _micros(amount: Decimal | None) -> int | None:
    return None if amount is None else micros(amount)
