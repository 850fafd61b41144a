"""Linear programmes with few rows in exact fractions: the dual simplex with bounds, from any basis.

A basis that floats found is nearly always right, and a few exact steps mend it where it is not. Ties among optimal
points, and among optimal prices, are settled by further objectives and further right sides, each infinitely less
important than the one before. Source: Lemke (1954); Bland (1977) on finite pivoting; Dantzig, Orden and Wolfe (1955)
on lexicographic order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from operator import mul

ZERO = Fraction(0)
Vector = list[Fraction]
Number = Fraction | int


@dataclass(frozen=True, slots=True)
class Column:
    """A variable from 0 to `upper`, what it adds to each row, and its gains: the first counts, later ones break ties."""

    amounts: tuple[int, ...]
    gains: tuple[int, ...]
    upper: int


class Simplex:
    """The most of the gains with rows that sum to 0, the last columns being one unit vector for each row.

    >>> wanted, offered = Column((2,), (9,), 3), Column((-1,), (-1,), 4)
    >>> simplex = Simplex([wanted, offered, Column((1,), (0,), 4)])
    >>> simplex.solve()
    >>> simplex.values()[:2], simplex.prices()
    ([Fraction(2, 1), 4], [Fraction(9, 2)])
    """

    def __init__(self, columns: Sequence[Column], basis: Sequence[int] = ()) -> None:
        """Begin at a basis, or at the unit vectors where it is none."""
        self.columns = columns
        self.rows, self.levels = len(columns[0].amounts), len(columns[0].gains)
        units = range(len(columns) - self.rows, len(columns))
        self.basis, inverse = list(basis), None
        if len(basis) == self.rows:
            inverse = _inverse([columns[c].amounts for c in basis])
        if inverse is None:
            self.basis, inverse = list(units), _inverse([columns[c].amounts for c in units])
        assert inverse is not None  # of unit vectors
        self._inverse = inverse
        # Every column has two bounds, so each basis has prices that fit: at whichever bound gains most.
        self.full = self._gainful()
        self._base: list[Number] = [0] * self.rows
        for column in self.full:
            self._shift(column, -1)

    def prices(self) -> Vector:
        """Return what one more on the right side of each row would gain, by the first gain."""
        return self._prices(0)

    def values(self) -> list[Number]:
        """Return the value of each column."""
        values: list[Number] = [each.upper if c in self.full else 0 for c, each in enumerate(self.columns)]
        for column, value in zip(self.basis, _times(self._inverse, self._base), strict=True):
            values[column] = value
        return values

    def solve(self, sides: Sequence[Vector] = ()) -> None:
        """Step to an optimal basis; `sides` are right sides infinitely small, each to the one before."""
        while True:
            rights: list[Sequence[Number]] = [self._base, *sides]
            levels = [_times(self._inverse, side) for side in rights]
            broken = []
            for row, column in enumerate(self.basis):
                value = [level[row] for level in levels]
                upper = [Fraction(self.columns[column].upper)] + [ZERO] * len(sides)
                if value < [ZERO] * len(value) or value > upper:
                    broken.append((column, row, value > upper))
            if not broken:
                return
            self._step(*min(broken))

    def _step(self, leaving: int, row: int, above: bool) -> None:
        """Put the column that costs least in the place of one that is out of its bounds."""
        line, _ = _whole(self._inverse[row])
        inside, ways = set(self.basis), []
        for column, each in enumerate(self.columns):
            speed = sum(map(mul, line, each.amounts))
            if speed and column not in inside and (speed > 0) == (above != (column in self.full)):
                ways.append((column, abs(speed)))
        assert ways  # the rows have a common point
        for level in range(self.levels):
            gains = self._gains(level, [column for column, _ in ways])
            # What gains nothing yet is compared by the next level.
            costs = [
                Fraction(gain if column in self.full else -gain, speed)
                for (column, speed), gain in zip(ways, gains, strict=True)
            ]
            least = min(costs)
            ways = [way for way, cost in zip(ways, costs, strict=True) if cost == least]
        entering = min(ways)[0]
        self._pivot(row, entering)
        if entering in self.full:
            self.full.remove(entering)
            self._shift(entering, 1)
        if above:
            self.full.add(leaving)
            self._shift(leaving, -1)

    def _pivot(self, row: int, entering: int) -> None:
        amounts = self.columns[entering].amounts
        moves = [sum(x * a for x, a in zip(line, amounts, strict=True) if a) for line in self._inverse]
        top = [Fraction(x, moves[row]) for x in self._inverse[row]]
        self._inverse = [
            top if at == row else [x - moves[at] * t for x, t in zip(line, top, strict=True)]
            for at, line in enumerate(self._inverse)
        ]
        self.basis[row] = entering

    def _shift(self, column: int, sign: int) -> None:
        each = self.columns[column]
        self._base = [x + sign * each.upper * a for x, a in zip(self._base, each.amounts, strict=True)]

    def _prices(self, level: int) -> Vector:
        gains = [self.columns[c].gains[level] for c in self.basis]
        return [
            sum((g * line[r] for g, line in zip(gains, self._inverse, strict=True) if g), ZERO)
            for r in range(self.rows)
        ]

    def _gains(self, level: int, columns: Iterable[int]) -> list[int]:
        """Return what one more of each of these gains beyond the prices of its amounts, to one scale."""
        prices, scale = _whole(self._prices(level))
        return [
            self.columns[c].gains[level] * scale - sum(map(mul, prices, self.columns[c].amounts))
            for c in columns
        ]

    def _gainful(self) -> set[int]:
        """Return the columns outside the basis of which more gains something."""
        inside, full = set(self.basis), set[int]()
        open_ = [column for column in range(len(self.columns)) if column not in inside]
        for level in range(self.levels):
            gains = list(zip(open_, self._gains(level, open_), strict=True))
            full |= {column for column, gain in gains if gain > 0}
            open_ = [column for column, gain in gains if not gain]
        return full


def _whole(numbers: Sequence[Fraction]) -> tuple[list[int], int]:
    """Return the numbers times a common denominator, and that."""
    scale = lcm(*(number.denominator for number in numbers))
    return [number.numerator * (scale // number.denominator) for number in numbers], scale


def _times(matrix: Sequence[Vector], vector: Sequence[Number]) -> Vector:
    return [sum((x * y for x, y in zip(line, vector, strict=True) if y), ZERO) for line in matrix]


def _inverse(columns: Sequence[Sequence[int]]) -> list[Vector] | None:
    """Return the inverse of the matrix with these columns, None if it has none."""
    size = len(columns)
    rows = [
        [Fraction(column[r]) for column in columns] + [Fraction(r == c) for c in range(size)]
        for r in range(size)
    ]
    for pivot in range(size):
        at = next((r for r in range(pivot, size) if rows[r][pivot]), None)
        if at is None:
            return None
        rows[pivot], rows[at] = rows[at], rows[pivot]
        top = rows[pivot] = [Fraction(x, rows[pivot][pivot]) for x in rows[pivot]]
        for r in range(size):
            if r != pivot and rows[r][pivot]:
                factor = rows[r][pivot]
                rows[r] = [x - factor * t for x, t in zip(rows[r], top, strict=True)]
    return [row[size:] for row in rows]
