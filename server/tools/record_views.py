"""What an answer says of a track record: estimates with their 90 % intervals."""

from collections.abc import Sequence
from typing import Any

from market_core.mechanisms.reliability import Estimate, Range
from market_core.observation import EstimateSeen
from market_core.values import from_micros, plain
from server.projection import moment_of
from server.tools import answers
from server.tools.answers import numbers

MEASURES = ("success", "time_ratio", "quality_ratio")


def estimate_row(seen: EstimateSeen) -> dict[str, Any]:
    """Return what a record says in one capability, or over everything (without `capability`)."""
    made = seen.estimate
    row: dict[str, Any] = {"capability": seen.capability} if seen.capability else {}
    row |= {"awards": made.awards, "successes": made.successes, "failures": made.failures}
    row |= {name: _numbers(getattr(made, name)) for name in MEASURES}
    row["evidence"] = numbers(from_micros(made.evidence))
    if made.brier is not None:
        row["brier"] = numbers(from_micros(made.brier))
    if made.is_prior:
        row["prior_only"] = True
    if made.last_at is not None:
        row["last_at"] = answers.cell(moment_of(made.last_at * 1_000_000))
    return row


def _numbers(estimated: Range) -> list[Any]:
    ends = (estimated.mean, estimated.low, estimated.high)
    return [numbers(from_micros(end)) for end in ends]


def estimates_text(estimates: Sequence[EstimateSeen]) -> str:
    """Return estimates as a table."""
    heads = ["in", "awards", "success", "time taken / estimated", "quality / promised", "evidence", "brier"]
    rows = [
        [
            seen.capability or "all work",
            seen.estimate.awards,
            *(_range(getattr(seen.estimate, name)) for name in MEASURES),
            _short(seen.estimate.evidence),
            None if seen.estimate.brier is None else _short(seen.estimate.brier),
        ]
        for seen in estimates
    ]
    text = f"Expected, and in brackets its 90 % interval:\n{answers.table(heads, rows)}\n{_LEGEND}"
    if is_new(estimates):
        text += "\nNo outcome counts yet: this is what is believed of any newcomer."
    return text


_LEGEND = (
    "success: chance of it; evidence: full outcomes that count; brier: how far stated confidence was off, 0 best, 0.25 for "
    "always saying 0.5."
)


def is_new(estimates: Sequence[EstimateSeen]) -> bool:
    """Return whether no outcome counts yet."""
    made: Estimate = estimates[0].estimate
    return made.is_prior


def _range(estimated: Range) -> str:
    return f"{_short(estimated.mean)} ({_short(estimated.low)} to {_short(estimated.high)})"


def _short(amount: int) -> str:
    """Return millionths with two places, as much as an estimate is good for."""
    return plain(round(from_micros(amount), 2))
