"""Lots and bundles: the table against the solver, and every decision and vcg payment against brute force."""

from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import chain, combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.combinatorial import LotBid, LotProblem, decide, payments, threshold
from market_core.mechanisms.procurement import (
    DoesNotFit,
    Infeasible,
    Limits,
    NoCompetition,
    Proof,
)

SHARE = 1_000_000
HIGHS = Limits(max_winners=99)
"""Binds nobody in a small auction, and sends it to the solver."""


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
