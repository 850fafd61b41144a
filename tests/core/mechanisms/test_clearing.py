"""Demand against offers at one price, on worked cases."""

import pytest

from market_core.mechanisms.clearing import Clearing, Entry, clear

M = 1_000_000


def side(*rows, name="a"):
    """Return entries from (quantity, limit) in units and credits; keys follow the order of the rows."""
    return [
        Entry((f"{name}{i}", f"{i}"), int(quantity * M), None if limit is None else int(limit * M))
        for i, (quantity, limit) in enumerate(rows)
    ]


def cleared(demand, offers, grain=1):
    """Return price, demand's and offers' quantities, payments and receipts in units and credits."""
    result = clear(side(*demand), side(*offers, name="b"), grain)
    if result is None:
        return None
    assert result.traded == sum(result.demand) == sum(result.offers)
    amounts = result.demand, result.offers, result.payments, result.receipts
    return (result.price / M, *([amount / M for amount in row] for row in amounts))


def test_the_call_market_of_the_nempy_documentation_clears_at_60():
    # A 20@50, 20@60, 5@100; B 50@50, 30@55, 10@80; demand 115 at any price: A sells 35, B 80.
    demand, offers = [(115, None)], [(20, 50), (20, 60), (5, 100), (50, 50), (30, 55), (10, 80)]
    price, bought, sold, payments, receipts = cleared(demand, offers)
    assert (price, bought, sum(sold[:3]), sum(sold[3:])) == (60, [115], 35, 80)
    assert (payments, sum(receipts[:3]), sum(receipts[3:])) == ([6900], 2100, 4800)


@pytest.mark.parametrize(
    ("demand", "offers", "outcome"),
    [
        # the midpoint of limit and ask, both in full
        ([(1, 6)], [(1, 4)], (5, [1], [1], [5], [5])),
        # an order served in part is on the margin and sets the price
        ([(3, 6)], [(1, 4)], (6, [1], [1], [6], [6])),
        ([(1, 6)], [(3, 4)], (4, [1], [1], [4], [4])),
        # rejected orders bound the price
        ([(1, 9), (1, 7)], [(1, 2)], (8, [1, 0], [1], [8, 0], [8])),
        ([(1, 9)], [(1, 2), (1, 4)], (3, [1], [1, 0], [3], [3, 0])),
        # a limit equal to the ask still trades: the largest quantity among equal surplus
        ([(1, 9), (1, 5)], [(1, 2), (1, 5)], (5, [1, 1], [1, 1], [5, 5], [5, 5])),
        # any price comes first and bounds nothing
        ([(1, None)], [(1, 4)], (4, [1], [1], [4], [4])),
        ([(1, 9), (1, None)], [(1, 4)], (9, [0, 1], [1], [0, 9], [9])),
        ([(2, None)], [(1, 4), (1, 6)], (6, [2], [1, 1], [12], [6, 6])),
        ([(1, None)], [(1, 0)], (0, [1], [1], [0], [0])),
        ([(1, None)], [(1, 4), (1, 6)], (5, [1], [1, 0], [5], [5, 0])),
        # for nothing
        ([(1, 1)], [(1, 0)], (0.5, [1], [1], [0.5], [0.5])),
        # nothing trades
        ([(1, 3)], [(1, 4)], None),
        ([], [(1, 4)], None),
        ([(1, 3)], [], None),
        ([], [], None),
    ],
    ids=str,
)
def test_one_price_clears_the_book(demand, offers, outcome):
    assert cleared(demand, offers) == outcome


def test_the_published_double_auction_trades_four_at_the_midpoint_of_the_margin():
    # McAfee (1992): buyers 17, 14, 13, 9, 6 and sellers 1, 4, 5, 8, 11: 4 trades at 8.5.
    buyers, sellers = [17, 14, 13, 9, 6], [1, 4, 5, 8, 11]
    demand, offers = [(1, limit) for limit in buyers], [(1, ask) for ask in sellers]
    four = [1, 1, 1, 1, 0]
    assert cleared(demand, offers) == (8.5, four, four, [8.5] * 4 + [0], [8.5] * 4 + [0])


def test_a_midpoint_of_half_a_micro_credit_goes_to_the_even_one():
    def price(limit, ask):
        return clear([Entry(("a", "1"), M, limit)], [Entry(("b", "1"), M, ask)]).price

    assert (price(1, 0), price(2, 1), price(3, 2), price(4, 3)) == (0, 2, 2, 4)


def test_the_margin_is_rationed_in_proportion_to_quantity():
    assert cleared([(3, 5), (1, 5)], [(2, 5)]) == (5, [1.5, 0.5], [2], [7.5, 2.5], [10])
    assert cleared([(2, 5)], [(1, 3), (1, 5), (3, 5)]) == (5, [2], [1, 0.25, 0.75], [10], [5, 1.25, 3.75])


def test_a_rest_of_the_margin_goes_to_the_largest_fraction_then_to_the_first_key():
    thirds = clear(side((1, 5), (1, 5), (1, 5)), side((1, 5), name="b"))
    assert thirds.demand == (333_334, 333_333, 333_333)
    moved = clear([Entry((key, "1"), M, 5 * M) for key in ("c", "b", "a")], [Entry(("s", "1"), M, 5 * M)])
    assert moved.demand == (333_333, 333_333, 333_334)


def test_whole_units_are_rationed_whole():
    assert cleared([(1, 5), (1, 5), (1, 5)], [(2, 5)], M) == (5, [1, 1, 0], [2], [5, 5, 0], [10])
    assert cleared([(5, 5), (2, 5)], [(4, 5)], M) == (5, [3, 1], [4], [15, 5], [20])  # shares 2.86 and 1.14


def test_a_total_that_does_not_divide_is_rounded_up_once_and_split_alike():
    # 3 micro-credits a unit, 1.5 units: 4.5 rounds up to 5 on both sides.
    result = clear(
        [Entry(("a", "1"), M, 3), Entry(("b", "1"), M // 2, 3)],
        [Entry(("s", "1"), M // 2, 3), Entry(("t", "1"), M, 3)],
    )
    assert result == Clearing(3, 1_500_000, (M, M // 2), (M // 2, M), (3, 2), (2, 3), 3)


def test_a_payment_stays_within_limit_times_quantity_rounded_up_when_the_total_is_rounded():
    # 0.9 units at 1 micro-credit cost at most 1; the total of 1.000001 is rounded up to 2 micro-credits.
    result = clear(
        [Entry(("a", "1"), 900_000, 1), Entry(("b", "1"), 100_001, 1)], [Entry(("s", "1"), 1_000_001, 1)]
    )
    assert result == Clearing(1, 1_000_001, (900_000, 100_001), (1_000_001,), (1, 1), (2,), 1)
