"""One resource: demand against offers at one price. A call market with exact rationing at the margin."""

from collections.abc import Sequence
from contextlib import suppress

from market_core.mechanisms.clearing_book import COMPLETE, PLAIN, Clearing, Entry, worth
from market_core.mechanisms.clearing_choices import (
    ChoiceProblem,
    Selection,
    adopted,
    condensed,
    curves_of,
    select,
)
from market_core.mechanisms.clearing_crossing import Worth
from market_core.mechanisms.clearing_large import Plain, clear_large, clear_plain
from market_core.mechanisms.clearing_mcafee import mcafee
from market_core.mechanisms.clearing_price import midpoint
from market_core.mechanisms.clearing_reasons import Reason, reasons
from market_core.mechanisms.clearing_search import NOTHING, SOLVER, STEPS, Found, Search
from market_core.mechanisms.procurement import Proof, TooLarge, Unproved
from market_core.values import MICRO, rounded_up_together

__all__ = [
    "COMPLETE",
    "MECHANISM",
    "Book",
    "ChoiceProblem",
    "Clearing",
    "Entry",
    "Plain",
    "Reason",
    "Selection",
    "clear",
    "clear_plain",
    "mcafee",
    "reasons",
    "select",
]

MECHANISM = PLAIN
"""Name and version for entries that are quantities with limits; `Clearing.mechanism` names the one that was used."""
LARGE = 5_000
"""From so many entries on, a plain book is cleared on arrays."""


def clear(
    demand: Sequence[Entry], offers: Sequence[Entry], grain: int = 1, seconds: float | None = None
) -> Clearing | None:
    """Return the clearing of largest surplus that one price supports, among equal ones the largest quantity.

    None if none trades. A price supports a clearing where every limit served is at least the price, and the ask of
    every offer served, at the quantity it sells, at most; minimums are met. With minimums or tiers an entry can be
    left out although the price suits it; none is served at a loss. Quantities trade in multiples of `grain`
    micro-units (1,000,000 for whole units; quantities are multiples of it, other bounds are rounded up to it). A
    demand at any price counts as one micro-credit above every limit and ask.

    The price is the midpoint of [highest accepted ask or rejected limit, lowest accepted limit or rejected ask],
    half-even to a micro-credit. An entry served in part counts as accepted and rejected. What was left out by its
    minimum or tiers bounds nothing, nor does "any price", nor a rejected limit above every accepted one or a
    rejected ask below every accepted one (a minimum stands in their way). Without an upper bound it is the lower one.

    Ties: entries with a minimum above `grain` or with tiers stand back for the others. The demand in descending order
    of key, then the offers likewise: each is left out, or else kept in as low a tier as what was settled before it
    allows. Marginal entries share, beyond their minimums, in proportion to what each could still take, by largest
    remainder, ties in ascending order of key. The total, price x quantity rounded up, is split alike on both sides,
    so payments in equal payments out; a payer's limit holds when payment <= limit x quantity rounded up, a payee's
    when receipt >= ask x quantity rounded down.

    `proof` says whether the surplus and the quantity are proved largest; the search ends after a count of steps, so
    `seconds` is not needed. Where the count does not suffice for ties, what was found stands: the same in any order. Raises ValueError for minimums above quantities, for tiers that do not rise in quantity
    and fall in ask, and for demand with tiers; Unproved where the search ended before any trade was found.
    Source: the uniform-price call market; efficient for the limits as posted.

    >>> a, b = Entry(("a", "1"), 10_000_000, 5_000_000), Entry(("b", "1"), 4_000_000, 3_000_000)
    >>> result = clear([a], [b])
    >>> result.price, result.traded, result.payments
    (5000000, 4000000, (20000000,))
    >>> both = Entry(("c", "1"), 4_000_000, 4_000_000, minimum=4_000_000)
    >>> clear([both], [b], grain=1_000_000).price
    3500000
    """
    del seconds  # the core reads no clock
    if any(entry.tiers for entry in demand):
        raise ValueError("demand has no tiers")
    if len(demand) + len(offers) >= LARGE:
        with suppress(TooLarge, OverflowError):
            return clear_large(demand, offers, grain)
    book = Book(demand, offers, grain)
    return book.cleared(book.searched())


class Book:
    """A book that is cleared in two steps: the search, which may take long and be done elsewhere, then all the rest.

    >>> both = Entry(("b", ""), 2_000_000, 4_000_000, minimum=2_000_000)
    >>> book = Book([both], [Entry(("s", ""), 2_000_000, 0)])
    >>> book.cleared(book.searched()) == book.cleared(book.selected(select(book.problem())))
    True
    """

    def __init__(self, demand: Sequence[Entry], offers: Sequence[Entry], grain: int = 1) -> None:
        """Take a book as `clear` does. Raises ValueError for entries that contradict themselves."""
        self._demand, self._offers, self._grain = demand, offers, grain
        self._curves = curves_of(demand, offers, grain)

    def searched(self, steps: int = STEPS) -> Found:
        """Return what is found in so many steps; it is final where it is `settled`."""
        return Search(self._curves, steps).best()

    def problem(self) -> ChoiceProblem:
        """Return what `select` searches instead."""
        return condensed(self._demand, self._offers, self._grain)

    def selected(self, selection: Selection) -> Found:
        """Return what `select` has found, checked. Raises ValueError where it cannot be the answer."""
        return adopted(self._curves, selection)

    def cleared(self, found: Found) -> Clearing | None:
        """Return the clearing that was found, None if nothing trades. Raises Unproved where that is not sure."""
        if found.worth == NOTHING:
            if found.bound != NOTHING:
                raise Unproved(_micro_credits(found.bound, NOTHING))
            return None
        demand, offers, curves = self._demand, self._offers, self._curves
        bought, sold = curves.filled(found.states)
        unlimited = any(entry.limit is None for entry in demand)
        any_price = max(worth(demand, offers)) if unlimited else None
        price = midpoint(curves.sides, found.states, (bought, sold), any_price)
        plain = not any(side.choices for side in curves.sides)
        return Clearing(
            price,
            found.worth.traded,
            tuple(bought),
            tuple(sold),
            tuple(rounded_up_together([price * q for q in bought], MICRO, [d.key for d in demand])),
            tuple(rounded_up_together([price * q for q in sold], MICRO, [o.key for o in offers])),
            price,
            proof=None if plain else _proof(found.worth, found.bound),
            mechanism=PLAIN if plain else COMPLETE,
        )


def _proof(found: Worth, bound: Worth) -> Proof:
    gap = _micro_credits(bound, found)
    score = -(found.surplus // MICRO)
    return Proof("optimal" if bound == found else "feasible", gap, score - gap, SOLVER)


def _micro_credits(more: Worth, less: Worth) -> int:
    """Return the difference of two surpluses in micro-credits, rounded up."""
    return -(-(more.surplus - less.surplus) // MICRO)
