"""One side of a book as a curve: how much it trades at each price, with some of its entries decided."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from market_core.mechanisms.clearing_book import Entry, Spans, spans
from market_core.values import largest_remainder

States = Mapping[int, int]
"""What is decided, by position: 0 for left out, n for a quantity within the n-th span."""


@dataclass(frozen=True, slots=True)
class Level:
    """What may share one rank: `room` that takes any part, and the undecided entries, which may not."""

    room: int
    choices: Sequence[int]


class Side:
    """The entries of one side, by rank: an undecided entry counts as if any part of it could be had at its best.

    Its best is its last span: the whole quantity at the lowest ask. No part of an entry costs less per unit, so
    the curve bounds what the entries can do.
    """

    def __init__(self, entries: Sequence[Entry], ranks: Sequence[int], grain: int) -> None:
        self.keys = [entry.key for entry in entries]
        self.spans: list[Spans] = [
            spans(entry, rank, grain) for entry, rank in zip(entries, ranks, strict=True)
        ]
        self.grain = grain
        trading = [place for place, runs in enumerate(self.spans) if runs]
        trading.sort(key=lambda place: self.spans[place][-1].rank)
        lasts = [self.spans[place][-1] for place in trading]
        self._ranks = [last.rank for last in lasts]
        self._quantities = [0, *accumulate(last.high for last in lasts)]
        self._costs = [0, *accumulate(last.rank * last.high for last in lasts)]
        self.choices = sorted((p for p in trading if not self.whole(p)), key=self.keys.__getitem__)
        self._room: dict[int, int] = {}
        self._choices_at: dict[int, list[int]] = {}
        for place, last in zip(trading, lasts, strict=True):
            if self.whole(place):
                self._room[last.rank] = self._room.get(last.rank, 0) + last.high
        # Large ones first: the small ones fit into what is left.
        for place in sorted(self.choices, key=lambda place: -self.spans[place][-1].high):
            self._choices_at.setdefault(self.spans[place][-1].rank, []).append(place)

    def whole(self, place: int) -> bool:
        """Return whether any part of the entry may be traded, at one rank."""
        return self.spans[place][0].low == 0

    def ranks(self) -> Iterable[int]:
        """Return every rank at which something is for trade."""
        return (span.rank for runs in self.spans for span in runs)

    def worst(self, states: States) -> int | None:
        """Return the highest rank that was decided to trade."""
        return max((self.spans[p][state - 1].rank for p, state in states.items() if state), default=None)

    def below(self, rank: int, cut: int | None, states: States) -> tuple[int, int]:
        """Return the quantity that trades where ranks below `rank` do, and the sum of rank x quantity.

        Entries with a rank above `cut` do not trade; what is decided trades its least at any rank.
        """
        end = bisect_left(self._ranks, rank)
        if cut is not None and cut < rank:
            end = bisect_right(self._ranks, cut)
        quantity, cost = self._quantities[end], self._costs[end]
        for place, state in states.items():
            last = self.spans[place][-1]
            if last.rank < rank and (cut is None or last.rank <= cut):
                quantity -= last.high
                cost -= last.rank * last.high
            if state:
                span = self.spans[place][state - 1]
                amount = span.high if span.rank < rank else span.low
                quantity += amount
                cost += span.rank * amount
        return quantity, cost

    def level(self, rank: int, cut: int | None, states: States) -> Level:
        """Return what may trade at `rank` beyond what trades below it."""
        decided = (self.spans[place][state - 1] for place, state in states.items() if state)
        room = sum(span.high - span.low for span in decided if span.rank == rank)
        if cut is not None and cut < rank:
            return Level(room, ())
        choices = [place for place in self._choices_at.get(rank, ()) if place not in states]
        return Level(room + self._room.get(rank, 0), choices)

    def filled(self, rank: int, cut: int | None, states: States, traded: int) -> list[int]:
        """Return the quantity of each entry; every entry that is not `whole` is decided.

        What is left for `rank` is shared in proportion to what each entry there may still take.
        """
        amounts, room = [0] * len(self.spans), [0] * len(self.spans)
        for place, runs in enumerate(self.spans):
            if not runs or (place in states and not states[place]):
                continue
            span = runs[states.get(place, 1) - 1]
            if span.rank < rank and (cut is None or span.rank <= cut):
                amounts[place] = span.high
            elif place in states:
                amounts[place] = span.low
            if span.rank == rank and (cut is None or rank <= cut):
                room[place] = span.high - amounts[place]
        marginal = [place for place, more in enumerate(room) if more]
        shares = largest_remainder(
            (traded - sum(amounts)) // self.grain,
            [room[place] // self.grain for place in marginal],
            [self.keys[place] for place in marginal],
        )
        for place, share in zip(marginal, shares, strict=True):
            amounts[place] += share * self.grain
        return amounts
