"""Chance that is the same on every machine and on every Python: integers, made of one promised sequence."""

import random
from collections.abc import Iterable, Sequence
from itertools import accumulate


class Dice:
    """All chance, made of `random()`: other methods of `random.Random` may change with the Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, end: int) -> int:
        """Return one of 0 to end - 1; `end` below 2^53."""
        return int(self._random() * end)

    def between(self, low: int, high: int) -> int:
        """Return one of low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, per_cent: int) -> bool:
        """Return True in so many of a hundred throws."""
        return self.below(100) < per_cent

    def weighted(self, weights: Sequence[int]) -> int:
        """Return a position, in proportion to its weight; not all weights are 0."""
        sums = list(accumulate(weights))
        drawn = self.below(sums[-1])
        return next(position for position, sum_ in enumerate(sums) if drawn < sum_)

    def some(self, items: Iterable[int], count: int) -> list[int]:
        """Return `count` different ones of `items`, or all of them if there are fewer."""
        left = list(items)
        return [left.pop(self.below(len(left))) for _ in range(min(count, len(left)))]

    def run(self, per_cent: int, longest: int) -> int:
        """Return 1 and one more for each success before the first failure, at most `longest`."""
        length = 1
        while length < longest and self.chance(per_cent):
            length += 1
        return length

    def spread(self, amount: int) -> int:
        """Return half of `amount` to one and a half of it, rounded down."""
        return amount * self.between(500, 1500) // 1000
