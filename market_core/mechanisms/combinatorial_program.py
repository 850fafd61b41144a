"""A part's winner determination as a MIP in columns of 0 or 1, and how HiGHS is asked to solve it.

HiGHS computes in floats, so what it says is a proposal: bids and limits are checked in whole numbers, and columns are
fixed beforehand only by bounds that hold in whole numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd, isfinite
from typing import Any

from market_core.mechanisms.combinatorial_part import SHARE, Option, Part, union

COARSE = 1 << 30
"""Coefficients of the share of cost are kept below it; what is rounded away is checked afterwards."""
GRAIN = 1 << 20
"""Dual values are rounded down to one of so many parts of a unit."""

Terms = dict[int, int]
"""Coefficients by column."""


@dataclass(frozen=True, slots=True)
class Row:
    """low <= terms <= high; None leaves a side open."""

    terms: Terms
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """`values`: the columns at 1, None without a solution; `bound`: None where nothing is known."""

    values: frozenset[int] | None
    bound: Fraction | None
    infeasible: bool
    finished: bool


class Program:
    """Columns of 0 or 1: each bid wins, each lot stays unbought, and where it matters each bidder is used."""

    def __init__(self, part: Part, missing: int) -> None:
        self.part = part
        self.fixed: Terms = {}
        self.lots = {lot: len(part.options) + place for place, lot in enumerate(sorted(part.prices))}
        self.unpriced = [column for lot, column in self.lots.items() if part.prices[lot] is None]
        self.bids: dict[str, list[int]] = {}
        for column, option in enumerate(part.options):
            self.bids.setdefault(option.bidder, []).append(column)
        first = len(part.options) + len(self.lots)
        counted = part.limits.max_winners is not None or part.limits.min_winners
        named = (
            self.bids if counted else [] if part.exclusive else [b for b in self.bids if b in part.surplus]
        )
        self.used = {bidder: first + place for place, bidder in enumerate(named)}
        self.width = first + len(self.used)
        self.rows = [*self._covered(missing), *self._bidders(), *self._shares()]
        self.score = self._score()

    def _score(self) -> Terms:
        part = self.part
        score = {column: option.score for column, option in enumerate(part.options)}
        score |= {column: part.prices[lot] or 0 for lot, column in self.lots.items()}
        for bidder, surplus in part.surplus.items():
            for column in [self.used[bidder]] if bidder in self.used else self.bids.get(bidder, []):
                score[column] = score.get(column, 0) + surplus
        return score

    def _covered(self, missing: int) -> list[Row]:
        rows: dict[int, dict[int, int]] = {lot: {column: 1} for lot, column in self.lots.items()}
        for column, option in enumerate(self.part.options):
            lots = option.lots
            while lots:
                lowest = lots & -lots
                rows[lowest.bit_length() - 1][column] = 1
                lots ^= lowest
        unbought = Row(dict.fromkeys(self.unpriced, 1), None, missing)
        return [*(Row(terms, 1, None) for terms in rows.values()), unbought]

    def _bidders(self) -> list[Row]:
        """Return the rows of alternatives, of who is used, of how many are, and of the most lots of each."""
        part, rows = self.part, []
        for bidder, columns in self.bids.items():
            used = {self.used[bidder]: -1} if bidder in self.used else {}
            bids = dict.fromkeys(columns, 1)
            if part.exclusive:
                rows.append(Row(bids | used, 0 if used else None, 0 if used else 1))
            elif used:
                rows += [Row({column: 1} | used, None, 0) for column in columns]
                rows.append(Row(bids | used, 0, None))
            if bidder in part.at_most:
                rows.append(Row(self._sizes(columns), None, part.at_most[bidder]))
        limits = part.limits
        if limits.max_winners is not None or limits.min_winners:
            rows.append(Row(dict.fromkeys(self.used.values(), 1), limits.min_winners, limits.max_winners))
        return rows

    def _shares(self) -> list[Row]:
        rows, limits, options = [], self.part.limits, self.part.options
        for columns in self.bids.values():
            if limits.max_share is not None:
                own = {column: size * SHARE for column, size in self._sizes(columns).items()}
                unbought = dict.fromkeys(self.lots.values(), limits.max_share)
                rows.append(Row(own | unbought, None, limits.max_share * len(self.lots)))
            if limits.max_spend_share is not None:
                spent = {column: -limits.max_spend_share * each.cost for column, each in enumerate(options)}
                for column in columns:
                    spent[column] += SHARE * options[column].cost
                rows.append(Row(_coarse(spent), None, 0))
        return rows

    def _sizes(self, columns: Sequence[int]) -> dict[int, int]:
        return {column: self.part.options[column].lots.bit_count() for column in columns}

    def exclude(self, chosen: Sequence[Option]) -> None:
        """Rule out exactly this set of winning bids."""
        won = {option.position for option in chosen}
        signs = {c: -1 if each.position in won else 1 for c, each in enumerate(self.part.options)}
        self.rows.append(Row(signs, 1 - len(won), None))

    def chosen(self, answer: Answer) -> tuple[Option, ...] | None:
        """Return the winning bids of an answer, None if it has none."""
        if answer.values is None:
            return None
        return tuple(option for column, option in enumerate(self.part.options) if column in answer.values)

    def solve(self, objective: Terms, seconds: float | None, hint: Sequence[Option] = ()) -> Answer:
        """Minimise; a proposal that breaks a rule in exact numbers is excluded, and the rest searched again."""
        while True:
            answer = _run(self, objective, seconds, self._start(hint))
            chosen = self.chosen(answer)
            if chosen is None or self.part.allows(chosen):
                return answer
            self.exclude(chosen)

    def narrow(self, objective: Terms, most: int, seconds: float | None) -> None:
        """Fix the columns that are alike in all solutions whose objective is at most `most`.

        Whatever the multipliers of the rows, the objective is at least the sum of what they pay for the rows' sides
        and of the reduced costs below 0; a column on its other side adds its reduced cost to that.
        """
        bound, reduced = 0, {column: objective.get(column, 0) * GRAIN for column in range(self.width)}
        for row, dual in zip(self.rows, _duals(self, objective, seconds), strict=False):
            side = row.low if dual > 0 else row.high
            if side is not None and dual:
                bound += dual * side
                for column, amount in row.terms.items():
                    reduced[column] -= dual * amount
        room = most * GRAIN - bound - sum(min(cost, 0) for cost in reduced.values())
        self.fixed = {column: int(cost < 0) for column, cost in reduced.items() if abs(cost) > room}

    def _start(self, hint: Sequence[Option]) -> frozenset[int]:
        if not hint:
            return frozenset()
        won, covered = {option.position for option in hint}, union(hint)
        bids = {column for column, option in enumerate(self.part.options) if option.position in won}
        unbought = {column for lot, column in self.lots.items() if not covered >> lot & 1}
        used = {self.used[option.bidder] for option in hint if option.bidder in self.used}
        return frozenset(bids | unbought | used)


def _coarse(terms: Terms) -> Terms:
    """Return the terms of a sum that may not exceed 0, divided and rounded down: nothing allowed is lost."""
    scale = gcd(*terms.values()) or 1
    scale = max(scale, max(abs(amount) for amount in terms.values()) // COARSE + 1)
    return {column: amount // scale for column, amount in terms.items()}


def _run(model: Program, objective: Terms, seconds: float | None, start: frozenset[int]) -> Answer:
    """Minimise; both of HiGHS's statuses are checked."""
    solver, highspy = _highs(seconds)
    assert solver.passModel(_matrix(highspy, model, objective)) != highspy.HighsStatus.kError
    if start:
        solution = highspy.HighsSolution()
        solution.col_value = [int(column in start) for column in range(model.width)]
        solver.setSolution(solution)
    called, ended = solver.run(), highspy.HighsModelStatus
    if called == highspy.HighsStatus.kError:
        return Answer(None, None, infeasible=False, finished=False)
    info, status = solver.getInfo(), solver.getModelStatus()
    found = info.primal_solution_status == highspy.kSolutionStatusFeasible
    values = solver.getSolution().col_value if found else ()
    bound = Fraction(info.mip_dual_bound) if isfinite(info.mip_dual_bound) else None
    return Answer(
        frozenset(column for column, value in enumerate(values) if 2 * value > 1) if found else None,
        None if bound is None else bound - Fraction(1 + abs(bound), 10**6),
        infeasible=status in (ended.kInfeasible, ended.kUnboundedOrInfeasible),
        finished=status == ended.kOptimal,
    )


