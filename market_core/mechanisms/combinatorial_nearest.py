"""The point of a core nearest to a reference, among those of greatest total, in exact fractions."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

Pair = tuple[Fraction, Fraction]
"""An amount m x M + c, as (m, c), for an M beyond all bounds; pairs compare as the amounts do."""

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class _Row:
    """`sign` x (the sum of the members' coordinates) >= `bound`; the sign is 1 or -1."""

    members: frozenset[int]
    sign: int
    bound: int


class Nearest:
    """The point 0 <= x <= caps nearest to `caps` of those with the greatest total, under sums added one by one.

    That is the projection of caps + M (1, ..., 1) for an M beyond all bounds, found by the dual active-set method
    of Goldfarb and Idnani (1983): it starts at the caps and moves as little as the next broken row demands. The
    point itself never contains M, only the multipliers of the active rows do.

    >>> nearest = Nearest([80, 80])
    >>> nearest.add([0, 1], 80)
    >>> [int(x) for x in nearest.point]
    [40, 40]
    """

    def __init__(self, caps: Sequence[int]) -> None:
        self.point = [Fraction(cap) for cap in caps]
        self._rows = [_Row(frozenset({i}), -1, -cap) for i, cap in enumerate(caps)]
        self._rows += [_Row(frozenset({i}), 1, 0) for i in range(len(caps))]
        self._active: dict[int, Pair] = {i: (Fraction(1), ZERO) for i in range(len(caps))}

    def add(self, members: Collection[int], most: int) -> None:
        """Ask that these coordinates sum to at most `most`, 0 or more, and move the point accordingly."""
        self._rows.append(_Row(frozenset(members), -1, -most))
        while True:
            short, place = max((self._short(row), place) for place, row in enumerate(self._rows))
            if short <= 0:
                return
            self._enter(place)

    def _short(self, row: _Row) -> Fraction:
        return row.bound - row.sign * _sum(self.point, row.members)

    def _enter(self, place: int) -> None:
        """Move until the broken row holds, dropping rows that stand in its way."""
        row, gained = self._rows[place], (ZERO, ZERO)
        while True:
            weights, direction = self._directions(row)
            steps = [
                (_scaled(self._active[other], Fraction(1, weight)), other)
                for other, weight in weights.items()
                if weight > 0
            ]
            if any(direction):
                speed = row.sign * _sum(direction, row.members)
                steps.append(((ZERO, Fraction(self._short(row), speed)), -1))
            # Some row can leave or the point can move: the rows have a common point, 0.
            step, leaving = min(steps)
            for other, weight in weights.items():
                self._active[other] = _plus(self._active[other], _scaled(step, -weight))
            gained = _plus(gained, step)
            self.point = [x + step[1] * way for x, way in zip(self.point, direction, strict=True)]
            if leaving < 0:
                self._active[place] = gained
                return
            del self._active[leaving]

    def _directions(self, row: _Row) -> tuple[dict[int, Fraction], list[Fraction]]:
        """Return the row's normal as a combination of the active ones, and what is left of it across them all.

        An active row with one member fixes that coordinate, so only the others' sums over free ones are solved for.
        """
        sums, single = dict[int, _Row](), dict[int, _Row]()
        for place in self._active:
            other = self._rows[place]
            (sums if len(other.members) > 1 else single)[place] = other
        fixed = frozenset[int]().union(*(other.members for other in single.values()))
        free = [other.members - fixed for other in sums.values()]
        # Every row of several members has the sign -1.
        gram = [[*(len(one & other) for other in free), -row.sign * len(one & row.members)] for one in free]
        weights = dict(zip(sums, _solved(gram), strict=True))
        left = [Fraction(row.sign * (place in row.members)) for place in range(len(self.point))]
        for place, other in sums.items():
            for member in other.members:
                left[member] += weights[place]
        for place, other in single.items():
            weights[place] = other.sign * _sum(left, other.members)
        return weights, [ZERO if place in fixed else part for place, part in enumerate(left)]


def _solved(rows: list[list[int]]) -> list[Fraction]:
    """Solve a positive definite system, each row with its right side last, by Bareiss's elimination in integers."""
    size, before = len(rows), 1
    for pivot, top in enumerate(rows):
        for below in range(pivot + 1, size):
            row, factor = rows[below], rows[below][pivot]
            # The division leaves nothing: every entry is a minor of the matrix.
            rows[below] = [(top[pivot] * x - factor * y) // before for x, y in zip(row, top, strict=True)]
        before = top[pivot]
    solution = [ZERO] * size
    for pivot in reversed(range(size)):
        row = rows[pivot]
        known = sum((row[column] * solution[column] for column in range(pivot + 1, size)), ZERO)
        solution[pivot] = Fraction(row[size] - known, row[pivot])
    return solution


def _sum(point: Sequence[Fraction], members: Iterable[int]) -> Fraction:
    return sum((point[place] for place in members), ZERO)


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _scaled(pair: Pair, factor: Fraction) -> Pair:
    return pair[0] * factor, pair[1] * factor
