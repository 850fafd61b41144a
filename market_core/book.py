"""One resource's book: demand and offers as they stand, and how events change them. What may be done is in `resource`."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from heapq import heappop, heappush
from itertools import islice
from typing import TypeVar

from market_core.events import (
    BundlePosted,
    BundlesCleared,
    ClearingContinued,
    ClearingDue,
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Event,
    Fills,
    OfferPosted,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
    ResourceCleared,
    ResourceDeclared,
)
from market_core.lifecycle import EntryStatus
from market_core.terms import BundleRule, ClearingRule, OfferTier, Policy
from market_core.values import MICRO, from_micros, micros, name_of, owner_of, total

_RECENT = 10
"""Clearings that the state remembers in short."""
_REMEMBERED = 1000
"""Finished entries whose end the state remembers, beside those of the last event; the journal remembers all."""
_TOGETHER = (ClearingDue, ResourceCleared, ClearingContinued)
"""Events that another one of the same decision may come before."""
Deadline = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A demand or an offer. `limit` is the most or the least per unit (None: any price); `left` its open rest.

    `minimum`: the least it takes at once, 0 once something was taken. `priority` and `weight` are of demand, which is
    for no offer while it is in a `pool`.
    """

    entry_id: str
    agent: str
    side: str
    quantity: Decimal
    left: Decimal
    limit: Decimal | None
    until: datetime | None
    posted_at: datetime
    minimum: Decimal = Decimal(0)
    tiers: tuple[OfferTier, ...] = ()
    priority: int = 0
    weight: Decimal = Decimal(1)
    pool: str = ""


@dataclass(frozen=True, slots=True)
class BundleDemand:
    """A demand for several resources together; each of their books has it.

    `amounts` in micro-units by the resource's name, for one task; `left`: the tasks not served, in millionths.
    `max_payment` for one task (None: any price).
    """

    bundle_id: str
    agent: str
    amounts: dict[str, int]
    left: int
    max_payment: Decimal | None
    per_task: bool
    until: datetime | None
    posted_at: datetime
    priority: int = 0
    weight: Decimal = Decimal(1)


