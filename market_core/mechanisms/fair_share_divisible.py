"""Dominant-resource fairness where tasks are divisible: event by event, from one used up resource to the next.

Many kinds are filled on arrays, by `fair_share_divisible_arrays`, to the same answer. What that is not sure of, and few kinds:
in integers with so many binary digits after the point that no rounding reaches a micro-unit. A time here is the
level of all dominant shares: each owner ends, if nothing stops it, after the time that all its tasks take it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from market_core.mechanisms.fair_share_kinds import Filled, Kinds, holds
from market_core.values import MICRO

MANY = 5_000
"""From so many kinds on, arrays are quicker."""
_POINT = 96
"""Binary digits after the point of tasks, of amounts, and of the fraction of its tasks that an owner has."""
_FINE = 160
"""Those of a time, and of a rate beyond an amount's: small shares by large weights keep 76 digits or more."""
_NOISE = 1 << (_POINT - 30)
"""What roundings take from an amount is less; what is nearer to the next micro-unit is that micro-unit."""


def fill(kinds: Kinds, capacity: Sequence[int]) -> Filled:
    """Return what each kind gets when all owners' dominant shares grow alike, by weight.

    An owner's kinds grow as one, in proportion to their tasks (at most what `capacity` holds alone). A kind that
    needs a used up resource stops; its owner's others go on, and count by what they then add.
    """
    filled = None
    if len(kinds.owner) >= MANY:
        from market_core.mechanisms import fair_share_divisible_arrays

        filled = fair_share_divisible_arrays.fill(kinds, capacity)
    return filled or fill_in_integers(kinds, capacity)


def fill_in_integers(kinds: Kinds, capacity: Sequence[int]) -> Filled:
    """Return what `fill` returns, whatever the numbers."""
    filling = _Filling(kinds, capacity)
    while filling.growing:
        filling.step()
    return Filled(
        filling.amounts, [(n * MICRO + _NOISE) >> _POINT for n in filling.tasks], filling.stopped_by
    )


@dataclass(slots=True)
class _Growth:
    """An owner's kinds that grow together: they have (time - start) / length of `loads`, what they end with."""

    owner: int
    kinds: list[int]
    loads: list[int]
    start: int
    length: int

    @property
    def end(self) -> int:
        """When all their tasks are reached."""
        return self.start + self.length


class _Filling:
    """`growing`: in the order in which they end, if nothing is used up."""

    def __init__(self, kinds: Kinds, capacity: Sequence[int]) -> None:
        self._need, self._weights = kinds.per_task, kinds.weights
        self._left = list(capacity)
        self._inverse = [(1 << _FINE) // most if most else 0 for most in capacity]
        count = len(kinds.owner)
        self.amounts: list[tuple[int, ...]] = [(0,) * len(capacity)] * count
        self.tasks = [0] * count
        self.stopped_by: list[int | None] = [None] * count
        self._most = [0] * count
        grouped: list[list[int]] = [[] for _ in kinds.weights]
        for kind, (owner, need, wanted) in enumerate(zip(kinds.owner, self._need, kinds.tasks, strict=True)):
            alone = holds(capacity, need, 1 << _POINT)
            most = alone if wanted is None else min(alone, wanted << _POINT)
            self._most[kind] = most
            if most:
                grouped[owner].append(kind)
            if most == alone:  # unless another one stops it before, the resource of which it can hold all
                self.stopped_by[kind] = min(
                    (c * MICRO // n, r) for r, (c, n) in enumerate(zip(capacity, need, strict=True)) if n
                )[1]
        self.growing = [self._growth(owner, mine, 0, 0) for owner, mine in enumerate(grouped) if mine]
        self.growing.sort(key=lambda one: one.length)

    def _growth(self, owner: int, kinds: list[int], time: int, fraction: int) -> _Growth:
        """Return kinds of one owner that have `fraction` of their tasks at `time`."""
        if len(kinds) == 1:
            most = self._most[kinds[0]]
            loads = [most * need for need in self._need[kinds[0]]]
        else:
            rows = ([self._most[kind] * need for need in self._need[kind]] for kind in kinds)
            loads = [sum(column) for column in zip(*rows, strict=True)]
        share = max(map(int.__mul__, loads, self._inverse)) >> _POINT
        length = share * MICRO // self._weights[owner]
        return _Growth(owner, kinds, loads, time - (fraction * length >> _POINT), length)

    def step(self) -> None:
        """Grow until the next resource is used up, and stop who needs it; at the end, stop all."""
        found = self._used_up()
        if found is None:
            for one in self.growing:
                self._stop(one.kinds, 1 << _POINT)
            self.growing = []
            return
        time, r = found
        growing, changed = [], False
        for one in self.growing:
            if one.end <= time:
                self._stop(one.kinds, 1 << _POINT)
            elif not one.loads[r]:
                growing.append(one)
            else:
                fraction = ((time - one.start) << _POINT) // one.length
                stopped = [kind for kind in one.kinds if self._need[kind][r]]
                self._stop(stopped, fraction, r)
                if len(stopped) < len(one.kinds):
                    others = [kind for kind in one.kinds if not self._need[kind][r]]
                    growing.append(self._growth(one.owner, others, time, fraction))
                    changed = True
        self.growing = sorted(growing, key=lambda one: one.end) if changed else growing

    def _stop(self, kinds: Iterable[int], fraction: int, resource: int | None = None) -> None:
        """End the growth of kinds that have `fraction` of their tasks, and count what they have."""
        for kind in kinds:
            tasks = self._most[kind] * fraction >> _POINT
            held = tuple([(tasks * need + _NOISE) >> _POINT for need in self._need[kind]])
            self.tasks[kind], self.amounts[kind] = tasks, held
            for r, amount in enumerate(held):
                self._left[r] -= amount
            if resource is not None:
                self.stopped_by[kind] = resource

    def _used_up(self) -> tuple[int, int] | None:
        """Return when the first resource is used up, and which; None where all reach all their tasks."""
        ends = [one.end for one in self.growing]
        times = ((self._time(r, ends), r) for r in range(len(self._left)))
        return min(((time, r) for time, r in times if time is not None), default=None)

    def _time(self, r: int, ends: Sequence[int]) -> int | None:
        """Return when one resource is used up, None where there is enough of it for all."""
        loads = [one.loads[r] for one in self.growing]
        if sum(loads) <= self._left[r] << _POINT:
            return None
        rates = [(load << _FINE) // one.length for load, one in zip(loads, self.growing, strict=True)]
        # What each would have had at time 0, had it always grown as it does now.
        before = [
            -rate * one.start if one.start else 0 for rate, one in zip(rates, self.growing, strict=True)
        ]
        done, had, rest = list(accumulate(loads, initial=0)), _from_there_on(before), _from_there_on(rates)
        left = self._left[r] << (_POINT + _FINE)

        def spare(k: int, time: int) -> int:
            """Return what is left when the first k have ended."""
            return left - (done[k] << _FINE) - had[k] - rest[k] * time

        k = bisect_left(range(len(ends)), True, key=lambda i: spare(i, ends[i]) < 0)
        return spare(k, 0) // rest[k]


def _from_there_on(numbers: Sequence[int]) -> list[int]:
    """Return the sum of the numbers from each position to the end."""
    return list(accumulate(reversed(numbers), initial=0))[::-1]
