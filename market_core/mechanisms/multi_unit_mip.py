"""Q units by HiGHS: where the tables are too large, or what one winner may earn depends on what all earn.

What HiGHS says is a proposal: units are rounded, then score and limits are computed again in whole numbers, and an
answer counts as optimal only if no whole number fits between its score and the proved bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, gcd, inf

from market_core.mechanisms.highs import EXACT, Answer, Matrix, least, listed
from market_core.mechanisms.multi_unit_bids import (
    NO_LIMITS,
    SHARE,
    UnitProblem,
    broken,
    objective,
    pieces,
    preference,
    score,
)
from market_core.mechanisms.multi_unit_hull import bound_below, good
from market_core.mechanisms.procurement import Unproved

MOST_TIES = 50
"""Ties are settled, by solving again and again, for up to so many bids."""
MARGINS = (0.0, 1e-9, 1e-6)
"""How far the limit of spending is drawn in where rounding broke it, one try after another."""

Terms = list[tuple[int, int]]
"""A sum: (column, whole coefficient)."""


@dataclass(slots=True)
class _Model:
    """A MIP under construction; a row is a list of (column, coefficient) between two bounds."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    rows: list[tuple[list[tuple[int, float]], float, float]] = field(default_factory=list)

    def column(self, upper: float, whole: bool = True) -> int:
        """Add a column from 0 to `upper` and return its number."""
        self.lower.append(0)
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.lower) - 1

    def row(self, terms: Sequence[tuple[int, float]], low: float, high: float) -> None:
        self.rows.append((list(terms), low, high))

    def fix(self, column: int, value: float) -> None:
        self.lower[column] = self.upper[column] = value


