"""Lots and bundles: hand-worked auctions, limits that conflict, thresholds, and what is refused."""

from dataclasses import replace

import pytest

from market_core.mechanisms.combinatorial import LotAward, LotBid, LotProblem, decide, payments, threshold
from market_core.mechanisms.procurement import (
    DoesNotFit,
    Infeasible,
    Limits,
    NoCompetition,
    Proof,
    TooLarge,
    Unproved,
)

SHARE = 1_000_000
HIGHS = Limits(max_winners=99)
"""Binds nobody in a small auction, and sends it to the solver."""


def bid(bidder, lots, cost, key="", extra=0):
    return LotBid(bidder, (key or bidder.encode().hex()).ljust(64, "0"), frozenset(lots), cost, extra)


def won(problem, rule="pay_as_bid"):
    """Return (bidder, payment) of each winning bid, in the order of the bids."""
    paid = payments(problem, decide(problem), rule)
    return [(problem.bids[position].bidder, payment) for position, payment in sorted(paid.items())]


A, B, AB = bid("a", [0], 10), bid("b", [1], 10), bid("c", [0, 1], 100)


def test_two_small_bids_beat_a_dear_bundle():
    problem = LotProblem((None, None), (AB, A, B))
    assert decide(problem) == LotAward((1, 2), (), 20, Proof("optimal", 0, 20, "table"))
    assert won(problem) == [("a", 10), ("b", 10)]
    # Source: mechanisms.md section 3: cost 20, vcg 90 + 90.
    assert won(problem, "vcg") == [("a", 90), ("b", 90)]


def test_a_bundle_cheaper_than_its_parts_wins_and_is_paid_what_they_cost():
    problem = LotProblem((None, None), (A, B, bid("c", [0, 1], 15)))
    assert won(problem, "vcg") == [("c", 20)]


def test_a_lot_may_be_bought_twice_where_that_is_cheaper():
    problem = LotProblem((None,) * 3, (bid("a", [0, 1], 10), bid("b", [1, 2], 10), bid("c", [2], 15)))
    assert won(problem) == [("a", 10), ("b", 10)]


def test_a_lot_that_costs_more_than_its_max_price_is_left():
    problem = LotProblem((9, 30), (A, B))
    assert decide(problem) == LotAward((1,), (0,), 19, Proof("optimal", 0, 19, "table"))
    assert won(problem, "vcg") == [("b", 30)]


def test_a_lot_without_a_max_price_is_bought_at_any_cost_and_before_anything_is_saved():
    one = bid("a", [0, 1], 1000)
    problem = LotProblem((None, None), (one, bid("b", [0], 1)))
    assert won(problem) == [("a", 1000)]
    # As alternatives of one bidder, more lots still come first.
    assert won(LotProblem((None, None), (one, bid("a", [0], 1, key="1")))) == [("a", 1000)]


def test_alternatives_exclude_each_other_and_bids_that_add_up_do_not():
    bids = (bid("a", [0], 3, key="1"), bid("a", [1], 3, key="2"), bid("b", [0, 1], 50))
    assert won(LotProblem((None, None), bids, "xor")) == [("b", 50)]
    assert won(LotProblem((None, None), bids, "or")) == [("a", 3), ("a", 3)]


def test_what_a_bidder_is_paid_for_bids_that_add_up_is_split_in_proportion_to_cost():
    bids = (bid("a", [0], 1, key="2"), bid("a", [1], 3, key="1"), bid("b", [0, 1], 50))
    # 50 in all: 12.5 and 37.5, the half to the smaller key.
    assert won(LotProblem((None, None), bids, "or"), "vcg") == [("a", 12), ("a", 38)]
    free = (replace(bids[0], cost=0), replace(bids[1], cost=0), bids[2])
    assert won(LotProblem((None, None), free, "or"), "vcg") == [("a", 25), ("a", 25)]


@pytest.mark.parametrize("limits", [Limits(), HIGHS])
def test_of_equal_scores_the_least_sum_of_weights_wins_then_the_least_list_of_keys(limits):
    pairs = [("a", 0, "00000003"), ("b", 1, "00000003"), ("c", 0, "00000001"), ("d", 1, "00000005")]
    bids = tuple(bid(name, [lot], 7, key=key + name) for name, lot, key in pairs)
    problem = LotProblem((None, None), bids, limits=limits)
    assert won(problem) == [("b", 7), ("c", 7)]  # 1 + 3 is the least
    tied = (bids[0], bids[1], bid("e", [0, 1], 14, key="00000006"))
    # 3 + 3 = 6: the pair's first key comes before the bundle's.
    assert won(LotProblem((None, None), tied, limits=limits)) == [("a", 7), ("b", 7)]


