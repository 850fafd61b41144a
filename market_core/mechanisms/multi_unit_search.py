"""Q units by dynamic programme: which table answers which problem.

One table where it is small enough; with a share of units, one for each range of totals that still matters; where the
problem is large and without limits, a table of what its unit price leaves open.
"""

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush
from itertools import pairwise

from market_core.mechanisms.multi_unit_bids import NO_LIMITS, SHARE, UnitProblem, pieces
from market_core.mechanisms.multi_unit_hull import narrow
from market_core.mechanisms.multi_unit_tables import Run, Tables, counting
from market_core.mechanisms.procurement import TooLarge

SOLVER = "dynamic programme"
MOST_WORK = 60_000_000
"""Cells times pieces of one table; a second or two."""
MOST_CELLS = 15_000_000
"""Cells kept, 8 bytes each."""


def solve(problem: UnitProblem) -> list[int] | None:
    """Return the best allocation that keeps max_winners, min_winners and max_share; None if there is none.

    Raises TooLarge where the tables would be.
    """
    limits, runs = problem.limits, [pieces(bid) for bid in problem.bids]
    top = reach(problem)
    if not fit(problem, runs, top):
        if limits != NO_LIMITS:
            raise TooLarge("the table")
        return solve_narrowed(problem)
    if limits.max_share is not None:
        return _within_share(problem, runs, top, limits.max_share)
    tables = Tables(problem, runs, top)
    best = tables.best()
    return None if best is None else tables.units(best[1])


def solve_narrowed(problem: UnitProblem) -> list[int]:
    """Return the best allocation of a problem without limits, from what its unit price leaves open.

    Raises TooLarge where the table of that would be.
    """
    everything = [bid.quantity for bid in problem.bids]
    if problem.max_price is None and sum(everything) <= problem.quantity:
        return everything
    left = narrow(problem, reach(problem))
    undecided = [place for place, run in enumerate(left.more) if run]
    rest = replace(problem, quantity=problem.quantity - sum(left.least))
    runs = [left.more[place] for place in undecided]
    if not fit(rest, runs, left.top):
        raise TooLarge("the table")
    tables = Tables(rest, runs, left.top)
    best = tables.best()
    assert best is not None  # the best allocations are still there
    units = list(left.least)
    for place, more in zip(undecided, tables.units(best[1]), strict=True):
        units[place] += more
    return units


def least_scores(problem: UnitProblem) -> list[int | None]:
    """Return the least score of exactly 0, 1, ... units, as far as any quantity up to the problem's may need it.

    None where no allocation sells so many. Raises TooLarge where the table would be.
    """
    runs, top = [pieces(bid) for bid in problem.bids], reach(problem)
    if not fit(problem, runs, top):
        raise TooLarge("the table")
    return Tables(problem, runs, top).scores()


def values_without(problem: UnitProblem, bought: int) -> list[int | None]:
    """Return the best score without each bid, as `Tables.values_without`.

    Raises TooLarge where the tables would be, and where a share is limited: then one table is not enough.
    """
    limits, runs, top = problem.limits, [pieces(bid) for bid in problem.bids], reach(problem)
    shared = limits.max_share is not None or limits.max_spend_share is not None
    if shared or not fit(problem, runs, top):
        raise TooLarge("the table")
    return Tables(problem, runs, top).values_without(bought)


def _within_share(problem: UnitProblem, runs: Sequence[Run], top: int, share: int) -> list[int] | None:
    """Return the best allocation in which no bidder exceeds its share of the total.

    A total of n caps every bid at share x n. For a range of totals the cap of its greatest bounds all of them
    from below; where the cap is one for the best of the range it is exact. Halve the most promising range until
    that is so: no other can hold anything better.
    """
    waiting: list[tuple[tuple[int, int, int, int], int, int]] = []

    def look(low: int, high: int) -> None:
        best = Tables(problem, runs, high, share * high // SHARE).best(low, high)
        if best is not None:
            heappush(waiting, (best[0], low, high))

    look(0, top)
    while waiting:
        bound, low, high = heappop(waiting)
        total = bound[3]
        if share * total // SHARE == share * high // SHARE:
            return Tables(problem, runs, total, share * total // SHARE).units(total)
        middle = (low + high) // 2
        look(low, middle)
        look(middle + 1, high)
    return None


def reach(problem: UnitProblem) -> int:
    """Return a number of units that some best allocation of least excess never exceeds.

    Between the points where a bid's total falls (its minimum, a tier that makes more cheaper) a unit less is
    never dearer. So beyond the quantity winners stand at such points, each at most `jump`, or the share cap
    holds them: then all at the top can go down together. A whole winner can go where the excess allows it,
    unless min_winners or the cap (at most jump / share units in all) keeps it.
    """
    limits, everything = problem.limits, sum(bid.quantity for bid in problem.bids)
    if any(piece.unit + problem.excess_cost < 0 for bid in problem.bids for piece in pieces(bid)):
        return everything
    jumps = sorted((_jump(problem, bid) for bid in map(pieces, problem.bids)), reverse=True)
    most = max(jumps, default=0)
    bound = max(problem.quantity + most, sum(jumps[: limits.min_winners]))
    if limits.max_share is not None:
        at_cap = -(-most * SHARE // max(limits.max_share, 1)) + most
        bound = max(bound, problem.quantity + len(problem.bids), at_cap)
    return min(bound, everything)


def _jump(problem: UnitProblem, bid: Run) -> int:
    """Return the last quantity of a bid at which one unit less is not to be had, or is dearer."""
    falls = [
        high.low for low, high in pairwise(bid) if high.at(high.low) + problem.excess_cost < low.at(low.high)
    ]
    return max([bid[0].low, *falls])


def fit(problem: UnitProblem, runs: Sequence[Run], top: int) -> bool:
    """Return whether the tables of these runs, up to `top` units, are small enough."""
    rows = counting(problem)[0] * (top + 1)
    work = sum(len(run) for run in runs)
    return rows * (len(runs) + 1) <= MOST_CELLS and rows * work <= MOST_WORK
