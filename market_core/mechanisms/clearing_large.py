"""A large plain book of entries, cleared on arrays."""

from collections.abc import Iterator, Sequence
from heapq import nsmallest
from typing import TYPE_CHECKING

from market_core.mechanisms.clearing_arrays import ANY_PRICE, Column, clear_columns
from market_core.mechanisms.clearing_book import Clearing, Entry
from market_core.mechanisms.procurement import TooLarge

if TYPE_CHECKING:
    from market_core.mechanisms.clearing_arrays import Ints


def clear_large(demand: Sequence[Entry], offers: Sequence[Entry], grain: int) -> Clearing | None:
    """Return what `clearing.clear` gives for entries without minimums and tiers.

    Raises TooLarge or OverflowError where arrays of 64 bits do not hold the book.
    """
    if any(e.tiers or e.minimum > grain or e.quantity <= 0 for side in (demand, offers) for e in side):
        raise TooLarge("arrays hold a quantity and a limit of each entry")
    bids = (-ANY_PRICE if entry.limit is None else -entry.limit for entry in demand)
    asks = (entry.limit or 0 for entry in offers)
    found = clear_columns(_column(demand, bids), _column(offers, asks), grain)
    if found is None:
        return None
    return Clearing(
        found.price,
        found.traded,
        tuple(found.demand.tolist()),
        tuple(found.offers.tolist()),
        tuple(found.payments.tolist()),
        tuple(found.receipts.tolist()),
        found.price,
    )


def _column(entries: Sequence[Entry], ranks: Iterator[int]) -> Column:
    import numpy as np  # noqa: PLC0415 - imported when used

    def first(ties: "Ints", number: int) -> "Ints":
        return np.array(nsmallest(number, ties.tolist(), key=lambda place: entries[place].key))

    quantities = np.fromiter((entry.quantity for entry in entries), np.int64, len(entries))
    return Column(quantities, np.fromiter(ranks, np.int64, len(entries)), first)
