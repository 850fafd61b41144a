"""Dominant-resource fairness where tasks are whole: one after the other to the owner with the least share.

Shares are compared as integers: a dominant share times the least common multiple of the capacities.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from math import lcm
from operator import add, le, mul

from market_core.mechanisms.fair_share_kinds import Filled, Kinds, holds
from market_core.mechanisms.procurement import TooLarge
from market_core.values import MICRO

MOST_STEPS = 2_000_000
"""So many tasks are filled one by one; where each owner has one kind, many are filled at once before."""
_PRECISION = 20
"""Binary digits to which the head start is found; what it leaves is filled one by one."""


def fill(kinds: Kinds, capacity: Sequence[int], patience: int | None = None) -> Filled:
    """Return what each kind gets by progressive filling.

    The next task goes to the owner with the least dominant share / weight, of several to the one that has the least
    with it, then in order; there to the kind with the least part of its tasks (at most what `capacity` holds alone),
    ties in order. A kind whose next task does
    not fit any more is done; the others go on. `patience`: the steps between two head starts, which makes no
    difference to what each gets. Raises TooLarge after 2,000,000 steps.
    """
    filling = _Filling(kinds, capacity)
    stride, steps = patience or 8 * len(kinds.weights) + 1000, 0
    while filling.heap:
        if steps > MOST_STEPS:
            raise TooLarge(f"at most {MOST_STEPS:,} whole tasks are filled one by one")
        filling.one_by_one(stride)
        steps += stride
        filling.head_start()
    amounts = [tuple(n * need for need in kinds.per_task[kind]) for kind, n in enumerate(filling.tasks)]
    return Filled(amounts, [n * MICRO for n in filling.tasks], filling.stopped_by)


class _Filling:
    """`heap`: the owners that still grow, by level (dominant share / weight, as an integer) and by the level after it."""

    def __init__(self, kinds: Kinds, capacity: Sequence[int]) -> None:
        self._kinds = kinds
        self._capacity = capacity
        self._left = list(capacity)
        common = lcm(*filter(None, capacity))
        self._unit = [common // most if most else 0 for most in capacity]
        self._held = [[0] * len(capacity) for _ in kinds.weights]
        self.tasks = [0] * len(kinds.owner)
        self.stopped_by: list[int | None] = [None] * len(kinds.owner)
        alone = [holds(capacity, per_task) for per_task in kinds.per_task]
        self._most = [h if t is None else min(t, h) for t, h in zip(kinds.tasks, alone, strict=True)]
        # Two quotients that differ do so by at least 1 / (product of the divisors): the floors keep their order.
        self._level_shift = 2 * max(kinds.weights, default=0).bit_length()
        self._part_shift = 2 * max(self._most, default=0).bit_length()
        self._waiting: list[list[tuple[int, int]]] = [[] for _ in kinds.weights]
        for kind, most in enumerate(self._most):
            if most:
                self._waiting[kinds.owner[kind]].append((0, kind))
            else:
                self._end(kind)
        self._single = all(len(waiting) <= 1 for waiting in self._waiting)
        self.heap = [(0, self._then(owner), owner) for owner, waiting in enumerate(self._waiting) if waiting]
        heapify(self.heap)

    def one_by_one(self, steps: int) -> None:
        """Give the next tasks, or find that they do not fit, at most `steps` times."""
        for _ in range(steps):
            if not self.heap:
                break
            level, _, owner = self.heap[0]
            waiting = self._waiting[owner]
            kind = waiting[0][1]
            if self._fits(kind):
                self._give(kind, 1)
                level = self._level(owner)
                if self.tasks[kind] < self._most[kind]:
                    part = (self.tasks[kind] << self._part_shift) // self._most[kind]
                    heapreplace(waiting, (part, kind))
                else:
                    self._end(heappop(waiting)[1])
            else:
                self._end(heappop(waiting)[1])
            if waiting:
                heapreplace(self.heap, (level, self._then(owner), owner))
            else:
                heappop(self.heap)

    def head_start(self) -> None:
        """Give at once all tasks that come before some level, one up to which all of them fit.

        Only where an owner has one kind: there the level of its n-th task is n - 1 times that of one task.
        """
        if not (self._single and self.heap):
            return
        owners = [owner for _, _, owner in self.heap]
        growing = [self._waiting[owner][0][1] for owner in owners]
        floor = self.heap[0][0]
        width = max(map(self._level_of_all, growing)) - floor + 1
        low, high = (
            -1,
            width.bit_length(),
        )  # as powers of two: the first is sure to fit, the last to be enough
        while high - low > 1:
            middle = (low + high) // 2
            if self._up_to(floor + (1 << middle), growing) is None:
                high = middle
            else:
                low = middle
        level = floor
        for bit in range(high, max(high - _PRECISION, -1), -1):
            if self._up_to(level + (1 << bit), growing) is not None:
                level += 1 << bit
        for kind, count in zip(growing, self._up_to(level, growing) or (), strict=False):
            self._give(kind, count)
        self._sort_again(owners)

    def _sort_again(self, owners: Sequence[int]) -> None:
        self.heap = []
        for owner in owners:
            waiting = self._waiting[owner]
            if self.tasks[waiting[0][1]] == self._most[waiting[0][1]]:
                self._end(waiting.pop()[1])
            else:
                self.heap.append((self._level(owner), self._then(owner), owner))
        heapify(self.heap)

    def _up_to(self, level: int, growing: Sequence[int]) -> list[int] | None:
        """Return how many more tasks of each kind come before `level`; None if together they do not fit."""
        counts = []
        for kind in growing:
            weight = self._kinds.weights[self._kinds.owner[kind]]
            before = -(-level * weight // (self._dominant(self._kinds.per_task[kind]) << self._level_shift))
            counts.append(max(0, min(self._most[kind], before) - self.tasks[kind]))
        for r, left in enumerate(self._left):
            needs = (self._kinds.per_task[kind][r] for kind in growing)
            if sum(count * need for count, need in zip(counts, needs, strict=True)) > left:
                return None
        return counts

    def _level_of_all(self, kind: int) -> int:
        weight = self._kinds.weights[self._kinds.owner[kind]]
        dominant = self._most[kind] * self._dominant(self._kinds.per_task[kind])
        return (dominant << self._level_shift) // weight

    def _level(self, owner: int) -> int:
        return (self._dominant(self._held[owner]) << self._level_shift) // self._kinds.weights[owner]

    def _then(self, owner: int) -> int:
        """Return the level of an owner after its next task."""
        need = self._kinds.per_task[self._waiting[owner][0][1]]
        held = map(add, self._held[owner], need)
        return (self._dominant(held) << self._level_shift) // self._kinds.weights[owner]

    def _dominant(self, amounts: Iterable[int]) -> int:
        most: int = max(map(mul, amounts, self._unit))
        return most

    def _fits(self, kind: int) -> bool:
        return all(map(le, self._kinds.per_task[kind], self._left))

    def _give(self, kind: int, count: int) -> None:
        self.tasks[kind] += count
        held = self._held[self._kinds.owner[kind]]
        for r, need in enumerate(self._kinds.per_task[kind]):
            self._left[r] -= count * need
            held[r] += count * need

    def _end(self, kind: int) -> None:
        """Note what stops the kind: what keeps all of the capacity from holding more of it, or what is left."""
        need, tasks = self._kinds.per_task[kind], self.tasks[kind]
        if tasks == self._kinds.tasks[kind]:
            return
        left = self._left
        if tasks == self._most[kind]:
            left = [most - tasks * one for most, one in zip(self._capacity, need, strict=True)]
        self.stopped_by[kind] = next(r for r, rest in enumerate(left) if need[r] > rest)
