"""Clearing with minimums and tiers, and why an entry got less, on worked cases."""

import pytest

from market_core.mechanisms.clearing import COMPLETE, MECHANISM, Entry, clear, reasons
from market_core.mechanisms.procurement import Proof, Unproved

M = 1_000_000


def side(name, *rows):
    """Return entries from (quantity, limit, minimum, tiers) in units and credits, keys in the order of the rows."""
    return [entry(f"{name}{at:03}", *row) for at, row in enumerate(rows)]


def entry(name, quantity, limit, minimum=0, tiers=()):
    return Entry(
        (name, "1"),
        int(quantity * M),
        None if limit is None else int(limit * M),
        int(minimum * M),
        tuple((start * M, int(ask * M)) for start, ask in tiers),
    )


def cleared(demand, offers, grain=M):
    """Return price and quantities in credits and units; None if nothing trades."""
    result = clear(side("a", *demand), side("b", *offers), grain)
    if result is None:
        return None
    assert sum(result.payments) == sum(result.receipts)
    return result.price / M, [q / M for q in result.demand], [q / M for q in result.offers]


def why(demand, offers, grain=M):
    book = side("a", *demand), side("b", *offers)
    return reasons(*book, clear(*book, grain), grain)


NO_CLEARING_PRICE = [(1, 5), (2, 4, 2)], [(2, 0)]


def test_where_no_price_clears_the_larger_surplus_wins_and_the_higher_limit_is_left_out():
    # Two units free; one demand wants 1 at 5, the other both or nothing for 8. Serving the first is worth 5.
    assert cleared(*NO_CLEARING_PRICE) == (2, [0, 2], [2])
    assert why(*NO_CLEARING_PRICE) == (("minimum", None), (None,))


VOLUME = (50, 6, 0, ((10, 5), (20, 3)))


@pytest.mark.parametrize(
    ("demand", "offers", "outcome"),
    [
        # all or nothing: the supply does not reach it
        ([(3, 9, 3)], [(2, 1)], None),
        ([(3, 9, 3)], [(2, 1), (1, 8)], (8.5, [3], [2, 1])),
        # at 2 of 3 units a minimum of 2 is met
        ([(3, 9, 2)], [(2, 1)], (9, [2], [2])),
        # two that do not fit together: the larger surplus
        ([(2, 5, 2), (3, 4, 3)], [(4, 1)], (1, [0, 3], [3])),
        # what a minimum leaves is for the next
        ([(2, 9, 2), (2, 8, 2), (1, 3)], [(3, 1)], (2, [2, 0, 1], [3])),
        # a minimum below the price of the others would need a price at which they do not sell
        ([(2, 9), (2, 3, 2)], [(2, 1), (2, 4)], (2.5, [2, 0], [2, 0])),
        # the ask of the tier reached is for the whole quantity; an offer sold in part sets the price
        ([(5, 9)], [VOLUME], (6, [5], [5])),
        ([(10, 5.5)], [VOLUME], (5, [10], [10])),
        ([(25, 4)], [VOLUME], (3, [25], [25])),
        # nine at 5.50 do not reach the tier at 5
        ([(9, 5.5)], [VOLUME], None),
        # a demand at 3.50 is needed to reach the tier that it can pay, and lowers the price for all
        ([(19, 9), (1, 3.5)], [VOLUME], (3, [19, 1], [20])),
        ([(19, 9), (1, 2.5)], [VOLUME], (5, [19, 0], [19])),
        # an offer's own minimum
        ([(4, 9)], [(10, 1, 5)], None),
        ([(4, 9), (1, 2)], [(10, 1, 5)], (1, [4, 1], [5])),
        # a loss of 1 on each of 2 units would let the others trade 2 at a gain of 6
        ([(2, 9), (2, 2, 2)], [(4, 3, 4)], None),
        # one more unit, at 9 for 8, would need a price above the limit of 4
        (
            [(2, 8, 2), (3, 4, 3), (1, 9)],
            [(4, 8, 0, ((3, 2),)), (5, 5, 5, ((5, 0),))],
            (2, [2, 3, 0], [0, 5]),
        ),
        # two all-or-nothing sides of different size do not trade
        ([(4, 9, 4)], [(5, 1, 5)], None),
        # any price counts as just above every limit
        ([(1, None), (2, 8, 2)], [(2, 1)], (4.5, [0, 2], [2])),
        ([(2, None, 2)], [(1, 1), (1, 3)], (3, [2], [1, 1])),
        # a tier that is never reached
        ([(2, 9)], [(2, 1, 0, ((3, 0.5),))], (5, [2], [2])),
    ],
    ids=str,
)
def test_one_price_supports_the_largest_surplus(demand, offers, outcome):
    assert cleared(demand, offers) == outcome


def test_rejected_plain_entries_narrow_the_price_as_in_a_plain_book():
    # Supported from 2 to 9; the rejected limit of 7 and the rejected ask of 8 leave 7 to 8.
    demand, offers = [(2, 9, 2), (1, 7)], [(2, 2), (1, 8)]
    assert cleared(demand, offers) == (7.5, [2, 0], [2, 0])
    # Of two rejected limits the one above an accepted limit is passed over.
    assert cleared([(1, 5), (2, 4, 2), (1, 2)], [(2, 0)]) == (3, [0, 2, 0], [2])
    # The rejected ask of 4 is below the accepted limit, but with it 3 units would be for sale: it is a minimum of 3.
    assert cleared([(2, 9, 2), (1, 7)], [(2, 2), (3, 4, 3)]) == (8, [2, 0], [2, 0])


