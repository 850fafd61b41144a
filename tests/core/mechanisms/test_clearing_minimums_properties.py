"""Clearing with minimums and tiers against brute force on small books, and what holds for every book."""

from collections import defaultdict
from fractions import Fraction
from itertools import product
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.clearing import Entry, clear, reasons

M = 1_000_000


@st.composite
def books(draw, demands=4, offers=3, most=4, any_price=True):
    """Two sides of whole units and limits from 0 to 8, with minimums and tiers; keys in no order."""
    units, limits = st.integers(1, most), st.integers(0, 8)

    def side(name, size, limit):
        rows = []
        for at in draw(st.permutations(range(draw(st.integers(0, size))))):
            quantity = draw(units)
            minimum = draw(st.sampled_from([0, 0, quantity, draw(st.integers(0, quantity))]))
            rows.append(Entry((f"{name}{at}", ""), quantity, draw(limit), minimum))
        return rows

    def tiered(offer):
        tiers, ask, start = [], offer.limit, draw(st.integers(1, most))
        while draw(st.booleans()) and ask:
            ask = draw(st.integers(0, ask - 1))
            tiers.append((start, ask))
            start += draw(st.integers(1, 2))
        return Entry(offer.key, offer.quantity, offer.limit, offer.minimum, tuple(tiers))

    bids = limits.filter(bool)
    demand = side("a", demands, st.none() | bids if any_price and draw(st.booleans()) else bids)
    return demand, [tiered(offer) for offer in side("b", offers, limits)]


def times(book, unit):
    """Return the book in units of `unit`."""
    return tuple(
        [
            Entry(
                e.key, e.quantity * unit, e.limit, e.minimum * unit, tuple((f * unit, a) for f, a in e.tiers)
            )
            for e in side
        ]
        for side in book
    )


def ask_at(offer, quantity):
    return [offer.limit, *(ask for start, ask in offer.tiers if start <= quantity)][-1]


def every_fill(side):
    """Yield every tuple of quantities of one side that meets the minimums."""
    return product(*([0, *range(max(entry.minimum, 1), entry.quantity + 1)] for entry in side))


def tier_of(entry, quantity):
    """Return 0 for nothing, else how many tiers' asks could be (1: the first)."""
    return 1 + sum(start <= quantity for start, _ in entry.tiers) if quantity else 0


def stands_back(entry):
    reached = [start for start, _ in entry.tiers if 1 < start <= entry.quantity]
    return entry.minimum > 1 or bool(reached)


def tie_vector(book, fill):
    """Return what a tie is decided by: of those who stand back, demand then offers, the last key first."""
    return tuple(
        tier_of(entry, got)
        for side, row in zip(book, fill, strict=True)
        for entry, got in sorted(zip(side, row, strict=True), key=lambda pair: pair[0].key, reverse=True)
        if stands_back(entry)
    )


def ceiling(book):
    return 1 + max((e.limit for side in book for e in side if e.limit is not None), default=0)


def best(book):
    """Return the best (surplus, quantity) that one price supports, and all fills that reach it."""
    demand, offers = book
    worth = [ceiling(book) if d.limit is None else d.limit for d in demand]
    sold_by_total = defaultdict(list)
    for sold in every_fill(offers):
        if any(sold):
            asks = [ask_at(o, s) for o, s in zip(offers, sold, strict=True)]
            highest = max(a for a, s in zip(asks, sold, strict=True) if s)
            cost = sum(a * s for a, s in zip(asks, sold, strict=True))
            sold_by_total[sum(sold)].append((highest, cost, sold))
    top, fills = (0, 0), []
    for bought in every_fill(demand):
        if not any(bought):
            continue
        lowest = min(w for w, b in zip(worth, bought, strict=True) if b)
        value = sum(w * b for w, b in zip(worth, bought, strict=True))
        for highest, cost, sold in sold_by_total[sum(bought)]:
            if highest > lowest:
                continue
            reached = value - cost, sum(bought)
            if reached > top:
                top, fills = reached, []
            if reached == top:
                fills.append((bought, sold))
    return top, fills


@given(books(), st.sampled_from([1, M]))
@settings(max_examples=400, deadline=None)
def test_the_clearing_is_the_brute_force_one(book, unit):
    result = clear(*times(book, unit), unit)
    top, fills = best(book)
    if result is None:
        assert not fills
        return
    fill = tuple(tuple(got // unit for got in row) for row in (result.demand, result.offers))
    assert fill in fills
    assert tie_vector(book, fill) == min(tie_vector(book, each) for each in fills)
    assert result.proof is None or result.proof.status == "optimal"
