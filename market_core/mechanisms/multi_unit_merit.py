"""Q units from bids whose unit costs rise: put all units in merit order and take the first.

One sort serves the award and every exclusion behind a VCG payment: what the first n units cost without one
bidder is read from running sums, corrected by that bidder's own few steps.
"""

from bisect import bisect_left, bisect_right
from itertools import accumulate

from market_core.mechanisms.multi_unit_bids import UnitProblem, pieces

SOLVER = "merit order"


class MeritOrder:
    """All units of a problem, whose bids stand in key order and rise, ascending by unit score, then key."""

    def __init__(self, problem: UnitProblem) -> None:
        self._problem = problem
        steps = sorted(
            (piece.unit, who, piece.high - piece.low + 1)
            for who, bid in enumerate(problem.bids)
            for piece in pieces(bid)
        )
        self._steps = steps
        self._scores = [score for score, _, _ in steps]
        self._units = list(accumulate((count for _, _, count in steps), initial=0))
        self._sums = list(accumulate((score * count for score, _, count in steps), initial=0))
        self._own: list[list[int]] = [[] for _ in problem.bids]
        for place, (_, who, _) in enumerate(steps):
            self._own[who].append(place)

    def bought(self, without: int | None = None) -> int:
        """Return how many units the buyer takes: up to its max_price, beyond the quantity only at a gain.

        A unit at max_price is bought rather than left: of two equal scores the one nearer the quantity.
        """
        problem = self._problem
        at_a_gain = self._count(bisect_left(self._scores, -problem.excess_cost), without)
        within_max_price = len(self._steps)
        if problem.max_price is not None:
            within_max_price = bisect_right(self._scores, problem.max_price)
        return max(at_a_gain, min(problem.quantity, self._count(within_max_price, without)))

    def units(self) -> list[int]:
        """Return what each bid sells; among equal unit scores the lower key sells first."""
        left, sold = self.bought(), [0] * len(self._problem.bids)
        for _, who, count in self._steps:
            sold[who] += min(count, left)
            left -= min(count, left)
            if not left:
                break
        return sold

    def value(self, without: int | None = None) -> int:
        """Return the buyer's objective, without one bidder if asked."""
        problem, bought = self._problem, self.bought(without)
        over = bought - problem.quantity
        outside = max(over, 0) * problem.excess_cost + max(-over, 0) * (problem.max_price or 0)
        return self._sum(bought, without) + outside

    def unit_score(self, place: int) -> int | None:
        """Return the score of the unit at `place`, from 0, in the whole order; None beyond its end."""
        return self._scores[bisect_right(self._units, place) - 1] if place < self._units[-1] else None

    def _count(self, steps: int, without: int | None) -> int:
        """Return how many units the first `steps` steps have."""
        own = [] if without is None else self._own[without]
        return self._units[steps] - sum(self._steps[place][2] for place in own if place < steps)

    def _sum(self, units: int, without: int | None) -> int:
        """Return what the first `units` units score together."""
        own = [] if without is None else self._own[without]
        skipped_units = skipped_sum = 0
        for place in own:
            # Another bidder's units end before this own step: it stands in the way of none of them.
            if self._units[place] - skipped_units >= units:
                break
            score, _, count = self._steps[place]
            skipped_units, skipped_sum = skipped_units + count, skipped_sum + score * count
        reach = units + skipped_units
        place = bisect_left(self._units, reach)
        if not place:
            return 0
        part = (self._units[place] - reach) * self._scores[place - 1]
        return self._sums[place] - part - skipped_sum
