"""What one agent may see of the book of a resource."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from market_core.book import BundleDemand, Entry, Resource, Sums, Traded, live, members, over
from market_core.clearings import clear
from market_core.curves import FEWEST_OWNERS, Step, curve, mean_limit
from market_core.events import (
    PoolOpened,
    ResourceCleared,
)
from market_core.facts import Facts
from market_core.rejections import Code, Rejection
from market_core.standing_clearings import next_clearing
from market_core.terms import ClearingRule, Policy
from market_core.values import MICRO, from_micros, name_of, owner_of, total

_MOST_PREVIEWED = 5_000
"""Entries of a book up to which a look shows what each policy would make of it."""
MOST_DRAWN = 100_000
"""Entries of a book up to which a look shows curves, means and previews; of a larger one it shows sums."""


@dataclass(frozen=True, slots=True)
class SideSeen:
    """One side of a book: open entries, their owners, the quantity they sum to."""

    entries: int
    owners: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """What clearing now under a policy would give: nothing at all where `quantity` is 0, unknown if not `computed`."""

    policy: Policy
    quantity: Decimal
    clearing_price: Decimal | None
    computed: bool = True


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """A resource as `viewer` may see it: sums and own entries, never another agent's limit.

    `curves` and `mean_limits` are of demand and of offers. `last_clearing` names the first fills of a large clearing.
    """

    name: str
    unit: str
    whole: bool
    demand: SideSeen
    offers: SideSeen
    own: tuple[Entry, ...]
    tradable: Decimal
    price_now: Decimal | None
    last_clearing: ResourceCleared | None
    clearings: int
    policy: Policy | None = None
    payment_rule: ClearingRule | None = None
    pools: tuple[PoolOpened, ...] = ()
    curves: tuple[tuple[Step, ...], tuple[Step, ...]] = ((), ())
    mean_limits: tuple[Decimal | None, Decimal | None] = (None, None)
    previews: tuple[PolicySeen, ...] = ()
    bundled: SideSeen = SideSeen(0, 0, Decimal(0))
    recent: tuple[Traded, ...] = ()
    every: Decimal | None = None
    at_quantity: Decimal | None = None
    next_clearing: datetime | None = None
    bundled_with: tuple[str, ...] = ()
    own_bundles: tuple[BundleDemand, ...] = ()


def see_resource(book: Resource, viewer: str, now: datetime) -> ResourceSeen:
    """Return what `viewer` may see of `book` at `now`, with what clearing now would give.

    The price is shown only where `FEWEST_OWNERS` owners stand on each side: with fewer it would tell one
    agent's own limit to the other side, which could then move its own. A book of more than `MOST_DRAWN` entries is shown
    in sums alone.
    Raises the Rejection `unknown_resource` for one that nobody has named.
    """
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    sides = see_depth(book, now)
    drawn = len(book.demand) + len(book.offers) <= MOST_DRAWN
    crowded = min(side.owners for side in sides) >= FEWEST_OWNERS
    previews = _previews(book, now) if crowded and drawn else ()
    own = previews[0] if previews else None
    demand, offers = live(book.demand.values(), now), live(book.offers.values(), now)
    # Without the viewer's own: with them it could move the steps, and find where another's limit is.
    theirs = [
        [e for e in side if not viewer or owner_of(e.agent) != owner_of(viewer)] for side in (demand, offers)
    ]
    return ResourceSeen(
        book.name,
        book.unit,
        book.whole,
        *sides,
        own=tuple(entry for entry in (*demand, *offers) if entry.agent == viewer),
        tradable=own.quantity if own else Decimal(0),
        price_now=own.clearing_price if own else None,
        last_clearing=None if book.last_clearing is None else _public(book.last_clearing),
        clearings=book.clearings,
        policy=book.policy,
        payment_rule=book.payment_rule,
        pools=tuple(_pool(book, pool) for pool in book.pools.values()),
        curves=(curve(theirs[0]), curve(theirs[1])) if drawn else ((), ()),
        mean_limits=(mean_limit(theirs[0]), mean_limit(theirs[1])) if drawn else (None, None),
        previews=previews,
        bundled=_bundled(book, now),
        bundled_with=_bundled_with(book),
        recent=book.recent,
        every=book.every,
        at_quantity=book.at_quantity,
        next_clearing=next_clearing(book),
        own_bundles=tuple(demand for demand in live(book.bundles.values(), now) if demand.agent == viewer),
    )


def _bundled_with(book: Resource) -> tuple[str, ...]:
    """Return the other resources that demand for bundles asks for with this one, at most 20."""
    names = {name for demand in book.bundles.values() for name in demand.amounts}
    return tuple(sorted(names - {name_of(book.name)})[:20])


def _bundled(book: Resource, now: datetime) -> SideSeen:
    """Return what demand for bundles asks of this resource, with others."""
    asked, name = live(book.bundles.values(), now), name_of(book.name)
    owners = {owner_of(demand.agent) for demand in asked}
    quantity = sum(demand.amounts[name] * demand.left // MICRO for demand in asked)
    return SideSeen(len(asked), len(owners), from_micros(quantity))


def _public(event: ResourceCleared) -> ResourceCleared:
    """Return a clearing without the savings: with the price they would tell limits."""
    return replace(
        event,
        allocations=tuple(replace(fill, saving=None) for fill in event.allocations),
        suppliers=tuple(replace(fill, saving=None) for fill in event.suppliers),
    )


def _pool(book: Resource, pool: PoolOpened) -> PoolOpened:
    """Return a pool with the demand and owners that are still in it, without naming them."""
    inside = members(book, pool.pool_id)
    owners = len({owner_of(entry.agent) for entry in inside})
    return replace(pool, members=(), owners=owners, quantity=total(entry.left for entry in inside))


def _previews(book: Resource, now: datetime) -> tuple[PolicySeen, ...]:
    """Return what clearing now would give, by the policy that would be used first, then the others that may be asked for."""
    policies: tuple[Policy, ...] = ("efficient", "fair", "priority")
    if book.policy or len(book.demand) + len(book.offers) > _MOST_PREVIEWED:
        policies = (book.policy or "efficient",)
    return tuple(_preview(book, now, policy) for policy in policies)


def _preview(book: Resource, now: datetime, policy: Policy) -> PolicySeen:
    """What takes long to search is not computed for a look."""
    made, computed = None, True
    try:
        made = clear(book, Facts(now, may_solve=False), policy, book.payment_rule or "uniform")
    except Rejection as why:  # else of a rule that does not fit the book as it stands
        computed = why.code != Code.BUSY
    if made is None:
        return PolicySeen(policy, Decimal(0), None, computed)
    return PolicySeen(policy, from_micros(made.traded), from_micros(made.price))


def see_depth(book: Resource, now: datetime) -> tuple[SideSeen, SideSeen]:
    """Return demand and offers as sums, which takes no longer in a large book than in a small one."""
    gone = over(book, now)
    return (
        _side(book.demand_sums, len(book.demand), [entry for entry in gone if entry.side == "demand"]),
        _side(book.offer_sums, len(book.offers), [entry for entry in gone if entry.side == "offer"]),
    )


def _side(sums: Sums, entries: int, gone: Sequence[Entry]) -> SideSeen:
    """Return a side without the entries whose time is over."""
    fewer = Counter(owner_of(entry.agent) for entry in gone)
    owners = len(sums.owners) - sum(sums.owners[owner] == count for owner, count in fewer.items())
    left = sums.micros - sum(entry.left_micros for entry in gone)
    return SideSeen(entries - len(gone), owners, from_micros(left))
