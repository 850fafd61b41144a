"""The part of a clearing that is a search, apart from the rest: it can be done elsewhere, and what it found be checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from market_core.mechanisms.clearing_book import Entry, worth
from market_core.mechanisms.clearing_crossing import Curves, Decided, Worth
from market_core.mechanisms.clearing_search import MOST_STEPS, NOTHING, STEPS, Found, Search
from market_core.mechanisms.clearing_side import Side

Levels = tuple[tuple[int, int], ...]
"""Limits or asks, ascending, and how much there is of each that can be had in any part."""


@dataclass(frozen=True, slots=True)
class ChoiceProblem:
    """A book as its search reads it: the entries with minimums or tiers, in key order, and all others summed up.

    A demand at any price has the limit that it counts as. `grain` as in `clearing.clear`.
    """

    choices: tuple[tuple[Entry, ...], tuple[Entry, ...]]
    levels: tuple[Levels, Levels]
    grain: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries with minimums or tiers trade: `states` stand at their positions in key order, demand first.

    0: left out; n: a quantity within the n-th of its spans (`clearing_book.spans`). `worth`: what the allocation is
    worth, `bound`: what none exceeds; equal where it is proved best. `settled`: the tie rule was followed to its end.
    Where nothing trades there are no states.
    """

    states: tuple[tuple[int, ...], tuple[int, ...]]
    worth: Worth
    bound: Worth
    settled: bool


def curves_of(demand: Sequence[Entry], offers: Sequence[Entry], grain: int) -> Curves:
    """Return both sides of a book. Raises ValueError for entries that contradict themselves."""
    limits, asks = worth(demand, offers), [offer.limit or 0 for offer in offers]
    return Curves(Side(demand, [-limit for limit in limits], grain), Side(offers, asks, grain))


def condensed(demand: Sequence[Entry], offers: Sequence[Entry], grain: int) -> ChoiceProblem:
    """Return the problem of a book: two books have the same one only if their searches find the same."""
    found, curves = [], curves_of(demand, offers, grain)
    limits = (worth(demand, offers), [offer.limit or 0 for offer in offers])
    for entries, side, prices in zip((demand, offers), curves.sides, limits, strict=True):
        sums: dict[int, int] = {}
        for place, runs in enumerate(side.spans):
            if runs and side.whole(place):
                price = abs(runs[0].rank)  # with tiers, it may be below the entry's limit
                sums[price] = sums.get(price, 0) + runs[0].high
        chosen = tuple(replace(entries[place], limit=prices[place]) for place in side.choices)
        found.append((chosen, tuple(sorted(sums.items()))))
    (bids, wanted), (asks, offered) = found
    return ChoiceProblem((bids, asks), (wanted, offered), grain)


def select(problem: ChoiceProblem, seconds: float | None = None) -> Selection:
    """Return what `clearing.clear` selects in a book of this problem.

    `seconds` count as steps, 20,000 each and at most 400,000, so that the answer is the same on any machine.

    >>> both = Entry(("b", ""), 2, 4, minimum=2)
    >>> select(ChoiceProblem(((both,), ()), (((5, 1),), ((0, 2),)), 1))
    Selection(states=((1,), ()), worth=Worth(surplus=8, traded=2), bound=Worth(surplus=8, traded=2), settled=True)
    """
    steps = STEPS if seconds is None else min(max(int(seconds * STEPS), 1), MOST_STEPS)
    found = Search(_curves(problem), steps).best()
    bids, asks = (
        tuple(states[place] for place in range(len(entries))) if states else ()
        for states, entries in zip(found.states, problem.choices, strict=True)
    )
    return Selection((bids, asks), found.worth, found.bound, found.settled)


def _curves(problem: ChoiceProblem) -> Curves:
    bids, asks = (
        [*entries, *(Entry(("", str(limit)), quantity, limit) for limit, quantity in levels)]
        for entries, levels in zip(problem.choices, problem.levels, strict=True)
    )
    return curves_of(bids, asks, problem.grain)


def adopted(curves: Curves, selection: Selection) -> Found:
    """Return a selection for a book as if it had been found there, once it is checked.

    What it claims to be worth is computed anew, and one price supports it. Raises ValueError where it cannot be an
    answer; that nothing is better is the claim of its bound, which is only held to be possible.
    """
    root = curves.crossing(({}, {}))
    most = NOTHING if root is None else root.worth
    if not selection.worth <= selection.bound <= max(most, NOTHING):
        raise ValueError("a selection that cannot be: its bound is out of bounds")
    if selection.worth == NOTHING:
        return Found(NOTHING, ({}, {}), selection.bound, selection.settled)
    bids, asks = (
        dict(zip(side.choices, states, strict=True)) if len(states) == len(side.choices) else None
        for side, states in zip(curves.sides, selection.states, strict=True)
    )
    if bids is None or asks is None or not _known(curves, (bids, asks)):
        raise ValueError("a selection that cannot be: it is about other entries")
    node = curves.crossing((bids, asks))
    if node is None or node.broken is not None or node.worth != selection.worth:
        raise ValueError("a selection that cannot be: no price supports it, or it is worth something else")
    return Found(selection.worth, (bids, asks), selection.bound, selection.settled)


def _known(curves: Curves, states: Decided) -> bool:
    return all(
        0 <= state <= len(side.spans[place])
        for side, each in zip(curves.sides, states, strict=True)
        for place, state in each.items()
    )


def wrong(problem: ChoiceProblem, selection: Selection) -> str:
    """Return why a selection cannot be one of the problem; "" where it can."""
    try:
        adopted(_curves(problem), selection)
    except ValueError as why:
        return str(why).partition(": ")[2]
    return ""
