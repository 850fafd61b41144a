"""Several resources shared fairly with prices: each resource at its last ask, its owners' dominant shares alike."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter, mul
from typing import Literal

from market_core.mechanisms.bundles_problem import BundleProblem, Offer, check, sold
from market_core.mechanisms.fair_share_bundles import Bundle, BundleShares, share_bundles
from market_core.mechanisms.fair_share_filling import Policy
from market_core.mechanisms.procurement import TooLarge
from market_core.values import MICRO, rounded_up_together

MECHANISM = "fair_share_priced/1"
"""Name and version, recorded in each clearing."""

MOST_STEPS = 10_000_000
Ladder = list[tuple[int, int]]
Reason = Literal["", "no_supply", "out_of_price", "rationed"]


@dataclass(frozen=True, slots=True)
class PricedShares:
    """`prices` per unit in micro-credits, None where nothing is sold; `tasks` in millionths, `amounts` in micro-units.

    `sold` in micro-units of each offer. `payments` and `receipts` in micro-credits have one sum.
    """

    prices: tuple[int | None, ...]
    tasks: tuple[int, ...]
    amounts: tuple[tuple[int, ...], ...]
    payments: tuple[int, ...]
    sold: tuple[int, ...]
    receipts: tuple[int, ...]
    reasons: tuple[Reason, ...]


def share_priced(
    demand: Sequence[Bundle],
    limits: Sequence[int | None],
    offers: Sequence[Offer],
    grains: Sequence[int],
    policy: Policy,
    filling: Literal["divisible", "whole"],
) -> PricedShares | None:
    """Return who gets how many tasks of what is offered, at one price for each resource; None if nothing trades.

    `limits`: the most each demand pays for one task, in micro-credits, None for any price. The prices rise from the
    lowest asks: while what is offered at a resource's price or less does not cover the demand of all whose limit
    reaches the prices, that price rises to the next ask, of all such resources at once, but never so far that
    nobody who wants the resource is left; where all at once would leave nobody, the first of them alone. Who is
    left shares what is offered up to the prices by `share_bundles`. For bundles of one resource this is the price
    and the sharing of `fair_share.share`. Offers sell as in `bundles_problem.sold`. Payments are prices x
    quantities, their sum rounded up, shared by largest remainder, and the same sum goes to the offers alike: nobody
    pays above its limit x tasks, rounded up, and no offer gets less than its ask x quantity, rounded down.
    Raises TooLarge.
    Source: Ghodsi, Zaharia, Hindman, Konwinski, Shenker and Stoica (2011) for the shares; the prices are our own.

    >>> ann, bob = (Bundle((name, "1"), name, (1_000_000, 2_000_000), 4) for name in ("ann", "bob"))
    >>> offers = Offer("p", 0, 4_000_000, 3), Offer("q", 1, 9_000_000, 1)
    >>> made = share_priced([ann, bob], [9, 4], offers, (1, 1), "fair", "divisible")
    >>> made.prices, made.tasks, made.payments, made.reasons
    ((3, 1), (4000000, 0), (20, 0), ('', 'out_of_price'))
    """
    check(BundleProblem((), tuple(offers), tuple(grains)))
    ladders = [_ladder(offers, resource) for resource in range(len(grains))]
    if len(demand) * sum(map(len, ladders)) > MOST_STEPS:
        raise TooLarge(f"{MOST_STEPS:,} (requests times different asks)")
    able = [place for place, bundle in enumerate(demand) if _supplied(bundle, ladders)]
    prices, members = _prices(demand, limits, ladders, able)
    if not members:
        return None
    capacity = [_offered(ladder, price) for ladder, price in zip(ladders, prices, strict=True)]
    made = share_bundles([demand[place] for place in members], capacity, policy, filling)
    if not any(made.tasks):
        return None
    return _settled(demand, offers, grains, (able, members), prices, made)


def _ladder(offers: Sequence[Offer], resource: int) -> Ladder:
    """Return the asks of a resource from the lowest, each with what is offered at it or less."""
    at = defaultdict[int, int](int)
    for offer in offers:
        if offer.resource == resource:
            at[offer.ask] += offer.quantity
    asks = sorted(at)
    return list(zip(asks, accumulate(at[ask] for ask in asks), strict=True))


def _offered(ladder: Ladder, price: int) -> int:
    place = bisect_right(ladder, price, key=itemgetter(0))
    return ladder[place - 1][1] if place else 0


def _supplied(bundle: Bundle, ladders: Sequence[Ladder]) -> bool:
    return all(ladder for ladder, amount in zip(ladders, bundle.per_task, strict=True) if amount)


def _reach(
    demand: Sequence[Bundle], limits: Sequence[int | None], places: Sequence[int], prices: Sequence[int]
) -> list[int]:
    """Return those of the demands at `places` whose limit reaches the prices."""

    def reaches(place: int) -> bool:
        limit = limits[place]
        return limit is None or sum(map(mul, prices, demand[place].per_task)) <= limit * MICRO

    return [place for place in places if reaches(place)]


def _prices(
    demand: Sequence[Bundle], limits: Sequence[int | None], ladders: Sequence[Ladder], able: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the prices, and the demands that are left at them."""
    at = [0] * len(ladders)

    def priced(raised: Sequence[int] = ()) -> list[int]:
        return [
            ladder[at[resource] + (resource in raised)][0] if ladder else 0
            for resource, ladder in enumerate(ladders)
        ]

    members = _reach(demand, limits, able, priced())

    def raised(resources: Sequence[int]) -> list[int] | None:
        """Return who is left when these prices rise, None if nobody who wants one of them is."""
        left = _reach(demand, limits, members, priced(resources))
        kept = all(any(demand[place].per_task[resource] for place in left) for resource in resources)
        return left if kept else None

    while True:
        wanted = [
            sum((demand[place].tasks or 0) * demand[place].per_task[resource] for place in members)
            for resource in range(len(ladders))
        ]
        short = [
            resource
            for resource, ladder in enumerate(ladders)
            if at[resource] + 1 < len(ladder) and ladder[at[resource]][1] < wanted[resource]
        ]
        short = [resource for resource in short if raised([resource]) is not None]
        if not short:
            return priced(), members
        left = raised(short)
        if left is None:
            short = short[:1]
            left = raised(short)
        assert left is not None  # each of them alone leaves somebody
        members = left
        for resource in short:
            at[resource] += 1


