"""Advice from costs asked: published expectations for uniform costs, and a twin that tries every auction."""

from collections import Counter
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.advice import Advice, Past, advise
from market_core.mechanisms.order_statistics import Pool, Span

WHOLE = 1_000_000


def uniform(bidders, rule, count=240):
    """Auctions of so many bidders whose costs together are the midpoints of a grid on [0, 1]."""
    grid = [(2 * i + 1) * WHOLE // (2 * count) for i in range(count)]
    return [Past(tuple(grid[i :: count // bidders]), rule) for i in range(count // bidders)]


@pytest.mark.parametrize("bidders", [2, 3, 5, 10])
def test_uniform_costs_give_the_published_payment_under_both_rules(bidders):
    # 2/(n + 1) (Vickrey 1961)
    found = advise(uniform(bidders, "second_price"))
    assert found.bidders == Span(Fraction(bidders), bidders, bidders)
    assert found.second_price.mean == found.pay_as_bid.mean
    assert float(found.second_price.mean) == pytest.approx(WHOLE * 2 / (bidders + 1), rel=0.01)


def test_bids_that_stand_already_are_draws_like_the_others_and_at_least_so_many_bid():
    history = [Past((10, 20, 30, 40), "pay_as_bid")] * 5
    made = advise(history, standing=(5,) * 20, least_bidders=20)
    assert made.bidders == Span(Fraction(20), 20, 20)
    # half of all draws is 5, so of twenty none is with a chance of 1 in 2^20
    assert (made.pay_as_bid.low, made.pay_as_bid.high) == (5, 5)
    assert (made.auctions, made.bids) == (5, 20)
    assert advise(history[:4], standing=(5,) * 20, least_bidders=20).thin


def test_under_pay_as_bid_the_interval_is_that_of_the_best_bids():
    # n = 3: the lowest cost is c with 1 - (1 - c)^3, and asks c + (1 - c)/3
    found = advise(uniform(3, "second_price")).pay_as_bid
    low, high = (1 - chance ** (1 / 3) for chance in (0.95, 0.05))
    ends = [(c + (1 - c) / 3) * WHOLE for c in (low, high)]
    assert (found.low, found.high) == pytest.approx(ends, rel=0.02)


@pytest.mark.parametrize("value", [400_000, WHOLE, 1_600_000])
def test_the_best_max_price_for_uniform_costs_is_half_of_the_value(value):
    found = advise(uniform(3, "second_price"), value=value)
    assert found.max_price == pytest.approx(value / 2, abs=5_000)
    assert found.awarded == pytest.approx(WHOLE * (1 - (1 - value / 2 / WHOLE) ** 3), abs=15_000)


def test_costs_of_second_price_auctions_are_preferred_and_those_of_pay_as_bid_are_the_next_best():
    mixed = uniform(2, "second_price") + uniform(3, "pay_as_bid")
    assert advise(mixed).asked_under == "second_price"
    found = advise(uniform(3, "pay_as_bid"))
    assert found.asked_under == "pay_as_bid"
    assert float(found.pay_as_bid.mean) == pytest.approx(WHOLE / 4, rel=0.02)  # the lowest ask of three
    assert found.second_price == found.pay_as_bid


def test_a_short_history_is_said_to_be_too_thin():
    assert advise([]) == Advice(0, 0, thin=True)
    assert advise(uniform(2, "second_price")[:4]) == Advice(4, 8, thin=True)
    few = [Past((10, 20, 30), "pay_as_bid")] * 6
    assert advise(few) == Advice(6, 18, thin=True)
    assert not advise([*few, few[0]]).thin
    assert advise([*few[:4], *[Past((10,) * 9, "second_price")] * 4]).thin  # not enough of either rule


def test_a_value_below_all_costs_has_no_max_price():
    found = advise([Past((10, 20, 30, 40), "second_price")] * 5, value=10)
    assert (found.max_price, found.awarded) == (None, None)


def test_auctions_without_a_bid_or_with_one_count_as_such():
    past = (
        [Past((), "second_price")] * 5
        + [Past((10,), "second_price")] * 5
        + [Past((10, 20, 30, 40), "second_price")] * 5
    )
    found = advise(past, value=1000)
    assert found.bidders == Span(Fraction(25, 15), 0, 4)
    assert (found.max_price, found.awarded) == (40, 666_667)
    lonely = [Past((10,), "second_price")] * 20
    assert advise(lonely) == Advice(20, 20, False, "second_price", Span(Fraction(1), 1, 1))


@st.composite
def histories(draw):
    return draw(st.lists(st.lists(st.integers(0, 8), max_size=3).map(tuple), min_size=1, max_size=4))


@settings(max_examples=40)
@given(histories().filter(lambda h: any(len(costs) > 1 for costs in h)), st.integers(-1, 9))
def test_the_chances_are_those_of_trying_every_auction(history, level):
    pool = Pool.of(history, 100)
    lowest, second, above_level = [], [], []
    for size, often in Counter(len(costs) for costs in history if costs).items():
        every = list(product(pool.costs, repeat=size))
        for costs in every:
            chance = Fraction(often, len(every))
            one, *rest = sorted(costs)
            lowest.append((chance, one))
            if rest:
                second.append((chance, rest[0]))
            if rest and one == level < rest[0]:
                above_level.append((chance, rest[0]))

    def mean(pairs, of):
        return sum(chance * of(x) for chance, x in pairs) / sum(chance for chance, _ in pairs)

    assert pool.lowest_above(level) == mean(lowest, lambda x: x > level)
    assert pool.second_above(level) == mean(second, lambda x: x > level)
    assert pool.span(pool.second_above).mean == mean(second, lambda x: x)
    assert pool.span(pool.lowest_above).mean == mean(lowest, lambda x: x)
    if above_level:
        assert pool.next_after(level) == mean(above_level, lambda x: x)
    ends = pool.span(pool.lowest_above)
    assert mean(lowest, lambda x: x < ends.low) < Fraction(5, 100) <= mean(lowest, lambda x: x <= ends.low)
    assert mean(lowest, lambda x: x < ends.high) < Fraction(95, 100) <= mean(lowest, lambda x: x <= ends.high)


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_the_history_makes_no_difference(history, chance):
    past = [Past(costs, "pay_as_bid") for costs in history] * 5
    shuffled = chance.sample(past, len(past))
    assert advise(past, 5) == advise(shuffled, 5)
