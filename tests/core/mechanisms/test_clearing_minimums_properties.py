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
@settings(max_examples=250, deadline=None)
def test_the_clearing_is_the_brute_force_one(book, unit):
    result = clear(*times(book, unit), unit)
    _, fills = best(book)
    if result is None:
        assert not fills
        return
    fill = tuple(tuple(got // unit for got in row) for row in (result.demand, result.offers))
    assert fill in fills
    assert tie_vector(book, fill) == min(tie_vector(book, each) for each in fills)
    assert result.proof is None or result.proof.status == "optimal"


def asks_and_limits(book, result):
    """Return the unit asks and the limits (None: any price) of those served."""
    demand, offers = book
    return (
        [ask_at(o, got) for o, got in zip(offers, result.offers, strict=True) if got],
        [d.limit for d, got in zip(demand, result.demand, strict=True) if got],
    )


@given(books())
@settings(max_examples=150)
def test_the_price_is_the_middle_of_the_supporting_prices_that_suit_those_who_could_take_more(book):
    result = clear(*book)
    if result is None:
        return
    asks, limits = asks_and_limits(book, result)
    least, most = max(asks), min((limit for limit in limits if limit is not None), default=None)
    demand, offers = book
    # One more of a tiered offer costs at most its ask; who was left out by a minimum or tiers bounds nothing.
    more_limits = [
        d.limit
        for d, got in zip(demand, result.demand, strict=True)
        if got < d.quantity and d.limit is not None and (got or not stands_back(d))
    ]
    more_asks = [
        ask_at(o, max(got, 1))
        for o, got in zip(offers, result.offers, strict=True)
        if got < o.quantity and (got or not stands_back(o))
    ]
    low = max([least, *(limit for limit in more_limits if most is None or limit <= most)])
    ceilings = [] if most is None else [most]
    high = min([*ceilings, *(ask for ask in more_asks if ask >= least)], default=low)
    assert low <= high
    assert result.price == round(Fraction(low + high, 2))


@st.composite
def fine_books(draw):
    """Books in any micro-units and micro-credits."""
    quantity, limit = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))
    demand, offers = draw(books(5, 5, 6))
    fine = draw(st.integers(0, 3))
    return (
        [
            Entry(
                d.key, d.quantity * quantity + fine, None if d.limit is None else d.limit * limit, d.minimum
            )
            for d in demand
        ],
        [
            Entry(
                o.key,
                o.quantity * quantity,
                o.limit * limit,
                o.minimum * quantity,
                tuple((start * quantity, ask * limit) for start, ask in o.tiers),
            )
            for o in offers
        ],
    )


@given(fine_books())
@settings(max_examples=150)
def test_nobody_trades_at_a_loss_and_payments_in_are_payments_out(book):
    result = clear(*book)
    if result is None:
        return
    demand, offers = book
    assert sum(result.payments) == sum(result.receipts) == ceil(Fraction(result.price * result.traded, M))
    assert sum(result.demand) == sum(result.offers) == result.traded > 0
    for entry, got, payment in zip(demand, result.demand, result.payments, strict=True):
        assert got == 0 or entry.minimum <= got <= entry.quantity
        assert entry.limit is None or payment <= ceil(Fraction(entry.limit * got, M))
    for entry, got, receipt in zip(offers, result.offers, result.receipts, strict=True):
        assert got == 0 or entry.minimum <= got <= entry.quantity
        assert receipt >= floor(Fraction(ask_at(entry, got) * got, M))
    asks, limits = asks_and_limits(book, result)
    assert (
        max(asks)
        <= result.price
        <= min((limit for limit in limits if limit is not None), default=result.price)
    )


@given(fine_books(), st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(book, random):
    def by_key(demand, offers):
        result = clear(demand, offers)
        told = reasons(demand, offers, result)
        if result is None:
            return {
                e.key: why
                for side, whys in zip((demand, offers), told, strict=True)
                for e, why in zip(side, whys, strict=True)
            }
        bought = zip(demand, result.demand, result.payments, told[0], strict=True)
        sold = zip(offers, result.offers, result.receipts, told[1], strict=True)
        return result.price, result.traded, *({e.key: rest for e, *rest in rows} for rows in (bought, sold))

    moved = [*book[0]], [*book[1]]
    for side in moved:
        random.shuffle(side)
    assert by_key(*moved) == by_key(*book)


@given(books())
@settings(max_examples=150)
def test_reasons_agree_with_the_price(book):
    result = clear(*book)
    told = reasons(*book, result)
    if result is None:
        assert all(whys for side, whys in zip(book, told, strict=True) if side)
        return
    for at, (side, got) in enumerate(zip(book, (result.demand, result.offers), strict=True)):
        for entry, units, why in zip(side, got, told[at], strict=True):
            assert (why is None) == (units == entry.quantity)
            best = ask_at(entry, entry.quantity)
            suits = best is None or (best <= result.price if at else best >= result.price)
            assert (why == "out_of_price") == (not units and not suits)
            if stands_back(entry) and not units and suits:
                assert why == "minimum"
            if units:
                assert why in {None, "rationed"}