@pytest.mark.parametrize(
    ("limits", "winners"),
    [
        (Limits(), ["a", "b", "c"]),
        (Limits(max_winners=2), ["c", "d"]),
        (Limits(max_winners=1), ["e"]),
        (Limits(min_winners=3), ["a", "b", "c"]),
        (Limits(max_share=400_000), ["a", "b", "c"]),
        (Limits(max_share=700_000, max_winners=2), ["c", "d"]),
        (Limits(max_share=600_000, max_winners=2), ["a", "b"]),
    ],
)
def test_limits_bind_the_bidders_that_win(limits, winners):
    bids = (
        bid("a", [0], 10),
        bid("b", [1], 10),
        bid("c", [2], 10),
        bid("d", [0, 1], 25),
        bid("e", [0, 1, 2], 54),
    )
    assert [name for name, _ in won(LotProblem((30,) * 3, bids, limits=limits))] == winners


def test_a_bidder_takes_no_more_lots_than_it_said():
    bids = (bid("a", [0], 1, key="1"), bid("a", [1], 2, key="2"), bid("b", [0], 5), bid("c", [1], 9))
    problem = LotProblem((None, None), bids, "or", at_most={"a": 1})
    assert won(problem) == [("a", 2), ("b", 5)]
    # 7 in all; without a 5 + 9, without b 1 + 9.
    assert won(problem, "vcg") == [("a", 9), ("b", 8)]
    assert won(replace(problem, at_most={"a": 0})) == [("b", 5), ("c", 9)]


def test_a_cheaper_bid_on_more_lots_does_not_displace_one_that_the_limits_need():
    bids = (bid("a", [0], 10, key="1"), bid("a", [0, 1], 9, key="2"), bid("b", [1], 5))
    halves = LotProblem((None, None), bids, limits=Limits(max_share=500_000))
    assert won(halves) == [("a", 10), ("b", 5)]
    bids = (
        bid("a", [0], 5, key="1"),
        bid("a", [0, 1], 4, key="2"),
        bid("a", [2], 1, key="3"),
        bid("b", [1], 1),
    )
    two = LotProblem((None,) * 3, bids, "or", at_most={"a": 2})
    assert won(two) == [("a", 5), ("a", 1), ("b", 1)]


def test_max_spend_share_bounds_each_winners_part_of_the_costs_and_fits_only_pay_as_bid():
    bids = (bid("a", [0], 10), bid("b", [1], 30), bid("c", [1], 31), bid("d", [0], 29))
    problem = LotProblem((None, None), bids, limits=Limits(max_spend_share=520_000))
    assert won(problem) == [("b", 30), ("d", 29)]
    with pytest.raises(DoesNotFit, match="max_spend_share"):
        payments(problem, decide(problem), "vcg")
    with pytest.raises(DoesNotFit, match="max_spend_share"):
        threshold(problem, decide(problem), 0)


@pytest.mark.parametrize(
    ("limits", "at_most", "conflict"),
    [
        (Limits(min_winners=4, max_share=SHARE), {}, ("min_winners",)),
        (Limits(min_winners=3, max_winners=2), {}, ("max_winners", "min_winners")),
        (Limits(min_winners=1, max_share=200_000, max_winners=3), {}, ("min_winners", "max_share")),
        (Limits(min_winners=2, max_spend_share=400_000), {"c": 1}, ("min_winners", "max_spend_share")),
        (Limits(min_winners=3, max_share=SHARE), {"c": 1}, ("min_winners", "at_most")),
        (Limits(min_winners=2, max_share=600_000), {"a": 0, "c": 2}, ("min_winners", "max_share", "at_most")),
    ],
)
def test_limits_that_cannot_hold_are_named(limits, at_most, conflict):
    with pytest.raises(Infeasible) as caught:
        decide(LotProblem((None, 50), (A, B, AB), limits=limits, at_most=at_most))
    assert caught.value.limits == conflict


def test_without_min_winners_buying_nothing_keeps_every_limit():
    problem = LotProblem((None, 5), (A,), limits=Limits(max_share=500_000))
    assert decide(problem) == LotAward((), (0, 1), 5, Proof("optimal", 0, 5, "table"))
    assert decide(LotProblem((None, 5), ())) == LotAward((), (0, 1), 5, Proof("optimal", 0, 5, "table"))
    assert payments(problem, decide(problem), "vcg") == {}


