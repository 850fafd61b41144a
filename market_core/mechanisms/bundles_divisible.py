"""Tasks that can be divided, at one price for each resource: the exact optimum of a linear programme and its prices."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, gcd, lcm

from market_core.mechanisms.bundles_highs import basis
from market_core.mechanisms.bundles_part import FINE
from market_core.mechanisms.bundles_problem import BundleProblem, Reason, Request, check, sold
from market_core.mechanisms.bundles_simplex import Column, Simplex
from market_core.mechanisms.procurement import DoesNotFit, Unproved
from market_core.values import MICRO, rounded_up_together

FEW = 60
"""Of no more columns the exact steps alone are quick, without HiGHS."""
Number = Fraction | int
EXACT = "exact steps"
"""The solver where HiGHS is not asked."""


@dataclass(frozen=True, slots=True)
class BundleClearing:
    """`prices` in micro-credits per unit, exact; None where nothing of the resource is sold.

    `served` in micro-tasks, `taken` in micro-units by resource, for each request; `sold` in micro-units of each offer;
    `payments` and `receipts` in micro-credits. `surplus`: the largest there is, exact, in micro-credits: of the tasks
    before they are rounded.
    """

    prices: tuple[Fraction | None, ...]
    served: tuple[int, ...]
    taken: tuple[Mapping[int, int], ...]
    sold: tuple[int, ...]
    payments: tuple[int, ...]
    receipts: tuple[int, ...]
    reasons: tuple[Reason, ...]
    surplus: Fraction
    solver: str


def divisible(problem: BundleProblem) -> bool:
    """Return whether every request is per task, and of resources that can be divided only."""
    return all(
        each.per_task and all(problem.grains[resource] == 1 for resource in each.bundle)
        for each in problem.requests
    )


def clear(problem: BundleProblem, seconds: float | None = None) -> BundleClearing:
    """Return the division of tasks of largest surplus and prices that support it, one for each resource.

    Surplus: max_payments less the supply at its asks. Ties: the largest sum of max_payments served, then the
    largest sum of quantities, then the least sum of keys, each as often as it is served. At the prices, a request served in part pays exactly its max_payment, one that gets nothing would pay as much
    or more; an offer with a lower ask is sold out, one with a higher is not sold. Requests alike but for a factor
    share in proportion to what they ask for. Prices are the midpoint of the lowest and the highest that support this
    (by the sum over what is sold, then by resource), as with one resource, where they are `clearing.clear`'s before
    rounding.

    Rounding: a share of a task is rounded down to a micro-task and its quantities to micro-units; what that leaves
    goes out again by micro-tasks, the largest fraction first, while it fits. So a request served in part gets less
    than two micro-tasks and a micro-unit of each resource less than its exact share, and an offer may keep so much.
    Payments are prices x quantities, their sum rounded up, shared by largest remainder, and the same sum goes to the
    offers alike. So nobody pays above its max_payment x tasks, rounded up, and no offer gets less than its ask x
    quantity, rounded down. Raises DoesNotFit, TooLarge, and Unproved where `seconds` were not enough.
    Source: Gale, Kuhn and Tucker (1951), duality; Shapley and Shubik (1971), Owen (1975), its prices for markets.

    >>> from market_core.mechanisms.bundles_problem import Offer, Request
    >>> pair = {0: 1_000_000, 1: 2_000_000}
    >>> ann, bob = (Request(n, n, n * 64, pair, limit, True, 2) for n, limit in (("a", 12), ("b", 9)))
    >>> offers = Offer("p", 0, 3_000_000, 1), Offer("q", 1, 9_000_000, 2)
    >>> clearing = clear(BundleProblem((ann, bob), offers, (1, 1)))
    >>> clearing.served, clearing.payments, [int(price) for price in clearing.prices]
    ((2000000, 1000000), (18, 9), [5, 2])
    """
    check(problem)
    if not divisible(problem):
        raise DoesNotFit("one price for each resource needs tasks that can all be divided")
    groups = _groups(problem)
    columns = _columns(problem, groups)
    if not columns:
        return _nothing(problem)
    many = len(columns) > FEW
    simplex = Simplex(columns, _basis(columns, seconds) if many else ())
    simplex.solve()
    exact: list[Number] = [0] * len(problem.requests)
    for group, value in zip(groups, simplex.values(), strict=False):
        if not value:
            continue
        for position in group.members:
            # What is served whole, most of all that is, stays a whole number: those are quicker.
            tasks = problem.requests[position].tasks
            exact[position] = tasks if value == group.upper else Fraction(value * tasks, group.upper)
    prices = _prices(problem, simplex, _quantities(problem, exact))
    served, taken = _rounded(problem, exact)
    return _settled(problem, prices, exact, served, taken, "HiGHS, exact steps" if many else EXACT)


@dataclass(frozen=True, slots=True)
class _Group:
    """Requests whose bundles and max_payments are alike but for a factor: so many `amounts` for `gain`, `upper` times."""

    amounts: tuple[int, ...]
    gain: int
    upper: int
    key: int
    members: tuple[int, ...]


def _groups(problem: BundleProblem) -> list[_Group]:
    """Return the requests in groups, by their least keys; without those of which no part can be supplied."""
    offered = {offer.resource for offer in problem.offers}
    alike: defaultdict[tuple[tuple[int, ...], int], list[tuple[int, int]]] = defaultdict(list)
    for position, request in enumerate(problem.requests):
        if offered.issuperset(request.bundle):
            gain = request.max_payment * FINE
            factor = gcd(gain, *request.bundle.values())
            amounts = [0] * len(problem.grains)
            for resource, amount in request.bundle.items():
                amounts[resource] = amount // factor
            alike[tuple(amounts), gain // factor].append((position, factor * request.tasks))
    groups = (
        _Group(
            amounts,
            gain,
            sum(times for _, times in members),
            min(int(problem.requests[position].key, 16) for position, _ in members),
            tuple(position for position, _ in members),
        )
        for (amounts, gain), members in alike.items()
    )
    return sorted(groups, key=lambda group: group.key)


def _columns(problem: BundleProblem, groups: Sequence[_Group]) -> list[Column]:
    """Return a column for each group, each ask of each resource, and each resource's supply that nobody takes."""
    resources = range(len(problem.grains))
    columns = [Column(g.amounts, (g.gain, g.gain, sum(g.amounts), -g.key), g.upper) for g in groups]
    if not groups:
        return []
    levels: defaultdict[tuple[int, int], int] = defaultdict(int)
    for offer in problem.offers:
        levels[offer.resource, offer.ask] += offer.quantity
    totals = [0] * len(resources)
    for (resource, ask), quantity in sorted(levels.items()):
        columns.append(Column(_unit(resources, resource, -1), (-ask, 0, 0, 0), quantity))
        totals[resource] += quantity
    columns += [Column(_unit(resources, r, 1), (0, 0, 0, 0), totals[r]) for r in resources]
    return columns


