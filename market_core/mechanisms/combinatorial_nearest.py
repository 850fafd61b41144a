"""The point of a core nearest to a reference, among those of greatest total, in exact fractions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

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
        self._place([Fraction(cap) for cap in caps])
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

    def _place(self, point: Sequence[Fraction]) -> None:
        """Keep the point, in whole parts of one unit as well, in which sums are quick."""
        self.point = list(point)
        self._unit = lcm(*(each.denominator for each in point))
        self._parts = [each.numerator * (self._unit // each.denominator) for each in point]

    def _short(self, row: _Row) -> int:
        """Return by how much the row is broken, in the point's parts."""
        return row.bound * self._unit - row.sign * sum(self._parts[place] for place in row.members)

    def _enter(self, place: int) -> None:
        """Move until the broken row holds, dropping rows that stand in its way."""
        row, gained = self._rows[place], (ZERO, ZERO)
        while True:
            weights, direction, whole = self._directions(row)
            steps = [
                (_scaled(self._active[other], Fraction(whole, weight)), other)
                for other, weight in weights.items()
                if weight > 0
            ]
            if any(direction):
                speed = row.sign * sum(direction[place] for place in row.members)
                steps.append(((ZERO, Fraction(self._short(row) * whole, self._unit * speed)), -1))
            # Some row can leave or the point can move: the rows have a common point, 0.
            step, leaving = min(steps)
            for other, weight in weights.items():
                if weight:
                    self._active[other] = _plus(self._active[other], _scaled(step, Fraction(-weight, whole)))
            gained = _plus(gained, step)
            if step[1]:
                moved = Fraction(step[1], whole)
                self._place(
                    [x + moved * way if way else x for x, way in zip(self.point, direction, strict=True)]
                )
            if leaving < 0:
                self._active[place] = gained
                return
            del self._active[leaving]

    def _directions(self, row: _Row) -> tuple[dict[int, int], list[int], int]:
        """Return the row's normal as a combination of the active ones, what is left of it across them all, and a unit.

        Both are in whole parts, so many to the unit. An active row with one member fixes that coordinate, so only the
        others' sums over free ones are solved for.
        """
        sums, single = dict[int, _Row](), dict[int, _Row]()
        for place in self._active:
            other = self._rows[place]
            (sums if len(other.members) > 1 else single)[place] = other
        fixed = frozenset[int]().union(*(other.members for other in single.values()))
        free = [other.members - fixed for other in sums.values()]
        # Every row of several members has the sign -1.
        gram = [[*(len(one & other) for other in free), -row.sign * len(one & row.members)] for one in free]
        solved, whole = _solved(gram)
        weights = dict(zip(sums, solved, strict=True))
        left = [row.sign * whole * (place in row.members) for place in range(len(self.point))]
        for place, other in sums.items():
            for member in other.members:
                left[member] += weights[place]
        for place, other in single.items():
            weights[place] = other.sign * sum(left[member] for member in other.members)
        return weights, [0 if place in fixed else part for place, part in enumerate(left)], whole


def _solved(rows: list[list[int]]) -> tuple[list[int], int]:
    """Solve a positive definite system, each row with its right side last, by Bareiss's elimination in integers.

    The solution is in parts of the determinant, which is given too.
    """
    size, before = len(rows), 1
    for pivot, top in enumerate(rows):
        for below in range(pivot + 1, size):
            row, factor = (
                rows[below],
                top[below],
            )  # by symmetry, which also spares what is left of the diagonal
            # The division leaves nothing: every entry is a minor of the matrix.
            row[below:] = [
                (top[pivot] * x - factor * y) // before for x, y in zip(row[below:], top[below:], strict=True)
            ]
        before = top[pivot]
    solution = [0] * size
    for pivot in reversed(range(size)):
        row = rows[pivot]
        known = sum(row[column] * solution[column] for column in range(pivot + 1, size))
        # By Cramer's rule neither does this one.
        solution[pivot] = (row[size] * before - known) // row[pivot]
    return solution, before


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _scaled(pair: Pair, factor: Fraction) -> Pair:
    return pair[0] * factor, pair[1] * factor