@pytest.mark.parametrize("rule", ["vcg", "core"])
@pytest.mark.parametrize("limits", [Limits(), Limits(min_winners=2)])
def test_without_competition_nothing_bounds_a_payment(rule, limits):
    problem = LotProblem((None, 50), (A, B), limits=limits)
    with pytest.raises(NoCompetition) as caught:
        payments(problem, decide(problem), rule)
    assert caught.value.bidder == "a"


def test_a_good_bid_with_a_low_score_is_still_paid_no_more_than_the_max_price():
    problem = LotProblem((50,), (bid("a", [0], 40, extra=-60), bid("b", [0], 45)))
    # 40 + 45 - (-20) = 105 under vcg without the cap.
    assert won(problem, "vcg") == [("a", 50)]
    assert won(problem, "core") == [("a", 50)]


@pytest.mark.parametrize("limits", [Limits(), HIGHS])
def test_a_loser_is_told_the_cost_below_which_it_would_have_won(limits):
    problem = LotProblem(
        (None, None), (A, B, AB, bid("d", [0], 11), bid("c", [0], 7, key="1")), limits=limits
    )
    award = decide(problem)
    assert [problem.bids[position].bidder for position in award.winners] == ["b", "c"]
    assert [threshold(problem, award, position) for position in (0, 2, 3)] == [7, 17, 7]


def test_a_loser_that_would_not_win_at_any_cost_is_told_so():
    whole, half = bid("a", [0, 1], 1000), bid("a", [0], 1, key="1")
    problem = LotProblem((None, None), (whole, half))
    assert threshold(problem, decide(problem), 1) is None
    dear = LotProblem((None, None), (A, B, bid("c", [0], 20, extra=11)))
    assert threshold(dear, decide(dear), 2) is None


def test_too_many_bids_or_lots_are_refused():
    with pytest.raises(TooLarge, match="500 lots"):
        decide(LotProblem((1,) * 501, ()))
    many = tuple(LotBid("a", f"{i:064x}", frozenset({0}), 1) for i in range(10_001))
    with pytest.raises(TooLarge, match="10,000 bids"):
        decide(LotProblem((1,), many))


@pytest.mark.parametrize("bids", [(bid("a", [], 1),), (bid("a", [2], 1),), (A, replace(B, key=A.key))])
def test_bids_that_make_no_sense_are_a_mistake_of_the_caller(bids):
    with pytest.raises(ValueError, match=r"bid"):
        decide(LotProblem((None, None), bids))


def test_out_of_time_the_answer_says_how_far_it_may_be_from_the_best_and_sets_no_prices():
    problem = LotProblem((None, 30), (A, B, AB), limits=HIGHS)
    award = decide(problem, seconds=0)
    assert award.proof.status == "feasible"
    assert award.proof.bound == award.score - award.proof.gap <= decide(problem).score
    with pytest.raises(Unproved):
        payments(problem, award, "vcg")
    with pytest.raises(Unproved):
        payments(problem, decide(problem), "core", seconds=0)
    with pytest.raises(Unproved):
        decide(replace(problem, limits=Limits(min_winners=1)), seconds=0)


@pytest.mark.parametrize("limits", [Limits(), HIGHS])
@pytest.mark.parametrize("unit", [1, 10**10, 10**15 - 1])
def test_amounts_beyond_any_float_are_decided_exactly(limits, unit):
    bids = (bid("a", [0], 7 * unit), bid("b", [0], 7 * unit + 1), bid("c", [1], 5 * unit))
    problem = LotProblem((None, 9 * unit), bids, limits=limits)
    award = decide(problem)
    assert (award.winners, award.score) == ((0, 2), 12 * unit)
    assert award.proof.gap == 0 or limits == HIGHS


def test_independent_lots_are_solved_apart_and_large_ones_by_the_solver():
    lots = 40
    apart = tuple(
        bid(f"{name}{lot}", [lot], cost) for lot in range(lots) for name, cost in (("a", 5), ("b", 6))
    )
    problem = LotProblem((None,) * lots, apart)
    assert decide(problem).proof == Proof("optimal", 0, 200, "table")
    tied = (*apart, bid("all", range(lots), 199))
    award = decide(replace(problem, bids=tied))
    assert (award.winners, award.proof) == ((80,), Proof("optimal", 0, 199, "HiGHS"))
    assert won(replace(problem, bids=tied), "vcg") == [("all", 200)]
