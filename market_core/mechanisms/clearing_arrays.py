"""The clearing of a large plain book, on arrays: the same answer as `clearing.clear`, without an object per entry.

Nothing is sorted but what lies near the price: a sample tells about where the curves cross, one pass over the book
proves it. Amounts are 64-bit integers, and nothing is ever rounded but where the rule says so.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from market_core.mechanisms.clearing_shares import shares
from market_core.mechanisms.procurement import TooLarge
from market_core.values import MICRO, half_even

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from market_core.mechanisms.clearing_shares import First, Ints

ANY_PRICE = 2**62
"""The limit of a demand at any price. All sums, totals included, stay below it."""
SAMPLE = 2**13
"""About how many entries of each side say where to look for the price."""


@dataclass(frozen=True, slots=True, eq=False)
class ArrayClearing:
    """A clearing as arrays: micro-units and micro-credits at the positions of the entries."""

    price: int
    traded: int
    demand: "Ints"
    offers: "Ints"
    payments: "Ints"
    receipts: "Ints"


def clear_arrays(
    demand_quantity: "Ints",
    demand_limit: "Ints",
    offer_quantity: "Ints",
    offer_ask: "Ints",
    grain: int = 1,
    demand_order: "Ints | None" = None,
    offer_order: "Ints | None" = None,
) -> ArrayClearing | None:
    """Return the clearing of entries without minimums and tiers; None if none trades.

    Rules, rounding and source as in `clearing.clear`. The arrays are int64: quantities in micro-units, positive
    multiples of `grain`; limits and asks in micro-credits per unit, 0 or more, ANY_PRICE for a demand at any
    price. Remainders go in ascending order of `demand_order` and `offer_order`, which differ for each entry of a
    side (default: by position). Raises ValueError for a quantity or an ask out of range, TooLarge where the sum
    of a side's quantities or the total paid does not stay below 2^62.

    >>> import numpy as np
    >>> result = clear_arrays(np.array([3, 1]), np.array([5, 5]), np.array([2]), np.array([4]))
    >>> result.price, result.demand.tolist(), result.offers.tolist()
    (5, [2, 0], [2])
    """
    return clear_columns(
        Column(demand_quantity, -demand_limit, _by_order(demand_order)),
        Column(offer_quantity, offer_ask, _by_order(offer_order)),
        grain,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One side: quantities, ranks (the ask, or minus the limit: lower trades first), and how ties are settled."""

    quantity: "Ints"
    rank: "Ints"
    first: "First"
    _sums: dict[int, int] = field(default_factory=dict)

    def below(self, rank: int) -> int:
        """Return the quantity at ranks below `rank`."""
        if rank not in self._sums:
            self._sums[rank] = int((self.rank < rank).dot(self.quantity))
        return self._sums[rank]


