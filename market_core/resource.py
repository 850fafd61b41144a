"""One resource: its book of demand and offers, and their clearings. State, decide, evolve."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import singledispatch

from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Lapse,
    OfferResources,
    RequestResources,
    Withdraw,
)
from market_core.events import (
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Event,
    Fill,
    OfferPosted,
    ResourceCleared,
    ResourceDeclared,
)
from market_core.facts import Facts
from market_core.lifecycle import ENTRY_MOVES, EntryStatus
from market_core.mechanisms import clearing
from market_core.rejections import Code, Rejection
from market_core.values import (
    MICRO,
    TOTAL_LIMIT,
    entry_id_in,
    from_micros,
    micros,
    name_of,
    owner_of,
    shown,
)

MOST_IN_BOOK = 10_000
"""Entries on each side of a resource."""
MOST_ENTRIES = 100
"""Open entries an owner may have on each side of a resource."""
_REMEMBERED = 1000
"""Finished entries whose end the state remembers; the journal remembers all."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A demand or an offer. `limit` is the most or the least per unit (None: any price); `left` its open rest."""

    entry_id: str
    agent: str
    side: str
    quantity: Decimal
    left: Decimal
    limit: Decimal | None
    until: datetime | None
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished entry: whose it was and how it ended."""

    agent: str
    status: EntryStatus


@dataclass(slots=True)
class Resource:
    """A resource; `name` is empty until somebody names it."""

    name: str = ""
    unit: str = ""
    whole: bool = False
    declared: bool = False
    demand: dict[str, Entry] = field(default_factory=dict)
    offers: dict[str, Entry] = field(default_factory=dict)
    ended: dict[str, Ended] = field(default_factory=dict)
    last_clearing: ResourceCleared | None = None
    clearings: int = 0

    @property
    def grain(self) -> int:
        """The smallest tradable quantity, in micro-units."""
        return MICRO if self.whole else 1

    @property
    def entries(self) -> Iterable[Entry]:
        """Everything in the book, demand first."""
        return (*self.demand.values(), *self.offers.values())


def live(entries: Iterable[Entry], now: datetime) -> list[Entry]:
    """Return the entries whose time is not over at `now`."""
    return [entry for entry in entries if entry.until is None or entry.until > now]


def clear(book: Resource, now: datetime) -> clearing.Clearing | None:
    """Return what clearing at `now` gives, positions as in `live` of each side; None if nothing trades."""
    return clearing.clear(
        [_plain(entry) for entry in live(book.demand.values(), now)],
        [_plain(entry) for entry in live(book.offers.values(), now)],
        book.grain,
    )


def _plain(entry: Entry) -> clearing.Entry:
    limit = None if entry.limit is None else micros(entry.limit)
    return clearing.Entry((entry.agent, entry.entry_id), micros(entry.left), limit)


# Decide


@singledispatch
def decide(command: object, book: Resource, facts: Facts) -> list[Event]:
    """Return the events that `command` makes in `book`, or raise the Rejection that applies first."""
    raise TypeError(f"{type(command).__name__} is not for a resource")


@decide.register
def _(command: DeclareResource, book: Resource, facts: Facts) -> list[Event]:
    if command.whole and any(micros(entry.left) % MICRO for entry in live(book.entries, facts.now)):
        raise Rejection(Code.RESOURCE_IN_USE)
    return [ResourceDeclared(facts.now, command.resource, command.unit, command.whole)]


@decide.register
def _(command: RequestResources, book: Resource, facts: Facts) -> list[Event]:
    _check_one_side(command.agent, book.offers.values(), facts)
    _check_time(command.needed_by, "needed_by", facts)
    _check_total(command.quantity, command.max_unit_price or Decimal(0))
    _check_quantity(command.quantity, book)
    _check_room(command.agent, book.demand.values(), facts)
    demand_id = entry_id_in("dem", name_of(command.resource), facts.token)
    return [
        DemandPosted(
            facts.now,
            demand_id,
            command.agent,
            command.resource,
            command.quantity,
            command.max_unit_price,
            command.needed_by,
        )
    ]


@decide.register
def _(command: OfferResources, book: Resource, facts: Facts) -> list[Event]:
    _check_one_side(command.agent, book.demand.values(), facts)
    _check_time(command.available_until, "available_until", facts)
    _check_total(command.quantity, command.unit_price)
    _check_quantity(command.quantity, book)
    _check_room(command.agent, book.offers.values(), facts)
    offer_id = entry_id_in("off", name_of(command.resource), facts.token)
    return [
        OfferPosted(
            facts.now,
            offer_id,
            command.agent,
            command.resource,
            command.quantity,
            command.unit_price,
            command.available_until,
        )
    ]


def _check_one_side(agent: str, other_side: Iterable[Entry], facts: Facts) -> None:
    """With demand of its own an owner could raise the price of its offers, and the other way round."""
    owner = owner_of(agent)
    if any(owner_of(entry.agent) == owner for entry in live(other_side, facts.now)):
        raise Rejection(Code.BOTH_SIDES)


def _check_time(until: datetime | None, field_name: str, facts: Facts) -> None:
    if until is None:
        return
    if not facts.clock:
        raise Rejection(Code.NO_CLOCK, field=field_name)
    if until <= facts.now:
        raise Rejection(Code.DEADLINE_PASSED, field=field_name, now=shown(facts.now))


def _check_quantity(quantity: Decimal, book: Resource) -> None:
    if micros(quantity) % book.grain:
        raise Rejection(Code.NOT_WHOLE)


def _check_total(quantity: Decimal, unit_price: Decimal) -> None:
    """Checked for what an entry states itself. Sums over entries are exact, and bounded by nothing else."""
    if micros(quantity) * micros(unit_price) >= micros(TOTAL_LIMIT) * MICRO:
        raise Rejection(Code.TOTAL_OUT_OF_RANGE, limit=f"{TOTAL_LIMIT:,}")


def _check_room(agent: str, entries: Collection[Entry], facts: Facts) -> None:
    owner = owner_of(agent)
    if sum(owner_of(entry.agent) == owner for entry in live(entries, facts.now)) >= MOST_ENTRIES:
        raise Rejection(Code.TOO_MANY_ENTRIES, limit=MOST_ENTRIES)
    if len(entries) >= MOST_IN_BOOK:
        raise Rejection(Code.BOOK_FULL, limit=f"{MOST_IN_BOOK:,}")


@decide.register
def _(command: Withdraw, book: Resource, facts: Facts) -> list[Event]:
    ended = book.ended.get(command.id)
    entry = book.demand.get(command.id) or book.offers.get(command.id)
    owner = entry.agent if entry else ended.agent if ended else None
    if owner != command.agent:
        seen = book.last_clearing
        public = seen is not None and command.id in {
            fill.entry_id for fill in (*seen.allocations, *seen.suppliers)
        }
        raise Rejection(Code.NOT_YOUR_ENTRY if public else Code.UNKNOWN_ID)
    status: EntryStatus = ended.status if ended else "open"
    if entry is not None and entry.until is not None and entry.until <= facts.now:
        status = "lapsed"
    if "withdraw" not in ENTRY_MOVES[status]:
        raise Rejection(Code.ENTRY_GONE, status=status)
    return [EntryWithdrawn(facts.now, command.id)]


@decide.register
def _(command: AggregateDemand, book: Resource, facts: Facts) -> list[Event]:
    demand, offers = live(book.demand.values(), facts.now), live(book.offers.values(), facts.now)
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    if not demand or not offers:
        side = "demand" if not demand else "offer"
        raise Rejection(Code.NOTHING_TO_CLEAR, why=f"there is no {side} in the book")
    result = clear(book, facts.now)
    if result is None:
        raise Rejection(Code.NOTHING_TO_CLEAR, why="every offer asks more than every demand's limit")
    return [
        ResourceCleared(
            facts.now,
            command.agent,
            from_micros(result.price),
            _fills(demand, result.demand, result.payments),
            _fills(offers, result.offers, result.receipts),
            clearing.MECHANISM,
        )
    ]


def _fills(entries: list[Entry], quantities: Iterable[int], totals: Iterable[int]) -> tuple[Fill, ...]:
    """Return the fills of one side in the order of agents and ids, which tells nothing about arrival."""
    fills = (
        Fill(entry.entry_id, entry.agent, from_micros(quantity), from_micros(total))
        for entry, quantity, total in zip(entries, quantities, totals, strict=True)
        if quantity
    )
    return tuple(sorted(fills, key=lambda fill: (fill.agent, fill.entry_id)))


@decide.register
def _(command: Lapse, book: Resource, facts: Facts) -> list[Event]:
    """Record the demand and offers whose time is over; without any there is nothing to record."""
    over = tuple(e.entry_id for e in book.entries if e.until is not None and e.until <= facts.now)
    return [EntriesLapsed(facts.now, over)] if over else []


# Evolve


@singledispatch
def _apply(event: object, book: Resource) -> None:
    raise TypeError(f"{type(event).__name__} does not belong to a resource")


def evolve(book: Resource, event: Event) -> Resource:
    """Return the book after `event`; it may be the same object, changed."""
    _apply(event, book)
    return book


@_apply.register
def _(event: ResourceDeclared, book: Resource) -> None:
    book.name, book.unit, book.whole, book.declared = event.name, event.unit, event.whole, True


@_apply.register
def _(event: DemandPosted, book: Resource) -> None:
    book.name = book.name or event.name
    book.demand[event.demand_id] = Entry(
        event.demand_id,
        event.agent,
        "demand",
        event.quantity,
        event.quantity,
        event.max_unit_price,
        event.needed_by,
        event.at,
    )


@_apply.register
def _(event: OfferPosted, book: Resource) -> None:
    book.name = book.name or event.name
    book.offers[event.offer_id] = Entry(
        event.offer_id,
        event.agent,
        "offer",
        event.quantity,
        event.quantity,
        event.unit_price,
        event.available_until,
        event.at,
    )


@_apply.register
def _(event: EntryWithdrawn, book: Resource) -> None:
    _end(book, event.entry_id, "withdrawn")


@_apply.register
def _(event: EntriesLapsed, book: Resource) -> None:
    for entry_id in event.entry_ids:
        _end(book, entry_id, "lapsed")


@_apply.register
def _(event: ResourceCleared, book: Resource) -> None:
    book.last_clearing = event
    book.clearings += 1
    for side, fills in ((book.demand, event.allocations), (book.offers, event.suppliers)):
        for fill in fills:
            entry = side[fill.entry_id]
            if entry.left == fill.quantity:
                _end(book, fill.entry_id, "filled")
            else:
                left = from_micros(micros(entry.left) - micros(fill.quantity))
                side[fill.entry_id] = replace(entry, left=left)


def _end(book: Resource, entry_id: str, status: EntryStatus) -> None:
    side = book.demand if entry_id in book.demand else book.offers
    book.ended[entry_id] = Ended(side.pop(entry_id).agent, status)
    while len(book.ended) > _REMEMBERED:
        del book.ended[next(iter(book.ended))]
