"""Lots and bundles: hand-worked auctions, and every decision and vcg payment against brute force."""

from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import chain, combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


# --- by hand


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
    assert decide(problem) == LotAward((), (0, 1), 5, Proof("optimal", 0, 5, "HiGHS"))
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


# --- against each other


def market(seed, combine, lots=9, bids=60, tied=False):
    """A larger auction: bundles somewhat cheaper than their parts, or all lots at one price."""
    random = Random(seed)
    made = []
    for place in range(bids):
        own = frozenset(random.sample(range(lots), random.randint(1, 4)))
        cost = 10 * len(own) if tied else random.randint(70, 130) * len(own) - 10 * (len(own) - 1)
        key = sha256(f"{seed} {place}".encode()).hexdigest()
        made.append(LotBid(f"p{random.randint(0, 19)}", key, own, cost))
    prices = (None, *(random.randint(80, 200) for _ in range(lots - 1)))
    return LotProblem(prices, tuple(made), combine)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("combine", ["xor", "or"])
@pytest.mark.parametrize("seed", range(3))
def test_the_table_the_solver_and_one_solve_per_winner_agree(seed, combine, tied):
    problem = market(seed, combine, tied=tied)
    by_solver = replace(problem, limits=HIGHS)
    award, other = decide(problem), decide(by_solver)
    assert (award.proof.solver, other.proof.solver) == ("table", "HiGHS")
    assert (award.winners, award.score) == (other.winners, other.score)
    for rule in ("vcg", "core"):
        assert payments(problem, award, rule) == payments(by_solver, other, rule)
    totals = per_bidder(problem, payments(problem, award, "vcg"))
    for name, cost in per_bidder(problem, payments(problem, award, "pay_as_bid")).items():
        rest = tuple(each for each in problem.bids if each.bidder != name)
        assert totals[name] == cost + decide(replace(problem, bids=rest)).score - award.score


# --- against brute force


@st.composite
def problems(draw, lots=4, bids=6, priced=False, limited=True, extra=3, combine=None):
    """Small auctions full of ties; weights collide too."""
    prices = st.integers(0, 9) if priced else st.none() | st.integers(0, 9)
    count = draw(st.integers(1, lots))
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abcdef"),
                st.frozensets(st.integers(0, count - 1), min_size=1),
                st.integers(0, 9),
                st.integers(-extra, extra),
                st.integers(1, 4),
            ),
            max_size=bids,
        )
    )
    made = [
        LotBid(name, f"{weight:08x}{place:056x}", own, cost, plus)
        for place, (name, own, cost, plus, weight) in enumerate(rows)
    ]
    return LotProblem(
        tuple(draw(prices) for _ in range(count)),
        tuple(draw(st.permutations(made))),
        combine or draw(st.sampled_from(["xor", "or"])),
        draw(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=2)) if limited else {},
        draw(all_limits()) if limited else Limits(),
    )


def all_limits():
    share = st.none() | st.integers(2, 5).map(lambda part: part * 200_000)
    limits = st.builds(Limits, st.none() | st.integers(1, 3), st.integers(0, 2), share, share)
    return st.sampled_from([Limits(), HIGHS]) | limits


def by_definition(problem, bids=None):
    """Return the best (missing, score, weight, keys, winners) of all allowed sets of bids, None without one."""
    bids = range(len(problem.bids)) if bids is None else bids
    sets = chain.from_iterable(combinations(bids, size) for size in range(len(bids) + 1))
    return min((worth(problem, each) for each in sets if allowed(problem, each)), default=None)


def worth(problem, winners):
    chosen = [problem.bids[i] for i in winners]
    left = [price for lot, price in enumerate(problem.lots) if not any(lot in each.lots for each in chosen)]
    keys = sorted(each.key for each in chosen)
    score = sum(each.cost + each.extra for each in chosen) + sum(price for price in left if price is not None)
    return left.count(None), score, sum(int(key[:8], 16) for key in keys), keys, tuple(sorted(winners))


def allowed(problem, winners):
    chosen = [problem.bids[i] for i in winners]
    names = [each.bidder for each in chosen]
    limits, bidders = problem.limits, set(names)
    if problem.combine == "xor" and len(bidders) < len(names):
        return False
    if not limits.min_winners <= len(bidders) <= (limits.max_winners or 99):
        return False
    bought, spent = len(frozenset().union(*(each.lots for each in chosen))), sum(each.cost for each in chosen)
    for name in bidders:
        taken = sum(len(each.lots) for each in chosen if each.bidder == name)
        got = sum(each.cost for each in chosen if each.bidder == name)
        if (
            taken > problem.at_most.get(name, 99)
            or (limits.max_share is not None and taken * SHARE > limits.max_share * bought)
            or (limits.max_spend_share is not None and got * SHARE > limits.max_spend_share * spent)
        ):
            return False
    return True


@given(problems())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_decision_is_the_brute_force_one(problem):
    expected = by_definition(problem)
    if expected is None:
        with pytest.raises(Infeasible) as caught:
            decide(problem)
        assert_smallest_conflict(problem, caught.value.limits)
        return
    award = decide(problem)
    missing, score, _, _, winners = expected
    assert (award.winners, award.score) == (winners, score)
    assert sum(problem.lots[lot] is None for lot in award.unbought) == missing
    assert award.proof == Proof("optimal", 0, score, award.proof.solver)


