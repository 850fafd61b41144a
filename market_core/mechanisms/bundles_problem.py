"""What is asked for and offered in bundles, and which offers supply what is taken."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from market_core.mechanisms.bundles_part import FINE, Part, Supply, Want
from market_core.mechanisms.procurement import TooLarge
from market_core.values import largest_remainder

MOST_REQUESTS = 10_000
MOST_OFFERS = 10_000
MOST_RESOURCES = 20

Reason = Literal["", "out_of_price", "no_supply", "rationed", "lost"]


@dataclass(frozen=True, slots=True)
class Request:
    """One agent's demand for all of `bundle`: micro-units by the resource's position.

    `max_payment` in micro-credits: for the bundle, or with `per_task` for each of up to `tasks` such bundles. `owner`
    is who decides on payments together; `key`: the tie key, 64 hex digits, unique among the requests.
    """

    bidder: str
    owner: str
    key: str
    bundle: Mapping[int, int]
    max_payment: int
    per_task: bool = False
    tasks: int = 1


@dataclass(frozen=True, slots=True)
class Offer:
    """`quantity` micro-units of the resource at that position, `ask` micro-credits per unit, 0 or more.

    `key` is unique among the offers.
    """

    key: str
    resource: int
    quantity: int
    ask: int


@dataclass(frozen=True, slots=True)
class BundleProblem:
    """`grains`: for each resource what its quantities are multiples of, in micro-units (1,000,000: whole units)."""

    requests: tuple[Request, ...]
    offers: tuple[Offer, ...]
    grains: tuple[int, ...]


def part_of(problem: BundleProblem) -> Part:
    """Check a problem and return it in exact integers, its requests in key order."""
    check(problem)
    resources = range(len(problem.grains))
    wants = [
        Want(
            position,
            request.owner,
            request.key,
            tuple(request.bundle.get(resource, 0) for resource in resources),
            request.max_payment * FINE,
            request.tasks,
        )
        for position, request in enumerate(problem.requests)
    ]
    offered: list[list[tuple[int, int]]] = [[] for _ in resources]
    for offer in problem.offers:
        offered[offer.resource].append((offer.quantity, offer.ask))
    return Part(tuple(sorted(wants, key=lambda want: want.key)), tuple(Supply(each) for each in offered))


def check(problem: BundleProblem) -> None:
    """Raise TooLarge beyond the limits, ValueError for what the caller should not have let in."""
    requests, offers, resources = problem.requests, problem.offers, range(len(problem.grains))
    if len(requests) > MOST_REQUESTS:
        raise TooLarge(f"{MOST_REQUESTS:,} requests")
    if len(offers) > MOST_OFFERS:
        raise TooLarge(f"{MOST_OFFERS:,} offers")
    if len(resources) > MOST_RESOURCES:
        raise TooLarge(f"{MOST_RESOURCES} resources")
    if len({each.key for each in requests}) < len(requests) or len({o.key for o in offers}) < len(offers):
        raise ValueError("two requests or two offers have the same key")
    if not all(offer.resource in resources and offer.quantity > 0 <= offer.ask for offer in offers):
        raise ValueError("an offer is a quantity of a resource that there is")
    for request in requests:
        if (
            not request.bundle
            or min(request.bundle.values()) <= 0
            or not set(request.bundle) <= set(resources)
        ):
            raise ValueError("a bundle is quantities of resources that there are")
        if request.tasks < 1 or (request.tasks > 1 and not request.per_task) or request.max_payment < 0:
            raise ValueError("several tasks are asked for per task")


def sold(problem: BundleProblem, quantities: Sequence[int]) -> tuple[int, ...]:
    """Return what each offer sells when so much of each resource is taken, the lowest asks first.

    The last ask's offers share in proportion to quantity, in grains, by largest remainder, ties in key order.
    """
    levels: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for position, offer in enumerate(problem.offers):
        levels[offer.resource, offer.ask].append(position)
    parts, left = [0] * len(problem.offers), list(quantities)
    for (resource, _), group in sorted(levels.items()):
        grain = problem.grains[resource]
        offered = [problem.offers[position].quantity for position in group]
        taken = min(left[resource], sum(offered))
        left[resource] -= taken
        keys = [problem.offers[position].key for position in group]
        shares = largest_remainder(taken // grain, [quantity // grain for quantity in offered], keys)
        for position, share in zip(group, shares, strict=True):
            parts[position] = share * grain
    assert not any(left)  # there is as much as is taken
    return tuple(parts)