def part_left(demand: BundleDemand, served: int) -> bool:
    """Return whether what is left after so many tasks, in millionths, is still something of each resource's smallest part."""
    left = demand.left - served
    return any(amount * left // MICRO for amount in demand.amounts.values())


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished entry: whose it was and how it ended."""

    agent: str
    status: EntryStatus


@dataclass(frozen=True, slots=True)
class Traded:
    """A clearing in short. `price` per unit, None where bundles had none; `buyers` and `sellers` count entries.

    `payment`: the total that demand pays, None where it is for several resources.
    """

    at: datetime
    by: str
    policy: Policy
    quantity: Decimal
    price: Decimal | None
    buyers: int
    sellers: int
    bundles: bool = False
    payment: Decimal | None = None


@dataclass(slots=True)
class Sums:
    """One side of a book summed up, so that nothing is counted again: open entries by owner, and their quantity."""

    owners: dict[str, int] = field(default_factory=dict)
    micros: int = 0

    def add(self, entry: Entry) -> None:
        """Count an entry in."""
        owner = owner_of(entry.agent)
        self.owners[owner] = self.owners.get(owner, 0) + 1
        self.micros += micros(entry.left)

    def take(self, entry: Entry) -> None:
        """Count an entry out."""
        self.take_many([entry.agent], micros(entry.left))

    def take_many(self, agents: Sequence[str], quantity: int) -> None:
        """Count out the entries of some agents, and a quantity."""
        for agent, count in Counter(agents).items():
            owner = owner_of(agent)
            left = self.owners[owner] - count
            if left:
                self.owners[owner] = left
            else:
                del self.owners[owner]
        self.micros -= quantity


@dataclass(slots=True)
class Resource:
    """A resource; `name` is empty until somebody names it. A `policy` or `payment_rule` that is fixed binds everybody.

    `last_clearing` has the first fills of a large clearing, `recent` what all of them sum up to.
    `stirred_at`: the first posting since a standing clearing was carried out, `cleared_for` the period it was for.
    `deadlines` is a heap; it may still name entries that have ended. `pools` are those that are not settled.
    """

    name: str = ""
    unit: str = ""
    whole: bool = False
    declared: bool = False
    policy: Policy | None = None
    payment_rule: ClearingRule | None = None
    bundle_rule: BundleRule | None = None
    every: Decimal | None = None
    at_quantity: Decimal | None = None
    declared_at: datetime | None = None
    stirred_at: datetime | None = None
    cleared_for: datetime | None = None
    demand: dict[str, Entry] = field(default_factory=dict)
    offers: dict[str, Entry] = field(default_factory=dict)
    bundles: dict[str, BundleDemand] = field(default_factory=dict)
    bundle_owners: dict[str, int] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    last_clearing: ResourceCleared | None = None
    clearings: int = 0
    recent: tuple[Traded, ...] = ()
    demand_sums: Sums = field(default_factory=Sums)
    offer_sums: Sums = field(default_factory=Sums)
    deadlines: list[Deadline] = field(default_factory=list)
    pools: dict[str, PoolOpened] = field(default_factory=dict)

    @property
    def grain(self) -> int:
        """The smallest tradable quantity, in micro-units."""
        return MICRO if self.whole else 1

    @property
    def entries(self) -> Iterable[Entry]:
        """Everything in the book, demand first."""
        return (*self.demand.values(), *self.offers.values())


_Timed = TypeVar("_Timed", Entry, BundleDemand)


def live(entries: Iterable[_Timed], now: datetime) -> list[_Timed]:
    """Return the entries whose time is not over at `now`."""
    return [entry for entry in entries if entry.until is None or entry.until > now]


def free(entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """Return the live entries that are in no pool."""
    return [e for e in entries if not e.pool and (e.until is None or e.until > now)]


def any_free(entries: Iterable[Entry], now: datetime) -> bool:
    """Return whether there is a live entry that is in no pool."""
    return any(not entry.pool and (entry.until is None or entry.until > now) for entry in entries)


def members(book: Resource, pool_id: str) -> list[Entry]:
    """Return the demand that is in a pool now: its members but for those that left."""
    entries = (book.demand.get(entry_id) for entry_id in book.pools[pool_id].members)
    return [entry for entry in entries if entry is not None and entry.pool == pool_id]


def over(book: Resource, now: datetime) -> list[Entry]:
    """Return the entries in the book whose time is over at `now`; it looks at no others."""
    found: dict[str, Entry] = {}
    places = [0]
    while places:
        place = places.pop()
        if place < len(book.deadlines) and book.deadlines[place][0] <= now:  # else all below it is later
            entry = entry_of(book, book.deadlines[place][1])
            if entry is not None:
                found[entry.entry_id] = entry
            places += (2 * place + 1, 2 * place + 2)
    return list(found.values())


def entry_of(book: Resource, entry_id: str) -> Entry | None:
    """Return an open entry by its id, None where there is none."""
    return book.demand.get(entry_id) or book.offers.get(entry_id)


# Evolve


def evolve(book: Resource, event: Event) -> Resource:
    """Return the book after `event`; it may be the same object, changed."""
    more = len(book.ended) - _REMEMBERED
    if more > 0 and not isinstance(event, _TOGETHER):  # what one decision ends is at hand after it
        for entry_id in list(islice(book.ended, more)):
            del book.ended[entry_id]
    _EVOLVE[type(event)](book, event)
    return book


def _declared(book: Resource, event: ResourceDeclared) -> None:
    book.name, book.unit, book.whole, book.declared = event.name, event.unit, event.whole, True
    book.policy, book.payment_rule = event.policy, event.payment_rule
    book.bundle_rule = event.bundle_rule
    book.every, book.at_quantity, book.declared_at = event.every, event.at_quantity, event.at
    book.cleared_for = None
    if book.demand or book.offers:
        _stir(book, event.at)


def _stir(book: Resource, at: datetime) -> None:
    """Note that there is something new to clear."""
    if book.stirred_at is None and (book.every is not None or book.at_quantity is not None):
        book.stirred_at = at


def _due(book: Resource, event: ClearingDue) -> None:
    book.stirred_at, book.cleared_for = None, event.period


def _demand(book: Resource, event: DemandPosted) -> None:
    _post(
        book,
        event.name,
        event.replaced,
        Entry(
            event.demand_id,
            event.agent,
            "demand",
            event.quantity,
            event.quantity,
            event.max_unit_price,
            event.needed_by,
            event.at,
            event.min_quantity,
            (),
            event.priority,
            event.weight,
        ),
    )


def _offer(book: Resource, event: OfferPosted) -> None:
    _post(
        book,
        event.name,
        event.replaced,
        Entry(
            event.offer_id,
            event.agent,
            "offer",
            event.quantity,
            event.quantity,
            event.unit_price,
            event.available_until,
            event.at,
            event.min_quantity,
            event.tiers,
        ),
    )


def _post(book: Resource, name: str, replaced: str, entry: Entry) -> None:
    book.name = book.name or name
    _stir(book, entry.posted_at)
    if replaced:
        _end(book, replaced, "replaced")
    side, sums = _side(book, entry.side)
    side[entry.entry_id] = entry
    sums.add(entry)
    if entry.until is not None:
        heappush(book.deadlines, (entry.until, entry.entry_id))


def _side(book: Resource, side: str) -> tuple[dict[str, Entry], Sums]:
    return (book.demand, book.demand_sums) if side == "demand" else (book.offers, book.offer_sums)


def _withdrawn(book: Resource, event: EntryWithdrawn) -> None:
    _end(book, event.entry_id, "withdrawn")


def _lapsed(book: Resource, event: EntriesLapsed) -> None:
    for entry_id in event.entry_ids:
        _end(book, entry_id, "lapsed")


def _cleared(book: Resource, event: ResourceCleared) -> None:
    book.last_clearing = event
    book.clearings += 1
    _note(
        book,
        Traded(
            event.at,
            event.by,
            event.policy,
            total(fill.quantity for fill in event.allocations),
            event.clearing_price,
            len(event.allocations),
            len(event.suppliers),
            payment=total(fill.payment for fill in event.allocations),
        ),
    )
    for fill in (*event.allocations, *event.suppliers):
        _fill(book, fill.entry_id, fill.quantity)


def _continued(book: Resource, event: ClearingContinued) -> None:
    so_far = book.recent[0]
    assert so_far.payment is not None  # it is of one resource
    more = replace(
        so_far,
        quantity=from_micros(micros(so_far.quantity) + sum(event.allocations.quantities)),
        buyers=so_far.buyers + len(event.allocations.agents),
        sellers=so_far.sellers + len(event.suppliers.agents),
        payment=from_micros(micros(so_far.payment) + sum(event.allocations.payments)),
    )
    book.recent = (more, *book.recent[1:])
    _fill_many(book.demand, book.demand_sums, event.allocations)
    _fill_many(book.offers, book.offer_sums, event.suppliers)
    _forget_deadlines(book)


def _fill_many(side: dict[str, Entry], sums: Sums, fills: Fills) -> None:
    """Fill entries of one side, all of it where no reason speaks of less. Those that end are not remembered: too many."""
    gone = []
    for entry_id, agent, quantity, reason in zip(
        fills.entry_ids, fills.agents, fills.quantities, fills.reasons, strict=True
    ):
        if reason:
            entry = side[entry_id]
            side[entry_id] = _lessened(entry, from_micros(micros(entry.left) - quantity))
        else:
            del side[entry_id]
            gone.append(agent)
    sums.take_many(gone, sum(fills.quantities))


def _pool_opened(book: Resource, event: PoolOpened) -> None:
    book.pools[event.pool_id] = event
    for entry_id in event.members:
        book.demand[entry_id] = replace(book.demand[entry_id], pool=event.pool_id)


def _pool_cleared(book: Resource, event: PoolCleared) -> None:
    _leave(book, event.pool_id)
    for fill in event.allocations:
        _fill(book, fill.entry_id, fill.quantity)


def _pool_lapsed(book: Resource, event: PoolLapsed) -> None:
    _leave(book, event.pool_id)


def _leave(book: Resource, pool_id: str) -> None:
    """Give the demand of a pool that is over back to the book."""
    _stir(book, book.pools[pool_id].closes_at)
    for entry_id in book.pools.pop(pool_id).members:
        entry = book.demand.get(entry_id)
        if entry is not None and entry.pool == pool_id:
            book.demand[entry_id] = replace(entry, pool="")


def _fill(book: Resource, entry_id: str, quantity: Decimal) -> None:
    entry = entry_of(book, entry_id)
    assert entry is not None  # a clearing fills what is in the book
    if entry.left == quantity:
        _end(book, entry_id, "filled")
        return
    side, sums = _side(book, entry.side)
    sums.take(entry)
    side[entry_id] = _lessened(entry, from_micros(micros(entry.left) - micros(quantity)))
    sums.add(side[entry_id])


def _lessened(entry: Entry, left: Decimal) -> Entry:
    return Entry(  # as `replace` does, in half the time
        entry.entry_id,
        entry.agent,
        entry.side,
        entry.quantity,
        left,
        entry.limit,
        entry.until,
        entry.posted_at,
        Decimal(0),
        tuple(tier for tier in entry.tiers if tier.from_quantity <= left) if entry.tiers else (),
        entry.priority,
        entry.weight,
        entry.pool,
    )


def _bundle(book: Resource, event: BundlePosted) -> None:
    book.name = book.name or event.name
    owner = owner_of(event.agent)
    book.bundle_owners[owner] = book.bundle_owners.get(owner, 0) + 1
    book.bundles[event.bundle_id] = BundleDemand(
        event.bundle_id,
        event.agent,
        {name_of(name): micros(quantity) for name, quantity in event.bundle.items()},
        event.tasks * MICRO,
        event.max_payment,
        event.per_task,
        event.needed_by,
        event.at,
        event.priority,
        event.weight,
    )


def _note(book: Resource, made: Traded) -> None:
    book.recent = (made, *book.recent[: _RECENT - 1])


def _bundles_cleared(book: Resource, event: BundlesCleared) -> None:
    name = name_of(book.name)
    taken = [fill.quantities[name] for fill in event.allocations if name in fill.quantities]
    sellers = sum(fill.entry_id in book.offers for fill in event.suppliers)
    price = event.prices.get(name)
    if taken:
        _note(
            book,
            Traded(event.at, event.by, event.policy, total(taken), price, len(taken), sellers, bundles=True),
        )
    for given in event.allocations:
        demand = book.bundles.get(given.bundle_id)
        if demand is not None:
            served = micros(given.tasks)
            if demand.left == served:
                _end(book, given.bundle_id, "filled")
            else:
                book.bundles[given.bundle_id] = replace(demand, left=demand.left - served)
    for fill in event.suppliers:
        if fill.entry_id in book.offers:
            _fill(book, fill.entry_id, fill.quantity)


def _end_bundle(book: Resource, bundle_id: str, status: EntryStatus) -> None:
    demand = book.bundles.pop(bundle_id)
    owner = owner_of(demand.agent)
    book.bundle_owners[owner] -= 1
    if not book.bundle_owners[owner]:
        del book.bundle_owners[owner]
    book.ended[bundle_id] = Ended(demand.agent, status)


def _end(book: Resource, entry_id: str, status: EntryStatus) -> None:
    if entry_id in book.bundles:
        _end_bundle(book, entry_id, status)
        return
    side, sums = _side(book, "demand" if entry_id in book.demand else "offer")
    entry = side.pop(entry_id)
    sums.take(entry)
    book.ended[entry_id] = Ended(entry.agent, status)
    _forget_deadlines(book)


def _forget_deadlines(book: Resource) -> None:
    """Drop the next deadlines as long as they are of entries that have ended."""
    while book.deadlines and entry_of(book, book.deadlines[0][1]) is None:
        heappop(book.deadlines)


_EVOLVE: Mapping[type, Callable[..., None]] = {
    ResourceDeclared: _declared,
    DemandPosted: _demand,
    OfferPosted: _offer,
    EntryWithdrawn: _withdrawn,
    EntriesLapsed: _lapsed,
    BundlePosted: _bundle,
    ClearingDue: _due,
    ResourceCleared: _cleared,
    ClearingContinued: _continued,
    BundlesCleared: _bundles_cleared,
    PoolOpened: _pool_opened,
    PoolCleared: _pool_cleared,
    PoolLapsed: _pool_lapsed,
}
