"""Bundles of resources in exact integers: wants, what supply costs, and the rule for ties.

Amounts of money are millionths of a micro-credit here: micro-credits per unit times micro-units.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from operator import add, mul

FINE = 1_000_000
"""Parts of a micro-credit in which money is counted here."""

Plan = dict[int, int]
"""Tasks served, by the request's position; without those that get none."""
Level = tuple[int, int]
"""A quantity offered, in micro-units, and its ask, in micro-credits per unit."""


@dataclass(frozen=True, slots=True)
class Want:
    """One request: up to `most` tasks, each of these `amounts` (a micro-unit number per resource) and `worth`."""

    position: int
    owner: str
    key: str
    amounts: tuple[int, ...]
    worth: int
    most: int

    @property
    def weight(self) -> int:
        """The first 32 bits of the key."""
        return int(self.key[:8], 16)


class Supply:
    """What is offered of one resource, the cheapest first.

    >>> supply = Supply([(5, 3), (4, 1)])
    >>> supply.total, supply.cost(4), supply.cost(6), supply.after(6).levels
    (9, 4, 10, ((3, 3),))
    """

    __slots__ = ("_costs", "_ends", "levels", "total")

    def __init__(self, offered: Iterable[Level]) -> None:
        merged: dict[int, int] = {}
        for quantity, ask in offered:
            merged[ask] = merged.get(ask, 0) + quantity
        self.levels: tuple[Level, ...] = tuple((merged[ask], ask) for ask in sorted(merged) if merged[ask])
        self._ends = [*accumulate((quantity for quantity, _ in self.levels), initial=0)]
        self._costs = [*accumulate((quantity * ask for quantity, ask in self.levels), initial=0)]
        self.total = self._ends[-1]

    def cost(self, quantity: int) -> int:
        """Return what the cheapest `quantity`, at most the total, costs at the asks."""
        level = bisect_left(self._ends, quantity)
        if not level:
            return 0
        return self._costs[level] - (self._ends[level] - quantity) * self.levels[level - 1][1]

    def after(self, quantity: int) -> "Supply":
        """Return what is left when the cheapest `quantity` is taken."""
        left = []
        for end, (offered, ask) in zip(self._ends[1:], self.levels, strict=True):
            if end > quantity:
                left.append((min(offered, end - quantity), ask))
        return Supply(left)

    def at_most(self, quantity: int) -> "Supply":
        """Return the cheapest `quantity` alone."""
        ends = zip(self._ends, self.levels, strict=False)
        return Supply(
            (min(offered, quantity - before), ask) for before, (offered, ask) in ends if before < quantity
        )

    def dearer(self, factor: int) -> "Supply":
        """Return the supply with its asks so many times as high."""
        return Supply((offered, ask * factor) for offered, ask in self.levels)


@dataclass(frozen=True, slots=True)
class Part:
    """Wants in ascending key order, and the supply of each resource. A fee is charged once per owner served."""

    wants: tuple[Want, ...]
    supplies: tuple[Supply, ...]
    fees: Mapping[str, int] = field(default_factory=dict)

    def needed(self, plan: Plan) -> tuple[int, ...]:
        """Return how much of each resource a plan takes."""
        return needed([(want, plan[want.position]) for want in self.wants if want.position in plan], self)

    def allows(self, plan: Plan) -> bool:
        """Return whether there is as much as a plan takes."""
        return all(q <= supply.total for q, supply in zip(self.needed(plan), self.supplies, strict=True))

    def value(self, plan: Plan) -> int:
        """Return the surplus of a plan: what its tasks are worth, less the supply at its asks, less fees."""
        served = [want for want in self.wants if want.position in plan]
        fees = sum(self.fees.get(owner, 0) for owner in {want.owner for want in served}) if self.fees else 0
        costs = (supply.cost(q) for supply, q in zip(self.supplies, self.needed(plan), strict=True))
        return sum(want.worth * plan[want.position] for want in served) - sum(costs) - fees

    def tie_order(self, plan: Plan) -> tuple[int, int, list[tuple[str, int]]]:
        """Return what orders plans of equal surplus: most tasks, least sum of weights, least list of keys."""
        served = [(want, plan[want.position]) for want in self.wants if want.position in plan]
        return (
            -sum(tasks for _, tasks in served),
            sum(want.weight * tasks for want, tasks in served),
            sorted((want.key, -tasks) for want, tasks in served),
        )

    def without(self, owner: str) -> "Part":
        """Return the part as if `owner` had asked for nothing."""
        return replace(self, wants=tuple(want for want in self.wants if want.owner != owner))

    def narrowed(self, least: Sequence[int], most: Sequence[int]) -> tuple["Part", Plan]:
        """Return what is still open when each want gets so many tasks at least and at most, and what is decided."""
        triples = list(zip(self.wants, least, most, strict=True))
        decided = {want.position: low for want, low, _ in triples if low}
        left = tuple(
            want if not low and high == want.most else replace(want, most=high - low)
            for want, low, high in triples
            if high > low
        )
        taken = needed([(want, low) for want, low, _ in triples if low], self)
        reached = map(add, taken, needed([(want, want.most) for want in left], self))
        supplies = tuple(
            supply.at_most(top).after(base)
            for supply, top, base in zip(self.supplies, reached, taken, strict=True)
        )
        used = {want.owner for want, low, _ in triples if low}
        fees = {owner: fee for owner, fee in self.fees.items() if owner not in used}
        return Part(left, supplies, fees), decided


def needed(served: Sequence[tuple[Want, int]], part: Part) -> tuple[int, ...]:
    """Return how much of each resource so many tasks of these wants take."""
    tasks = [each for _, each in served]
    columns = zip(*(want.amounts for want, _ in served), strict=True)
    return tuple(sum(map(mul, column, tasks)) for column in columns) or (0,) * len(part.supplies)


def joined(one: Plan, other: Plan) -> Plan:
    """Return what two plans serve together."""
    return {position: one.get(position, 0) + other.get(position, 0) for position in [*one, *other]}


@dataclass(frozen=True, slots=True)
class Found:
    """A plan, its surplus, and what is proved: no plan has more than `bound`; `settled` by the tie rule."""

    plan: Plan
    surplus: int
    bound: int
    solver: str
    settled: bool = True

    @property
    def gap(self) -> int:
        """How far the surplus may be from the best; 0 is proved optimal."""
        return self.bound - self.surplus