def clear_columns(demand: Column, offers: Column, grain: int) -> ArrayClearing | None:
    """Return what `clear_arrays` does, from columns."""
    if not (len(demand.rank) and len(offers.rank)):
        return None
    _check(demand, offers)
    level = _crossing(demand, offers)
    traded = min(demand.below(1 - level), offers.below(level + 1))
    if not traded:
        return None
    bought, demand_worst, demand_next = _filled(demand, -level, traded, grain)
    sold, ask, ask_rejected = _filled(offers, level, traded, grain)
    assert ask is not None  # something trades
    low = ask if demand_next is None else max(ask, -demand_next)
    bounds = [-demand_worst] if demand_worst is not None else []
    price = half_even(
        low + min([*bounds, ask_rejected] if ask_rejected is not None else bounds, default=low), 2
    )
    total = -(-price * traded // MICRO)
    if total >= ANY_PRICE:
        raise TooLarge("the total does not stay below 2^62")
    return ArrayClearing(
        price,
        traded,
        bought,
        sold,
        shares(price, bought, MICRO, total, demand.first),
        shares(price, sold, MICRO, total, offers.first),
    )


def _check(demand: Column, offers: Column) -> None:
    for side in (demand, offers):
        if side.quantity.min() <= 0:
            raise ValueError("quantities are above 0")
        most = int(side.quantity.max()) * len(side.quantity)  # quick, and nearly always below it
        if most >= ANY_PRICE // 2 and side.quantity.sum(dtype=float) >= ANY_PRICE / 2:
            raise TooLarge("the sum of the quantities does not stay below 2^61")
    if demand.rank.max() > 0 or demand.rank.min() < -ANY_PRICE:
        raise ValueError("limits are from 0 to ANY_PRICE")
    if offers.rank.min() < 0 or offers.rank.max() >= ANY_PRICE:
        raise ValueError("asks are from 0 to below ANY_PRICE")


def _crossing(demand: Column, offers: Column) -> int:
    """Return the lowest limit or ask above which no more is demanded than is offered up to it."""
    import numpy as np

    low, high = -1, ANY_PRICE
    for price in _guesses(demand, offers):
        if low < price < high:
            if demand.below(-price) <= offers.below(price + 1):
                high = price
            else:
                low = price
    if high - low == 1:
        return high
    near_bids = np.flatnonzero((demand.rank >= -high) & (demand.rank < -low))
    near_asks = np.flatnonzero((offers.rank > low) & (offers.rank <= high))
    bids, asks = -demand.rank[near_bids], offers.rank[near_asks]
    prices = np.sort(np.concatenate((bids, asks)))
    bought = demand.below(-low) - _upto(bids, demand.quantity[near_bids], prices)
    sold = offers.below(low + 1) + _upto(asks, offers.quantity[near_asks], prices)
    return int(prices[np.argmax(bought <= sold)])


def _guesses(demand: Column, offers: Column) -> list[int]:
    """Return prices to try: where the curves of a sample cross, and so far from it that those of all cross between."""
    import numpy as np

    if max(len(demand.rank), len(offers.rank)) < 2 * SAMPLE:
        return []
    steps = [max(1, len(side.rank) // SAMPLE) for side in (demand, offers)]
    bids, asks = -demand.rank[:: steps[0]], offers.rank[:: steps[1]]
    # A sample only says where to look, so floats are good enough for it.
    bid_quantity = demand.quantity[:: steps[0]] * float(steps[0])
    ask_quantity = offers.quantity[:: steps[1]] * float(steps[1])
    prices = np.sort(np.concatenate((bids, asks)))
    missing = bid_quantity.sum() - _upto(bids, bid_quantity, prices) - _upto(asks, ask_quantity, prices)
    at = int(np.argmax(missing <= 0))
    apart = len(prices) // 24
    around = prices[max(at - apart, 0)], prices[min(at + apart, len(prices) - 1)]
    return [int(prices[at]), int(prices[at]) - 1, *map(int, around)]


def _upto(values: "Ints", quantity: "NDArray[Any]", prices: "Ints") -> "NDArray[Any]":
    """Return for each price how much stands at values up to it."""
    import numpy as np

    order = np.argsort(values)
    sums = np.concatenate((np.zeros(1, quantity.dtype), np.cumsum(quantity[order])))
    return sums[np.searchsorted(values[order], prices, side="right")]


def _filled(side: Column, level: int, traded: int, grain: int) -> tuple["Ints", int | None, int | None]:
    """Return the quantities traded, the highest rank that trades and the lowest that could trade more.

    Ranks of any price bound nothing and count as none.
    """
    import numpy as np

    below, left, whole = side.rank < level, traded - side.below(level), side.below(level + 1)
    filled = _rationed(side, level, left, grain) if left else side.quantity * below
    worst: int | None = level
    if not left:
        worst = int(np.where(below, side.rank, -ANY_PRICE).max())
    after: int | None = level
    if traded == whole or level == -ANY_PRICE:
        beyond = side.rank > level
        after = int(np.where(beyond, side.rank, ANY_PRICE).min()) if beyond.any() else None
    return filled, None if worst == -ANY_PRICE else worst, None if after in {-ANY_PRICE, ANY_PRICE} else after


def _rationed(side: Column, level: int, left: int, grain: int) -> "Ints":
    """Return all quantities where those at rank `level` share `left`, in grains, in proportion to what they want."""
    import numpy as np

    margin = np.flatnonzero(side.rank == level)
    together = len(margin) == len(side.rank)  # everybody has one limit
    wanted = side.quantity if together else side.quantity[margin]
    whole = side.below(level + 1) - side.below(level)
    if left < whole:
        wanted = shares(
            left // grain,
            wanted // grain if grain > 1 else wanted,
            whole // grain,
            left // grain,
            lambda ties, number: np.searchsorted(margin, side.first(margin[ties], number)),
        )
        wanted *= grain
    if together:
        return wanted
    filled = side.quantity * (side.rank < level)
    filled[margin] = wanted
    return filled


def _by_order(order: "Ints | None") -> "First":
    """Return the choice of the least in `order`, without one of the first positions."""
    import numpy as np

    def first(ties: "Ints", number: int) -> "Ints":
        return ties[:number] if order is None else ties[np.argpartition(order[ties], number - 1)[:number]]

    return first
