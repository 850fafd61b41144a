"""Dominant-resource fairness where tasks are divisible: event by event, from one used up resource to the next.

In doubles, in one order of steps that is the same everywhere: owners in the order of their names, sums either one
after the other or exact (fsum), so that every machine gives the same bits. Amounts are counted again in integers.
"""

from collections.abc import Sequence
from math import fsum, inf
from typing import Any

from market_core.mechanisms.fair_share_kinds import Filled, Kinds
from market_core.values import MICRO

Array = Any  # of numpy, which is imported when it is used

_NOISE = 2.0**-50
"""Above the relative error of an amount: a few roundings of 2^-53 each."""

_ANY = 2.0**53
"""More tasks than the largest capacity holds: any number."""


def fill(kinds: Kinds, capacity: Sequence[int]) -> Filled:
    """Return what each kind gets when all owners' dominant shares grow alike, by weight.

    An owner's kinds grow as one, in proportion to their tasks (at most what `capacity` holds alone). A kind that
    needs a used up resource stops; its owner's others go on, and count by what they then add.
    """
    growth = _Growth(kinds, capacity)
    while growth.step():
        pass
    amounts = growth.amounts
    for r, most in enumerate(capacity):
        _within(amounts[:, r], most)
    return Filled(list(zip(*amounts.T.tolist(), strict=True)), growth.tasks(), growth.stopped_by)


def _within(amounts: Array, most: int) -> None:
    """Take back what roundings made too much: a micro-unit each of the largest amounts, ties in their order."""
    excess = int(amounts.sum()) - most
    assert excess <= 9 * len(amounts)  # 9 micro-units: the noise of 2^53; more would be no rounding
    while excess > 0:
        positive = int((amounts > 0).sum())
        largest = (-amounts).argsort(kind="stable")[: min(excess, positive)]
        amounts[largest] -= 1
        excess -= len(largest)


class _Growth:
    """How far each owner has come: `fraction` of the tasks of its kinds that still grow, all at one fraction."""

    def __init__(self, kinds: Kinds, capacity: Sequence[int]) -> None:
        import numpy as np  # noqa: PLC0415 - not needed before

        self._np = np
        shape = len(kinds.owner), len(capacity)
        self._capacity = np.array(capacity, dtype=np.float64)
        self._need = np.array(kinds.per_task, dtype=np.float64).reshape(shape)
        self._owner = np.array(kinds.owner, dtype=np.int64)
        self._weight = np.array(kinds.weights, dtype=np.float64) / MICRO
        self._limit = np.array([_ANY if t is None else t for t in kinds.tasks], dtype=np.float64)
        parts = self._parts(self._need)
        self._most = np.minimum(self._limit, 1 / parts.max(axis=1))
        self._growing = self._most > 0
        self._fraction = np.zeros(len(kinds.weights))
        self._tasks = np.zeros(shape[0])
        self.amounts = np.zeros(shape, dtype=np.int64)
        self.stopped_by: list[int | None] = parts.argmax(axis=1).tolist()  # until something else stops them

    def step(self) -> bool:
        """Grow until the next resource is used up, and stop who needs it; False at the end."""
        np = self._np
        size = np.where(self._growing, self._most, 0)
        owners = len(self._fraction)
        loads = [np.bincount(self._owner, size * need, owners) for need in self._need.T]
        share = self._parts(np.stack(loads, axis=1)).max(axis=1)
        speed = np.divide(self._weight, share, out=np.zeros(owners), where=share > 0)
        who = np.flatnonzero(speed)
        time = (1 - self._fraction[who]) / speed[who]
        order = np.argsort(time, kind="stable")
        who, time = who[order], time[order]
        found = self._used_up([load[who] for load in loads], speed[who], time, self._fraction[who])
        if found is None:
            self._fraction[who] = 1
            self._stop(self._growing)
            return False
        r, finished, step = found
        grown = self._fraction[who] + speed[who] * step
        grown[:finished] = 1
        self._fraction[who] = np.minimum(grown, 1)
        self._stop(self._growing & (self._fraction[self._owner] == 1))
        stopped = self._growing & (self._need[:, r] > 0)
        self._stop(stopped)
        for place in np.flatnonzero(stopped).tolist():
            self.stopped_by[place] = r
        return True

    def tasks(self) -> list[int]:
        """Return the tasks of each kind in millionths."""
        return [int(tasks) for tasks in self._down(self._tasks * MICRO).tolist()]

    def _parts(self, amounts: Array) -> Array:
        """Return which part of each capacity the amounts are."""
        out = self._np.where(amounts > 0, inf, 0.0)
        return self._np.divide(amounts, self._capacity, out=out, where=self._capacity > 0)

    def _down(self, numbers: Array) -> Array:
        """Round down, but up what only a rounding keeps below an integer."""
        return self._np.floor(numbers + self._np.maximum(numbers * _NOISE, 2.0**-20))

    def _stop(self, kinds: Array) -> None:
        """End the growth of `kinds` where it is now, and count what they have in integers."""
        self._tasks[kinds] = self._fraction[self._owner[kinds]] * self._most[kinds]
        need = self._need[kinds]
        held = self._down(self._tasks[kinds, None] * need)
        self.amounts[kinds] = self._np.minimum(held, self._limit[kinds, None] * need)
        self._growing = self._growing & ~kinds

    def _used_up(
        self, loads: Sequence[Array], speed: Array, time: Array, fraction: Array
    ) -> tuple[int, int, float] | None:
        """Return the resource used up first, how many owners finish before, and when; None if all finish.

        Owners stand in the order in which they finish, if nothing is used up, at `time`. `loads`: what each would
        hold of each resource in the end.
        """
        np = self._np
        found = []
        stopped = self.amounts.sum(axis=0)
        for r, load in enumerate(loads):
            if not load.any():
                continue
            left = self._capacity[r] - stopped[r]
            growing = np.append((speed * load)[::-1].cumsum()[::-1], 0)  # the rate of all from there on
            still = np.append((fraction * load)[::-1].cumsum()[::-1], 0)  # and what they have already
            done = np.append(0, load.cumsum())  # what those before have in the end
            over = np.flatnonzero(done[1:] + still[1:] + time * growing[1:] > left)
            if over.size:
                k = int(over[0])
                found.append(((left - done[k] - still[k]) / growing[k], r, k))
        if not found:
            return None
        _, r, k = min(found)
        held = np.append(loads[r][:k], (fraction * loads[r])[k:])
        left = fsum((self._capacity[r] - stopped[r], *(-held).tolist()))
        return r, k, max(0.0, left / fsum((speed * loads[r])[k:].tolist()))
