"""A book as curves that tell how much is wanted or offered at which price, and nobody's own limit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from market_core.book import Entry
from market_core.values import from_micros, half_even, micros, owner_of

FEWEST_OWNERS = 3
"""A step, like every price before a clearing, is shown only where at least so many owners stand in it."""
MOST_STEPS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """`quantity` units are wanted, or offered, up to this step; `unit_price` is the mean of the limits in it."""

    quantity: Decimal
    unit_price: Decimal


def curve(entries: Sequence[Entry]) -> tuple[Step, ...]:
    """Return demand from the highest limit down, or offers from the lowest ask up, in at most 10 steps.

    Each step holds at least 3 owners and about a tenth of the quantity; its price is the mean of its owners'
    limits, rounded to two digits, so that one more entry does not tell its own. Entries at any price bound nothing
    and are left out; so are those at the end that are too few for a step of their own and join the one before.
    """
    limited = sorted(
        (entry for entry in entries if entry.limit is not None),
        key=lambda entry: (_rank(entry), entry.entry_id),
    )
    enough = sum(entry.left_micros for entry in limited) // MOST_STEPS
    steps = [_Gathered()]
    for entry in limited:
        if len(steps[-1].owners) >= FEWEST_OWNERS and steps[-1].micros >= enough:
            steps.append(_Gathered())
        steps[-1].add(entry)
    if len(steps[-1].owners) < FEWEST_OWNERS and len(steps) > 1:
        for entry in steps.pop().entries:
            steps[-1].add(entry)
    if len(steps[-1].owners) < FEWEST_OWNERS:
        return ()
    made, so_far = [], 0
    for step in steps:
        so_far += step.micros
        made.append(Step(from_micros(so_far), _mean(step.entries)))
    return tuple(made)


@dataclass(slots=True)
class _Gathered:
    """The entries of a step, summed up as they come: a book may have many."""

    entries: list[Entry] = field(default_factory=list)
    owners: set[str] = field(default_factory=set)
    micros: int = 0

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.owners.add(owner_of(entry.agent))
        self.micros += entry.left_micros


def mean_limit(entries: Sequence[Entry]) -> Decimal | None:
    """Return the mean of the owners' limits, to two digits; None where too few owners have one."""
    limited = [entry for entry in entries if entry.limit is not None]
    return _mean(limited) if _owners(limited) >= FEWEST_OWNERS else None


def _rank(entry: Entry) -> int:
    limit = micros(entry.limit or Decimal(0))
    return -limit if entry.side == "demand" else limit


def _owners(entries: Sequence[Entry]) -> int:
    return len({owner_of(entry.agent) for entry in entries})


def _mean(entries: Sequence[Entry]) -> Decimal:
    """Return the mean limit in credits, half-even to two digits; each owner counts once, however much it asks for."""
    by_owner: dict[str, list[int]] = {}
    for entry in entries:
        by_owner.setdefault(owner_of(entry.agent), []).append(micros(entry.limit or Decimal(0)))
    exact = sum(
        (Fraction(sum(limits), len(limits) * len(by_owner)) for limits in by_owner.values()), Fraction(0)
    )
    mean = half_even(exact.numerator, exact.denominator)
    unit = 10 ** max(len(str(mean)) - 2, 0)
    return from_micros(half_even(mean, unit) * unit)
