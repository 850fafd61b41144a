"""One resource: demand against offers at one price. A call market with exact rationing at the margin."""

from collections.abc import Sequence
from dataclasses import dataclass

from market_core.values import MICRO, half_even, largest_remainder, rounded_up_together

MECHANISM = "clearing/1"
"""Name and version, recorded in each clearing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One demand (`limit`: the most per unit, None for any price) or one offer (`limit`: the least).

    `quantity` in micro-units, `limit` in micro-credits per unit; `key` orders remainders.
    """

    key: tuple[str, str]
    quantity: int
    limit: int | None


@dataclass(frozen=True, slots=True)
class Clearing:
    """`price` in micro-credits per unit; quantities and payments stand at their entries' positions."""

    price: int
    traded: int
    demand: tuple[int, ...]
    offers: tuple[int, ...]
    payments: tuple[int, ...]
    receipts: tuple[int, ...]


def clear(demand: Sequence[Entry], offers: Sequence[Entry], grain: int = 1) -> Clearing | None:
    """Return the clearing of largest surplus, among equal ones the largest quantity; None if none trades.

    Quantities trade in multiples of `grain` micro-units (1,000,000 for whole units; entries are multiples
    of it). The price is the midpoint of [highest accepted ask or rejected limit, lowest accepted limit or
    rejected ask], half-even to a micro-credit; an order served in part counts as accepted and rejected.
    "Any price" bounds nothing: where no upper bound is left, the price is the lower one.

    Marginal orders share in proportion to quantity, largest remainder. The total, price x quantity
    rounded up, is split alike on both sides, so payments in equal payments out; a payer's limit holds
    when payment <= limit x quantity rounded up, a payee's when receipt >= limit x quantity rounded down.
    Source: the uniform-price call market; efficient for the limits as posted.

    >>> a, b = Entry(("a", "1"), 10_000_000, 5_000_000), Entry(("b", "1"), 4_000_000, 3_000_000)
    >>> result = clear([a], [b])
    >>> result.price, result.traded, result.payments
    (5000000, 4000000, (20000000,))
    """
    ceiling = 1 + max([e.limit for e in (*demand, *offers) if e.limit is not None], default=0)
    worth = [ceiling if d.limit is None else d.limit for d in demand]
    asks = [o.limit or 0 for o in offers]
    traded = _traded(demand, worth, offers, asks)
    if traded <= 0:
        return None
    bought = _merit_order(demand, [-w for w in worth], traded, grain)
    sold = _merit_order(offers, asks, traded, grain)
    price = _midpoint(demand, worth, bought, offers, asks, sold, ceiling)
    return Clearing(
        price,
        traded,
        tuple(bought),
        tuple(sold),
        tuple(rounded_up_together([price * q for q in bought], MICRO, [d.key for d in demand])),
        tuple(rounded_up_together([price * q for q in sold], MICRO, [o.key for o in offers])),
    )


def _traded(
    demand: Sequence[Entry], worth: Sequence[int], offers: Sequence[Entry], asks: Sequence[int]
) -> int:
    """Return the quantity at which the last unit's limit still reaches its ask."""
    down = sorted(range(len(demand)), key=lambda i: -worth[i])
    up = sorted(range(len(offers)), key=lambda j: asks[j])
    i = j = traded = 0
    left_i = demand[down[0]].quantity if down else 0
    left_j = offers[up[0]].quantity if up else 0
    while i < len(down) and j < len(up) and worth[down[i]] >= asks[up[j]]:
        step = min(left_i, left_j)
        traded, left_i, left_j = traded + step, left_i - step, left_j - step
        if not left_i:
            i += 1
            left_i = demand[down[i]].quantity if i < len(down) else 0
        if not left_j:
            j += 1
            left_j = offers[up[j]].quantity if j < len(up) else 0
    return traded


def _merit_order(entries: Sequence[Entry], rank: Sequence[int], traded: int, grain: int) -> list[int]:
    """Fill entries in ascending `rank` up to `traded`; the last rank shares in proportion to quantity."""
    filled = [0] * len(entries)
    left = traded
    levels: dict[int, list[int]] = {}
    for position, level in enumerate(rank):
        levels.setdefault(level, []).append(position)
    for level in sorted(levels):
        group = levels[level]
        wanted = [entries[i].quantity for i in group]
        share = min(left, sum(wanted))
        if share == sum(wanted):
            parts = wanted
        else:
            units = largest_remainder(
                share // grain, [w // grain for w in wanted], [entries[i].key for i in group]
            )
            parts = [unit * grain for unit in units]
        for position, part in zip(group, parts, strict=True):
            filled[position] = part
        left -= share
        if not left:
            break
    return filled


def _midpoint(
    demand: Sequence[Entry],
    worth: Sequence[int],
    bought: Sequence[int],
    offers: Sequence[Entry],
    asks: Sequence[int],
    sold: Sequence[int],
    ceiling: int,
) -> int:
    """Return the middle of the prices that support the allocation."""
    # `ceiling` stands for "any price", which bounds nothing.
    low = max(
        [ask for ask, got in zip(asks, sold, strict=True) if got]
        + [w for d, w, got in zip(demand, worth, bought, strict=True) if got < d.quantity and w != ceiling]
    )
    high = min(
        [w for w, got in zip(worth, bought, strict=True) if got and w != ceiling]
        + [ask for o, ask, got in zip(offers, asks, sold, strict=True) if got < o.quantity],
        default=low,
    )
    return half_even(low + high, 2)
