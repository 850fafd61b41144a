"""Q units of one thing, several winners: tiers, minimum quantities, limits on the winners; and their payments.

Three ways to one exact answer: merit order where unit costs rise, a dynamic programme over units otherwise, and
a MIP where the programme would be too large or a share of spending is limited. All see the bids in the order of
their keys, so the order in which they came can make no difference.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

from market_core.mechanisms import highs, multi_unit_merit, multi_unit_mip, multi_unit_search
from market_core.mechanisms.multi_unit_bids import (
    NO_LIMITS,
    Piece,
    UnitAward,
    UnitBid,
    UnitProblem,
    broken,
    cost,
    objective,
    pieces,
    rising,
    score,
)
from market_core.mechanisms.multi_unit_merit import MeritOrder
from market_core.mechanisms.procurement import (
    DoesNotFit,
    Infeasible,
    Limits,
    NoCompetition,
    Proof,
    TooLarge,
    Unproved,
)

__all__ = [
    "MECHANISM",
    "MOST_BIDS",
    "Piece",
    "UnitAward",
    "UnitBid",
    "UnitProblem",
    "broken",
    "cost",
    "decide",
    "fits",
    "objective",
    "payments",
    "pieces",
    "rising",
    "score",
    "threshold",
]

MECHANISM = "multi_unit/1"
"""Name and version, recorded in each award; what made it. A recorded decision is not made again."""
MOST_BIDS = 10_000
PaymentRule = Literal["pay_as_bid", "uniform", "vcg"]


@dataclass(frozen=True, slots=True)
class _Solved:
    """An allocation in the order of the problem it answers (None: no allocation keeps the limits)."""

    units: list[int] | None
    bound: int | None
    solver: str


def decide(problem: UnitProblem, seconds: float | None = None) -> UnitAward:
    """Return who sells how many units.

    With a max_price: least score, where a unit that is not bought costs max_price. Without: most units of the
    quantity first, then least score. More than the quantity is bought where that is cheaper or minimums ask for
    it. Among equal scores the total nearest to the quantity (of two as near, the smaller); then by ascending key
    each bid gets the most units that a still optimal allocation gives it. Exact, nothing is rounded.

    `seconds` bounds each call of the MIP solver; what it has not proved by then is "feasible" with its gap. Raises
    Infeasible where even buying nothing breaks the limits, TooLarge, Unproved where time ran out without any answer.
    Source: split awards and volume discounts as in Davenport and Kalagnanam (2001).

    >>> tiers = ((1, 100), (101, 90))
    >>> decide(UnitProblem(95, (UnitBid("a", "0", 200, 1, tiers),))).units
    (101,)
    """
    if len(problem.bids) > MOST_BIDS:
        raise TooLarge(f"at most {MOST_BIDS:,} bids")
    ordered, places = _by_key(problem)
    solved = _solve(replace(ordered, limits=NO_LIMITS), seconds)
    # The best of all allocations is the best of those within the limits when it is one of them.
    if solved.units is None or broken(ordered, solved.units):
        solved = _solve(ordered, seconds)
    if solved.units is None:
        raise Infeasible(_conflict(ordered, seconds))
    units = [0] * len(places)
    for place, sold in zip(places, solved.units, strict=True):
        units[place] = sold
    total = objective(problem, units)
    return UnitAward(tuple(units), sum(units), total, _proof(solved, total))


def _by_key(problem: UnitProblem) -> tuple[UnitProblem, list[int]]:
    """Return the problem with its bids in key order, and where each of them came from."""
    places = sorted(range(len(problem.bids)), key=lambda place: problem.bids[place].key)
    return replace(problem, bids=tuple(problem.bids[place] for place in places)), places


def _solve(problem: UnitProblem, seconds: float | None) -> _Solved:
    """Return the answer of the quickest way that is exact for the problem."""
    limits, bidders = problem.limits, len(problem.bids)
    most = bidders if limits.max_winners is None else min(limits.max_winners, bidders)
    if limits.min_winners > most:
        return _Solved(None, None, "")
    if limits == NO_LIMITS and all(map(rising, problem.bids)):
        return _Solved(MeritOrder(problem).units(), None, multi_unit_merit.SOLVER)
    if limits.max_spend_share is None:
        with suppress(TooLarge):
            return _Solved(multi_unit_search.solve(problem), None, multi_unit_search.SOLVER)
    return _Solved(*multi_unit_mip.solve(problem, seconds), highs.SOLVER)


def _proof(solved: _Solved, total: int) -> Proof:
    bound = total if solved.bound is None else min(solved.bound, total)
    return Proof("optimal" if bound == total else "feasible", total - bound, bound, solved.solver)


def _conflict(problem: UnitProblem, seconds: float | None) -> tuple[str, ...]:
    """Return a smallest set of limits that no allocation keeps together.

    Buying nothing keeps all but min_winners, so that one is always among them.
    """
    asked = problem.limits
    named = {
        name: value
        for name in ("max_winners", "max_share", "max_spend_share")
        if (value := getattr(asked, name)) is not None
    }
    for count in range(len(named)):
        for names in combinations(named, count):
            limits = Limits(min_winners=asked.min_winners, **{name: named[name] for name in names})
            if _solve(replace(problem, limits=limits), seconds).units is None:
                return (*names, "min_winners")
    return (*named, "min_winners")


def fits(problem: UnitProblem, rule: PaymentRule) -> str:
    """Return "" if the payment rule fits the problem, else why not, as a phrase.

    `uniform` has one price only where every unit stands alone: unit costs that rise, no minimums, no scoring
    weights, no limits on the winners. With a share of spending a dearer bid can win, so only `pay_as_bid` bears it.
    """
    if rule == "pay_as_bid":
        return ""
    if problem.limits.max_spend_share is not None:
        return f"{rule} with max_spend_share rewards bids that are not true"
    if rule == "vcg":
        return ""
    if problem.limits != NO_LIMITS:
        return "uniform needs an auction without limits on the winners"
    if any(bid.extra for bid in problem.bids):
        return "uniform needs scores that are costs, without weights"
    if any(bid.min_quantity > 1 for bid in problem.bids):
        return "uniform needs bids without a min_quantity above 1"
    return "" if all(map(rising, problem.bids)) else "uniform needs unit costs that rise"


def payments(
    problem: UnitProblem, award: UnitAward, rule: PaymentRule, seconds: float | None = None
) -> tuple[int, ...]:
    """Return what each bid is paid in total, in micro-credits, at its position; 0 for losers.

    `pay_as_bid`: its cost. `uniform`: every unit the first rejected unit cost, a winner's own rejected units
    included, at most max_price; nothing rejected: max_price, without one the last accepted unit cost. `vcg`:
    cost + (objective without the bid - objective), at most max_price per unit, never below cost. Nothing is
    divided, so nothing is rounded.

    Raises DoesNotFit; NoCompetition(bidder) under `vcg` without a max_price where less can be bought without a
    winner, or the limits cannot hold without it (of several the one with the least key); Unproved where a solve
    behind `vcg` is not proved optimal. Source: Vickrey (1961); Clarke (1971); Groves (1973).

    >>> bids = tuple(UnitBid(name, name, 1, 1, ((1, unit_cost),)) for name, unit_cost in (("a", 30), ("b", 40)))
    >>> problem = UnitProblem(1, bids, max_price=50)
    >>> payments(problem, decide(problem), "vcg")
    (40, 0)
    """
    if why := fits(problem, rule):
        raise DoesNotFit(why)
    if rule == "uniform":
        price = _uniform_price(problem, award)
        return tuple(price * each for each in award.units)
    if rule == "vcg":
        return _vcg(problem, award, seconds)
    return tuple(cost(bid, each) for bid, each in zip(problem.bids, award.units, strict=True))


def _uniform_price(problem: UnitProblem, award: UnitAward) -> int:
    """Return the unit price of every unit; 0 where none is bought."""
    if not award.bought:
        return 0
    order = MeritOrder(problem)
    rejected = order.unit_score(award.bought)
    if rejected is None:
        rejected = problem.max_price
    elif problem.max_price is not None:
        rejected = min(rejected, problem.max_price)
    price = order.unit_score(award.bought - 1) if rejected is None else rejected
    assert price is not None  # something was bought
    return price


def _vcg(problem: UnitProblem, award: UnitAward, seconds: float | None) -> tuple[int, ...]:
    if award.proof.status != "optimal":
        raise Unproved(award.proof.gap)
    ordered, places = _by_key(problem)
    units = [award.units[place] for place in places]
    paid = [0] * len(places)
    for at, value in _values_without(ordered, units, seconds):
        bid = ordered.bids[at]
        if value is None:
            raise NoCompetition(bid.bidder)
        own = cost(bid, units[at])
        payment = own + value - award.score
        if problem.max_price is not None:
            payment = min(payment, problem.max_price * units[at])
        paid[places[at]] = max(payment, own)
    return tuple(paid)


def _values_without(
    problem: UnitProblem, units: list[int], seconds: float | None
) -> Iterator[tuple[int, int | None]]:
    """Yield each winner in key order and the objective without it, None where that buys less or keeps no limit."""
    winners, bought = [at for at, each in enumerate(units) if each], min(sum(units), problem.quantity)
    if problem.limits == NO_LIMITS and all(map(rising, problem.bids)):
        order = MeritOrder(problem)
        for at in winners:
            less = problem.max_price is None and order.bought(at) < bought
            yield at, None if less else order.value(at)
        return
    try:
        values = multi_unit_search.values_without(problem, bought)
    except TooLarge:
        for at in winners:
            yield at, _value_without(problem, at, bought, seconds)
    else:
        yield from ((at, values[at]) for at in winners)


def _value_without(problem: UnitProblem, at: int, bought: int, seconds: float | None) -> int | None:
    rest = replace(problem, bids=problem.bids[:at] + problem.bids[at + 1 :])
    try:
        award = decide(rest, seconds)
    except Infeasible:
        return None
    if award.proof.status != "optimal":
        raise Unproved(award.proof.gap)
    return None if problem.max_price is None and award.bought < bought else award.score


def threshold(
    problem: UnitProblem, award: UnitAward, position: int, seconds: float | None = None
) -> int | None:
    """Return the unit cost, in micro-credits, below which a losing bid would have won something for sure.

    All else equal; at the threshold itself it ties or loses. None for a winner, for a bid with tiers, where it
    would not win at any cost, and under max_spend_share, where a lower cost can also lose. Raises Unproved.
    Each round asks the award at one cost and moves up by what the bid's units gain the buyer, rounded up: the gain
    is a convex function of the cost, so the rounds end at its zero (Dinkelbach 1967).

    >>> bids = tuple(UnitBid(name, name, 1, 1, ((1, unit_cost),)) for name, unit_cost in (("a", 30), ("b", 40)))
    >>> threshold(UnitProblem(1, bids), decide(UnitProblem(1, bids)), 1)
    30
    """
    bid = problem.bids[position]
    if award.units[position] or len(bid.tiers) > 1 or problem.limits.max_spend_share is not None:
        return None
    unit_cost = 0
    while True:
        told = replace(bid, tiers=((1, unit_cost),))
        bids = (*problem.bids[:position], told, *problem.bids[position + 1 :])
        trial = decide(replace(problem, bids=bids), seconds)
        for proof in (award.proof, trial.proof):
            if proof.status != "optimal":
                raise Unproved(proof.gap)
        gain = award.score - trial.score
        if gain <= 0:
            return unit_cost or None
        unit_cost += -(-gain // trial.units[position])
