"""The filling of `fair_share_divisible` for many kinds, on arrays: the same answer, or none where that is not sure.

In pairs of doubles, with a bound on what roundings, here and in the integers there, can sum to. Whatever is decided
(which resource is used up first, who has all its tasks before, which micro-unit is next below an amount) is decided
by more than that bound; else there is no answer. Amounts, and what is left of a resource, are whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from market_core.mechanisms.fair_share_kinds import Filled, Kinds
from market_core.mechanisms.fair_share_pairs import (
    Pair,
    at,
    larger,
    least,
    minus,
    pair,
    plus,
    product,
    put,
    quotient,
    total,
    totals,
)
from market_core.values import MICRO

Array = Any
"""Of numpy, which is imported when it is used."""

_NOISE = 2.0**-30
"""As in `fair_share_divisible`: what is nearer to the next micro-unit is that micro-unit."""
_ERROR = 2.0**-90
"""Above the relative error of what is made by some tens of operations on pairs, or of roundings to 96 digits."""
_DOUBLE = 2.0**-50
"""Above that of a few operations on doubles."""
_ROUGH = 2.0**-32
"""Above that of sums of doubles."""
_LEAST = 2.0**-60
"""Levels this small have too few binary digits in the integers there."""
_ANY = 1 << 53
_MOST_TASKS = 1 << 32
"""Of fewer the millionths are exact in a double."""
_MOST_KINDS = 500
"""Of one owner."""


class Unsure(Exception):  # noqa: N818 - a reason to do it in integers
    """Two numbers are nearer to each other than their roundings are small."""


def fill(kinds: Kinds, capacity: Sequence[int]) -> Filled | None:
    """Return what `fair_share_divisible.fill` returns, for capacities below 2^53; None where that is not sure."""
    try:
        filling = _Filling(kinds, capacity)
        while len(filling.growing):
            filling.step()
        return filling.filled()
    except (Unsure, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class _Event:
    """A resource is used up at `time`, known to `error`; by then the first `ended` owners have all their tasks."""

    time: Pair
    error: float
    resource: int
    ended: int


class _Filling:
    """Arrays by kind and by owner. `growing`: the owners that grow, in the order in which they end if nothing stops them.

    The kinds of an owner that grow have (time - start) / length of their tasks, with which they hold `loads`.
    """

    def __init__(self, kinds: Kinds, capacity: Sequence[int]) -> None:
        import numpy as np

        self._np, self._capacity, self._left = np, capacity, list(capacity)
        count, owners = len(kinds.owner), len(kinds.weights)
        flat = np.fromiter(chain.from_iterable(kinds.per_task), np.int64, count * len(capacity))
        self._need = np.ascontiguousarray(flat.reshape(count, len(capacity)).T)
        self._owner, weights = np.array(kinds.owner, np.int64), np.array(kinds.weights, np.int64)
        self._wanted = np.array([_ANY if n is None or n > _ANY else n for n in kinds.tasks], np.int64)
        if max(flat.max(), weights.max()) >= _ANY or np.bincount(self._owner).max() > _MOST_KINDS:
            raise Unsure
        self._weight = pair(weights)
        self._held = np.zeros_like(self._need)
        self._tasks, self._stop = np.zeros(count, np.int64), np.full(count, -1)
        self._most, self._limited = self._at_most()
        self._alive = self._most[0] > 0
        self._loads, self._rates = ([pair(np.zeros(owners)) for _ in capacity] for _ in range(2))
        self._start, self._length, self._end = pair(np.zeros(owners)), pair(np.ones(owners)), np.zeros(owners)
        self._error, self._moved = 0.0, False
        self.growing = self._grow(np.flatnonzero(self._alive))
        self._noise = count * (flat.max() + self._length[0].max() + 1) * _ERROR

    def filled(self) -> Filled:
        """Return what each kind has, which is checked to be there, and to use up what stopped somebody."""
        used = self._np.flatnonzero(self._np.bincount(self._stop + 1)[1:])
        if min(self._left) < 0 or any(self._left[r] > len(self._owner) for r in used):
            raise Unsure
        amounts = list(zip(*self._held.tolist(), strict=True))
        resources = [*range(len(self._left)), None]  # the last is at -1
        return Filled(amounts, self._tasks.tolist(), [resources[r] for r in self._stop.tolist()])

    def _at_most(self) -> tuple[Pair, Array]:
        """Return the most tasks of each kind, and which kinds are limited by what all of capacity holds."""
        np = self._np
        alone, above = (np.full(len(self._owner), _ANY) for _ in range(2))
        for need, capacity in zip(self._need, self._capacity, strict=True):
            whole, rest = np.divmod(capacity, np.where(need > 0, need, 1))
            np.minimum(alone, whole, out=alone, where=need > 0)
            np.minimum(above, whole + (rest > 0), out=above, where=need > 0)
        limited, tasks = above <= self._wanted, np.minimum(alone, self._wanted)
        if tasks.max() >= _MOST_TASKS:
            raise Unsure
        most = pair(tasks)
        own = np.flatnonzero(limited)
        if len(own):
            put(most, own, self._alone(own))
        return most, limited

    def _alone(self, own: Array) -> Pair:
        """Return how many tasks all of capacity holds, and note the resource that does, to a millionth of a task."""
        np = self._np
        fewest, parts = pair(np.full(len(own), np.inf)), np.full((2, len(own)), _ANY)
        for r, most in enumerate(self._capacity):
            need = self._need[r][own]
            used, need = need > 0, np.where(need > 0, need, 1)
            whole, rest = np.divmod(most, need)
            thousandths, rest = np.divmod(rest * 1000, need)
            millionths = thousandths * 1000 + rest * 1000 // need
            less = used & ((whole < parts[0]) | ((whole == parts[0]) & (millionths < parts[1])))
            parts = np.where(less, [whole, millionths], parts)
            self._stop[own[less]] = r
            fewest = least(fewest, quotient(pair(np.full(len(own), most)), pair(need)), used)
        return fewest

    def _grow(self, kinds: Array, time: Pair | None = None, fraction: Pair | None = None) -> Array:
        """Let all that grow of some owners grow from `time` on, when they have `fraction` of it; return all growing."""
        np = self._np
        first = np.flatnonzero(np.diff(self._owner[kinds], prepend=-1))
        owners = self._owner[kinds[first]]
        most, part = at(self._most, kinds), pair(np.zeros(len(owners)))
        loads = []
        for need, capacity in zip(self._need, self._capacity, strict=True):
            loads.append(totals(product(most, pair(need[kinds])), first))
            if capacity:
                each = product(loads[-1], quotient(pair(1), pair(capacity)))
                part = larger(part, each)
        length = quotient(product(part, pair(MICRO)), at(self._weight, owners))
        if len(owners) and length[0].min() < _LEAST:
            raise Unsure
        put(self._length, owners, length)
        speed = quotient(pair(np.ones(len(owners))), length)
        for r, load in enumerate(loads):
            put(self._loads[r], owners, load)
            put(self._rates[r], owners, product(load, speed))
        if time is not None and fraction is not None:
            put(self._start, owners, minus(time, product(at(fraction, owners), length)))
            self._moved = True
        self._end = plus(self._start, self._length)[0]
        growing = np.flatnonzero(np.bincount(self._owner[self._alive], minlength=len(self._end)))
        return growing[self._end[growing].argsort(kind="stable")]

    def step(self) -> None:
        """Grow until the next resource is used up, and stop who needs it; at the end, stop all."""
        np, event = self._np, self._used_up()
        if event is None:
            self._finish(np.flatnonzero(self._alive))
            self.growing = self.growing[:0]
            return
        ended = np.zeros(len(self._end), bool)
        ended[self.growing[: event.ended]] = True
        self._finish(np.flatnonzero(self._alive & ended[self._owner]))
        stopped = np.flatnonzero(self._alive & (self._need[event.resource] > 0))
        fraction = quotient(minus(event.time, self._start), self._length)
        self._halt(stopped, fraction, event)
        hit = np.zeros(len(self._end), bool)
        hit[self._owner[stopped]] = True
        others = np.flatnonzero(self._alive & hit[self._owner])
        if len(others):
            self.growing = self._grow(others, event.time, fraction)
        else:
            rest = self.growing[event.ended :]
            self.growing = rest[~hit[rest]]

    def _finish(self, kinds: Array) -> None:
        """End the growth of kinds that have all their tasks."""
        most = at(self._most, kinds)
        whole = ~self._limited[kinds]
        self._tasks[kinds] = self._np.where(
            whole, most[0] * MICRO, self._floor(product(most, pair(MICRO)), 0)
        )
        for row, need in zip(self._held, self._need, strict=True):
            row[kinds] = self._floor(product(most, pair(need[kinds])), 0)
        self._end_of(kinds)

    def _halt(self, kinds: Array, fraction: Pair, event: _Event) -> None:
        """End the growth of kinds where it is."""
        owners, most = self._owner[kinds], at(self._most, kinds)
        error = event.error / self._length[0][owners] + _ERROR
        tasks = product(most, at(fraction, owners))
        self._tasks[kinds] = self._floor(product(tasks, pair(MICRO)), error * most[0] * MICRO)
        for row, need in zip(self._held, self._need, strict=True):
            amount = product(tasks, pair(need[kinds]))
            row[kinds] = self._floor(amount, error * most[0] * need[kinds])
        self._stop[kinds] = event.resource
        self._error = event.error
        self._end_of(kinds)

    def _end_of(self, kinds: Array) -> None:
        self._alive[kinds] = False
        self._left = [left - int(row[kinds].sum()) for left, row in zip(self._left, self._held, strict=True)]

    def _floor(self, numbers: Pair, error: Any) -> Array:
        """Return the numbers, known to an error, rounded down, but up what only the noise keeps below an integer."""
        np = self._np
        down = np.floor(numbers[0])
        rest = (numbers[0] - down) + numbers[1] + _NOISE
        more = np.floor(rest)
        part = rest - more
        if (np.minimum(part, 1 - part) <= error + (down + 1) * _ERROR + _DOUBLE).any():
            raise Unsure
        return (down + more).astype(np.int64)

    def _used_up(self) -> _Event | None:
        """Return when the first resource is used up; None where all reach all their tasks."""
        rough = [each for r in range(len(self._left)) if (each := self._roughly(r))]
        soon = min((time + error for time, error, _ in rough), default=0)
        events = [self._event(r) for time, error, r in rough if time - error <= soon]
        if not events:
            return None
        first = min(events, key=lambda event: event.time)
        for event in events:
            if event is first:
                continue
            ahead = minus(event.time, first.time)[0]
            if ahead <= event.error + first.error and not self._alike(first.resource, event.resource):
                raise Unsure
        return first

    def _short(self, r: int) -> bool:
        """Return whether there is less of a resource than who grows would end with."""
        np, loads, left = self._np, at(self._loads[r], self.growing), self._left[r]
        wanted = loads[0].sum()
        if abs(wanted - left) > _ROUGH * (wanted + left) + self._noise:
            return bool(wanted > left)
        more = minus(total(loads), pair(left))
        whole = not (loads[1].any() or np.fmod(loads[0], 1).any())
        if not whole and abs(more[0]) <= _ERROR * (wanted + left) + self._noise:
            raise Unsure
        return bool(more[0] > 0)

    def _roughly(self, r: int) -> tuple[float, float, int] | None:
        """Return about when a resource is used up, and how far off that may be; None where there is enough of it."""
        if not self._short(r):
            return None
        np, growing = self._np, self.growing
        loads, rates, start = self._loads[r][0][growing], self._rates[r][0][growing], self._start[0][growing]
        done = np.cumsum(loads) - loads
        rest = np.cumsum(rates[::-1])[::-1]
        had = np.cumsum((rates * start)[::-1])[::-1]
        ended = int(np.argmax(done - had + rest * self._end[growing] > self._left[r]))
        size = self._left[r] + loads.sum() + np.abs(rates * start).sum()
        if not rest[ended]:
            raise Unsure
        time = (self._left[r] - done[ended] + had[ended]) / rest[ended]
        return float(time), float((size / rest[ended] + time) * _ROUGH), r

    def _event(self, r: int) -> _Event:
        """Return when a resource is used up, if nothing else is before."""
        np, ends = self._np, self._end[self.growing]
        time = (self._roughly(r) or (0.0,))[0]
        for _ in range(4):
            ended = int(np.searchsorted(ends, time, "right"))
            event = self._after(r, ended)
            time = float(event.time[0])
            error = event.error + time * _DOUBLE
            if ended == np.searchsorted(ends, time, "right"):
                if (ended and ends[ended - 1] >= time - error) or ends[ended] <= time + error:
                    break
                return event
        raise Unsure

    def _after(self, r: int, ended: int) -> _Event:
        """Return when a resource would be used up if just the first so many had ended by then."""
        before, on = self.growing[:ended], self.growing[ended:]
        loads, rates = self._loads[r], at(self._rates[r], on)
        rest, done = total(rates), total(at(loads, before))
        spare, had = minus(pair(self._left[r]), done), 0.0
        if self._moved:
            past = product(rates, at(self._start, on))
            spare, had = plus(spare, total(past)), float(abs(past[0]).sum())
        if not rest[0]:
            raise Unsure
        time = quotient(spare, rest)
        size = self._left[r] + done[0] + had + loads[0][on].sum() + abs(spare[0])
        error = float((size * _ERROR + self._noise) / rest[0]) + self._error
        return _Event(time, error, r, ended)

    def _alike(self, one: int, other: int) -> bool:
        """Return whether two resources are used up at once because all is the same of both."""
        same = zip(at(self._loads[one], self.growing), at(self._loads[other], self.growing), strict=True)
        return self._left[one] == self._left[other] and all(self._np.array_equal(a, b) for a, b in same)
