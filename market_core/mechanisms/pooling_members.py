"""Which members of a pool are served, and with how many units bought: one choice, the best, in whole numbers.

For each number of units the members with the highest limits, cut anywhere and whatever the price, bound the surplus
from above. The numbers of units are looked at from the best bound down, until none left can be better.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from market_core.mechanisms.pooling_search import Best, Budget, Demand, Search

_SAFE = 2**62
"""Amounts up to it, and the difference of two, stay within int64."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`parts`: what each member gets, `total` together; `value`: limit x part summed, less the cost, at most `bound`."""

    value: int
    total: int
    parts: tuple[int, ...]
    bound: int


class Curve:
    """The cost of 0, 1, ... units or more, never falling; `unit`: how many parts make a unit.

    A cost counts `unit` times, so that it is comparable with limit x part.
    """

    def __init__(self, totals: Sequence[int], unit: int) -> None:
        import numpy as np

        self._np, self._unit, self._needs = np, unit, [unit * each for each in totals]
        self._most = max(self._needs[-1], unit * len(totals))
        self._kinds = {object: np.array(self._needs, object)}
        if self._most < _SAFE:
            self._kinds[np.int64] = np.array(self._needs, np.int64)

    def best(self, demand: Demand, budget: Budget) -> Choice:
        """Return the choice of largest value, among equals of largest total.

        No member is served in part below its minimum, and none for whom the cost per part is above its limit.
        Of equals the first in merit order: each member in turn is served if a best choice serves it.
        Where the budget ends first the best found is returned; then `bound` is above its value.
        """
        asked = len(demand.limits)
        bounds, rooms = self._bounds(demand)
        while (bearing := self._bearing(demand, rooms)) < len(demand.limits):
            demand = demand.first(bearing)
            bounds, rooms = self._bounds(demand)
        best, bound = Best(), None
        for units in self._promising(bounds):
            if (int(bounds[units]), int(rooms[units])) <= (best.value, best.total):
                break
            if not Search(demand, int(rooms[units]), self._needs[units], best, budget).run():
                bound = int(bounds[units])
                break
        parts = best.parts(demand)
        parts += [0] * (asked - len(parts))
        return Choice(best.value, best.total, tuple(parts), best.value if bound is None else bound)

    def _bounds(self, demand: Demand) -> tuple[Any, Any]:
        """Return for each number of units a bound on the value, and the most that can be served."""
        np, wanted = self._np, demand.upto[-1]
        most = min(len(self._needs) - 1, -(-wanted // self._unit))
        dearest = demand.limits[0] if demand.limits else 0
        exact = max(self._most, dearest * max(wanted, 1), wanted + self._unit) >= _SAFE
        kind: Any = object if exact else np.int64
        rooms = np.minimum(np.arange(most + 1, dtype=kind) * self._unit, wanted)
        upto, worth = np.array(demand.upto, kind), np.array(demand.worth, kind)
        limits = np.array([*demand.limits, 0], kind)
        full = np.searchsorted(upto, rooms, side="right") - 1
        return worth[full] + limits[full] * (rooms - upto[full]) - self._kinds[kind][: most + 1], rooms

    def _bearing(self, demand: Demand, rooms: Any) -> int:
        """Return how many members bear the lowest price that any number of units could have."""
        if len(rooms) < 2:
            return 0
        kind = object if rooms.dtype == object else self._np.int64
        lowest = int((self._kinds[kind][1 : len(rooms)] // rooms[1:]).min())
        return demand.bearing(lowest, 1)

    def _promising(self, bounds: Any) -> Iterator[int]:
        """Yield the numbers of units from the best bound down, among equals the most units first."""
        first = len(bounds) - 1 - int(self._np.argmax(bounds[::-1]))
        yield first
        order = self._np.argsort(bounds, kind="stable")[::-1]
        yield from (int(units) for units in order if units != first)
