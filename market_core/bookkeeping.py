"""How events change the book of a resource."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from heapq import heappop, heappush
from itertools import islice

from market_core.book import BundleDemand, Ended, Entry, Resource, Sums, Traded, entry_of
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
from market_core.values import MICRO, from_micros, micros, name_of, owner_of, total

_RECENT = 10
"""Clearings that the state remembers in short."""
_REMEMBERED = 1000
"""Finished entries whose end the state remembers, beside those of the last event; the journal remembers all."""
_TOGETHER = (ClearingDue, ResourceCleared, ClearingContinued)
"""Events that another one of the same decision may come before."""
_NOTHING = Decimal(0)


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
            micros(event.quantity),
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
            micros(event.quantity),
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
    for entry_id, quantity, reason in zip(fills.entry_ids, fills.quantities, fills.reasons, strict=True):
        entry = side[entry_id]
        if reason:
            side[entry_id] = _lessened(entry, entry.left_micros - quantity)
        else:
            del side[entry_id]
            gone.append(entry.agent)
    sums.take_many(gone, sum(fills.quantities))


def _pool_opened(book: Resource, event: PoolOpened) -> None:
    book.pools[event.pool_id] = event
    for entry_id in event.members:
        book.demand[entry_id] = book.demand[entry_id]._replace(pool=event.pool_id)


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
            book.demand[entry_id] = entry._replace(pool="")


def _fill(book: Resource, entry_id: str, quantity: Decimal) -> None:
    entry = entry_of(book, entry_id)
    assert entry is not None  # a clearing fills what is in the book
    left = entry.left_micros - micros(quantity)
    if not left:
        _end(book, entry_id, "filled")
        return
    side, sums = _side(book, entry.side)
    sums.take(entry)
    side[entry_id] = _lessened(entry, left)
    sums.add(side[entry_id])


def _lessened(entry: Entry, left: int) -> Entry:
    some_id, agent, side, quantity, _, limit, until, at, _, tiers, priority, weight, pool = entry
    kept = tuple(tier for tier in tiers if micros(tier.from_quantity) <= left) if tiers else ()
    columns = (some_id, agent, side, quantity, left, limit, until, at, _NOTHING, kept, priority, weight, pool)
    return tuple.__new__(Entry, columns)  # as `_replace` does, in a third of the time


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