def _unit(resources: Sequence[int], resource: int, amount: int) -> tuple[int, ...]:
    return tuple(amount if each == resource else 0 for each in resources)


def _basis(columns: Sequence[Column], seconds: float | None) -> list[int]:
    """Return a basis that is right but for what floats get wrong."""
    found = basis(columns, (MICRO, FINE * MICRO), seconds)
    if found is None:
        raise Unproved(sum(column.upper * max(column.gains[0], 0) for column in columns) // FINE)
    return found


def _quantities(problem: BundleProblem, tasks: Sequence[Number]) -> list[Number]:
    """Return how much of each resource so many tasks take."""
    totals: list[Number] = [0] * len(problem.grains)
    for request, count in _whole_first(problem, tasks):
        for resource, amount in request.bundle.items():
            totals[resource] += amount * count
    return totals


def _whole_first(problem: BundleProblem, tasks: Sequence[Number]) -> list[tuple[Request, Number]]:
    """Return the requests served and their tasks, fractions last: what they are added to becomes one."""
    pairs = [(request, count) for request, count in zip(problem.requests, tasks, strict=True) if count]
    return sorted(pairs, key=lambda pair: isinstance(pair[1], Fraction))


def _prices(problem: BundleProblem, simplex: Simplex, quantities: Sequence[Number]) -> list[Fraction]:
    """Return the midpoint of the least and the greatest prices that support the optimum."""
    offered, ends = sorted({offer.resource for offer in problem.offers}), []
    for sign in (1, -1):
        # A little more on the right sides is a little more supply, which shows the lowest prices.
        units = [[Fraction(sign * (r == each)) for r in range(len(quantities))] for each in offered]
        simplex.solve([[sign * Fraction(quantity) for quantity in quantities], *units])
        ends.append(simplex.prices())
    return [Fraction(low + high, 2) for low, high in zip(*ends, strict=True)]


def _rounded(problem: BundleProblem, exact: Sequence[Number]) -> tuple[list[int], list[dict[int, int]]]:
    """Return micro-tasks and micro-units of each request, which need no more than the exact tasks do."""
    served = [floor(tasks * MICRO) for tasks in exact]
    taken = [_taken(problem, position, tasks) for position, tasks in enumerate(served)]
    left = [floor(quantity) for quantity in _quantities(problem, exact)]
    for quantities in taken:
        for resource, quantity in quantities.items():
            left[resource] -= quantity
    cut = [position for position, tasks in enumerate(exact) if served[position] < tasks * MICRO]
    for position in sorted(cut, key=lambda p: (served[p] - exact[p] * MICRO, problem.requests[p].key)):
        more = _taken(problem, position, served[position] + 1)
        if all(quantity - taken[position][r] <= left[r] for r, quantity in more.items()):
            for resource, quantity in more.items():
                left[resource] -= quantity - taken[position][resource]
            served[position], taken[position] = served[position] + 1, more
    return served, taken


def _taken(problem: BundleProblem, position: int, tasks: int) -> dict[int, int]:
    return {
        resource: amount * tasks // MICRO for resource, amount in problem.requests[position].bundle.items()
    }


def _settled(
    problem: BundleProblem,
    prices: Sequence[Fraction],
    exact: Sequence[Number],
    served: Sequence[int],
    taken: Sequence[Mapping[int, int]],
    solver: str,
) -> BundleClearing:
    scale = lcm(*(price.denominator for price in prices))
    whole = [int(price * scale) for price in prices]
    totals = [0] * len(prices)
    for quantities in taken:
        for resource, quantity in quantities.items():
            totals[resource] += quantity
    supplied = sold(problem, totals)
    due = [sum(whole[r] * quantity for r, quantity in quantities.items()) for quantities in taken]
    earned = [
        whole[offer.resource] * quantity for offer, quantity in zip(problem.offers, supplied, strict=True)
    ]
    keys = [request.key for request in problem.requests]
    return BundleClearing(
        tuple(price if total else None for price, total in zip(prices, totals, strict=True)),
        tuple(served),
        tuple(taken),
        supplied,
        tuple(rounded_up_together(due, scale * FINE, keys)),
        tuple(rounded_up_together(earned, scale * FINE, [offer.key for offer in problem.offers])),
        _reasons(problem, whole, scale, exact),
        _surplus(problem, exact, _quantities(problem, exact)),
        solver,
    )


def _reasons(
    problem: BundleProblem, prices: Sequence[int], scale: int, exact: Sequence[Number]
) -> tuple[Reason, ...]:
    offered, reasons = {offer.resource for offer in problem.offers}, list[Reason]()
    for request, tasks in zip(problem.requests, exact, strict=True):
        if tasks == request.tasks:
            reasons.append("")
        elif not offered.issuperset(request.bundle):
            reasons.append("no_supply")
        else:
            due = sum(prices[resource] * amount for resource, amount in request.bundle.items())
            reasons.append("out_of_price" if due > request.max_payment * FINE * scale else "rationed")
    return tuple(reasons)


def _surplus(problem: BundleProblem, tasks: Sequence[Number], quantities: Sequence[Number]) -> Fraction:
    """Return max_payments for so many tasks less the cheapest supply of so much, in micro-credits."""
    worth = sum(request.max_payment * count for request, count in _whole_first(problem, tasks))
    left, cost = list(quantities), Fraction(0)
    for offer in sorted(problem.offers, key=lambda each: each.ask):
        used = min(left[offer.resource], offer.quantity)
        left[offer.resource] -= used
        cost += used * offer.ask
    return worth - Fraction(cost, FINE)


def _nothing(problem: BundleProblem) -> BundleClearing:
    """Return the clearing in which no request has what it needs on offer."""
    nothing: list[Number] = [0] * len(problem.requests)
    none = [_taken(problem, position, 0) for position in range(len(nothing))]
    return _settled(problem, [Fraction(0)] * len(problem.grains), nothing, [0] * len(nothing), none, EXACT)
