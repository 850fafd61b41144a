"""How HiGHS is asked about bundles: a MIP, prices of its relaxation, and the basis of a linear programme.

Here amounts are floats, so every answer is a proposal, checked in whole numbers by whoever asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Answer:
    """`ones`: the whole columns at 1, None without a solution; `bound`: no solution costs fewer parts of the scale."""

    ones: frozenset[int] | None
    bound: Fraction | None
    infeasible: bool
    finished: bool


def least(
    model: Model, cost: Terms, scale: int, seconds: float | None, start: Sequence[Fraction] = ()
) -> Answer:
    """Minimise the cost, in parts of `scale`, from a solution if one is given; both of HiGHS's statuses are checked."""
    solver, highspy = _highs(seconds)
    kinds, ended = highspy.HighsVarType, highspy.HighsModelStatus
    program = _program(highspy, model, {column: amount / scale for column, amount in cost.items()})
    program.integrality_ = [kinds.kInteger] * model.whole + [kinds.kContinuous] * (model.width - model.whole)
    assert solver.passModel(program) != highspy.HighsStatus.kError
    if start:
        solution = highspy.HighsSolution()
        solution.col_value = [float(value) for value in start]
        solver.setSolution(solution)
    if solver.run() == highspy.HighsStatus.kError:
        return Answer(None, None, infeasible=False, finished=False)
    info, status = solver.getInfo(), solver.getModelStatus()
    found = info.primal_solution_status == highspy.kSolutionStatusFeasible
    values = solver.getSolution().col_value[: model.whole] if found else ()
    bound = Fraction(info.mip_dual_bound) if isfinite(info.mip_dual_bound) else None
    return Answer(
        frozenset(column for column, value in enumerate(values) if 2 * value > 1) if found else None,
        None if bound is None else bound - Fraction(1 + abs(bound), 10**6),
        infeasible=status in (ended.kInfeasible, ended.kUnboundedOrInfeasible),
        finished=status == ended.kOptimal,
    )


def duals(model: Model, cost: Terms, count: int, seconds: float | None) -> list[Fraction]:
    """Return what one more on the side of each of the first `count` rows costs in the relaxation; 0 if not solved."""
    solver, highspy = _highs(seconds)
    # Without regard to their size, so that any amounts of money have prices.
    unit = max(map(abs, cost.values()), default=0) // USUAL or 1
    program = _program(highspy, model, {column: amount / unit for column, amount in cost.items()})
    if not _solved(solver, highspy, program):
        return [Fraction(0)] * count
    return [Fraction(dual) * unit for dual in solver.getSolution().row_dual[:count]]


def basis(columns: Sequence[Column], units: tuple[int, int], seconds: float | None) -> list[int] | None:
    """Return the basis at which HiGHS ends, None if it does not; the columns are those of a `Simplex`.

    `units`: how much of an amount, and of a gain, is an ordinary one. Later gains change the first a little, so that
    the basis is near the one which settles ties.
    """
    import numpy as np  # noqa: PLC0415 - imported when used

    solver, highspy = _highs(seconds)
    rows = len(columns[0].amounts)
    inner = columns[:-rows]
    program: Any = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(inner), rows
    upper = [float(column.upper) for column in inner]
    # Each variable as a part of its upper bound, so that HiGHS sees quantities and amounts of money.
    pairs = list(zip(inner, upper, strict=True))
    program.col_cost_ = np.array([-_tilted(column) * most / units[1] for column, most in pairs])
    program.col_lower_, program.col_upper_ = np.zeros(len(inner)), np.ones(len(inner))
    program.row_lower_, program.row_upper_ = np.full(rows, -highspy.kHighsInf), np.zeros(rows)
    entries = [
        [(row, amount * most / units[0]) for row, amount in enumerate(column.amounts) if amount]
        for column, most in pairs
    ]
    _fill(program.a_matrix_, highspy.MatrixFormat.kColwise, entries)
    if not _solved(solver, highspy, program):
        return None
    found, basic = solver.getBasis(), highspy.HighsBasisStatus.kBasic
    own = [place for place, status in enumerate(found.col_status) if status == basic]
    return own + [len(inner) + row for row, status in enumerate(found.row_status) if status == basic]


def _tilted(column: Column) -> float:
    gain, worth, _, key = column.gains
    return gain + worth * (TILT + key * TILT / 2**256)


def _highs(seconds: float | None) -> tuple[Any, Any]:
    """Return a fresh HiGHS, one thread, no gap, and its module."""
    import highspy as untyped  # noqa: PLC0415 - imported when used

    highspy: Any = untyped
    solver = highspy.Highs()
    options = {
        "output_flag": "false",
        "threads": "1",
        "mip_rel_gap": "0",
        "mip_abs_gap": "0.4",
        "mip_feasibility_tolerance": "1e-9",
        "mip_allow_restart": "false",  # the core took twice as long with it
    }
    limit = {} if seconds is None else {"time_limit": str(seconds)}
    for name, value in (options | limit).items():
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    return solver, highspy


def _solved(solver: Any, highspy: Any, program: Any) -> bool:
    """Solve a linear programme as is quickest for few rows, and return whether that came to an end."""
    for name, value in (("presolve", "off"), ("solver", "simplex")):
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    assert solver.passModel(program) != highspy.HighsStatus.kError
    called, ended = solver.run(), highspy.HighsModelStatus
    return bool(called == highspy.HighsStatus.kOk and solver.getModelStatus() == ended.kOptimal)


def _program(highspy: Any, model: Model, cost: Mapping[int, float]) -> Any:
    """Return a model as HiGHS takes it, without whole numbers."""
    import numpy as np  # noqa: PLC0415 - imported when used

    program, free = highspy.HighsLp(), highspy.kHighsInf
    program.num_col_, program.num_row_ = model.width, len(model.rows)
    costs = np.zeros(model.width)
    costs[list(cost)] = list(cost.values())
    program.col_cost_ = costs
    program.col_lower_, program.col_upper_ = np.zeros(model.width), np.ones(model.width)
    program.row_lower_ = np.array(
        [-free if row.low is None else _side(row, row.low, -1) for row in model.rows]
    )
    program.row_upper_ = np.array(
        [free if row.high is None else _side(row, row.high, 1) for row in model.rows]
    )
    entries = ([(c, amount / (row.scale or 1)) for c, amount in row.terms.items()] for row in model.rows)
    _fill(program.a_matrix_, highspy.MatrixFormat.kRowwise, entries)
    return program


def _side(row: Row, side: int, sign: int) -> float:
    """Return a side of a row: where it is scaled, floats may be off by half a part, whole numbers cannot."""
    return side / row.scale + sign * 0.5 if row.scale else float(side)


def _fill(matrix: Any, form: Any, entries: Iterable[Sequence[tuple[int, float]]]) -> None:
    import numpy as np  # noqa: PLC0415 - imported when used

    lines = list(entries)
    matrix.format_ = form
    matrix.start_ = np.cumsum([0, *map(len, lines)])
    matrix.index_ = np.array([place for line in lines for place, _ in line], np.int32)
    matrix.value_ = np.array([value for line in lines for _, value in line], np.double)
