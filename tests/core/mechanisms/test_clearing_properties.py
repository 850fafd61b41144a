"""Clearing against brute force on small books, and what holds for every book."""

from fractions import Fraction
from itertools import product
from math import ceil, floor

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.clearing import Entry, clear

M = 1_000_000
ANY_PRICE = 1000
"""Worth of a unit to a demand at any price, above every limit below; in credits."""


@st.composite
def books(draw, most_entries=3, most_units=3, most_limit=5):
    """Two sides of (units, limit in credits), limits None for any price on the demand side only."""
    units, limits = st.integers(1, most_units), st.integers(0, most_limit)
    demand = draw(st.lists(st.tuples(units, st.none() | limits.filter(bool)), max_size=most_entries))
    offers = draw(st.lists(st.tuples(units, limits), max_size=most_entries))
    return demand, offers


def entries(rows, name):
    return [
        Entry((f"{name}{i}", "1"), units * M, None if limit is None else limit * M)
        for i, (units, limit) in enumerate(rows)
    ]


def supported(worth, asks, bought, sold):
    """Return whether one price suits everybody who trades."""
    highest_ask = max(ask for ask, units in zip(asks, sold, strict=True) if units)
    return all(limit >= highest_ask for limit, units in zip(worth, bought, strict=True) if units)


def best_allocation(demand, offers):
    """Return the largest (surplus, quantity) of all supported allocations in whole units, and what it fills.

    The fill is the quantity of each limit and of each ask: who shares a level is another rule.
    """
    worth = [ANY_PRICE if limit is None else limit for _, limit in demand]
    asks = [ask for _, ask in offers]
    best, fills = (0, 0), None
    for bought in product(*(range(units + 1) for units, _ in demand)):
        for sold in product(*(range(units + 1) for units, _ in offers)):
            if not sum(bought) or sum(bought) != sum(sold) or not supported(worth, asks, bought, sold):
                continue
            surplus = sum(w * u for w, u in zip(worth, bought, strict=True)) - sum(
                a * u for a, u in zip(asks, sold, strict=True)
            )
            if fills is None or (surplus, sum(bought)) > best:
                best, fills = (surplus, sum(bought)), (by_level(worth, bought), by_level(asks, sold))
    return best, fills


def by_level(limits, units):
    levels = dict.fromkeys(limits, 0)
    for limit, one in zip(limits, units, strict=True):
        levels[limit] += one
    return levels


def suits(price, demand, offers, bought, sold):
    """Return whether at `price` nobody trades at a loss and nobody is left out at a gain."""
    for (units, limit), got in zip(demand, bought, strict=True):
        if limit is not None and ((got and limit < price) or (got < units and limit > price)):
            return False
    for (units, ask), got in zip(offers, sold, strict=True):
        if (got and ask > price) or (got < units and ask < price):
            return False
    return True


@given(books(), st.sampled_from([1, M]))
@settings(max_examples=120)
def test_the_clearing_is_the_brute_force_one(book, grain):
    demand, offers = book
    result = clear(entries(demand, "a"), entries(offers, "b"), grain)
    (surplus, quantity), fills = best_allocation(demand, offers)
    if result is None:
        assert fills is None
        return
    worth = [ANY_PRICE if limit is None else limit for _, limit in demand]
    asks = [ask for _, ask in offers]
    bought, sold = ([Fraction(got, M) for got in row] for row in (result.demand, result.offers))
    gained = sum(w * u for w, u in zip(worth, bought, strict=True)) - sum(
        a * u for a, u in zip(asks, sold, strict=True)
    )
    assert (gained, Fraction(result.traded, M)) == (surplus, quantity)
    assert (by_level(worth, bought), by_level(asks, sold)) == fills
    # The price is the middle of all prices that suit; where nothing bounds them above, the least of them.
    suiting = [Fraction(p, 2) for p in range(15) if suits(Fraction(p, 2), demand, offers, bought, sold)]
    middle = suiting[0] if suiting[-1] == 7 else (suiting[0] + suiting[-1]) / 2
    assert Fraction(result.price, M) == middle


