"""One resource's book: demand and offers as they stand. How events change it is in `bookkeeping`, what may be done in `resource`."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple, TypeVar

from market_core.events import (
    PoolOpened,
    ResourceCleared,
)
from market_core.lifecycle import EntryStatus
from market_core.terms import BundleRule, ClearingRule, OfferTier, Policy
from market_core.values import MICRO, from_micros, owner_of

Deadline = tuple[datetime, str]


class Entry(NamedTuple):
    """A demand or an offer. `limit` is the most or the least per unit (None: any price).

    `left` is its open rest, `left_micros` the same in micro-units.

    `minimum`: the least it takes at once, 0 once something was taken. `priority` and `weight` are of demand, which is
    for no offer while it is in a `pool`.
    """

    entry_id: str
    agent: str
    side: str
    quantity: Decimal
    left_micros: int
    limit: Decimal | None
    until: datetime | None
    posted_at: datetime
    minimum: Decimal = Decimal(0)
    tiers: tuple[OfferTier, ...] = ()
    priority: int = 0
    weight: Decimal = Decimal(1)
    pool: str = ""

    @property
    def left(self) -> Decimal:
        """The open rest in units."""
        return from_micros(self.left_micros)


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
        self.micros += entry.left_micros

    def take(self, entry: Entry) -> None:
        """Count an entry out."""
        self.take_many([entry.agent], entry.left_micros)

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


_MINIMUM, _TIERS = attrgetter("minimum"), attrgetter("tiers")


def any_choice(entries: Collection[Entry]) -> bool:
    """Return whether there is an entry with a minimum or tiers: quick for many."""
    return any(map(_MINIMUM, entries)) or any(map(_TIERS, entries))


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
