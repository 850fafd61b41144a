"""What a clearing reads and gives: entries, quantities at one unit price, and the result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from market_core.mechanisms.procurement import Proof

PLAIN = "clearing/1"
"""Name and version where every entry is a quantity with a limit."""
COMPLETE = "clearing/2"
"""Name and version where entries have minimums or tiers, and of McAfee's rule."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One demand (`limit`: the most per unit, None for any price) or one offer (`limit`: the least).

    `quantity` in micro-units, `limit` in micro-credits per unit; `key` orders remainders and ties, and differs
    for each entry. `minimum`: the least it takes, in micro-units, if it takes anything; equal to `quantity`: all
    or nothing. `tiers` of an offer: (from_quantity, ask), quantities rising, asks falling from below `limit`; the
    ask of the tier reached applies to the whole quantity. A tier above `quantity` is never reached.
    """

    key: tuple[str, str]
    quantity: int
    limit: int | None
    minimum: int = 0
    tiers: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Clearing:
    """`price` in micro-credits per unit; quantities and payments stand at their entries' positions.

    `offer_price`: what offers get per unit; it differs from `price` under McAfee's rule alone, whose
    `market_surplus` is the sum of payments less the sum of receipts. `proof`: None where entries are served in
    the order of their limits, which leaves nothing to search. Its score is minus the surplus in micro-credits.
    """

    price: int
    traded: int
    demand: tuple[int, ...]
    offers: tuple[int, ...]
    payments: tuple[int, ...]
    receipts: tuple[int, ...]
    offer_price: int
    market_surplus: int = 0
    proof: Proof | None = None
    mechanism: str = PLAIN


class Span(NamedTuple):
    """Quantities from `low` to `high` at one rank: the ask, or minus the limit. A lower rank trades first."""

    rank: int
    low: int
    high: int


Spans = tuple[Span, ...]
"""All that an entry may trade besides nothing, quantities rising and ranks falling."""


def worth(demand: Sequence[Entry], offers: Sequence[Entry]) -> list[int]:
    """Return the limit of each demand; any price counts as one micro-credit above every limit and ask."""
    ceiling = 1 + max([e.limit for e in (*demand, *offers) if e.limit is not None], default=0)
    return [ceiling if entry.limit is None else entry.limit for entry in demand]


def spans(entry: Entry, rank: int, grain: int) -> Spans:
    """Return what `entry` may trade in multiples of `grain`; a span that begins at 0 can take any part.

    Raises ValueError for a minimum above the quantity, and for tiers that do not rise in quantity and fall in ask.
    """
    if not 0 <= entry.minimum <= entry.quantity:
        raise ValueError("a minimum is from 0 to the quantity")
    if entry.minimum <= grain <= entry.quantity and not entry.tiers:
        return (Span(rank, 0, entry.quantity),)
    starts, ranks = [0], [rank]
    for start, ask in entry.tiers:
        if start <= starts[-1] or not 0 <= ask < ranks[-1]:
            raise ValueError("tiers rise in quantity and fall in ask")
        starts.append(start)
        ranks.append(ask)
    least = max(entry.minimum, 1)
    found = []
    for place, (start, each) in enumerate(zip(starts, ranks, strict=True)):
        low = _up(max(start, least), grain)
        end = entry.quantity
        if place + 1 < len(starts):
            end = min(end, _up(starts[place + 1], grain) - grain)
        if low <= end:
            found.append(Span(each, low, end))
    if len(found) == 1 and found[0].low == grain:
        found[0] = found[0]._replace(low=0)
    return tuple(found)


def _up(quantity: int, grain: int) -> int:
    return -(-quantity // grain) * grain
