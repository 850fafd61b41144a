"""Q units, several winners, on published and hand-worked numbers."""

import subprocess
import sys
from itertools import product
from statistics import mean

import pytest

from market_core.mechanisms import multi_unit_mip
from market_core.mechanisms.multi_unit import (
    UnitAward,
    UnitBid,
    UnitProblem,
    cost,
    decide,
    fits,
    payments,
    score,
    threshold,
)
from market_core.mechanisms.procurement import (
    DoesNotFit,
    Infeasible,
    Limits,
    NoCompetition,
    Proof,
    TooLarge,
    Unproved,
)

M = 1_000_000


def bid(name, quantity, *tiers, least=1, incremental=False, extra=0, key=None):
    """A bid from tiers (from unit, cost), or from one cost for all; the name is the tie key."""
    tiers = tuple(tier if isinstance(tier, tuple) else (1, tier) for tier in tiers)
    return UnitBid(name, key or name, quantity, least, tiers, incremental, extra)


def sold(quantity, *bids, max_price=None, excess_cost=0, **limits):
    return decide(UnitProblem(quantity, bids, max_price, Limits(**limits), excess_cost))


def paid(rule, quantity, *bids, max_price=None, **limits):
    problem = UnitProblem(quantity, bids, max_price, Limits(**limits))
    award = decide(problem)
    return award.units, payments(problem, award, rule)


# What a bid costs


@pytest.mark.parametrize(
    ("units", "all_units", "incremental"),
    [
        (0, 0, 0),
        (1, 100, 100),
        (95, 9_500, 9_500),
        (100, 10_000, 10_000),
        (101, 9_090, 10_090),
        (150, 13_500, 14_500),
        (200, 16_000, 18_990),
    ],
)
def test_a_volume_discount_counts_for_all_units_or_for_those_of_its_tier(units, all_units, incremental):
    # mechanisms.md section 3: cost 100, from unit 101 at 90, 150 units; here also from unit 200 at 80.
    tiers = (1, 100), (101, 90), (200, 80)
    assert cost(bid("a", 300, *tiers), units) == all_units
    assert cost(bid("a", 300, *tiers, incremental=True), units) == incremental
    assert score(bid("a", 300, *tiers, incremental=True, extra=-7), units) == incremental - 7 * units


# Who sells how much


