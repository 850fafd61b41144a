"""HiGHS, asked in one way: a fresh solver for each question, one thread, no gap, both of its statuses checked.

HiGHS computes in floats, so what it says is a proposal, checked in whole numbers by whoever asked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

SOLVER = "HiGHS"
EXACT = 1 << 53
"""Whole numbers below it are exact in a float."""

Numbers = Any
"""Whole numbers or floats: a list, or an array of numpy's."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Minimise the sum of cost x column; columns between `lower` and `upper`, rows between `low` and `high`.

    `row`, `column` and `amount` are the entries that are not 0, those of a column in the order of their rows.
    """

    cost: Numbers
    lower: Numbers
    upper: Numbers
    low: Numbers
    high: Numbers
    row: Numbers
    column: Numbers
    amount: Numbers


@dataclass(frozen=True, slots=True)
class Answer:
    """`values` of the columns, None without a solution; `claimed`: below every objective, says HiGHS, None if nothing."""

    values: Sequence[float] | None
    claimed: float | None
    infeasible: bool
    finished: bool

    @property
    def ones(self) -> list[int] | None:
        """The columns nearer to 1 than to 0, in ascending order; None without a solution."""
        return (
            None
            if self.values is None
            else [column for column, value in enumerate(self.values) if 2 * value > 1]
        )

    @property
    def bound(self) -> Fraction | None:
        """What is claimed, less than which rounding will not have added."""
        if self.claimed is None:
            return None
        return Fraction(self.claimed) - Fraction(1 + abs(Fraction(self.claimed)), 10**6)


def least(
    matrix: Matrix,
    whole: Sequence[bool],
    seconds: float | None,
    start: Sequence[float] = (),
    **more: Any,
) -> Answer:
    """Minimise where the columns marked are whole numbers; from a solution if one is given.

    `more` are HiGHS's own options.
    """
    highspy, solver = _fresh(seconds, **more)
    program, kinds = _program(highspy, matrix), highspy.HighsVarType
    program.integrality_ = [kinds.kInteger if mark else kinds.kContinuous for mark in whole]
    assert solver.passModel(program) != highspy.HighsStatus.kError
    if len(start):
        solution = highspy.HighsSolution()
        solution.col_value = list(map(float, start))
        solver.setSolution(solution)
    if solver.run() == highspy.HighsStatus.kError:
        return Answer(None, None, infeasible=False, finished=False)
    info, status, ended = solver.getInfo(), solver.getModelStatus(), highspy.HighsModelStatus
    found = info.primal_solution_status == highspy.kSolutionStatusFeasible
    return Answer(
        solver.getSolution().col_value if found else None,
        float(info.mip_dual_bound) if isfinite(info.mip_dual_bound) else None,
        infeasible=status in (ended.kInfeasible, ended.kUnboundedOrInfeasible),
        finished=status == ended.kOptimal,
    )


class Linear:
    """A programme without whole numbers, solved again from where the last solve ended; quick where rows are few."""

    def __init__(self, matrix: Matrix, seconds: float | None) -> None:
        self._highspy, self._solver = _fresh(seconds, presolve="off", solver="simplex")
        assert self._solver.passModel(_program(self._highspy, matrix)) != self._highspy.HighsStatus.kError

    def limit(self, columns: Sequence[int], upper: float) -> None:
        """Let these columns be between 0 and `upper`."""
        for column in columns:
            self._solver.changeColBounds(column, 0.0, upper)

    def solved(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Solve, and return the columns and what one more on the side of each row costs; None if it has no end."""
        highspy = self._highspy
        called, ended = self._solver.run(), highspy.HighsModelStatus
        if called != highspy.HighsStatus.kOk or self._solver.getModelStatus() != ended.kOptimal:
            return None
        solution = self._solver.getSolution()
        return solution.col_value, solution.row_dual

    @property
    def basis(self) -> list[int]:
        """The basic columns and then the basic rows, numbered on from the columns, of what was solved."""
        found, basic = self._solver.getBasis(), self._highspy.HighsBasisStatus.kBasic
        statuses = [*found.col_status, *found.row_status]
        return [place for place, status in enumerate(statuses) if status == basic]


def listed(entries: Iterable[tuple[int, int, float]]) -> tuple[list[int], list[int], list[float]]:
    """Return entries, each (row, column, amount), as the three lists of a `Matrix`."""
    rows, columns, amounts = list[int](), list[int](), list[float]()
    for row, column, amount in entries:
        rows.append(row)
        columns.append(column)
        amounts.append(amount)
    return rows, columns, amounts


def _fresh(seconds: float | None, **more: Any) -> tuple[Any, Any]:
    """Return the module and a new HiGHS that stops nowhere short of the best whole number."""
    import highspy as untyped

    highspy: Any = untyped
    solver = highspy.Highs()
    options: dict[str, Any] = {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.4,
        "mip_feasibility_tolerance": 1e-9,
        "mip_allow_restart": False,  # lots took half as long again with it, the core of bundles twice as long
    }
    if seconds is not None:
        options["time_limit"] = float(seconds)
    for name, value in (options | more).items():
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    return highspy, solver


def _program(highspy: Any, matrix: Matrix) -> Any:
    """Return the programme as HiGHS takes it, column by column."""
    import numpy as np

    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = len(matrix.cost), len(matrix.low)
    program.col_cost_ = np.array(matrix.cost, np.double)
    program.col_lower_, program.col_upper_ = (
        np.array(matrix.lower, np.double),
        np.array(matrix.upper, np.double),
    )
    program.row_lower_, program.row_upper_ = np.array(matrix.low, np.double), np.array(matrix.high, np.double)
    column = np.array(matrix.column, np.int64)
    order = np.argsort(column, kind="stable")
    counts = np.bincount(column, minlength=program.num_col_)
    entries = program.a_matrix_
    entries.format_ = highspy.MatrixFormat.kColwise
    entries.start_ = np.concatenate([[0], np.cumsum(counts)])
    entries.index_ = np.array(matrix.row, np.int32)[order]
    entries.value_ = np.array(matrix.amount, np.double)[order]
    return program
