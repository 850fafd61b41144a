"""Q units at one price per unit: a bound below every score, a good allocation, and what both rule out.

At a price for each unit every bid sells what suits it best, whatever the others do; what the buyer then keeps bounds
every allocation from below (Lagrange). A quantity of one bid that alone loses more than lies between the bound and
an allocation in hand is in no best one. All in whole numbers, so what is left holds every best allocation, ties too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from market_core.mechanisms.multi_unit_bids import Piece, UnitProblem, objective, pieces, score

Run = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What is left of a problem: bid i sells `least[i]` units, or so many more as `more[i]` says (or none more).

    The scores of `more` are on top of those of `least`. `top`: the most units that all bids sell more.
    """

    least: list[int]
    more: list[Run]
    top: int


def bound_below(problem: UnitProblem) -> int:
    """Return a score that no allocation beats; without a max_price, none that buys as much as can be bought."""
    runs = [pieces(bid) for bid in problem.bids]
    if problem.max_price is None:
        problem = replace(problem, quantity=min(problem.quantity, sum(bid.quantity for bid in problem.bids)))
    return _bound(problem, runs, _price(problem, runs)[0])


def good(problem: UnitProblem) -> list[int]:
    """Return an allocation near the best one; the problem has no limits."""
    runs = [pieces(bid) for bid in problem.bids]
    return _good(problem, runs, _price(problem, runs)[1])


def narrow(problem: UnitProblem, reach: int) -> Narrowed:
    """Return what is left of a problem when what no best allocation holds is dropped.

    The problem has no limits; without a max_price its bids can sell the quantity. No best allocation of least
    excess buys more than `reach`.
    """
    runs = [pieces(bid) for bid in problem.bids]
    price, corners = _price(problem, runs)
    slack = objective(problem, _good(problem, runs, corners)) - _bound(problem, runs, price)
    least, more = [], []
    for run in runs:
        zero, left = _near_best(run, price, slack)
        start = 0 if zero else left[0].low
        least.append(start)
        more.append(left if zero else _on_top(left, start))
    if price + problem.excess_cost > 0:
        reach = min(reach, problem.quantity + slack // (price + problem.excess_cost))
    top = min(reach - sum(least), sum(run[-1].high for run in more if run))
    return Narrowed(least, more, top)


def _price(problem: UnitProblem, runs: Sequence[Run]) -> tuple[int, list[int]]:
    """Return a unit price at which about the quantity is sold, and what each bid sells short of the last step."""
    edges = sorted(
        ((high[1] - low[1]) // (high[0] - low[0]), who, high[0])
        for who, run in enumerate(runs)
        for low, high in pairwise(_hull(run))
    )
    sold, bought, price = [0] * len(runs), 0, -problem.excess_cost
    for slope, who, units in edges:
        step = units - sold[who]
        if slope >= -problem.excess_cost:
            if bought >= problem.quantity:
                return price, sold
            if problem.max_price is not None and slope > problem.max_price:
                return problem.max_price, sold
            price = slope
            if bought + step > problem.quantity:
                return price, sold
        bought, sold[who] = bought + step, units
    if problem.max_price is not None and bought < problem.quantity:
        price = problem.max_price
    return price, sold


def _hull(run: Run) -> list[tuple[int, int]]:
    """Return the corners (units, score) of the greatest convex function below a bid's scores, from (0, 0)."""
    corners = [(0, 0)]
    for piece in run:
        for units in dict.fromkeys((piece.low, piece.high)):
            point = units, piece.at(units)
            while len(corners) > 1 and not _turns_up(corners[-2], corners[-1], point):
                corners.pop()
            corners.append(point)
    return corners


def _turns_up(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    return (b[1] - a[1]) * (c[0] - b[0]) < (c[1] - b[1]) * (b[0] - a[0])


def _bound(problem: UnitProblem, runs: Sequence[Run], price: int) -> int:
    """Return what the buyer keeps at the price: it holds for every price, best for one near the margin."""
    best = sum(min(0, *(_reduced(piece, price) for piece in run)) for run in runs)
    missing = 0 if problem.max_price is None else min(0, (problem.max_price - price) * problem.quantity)
    return price * problem.quantity + best + missing


def _reduced(piece: Piece, price: int) -> int:
    """Return the least of score - price x units in the piece."""
    return min(piece.at(piece.low) - price * piece.low, piece.at(piece.high) - price * piece.high)


def _good(problem: UnitProblem, runs: Sequence[Run], corners: list[int]) -> list[int]:
    """Return the best allocation that differs from the corners in at most one bid.

    Each bid in turn takes what the others leave of the quantity, in each of its pieces as nearly as it can.
    """
    bought = sum(corners)
    scores = [score(bid, units) for bid, units in zip(problem.bids, corners, strict=True)]
    total = sum(scores)

    def worth(units: int, sum_of_scores: int) -> tuple[int, int]:
        over = units - problem.quantity
        missing = max(-over, 0)
        outside = missing * (problem.max_price or 0) + max(over, 0) * problem.excess_cost
        return (missing if problem.max_price is None else 0), sum_of_scores + outside

    best, who, units = worth(bought, total), 0, corners[0]
    for place, run in enumerate(runs):
        rest = bought - corners[place]
        for piece in run:
            fill = max(piece.low, min(piece.high, problem.quantity - rest))
            value = worth(rest + fill, total - scores[place] + piece.at(fill))
            if value < best:
                best, who, units = value, place, fill
    return [*corners[:who], units, *corners[who + 1 :]]


def _near_best(run: Run, price: int, slack: int) -> tuple[bool, Run]:
    """Return whether selling nothing, and which quantities, lose at most `slack` at the price."""
    most = min(0, *(_reduced(piece, price) for piece in run)) + slack
    left = []
    for piece in run:
        low, high, slope, room = piece.low, piece.high, piece.unit - price, most - piece.fixed
        if slope > 0:
            high = min(high, room // slope)
        elif slope < 0:
            low = max(low, -(room // -slope))
        elif room < 0:
            continue
        if low <= high:
            left.append(replace(piece, low=low, high=high))
    return most >= 0, tuple(left)


def _on_top(run: Run, start: int) -> Run:
    """Return the quantities above `start`, and their scores above its score."""
    base = run[0].at(start)
    moved = (
        Piece(max(piece.low - start, 1), piece.high - start, piece.unit, piece.at(start) - base)
        for piece in run
    )
    return tuple(piece for piece in moved if piece.low <= piece.high)