def _duals(model: Program, objective: Terms, seconds: float | None) -> list[int]:
    """Return the multipliers of the rows in the relaxation, in parts of GRAIN; none if it was not solved."""
    solver, highspy = _highs(seconds)
    relaxed = _matrix(highspy, model, objective)
    relaxed.integrality_ = []
    solver.passModel(relaxed)
    if (
        solver.run() != highspy.HighsStatus.kOk
        or solver.getModelStatus() != highspy.HighsModelStatus.kOptimal
    ):
        return []
    return [floor(dual * GRAIN) for dual in solver.getSolution().row_dual]


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
        "mip_allow_restart": "false",  # a third quicker on lots of 64 and 100
    }
    limit = {} if seconds is None else {"time_limit": str(seconds)}
    for name, value in (options | limit).items():
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    return solver, highspy


def _matrix(highspy: Any, model: Program, objective: Terms) -> Any:
    """Return the program as HiGHS takes it."""
    import numpy as np  # noqa: PLC0415 - imported when used

    program, rows, free = highspy.HighsLp(), model.rows, highspy.kHighsInf
    program.num_col_, program.num_row_ = model.width, len(rows)
    costs = np.zeros(model.width)
    costs[list(objective)] = list(objective.values())
    program.col_cost_ = costs
    program.col_lower_ = np.array([model.fixed.get(column, 0) for column in range(model.width)], np.double)
    program.col_upper_ = np.array([model.fixed.get(column, 1) for column in range(model.width)], np.double)
    program.row_lower_ = np.array([-free if row.low is None else row.low for row in rows], np.double)
    program.row_upper_ = np.array([free if row.high is None else row.high for row in rows], np.double)
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.cumsum([0, *(len(row.terms) for row in rows)])
    matrix.index_ = np.array([column for row in rows for column in row.terms], np.int32)
    matrix.value_ = np.array([amount for row in rows for amount in row.terms.values()], np.double)
    program.integrality_ = [highspy.HighsVarType.kInteger] * model.width
    return program