class _Auction:
    """The MIP of a problem: units and a yes or no for each piece of each bid, missing and excess units."""

    def __init__(self, problem: UnitProblem, margin: float = 0.0) -> None:
        self._problem, self.model = problem, _Model()
        self._runs = [pieces(bid) for bid in problem.bids]
        self._columns = [[self._piece(piece.low, piece.high) for piece in run] for run in self._runs]
        self.missing = self.model.column(problem.quantity)
        self.excess = self.model.column(sum(bid.quantity for bid in problem.bids))
        for columns in self._columns:
            self.model.row([(used, 1) for _, used in columns], 0, 1)
        balance = [*self._sold(), (self.missing, 1), (self.excess, -1)]
        self.model.row(balance, problem.quantity, problem.quantity)
        self._limit(margin)

    def score(self) -> Terms:
        """Return the objective."""
        terms = [(self.missing, self._problem.max_price or 0), (self.excess, self._problem.excess_cost)]
        for run, columns in zip(self._runs, self._columns, strict=True):
            for piece, (sold, used) in zip(run, columns, strict=True):
                terms += [(sold, piece.unit), (used, piece.fixed)]
        return terms

    def sold(self, place: int) -> Terms:
        """Return what one bid sells."""
        return [(sold, 1) for sold, _ in self._columns[place]]

    def fix_total(self, total: int) -> None:
        """Fix how many units are bought."""
        over = total - self._problem.quantity
        self.model.fix(self.missing, max(-over, 0))
        self.model.fix(self.excess, max(over, 0))

    def units(self, values: Sequence[float] | None) -> list[int] | None:
        """Return what each bid sells, in whole units; None if that breaks a limit or what a bid offers."""
        if values is None:
            return None
        units = [
            sum(round(values[sold]) for sold, used in columns if values[used] > 0.5)
            for columns in self._columns
        ]
        offered = all(
            not each or any(piece.low <= each <= piece.high for piece in run)
            for each, run in zip(units, self._runs, strict=True)
        )
        return units if offered and not broken(self._problem, units) else None

    def _sold(self) -> Terms:
        return [term for place in range(len(self._columns)) for term in self.sold(place)]

    def _piece(self, low: int, high: int) -> tuple[int, int]:
        sold, used = self.model.column(high), self.model.column(1)
        self.model.row([(sold, 1), (used, -high)], -inf, 0)
        self.model.row([(sold, 1), (used, -low)], 0, inf)
        return sold, used

    def _limit(self, margin: float) -> None:
        limits, model = self._problem.limits, self.model
        most = inf if limits.max_winners is None else limits.max_winners
        model.row([(used, 1) for columns in self._columns for _, used in columns], limits.min_winners, most)
        if limits.max_share is not None:
            bought = model.column(inf, whole=False)
            model.row([*self._sold(), (bought, -1)], 0, 0)
            grain = gcd(limits.max_share, SHARE)
            for place in range(len(self._runs)):
                own = [(column, SHARE // grain) for column, _ in self.sold(place)]
                model.row([*own, (bought, -limits.max_share // grain)], -inf, 0)
        if limits.max_spend_share is not None:
            self._limit_spending(limits.max_spend_share / SHARE * (1 - margin))

    def _limit_spending(self, share: float) -> None:
        """Let no bid cost more than its share of all costs, which are scaled to about 1 a unit."""
        costs: list[Terms] = [
            [
                term
                for piece, (sold, used) in zip(run, columns, strict=True)
                for term in ((sold, piece.unit - bid.extra), (used, piece.fixed))
            ]
            for bid, run, columns in zip(self._problem.bids, self._runs, self._columns, strict=True)
        ]
        scale = max((abs(amount) for terms in costs for _, amount in terms), default=1) or 1
        scaled = [[(column, amount / scale) for column, amount in terms] for terms in costs]
        spent = self.model.column(inf, whole=False)
        self.model.row([*(term for terms in scaled for term in terms), (spent, -1)], 0, 0)
        for terms in scaled:
            self.model.row([*terms, (spent, -share)], -inf, 0)


def solve(problem: UnitProblem, seconds: float | None = None) -> tuple[list[int] | None, int | None]:
    """Return the best allocation found, bids in key order, and a bound on its score (None: it is optimal).

    No allocation where none keeps the limits. Raises Unproved where the time ran out before any was found; without
    limits there always is one, near the best.
    Ties are settled by the rule for up to MOST_TIES bids; beyond, the solver's answer to the sorted bids stands.
    Without a max_price a time limit may also cost units: then nothing is called optimal.
    """
    missing, sure = _fewest_missing(problem, seconds)
    if missing is None:
        return None, None
    units, bound = _least_score(problem, missing, seconds)
    if units is None or bound is not None:
        return units, bound
    if not sure:
        return units, objective(problem, units) - 1
    return (_settled(problem, units, seconds) if len(problem.bids) <= MOST_TIES else units), None


def _fewest_missing(problem: UnitProblem, seconds: float | None) -> tuple[int | None, bool]:
    """Return how many units may stay unbought (None: nothing keeps the limits), and whether that is proved."""
    if problem.max_price is not None:
        return problem.quantity, True
    if problem.limits == NO_LIMITS:
        return max(problem.quantity - sum(bid.quantity for bid in problem.bids), 0), True
    for margin in MARGINS:
        auction = _Auction(problem, margin)
        run = _run(auction.model, [(auction.missing, 1)], 1, seconds)
        if run.infeasible:
            return None, True
        units = auction.units(run.values)
        if units is not None:
            return max(problem.quantity - sum(units), 0), run.finished and not margin
    raise Unproved(_unknown(problem))


def _least_score(
    problem: UnitProblem, missing: int, seconds: float | None
) -> tuple[list[int] | None, int | None]:
    """Return an allocation that keeps the limits and a bound on its score, None where it is optimal."""
    covered = (
        problem if problem.max_price is not None else replace(problem, quantity=problem.quantity - missing)
    )
    bound = bound_below(covered)
    for margin in MARGINS:
        auction = _Auction(problem, margin)
        auction.model.upper[auction.missing] = missing
        terms = auction.score()
        grain = gcd(*(amount for _, amount in terms)) or 1
        run = _run(auction.model, terms, grain, seconds)
        if run.infeasible and not margin:
            return None, None
        # What HiGHS proves counts while its numbers are whole; with a limit drawn in it proves nothing.
        largest = max(abs(amount) * auction.model.upper[column] for column, amount in terms)
        if not margin and run.claimed is not None and largest // grain < EXACT:
            bound = max(bound, ceil(run.claimed - 0.5) * grain)
        units = auction.units(run.values)
        if units is not None:
            return units, None if bound >= objective(problem, units) else bound
    if problem.limits == NO_LIMITS:
        return good(problem), bound
    raise Unproved(_unknown(problem))


def _unknown(problem: UnitProblem) -> int:
    """Return a gap that nothing exceeds: every bid selling all, less the least that any can score."""
    most = sum(abs(score(bid, bid.quantity)) for bid in problem.bids)
    return most + problem.quantity * (problem.max_price or 0) - min(bound_below(problem), 0)


def _settled(problem: UnitProblem, units: list[int], seconds: float | None) -> list[int]:
    """Return the allocation of the same score that the tie rule picks: nearest total, then bid by bid."""
    units = _nearest(problem, units, seconds)
    for place, bid in enumerate(problem.bids):
        if units[place] == bid.quantity:
            continue
        auction = _tied(problem, units, place)
        auction.fix_total(sum(units))
        run = _run(auction.model, [(column, -1) for column, _ in auction.sold(place)], 1, seconds)
        other = auction.units(run.values)
        agrees = other is not None and other[:place] == units[:place] and other[place] > units[place]
        if other is not None and agrees and preference(problem, other) == preference(problem, units):
            units = other
    return units


def _nearest(problem: UnitProblem, units: list[int], seconds: float | None) -> list[int]:
    """Return an allocation of the same score whose total is nearest to the quantity, of two the smaller."""
    if sum(units) == problem.quantity:
        return units
    nearest = _tied(problem, units, 0)
    run = _run(nearest.model, [(nearest.missing, 1), (nearest.excess, 1)], 1, seconds)
    best = min([units, nearest.units(run.values) or units], key=lambda each: preference(problem, each))
    below = 2 * problem.quantity - sum(best)
    if not 0 <= below < problem.quantity:
        return best
    smaller = _tied(problem, best, 0)
    smaller.fix_total(below)
    other = smaller.units(_run(smaller.model, [], 1, seconds).values)
    return min([best, other or best], key=lambda each: preference(problem, each))


def _tied(problem: UnitProblem, units: list[int], settled: int) -> _Auction:
    """Return the MIP of the allocations that score no more and agree on the first bids."""
    auction = _Auction(problem)
    if problem.max_price is None:
        auction.model.upper[auction.missing] = max(problem.quantity - sum(units), 0)
    terms = auction.score()
    grain = gcd(*(amount for _, amount in terms)) or 1
    scaled = [(column, amount // grain) for column, amount in terms]
    auction.model.row(scaled, -inf, objective(problem, units) // grain)
    for place in range(settled):
        auction.model.row(auction.sold(place), units[place], units[place])
    return auction


def _run(model: _Model, objective_: Terms, grain: int, seconds: float | None) -> Answer:
    """Minimise the objective, in parts of `grain`."""
    cost = [0] * len(model.lower)
    for column, amount in objective_:
        cost[column] += amount // grain
    entries = [
        (row, column, amount) for row, (terms, _, _) in enumerate(model.rows) for column, amount in terms
    ]
    sides = [low for _, low, _ in model.rows], [high for _, _, high in model.rows]
    return least(Matrix(cost, model.lower, model.upper, *sides, *listed(entries)), model.whole, seconds)
