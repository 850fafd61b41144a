"""Winner determination beyond the table: a set cover MIP, by HiGHS.

HiGHS computes in floats, so what it says is a proposal: bids, scores and limits are checked in whole numbers, and an
answer counts as optimal only while every amount is a whole number below 2^53.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, gcd, isfinite, lcm
from typing import Any

from market_core.mechanisms.combinatorial_part import SHARE, Found, Option, Part, tie_order, union
from market_core.mechanisms.procurement import Unproved

SOLVER = "HiGHS"
EXACT = 1 << 53
"""Whole numbers below it are exact in a float."""
COARSE = 1 << 40
"""Coefficients of the share of cost are kept below it; what is rounded away is checked afterwards."""

Terms = Mapping[int, int]
"""Coefficients by column."""


@dataclass(frozen=True, slots=True)
class _Row:
    """low <= terms <= high; None leaves a side open."""

    terms: Terms
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class _Answer:
    """`values`: the columns at 1, None without a solution; `bound`: None where nothing is known."""

    values: frozenset[int] | None
    bound: Fraction | None
    infeasible: bool
    finished: bool


def best(part: Part, seconds: float | None, *, ties: bool, hint: Sequence[Option] = ()) -> Found | None:
    """Return the best decision found within `seconds` a solve; None if the limits cannot hold.

    First the fewest lots without a max_price unbought, then the least score; proved optimal and if `ties`, by the
    tie rule. Raises Unproved if time ran out before anything allowed was found.
    """
    nowhere = (part.unpriced & ~union(part.options)).bit_count()
    try:
        found = cheapest(part, nowhere, seconds, hint)
        if found is None:
            fewest, sure = _fewest_missing(part, seconds)
            if fewest is None:
                return None
            found = cheapest(part, fewest, seconds, hint)
            if found is None or not sure:
                found = _unsure(part, found)
    except Unproved:
        if part.limits.min_winners:
            raise
        found = _unsure(part, None)
    return _tie_rule(part, found, seconds) if ties and not found.gap else found


def cheapest(part: Part, missing: int, seconds: float | None, hint: Sequence[Option] = ()) -> Found | None:
    """Return the decision of least score found that leaves at most `missing` lots without a max_price unbought.

    None where none can. Raises Unproved if time ran out before one was found.
    """
    model = _Model(part, missing)
    objective, scale, exact = _whole(model.score)
    answer = model.solve(objective, seconds, hint)
    if answer.infeasible:
        return None
    chosen = model.chosen(answer)
    if chosen is None:
        if not (part.allows(hint) and part.value(hint)[0] <= missing):
            raise Unproved(part.span)
        chosen = tuple(hint)
    left, score = part.value(chosen)
    bound = part.floor if answer.bound is None else max(part.floor, ceil(answer.bound) * scale)
    bound = score if exact and answer.finished else min(bound, score)
    return Found(chosen, left, score, bound, SOLVER)


def holds(part: Part, seconds: float | None) -> bool:
    """Return whether some decision keeps the limits; yes as well if time ran out."""
    return not _Model(part, len(part.prices)).solve({}, seconds).infeasible


def rivals(
    part: Part, chosen: Sequence[Option], seconds: float | None
) -> Callable[[Mapping[str, Fraction]], tuple[Option, ...]]:
    """Return a function from the surplus of each winner to a best decision where each costs so much more.

    It raises Unproved where the time is too short. Fractions too fine for floats are rounded down.
    """
    missing = part.value(chosen)[0]

    def decide(surplus: Mapping[str, Fraction]) -> tuple[Option, ...]:
        scale = lcm(*(each.denominator for each in surplus.values()))
        raised = _raised(part, surplus, scale)
        if not _whole(_Model(raised, missing).score)[2]:
            raised = _raised(part, surplus, 1)
        found = cheapest(raised, missing, seconds, chosen)
        assert found is not None  # the winners themselves are a decision
        if found.gap and found.score >= raised.value(chosen)[1]:
            raise Unproved(found.gap // scale)
        originals = {option.position: option for option in part.options}
        return tuple(originals[option.position] for option in found.chosen)

    return decide


def _raised(part: Part, surplus: Mapping[str, Fraction], scale: int) -> Part:
    return replace(
        part,
        options=tuple(replace(option, score=option.score * scale) for option in part.options),
        prices={lot: price if price is None else price * scale for lot, price in part.prices.items()},
        surplus={bidder: int(each * scale) for bidder, each in surplus.items()},
    )


def _fewest_missing(part: Part, seconds: float | None) -> tuple[int | None, bool]:
    """Return how many lots without a max_price must stay unbought, None if the limits cannot hold; and is it sure."""
    model = _Model(part, len(part.prices))
    answer = model.solve(dict.fromkeys(model.unpriced, 1), seconds)
    if answer.infeasible:
        return None, True
    chosen = model.chosen(answer)
    if chosen is None:
        if part.limits.min_winners:
            raise Unproved(part.span)
        chosen = ()
    return part.value(chosen)[0], answer.finished


def _unsure(part: Part, found: Found | None) -> Found:
    """Return an answer of which nothing is proved, as more lots might be bought; buying nothing if there is none."""
    if found is None:
        missing, score = part.value(())
        found = Found((), missing, score, score, SOLVER)
    return replace(found, bound=min(part.floor, found.score - 1))


def _tie_rule(part: Part, found: Found, seconds: float | None) -> Found:
    """Return the decision of the same score that the tie rule picks; not `settled` if time ends.

    Each solve excludes what is known and asks for no more weight, until there is no other.
    """
    model = _Model(part, found.missing)
    terms, scale, exact = _whole(model.score)
    if not exact:
        return replace(found, settled=False)
    model.rows.append(_Row(terms, None, found.score // scale))
    weights = {column: option.weight for column, option in enumerate(part.options)}
    picked = found
    while True:
        model.exclude(picked.chosen)
        model.rows.append(_Row(weights, None, tie_order(found.chosen)[0]))
        answer = model.solve(weights, seconds)
        chosen = model.chosen(answer)
        if chosen is None:
            return replace(found, settled=answer.infeasible)
        picked = replace(found, chosen=chosen)
        if part.value(chosen) == (found.missing, found.score):
            found = min(found, picked, key=lambda each: tie_order(each.chosen))


def _whole(score: Terms) -> tuple[Terms, int, bool]:
    """Return the terms divided by their common divisor, the divisor, and whether floats hold them exactly.

    Terms too large are rounded down, so that a bound on them still is one on the score.
    """
    scale = gcd(*score.values()) or 1
    total = sum(abs(amount) for amount in score.values())
    if total // scale < EXACT:
        return {column: amount // scale for column, amount in score.items()}, scale, True
    coarse = scale << (total // scale).bit_length() - 52
    return {column: amount // coarse for column, amount in score.items()}, coarse, False


class _Model:
    """Columns of 0 or 1: each bid wins, each lot stays unbought, and where it matters each bidder is used."""

    def __init__(self, part: Part, missing: int) -> None:
        self.part = part
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

    def _covered(self, missing: int) -> list[_Row]:
        rows: dict[int, dict[int, int]] = {lot: {column: 1} for lot, column in self.lots.items()}
        for column, option in enumerate(self.part.options):
            lots = option.lots
            while lots:
                lowest = lots & -lots
                rows[lowest.bit_length() - 1][column] = 1
                lots ^= lowest
        unbought = _Row(dict.fromkeys(self.unpriced, 1), None, missing)
        return [*(_Row(terms, 1, None) for terms in rows.values()), unbought]

    def _bidders(self) -> list[_Row]:
        """Return the rows of alternatives, of who is used, of how many are, and of the most lots of each."""
        part, rows = self.part, []
        for bidder, columns in self.bids.items():
            used = {self.used[bidder]: -1} if bidder in self.used else {}
            bids = dict.fromkeys(columns, 1)
            if part.exclusive:
                rows.append(_Row(bids | used, 0 if used else None, 0 if used else 1))
            elif used:
                rows += [_Row({column: 1} | used, None, 0) for column in columns]
                rows.append(_Row(bids | used, 0, None))
            if bidder in part.at_most:
                rows.append(_Row(self._sizes(columns), None, part.at_most[bidder]))
        limits = part.limits
        if limits.max_winners is not None or limits.min_winners:
            rows.append(_Row(dict.fromkeys(self.used.values(), 1), limits.min_winners, limits.max_winners))
        return rows

    def _shares(self) -> list[_Row]:
        rows, limits, options = [], self.part.limits, self.part.options
        for columns in self.bids.values():
            if limits.max_share is not None:
                own = {column: size * SHARE for column, size in self._sizes(columns).items()}
                unbought = dict.fromkeys(self.lots.values(), limits.max_share)
                rows.append(_Row(own | unbought, None, limits.max_share * len(self.lots)))
            if limits.max_spend_share is not None:
                spent = {column: -limits.max_spend_share * each.cost for column, each in enumerate(options)}
                for column in columns:
                    spent[column] += SHARE * options[column].cost
                rows.append(_Row(_coarse(spent), None, 0))
        return rows

    def _sizes(self, columns: Sequence[int]) -> dict[int, int]:
        return {column: self.part.options[column].lots.bit_count() for column in columns}

    def exclude(self, chosen: Sequence[Option]) -> None:
        """Rule out exactly this set of winning bids."""
        won = {option.position for option in chosen}
        signs = {c: -1 if each.position in won else 1 for c, each in enumerate(self.part.options)}
        self.rows.append(_Row(signs, 1 - len(won), None))

    def chosen(self, answer: _Answer) -> tuple[Option, ...] | None:
        if answer.values is None:
            return None
        return tuple(option for column, option in enumerate(self.part.options) if column in answer.values)

    def solve(self, objective: Terms, seconds: float | None, hint: Sequence[Option] = ()) -> _Answer:
        """Minimise; a proposal that breaks a rule in exact numbers is excluded, and the rest searched again."""
        while True:
            answer = _run(self, objective, seconds, self._start(hint))
            chosen = self.chosen(answer)
            if chosen is None or self.part.allows(chosen):
                return answer
            self.exclude(chosen)

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


def _run(model: _Model, objective: Terms, seconds: float | None, start: frozenset[int]) -> _Answer:
    """Minimise with a fresh HiGHS, one thread, no gap; both statuses are checked."""
    import highspy as untyped  # noqa: PLC0415 - imported when used

    highspy: Any = untyped
    solver = highspy.Highs()
    options = {"threads": "1", "mip_rel_gap": "0", "mip_abs_gap": "0.4", "mip_feasibility_tolerance": "1e-9"}
    limit = {} if seconds is None else {"time_limit": str(seconds)}
    for name, value in ({"output_flag": "false"} | options | limit).items():
        assert solver.setOptionValue(name, value) == highspy.HighsStatus.kOk
    assert solver.passModel(_program(highspy, model, objective)) != highspy.HighsStatus.kError
    if start:
        solution = highspy.HighsSolution()
        solution.col_value = [int(column in start) for column in range(model.width)]
        solver.setSolution(solution)
    called, ended = solver.run(), highspy.HighsModelStatus
    if called == highspy.HighsStatus.kError:
        return _Answer(None, None, infeasible=False, finished=False)
    info, status = solver.getInfo(), solver.getModelStatus()
    found = info.primal_solution_status == highspy.kSolutionStatusFeasible
    values = solver.getSolution().col_value if found else ()
    bound = Fraction(info.mip_dual_bound) if isfinite(info.mip_dual_bound) else None
    return _Answer(
        frozenset(column for column, value in enumerate(values) if 2 * value > 1) if found else None,
        None if bound is None else bound - Fraction(1 + abs(bound), 10**6),
        infeasible=status in (ended.kInfeasible, ended.kUnboundedOrInfeasible),
        finished=status == ended.kOptimal,
    )


def _program(highspy: Any, model: _Model, objective: Terms) -> Any:
    """Return the model as HiGHS takes it."""
    import numpy as np  # noqa: PLC0415 - imported when used

    program, rows, free = highspy.HighsLp(), model.rows, highspy.kHighsInf
    program.num_col_, program.num_row_ = model.width, len(rows)
    costs = np.zeros(model.width)
    costs[list(objective)] = list(objective.values())
    program.col_cost_ = costs
    program.col_lower_, program.col_upper_ = np.zeros(model.width), np.ones(model.width)
    program.row_lower_ = np.array([-free if row.low is None else row.low for row in rows], np.double)
    program.row_upper_ = np.array([free if row.high is None else row.high for row in rows], np.double)
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.start_ = np.cumsum([0, *(len(row.terms) for row in rows)])
    matrix.index_ = np.array([column for row in rows for column in row.terms], np.int32)
    matrix.value_ = np.array([amount for row in rows for amount in row.terms.values()], np.double)
    program.integrality_ = [highspy.HighsVarType.kInteger] * model.width
    return program
