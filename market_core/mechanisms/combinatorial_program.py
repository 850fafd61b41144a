"""A part's winner determination as a program in columns of 0 or 1, in whole numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from math import gcd

from market_core.mechanisms.combinatorial_part import SHARE, Option, Part, lots_of, union

COARSE = 1 << 30
"""Coefficients of the share of cost are kept below it; what is rounded away is checked afterwards."""


@dataclass(slots=True)
class Rows:
    """Rows low <= terms <= high, None leaves a side open; the terms as three lists of equal length."""

    low: list[int | None] = field(default_factory=list)
    high: list[int | None] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    amount: list[int] = field(default_factory=list)

    def add(self, columns: Iterable[int], amounts: Iterable[int], low: int | None, high: int | None) -> None:
        """Add a row with one amount for each of the columns."""
        before = len(self.column)
        self.column += columns
        self.amount += amounts
        self.row += repeat(len(self.low), len(self.column) - before)
        self.low.append(low)
        self.high.append(high)

    def ones(self, columns: Sequence[int], low: int | None, high: int | None) -> None:
        """Add a row that sums columns."""
        self.add(columns, repeat(1, len(columns)), low, high)

    def terms(self, terms: Mapping[int, int], low: int | None, high: int | None) -> None:
        """Add a row given as amounts by column."""
        self.add(terms.keys(), terms.values(), low, high)

    def copy(self) -> "Rows":
        """Return rows of their own."""
        return Rows(
            self.low.copy(), self.high.copy(), self.row.copy(), self.column.copy(), self.amount.copy()
        )


class Program:
    """Columns of 0 or 1: each bid wins, each lot that may stays unbought, and where it matters each bidder is used.

    At most `missing` lots without a max_price stay unbought. `score` has an amount for each column.
    """

    def __init__(self, part: Part, missing: int) -> None:
        self.part = part
        reached = union(part.options)
        never = (part.unpriced & ~reached).bit_count()
        # Where all the others must be bought, a lot without a max_price needs no column.
        free = [lot for lot in sorted(part.prices) if missing > never or part.prices[lot] is not None]
        free = [lot for lot in free if reached >> lot & 1 or part.prices[lot] is not None]
        self.never, self.spare = never, missing - never
        self.unbought = {lot: len(part.options) + place for place, lot in enumerate(free)}
        self.unpriced = [column for lot, column in self.unbought.items() if part.prices[lot] is None]
        self.bids: dict[str, list[int]] = {}
        for column, option in enumerate(part.options):
            self.bids.setdefault(option.bidder, []).append(column)
        first = len(part.options) + len(free)
        self.counted = part.limits.max_winners is not None or part.limits.min_winners > 0
        # Where a bidder's bids are alternatives, they say themselves whether it is used.
        named = [] if part.exclusive else [b for b in self.bids if self.counted or b in part.surplus]
        self.used = {bidder: first + place for place, bidder in enumerate(named)}
        self.width = first + len(self.used)
        self.rows = Rows()
        self._covered(reached)
        self._bidders()
        self._shares()
        self.score = self._score()

    def _score(self) -> list[int]:
        part = self.part
        score = [option.score for option in part.options]
        score += [part.prices[lot] or 0 for lot in self.unbought]
        score += [0] * len(self.used)
        for bidder, surplus in part.surplus.items():
            for column in [self.used[bidder]] if bidder in self.used else self.bids.get(bidder, []):
                score[column] += surplus
        return score

    def _covered(self, reached: int) -> None:
        lots = [lot for lot in sorted(self.part.prices) if reached >> lot & 1 or lot in self.unbought]
        place, rows = {lot: row for row, lot in enumerate(lots)}, self.rows
        for column, option in enumerate(self.part.options):
            covers = [place[lot] for lot in lots_of(option.lots)]
            rows.row += covers
            rows.column += repeat(column, len(covers))
        rows.row += [place[lot] for lot in self.unbought]
        rows.column += self.unbought.values()
        rows.amount += repeat(1, len(rows.row))
        rows.low += repeat(1, len(lots))
        rows.high += repeat(None, len(lots))
        if self.unpriced:
            rows.ones(self.unpriced, None, self.spare)

    def _bidders(self) -> None:
        """Add the rows of alternatives, of who is used, of how many are, and of the most lots of each."""
        part, rows = self.part, self.rows
        for bidder, columns in self.bids.items():
            if part.exclusive and len(columns) > 1:
                rows.ones(columns, None, 1)
            if bidder in self.used:
                used = self.used[bidder]
                for column in columns:
                    rows.add([column, used], [1, -1], None, 0)
                rows.add([*columns, used], [*repeat(1, len(columns)), -1], 0, None)
            if bidder in part.at_most:
                rows.terms(self._sizes(columns), None, part.at_most[bidder])
        if self.counted:
            winners = range(len(part.options)) if part.exclusive else [*self.used.values()]
            rows.ones(winners, part.limits.min_winners, part.limits.max_winners)

    def _shares(self) -> None:
        rows, limits, options = self.rows, self.part.limits, self.part.options
        for columns in self.bids.values():
            if limits.max_share is not None:
                own = {column: size * SHARE for column, size in self._sizes(columns).items()}
                left = dict.fromkeys(self.unbought.values(), limits.max_share)
                rows.terms(own | left, None, limits.max_share * (len(self.part.prices) - self.never))
            if limits.max_spend_share is not None:
                spent = {column: -limits.max_spend_share * each.cost for column, each in enumerate(options)}
                for column in columns:
                    spent[column] += SHARE * options[column].cost
                rows.terms(_coarse(spent), None, 0)

    def _sizes(self, columns: Sequence[int]) -> dict[int, int]:
        return {column: self.part.options[column].lots.bit_count() for column in columns}

    def exclude(self, chosen: Sequence[Option]) -> None:
        """Rule out exactly this set of winning bids."""
        won = {option.position for option in chosen}
        signs = [-1 if each.position in won else 1 for each in self.part.options]
        self.rows.add(range(len(signs)), signs, 1 - len(won), None)

    def chosen(self, values: Iterable[int]) -> tuple[Option, ...]:
        """Return the winning bids where these columns are 1."""
        return tuple(self.part.options[column] for column in values if column < len(self.part.options))

    def columns(self, chosen: Sequence[Option]) -> frozenset[int]:
        """Return the columns that are 1 where these bids win."""
        won, covered = {option.position for option in chosen}, union(chosen)
        bids = {column for column, option in enumerate(self.part.options) if option.position in won}
        unbought = {column for lot, column in self.unbought.items() if not covered >> lot & 1}
        used = {self.used[option.bidder] for option in chosen if option.bidder in self.used}
        return frozenset(bids | unbought | used)


def _coarse(terms: Mapping[int, int]) -> dict[int, int]:
    """Return the terms of a sum that may not exceed 0, divided and rounded down: nothing allowed is lost."""
    scale = gcd(*terms.values()) or 1
    scale = max(scale, max(abs(amount) for amount in terms.values()) // COARSE + 1)
    return {column: amount // scale for column, amount in terms.items()}
