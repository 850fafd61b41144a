"""Pools against brute force on small cases, and what holds for every pool."""

from dataclasses import replace
from fractions import Fraction
from itertools import permutations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.multi_unit import UnitBid, cost
from market_core.mechanisms.pooling import Member, PoolProblem, decide, share
from market_core.mechanisms.procurement import DoesNotFit

M = 1_000_000
HALF = 500_000


@st.composite
def bids(draw, rule):
    """Up to 3 suppliers of up to 6 units together; costs of a few micro-credits, so that much is tied."""
    made, left = [], 6
    for number in range(draw(st.integers(0, 3))):
        if not left:
            break
        quantity = draw(st.integers(1, left))
        left -= quantity
        if rule == "uniform":
            tiers, least = ((1, draw(st.integers(0, 9))),), 1
        else:
            costs = sorted(draw(st.sets(st.integers(0, 9), min_size=1, max_size=3)), reverse=True)
            starts = sorted(
                draw(st.sets(st.integers(2, 6), min_size=len(costs) - 1, max_size=len(costs) - 1))
            )
            tiers, least = tuple(zip([1, *starts], costs, strict=True)), draw(st.integers(1, quantity))
        key = f"{draw(st.integers(0, 9))}{number}".rjust(64, "0")
        made.append(UnitBid(f"s{number}", key, quantity, least, tiers))
    return tuple(made)


