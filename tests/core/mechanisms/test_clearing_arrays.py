"""The clearing of large books on arrays gives what the clearing of entries gives."""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.clearing import LARGE, Entry, clear, reasons
from market_core.mechanisms.clearing_arrays import ANY_PRICE, SAMPLE, clear_arrays
from market_core.mechanisms.clearing_large import Plain, clear_large, clear_plain
from market_core.mechanisms.procurement import TooLarge

M = 1_000_000

AMOUNTS = st.sampled_from([st.integers(1, 4), st.integers(1, 10**8), st.integers(1, 10**12)])
LIMITS = st.sampled_from([st.integers(0, 3), st.integers(0, 10**8), st.integers(0, 10**13)])


@st.composite
def books(draw):
    """Two sides of plain entries, keys in no order, amounts of every size."""
    amounts, limits = draw(AMOUNTS), draw(LIMITS)
    unit = draw(st.sampled_from([1, 1, M]))

    def side(name, limit):
        rows = draw(st.lists(st.tuples(amounts, limit), max_size=8))
        keys = draw(st.permutations(range(len(rows))))
        return [Entry((name, f"{at}"), q * unit, bound) for at, (q, bound) in zip(keys, rows, strict=True)]

    demand = side("a", st.none() | limits if draw(st.booleans()) else limits)
    return demand, side("b", limits), unit


def arrays(side, any_price=ANY_PRICE):
    limits = [any_price if entry.limit is None else entry.limit for entry in side]
    return np.array([e.quantity for e in side], np.int64), np.array(limits, np.int64)


def plain(side):
    limits = [-1 if entry.limit is None else entry.limit for entry in side]
    return Plain([entry.quantity for entry in side], limits, lambda place: side[place].key)


def order(side):
    """Return the place of each entry among the keys."""
    places = sorted(range(len(side)), key=lambda at: side[at].key)
    return np.argsort(np.array(places, np.int64))


@given(books())
@settings(max_examples=150)
def test_entries_and_arrays_clear_alike(book):
    demand, offers, grain = book
    expected = clear(demand, offers, grain)
    try:
        result = clear_arrays(*arrays(demand), *arrays(offers), grain, order(demand), order(offers))
    except TooLarge:
        assert max(e.quantity for e in (*demand, *offers)) > 2**36
        return
    assert clear_large(demand, offers, grain) == expected
    words = tuple(tuple(why or "" for why in side) for side in reasons(demand, offers, expected, grain))
    assert clear_plain(plain(demand), plain(offers), grain) == (expected, words if expected else ((), ()))
    if expected is None:
        assert result is None
        return
    assert (result.price, result.traded) == (expected.price, expected.traded)
    for column, row in (
        (result.demand, expected.demand),
        (result.offers, expected.offers),
        (result.payments, expected.payments),
        (result.receipts, expected.receipts),
    ):
        assert tuple(column.tolist()) == row


def large_book(seed, limits, count):
    random = Random(seed)
    demand = [
        Entry((f"a{at:05}", ""), random.randint(1, 10**8), random.choice(limits)) for at in range(count)
    ]
    offers = [
        Entry((f"b{at:05}", ""), random.randint(1, 10**9), random.choice(limits)) for at in range(count // 10)
    ]
    random.shuffle(demand)
    return demand, offers


@pytest.mark.parametrize(
    ("seed", "limits"),
    [
        *((seed, range(10**8)) for seed in range(5)),
        (7, range(1, 4)),
        (7, [5]),
        (7, [*range(10**6), *[10**6] * 10**6]),
    ],
    ids=[*(f"many {seed}" for seed in range(5)), "few", "one", "half"],
)
def test_a_book_large_enough_for_a_sample_clears_as_a_small_one(seed, limits):
    demand, offers = large_book(seed, limits, 2 * SAMPLE + 1)
    result = clear(demand, offers)
    assert len(demand) > LARGE
    # An entry that asks for a minimum but is too dear to get it keeps the same book from the arrays.
    told = clear([*demand, Entry(("z", ""), 2, 0, 2)], offers)
    assert told.proof is not None
    assert (result.price, result.traded) == (told.price, told.traded)
    assert (*result.demand, 0) == told.demand
    assert (*result.payments, 0) == told.payments
    assert (result.offers, result.receipts) == (told.offers, told.receipts)


def test_products_beyond_64_bits_are_exact():
    # 123,456.789012 credits x 300,000.000001 units is above 2^64 in millionths of millionths.
    price, units = 123_456_789_012, 300_000_000_001
    result = clear_arrays(*(np.array([each]) for each in (units, price, units, price)))
    exact = Fraction(price * units, M)
    assert price * units > 2**64
    assert result.payments.tolist() == [-(-exact.numerator // exact.denominator)]


def test_what_does_not_fit_is_refused():
    one, large = np.array([1]), np.array([2**61])
    with pytest.raises(TooLarge):
        clear_arrays(large, one, one, one)
    with pytest.raises(TooLarge):
        clear_arrays(np.array([10**12]), np.array([10**13]), np.array([10**12]), np.array([10**13]))
    with pytest.raises(ValueError, match="quantities"):
        clear_arrays(np.array([0]), one, one, one)
    with pytest.raises(ValueError, match="limits"):
        clear_arrays(one, -one, one, one)
    with pytest.raises(ValueError, match="asks"):
        clear_arrays(one, one, one, np.array([ANY_PRICE]))


def test_a_large_book_beyond_64_bits_is_cleared_all_the_same():
    demand = [Entry((f"a{at:05}", ""), 10**15, 10**15) for at in range(LARGE)]
    result = clear(demand, [Entry(("b", ""), 10**15, 10**15)])
    assert (result.price, result.traded, sum(result.payments)) == (10**15, 10**15, 10**24)
    assert set(result.demand) == {2 * 10**11}
