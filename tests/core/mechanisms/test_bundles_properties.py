"""Bundles against brute force: every award, every coalition, and what holds for every market."""

from fractions import Fraction
from itertools import chain, combinations, product
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.bundles import (
    BundleProblem,
    Offer,
    Request,
    decide,
    payments,
    reasons,
    receipts,
)
from market_core.mechanisms.combinatorial_nearest import Nearest

FINE = 1_000_000
UNIT = 1_000_000


@st.composite
def markets(draw, most_tasks=2):
    """Up to 5 requests and 3 resources; few different amounts and first 32 bits, so that many awards tie."""
    resources = draw(st.integers(1, 3))
    # Odd quantities at odd asks cost fractions of a micro-credit.
    unit = draw(st.sampled_from([UNIT, 333_333]))
    # Beyond what floats hold: surpluses differ in the last of more than 20 digits.
    large = draw(st.sampled_from([0, 0, 10**14 + 7]))
    requests = []
    for number in range(draw(st.integers(0, 5))):
        bundle = draw(
            st.dictionaries(st.integers(0, resources - 1), st.integers(1, 3), min_size=1, max_size=resources)
        )
        per_task = draw(st.booleans())
        key = f"{draw(st.integers(1, 3)):08x}{number:056x}"
        requests.append(
            Request(
                f"b{number}",
                draw(st.sampled_from("pqrst")),
                key,
                {resource: amount * unit for resource, amount in bundle.items()},
                draw(st.integers(0, 12)) + large * sum(bundle.values()) * unit // UNIT,
                per_task,
                draw(st.integers(1, most_tasks)) if per_task else 1,
            )
        )
    offers = [
        Offer(
            f"{number}",
            draw(st.integers(0, resources - 1)),
            draw(st.integers(1, 4)) * unit,
            draw(st.integers(0, 4)) + draw(st.sampled_from([0, large])),
        )
        for number in range(draw(st.integers(0, 5)))
    ]
    grain = 1 if unit != UNIT else draw(st.sampled_from([1, UNIT]))
    return BundleProblem(tuple(requests), tuple(offers), (grain,) * resources)


def every_award(problem, owners=None):
    """Yield the tasks of every award for which there is enough, with its surplus in millionths."""
    choices = [
        range(1 + (each.tasks if owners is None or each.owner in owners else 0)) for each in problem.requests
    ]
    for tasks in product(*choices):
        taken = [
            sum(each.bundle.get(r, 0) * n for each, n in zip(problem.requests, tasks, strict=True))
            for r in range(len(problem.grains))
        ]
        costs = [cost(problem, resource, quantity) for resource, quantity in enumerate(taken)]
        if None not in costs:
            worth = sum(each.max_payment * n for each, n in zip(problem.requests, tasks, strict=True))
            yield tasks, worth * FINE - sum(costs)


def cost(problem, resource, quantity):
    """Return what the cheapest quantity of a resource costs, None if there is less."""
    total = 0
    for offer in sorted((o for o in problem.offers if o.resource == resource), key=lambda o: o.ask):
        total += min(quantity, offer.quantity) * offer.ask
        quantity -= min(quantity, offer.quantity)
    return None if quantity else total


def order(problem, award):
    """Return what decides, the least first."""
    tasks, surplus = award
    keys = sorted(chain.from_iterable([r.key] * n for r, n in zip(problem.requests, tasks, strict=True)))
    return -surplus, -sum(tasks), sum(int(key[:8], 16) for key in keys), keys


def best(problem, owners=None):
    return max(surplus for _, surplus in every_award(problem, owners))


def totals(problem, amounts):
    """Return the sum of each owner."""
    sums = {}
    for request, amount in zip(problem.requests, amounts, strict=True):
        sums[request.owner] = sums.get(request.owner, 0) + amount
    return sums


def limits(problem, tasks):
    return [each.max_payment * n for each, n in zip(problem.requests, tasks, strict=True)]


