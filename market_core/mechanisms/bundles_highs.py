"""How HiGHS is asked about bundles: a MIP, prices of its relaxation, and the basis of a linear programme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import inf

from market_core.mechanisms import highs
from market_core.mechanisms.bundles_simplex import Column

Terms = Mapping[int, int]
"""Coefficients by column."""
USUAL = 1_000_000
"""Of about this size is the largest amount of money where only proportions matter."""
TILT = 1e-6
"""How much ties change what a column gains, where an exact answer follows."""


@dataclass(frozen=True, slots=True)
class Row:
    """low <= terms <= high; None leaves a side open. With a `scale`, in parts of it and with half a part of room."""

    terms: Terms
    low: int | None
    high: int | None
    scale: int = 0


@dataclass(frozen=True, slots=True)
class Model:
    """Columns from 0 to 1, of which the first `whole` are 0 or 1."""

    rows: Sequence[Row]
    width: int
    whole: int


def least(
    model: Model, cost: Terms, scale: int, seconds: float | None, start: Sequence[Fraction] = ()
) -> highs.Answer:
    """Minimise the cost, in parts of `scale`, from a solution if one is given."""
    parts = {column: amount / scale for column, amount in cost.items()}
    whole = [column < model.whole for column in range(model.width)]
    return highs.least(_matrix(model, parts), whole, seconds, [float(value) for value in start])


def duals(model: Model, cost: Terms, count: int, seconds: float | None) -> list[Fraction]:
    """Return what one more on the side of each of the first `count` rows costs in the relaxation; 0 if not solved."""
    # Without regard to their size, so that any amounts of money have prices.
    unit = max(map(abs, cost.values()), default=0) // USUAL or 1
    parts = {column: amount / unit for column, amount in cost.items()}
    solved = highs.Linear(_matrix(model, parts), seconds).solved()
    if solved is None:
        return [Fraction(0)] * count
    return [Fraction(dual) * unit for dual in solved[1][:count]]


def basis(columns: Sequence[Column], units: tuple[int, int], seconds: float | None) -> list[int] | None:
    """Return the basis at which HiGHS ends, None if it does not; the columns are those of a `Simplex`.

    `units`: how much of an amount, and of a gain, is an ordinary one. Later gains change the first a little, so that
    the basis is near the one which settles ties.
    """
    rows = len(columns[0].amounts)
    inner = columns[:-rows]
    # Each variable as a part of its upper bound, so that HiGHS sees quantities and amounts of money.
    upper = [float(column.upper) for column in inner]
    entries = [
        (row, place, amount * most / units[0])
        for place, (column, most) in enumerate(zip(inner, upper, strict=True))
        for row, amount in enumerate(column.amounts)
        if amount
    ]
    linear = highs.Linear(
        highs.Matrix(
            [-_tilted(column) * most / units[1] for column, most in zip(inner, upper, strict=True)],
            [0] * len(inner),
            [1] * len(inner),
            [-inf] * rows,
            [0] * rows,
            *highs.listed(entries),
        ),
        seconds,
    )
    return None if linear.solved() is None else linear.basis


def _tilted(column: Column) -> float:
    gain, worth, _, key = column.gains
    return gain + worth * (TILT + key * TILT / 2**256)


def _matrix(model: Model, cost: Mapping[int, float]) -> highs.Matrix:
    entries = [
        (row, column, amount / (each.scale or 1))
        for row, each in enumerate(model.rows)
        for column, amount in each.terms.items()
    ]
    return highs.Matrix(
        [cost.get(column, 0) for column in range(model.width)],
        [0] * model.width,
        [1] * model.width,
        [-inf if row.low is None else _side(row, row.low, -1) for row in model.rows],
        [inf if row.high is None else _side(row, row.high, 1) for row in model.rows],
        *highs.listed(entries),
    )


def _side(row: Row, side: int, sign: int) -> float:
    """Return a side of a row: where it is scaled, floats may be off by half a part, whole numbers cannot."""
    return side / row.scale + sign * 0.5 if row.scale else float(side)