def test_the_published_split_award_goes_to_the_two_cheapest_halves():
    # (half, full): (1, 3), (1, 3.7), (1.5, 3.6); a half is one unit of two.
    halves = ((1 * M, 3 * M), (1 * M, 37 * M // 10), (15 * M // 10, 36 * M // 10))
    bids = [bid(name, 2, (1, half), (2, full // 2)) for name, (half, full) in zip("abc", halves, strict=True)]
    proof = Proof("optimal", 0, 2 * M, "dynamic programme")
    assert sold(2, *bids) == UnitAward((1, 1, 0), 2, 2 * M, proof)


def test_buying_more_is_cheaper_where_a_tier_lowers_the_cost_of_all_units():
    discount = bid("a", 200, (1, 100), (101, 90))
    assert sold(95, discount).units == (101,)
    assert sold(95, discount).score == 9_090
    assert sold(90, discount).units == (90,)  # 9,000
    assert sold(91, discount).units == (101,)  # 9,100 would be dearer
    assert sold(95, bid("a", 200, (1, 100), (101, 90), incremental=True)).units == (95,)


def test_the_call_market_of_the_nempy_documentation_sells_35_and_80():
    a = bid("a", 45, (1, 50), (21, 60), (41, 100), incremental=True)
    b = bid("b", 90, (1, 50), (51, 55), (81, 80), incremental=True)
    assert sold(115, a, b).units == (35, 80)
    # The first rejected unit is the 16th of A's units at 60.
    assert paid("uniform", 115, a, b) == ((35, 80), (35 * 60, 80 * 60))
    assert sold(115, a, b).proof.solver == "merit order"


@pytest.mark.parametrize(
    ("quantity", "bids", "max_price", "units"),
    [
        # none, or at least so many
        (5, [bid("a", 5, 10, least=5), bid("b", 5, 11)], None, (5, 0)),
        (3, [bid("a", 5, 10, least=5), bid("b", 5, 11)], None, (0, 3)),
        (3, [bid("a", 5, 10, least=5)], None, (5,)),
        (3, [bid("a", 5, 10, least=5)], 12, (0,)),  # 50 against 36 unbought
        (3, [bid("a", 5, 10, least=5)], 17, (5,)),  # 50 against 51
        # as many as possible, whatever they cost
        (9, [bid("a", 2, 10), bid("b", 3, 1_000)], None, (2, 3)),
        # the outside option
        (2, [bid("a", 2, 10, extra=5)], 14, (0,)),
        (2, [bid("a", 2, 10, extra=5)], 16, (2,)),
        (2, [bid("a", 2, 10, extra=-5)], 10, (2,)),
        # scores decide, not costs
        (1, [bid("a", 1, 10), bid("b", 1, 12, extra=-3)], None, (0, 1)),
        (4, [], 5, ()),
        (4, [], None, ()),
    ],
    ids=str,
)
def test_the_least_score_of_all_quantities_wins(quantity, bids, max_price, units):
    assert sold(quantity, *bids, max_price=max_price).units == units


def test_among_equal_scores_the_total_nearest_to_the_quantity_is_bought():
    # Three at 4 cost what two at 6 do; a unit at max_price is bought rather than left.
    assert sold(2, bid("a", 3, (1, 6), (3, 4))).units == (2,)
    assert sold(2, bid("a", 3, 6), max_price=6).units == (2,)
    # One unit and one left at 6, or three in one piece, at 12 both: equally far, so the smaller.
    assert sold(2, bid("a", 1, 6), bid("b", 3, 4, least=3), max_price=6).units == (1, 0)


def test_equal_scores_fall_by_ascending_key_and_each_gets_the_most():
    assert sold(3, bid("x", 2, 5, key="b"), bid("y", 2, 5, key="a")).units == (1, 2)
    assert sold(3, bid("x", 2, 5, key="a"), bid("y", 2, 5, key="b")).units == (2, 1)
    # All three of a would leave nothing that b may sell; so a sells 3 and c the rest, not a 2 and b 2.
    assert sold(4, bid("a", 3, 5), bid("b", 2, 5, least=2), bid("c", 1, 5)).units == (3, 0, 1)
    assert sold(4, bid("a", 3, 5), bid("b", 2, 5, least=2)).units == (2, 2)


def test_a_bonus_does_not_buy_units_beyond_the_quantity_where_excess_costs_as_much():
    bids = bid("a", 9, 5, extra=-8), bid("b", 9, 6, extra=-8)
    assert sold(2, *bids).units == (9, 9)  # each unit scores -3 or -2: without it there is no end
    assert sold(2, *bids, excess_cost=8).units == (2, 0)
    assert sold(2, bid("a", 9, 5, least=3, extra=-8), excess_cost=8).score == 3 * -3 + 8


# Limits on the winners


A, B, C = bid("a", 9, 10), bid("b", 9, 11), bid("c", 9, 15)


@pytest.mark.parametrize(
    ("limits", "units"),
    [
        ({"max_winners": 2}, (9, 3, 0)),
        ({"min_winners": 2}, (9, 3, 0)),
        ({"min_winners": 3}, (9, 2, 1)),
        ({"max_winners": 1}, (9, 0, 0)),  # less is bought, and that is no conflict
        ({"max_share": 500_000}, (6, 6, 0)),
        ({"max_share": 400_000}, (4, 4, 4)),
        ({"max_share": 300_000}, (0, 0, 0)),
        ({"max_share": 0}, (0, 0, 0)),
        ({"max_share": 600_000, "min_winners": 3}, (7, 4, 1)),
        ({"max_share": 600_000, "max_winners": 1}, (0, 0, 0)),
        ({"max_spend_share": 500_000}, (5, 5, 2)),  # 50 + 55 + 30: 55 is within the half of 135
    ],
    ids=str,
)
def test_the_limits_hold_for_what_is_bought(limits, units):
    if "max_spend_share" in limits:
        award = sold(12, A, B, C, **limits)
        costs = [cost(one, each) for one, each in zip((A, B, C), award.units, strict=True)]
        assert (award.bought, award.proof.status) == (12, "optimal")
        assert max(costs) * 2 <= sum(costs)
        return
    assert sold(12, A, B, C, **limits).units == units


@pytest.mark.parametrize(
    ("limits", "conflict"),
    [
        ({"min_winners": 4}, {"min_winners"}),
        ({"min_winners": 4, "max_winners": 2}, {"min_winners"}),
        ({"min_winners": 3, "max_winners": 2}, {"max_winners", "min_winners"}),
        ({"min_winners": 1, "max_share": 300_000}, {"max_share", "min_winners"}),
        (
            {"min_winners": 2, "max_winners": 2, "max_share": 400_000},
            {"max_winners", "max_share", "min_winners"},
        ),
        ({"min_winners": 1, "max_spend_share": 300_000}, {"max_spend_share", "min_winners"}),
        (
            {"min_winners": 1, "max_winners": 3, "max_share": 500_000, "max_spend_share": 300_000},
            {"max_spend_share", "min_winners"},
        ),
    ],
    ids=str,
)
def test_limits_that_cannot_hold_are_named_and_no_others(limits, conflict):
    with pytest.raises(Infeasible) as refused:
        sold(12, A, B, C, **limits)
    assert set(refused.value.limits) == conflict
    assert len(refused.value.limits) == len(conflict)


def test_minimums_can_force_a_larger_total_to_keep_a_share():
    # 4 of 8 is a half; of fewer it is more.
    assert sold(4, bid("a", 9, 1, least=4), bid("b", 9, 9, least=3), max_share=500_000).units == (4, 4)


def test_min_winners_can_force_a_total_far_beyond_the_quantity():
    three = [bid(name, 9, 1, least=4) for name in "abc"]
    assert sold(1, *three, min_winners=3).units == (4, 4, 4)
    assert sold(1, *three, max_price=1, min_winners=2).units == (4, 4, 0)


# Payments


@pytest.mark.parametrize(
    ("quantity", "bids", "max_price", "price"),
    [
        (2, [bid("a", 1, 3), bid("b", 1, 5), bid("c", 1, 8)], None, 8),
        (2, [bid("a", 1, 3), bid("b", 1, 5), bid("c", 1, 8)], 9, 8),
        (3, [bid("a", 1, 3), bid("b", 1, 5), bid("c", 1, 8)], 9, 9),
        (3, [bid("a", 1, 3), bid("b", 1, 5), bid("c", 1, 8)], None, 8),  # the last accepted
        (1, [bid("a", 2, 3), bid("b", 1, 5)], None, 3),  # a's own rejected unit counts
        (1, [bid("a", 2, (1, 3), (2, 4), incremental=True), bid("b", 1, 5)], None, 4),
        (9, [bid("a", 2, 3)], None, 3),
        (9, [bid("a", 2, 3)], 7, 7),
        (9, [], 7, 0),
    ],
    ids=str,
)
def test_every_unit_is_paid_the_first_rejected_unit_cost(quantity, bids, max_price, price):
    units, payment = paid("uniform", quantity, *bids, max_price=max_price)
    assert payment == tuple(price * each for each in units)


@pytest.mark.parametrize(("providers", "units", "grid"), [(2, 1, 40), (3, 1, 16), (3, 2, 16), (4, 2, 8)])
def test_unit_providers_are_paid_the_published_expectation(providers, units, grid):
    # k units from n unit providers with costs uniform on [0, 1]: k (k + 1) / (n + 1) in total. The costs are the
    # midpoints of a grid, all combinations of them.
    steps = [(2 * i + 1) * M // (2 * grid) for i in range(grid)]
    totals = [
        sum(paid("uniform", units, *(bid(str(i), 1, each) for i, each in enumerate(costs)))[1])
        for costs in product(steps, repeat=providers)
    ]
    assert mean(totals) / M == pytest.approx(units * (units + 1) / (providers + 1), abs=1 / grid)


def test_vcg_pays_what_a_winner_saves_the_others():
    # Without a the units cost 5 + 8 instead of 3 + 5, without b 3 + 8.
    three = bid("a", 1, 3), bid("b", 1, 5), bid("c", 1, 8)
    assert paid("vcg", 2, *three) == ((1, 1, 0), (8, 8, 0))
    # Ausubel (2004), turned round: a winner of two units is paid for each what it displaces.
    assert paid("vcg", 2, bid("a", 2, 3), bid("b", 1, 5), bid("c", 1, 8)) == ((2, 0, 0), (13, 0, 0))


def test_the_split_award_under_vcg():
    # Without a: b and c at 1 + 1.5 = 2.5, so a is paid 1 + 2.5 - 2 = 1.5, and b alike.
    bids = [bid("a", 2, (1, 10), (2, 15)), bid("b", 2, (1, 10), (2, 18)), bid("c", 2, (1, 15), (2, 18))]
    assert paid("vcg", 2, *bids) == ((1, 1, 0), (15, 15, 0))


def test_vcg_is_capped_by_max_price_and_needs_competition_without_one():
    assert paid("vcg", 2, bid("a", 2, 3), max_price=7) == ((2,), (14,))
    # Quality worth 9 a unit would make the outside option pay 16.
    assert paid("vcg", 2, bid("a", 2, 3, extra=-9), max_price=7) == ((2,), (14,))
    with pytest.raises(NoCompetition) as alone:
        paid("vcg", 2, bid("b", 2, 3), bid("a", 1, 2))
    assert alone.value.bidder == "b"
    with pytest.raises(NoCompetition) as first:
        paid("vcg", 2, bid("z", 1, 3, key="0"), bid("a", 1, 2, key="1"))
    assert first.value.bidder == "z"


def test_vcg_needs_competition_for_what_the_limits_ask():
    assert paid("vcg", 2, A, B, C, max_price=20, min_winners=2) == ((1, 1, 0), (15, 15, 0))
    with pytest.raises(NoCompetition) as refused:
        paid("vcg", 2, A, B, max_price=20, min_winners=2)
    assert refused.value.bidder == "a"


def test_pay_as_bid_pays_costs():
    assert paid("pay_as_bid", 12, A, B, C) == ((9, 3, 0), (90, 33, 0))


@pytest.mark.parametrize(
    ("rule", "problem", "why"),
    [
        ("uniform", UnitProblem(1, (bid("a", 9, (1, 5), (3, 4)),)), "rise"),
        ("uniform", UnitProblem(1, (bid("a", 9, (1, 5), (3, 4), incremental=True),)), "rise"),
        ("uniform", UnitProblem(1, (bid("a", 9, 5, least=2),)), "min_quantity"),
        ("uniform", UnitProblem(1, (bid("a", 9, 5, extra=1),)), "weights"),
        ("uniform", UnitProblem(1, (A,), limits=Limits(max_winners=1)), "limits"),
        ("uniform", UnitProblem(1, (A,), limits=Limits(max_spend_share=M)), "max_spend_share"),
        ("vcg", UnitProblem(1, (A,), limits=Limits(max_spend_share=M)), "max_spend_share"),
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_says_why(rule, problem, why):
    assert why in fits(problem, rule)
    award = decide(problem)
    with pytest.raises(DoesNotFit) as refused:
        payments(problem, award, rule)
    assert refused.value.why == fits(problem, rule)


def test_rules_that_fit_say_nothing():
    rising = UnitProblem(1, (bid("a", 9, (1, 4), (3, 5), incremental=True), bid("b", 2, (1, 5), (3, 4))))
    assert {fits(rising, rule) for rule in ("pay_as_bid", "uniform", "vcg")} == {""}
    limited = UnitProblem(1, (A,), limits=Limits(2, 1, M))
    assert fits(limited, "vcg") == ""


# At which cost a loser would have won


@pytest.mark.parametrize(
    ("quantity", "bids", "max_price", "expected"),
    [
        (1, [bid("b", 1, 40), bid("a", 1, 30)], None, 30),
        (1, [bid("a", 1, 40), bid("b", 1, 30)], None, 30),  # its lower key does not move it
        (2, [bid("b", 1, 40), bid("a", 2, 30)], None, 30),
        (1, [bid("b", 1, 40, extra=4), bid("a", 1, 30)], None, 26),
        (1, [bid("b", 1, 40, extra=4), bid("a", 1, 3)], None, None),  # not even for nothing
        (1, [bid("b", 1, (1, 40), (2, 30)), bid("a", 1, 30)], None, None),
        (1, [bid("b", 1, 20), bid("a", 1, 30)], None, None),  # it won
        (2, [bid("b", 3, 9, least=3)], 12, 8),
        # Three units for less than 2 x 10: at 6 it wins, at 7 it loses.
        (2, [bid("b", 3, 9, least=3), bid("a", 9, 10)], None, 7),
        (2, [bid("b", 3, 9, least=3), bid("a", 9, 10)], 12, 7),
    ],
    ids=str,
)
def test_below_the_threshold_a_loser_would_have_won(quantity, bids, max_price, expected):
    problem = UnitProblem(quantity, tuple(bids), max_price)
    assert threshold(problem, decide(problem), 0) == expected


def test_no_threshold_under_a_share_of_spending():
    problem = UnitProblem(1, (A, B), limits=Limits(max_spend_share=M))
    assert threshold(problem, decide(problem), 1) is None


# Sizes, proofs and hygiene


def test_more_than_ten_thousand_bids_are_refused():
    many = tuple(bid(f"{i:05}", 1, 5) for i in range(10_001))
    with pytest.raises(TooLarge, match="at most 10,000 bids"):
        decide(UnitProblem(1, many))
    assert sum(decide(UnitProblem(10, many[1:])).units) == 10


def test_a_large_problem_with_tiers_is_solved_from_what_its_unit_price_leaves_open():
    # 400 bids, 60,000 units: the full table would have 24 million cells, more than are kept.
    def one(i):
        first, falls = 1_000 + i * 7919 % 997, i * 31 % 50
        start = 40 + i % 37
        return bid(f"{i:04}", 200 + i % 101, (1, first * M), (start, (first - falls) * M), least=1 + i % 9)

    problem = UnitProblem(60_000, tuple(map(one, range(400))))
    award = decide(problem)
    assert (award.proof.status, award.proof.solver) == ("optimal", "dynamic programme")
    assert (award.bought, award.score) == multi_unit_mip_answer(problem)


def multi_unit_mip_answer(problem):
    units, bound = multi_unit_mip.solve(problem)
    assert bound is None
    return sum(units), sum(score(one, each) for one, each in zip(problem.bids, units, strict=True))


def test_amounts_beyond_any_float_are_exact():
    huge = 10**17 + 1
    bids = bid("a", 5, huge, least=2), bid("b", 5, huge + 1), bid("c", 5, (1, huge + 9), (4, huge - 1))
    assert sold(3, *bids).score == 3 * huge
    assert sold(4, *bids).score == 4 * (huge - 1)
    assert paid("vcg", 3, *bids)[1][0] == 3 * (huge + 1)


def test_nothing_is_paid_on_an_award_that_is_not_proved():
    problem = UnitProblem(2, (A, B, C))
    unproved = UnitAward((2, 0, 0), 2, 20, Proof("feasible", 3, 17, "HiGHS"))
    with pytest.raises(Unproved) as refused:
        payments(problem, unproved, "vcg")
    assert refused.value.gap == 3
    with pytest.raises(Unproved):
        threshold(problem, unproved, 1)
    assert payments(problem, unproved, "pay_as_bid") == (20, 0, 0)


def test_without_time_the_answer_says_how_far_it_may_be_off():
    bids = tuple(bid(f"{i:02}", 9 + i, 50 + i * 37 % 19, least=3 + i % 5) for i in range(30))
    with pytest.raises(Unproved) as refused:
        multi_unit_mip.solve(UnitProblem(100, bids, limits=Limits(max_spend_share=150_000)), seconds=0.0)
    assert refused.value.gap > 0
    units, bound = multi_unit_mip.solve(UnitProblem(100, bids), seconds=0.0)
    best = decide(UnitProblem(100, bids)).score
    found = sum(cost(one, each) for one, each in zip(bids, units, strict=True))
    assert bound is None or bound <= best <= found


def test_numpy_and_highs_are_imported_only_when_they_are_needed():
    code = (
        "import sys; from market_core.mechanisms.multi_unit import *;"
        "decide(UnitProblem(1, (UnitBid('a', 'a', 1, 1, ((1, 5),)),)));"
        "print([name for name in ('numpy', 'highspy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