@st.composite
def pools(draw, any_price=True, most=4):
    """Up to 4 members who want up to 3 units, some in halves, some all or nothing, some at any price."""
    rule = draw(st.sampled_from(["pay_as_bid", "pay_as_bid", "uniform"]))
    grain = draw(st.sampled_from([M, HALF, 1]))
    step = max(grain, HALF)
    limits = st.integers(0, 12)
    members = []
    for number in range(draw(st.integers(0, most))):
        steps = draw(st.integers(1, 3 * M // step))
        least = draw(st.sampled_from([0, 0, 1, steps, steps]) | st.integers(0, steps))
        limit = draw(st.none() | limits if any_price else limits)
        key = f"{draw(st.integers(0, 3))}{number}"
        members.append(Member(f"o{number}", key, steps * step, limit, least * step))
    return PoolProblem(tuple(members), draw(bids(rule)), grain, rule)


def supplier_cost(problem):
    """Return what at least so many units cost, by trying every allocation."""
    if problem.payment_rule == "uniform":
        limits = [m.limit for m in problem.members]
        bearable = float("inf") if None in limits else max(limits, default=-1)
        every = sorted(b.tiers[0][1] for b in problem.bids for _ in range(b.quantity))
        stack = [each for each in every if each <= bearable]
        return {k: k * (stack[k] if k < len(stack) else stack[-1]) if k else 0 for k in range(len(stack) + 1)}
    found = {}
    choices = [[0, *range(b.min_quantity, b.quantity + 1)] for b in problem.bids]
    for units in product(*choices):
        paid = sum(cost(b, each) for b, each in zip(problem.bids, units, strict=True))
        for k in range(sum(units) + 1):
            found[k] = min(found.get(k, paid), paid)
    return found


def best(problem, costs):
    """Return (any-price quantity, surplus, quantity, -total) of the best choice among all."""
    step = max(problem.grain, HALF)
    everything = [[0, *range(max(m.minimum, step), m.quantity + 1, step)] for m in problem.members]
    found = (0, 0, 0, 0)
    for parts in product(*everything):
        quantity = sum(parts)
        total = costs.get(-(-quantity // M))
        if total is None:
            continue
        served = [(m, part) for m, part in zip(problem.members, parts, strict=True) if part]
        if any(m.limit is not None and total * M > m.limit * quantity for m, _ in served):
            continue
        surplus = sum((m.limit or 0) * part for m, part in served) - total * M
        first = sum(part for m, part in served if m.limit is None)
        found = max(found, (first, surplus, quantity, -total))
    return found


@given(pools())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_award_is_as_good_as_the_brute_force_one(problem):
    award = decide(problem)
    first = sum(p for m, p in zip(problem.members, award.served, strict=True) if m.limit is None)
    assert (first, award.surplus, award.quantity, -award.total) == best(problem, supplier_cost(problem))
    assert award.proof.status == "optimal"
    assert award.proof.gap == 0
    assert award.proof.bound == -award.surplus


@given(pools())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_nobody_pays_above_its_limit_and_payments_in_are_payments_out(problem):
    award = decide(problem)
    assert sum(award.payments) == sum(award.supplier_payments) == award.total
    assert sum(award.units) == award.bought
    assert sum(award.served) == award.quantity
    assert award.bought * M == award.quantity + award.surplus_quantity
    for member, part, payment, reason in zip(
        problem.members, award.served, award.payments, award.reasons, strict=True
    ):
        assert part == 0 or member.minimum <= part <= member.quantity
        assert part % problem.grain == 0
        assert (reason == "") == (part == member.quantity)
        if member.limit is not None:
            assert payment <= -(-member.limit * part // M)
            assert part == 0 or award.total * M <= member.limit * award.quantity
        if reason == "out_of_price":
            assert award.quantity == 0 or award.total * M > member.limit * award.quantity
    for bid, each, paid in zip(problem.bids, award.units, award.supplier_payments, strict=True):
        assert each == 0 or bid.min_quantity <= each <= bid.quantity
        assert paid >= cost(bid, each)
        assert paid == cost(bid, each) or problem.payment_rule == "uniform"


@given(pools())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_members_of_one_limit_share_what_is_short_in_proportion(problem):
    award = decide(problem)
    for limit in {m.limit for m in problem.members}:
        rows = [(m, part) for m, part in zip(problem.members, award.served, strict=True) if m.limit == limit]
        if any(m.minimum > problem.grain for m, _ in rows):
            continue
        asked, got = sum(m.quantity for m, _ in rows), sum(part for _, part in rows)
        assert all(abs(part * asked - got * m.quantity) < problem.grain * asked for m, part in rows)


@given(pools(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_order_of_members_and_bids_makes_no_difference(problem, random):
    members, offers = list(problem.members), list(problem.bids)
    random.shuffle(members)
    random.shuffle(offers)
    moved = replace(problem, members=tuple(members), bids=tuple(offers))
    assert by_key(problem) == by_key(moved)


def by_key(problem):
    award = decide(problem)
    rows = zip(award.served, award.payments, award.reasons, strict=True)
    sold = zip(award.units, award.supplier_payments, award.tiers, strict=True)
    return (
        {m.key: row for m, row in zip(problem.members, rows, strict=True)},
        {b.key: row for b, row in zip(problem.bids, sold, strict=True)},
        award.proof,
    )


@given(pools(any_price=False), st.sampled_from(["uniform", "proportional", "shapley"]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_every_rule_collects_the_total_and_keeps_the_limits(problem, rule):
    award = decide(problem)
    paid = share(problem, award, rule).payments
    assert sum(paid) == award.total
    for member, part, payment in zip(problem.members, award.served, paid, strict=True):
        assert 0 <= payment <= -(-member.limit * part // M)


@given(pools(any_price=False, most=3))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_shapley_is_the_mean_over_all_orders_of_joining(problem):
    award = decide(problem)
    players = [at for at, part in enumerate(award.served) if part]
    wishes = {at: replace(problem.members[at], quantity=award.served[at]) for at in players}
    step = min([HALF, *(award.served[at] % HALF or HALF for at in players)])
    if step < HALF:  # a grain of one micro-unit may ration in parts that are too many to try
        return
    highest = max((m.limit for m in problem.members), default=0)

    def value(names):
        return surplus_alone(replace(problem, members=tuple(wishes[at] for at in names)), highest)

    phi = dict.fromkeys(players, Fraction(0))
    orders = list(permutations(players))
    for order in orders:
        for place, at in enumerate(order):
            phi[at] += Fraction(value(order[: place + 1]) - value(order[:place]), len(orders))
    assert sum(phi.values()) == award.surplus
    worth = {at: problem.members[at].limit * award.served[at] for at in players}
    charges = {at: max(worth[at] - phi[at], Fraction(0)) for at in players}
    excess = sum(charges.values())
    paid = share(problem, award, "shapley")
    assert set(paid.errors) <= {0}
    for at in players:
        due = charges[at] * award.total * M / excess if excess else Fraction(0)
        assert abs(paid.payments[at] - due / M) < 1


def surplus_alone(problem, highest):
    """Return the best surplus of some members, where units up to `highest` are on offer."""
    outsider = Member("", "outsider", HALF, highest)
    costs = supplier_cost(replace(problem, members=(*problem.members, outsider)))
    return best(problem, costs)[1]


@given(pools(any_price=False), st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_twins_pay_the_same_under_shapley_to_a_micro_credit(problem, data):
    if not problem.members:
        return
    twin = replace(data.draw(st.sampled_from(problem.members)), key="twin")
    both = replace(problem, members=(*problem.members[:3], twin))
    award = decide(both)
    paid = share(both, award, "shapley").payments
    for at, member in enumerate(both.members[:-1]):
        same = replace(member, key="twin", owner=twin.owner) == twin and award.served[at] == award.served[-1]
        assert not same or abs(paid[at] - paid[-1]) <= 1


@given(pools())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_rules_that_need_limits_refuse_members_without(problem):
    award = decide(problem)
    unknown = any(m.limit is None and part for m, part in zip(problem.members, award.served, strict=True))
    for rule in ("proportional", "shapley"):
        try:
            share(problem, award, rule)
            assert not unknown
        except DoesNotFit:
            assert unknown
