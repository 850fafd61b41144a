"""Clear a large book without minimums and tiers on arrays: given as entries, or as columns, without an object for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING

from market_core.mechanisms.clearing_book import Clearing, Entry
from market_core.mechanisms.procurement import TooLarge

if TYPE_CHECKING:
    from market_core.mechanisms.clearing_arrays import Column
    from market_core.mechanisms.clearing_shares import Ints

_REASONS = ("", "out_of_price", "rationed", "minimum")


@dataclass(frozen=True, slots=True)
class Plain:
    """One side of a book without minimums and tiers: micro-units, and micro-credits per unit (-1: any price).

    `key` of a position orders remainders, and differs for each.
    """

    quantities: Sequence[int]
    limits: Sequence[int]
    key: Callable[[int], tuple[str, str]]


def clear_large(demand: Sequence[Entry], offers: Sequence[Entry], grain: int) -> Clearing | None:
    """Return what `clearing.clear` gives for entries without minimums and tiers.

    Raises TooLarge or OverflowError where arrays of 64 bits do not hold the book.
    """
    if any(e.tiers or e.minimum > grain or e.quantity <= 0 for side in (demand, offers) for e in side):
        raise TooLarge("arrays hold a quantity and a limit of each entry")
    return clear_plain(_plain(demand), _plain(offers), grain)[0]


def _plain(entries: Sequence[Entry]) -> Plain:
    return Plain(
        [entry.quantity for entry in entries],
        [-1 if entry.limit is None else entry.limit for entry in entries],
        lambda place: entries[place].key,
    )


Reasons = tuple[str, ...]


def clear_plain(demand: Plain, offers: Plain, grain: int) -> tuple[Clearing | None, tuple[Reasons, Reasons]]:
    """Return what `clearing.clear` and `clearing.reasons` give for plain books, the reasons as words ("" for None).

    Without a clearing there are no reasons. Quantities are above 0. Raises TooLarge or OverflowError as `clear_large`.

    >>> side = Plain([2, 1], [5, 4], lambda place: ("a", str(place)))
    >>> clearing, why = clear_plain(side, Plain([2], [3], lambda place: ("b", "")), 1)
    >>> clearing.price, clearing.demand, why
    (4, (2, 0), (('', 'rationed'), ('',)))
    """
    import numpy as np

    from market_core.mechanisms.clearing_arrays import ANY_PRICE, clear_columns

    limits = np.array(demand.limits, np.int64)
    bids = _column(demand, -np.where(limits < 0, ANY_PRICE, limits))
    asks = _column(offers, np.maximum(np.array(offers.limits, np.int64), 0))
    found = clear_columns(bids, asks, grain)
    if found is None:
        return None, ((), ())
    made = Clearing(
        found.price,
        found.traded,
        tuple(found.demand.tolist()),
        tuple(found.offers.tolist()),
        tuple(found.payments.tolist()),
        tuple(found.receipts.tolist()),
        found.price,
    )
    return made, (_why(bids, found.demand, -found.price), _why(asks, found.offers, found.price))


def _column(side: Plain, ranks: "Ints") -> "Column":
    import numpy as np

    from market_core.mechanisms.clearing_arrays import Column

    def first(ties: "Ints", number: int) -> "Ints":
        return np.array(nsmallest(number, ties.tolist(), key=side.key))

    return Column(np.array(side.quantities, np.int64), ranks, first)


def _why(side: "Column", filled: "Ints", margin: int) -> Reasons:
    """Return why each got less than it asked; as in `clearing_reasons`, where any part of an entry may be traded."""
    import numpy as np

    codes = np.where(side.rank > margin, 1, 2)
    codes[filled == side.quantity] = 0
    better = np.flatnonzero((filled == 0) & (side.rank < margin))  # than the price, and yet nothing: seldom
    if len(better):
        codes[better] = np.where(np.isin(side.rank[better], side.rank[filled > 0]), 2, 3)
    return tuple(map(_REASONS.__getitem__, codes.tolist()))