def _settled(
    demand: Sequence[Bundle],
    offers: Sequence[Offer],
    grains: Sequence[int],
    places: tuple[Sequence[int], Sequence[int]],
    prices: Sequence[int],
    made: BundleShares,
) -> PricedShares:
    able, inside = map(set, places)
    tasks, amounts = [0] * len(demand), [(0,) * len(grains)] * len(demand)
    for place, done, held in zip(places[1], made.tasks, made.amounts, strict=True):
        tasks[place], amounts[place] = done, held
    taken = [sum(held[r] for held in amounts) for r in range(len(grains))]
    parts = sold(BundleProblem((), tuple(offers), tuple(grains)), taken)
    owed = [sum(p * amount for p, amount in zip(prices, held, strict=True)) for held in amounts]
    due = [prices[offer.resource] * part for offer, part in zip(offers, parts, strict=True)]

    def reason(place: int) -> Reason:
        if tasks[place] == (demand[place].tasks or 0) * MICRO:
            return ""
        if place not in able:
            return "no_supply"
        return "rationed" if place in inside else "out_of_price"

    return PricedShares(
        tuple(price if quantity else None for price, quantity in zip(prices, taken, strict=True)),
        tuple(tasks),
        tuple(amounts),
        tuple(rounded_up_together(owed, MICRO, [bundle.key for bundle in demand])),
        parts,
        tuple(rounded_up_together(due, MICRO, [offer.key for offer in offers])),
        tuple(map(reason, range(len(demand)))),
    )
