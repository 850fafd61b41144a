"""Q units from any bids: a dynamic programme over how many units are bought, exact, with numpy.

`after[j][r, n]` is the least score at which the bids from j on (in key order) sell exactly n units with r winners
still permitted (or required). One bid is added per step: for each linear piece of its score a sliding-window
minimum, so its work grows with the units and hardly with the width of the piece. Amounts are int64 where every
sum is safely inside, Python integers otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from market_core.mechanisms.multi_unit_bids import Piece, UnitProblem

Run = tuple[Piece, ...]
SAFE = 250_000_000_000_000_000
"""Sums of amounts up to it, and of two infinities of twelve times it, stay within int64."""


def counting(problem: UnitProblem) -> tuple[int, bool, int]:
    """Return how many rows count winners, whether they count down what is permitted, and the rows that may end.

    With a max_winners that binds, row r permits r more winners; without, row r requires r more. The top row
    starts; the rows below the third number may end.
    """
    limits, bidders = problem.limits, len(problem.bids)
    if limits.max_winners is not None and limits.max_winners < bidders:
        return limits.max_winners + 1, True, limits.max_winners - limits.min_winners + 1
    return limits.min_winners + 1, False, 1


class Tables:
    """The programme of one problem for totals up to `top`.

    `runs`: what each bid may sell besides nothing, in key order, each bid at most `cap` units.
    """

    def __init__(self, problem: UnitProblem, runs: Sequence[Run], top: int, cap: int | None = None) -> None:
        import numpy as np

        self._np, self._problem, self._top = np, problem, top
        self._runs = [_capped(run, top if cap is None else min(cap, top)) for run in runs]
        rows, self._permits, ending = counting(problem)
        self._exact = _largest(problem, self._runs, top) > SAFE
        self._infinity = 10**40 if self._exact else 12 * SAFE
        last = self._empty(rows)
        last[:ending, 0] = 0
        self._after = [last]
        for bid in reversed(self._runs):
            self._after.append(self._pull(self._after[-1], bid))
        self._after.reverse()

    def best(self, low: int = 0, high: int | None = None) -> tuple[tuple[int, int, int, int], int] | None:
        """Return the preference (as `preference` orders) and the total of the best of `low` to `high` units."""
        return self._best_of(self._after[0][-1], low, self._top if high is None else high)

    def units(self, total: int) -> list[int]:
        """Return the allocation of `total` units: by ascending key each bid gets the most that is still best."""
        row, left, sold = len(self._after[0]) - 1, total, []
        for bid, now, later in zip(self._runs, self._after, self._after[1:], strict=False):
            most = self._most(bid, now[row, left], later, row, left)
            sold.append(most)
            left -= most
            row = self._below(row) if most else row
        return sold

    def scores(self) -> list[int | None]:
        """Return the least score of exactly 0, 1, ... units; None where no allocation sells so many."""
        first = self._after[0][-1]
        return [int(each) if each < self._infinity // 2 else None for each in first]

    def values_without(self, bought: int) -> list[int | None]:
        """Return the best score without each bid; None where less of the quantity can be had than `bought`.

        `bought` counts only without a max_price. What the bids before and those after one can sell, for every
        number of units, is in two tables; joining them takes one pass, as the outside option is linear.
        """
        before, values = self._empty(len(self._after[0])), []
        before[-1, 0] = 0
        for bid, after in zip(self._runs, self._after[1:], strict=True):
            joined = [self._join(one, other, bought) for one, other in zip(before, after, strict=True)]
            found = [int(value) for value in joined if value < self._infinity // 2]
            values.append(min(found) if found else None)
            before = self._push(before, bid)
        return values

    def _empty(self, rows: int) -> Any:
        kind = object if self._exact else self._np.int64
        return self._np.full((rows, self._top + 1), self._infinity, dtype=kind)

    def _below(self, row: int) -> int:
        """Return the row after one more winner; -1 where none is permitted."""
        return row - 1 if self._permits else max(row - 1, 0)

    def _pull(self, after: Any, bid: Run) -> Any:
        """Return the table with one more bid in front."""
        table = after.copy()
        for row in range(len(after)):
            if self._below(row) >= 0:
                self._sell(after[self._below(row)], bid, table[row])
        return self._settled(table)

    def _push(self, before: Any, bid: Run) -> Any:
        """Return the table with one more bid behind: each row is what is left to permit or require."""
        table = before.copy()
        for row in range(len(before)):
            if self._below(row) >= 0:
                self._sell(before[row], bid, table[self._below(row)])
        return self._settled(table)

    def _settled(self, table: Any) -> Any:
        table[table >= self._infinity // 2] = self._infinity
        return table

    def _sell(self, source: Any, bid: Run, target: Any) -> None:
        """Lower `target` to what is reached from `source` when the bid sells something."""
        np = self._np
        for piece in bid:
            length = len(source) - piece.low
            ramp = piece.unit * self._counts(length)
            # Selling u of n units: source[n - u] + unit x u, the least over the window of all u in the piece.
            least = self._window_minimum(source[:length] - ramp, piece.high - piece.low + 1)
            sold = least + (ramp + piece.at(piece.low))
            np.minimum(target[piece.low :], sold, out=target[piece.low :])

    def _counts(self, length: int) -> Any:
        return self._np.arange(length, dtype=object if self._exact else self._np.int64)

    def _window_minimum(self, values: Any, width: int) -> Any:
        """Return at each place the least of the last `width` values up to it."""
        np = self._np
        if width >= len(values):
            return np.minimum.accumulate(values)
        have = 1
        while have < width:
            step = min(have, width - have)
            doubled = values.copy()
            np.minimum(values[step:], values[:-step], out=doubled[step:])
            values, have = doubled, have + step
        return values

    def _most(self, bid: Run, target: int, later: Any, row: int, left: int) -> int:
        """Return the most units the bid can sell so that those after it complete the best allocation."""
        if self._below(row) < 0:
            return 0
        source = later[self._below(row)]
        for piece in reversed(bid):
            high = min(piece.high, left)
            if piece.low > high:
                continue
            sold = piece.at(piece.low) + piece.unit * self._counts(high - piece.low + 1)
            rest = source[left - high : left - piece.low + 1][::-1]
            best = self._np.flatnonzero(rest + sold == target)
            if len(best):
                return piece.low + int(best[-1])
        return 0

    def _best_of(self, scores: Any, low: int, high: int) -> tuple[tuple[int, int, int, int], int] | None:
        """Return the best total from `low` to `high` by missing units, score, distance, units."""
        np, problem = self._np, self._problem
        totals = np.arange(low, high + 1)
        totals = totals[scores[low : high + 1] < self._infinity // 2]
        if not len(totals):
            return None
        if problem.max_price is None:  # as many as possible first
            totals = totals[totals >= min(problem.quantity, totals[-1])]
        over = totals - problem.quantity
        values = scores[totals] + self._outside(over)
        tied = totals[values == values.min()]
        total = int(tied[np.argmin(2 * abs(tied - problem.quantity) + (tied > problem.quantity))])
        missing = max(problem.quantity - total, 0) if problem.max_price is None else 0
        return (missing, int(values.min()), abs(total - problem.quantity), total), total

    def _outside(self, over: Any) -> Any:
        """Return what the buyer adds for totals that are `over` beyond the quantity, or below it."""
        np, problem = self._np, self._problem
        over = over.astype(object) if self._exact else over
        return np.maximum(over, 0) * problem.excess_cost + np.maximum(-over, 0) * (problem.max_price or 0)

    def _join(self, one: Any, other: Any, bought: int) -> Any:
        """Return the best objective of one total from each table; infinite where there is none."""
        if self._problem.max_price is not None:
            return min(self._covering(one, other), self._leaving(one, other))
        if bought < self._problem.quantity:  # exactly so many: more there never were
            return (one[: bought + 1] + other[bought::-1]).min()
        return self._covering(one, other)

    def _covering(self, one: Any, other: Any) -> Any:
        """Return the best of all pairs of totals that make up the quantity or more.

        The excess is linear, so the best partner of a total is the best from what it lacks on.
        """
        np, quantity, price = self._np, self._problem.quantity, self._problem.excess_cost
        totals = self._counts(self._top + 1)
        best_from = np.minimum.accumulate((other + price * totals)[::-1])[::-1]
        lacks = np.maximum(quantity - np.arange(self._top + 1), 0)
        can = lacks <= self._top
        pairs = (one + price * (totals - quantity))[can] + best_from[lacks[can]]
        return pairs.min() if len(pairs) else self._infinity

    def _leaving(self, one: Any, other: Any) -> Any:
        """Return the best of all pairs of totals that make up the quantity or less, the rest at max_price."""
        np, quantity, price = self._np, self._problem.quantity, self._problem.max_price
        totals, few = self._counts(self._top + 1), min(quantity, self._top) + 1
        best_to = np.minimum.accumulate(other - price * totals)
        room = np.minimum(quantity - np.arange(few), self._top)
        return ((one + price * (quantity - totals))[:few] + best_to[room]).min()


def _capped(bid: Run, top: int) -> Run:
    """Return the pieces of a bid that sells at most `top` units."""
    return tuple(replace(piece, high=min(piece.high, top)) for piece in bid if piece.low <= top)


def _largest(problem: UnitProblem, bids: list[Run], top: int) -> int:
    """Return a bound on every amount that a table adds up."""
    slopes = [abs(piece.unit) for bid in bids for piece in bid]
    fixed = sum(max((abs(piece.fixed) for piece in bid), default=0) for bid in bids)
    outside = max(problem.quantity, top) * max(problem.max_price or 0, problem.excess_cost)
    return max(max(slopes, default=0) * top + fixed, outside)
