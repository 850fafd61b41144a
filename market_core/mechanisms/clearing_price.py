"""The price of a clearing: the middle of the prices that support it."""

from collections.abc import Sequence
from typing import NamedTuple

from market_core.mechanisms.clearing_crossing import Decided
from market_core.mechanisms.clearing_side import Side, States
from market_core.values import half_even


class _Margin(NamedTuple):
    """`worst`: the highest rank that trades. `next`: the lowest from there on that could trade more."""

    worst: int | None
    next: int | None


def midpoint(
    sides: tuple[Side, Side],
    states: Decided,
    filled: tuple[Sequence[int], Sequence[int]],
    any_price: int | None,
) -> int:
    """Return the middle of [highest accepted ask or rejected limit, lowest accepted limit or rejected ask].

    In micro-credits per unit, half-even. A limit of `any_price` bounds nothing. Rejected is who could take more
    without another minimum and would not contradict those accepted on its own side; of two rejected that would, a
    rejected limit above a rejected ask, which no clearing of largest surplus leaves, both are ignored.
    """
    demand = _margin(sides[0], states[0], filled[0], None if any_price is None else -any_price)
    offers = _margin(sides[1], states[1], filled[1], None)
    assert offers.worst is not None  # something trades
    ceilings = [] if demand.worst is None else [-demand.worst]
    low = offers.worst if demand.next is None else max(offers.worst, -demand.next)
    high = min(ceilings if offers.next is None else [*ceilings, offers.next], default=low)
    if low > high:
        low, high = offers.worst, min(ceilings, default=offers.worst)
    return half_even(low + high, 2)


def _margin(side: Side, states: States, filled: Sequence[int], unbounded: int | None) -> _Margin:
    worst, more = None, []
    for place, (runs, amount) in enumerate(zip(side.spans, filled, strict=True)):
        if not runs or not (amount or side.whole(place)):
            continue
        rank = runs[states.get(place, 1) - 1].rank
        if rank == unbounded:
            continue
        if amount and (worst is None or rank > worst):
            worst = rank
        if amount < runs[-1].high:
            more.append(rank)
    return _Margin(worst, min((rank for rank in more if worst is None or rank >= worst), default=None))
