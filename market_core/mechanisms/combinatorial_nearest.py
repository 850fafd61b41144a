"""The point of a core nearest to a reference, among those of greatest total, in exact fractions."""

from collections.abc import Sequence
from fractions import Fraction

Pair = tuple[Fraction, Fraction]
"""An amount m x M + c, as (m, c), for an M beyond all bounds; pairs compare as the amounts do."""

ZERO = Fraction(0)


class Nearest:
    """The point 0 <= x <= caps nearest to `caps` of those with the greatest total, under sums added one by one.

    That is the projection of caps + M (1, ..., 1) for an M beyond all bounds, found by the dual active-set method
    of Goldfarb and Idnani (1983): it starts at the caps and moves as little as the next broken row demands. The
    point itself never contains M, only the multipliers do.
    """

    def __init__(self, caps: Sequence[int]) -> None:
        size = range(len(caps))
        self.point = [Fraction(cap) for cap in caps]
        # Rows say normal . x >= bound: first the caps, then 0.
        self._rows = [([-int(i == j) for j in size], -cap) for i, cap in enumerate(caps)]
        self._rows += [([int(i == j) for j in size], 0) for i in size]
        self._active: dict[int, Pair] = {i: (Fraction(1), ZERO) for i in size}

    def add(self, members: Sequence[int], most: int) -> None:
        """Ask that these coordinates sum to at most `most`, and move the point accordingly."""
        inside = set(members)
        self._rows.append(([-int(j in inside) for j in range(len(self.point))], -most))
        while True:
            short, row = max((self._short(row), row) for row in range(len(self._rows)))
            if short <= 0:
                return
            self._enter(row)

    def _short(self, row: int) -> Fraction:
        normal, bound = self._rows[row]
        return bound - _dot(normal, self.point)

    def _enter(self, row: int) -> None:
        """Move until the broken `row` holds, dropping rows that stand in its way."""
        normal, gained = self._rows[row][0], (ZERO, ZERO)
        while True:
            weights, direction = self._directions(normal)
            speed = _dot(normal, direction)
            steps = [
                (_scaled(self._active[other], Fraction(1, weight)), other)
                for other, weight in weights.items()
                if weight > 0
            ]
            if speed:
                steps.append(((ZERO, Fraction(self._short(row), speed)), -1))
            # Some row can leave or the point can move: the rows have a common point, 0.
            step, leaving = min(steps)
            for other, weight in weights.items():
                self._active[other] = _plus(self._active[other], _scaled(step, -weight))
            gained = _plus(gained, step)
            self.point = [x + step[1] * way for x, way in zip(self.point, direction, strict=True)]
            if leaving < 0:
                self._active[row] = gained
                return
            del self._active[leaving]

    def _directions(self, normal: Sequence[int]) -> tuple[dict[int, Fraction], list[Fraction]]:
        """Return `normal` as a combination of the active rows, and what is left of it across them all."""
        rows = sorted(self._active)
        normals = [self._rows[row][0] for row in rows]
        gram = [[Fraction(_dot(one, other)) for other in normals] for one in normals]
        weights = _solved(gram, [Fraction(_dot(one, normal)) for one in normals])
        rest = [
            part
            - sum((weight * one[j] for weight, one in zip(weights, normals, strict=True) if one[j]), ZERO)
            for j, part in enumerate(normal)
        ]
        return dict(zip(rows, weights, strict=True)), rest


def _solved(matrix: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Solve a positive definite system by elimination; rows of caps are nearly diagonal, so most steps are skipped."""
    size = len(right)
    for pivot in range(size):
        for below in range(pivot + 1, size):
            if matrix[below][pivot]:
                factor = Fraction(matrix[below][pivot], matrix[pivot][pivot])
                for column in range(pivot, size):
                    if matrix[pivot][column]:
                        matrix[below][column] -= factor * matrix[pivot][column]
                right[below] -= factor * right[pivot]
    for pivot in reversed(range(size)):
        known = sum((matrix[pivot][c] * right[c] for c in range(pivot + 1, size) if matrix[pivot][c]), ZERO)
        right[pivot] = Fraction(right[pivot] - known, matrix[pivot][pivot])
    return right


def _dot(normal: Sequence[int], point: Sequence[Fraction | int]) -> Fraction:
    return sum((Fraction(part * x) for part, x in zip(normal, point, strict=True) if part), ZERO)


def _plus(one: Pair, other: Pair) -> Pair:
    return one[0] + other[0], one[1] + other[1]


def _scaled(pair: Pair, factor: Fraction) -> Pair:
    return pair[0] * factor, pair[1] * factor
