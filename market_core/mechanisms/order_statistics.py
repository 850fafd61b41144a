"""The lowest and second lowest of several costs drawn from those seen: exact chances, in fractions."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

ENDS = Fraction(5, 100), Fraction(95, 100)
Above = Callable[[int], Fraction]
"""The chance that something is above a cost."""


@dataclass(frozen=True, slots=True)
class Span:
    """A mean, and what nine of ten keep within: one in twenty is below `low`, one in twenty above `high`."""

    mean: Fraction
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Pool:
    """`costs` seen, ascending, and how many auctions had how many bids (`sizes`).

    An auction has as many bids as one of those seen, and each asks one of the costs seen.
    """

    costs: Sequence[int]
    sizes: Mapping[int, int]

    @classmethod
    def of(cls, auctions: Iterable[Sequence[int]], most: int) -> "Pool":
        """Return the pool of auctions, oldest first, of which the latest `most` costs count."""
        listed = [costs for costs in auctions if costs]
        together = [cost for costs in listed for cost in costs]
        return cls(sorted(together[-most:]), Counter(map(len, listed)))

    @property
    def contested(self) -> Mapping[int, int]:
        """How many auctions had two bids or more, by their number."""
        return {size: often for size, often in self.sizes.items() if size > 1}

    def share_above(self, cost: int) -> Fraction:
        """Return the share of the costs that is above `cost`."""
        return Fraction(len(self.costs) - bisect_right(self.costs, cost), len(self.costs))

    def lowest_above(self, cost: int, sizes: Mapping[int, int] | None = None) -> Fraction:
        """Return the chance that all bids are above `cost`, in an auction of `sizes` (default: with bids)."""
        share = self.share_above(cost)
        return _mean((share**n, often) for n, often in (sizes or self.sizes).items())

    def second_above(self, cost: int) -> Fraction:
        """Return the chance that all bids but at most one are above `cost`, in a contested auction."""
        share = self.share_above(cost)
        at_most_one = ((share**n + n * (1 - share) * share ** (n - 1), f) for n, f in self.contested.items())
        return _mean(at_most_one)

    def next_after(self, cost: int) -> Fraction:
        """Return the mean of the second lowest cost in a contested auction whose lowest is `cost`, others above it."""

        def rivals_above(level: int) -> Fraction:
            share = self.share_above(level)
            return _mean((n * share ** (n - 1), often) for n, often in self.contested.items())

        given = rivals_above(cost)
        if not given:
            return Fraction(cost)
        return cost + self._integral(rivals_above, cost) * Fraction(given.denominator, given.numerator)

    def span(self, above: Above) -> Span:
        """Return the mean and the ends of what is above a cost with the chance `above(cost)`."""
        levels = sorted(set(self.costs))
        low, high = (next(level for level in levels if 1 - above(level) >= end) for end in ENDS)
        return Span(levels[0] + self._integral(above, levels[0]), low, high)

    def _integral(self, above: Above, start: int) -> Fraction:
        steps = [start, *sorted({cost for cost in self.costs if cost > start})]
        return sum(((high - low) * above(low) for low, high in pairwise(steps)), Fraction(0))


def _mean(values: Iterable[tuple[Fraction, int]]) -> Fraction:
    """Return the mean of values, each seen so often."""
    listed = list(values)
    total = sum((value * often for value, often in listed), Fraction(0))
    return total * Fraction(1, sum(often for _, often in listed))
