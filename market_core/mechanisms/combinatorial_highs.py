"""How HiGHS is asked about lots: a program's relaxation and its exact bounds, and the program itself.

Its multipliers are taken as they are, and the bound they prove is computed again in whole numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from types import MappingProxyType
from typing import Any

from market_core.mechanisms.combinatorial_program import Program
from market_core.mechanisms.highs import Answer, Linear, Matrix, least

GRAIN = 1 << 20
"""Multipliers are rounded down to one of so many parts of a unit."""
WHOLE = 1 << 61
"""Amounts below it add and multiply without overflow in 64 bits."""


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
        self._linear = Linear(_matrix(model, objective), seconds)
        self._shut: list[int] = []
        self._arrays: tuple[Any, ...] | None = None

    def bound(self, shut: Sequence[int] = ()) -> Bound | None:
        """Return what the optimal multipliers prove where the columns `shut` are 0; None if there are none."""
        self._linear.limit(self._shut, 1)
        self._linear.limit(shut, 0)
        self._shut = list(shut)
        solved = self._linear.solved()
        return None if solved is None else self._proved(*solved)

    def _proved(self, values: Sequence[float], duals: Sequence[float]) -> Bound:
        """Return the bound that these multipliers, rounded down, prove in whole numbers.

        Whatever the multipliers of the rows, the objective is at least the sum of what they pay for the rows' sides
        and of the reduced amounts below 0; a column on its other side adds its reduced amount to that.
        """
        import numpy as np

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


Options = Mapping[str, object]
"""HiGHS's own, by its names."""
SOON: Options = {"mip_max_nodes": 20}
"""To find a good decision among few columns: so far it goes."""
PROOF: Options = dict.fromkeys(
    ("mip_heuristic_run_rins", "mip_heuristic_run_rens", "mip_heuristic_run_root_reduced_cost"), False
)
"""To prove what is known the best: looking near it for better takes as long again."""
ROUGH: Options = {"mip_feasibility_tolerance": 1e-6}
"""To find good decisions sooner: being the best is then proved only about."""
OTHER: Options = {**PROOF, "mip_heuristic_effort": 0.0, "mip_heuristic_run_feasibility_jump": False}
"""To see whether there is any: mostly there is none."""


def solve(
    model: Program,
    objective: Sequence[int],
    seconds: float | None,
    options: Options = MappingProxyType({}),
    start: frozenset[int] = frozenset(),
    zero: frozenset[int] = frozenset(),
    one: frozenset[int] = frozenset(),
) -> Answer:
    """Minimise, from `start` if it is not empty, with columns fixed to 0 and to 1.

    A proposal that breaks a rule in exact numbers is excluded, for good, and the rest searched again.
    """
    if start:  # then there is no need to jump to one
        options = {**options, "mip_heuristic_run_feasibility_jump": False}
    while True:
        answer = _solved(model, objective, seconds, options, start, zero, one)
        if answer.ones is None:
            return answer
        chosen = model.chosen(answer.ones)
        if model.part.allows(chosen):
            return answer
        model.exclude(chosen)


def _solved(
    model: Program,
    objective: Sequence[int],
    seconds: float | None,
    options: Options,
    start: frozenset[int],
    zero: frozenset[int],
    one: frozenset[int],
) -> Answer:
    columns = [column for column in range(model.width) if column not in zero]
    if not columns:  # which HiGHS calls empty, whatever the rows ask
        kept = all(low is None or low <= 0 for low in model.rows.low)
        kept = kept and all(high is None or high >= 0 for high in model.rows.high)
        return Answer([0] * model.width if kept else None, 0, infeasible=not kept, finished=kept)
    begin = [int(column in start) for column in columns] if start and not start & zero else ()
    whole = [True] * len(columns)
    answer = least(_matrix(model, objective, zero, one), whole, seconds, begin, **options)
    if answer.values is None:
        return answer
    values = [0.0] * model.width
    for column, value in zip(columns, answer.values, strict=True):
        values[column] = value
    return replace(answer, values=values)


def _matrix(
    model: Program,
    objective: Sequence[int],
    zero: frozenset[int] = frozenset(),
    one: frozenset[int] = frozenset(),
) -> Matrix:
    """Return the program without the columns that are 0."""
    import numpy as np

    rows = model.rows
    kept = np.ones(model.width, bool)
    kept[list(zero)] = False
    lower = np.zeros(model.width)
    lower[list(one)] = 1
    column = np.array(rows.column, np.int64)
    there = kept[column]
    return Matrix(
        np.array(objective, np.double)[kept],
        lower[kept],
        np.ones(int(kept.sum())),
        [-inf if low is None else low for low in rows.low],
        [inf if high is None else high for high in rows.high],
        np.array(rows.row, np.int32)[there],
        (np.cumsum(kept) - 1)[column[there]],
        np.array(rows.amount, np.double)[there],
    )


PART_OF_TIME = 0.2
"""What part of the time a first search may take."""


def split(seconds: float | None) -> tuple[float | None, float | None]:
    """Return the seconds for a first search of few columns, and those for all of them."""
    if seconds is None:
        return None, None
    return seconds * PART_OF_TIME, seconds * (1 - PART_OF_TIME)
