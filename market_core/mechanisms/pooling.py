"""Members' demand bought together in one bulk reverse auction, and the result split back over them.

The auction sells whole units of the resource, also of a divisible one: what suppliers bid on must be countable, and
the exact award of units decides what they sell. Members are served in exact micro-units out of the whole units
bought, and together they pay exactly what the suppliers are paid.
"""

from math import gcd

from market_core.mechanisms.pooling_members import Choice, Curve
from market_core.mechanisms.pooling_problem import (
    Member,
    PoolAward,
    PoolProblem,
    Reason,
    SupplierRule,
    threshold_met,
)
from market_core.mechanisms.pooling_rationing import least_part, merit_order, rationed, reasons
from market_core.mechanisms.pooling_search import MOST_NODES, Budget, Demand
from market_core.mechanisms.pooling_shares import MOST_EXACT, ShareRule, Shares, share
from market_core.mechanisms.pooling_supply import sold, totals
from market_core.mechanisms.procurement import Proof, TooLarge
from market_core.values import MICRO, half_even, largest_remainder

__all__ = [
    "MECHANISM",
    "MOST_EXACT",
    "MOST_MEMBERS",
    "Member",
    "PoolAward",
    "PoolProblem",
    "Reason",
    "ShareRule",
    "Shares",
    "SupplierRule",
    "decide",
    "share",
    "threshold_met",
]

MECHANISM = "pooling/1"
"""Name and version, recorded in each award; what made it. A recorded decision is not made again."""
MOST_MEMBERS = 10_000


def decide(problem: PoolProblem, seconds: float | None = None, nodes: int = MOST_NODES) -> PoolAward:
    """Return what is bought, who is served, which tiers are reached and the one price, chosen together.

    Largest surplus, sum(limit x served) - what the suppliers are paid, such that the price, total / quantity
    served, is above no served member's limit; among equals the largest quantity. Then in merit order (the higher
    limit, then the lower key) each member is served if a best choice serves it. Where one limit cannot have all
    that it asks, those of it that are served or take any part share in proportion to what they ask, by largest
    remainder and never below a minimum. What each supplier sells: as `multi_unit.decide`.

    Members without a limit come before all others: first the most of their demand is served, whatever it costs;
    they add nothing to `surplus`, as nobody knows what it is worth to them.

    `uniform` pays every unit the first rejected unit cost, a supplier's own rejected units included; nothing
    rejected: the last accepted. A unit dearer than every member's limit is not on offer. As the suppliers'
    payments are part of the surplus, a little less may be bought where that lowers them.

    More is bought than is served where that costs less (all-units tiers, minimums, a part of a unit): the members
    pay it together. Only payments are rounded, by largest remainder, ties by key: each is at most limit x served,
    rounded up to a micro-credit.

    Proved optimal, unless the search among minimums reaches a fixed number of `nodes`: then "feasible" with its
    gap, the same on every machine (with members without a limit that gap is in no useful unit). `seconds` bounds
    each MIP of the supplier side, which is not needed below the limits here. Raises DoesNotFit where `uniform` does
    not fit the bids, or a bid has scoring weights; TooLarge above 10,000 members, or where the table of units would
    be; ValueError for members that contradict themselves or each other.
    Source: the merit order of the call market, with the suppliers' part of Davenport and Kalagnanam (2001).

    >>> from market_core.mechanisms.multi_unit_bids import UnitBid
    >>> bids = (UnitBid("s", "0", 10, 1, ((1, 5_000_000), (4, 3_000_000))),)
    >>> members = Member("a", "a", 3_000_000, 4_000_000), Member("b", "b", 1_000_000, 3_500_000)
    >>> award = decide(PoolProblem(members, bids))
    >>> award.served, award.price, award.payments
    ((3000000, 1000000), 3000000, (9000000, 3000000))
    """
    _check(problem)
    costs, order = totals(problem), merit_order(problem.members)
    choice, part = _chosen(problem, order, costs, nodes)
    members = [problem.members[place] for place in order]
    served = [0] * len(order)
    split = rationed(members, [each * part for each in choice.parts], problem.grain)
    for place, each in zip(order, split, strict=True):
        served[place] = each
    return _award(problem, served, (choice.bound - choice.value) * part, costs, seconds)


def _check(problem: PoolProblem) -> None:
    members, grain = problem.members, problem.grain
    if len(members) > MOST_MEMBERS:
        raise TooLarge(f"at most {MOST_MEMBERS:,} members")
    if len({member.key for member in members}) < len(members):
        raise ValueError("two members have one key")
    if grain < 1 or MICRO % grain:
        raise ValueError("a unit is not a whole number of grains")
    for member in members:
        if not 0 <= member.minimum <= member.quantity or not member.quantity:
            raise ValueError("a member asks for nothing, or for less than its minimum")
        if member.quantity % grain or member.minimum % grain:
            raise ValueError("a member asks for a part of a grain")


def _chosen(problem: PoolProblem, order: list[int], costs: list[int], nodes: int) -> tuple[Choice, int]:
    """Return the best choice, members in merit order, and how many micro-units its parts are.

    Parts are the largest that divide a unit and all that is asked: numbers stay small.
    """
    members = [problem.members[place] for place in order]
    least = [least_part(member, problem.grain) for member in members]
    part = gcd(MICRO, *(member.quantity for member in members), *least)
    known = sum(member.quantity * (member.limit or 0) for member in members)
    # One part at this limit outweighs whatever the other members and the cost can differ by.
    above_all = (known + costs[-1] * MICRO) // part + 1
    demand = Demand(
        [above_all if member.limit is None else member.limit for member in members],
        [member.quantity // part for member in members],
        [each // part for each in least],
    )
    return Curve(costs, MICRO // part).best(demand, Budget(nodes)), part


def _award(
    problem: PoolProblem, served: list[int], gap: int, costs: list[int], seconds: float | None
) -> PoolAward:
    quantity, members = sum(served), problem.members
    needed = -(-quantity // MICRO)
    units, paid = sold(problem, needed, seconds)
    total, bought = sum(paid), sum(units)
    assert total == costs[needed]  # the members were chosen for this payment
    worth = sum((member.limit or 0) * each for member, each in zip(members, served, strict=True))
    surplus, spare = worth - total * MICRO, bought * MICRO - quantity
    return PoolAward(
        served=tuple(served),
        reasons=tuple(reasons(problem, served, total, spare, len(costs) - 1)),
        payments=tuple(largest_remainder(total, served, [member.key for member in members])),
        units=tuple(units),
        tiers=tuple(
            max((start for start, _ in bid.tiers if start <= each), default=0)
            for bid, each in zip(problem.bids, units, strict=True)
        ),
        supplier_payments=tuple(paid),
        bought=bought,
        quantity=quantity,
        surplus_quantity=spare,
        total=total,
        price=half_even(total * MICRO, quantity) if quantity else 0,
        surplus=surplus,
        proof=Proof("feasible" if gap else "optimal", gap, -surplus - gap, "branch and bound"),
    )
