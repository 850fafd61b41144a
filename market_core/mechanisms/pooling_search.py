"""Members of a pool for one number of units: a knapsack, by branch and bound in whole numbers.

Members stand in merit order, the highest limit first. Where nobody has a minimum the first ones fill the units and
nothing is searched. Else the member that the end of the units cuts below its minimum is taken or left out, and so
are, in turn, those before it (Horowitz and Sahni 1974); the bound lets the last member be cut (Dantzig 1957).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

MOST_NODES = 200_000
"""Nodes of all searches of one choice; a few seconds."""

Chain = tuple[int, int, "Chain"] | None
"""Members taken: from the first number up to, not including, the second; and those before them."""


class Demand:
    """Members in merit order, as lists; `least` is 0 where any part will do.

    `upto[i]`, `worth[i]`: what the first i members want, and limit x quantity summed over them.
    """

    def __init__(self, limits: Sequence[int], quantities: Sequence[int], least: Sequence[int]) -> None:
        self.limits, self.quantities, self.least = list(limits), list(quantities), list(least)
        self.upto = list(accumulate(self.quantities, initial=0))
        values = (limit * each for limit, each in zip(limits, quantities, strict=True))
        self.worth = list(accumulate(values, initial=0))
        self.rigid = self.quantities == self.least
        self._falling = [-limit for limit in self.limits]

    def bearing(self, need: int, total: int) -> int:
        """Return how many members bear to share `need` over `total`."""
        if need <= 0:
            return len(self.limits)
        return bisect_right(self._falling, -need // total) if total else 0

    def first(self, count: int) -> "Demand":
        """Return the first `count` members."""
        return Demand(self.limits[:count], self.quantities[:count], self.least[:count])


@dataclass(slots=True)
class Best:
    """The best choice so far: `value` is the worth of what is served less its cost, `total` how much that is."""

    value: int = 0
    total: int = 0
    taken: Chain = None
    less: list[tuple[int, int]] = field(default_factory=list)  # members that get another part than all

    def offer(self, value: int, total: int, taken: Chain, less: list[tuple[int, int]] | None = None) -> None:
        """Keep a choice if it is better; of equals the first stays."""
        if (value, total) > (self.value, self.total):
            self.value, self.total, self.taken, self.less = value, total, taken, less or []

    def parts(self, demand: Demand) -> list[int]:
        """Return what each member gets."""
        found, chain = [0] * len(demand.limits), self.taken
        while chain is not None:
            start, stop, chain = chain
            found[start:stop] = demand.quantities[start:stop]
        for place, part in self.less:
            found[place] = part
        return found


@dataclass(slots=True)
class Budget:
    """How many nodes may still be looked at."""

    nodes: int


class Search:
    """The members for `room` at most, that cost `need` together (limit x quantity is its unit)."""

    def __init__(self, demand: Demand, room: int, need: int, best: Best, budget: Budget) -> None:
        self._demand, self._room, self._need = demand, room, need
        self._best, self._budget = best, budget
        self._seen: dict[tuple[int, int], int] = {}

    def run(self) -> bool:
        """Improve the best choice; return whether nothing better is left."""
        nodes: list[tuple[int, int, int, Chain]] = [(0, 0, 0, None)]
        while nodes:
            if not self._budget.nodes:
                return False
            self._budget.nodes -= 1
            nodes.extend(self._branches(*nodes.pop()))
        return True

    def _branches(self, at: int, total: int, value: int, taken: Chain) -> list[tuple[int, int, int, Chain]]:
        """Look at one node: `taken` of the members before `at` are served in full. Return what is left to look at."""
        demand, best = self._demand, self._best
        self._alone(total, value, taken)
        if self._dominated(at, total, value):
            return []
        end = self._end(at, total)
        if end == at:
            return []
        full, cut = self._filled(at, total, end)
        reached, worth = (
            total + demand.upto[full] - demand.upto[at],
            value + demand.worth[full] - demand.worth[at],
        )
        bound = worth + (demand.limits[full] * cut if cut else 0) - self._need
        if (bound, reached + cut) <= (best.value, best.total):
            return []
        chain = (at, full, taken) if full > at else taken
        if not cut or cut >= demand.least[full]:
            best.offer(bound, reached + cut, chain, [(full, cut)] if cut else None)
            return []
        self._squeezed(reached, worth, chain, full)
        return [
            (
                place + 1,
                total + demand.upto[place] - demand.upto[at],
                value + demand.worth[place] - demand.worth[at],
                (at, place, taken) if place > at else taken,
            )
            for place in range(at, full + 1)
            if demand.least[place]
        ]

    def _end(self, at: int, total: int) -> int:
        """Return the end of the members from `at` on that can bear the price if all who can are served."""
        demand, end = self._demand, len(self._demand.limits)
        while end > at:
            most = min(self._room, total + demand.upto[end] - demand.upto[at])
            bearing = demand.bearing(self._need, most)
            if bearing >= end:
                break
            end = max(at, bearing)
        return end

    def _filled(self, at: int, total: int, end: int) -> tuple[int, int]:
        """Return the first member from `at` on that the room does not serve in full, and its part."""
        upto = self._demand.upto
        reach = upto[at] + self._room - total
        full = min(bisect_right(upto, reach, lo=at) - 1, end)
        return full, (reach - upto[full] if full < end else 0)

    def _alone(self, total: int, value: int, taken: Chain) -> None:
        """Offer what is taken so far; who takes any part and does not bear the price goes."""
        demand = self._demand
        while taken is not None:
            start, stop, before = taken
            last = stop - 1
            if demand.limits[last] * total >= self._need:
                self._best.offer(value - self._need, total, taken)
                return
            if demand.least[last]:
                return
            total -= demand.quantities[last]
            value -= demand.limits[last] * demand.quantities[last]
            taken = (start, last, before) if last > start else before

    def _dominated(self, at: int, total: int, value: int) -> bool:
        """Return whether the same room was left here before at no less a value.

        That decides only where all is all or nothing: else what was taken may also be cut, here but not there.
        """
        if not self._demand.rigid:
            return False
        known = self._seen.get((at, total))
        if known is not None and value <= known:
            return True
        self._seen[at, total] = value
        return False

    def _squeezed(self, total: int, value: int, taken: Chain, last: int) -> None:
        """Offer to serve `last` as well: it and those before it are cut, the lowest limits first, to their minimum."""
        demand, less = self._demand, []
        over = total + demand.quantities[last] - self._room
        value += demand.limits[last] * demand.quantities[last]
        chain: Chain = (last, last + 1, taken)
        walk = chain
        while over and walk is not None:
            start, stop, walk = walk
            for place in range(stop - 1, start - 1, -1):
                cut = min(over, demand.quantities[place] - demand.least[place])
                if cut:
                    less.append((place, demand.quantities[place] - cut))
                    over, value = over - cut, value - demand.limits[place] * cut
                if not over:
                    break
        if not over:
            self._best.offer(value - self._need, self._room, chain, less)