@st.composite
def fine_books(draw):
    """Entries of any micro-units and micro-credits, mostly few so that roundings and ties are many."""
    few = st.integers(1, 7) | st.integers(1, 3 * M)
    limits = st.integers(0, 5) | st.integers(0, 3 * M)

    def one_side(name, limit):
        rows = draw(st.lists(st.tuples(few, limit), min_size=1, max_size=6))
        return [Entry((f"{name}{i}", "1"), units, bound) for i, (units, bound) in enumerate(rows)]

    return one_side("a", st.none() | limits), one_side("b", limits)


@given(fine_books())
@settings(max_examples=300)
def test_payments_in_are_payments_out_and_no_quantity_is_made_or_lost(book):
    result = clear(*book)
    if result is None:
        return
    demand, offers = book
    assert sum(result.payments) == sum(result.receipts) == ceil(Fraction(result.price * result.traded, M))
    assert sum(result.demand) == sum(result.offers) == result.traded > 0
    for side, got in ((demand, result.demand), (offers, result.offers)):
        assert all(0 <= units <= entry.quantity for entry, units in zip(side, got, strict=True))


@given(fine_books())
@settings(max_examples=300)
def test_nobody_pays_above_its_limit_or_gets_below_its_ask(book):
    result = clear(*book)
    if result is None:
        return
    demand, offers = book
    for entry, units, payment in zip(demand, result.demand, result.payments, strict=True):
        assert entry.limit is None or payment <= ceil(Fraction(entry.limit * units, M))
    for entry, units, receipt in zip(offers, result.offers, result.receipts, strict=True):
        assert receipt >= floor(Fraction(entry.limit * units, M))


@given(fine_books())
@settings(max_examples=300)
def test_every_payment_is_price_times_quantity_rounded_once(book):
    result = clear(*book)
    if result is None:
        return
    for got, totals in ((result.demand, result.payments), (result.offers, result.receipts)):
        for units, total in zip(got, totals, strict=True):
            assert abs(total - Fraction(result.price * units, M)) < 1


@given(fine_books(), st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(book, random):
    demand, offers = book
    moved_demand, moved_offers = list(demand), list(offers)
    random.shuffle(moved_demand)
    random.shuffle(moved_offers)

    def by_key(demand, offers):
        result = clear(demand, offers)
        if result is None:
            return None
        bought = zip(demand, result.demand, result.payments, strict=True)
        sold = zip(offers, result.offers, result.receipts, strict=True)
        return result.price, result.traded, *({e.key: rest for e, *rest in rows} for rows in (bought, sold))

    assert by_key(moved_demand, moved_offers) == by_key(demand, offers)


@given(fine_books())
def test_the_margin_is_shared_within_one_grain_of_the_exact_proportion(book):
    result = clear(*book)
    if result is None:
        return
    for side, got in zip(book, (result.demand, result.offers), strict=True):
        for level in {entry.limit for entry in side}:
            group = [i for i, entry in enumerate(side) if entry.limit == level]
            whole, share = sum(side[i].quantity for i in group), sum(got[i] for i in group)
            assert all(abs(got[i] - Fraction(share * side[i].quantity, whole)) < 1 for i in group)


@given(books(most_entries=5, most_units=9))
def test_whole_units_stay_whole(book):
    demand, offers = book
    result = clear(entries(demand, "a"), entries(offers, "b"), M)
    if result is not None:
        assert {units % M for units in (*result.demand, *result.offers)} == {0}


@given(fine_books())
def test_what_is_left_after_a_clearing_does_not_clear_again_at_a_gain(book):
    demand, offers = book
    result = clear(demand, offers)
    if result is None:
        return

    def rest(side, got):
        return [
            Entry(e.key, e.quantity - units, e.limit)
            for e, units in zip(side, got, strict=True)
            if e.quantity > units
        ]

    assert clear(rest(demand, result.demand), rest(offers, result.offers)) is None
