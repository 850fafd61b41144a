"""How HiGHS is asked: a program's relaxation and its exact bounds, and the program itself.

HiGHS computes in floats, so what it says is a proposal. Its multipliers are taken as they are and the bound they prove
is computed again in whole numbers; its solutions are checked by whoever asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import Any

from market_core.mechanisms.combinatorial_program import Program

GRAIN = 1 << 20
"""Multipliers are rounded down to one of so many parts of a unit."""
WHOLE = 1 << 61
"""Amounts below it add and multiply without overflow in 64 bits."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`values`: the columns at 1, None without a solution; `bound`: None where nothing is known."""

    values: frozenset[int] | None
    bound: Fraction | None
    infeasible: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """What multipliers prove: the objective is at least `base` plus `reduced` of each column that is 1, in GRAIN.

    `values` are the columns of the relaxation's optimum, between 0 and 1.
    """

    base: int
    reduced: Any
    values: Sequence[float]
    _low: int

    @property
    def least(self) -> int:
        """No solution has a smaller objective."""
        return -(-self._low // GRAIN)

    def room(self, most: int) -> int:
        """Return how far a column's reduced amount may be from 0 in a solution of at most `most`."""
        return most * GRAIN - self._low

    def beyond(self, room: int) -> frozenset[int]:
        """Return the columns that are 0 in every solution with so much room."""
        return frozenset((self.reduced > room).nonzero()[0].tolist())

    def certain(self, room: int) -> frozenset[int]:
        """Return the columns that are 1 in every solution with so much room."""
        return frozenset((self.reduced < -room).nonzero()[0].tolist())

    def within(self, count: int) -> int:
        """Return the room that lets `count` columns in, or all of them."""
        amounts = sorted(self.reduced.tolist())
        return max(amounts[min(count, len(amounts)) - 1], 0) if amounts else 0


class Relaxation:
    """A program whose columns may take any value between 0 and 1, solved again from where the last solve ended."""

    def __init__(self, model: Program, objective: Sequence[int], seconds: float | None) -> None:
        self._model, self._objective = model, objective
        self._solver, self._highspy = _highs(seconds, {"presolve": "off"})
        self._solver.passModel(_matrix(self._highspy, model, objective, frozenset(), frozenset()))
        self._shut: list[int] = []
        self._arrays: tuple[Any, ...] | None = None

    def bound(self, shut: Sequence[int] = ()) -> Bound | None:
        """Return what the optimal multipliers prove where the columns `shut` are 0; None if there are none."""
        for columns, upper in ((self._shut, 1.0), (shut, 0.0)):
            for column in columns:
                self._solver.changeColBounds(column, 0.0, upper)
        self._shut = list(shut)
        called, highspy = self._solver.run(), self._highspy
        if (
            called != highspy.HighsStatus.kOk
            or self._solver.getModelStatus() != highspy.HighsModelStatus.kOptimal
        ):
            return None
        solution = self._solver.getSolution()
        return self._proved(solution.row_dual, solution.col_value)

    def _proved(self, duals: Sequence[float], values: Sequence[float]) -> Bound:
        """Return the bound that these multipliers, rounded down, prove in whole numbers.

        Whatever the multipliers of the rows, the objective is at least the sum of what they pay for the rows' sides
        and of the reduced amounts below 0; a column on its other side adds its reduced amount to that.
        """
        import numpy as np  # noqa: PLC0415 - imported when used

        rows = self._model.rows
        prices = [int(dual * GRAIN // 1) for dual in duals]
        base = 0
        for row, price in enumerate(prices):
            side = rows.low[row] if price > 0 else rows.high[row]
            if side is None:
                prices[row] = 0  # a multiplier that only rounding has left there
            else:
                base += price * side
        if self._arrays is None:
            kind = np.int64 if self._small(prices) else object
            self._arrays = (
                np.array(rows.row, np.int64),
                np.array(rows.column, np.int64),
                np.array(rows.amount, kind),
                np.array([amount * GRAIN for amount in self._objective], kind),
            )
        row, column, amount, objective = self._arrays
        kind = object if amount.dtype == object or not self._small(prices) else np.int64
        reduced = objective.astype(kind)
        np.subtract.at(reduced, column, np.array(prices, kind)[row] * amount)
        if self._shut:
            reduced[self._shut] = 0
        return Bound(base, reduced, values, base + sum(amount for amount in reduced.tolist() if amount < 0))

    def _small(self, prices: Sequence[int]) -> bool:
        rows, largest = self._model.rows, max(map(abs, prices), default=0)
        amount = max(map(abs, rows.amount), default=0)
        terms = max(largest * amount, GRAIN * max(map(abs, self._objective), default=0), 1)
        return terms * (len(rows.low) + 1) < WHOLE


def solve(
    model: Program,
    objective: Sequence[int],
    seconds: float | None,
    start: frozenset[int] = frozenset(),
    zero: frozenset[int] = frozenset(),
    one: frozenset[int] = frozenset(),
    nodes: int | None = None,
    *,
    heuristics: bool = True,
    rough: bool = False,
) -> Answer:
    """Minimise, from `start` if it is not empty, over at most `nodes` nodes, with columns fixed to 0 and to 1.

    `rough`: with a coarser tolerance good solutions are found sooner, but being the best is proved only about.

    A proposal that breaks a rule in exact numbers is excluded, for good, and the rest searched again.
    """
    options: dict[str, object] = {} if nodes is None else {"mip_max_nodes": nodes}
    if rough:
        options["mip_feasibility_tolerance"] = 1e-6
    if not heuristics:
        options |= {"mip_heuristic_effort": 0.0, "mip_heuristic_run_feasibility_jump": False}
    while True:
        answer = _run(model, objective, _highs(seconds, options), start, zero, one)
        if answer.values is None:
            return answer
        chosen = model.chosen(sorted(answer.values))
        if model.part.allows(chosen):
            return answer
        model.exclude(chosen)


def _run(
    model: Program,
    objective: Sequence[int],
    fresh: tuple[Any, Any],
    start: frozenset[int],
    zero: frozenset[int],
    one: frozenset[int],
) -> Answer:
    """Minimise; both of HiGHS's statuses are checked."""
    columns = [column for column in range(model.width) if column not in zero]
    if not columns:  # which HiGHS calls empty, whatever the rows ask
        kept = all(low is None or low <= 0 for low in model.rows.low)
        kept = kept and all(high is None or high >= 0 for high in model.rows.high)
        return Answer(frozenset() if kept else None, Fraction(0), infeasible=not kept, finished=kept)
    solver, highspy = fresh
    program = _matrix(highspy, model, objective, zero, one)
    program.integrality_ = [highspy.HighsVarType.kInteger] * len(columns)
    assert solver.passModel(program) != highspy.HighsStatus.kError
    if start and not start & zero:
        solution = highspy.HighsSolution()
        solution.col_value = [int(column in start) for column in columns]
        solver.setSolution(solution)
    called, ended = solver.run(), highspy.HighsModelStatus
    if called == highspy.HighsStatus.kError:
        return Answer(None, None, infeasible=False, finished=False)
    info, status = solver.getInfo(), solver.getModelStatus()
    found = info.primal_solution_status == highspy.kSolutionStatusFeasible
    values = solver.getSolution().col_value if found else ()
    bound = Fraction(info.mip_dual_bound) if isfinite(info.mip_dual_bound) else None
    return Answer(
        frozenset(columns[place] for place, value in enumerate(values) if 2 * value > 1) if found else None,
        None if bound is None else bound - Fraction(1 + abs(bound), 10**6),
        infeasible=status in (ended.kInfeasible, ended.kUnboundedOrInfeasible),
        finished=status == ended.kOptimal,
    )


def _highs(seconds: float | None, more: dict[str, object]) -> tuple[Any, Any]:
    """Return a fresh HiGHS, one thread, no gap, and its module."""
    import highspy as untyped  # noqa: PLC0415 - imported when used

    highspy: Any = untyped
    solver = highspy.Highs()
    options: dict[str, object] = {
        "output_flag": False,
        "threads": 1,
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.4,
        "mip_feasibility_tolerance": 1e-9,
        "mip_allow_restart": False,  # a third quicker on lots of 64 and 100
    }
    limit = {} if seconds is None else {"time_limit": float(seconds)}
    for name, value in (options | limit | more).items():
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    return solver, highspy


def _matrix(
    highspy: Any, model: Program, objective: Sequence[int], zero: frozenset[int], one: frozenset[int]
) -> Any:
    """Return the program as HiGHS takes it, without the columns that are 0."""
    import numpy as np  # noqa: PLC0415 - imported when used

    rows, free = model.rows, highspy.kHighsInf
    kept = np.ones(model.width, bool)
    kept[list(zero)] = False
    place = np.cumsum(kept) - 1
    column = np.array(rows.column, np.int64)
    order = np.argsort(column, kind="stable")
    order = order[kept[column[order]]]
    counts = np.bincount(place[column[order]], minlength=int(kept.sum()))
    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = int(kept.sum()), len(rows.low)
    program.col_cost_ = np.array(objective, np.double)[kept]
    lower = np.zeros(model.width)
    lower[list(one)] = 1
    program.col_lower_, program.col_upper_ = lower[kept], np.ones(program.num_col_)
    program.row_lower_ = np.array([-free if low is None else low for low in rows.low], np.double)
    program.row_upper_ = np.array([free if high is None else high for high in rows.high], np.double)
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kColwise
    matrix.start_ = np.concatenate([[0], np.cumsum(counts)])
    matrix.index_ = np.array(rows.row, np.int32)[order]
    matrix.value_ = np.array(rows.amount, np.double)[order]
    return program


PART_OF_TIME = 0.2
"""What part of the time a first search may take."""


def split(seconds: float | None) -> tuple[float | None, float | None]:
    """Return the seconds for a first search of few columns, and those for all of them."""
    if seconds is None:
        return None, None
    return seconds * PART_OF_TIME, seconds * (1 - PART_OF_TIME)