def assert_smallest_conflict(problem, names):
    """Check that these limits alone cannot hold and that no fewer are enough."""
    fields = [name for name in Limits.__slots__ if getattr(problem.limits, name)] + ["at_most"]

    def conflicts(kept):
        limits = Limits(**{name: getattr(problem.limits, name) for name in kept if name != "at_most"})
        rest = replace(problem, limits=limits, at_most=problem.at_most if "at_most" in kept else {})
        return by_definition(rest) is None

    assert conflicts(names)
    assert not any(conflicts(kept) for kept in combinations(fields, len(names) - 1))


@given(problems(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_order_of_bids_changes_nothing(problem, random):
    moved = list(range(len(problem.bids)))
    random.shuffle(moved)
    other = replace(problem, bids=tuple(problem.bids[i] for i in moved))

    def outcome(each):
        try:
            award = decide(each)
            paid = payments(each, award, "vcg")
        except (Infeasible, NoCompetition, DoesNotFit) as refusal:
            return repr(refusal)
        return award.score, {each.bids[i].key: payment for i, payment in paid.items()}

    assert outcome(other) == outcome(problem)


def without(problem, bidder):
    return [i for i, each in enumerate(problem.bids) if each.bidder != bidder]


def vcg_by_definition(problem):
    """Return each winning bidder's payment, or the bidder without whom nothing bounds it."""
    missing, score, _, _, winners = by_definition(problem)
    paid = {}
    for i in sorted(winners, key=lambda i: problem.bids[i].key):
        name = problem.bids[i].bidder
        rest = by_definition(problem, without(problem, name))
        if rest is None or rest[0] > missing:
            return name
        own = [problem.bids[j] for j in winners if problem.bids[j].bidder == name]
        cost, lots = sum(each.cost for each in own), frozenset().union(*(each.lots for each in own))
        prices = [problem.lots[lot] for lot in lots]
        most = sum(prices) if None not in prices else 10**9
        paid[name] = max(min(cost + rest[1] - score, most), cost)
    return paid


def per_bidder(problem, paid):
    totals = {}
    for i, payment in paid.items():
        assert payment >= problem.bids[i].cost
        totals[problem.bids[i].bidder] = totals.get(problem.bids[i].bidder, 0) + payment
    return totals


@given(problems())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_vcg_is_the_brute_force_one(problem):
    problem = replace(problem, limits=replace(problem.limits, max_spend_share=None))
    if by_definition(problem) is None:
        return
    expected = vcg_by_definition(problem)
    pay = partial(payments, problem, decide(problem), "vcg")
    if isinstance(expected, str):
        with pytest.raises(NoCompetition) as caught:
            pay()
        assert caught.value.bidder == expected
    else:
        assert per_bidder(problem, pay()) == expected


@given(problems(priced=True, extra=0))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_with_a_max_price_on_every_lot_the_outside_option_alone_caps_what_is_paid(problem):
    problem = replace(problem, limits=Limits(), at_most={})
    _, score, _, _, winners = by_definition(problem)
    for i in winners:
        own = [problem.bids[j] for j in winners if problem.bids[j].bidder == problem.bids[i].bidder]
        rest = by_definition(problem, without(problem, problem.bids[i].bidder))
        lots = frozenset().union(*(each.lots for each in own))
        uncapped = sum(each.cost for each in own) + rest[1] - score
        assert uncapped <= sum(problem.lots[lot] for lot in lots)


@given(problems(bids=5, lots=3, priced=True, combine="xor"), st.integers(0, 4))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_under_vcg_no_misreport_of_a_cost_ever_gains(problem, who):
    limits = replace(problem.limits, max_spend_share=None, min_winners=0)
    bids = {each.bidder: each for each in problem.bids}  # one bid each
    room = {name: sum(problem.lots[lot] for lot in each.lots) for name, each in bids.items()}
    bids = tuple(replace(each, cost=min(each.cost, room[name])) for name, each in bids.items())
    if not bids:
        return
    who %= len(bids)

    def gain(report):
        told = (*bids[:who], replace(bids[who], cost=report), *bids[who + 1 :])
        asked = replace(problem, bids=told, limits=limits)
        return payments(asked, decide(asked), "vcg").get(who, bids[who].cost) - bids[who].cost

    honest = gain(bids[who].cost)
    assert honest >= 0
    assert all(gain(report) <= honest for report in range(room[bids[who].bidder] + 1))


@given(problems(), st.integers(0, 5))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_below_its_threshold_a_loser_wins_and_above_it_does_not(problem, who):
    problem = replace(problem, limits=replace(problem.limits, max_spend_share=None))
    if by_definition(problem) is None or not problem.bids:
        return
    award, who = decide(problem), who % len(problem.bids)
    if who in award.winners:
        return
    most = threshold(problem, award, who)

    def wins(cost):
        bids = list(problem.bids)
        bids[who] = replace(bids[who], cost=cost)
        return who in by_definition(replace(problem, bids=tuple(bids)))[4]

    assert all(wins(cost) == (cost < (most or 0)) for cost in range(30) if cost != (most or 0))
