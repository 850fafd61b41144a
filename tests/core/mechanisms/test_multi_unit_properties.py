"""Q units against brute force over all allocations, and what holds for every auction."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import multi_unit_mip, multi_unit_search
from market_core.mechanisms.multi_unit import UnitBid, UnitProblem, cost, decide, payments, threshold
from market_core.mechanisms.procurement import Infeasible, Limits, NoCompetition

SHARES = st.sampled_from([None, None, 333_333, 400_000, 500_000, 600_000])
MAX_PRICES = st.none() | st.integers(1, 8)


def many(examples):
    return settings(max_examples=examples, deadline=None, derandomize=True)


@st.composite
def unit_bids(draw, name, most_cost, rising=False, extras=True):
    """A small bid of any kind: tiers that fall or not, minimums, scores off the costs."""
    quantity = draw(st.integers(1, 4))
    starts = [1, *sorted(draw(st.sets(st.integers(2, 5), max_size=2)))]
    costs = [draw(st.integers(0, most_cost)) for _ in starts]
    incremental = rising or draw(st.booleans())
    if not incremental:
        costs.sort(reverse=True)
    if rising:
        costs.sort()
    least = 1 if rising else draw(st.integers(1, quantity))
    extra = draw(st.integers(-3, 2)) if extras else 0
    return UnitBid(name, "", quantity, least, tuple(zip(starts, costs, strict=True)), incremental, extra)


@st.composite
def auctions(draw, rising=False, extras=True, limits=False, max_price=MAX_PRICES, least=1):
    """A small problem; keys are in no order of names."""
    price = draw(max_price)
    count = draw(st.integers(least, 4))
    bids = [draw(unit_bids(name, price or 8, rising, extras)) for name in "abcd"[:count]]
    keys = draw(st.permutations("wxyz"[:count]))
    asked = Limits()
    if limits:
        winners = st.none() | st.integers(1, 3)
        asked = Limits(draw(winners), draw(st.integers(0, 3)), draw(SHARES))
    excess = 3 if extras else 0
    keyed = tuple(replace(bid, key=key) for bid, key in zip(bids, keys, strict=True))
    return UnitProblem(draw(st.integers(1, 8)), keyed, price, asked, draw(st.sampled_from([excess, 0, 5])))


def total(bid, units):
    """The cost of so many units, unit by unit from the tiers' definition."""
    if bid.incremental:
        return sum(
            next(c for start, c in reversed(bid.tiers) if start <= unit) for unit in range(1, units + 1)
        )
    return sum(next(c for start, c in reversed(bid.tiers) if start <= units) for _ in range(units))


def allowed(problem, units, costs):
    limits, winners = problem.limits, [each for each in units if each]
    return (
        len(winners) >= limits.min_winners
        and (limits.max_winners is None or len(winners) <= limits.max_winners)
        and all(each * 10**6 <= (limits.max_share or 10**6) * sum(units) for each in units)
        and all(each * 10**6 <= (limits.max_spend_share or 10**6) * sum(costs) for each in costs)
    )


def by_brute_force(problem):
    """Return (units missing that nothing bounds, score) and the allocation, or None: from all of them."""
    bids, best = problem.bids, None
    by_key = sorted(range(len(bids)), key=lambda place: bids[place].key)
    for units in product(*([0, *range(bid.min_quantity, bid.quantity + 1)] for bid in bids)):
        costs = [total(bid, each) for bid, each in zip(bids, units, strict=True)]
        if not allowed(problem, units, costs):
            continue
        bought = sum(units)
        missing, over = max(problem.quantity - bought, 0), max(bought - problem.quantity, 0)
        value = sum(costs) + sum(bid.extra * each for bid, each in zip(bids, units, strict=True))
        value += over * problem.excess_cost + missing * (problem.max_price or 0)
        first = (0 if problem.max_price is not None else missing, value)
        rank = (*first, missing + over, over, [-units[place] for place in by_key])
        if best is None or rank < best[0]:
            best = rank, first, units
    return best and best[1:]


def without(problem, place):
    return replace(problem, bids=problem.bids[:place] + problem.bids[place + 1 :])


def vcg_by_brute_force(problem, units, missing, value):
    """Return the payments by the definition, or the bidder without competition."""
    paid = [0] * len(units)
    for place in sorted(range(len(units)), key=lambda place: problem.bids[place].key):
        if not units[place]:
            continue
        rest = by_brute_force(without(problem, place))
        if rest is None or rest[0][0] > missing:
            return problem.bids[place].bidder
        own = total(problem.bids[place], units[place])
        most = own + rest[0][1] - value
        paid[place] = most if problem.max_price is None else min(most, problem.max_price * units[place])
    return tuple(paid)


def vcg_of(problem, award):
    try:
        return payments(problem, award, "vcg")
    except NoCompetition as alone:
        return alone.bidder


def check(problem):
    expected = by_brute_force(problem)
    if expected is None:
        with pytest.raises(Infeasible):
            decide(problem)
        return
    (missing, value), units = expected
    award = decide(problem)
    assert (award.units, award.bought, award.score) == (units, sum(units), value)
    assert (award.proof.status, award.proof.gap, award.proof.bound) == ("optimal", 0, value)
    if problem.limits.max_spend_share is None:
        assert vcg_of(problem, award) == vcg_by_brute_force(problem, units, missing, value)


@given(auctions(rising=True))
@many(150)
def test_in_merit_order_award_and_vcg_are_the_brute_force_ones(problem):
    check(problem)


@given(auctions())
@many(250)
def test_award_and_vcg_are_the_brute_force_ones(problem):
    check(problem)


