"""Demand for several resources together against offers of each: who gets its bundle, who pays and is paid what.

All or nothing, or in whole tasks, here; tasks that can be divided at one price per resource in `bundles_divisible`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Literal

from market_core.mechanisms.bundles_part import FINE, Part, Want
from market_core.mechanisms.bundles_problem import BundleProblem, Offer, Reason, Request, part_of, sold
from market_core.mechanisms.procurement import DoesNotFit, Proof, Unproved
from market_core.values import MICRO, largest_remainder, rounded_up_together

__all__ = [
    "MECHANISM",
    "BundleAward",
    "BundleProblem",
    "BundleResult",
    "Offer",
    "Request",
    "decide",
    "payments",
    "reasons",
    "receipts",
    "settle",
    "wrong",
]

MECHANISM = "bundles/1"
"""Name and version, recorded in each clearing."""
BundleRule = Literal["pay_as_bid", "vcg", "core", "uniform"]


@dataclass(frozen=True, slots=True)
class BundleAward:
    """Whole `tasks` of each request, micro-units `sold` of each offer; `surplus` in millionths of a micro-credit.

    The proof's gap and bound are of the surplus in micro-credits, rounded up: no award has more than `bound`.
    """

    tasks: tuple[int, ...]
    sold: tuple[int, ...]
    surplus: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class BundleResult:
    """What came of a problem under a rule. `served` in micro-tasks, `taken` in micro-units by resource, per request.

    `prices`, in micro-credits per unit, are exact, of the resources that are sold, and of the rule `uniform` alone:
    else no price per unit need exist. `payments` and `receipts` have one sum. `sold` as in BundleAward.
    """

    rule: BundleRule
    served: tuple[int, ...]
    taken: tuple[Mapping[int, int], ...]
    payments: tuple[int, ...]
    reasons: tuple[Reason, ...]
    sold: tuple[int, ...]
    receipts: tuple[int, ...]
    prices: tuple[Fraction | None, ...]
    proof: Proof


def settle(problem: BundleProblem, rule: BundleRule, seconds: float | None = None) -> BundleResult:
    """Return who gets and pays what, and which offers supply it and are paid what.

    `uniform`: `bundles_divisible.clear`; its proof is of the division before rounding. Other rules: whole tasks, by
    `decide`, `payments`, `receipts` and `reasons`. Raises what they raise.

    >>> single = Request("ann", "ann", "a" * 64, {0: 1_000_000}, 5)
    >>> both = Request("bob", "bob", "b" * 64, {0: 2_000_000}, 8)
    >>> result = settle(BundleProblem((single, both), (Offer("o", 0, 2_000_000, 0),), (1,)), "core")
    >>> result.served, result.payments, result.reasons, result.receipts
    ((0, 1000000), (0, 5), ('lost', ''), (5,))
    """
    if rule == "uniform":
        from market_core.mechanisms.bundles_divisible import clear

        found = clear(problem, seconds)
        return BundleResult(
            rule,
            found.served,
            found.taken,
            found.payments,
            found.reasons,
            found.sold,
            found.receipts,
            found.prices,
            Proof("optimal", 0, ceil(found.surplus), found.solver),
        )
    award = decide(problem, seconds)
    paid = payments(problem, award, rule, seconds)
    return BundleResult(
        rule,
        tuple(tasks * MICRO for tasks in award.tasks),
        tuple(
            {resource: amount * tasks for resource, amount in request.bundle.items()}
            for request, tasks in zip(problem.requests, award.tasks, strict=True)
        ),
        paid,
        reasons(problem, award),
        award.sold,
        receipts(problem, award.sold, paid),
        (None,) * len(problem.grains),
        award.proof,
    )


def wrong(problem: BundleProblem, result: BundleResult) -> str:
    """Return why a result cannot be one of the problem, exactly; "" where it can.

    It takes what is offered and no more, serves nobody beyond what it asks, takes nothing above a limit, and pays out
    what it takes in. That nothing is better is the proof's claim, which is not repeated here.
    """
    requests, offers = problem.requests, problem.offers
    if {len(result.served), len(result.taken), len(result.payments)} != {len(requests)}:
        return "it is about other requests"
    if {len(result.sold), len(result.receipts)} != {len(offers)}:
        return "it is about other offers"
    used = [0] * len(problem.grains)
    for offer, quantity in zip(offers, result.sold, strict=True):
        if not 0 <= quantity <= offer.quantity:
            return "it sells what is not offered"
        used[offer.resource] += quantity
    for request, served, taken, paid in zip(
        requests, result.served, result.taken, result.payments, strict=True
    ):
        most = request.tasks * MICRO
        if not 0 <= served <= most or any(
            amount * MICRO > request.bundle[resource] * (served + 2) + MICRO
            for resource, amount in taken.items()
        ):
            return "it serves what is not asked for"
        if not 0 <= paid * MICRO <= request.max_payment * (served + 2) + MICRO:
            return "a payment is out of bounds"
        for resource, amount in taken.items():
            used[resource] -= amount
    if any(used):
        return "what is sold is not what is taken"
    return "" if sum(result.payments) == sum(result.receipts) else "payments in are not payments out"


def decide(problem: BundleProblem, seconds: float | None = None) -> BundleAward:
    """Return the award of largest surplus: the sum of max_payments less the supply at its asks, cheapest first.

    A request gets its whole bundle or nothing, one `per_task` any whole number of tasks. Requests of one owner
    add up. Ties: the most tasks; the least sum of the first 32 bits of the keys, once per task; then the ascending
    list of keys that is lexicographically least. Where one ask is sold in part, its offers sell in proportion to
    quantity, by largest remainder, ties in key order. Nothing else is rounded. Each solve takes at most `seconds`;
    out of time the status is "feasible" and ties may stand as found. Raises TooLarge.

    There need be no price per unit that everybody left out finds too high, so none is given. Source: winner
    determination with sellers' asks as costs, Day and Raghavan (2007); Bikhchandani and Mamer (1997) on prices.

    >>> single = Request("ann", "ann", "a" * 64, {0: 1_000_000}, 5)
    >>> both = Request("bob", "bob", "b" * 64, {0: 2_000_000}, 8)
    >>> problem = BundleProblem((single, both), (Offer("o", 0, 2_000_000, 0),), (1,))
    >>> award = decide(problem)
    >>> award.tasks, payments(problem, award, "pay_as_bid"), payments(problem, award, "core")
    ((0, 1), (0, 8), (0, 5))
    """
    from market_core.mechanisms.bundles_search import best

    part = part_of(problem)
    found = best(part, seconds)
    tasks = tuple(found.plan.get(position, 0) for position in range(len(problem.requests)))
    assert part.allows(found.plan)
    assert part.value(found.plan) == found.surplus
    gap = -(-found.gap // FINE)
    status: Literal["optimal", "feasible"] = "optimal" if not gap and found.settled else "feasible"
    proof = Proof(status, gap, -(-found.bound // FINE), found.solver)
    return BundleAward(tasks, sold(problem, part.needed(found.plan)), found.surplus, proof)


def payments(
    problem: BundleProblem,
    award: BundleAward,
    rule: Literal["pay_as_bid", "vcg", "core"],
    seconds: float | None = None,
) -> tuple[int, ...]:
    """Return what each request pays in micro-credits, at its position; never more than its max_payment.

    `vcg`: an owner pays what its requests may cost at most, less what it adds to the largest surplus. `core`: the
    payments of least total for which no coalition of owners and the offers, at their asks, can do better for
    themselves, with vcg <= payment <= limit; of those the nearest to vcg. Both are rounded up to a micro-credit,
    and an owner's payment is split over its requests in proportion to their limits, by largest remainder, ties in
    key order. Both cover the asks: those rise with quantity, so an owner pays at least what it adds to them.
    Raises Unproved where the award or a solve behind the payments is not proved. What they give up: vcg may bring
    little, and one owner posing as two can gain; in the core a lower limit may save a little.
    Source: Clarke (1971); Day and Raghavan (2007), Day and Cramton (2012), Ausubel and Milgrom (2006).
    """
    from market_core.mechanisms.bundles_core import kept, rises

    limits = [each.max_payment * tasks for each, tasks in zip(problem.requests, award.tasks, strict=True)]
    if rule == "pay_as_bid":
        return tuple(limits)
    if award.proof.gap:
        raise Unproved(award.proof.gap)
    part, plan = part_of(problem), {position: tasks for position, tasks in enumerate(award.tasks) if tasks}
    keeps = rises(part, plan, seconds)
    if rule == "core":
        keeps = kept(part, plan, keeps, seconds)
    paid = [0] * len(limits)
    for owner, keep in keeps.items():
        own = [position for position in plan if problem.requests[position].owner == owner]
        total = sum(limits[position] for position in own) - keep // FINE
        keys = [problem.requests[position].key for position in own]
        shares = largest_remainder(total, [limits[position] for position in own], keys)
        for position, share in zip(own, shares, strict=True):
            paid[position] = share
    return tuple(paid)


def receipts(problem: BundleProblem, sold: Sequence[int], paid: Sequence[int]) -> tuple[int, ...]:
    """Return what each offer gets, in micro-credits; together exactly what is paid.

    Each gets its ask x quantity (all of them rounded to one total, itself rounded up: no offer is more than a
    micro-credit short of its ask), and of what comes in above that a part in proportion to quantity x the resource's
    reference price: the highest ask accepted for it. Where all of those are 0, each resource that is sold has an
    equal part. Largest remainder, ties in key order. Raises DoesNotFit, naming the gap, where the payments do not
    cover the asks.
    """
    offers, keys = problem.offers, [offer.key for offer in problem.offers]
    asked = [offer.ask * quantity for offer, quantity in zip(offers, sold, strict=True)]
    least = rounded_up_together(asked, FINE, keys)
    above = sum(paid) - sum(least)
    if above < 0:
        raise DoesNotFit(f"the payments are {-above:,} micro-credits short of what the offers ask")
    weights = _weights(problem, sold)
    if not any(weights):
        assert not above  # nothing is sold, so nothing is paid
        return tuple(least)
    shares = largest_remainder(above, weights, keys)
    return tuple(base + share for base, share in zip(least, shares, strict=True))


def _weights(problem: BundleProblem, sold: Sequence[int]) -> list[int]:
    """Return quantity x reference price of each offer."""
    price, total = [0] * len(problem.grains), [0] * len(problem.grains)
    for offer, quantity in zip(problem.offers, sold, strict=True):
        if quantity:
            price[offer.resource] = max(price[offer.resource], offer.ask)
            total[offer.resource] += quantity
    if not any(price):
        product = 1
        for quantity in filter(None, total):
            product *= quantity
        price = [product // quantity if quantity else 0 for quantity in total]
    return [price[offer.resource] * quantity for offer, quantity in zip(problem.offers, sold, strict=True)]


def reasons(problem: BundleProblem, award: BundleAward) -> tuple[Reason, ...]:
    """Return why each request got less than it asked for, at its position; "" where it got all.

    `no_supply`: one task takes more than is offered. `out_of_price`: even alone it would pay less than the asks.
    `rationed`: another with the same bundle and limit, or a part of its own tasks, was served. `lost`: it pays more
    than the asks, but others together are worth more, although its limit per unit may be higher than theirs.
    """
    part = part_of(problem)
    wants = {want.position: want for want in part.wants}
    served = {
        (wants[position].amounts, wants[position].worth)
        for position, tasks in enumerate(award.tasks)
        if tasks
    }
    return tuple(
        _reason(part, wants[position], award.tasks[position], served) for position in range(len(award.tasks))
    )


def _reason(part: Part, want: Want, tasks: int, served: set[tuple[tuple[int, ...], int]]) -> Reason:
    pairs = list(zip(part.supplies, want.amounts, strict=True))
    if tasks == want.most:
        return ""
    if any(amount > supply.total for supply, amount in pairs):
        return "no_supply"
    if want.worth < sum(supply.cost(amount) for supply, amount in pairs):
        return "out_of_price"
    return "rationed" if (want.amounts, want.worth) in served else "lost"