@given(markets())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_award_is_the_brute_force_one(problem):
    award = decide(problem)
    expected = min(every_award(problem), key=lambda each: order(problem, each))
    assert (award.tasks, award.surplus) == expected
    assert (award.proof.status, award.proof.gap) == ("optimal", 0)
    assert award.proof.bound == -(-award.surplus // FINE)


@given(markets())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_vcg_is_the_limit_less_what_the_owner_adds_rounded_up(problem):
    award = decide(problem)
    paid = payments(problem, award, "vcg")
    sums, most = totals(problem, paid), totals(problem, limits(problem, award.tasks))
    for owner in sums:
        others = {request.owner for request in problem.requests} - {owner}
        adds = Fraction(award.surplus - best(problem, others), FINE)
        assert most[owner] - adds <= sums[owner] < most[owner] - adds + 1
    check_money(problem, award, paid)


@given(markets())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_no_coalition_blocks_core_payments_and_they_are_nearest_to_vcg(problem):
    award = decide(problem)
    paid = payments(problem, award, "core")
    owners = sorted({request.owner for request in problem.requests})
    sums, most = totals(problem, paid), totals(problem, limits(problem, award.tasks))
    vcg = totals(problem, payments(problem, award, "vcg"))
    keeps = {owner: (most[owner] - sums[owner]) * FINE for owner in owners}
    bounds = {
        frozenset(outside): award.surplus - best(problem, set(owners) - set(outside))
        for size in range(1, len(owners) + 1)
        for outside in combinations(owners, size)
    }
    for outside, bound in bounds.items():
        assert sum(keeps[owner] for owner in outside) <= bound
    assert all(vcg[owner] <= sums[owner] <= most[owner] for owner in owners)
    # With every coalition's bound at once the point is another way to the same.
    nearest = Nearest([bounds[frozenset([owner])] for owner in owners])
    for outside, bound in bounds.items():
        nearest.add([owners.index(owner) for owner in outside], bound)
    assert [keeps[owner] // FINE for owner in owners] == [floor(each / FINE) for each in nearest.point]
    check_money(problem, award, paid)


def check_money(problem, award, paid):
    """Nobody pays above its limit, no offer gets less than it asks, and all that is paid is received."""
    assert all(0 <= p <= most for p, most in zip(paid, limits(problem, award.tasks), strict=True))
    got = receipts(problem, award.sold, paid)
    assert sum(got) == sum(paid)
    for offer, quantity, receipt in zip(problem.offers, award.sold, got, strict=True):
        assert receipt >= offer.ask * quantity // FINE
        assert quantity <= offer.quantity
        assert quantity % problem.grains[offer.resource] == 0
        assert quantity or not receipt
    for resource in range(len(problem.grains)):
        taken = sum(r.bundle.get(resource, 0) * n for r, n in zip(problem.requests, award.tasks, strict=True))
        assert taken == sum(
            s for o, s in zip(problem.offers, award.sold, strict=True) if o.resource == resource
        )


@given(markets(most_tasks=1), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_order_of_requests_and_offers_makes_no_difference(problem, random):
    requests, offers = list(problem.requests), list(problem.offers)
    random.shuffle(requests)
    random.shuffle(offers)
    moved = BundleProblem(tuple(requests), tuple(offers), problem.grains)
    assert outcome(moved) == outcome(problem)


def outcome(problem):
    """Return everything that is decided, by key."""
    award = decide(problem)
    paid = [payments(problem, award, rule) for rule in ("pay_as_bid", "vcg", "core")]
    got = [receipts(problem, award.sold, each) for each in paid]
    mine = zip(award.tasks, reasons(problem, award), *paid, strict=True)
    theirs = zip(award.sold, *got, strict=True)
    return (
        {request.key: each for request, each in zip(problem.requests, mine, strict=True)},
        {offer.key: each for offer, each in zip(problem.offers, theirs, strict=True)},
        award.surplus,
        award.proof,
    )