@given(auctions(limits=True))
@many(250)
def test_within_limits_award_and_vcg_are_the_brute_force_ones(problem):
    check(problem)


@given(
    auctions(extras=False), st.sampled_from([333_333, 400_000, 500_000, 600_000, 700_000]), st.integers(0, 2)
)
@many(60)
def test_within_a_share_of_spending_the_award_is_the_brute_force_one(problem, share, least):
    check(replace(problem, limits=Limits(None, least, None, share)))


def in_key_order(problem):
    return replace(problem, bids=tuple(sorted(problem.bids, key=lambda bid: bid.key)))


@given(auctions())
@many(200)
def test_what_a_unit_price_rules_out_is_in_no_best_allocation(problem):
    problem = in_key_order(problem)
    assert multi_unit_search.solve_narrowed(problem) == list(by_brute_force(problem)[1])


@given(auctions(limits=True))
@many(80)
def test_the_mip_finds_the_same_allocation_ties_included(problem):
    problem = in_key_order(problem)
    expected = by_brute_force(problem)
    assert multi_unit_mip.solve(problem) == (expected and list(expected[1]), None)


@given(auctions(limits=True))
@many(60)
def test_amounts_beyond_int64_give_the_same_allocation(problem):
    def times(bid, factor):
        tiers = tuple((start, each * factor) for start, each in bid.tiers)
        return replace(bid, tiers=tiers, extra=bid.extra * factor)

    factor = 10**17
    price = None if problem.max_price is None else problem.max_price * factor
    large = replace(problem, bids=tuple(times(bid, factor) for bid in problem.bids), max_price=price)
    large = replace(large, excess_cost=problem.excess_cost * factor)
    try:
        award = decide(problem)
    except Infeasible:
        return
    assert (decide(large).units, decide(large).score) == (award.units, award.score * factor)
    paid, paid_large = vcg_of(problem, award), vcg_of(large, decide(large))
    assert paid_large == (paid if isinstance(paid, str) else tuple(each * factor for each in paid))


def conflict_of(problem):
    with pytest.raises(Infeasible) as refused:
        decide(problem)
    return refused.value.limits


@given(auctions(limits=True), st.randoms(use_true_random=False))
@many(100)
def test_the_order_of_bids_changes_nothing(problem, random):
    moved = list(range(len(problem.bids)))
    random.shuffle(moved)
    other = replace(problem, bids=tuple(problem.bids[place] for place in moved))
    if by_brute_force(problem) is None:
        assert conflict_of(other) == conflict_of(problem)
        return
    award = decide(problem)
    assert decide(other).units == tuple(award.units[place] for place in moved)
    paid, paid_other = vcg_of(problem, award), vcg_of(other, decide(other))
    assert paid_other == (paid if isinstance(paid, str) else tuple(paid[place] for place in moved))


@given(auctions(rising=True, extras=False))
@many(100)
def test_uniform_is_the_first_rejected_of_all_units_laid_side_by_side(problem):
    award = decide(problem)
    each_unit = sorted(
        total(bid, units) - total(bid, units - 1)
        for bid in problem.bids
        for units in range(1, bid.quantity + 1)
    )
    accepted, rejected = each_unit[: award.bought], each_unit[award.bought :]
    top = [] if problem.max_price is None else [problem.max_price]
    price = min([*rejected[:1], *top], default=accepted[-1])
    assert payments(problem, award, "uniform") == tuple(price * units for units in award.units)


@given(auctions(limits=True))
@many(100)
def test_no_winner_is_paid_below_its_cost_or_above_max_price(problem):
    try:
        award = decide(problem)
        paid = payments(problem, award, "vcg")
    except (Infeasible, NoCompetition):
        return
    for bid, units, payment in zip(problem.bids, award.units, paid, strict=True):
        assert cost(bid, units) <= payment
        assert problem.max_price is None or payment <= problem.max_price * units


@given(auctions(extras=False, limits=True, max_price=st.integers(1, 5), least=2))
@many(60)
def test_under_vcg_no_misreport_of_costs_ever_gains(problem):
    # With a max_share or min_winners, or scores below costs, a bidder can be worth more than max_price a unit: there
    # the cap cuts payments to truthful bids, and what is cut is no longer what truth is best for.
    problem = replace(problem, limits=Limits(problem.limits.max_winners))
    true = problem.bids[0]

    def gain(costs):
        tiers = tuple((start, each) for (start, _), each in zip(true.tiers, costs, strict=True))
        told = replace(problem, bids=(replace(true, tiers=tiers), *problem.bids[1:]))
        award = decide(told)
        return payments(told, award, "vcg")[0] - total(true, award.units[0])

    honest = gain([each for _, each in true.tiers])
    lies = product(range(problem.max_price + 1), repeat=len(true.tiers))
    assert all(gain(lie) <= honest for lie in list(lies)[::3])


@given(auctions(limits=True, least=2))
@many(60)
def test_a_loser_wins_just_below_its_threshold_and_gains_the_buyer_nothing_at_it(problem):
    try:
        award = decide(problem)
    except Infeasible:
        return
    for place, bid in enumerate(problem.bids):
        found = threshold(problem, award, place)
        if award.units[place] or len(bid.tiers) > 1:
            assert found is None
            continue

        def told(unit_cost, place=place, bid=bid):
            bids = list(problem.bids)
            bids[place] = replace(bid, tiers=((1, unit_cost),))
            return decide(replace(problem, bids=tuple(bids)))

        assert told(found or 0).score == award.score
        if found is not None:
            assert told(found - 1).units[place] > 0
