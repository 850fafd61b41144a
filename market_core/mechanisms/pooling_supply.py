"""What the suppliers of a pool are paid for each number of units, and what each of them sells of one."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from market_core.mechanisms import multi_unit, multi_unit_search
from market_core.mechanisms.multi_unit_bids import UnitBid, UnitProblem
from market_core.mechanisms.multi_unit_merit import MeritOrder
from market_core.mechanisms.pooling_problem import PoolProblem
from market_core.mechanisms.procurement import DoesNotFit
from market_core.values import MICRO


def totals(problem: PoolProblem) -> list[int]:
    """Return what the pool pays for at least k units, in micro-credits, from k = 0 to the most it can use and buy.

    It never falls as k rises: where more is cheaper, more is bought. Raises DoesNotFit and TooLarge.
    """
    wanted = -(-sum(member.quantity for member in problem.members) // MICRO)
    bids = [bid for _, bid in _offered(problem)]
    if not bids or not wanted:
        return [0]
    auction = UnitProblem(wanted, tuple(bids))
    if problem.payment_rule == "uniform":
        return _uniform(auction)
    least = multi_unit_search.least_scores(auction)
    while least[-1] is None:
        least.pop()
    most = 1 + sum(each or 0 for each in least)
    cheapest = accumulate((most if each is None else each for each in reversed(least)), min)
    return list(cheapest)[::-1][: wanted + 1]


def sold(problem: PoolProblem, units: int, seconds: float | None) -> tuple[list[int], list[int]]:
    """Return what each bid sells when at least `units` units are bought, and what it is paid; 0 for losers."""
    if not units:
        return [0] * len(problem.bids), [0] * len(problem.bids)
    offered = _offered(problem)
    auction = UnitProblem(units, tuple(bid for _, bid in offered))
    award = multi_unit.decide(auction, seconds)
    payments = multi_unit.payments(auction, award, problem.payment_rule)
    sells, paid = [0] * len(problem.bids), [0] * len(problem.bids)
    for (place, _), each, payment in zip(offered, award.units, payments, strict=True):
        sells[place], paid[place] = each, payment
    return sells, paid


def _offered(problem: PoolProblem) -> list[tuple[int, UnitBid]]:
    """Return the bids that count, with their positions.

    Under `uniform` a unit dearer than every limit could never be bought, as nobody bears such a price. It does not
    count as rejected either: a bid at a price out of reach would set the price of the others.
    """
    _check(problem)
    limits = [member.limit for member in problem.members]
    highest = max((limit for limit in limits if limit is not None), default=0)
    if problem.payment_rule == "pay_as_bid" or None in limits:
        return list(enumerate(problem.bids))
    cut = ((place, _up_to(bid, highest)) for place, bid in enumerate(problem.bids))
    return [(place, bid) for place, bid in cut if bid is not None]


def _up_to(bid: UnitBid, highest: int) -> UnitBid | None:
    """Return what a bid of rising unit costs offers at `highest` or less."""
    dear = [start for start, unit_cost in bid.tiers if unit_cost > highest]
    quantity = min([bid.quantity, *(start - 1 for start in dear)])
    return replace(bid, quantity=quantity) if quantity else None


def _check(problem: PoolProblem) -> None:
    if any(bid.extra for bid in problem.bids):
        raise DoesNotFit("a pool compares costs, without scoring weights")
    if why := multi_unit.fits(UnitProblem(0, problem.bids), problem.payment_rule):
        raise DoesNotFit(why)


def _uniform(auction: UnitProblem) -> list[int]:
    order = MeritOrder(auction)
    prices: Sequence[int | None] = [order.unit_score(place) for place in range(order.bought() + 1)]
    paid = [0]
    for units in range(1, len(prices)):
        rejected, last = prices[units], prices[units - 1]
        price = last if rejected is None else rejected
        assert price is not None  # that many are on offer
        paid.append(units * price)
    return paid