def test_among_equals_an_entry_without_a_minimum_comes_first_then_the_earlier_key():
    assert cleared([(2, 5, 2), (1, 5), (1, 5)], [(2, 1)]) == (3, [0, 1, 1], [2])
    assert cleared([(2, 5, 2), (2, 5, 2)], [(2, 1)]) == (3, [2, 0], [2])
    assert cleared([(2, 9)], [(2, 1, 2), (2, 1, 2)]) == (5, [2], [2, 0])
    # The last key is looked at first; without it the two before it are needed.
    assert cleared([(1, 5), (2, 5, 2), (3, 5, 3)], [(3, 1)]) == (3, [1, 2, 0], [3])


def test_the_margin_shares_what_is_left_after_the_minimums():
    # 9 units at one limit: minimums 4 and 0, then 5 units over 2 and 8 that are still wanted.
    assert cleared([(6, 5, 4), (8, 5), (4, 6)], [(13, 1)]) == (5, [5, 4, 4], [13])


def test_equal_entries_in_large_numbers_are_no_work():
    demand = [(8, 5, 8)] * 200
    price, bought, sold = cleared(demand, [(100, 3)])
    assert (price, bought, sold) == (3, [8] * 12 + [0] * 188, [96])


def test_a_result_names_its_mechanism_and_its_proof():
    plain = clear(side("a", (1, 5)), side("b", (1, 3)))
    assert (plain.mechanism, plain.proof) == (MECHANISM, None)
    # A surplus of 4 credits as a score: the least is the best.
    complete = clear(side("a", (2, 5, 2)), side("b", (2, 3)))
    assert (complete.mechanism, complete.proof) == (
        COMPLETE,
        Proof("optimal", 0, -4 * M, "branch and bound"),
    )


def test_a_minimum_of_one_grain_is_none():
    assert clear(side("a", (2, 5, 1)), side("b", (1, 3)), M).mechanism == MECHANISM


def test_a_search_that_ends_early_says_how_much_may_be_missing():
    # Even numbers of units against 101, of which one stays unsold whatever is chosen.
    demand = [(2 * (at % 20 + 1), 5, 2 * (at % 20 + 1)) for at in range(60)]
    short = clear(side("a", *demand), side("b", (101, 3)), M)
    assert (short.traded, short.proof) == (
        100 * M,
        Proof("feasible", 2 * M, -202 * M, "branch and bound"),
    )
    with pytest.raises(Unproved) as raised:
        clear(side("a", *demand), side("b", (101, 3, 101)), M)
    assert raised.value.gap == 202 * M


@pytest.mark.parametrize(
    ("demand", "offers", "expected"),
    [
        ([(1, 5)], [(1, 3)], ((None,), (None,))),
        ([(1, 5)], [], (("no_partner",), ())),
        ([], [(1, 5)], ((), ("no_partner",))),
        ([(1, 2), (1, None)], [], (("no_partner", "no_partner"), ())),
        # nothing trades
        ([(1, 3)], [(1, 4)], (("out_of_price",), ("out_of_price",))),
        ([(1, 3), (5, 5, 5)], [(1, 4)], (("out_of_price", "minimum"), ("minimum",))),
        ([(9, 5.5), (1, 1)], [VOLUME], (("minimum", "out_of_price"), ("minimum",))),
        ([(3, 4, 3)], [(1, 4)], (("minimum",), ("minimum",))),
        # a price of 4.5
        ([(1, 5), (1, 3)], [(1, 4), (1, 6)], ((None, "out_of_price"), (None, "out_of_price"))),
        # the margin
        ([(2, 5), (2, 5)], [(3, 1)], ((None, "rationed"), (None,))),
        ([(1, 5), (1, 5)], [(1, 1)], ((None, "rationed"), (None,))),
        ([(1, 5)], [(4, 1), (1, 1)], ((None,), ("rationed", "rationed"))),
        # the price is the rejected limit, as nothing else bounds it above
        ([(1, 5), (1, None)], [(1, 4)], (("rationed", None), (None,))),
        # a minimum that could not be met, at the price itself
        ([(2, 5, 2), (2, 5)], [(2, 1)], (("minimum", None), (None,))),
        # below the limits of those who share what a minimum leaves
        ([(1, 5), (1, 5), (2, 4, 2)], [(3, 0, 3)], ((None, "rationed", None), (None,))),
        # a tier that suits, reached by nobody
        ([(1, 9), (1, 9)], [(2, 1), VOLUME], ((None, None), (None, "minimum"))),
        ([(1, 9), (1, 9)], [(2, 1), (5, 12, 0, ((3, 11),))], ((None, None), (None, "out_of_price"))),
        # a part within a tier
        ([(25, 4)], [VOLUME], ((None,), ("rationed",))),
    ],
    ids=str,
)
def test_who_got_less_is_told_why(demand, offers, expected):
    assert why(demand, offers) == expected


@pytest.mark.parametrize(
    ("demand", "offers"),
    [
        ([entry("a", 1, 5, 2)], [entry("b", 1, 3)]),
        ([entry("a", 1, 5)], [entry("b", 5, 3, 0, ((3, 2), (3, 1)))]),
        ([entry("a", 1, 5)], [entry("b", 5, 3, 0, ((2, 3),))]),
        ([entry("a", 1, 5, 0, ((2, 3),))], [entry("b", 5, 3)]),
        ([Entry(("a", "1"), M, 5 * M, -1)], [entry("b", 5, 3)]),
    ],
    ids=["minimum above quantity", "tiers from one quantity", "a tier as dear", "tiers of demand", "below 0"],
)
def test_what_cannot_be_meant_is_an_error(demand, offers):
    with pytest.raises(ValueError, match=r"minimum|tiers"):
        clear(demand, offers)
