"""Members of a pool for one number of units: a knapsack, by branch and bound in whole numbers.

Members stand in merit order, the highest limit first. Where nobody has a minimum the first ones fill the units and
nothing is searched. Else the member that the end of the units cuts below its minimum is taken or left out, and so
are, in turn, those before it (Horowitz and Sahni 1974); the bound lets the last member be cut (Dantzig 1957).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

MOST_NODES = 100_000
"""Nodes of all searches of one decision; a few seconds."""

Chain = tuple[int, int, "Chain"] | None
"""Members taken: from the first number up to, not including, the second; and those before them."""


class Demand:
    """Members in merit order, as lists; `least` is 0 where any part will do.

    `upto[i]`, `worth[i]`: what the first i members want, and limit x quantity summed over them; `slack[i]`: how much
    of it they would do without.
    """

    def __init__(self, limits: Sequence[int], quantities: Sequence[int], least: Sequence[int]) -> None:
        self.limits, self.quantities, self.least = list(limits), list(quantities), list(least)
        self.upto = list(accumulate(self.quantities, initial=0))
        values = (limit * each for limit, each in zip(limits, quantities, strict=True))
        self.worth = list(accumulate(values, initial=0))
        spare = (each - few for each, few in zip(self.quantities, self.least, strict=True))
        self.slack = list(accumulate(spare, initial=0))
        # the least minimum, of those who have one, among the first i + 1
        self.smallest = list(accumulate((each or self.upto[-1] for each in self.least), min))
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
    """How many nodes of searches may still be looked at."""

    nodes: int = MOST_NODES


@dataclass(slots=True)
class _Node:
    """It is settled who of the members before `at` is served: `taken`, in full, `total` for limits of `value`.

    They would do without `slack` of it.
    """

    at: int = 0
    total: int = 0
    value: int = 0
    slack: int = 0
    taken: Chain = None


class Search:
    """The members for `room` at most, that cost `need` together (limit x quantity is its unit)."""

    def __init__(self, demand: Demand, room: int, need: int, best: Best, budget: Budget) -> None:
        self._demand, self._room, self._need = demand, room, need
        self._best, self._budget = best, budget
        self._seen: dict[tuple[int, int], int] = {}

    def run(self) -> bool:
        """Improve the best choice; return whether nothing better is left."""
        waiting = [iter([_Node()])]
        while waiting:
            node = next(waiting[-1], None)
            if node is None:
                waiting.pop()
                continue
            if not self._budget.nodes:
                return False
            self._budget.nodes -= 1
            waiting.append(self._branches(node))
        return True

    def _branches(self, node: _Node) -> Iterator[_Node]:
        """Look at one node, and yield those below it that may hold something better."""
        demand, best = self._demand, self._best
        self._alone(node)
        end = node.at if self._dominated(node) else self._end(node)
        if end == node.at:
            return
        full, cut = self._filled(node, end)
        filled = self._up_to(node, full)
        bound = filled.value - self._need + (demand.limits[full] * cut if cut else 0)
        if (bound, filled.total + cut) <= (best.value, best.total):
            return
        if not cut or cut >= demand.least[full]:
            best.offer(bound, filled.total + cut, filled.taken, [(full, cut)] if cut else None)
            return
        self._squeezed(filled)
        yield from self._left_out(node, full, bound)

    def _left_out(self, node: _Node, last: int, bound: int) -> Iterator[_Node]:
        """Yield the nodes without one member, from the last one up.

        Whoever comes instead has at most the limit of the last: so much is lost at least. Nobody before `place`
        has a smaller minimum than `smallest[place]`, so there is an end to it.
        """
        demand, best, lowest = self._demand, self._best, self._demand.limits[last]
        for place in range(last, node.at - 1, -1):
            loss = demand.limits[place] - lowest
            if bound - loss * demand.smallest[place] < best.value:
                return
            if demand.least[place] and bound - loss * demand.quantities[place] >= best.value:
                without = self._up_to(node, place)
                without.at += 1
                yield without

    def _up_to(self, node: _Node, stop: int) -> _Node:
        """Return the node at which those before `stop` are served as well."""
        demand, at = self._demand, node.at
        return _Node(
            stop,
            node.total + demand.upto[stop] - demand.upto[at],
            node.value + demand.worth[stop] - demand.worth[at],
            node.slack + demand.slack[stop] - demand.slack[at],
            (at, stop, node.taken) if stop > at else node.taken,
        )

    def _end(self, node: _Node) -> int:
        """Return the end of the members from `at` on that can bear the price if all who can are served."""
        demand, end = self._demand, len(self._demand.limits)
        while end > node.at:
            most = min(self._room, node.total + demand.upto[end] - demand.upto[node.at])
            bearing = demand.bearing(self._need, most)
            if bearing >= end:
                break
            end = max(node.at, bearing)
        return end

    def _filled(self, node: _Node, end: int) -> tuple[int, int]:
        """Return the first member from `at` on that the room does not serve in full, and its part."""
        upto = self._demand.upto
        reach = upto[node.at] + self._room - node.total
        full = min(bisect_right(upto, reach, lo=node.at) - 1, end)
        return full, (reach - upto[full] if full < end else 0)

    def _alone(self, node: _Node) -> None:
        """Offer what is taken so far; who takes any part and does not bear the price goes."""
        demand, total, value, taken = self._demand, node.total, node.value, node.taken
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

    def _dominated(self, node: _Node) -> bool:
        """Return whether the same room was left here before at no less a value.

        That decides only where all is all or nothing: else what was taken may also be cut, here but not there.
        """
        if not self._demand.rigid:
            return False
        known = self._seen.get((node.at, node.total))
        if known is not None and node.value <= known:
            return True
        self._seen[node.at, node.total] = node.value
        return False

    def _squeezed(self, node: _Node) -> None:
        """Offer to serve the next member as well: it and those before it are cut, the lowest limits first.

        Nobody is cut below its minimum; where that is not enough there is nothing to offer.
        """
        demand, less = self._demand, list[tuple[int, int]]()
        more = self._up_to(node, node.at + 1)
        over, value, walk = more.total - self._room, more.value, more.taken
        if over > more.slack:
            return
        while over and walk is not None:
            start, stop, walk = walk
            for place in range(stop - 1, start - 1, -1):
                cut = min(over, demand.quantities[place] - demand.least[place])
                if cut:
                    less.append((place, demand.quantities[place] - cut))
                    over, value = over - cut, value - demand.limits[place] * cut
                if not over:
                    break
        self._best.offer(value - self._need, self._room, more.taken, less)
