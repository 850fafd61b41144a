"""What lists show of the book of a resource, and who hears of what is posted, cleared and pooled."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, singledispatch
from itertools import groupby

from market_core.book import BundleDemand, Entry, Resource, entry_of
from market_core.events import (
    BundleFill,
    BundlePosted,
    BundlesCleared,
    ClearingContinued,
    ClearingDue,
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Fill,
    Fills,
    LeftOut,
    OfferPosted,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
    ResourceCleared,
    ResourceDeclared,
)
from market_core.handle import resource_stream
from market_core.standing_clearings import next_clearing
from market_core.values import MARKET, from_micros, name_of, plain, resource_of, shown
from server.partners import partners
from server.ports import Ended, Lessened, Notice, Summary, packed
from server.projection.rows import Projected, epoch, json_of

_name = lru_cache(maxsize=64)(json_of)  # a large clearing asks for one name very often


@singledispatch
def of_book(event: object, book: Resource) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    """Return the rows and notices of an event of a resource, after which its book is `book`."""
    raise TypeError(f"{type(event).__name__} is not of a resource")


def book_row(book: Resource) -> Summary:
    """Return the row of a resource, with when it is due to be cleared by itself."""
    stream = resource_stream(book.name)
    body = {"name": book.name, "unit": book.unit, "whole": book.whole}
    due = next_clearing(book)
    until = None if due is None else epoch(due)
    return Summary(
        "resource", stream.partition("/")[2], stream, status="open", until=until, body=json_of(body)
    )


def _entry_row(book: Resource, entry: Entry) -> Summary:
    stream = resource_stream(book.name)
    return Summary(
        kind=entry.side,
        id=entry.entry_id,
        stream=stream,
        owner=entry.agent,
        parent=stream,
        status="open",
        until=None if entry.until is None else epoch(entry.until),
        body=_entry_body(book, entry),
    )


def _entry_body(book: Resource, entry: Entry) -> str:
    limit = "null" if entry.limit is None else f'"{plain(entry.limit)}"'
    return f'{{"resource":{_name(book.name)},"left":"{plain(entry.left)}","limit":{limit}}}'


_KINDS = {"dem": "demand", "off": "offer", "bun": "bundle"}


def _ended_row(book: Resource, entry_id: str) -> Summary:
    """Return the row of an entry that has ended; as it no longer has a parent, its agent hears no more."""
    ended = book.ended[entry_id]
    side = _KINDS[entry_id.partition("_")[0]]
    return Summary(side, entry_id, resource_stream(book.name), ended.agent, status=ended.status)


def _bundle_row(book: Resource, demand: BundleDemand) -> Summary:
    stream = resource_stream(book.name)
    body = {
        "resource": bundle_text({name: from_micros(amount) for name, amount in demand.amounts.items()}),
        "left": plain(from_micros(demand.left)),
        "limit": None if demand.max_payment is None else plain(demand.max_payment),
    }
    return Summary(
        kind="bundle",
        id=demand.bundle_id,
        stream=stream,
        owner=demand.agent,
        parent=stream,
        status="open",
        until=None if demand.until is None else epoch(demand.until),
        body=json_of(body),
    )


def _part_row(book: Resource, bundle_id: str) -> Summary:
    """Return the row by which the agent of a bundle that is told of elsewhere hears of this book, while it stands."""
    stream = resource_stream(book.name)
    some_id = f"{bundle_id}/{name_of(book.name)}"
    demand = book.bundles.get(bundle_id)
    if demand is None:
        ended = book.ended[bundle_id]
        return Summary("bundle_part", some_id, stream, ended.agent, status=ended.status)
    return Summary("bundle_part", some_id, stream, demand.agent, parent=stream, status="standing")


def bundle_text(quantities: Mapping[str, Decimal]) -> str:
    """Return quantities of resources as one text."""
    return ", ".join(f"{plain(quantity)} {name_of(name)}" for name, quantity in sorted(quantities.items()))


def _is_told_here(book: Resource, bundle_id: str) -> bool:
    """Return whether it is this book that tells of a demand which several have."""
    return resource_of(bundle_id) == name_of(book.name)


def _tell_book(book: Resource, at: datetime, topic: str, kind: str, by: str, entry_id: str = "") -> Notice:
    stream = resource_stream(book.name)
    told = {"at": shown(at), "resource": book.name} | ({"entry": entry_id} if entry_id else {})
    return Notice(topic, kind, stream.partition("/")[2], by, json_of(told))


@of_book.register
def _(event: ResourceDeclared, book: Resource) -> list[Projected]:
    return [
        book_row(book),
        _tell_book(book, event.at, resource_stream(book.name), "resource_declared", MARKET),
    ]


@of_book.register(DemandPosted)
@of_book.register(OfferPosted)
def _(event: DemandPosted | OfferPosted, book: Resource) -> list[Projected]:
    demand = isinstance(event, DemandPosted)
    entry_id = event.demand_id if isinstance(event, DemandPosted) else event.offer_id
    entry = (book.demand if demand else book.offers)[entry_id]
    kind = "demand_posted" if demand else "offer_posted"
    replaced = [_ended_row(book, event.replaced)] if event.replaced else []
    return [
        book_row(book),
        *replaced,
        _entry_row(book, entry),
        _tell_book(book, event.at, resource_stream(book.name), kind, event.agent),
    ]


@of_book.register
def _(event: BundlePosted, book: Resource) -> list[Projected]:
    here = _is_told_here(book, event.bundle_id)
    return [
        book_row(book),
        _bundle_row(book, book.bundles[event.bundle_id]) if here else _part_row(book, event.bundle_id),
        _tell_book(book, event.at, resource_stream(book.name), "bundle_posted", event.agent),
    ]


@of_book.register
def _(event: EntryWithdrawn, book: Resource) -> list[Projected]:
    if event.entry_id.startswith("bun_") and not _is_told_here(book, event.entry_id):
        ended = book.ended[event.entry_id]
        told = _tell_book(book, event.at, resource_stream(book.name), "entry_withdrawn", ended.agent)
        return [_part_row(book, event.entry_id), told]
    row = _ended_row(book, event.entry_id)
    return [row, _tell_book(book, event.at, resource_stream(book.name), "entry_withdrawn", row.owner)]


@of_book.register
def _(event: EntriesLapsed, book: Resource) -> list[Projected]:
    elsewhere = [
        entry_id
        for entry_id in event.entry_ids
        if entry_id.startswith("bun_") and not _is_told_here(book, entry_id)
    ]
    rows = [_ended_row(book, entry_id) for entry_id in event.entry_ids if entry_id not in elsewhere]
    parts = [_part_row(book, entry_id) for entry_id in elsewhere]
    return [
        *rows,
        *parts,
        *(_tell_book(book, event.at, row.owner, f"{row.kind}_lapsed", MARKET, row.id) for row in rows),
    ]


@of_book.register
def _(event: ClearingDue, book: Resource) -> list[Projected]:  # noqa: ARG001 - what it cleared is told by itself
    return []


@of_book.register
def _(event: ResourceCleared, book: Resource) -> list[Projected]:
    rows: list[Projected] = []
    made = book.recent[0]  # with what has followed: of the first fills alone no split would add up
    is_whole = (made.buyers, made.sellers) == (len(event.allocations), len(event.suppliers))
    whom = partners(event) if is_whole else {}
    for fill in (*event.allocations, *event.suppliers):
        entry = entry_of(book, fill.entry_id)
        rows.append(_entry_row(book, entry) if entry else _ended_row(book, fill.entry_id))
        rows.append(_receipt(book, event, fill, whom.get(fill.entry_id, "")))
    rows += [_left_out(book, event, left) for left in event.left_out]
    rows.append(_tell_book(book, event.at, resource_stream(book.name), "resource_cleared", event.by))
    return rows


@of_book.register
def _(event: ClearingContinued, book: Resource) -> list[Projected]:
    cleared = book.last_clearing
    assert cleared is not None  # the one that is continued
    offer_price = cleared.clearing_price if cleared.offer_price is None else cleared.offer_price
    rows = _fill_rows(book, book.demand, event.allocations, event.at, cleared.clearing_price)
    rows += _fill_rows(book, book.offers, event.suppliers, event.at, offer_price)
    return rows + [_left_out(book, event, left) for left in event.left_out]


def _fill_rows(
    book: Resource, side: Mapping[str, Entry], fills: Fills, at: datetime, price: Decimal
) -> list[Projected]:
    """Return what became of many entries of one side, and a receipt for each as `_receipt` makes it."""
    kind, news = ("demand", "demand_allocated") if side is book.demand else ("offer", "offer_sold")
    ended = [one for one, reason in zip(fills.entry_ids, fills.reasons, strict=True) if not reason]
    rows: list[Projected] = [Ended(kind, "filled", tuple(ended))] if ended else []
    ref = resource_stream(book.name).partition("/")[2]
    common = json_of({"at": shown(at), "resource": book.name, "unit_price": plain(price)})
    savings = ("null" if saving is None else saving for saving in fills.savings)
    columns = zip(fills.entry_ids, fills.quantities, fills.payments, fills.reasons, savings, strict=True)
    told = [  # ids and reasons have nothing that JSON escapes
        f'["{entry_id}",{quantity},{payment},"{reason}",{saving}]'
        for entry_id, quantity, payment, reason, saving in columns
    ]
    begin = 0
    for agent, run in groupby(fills.agents):
        end = begin + len(list(run))
        mine = zip(fills.entry_ids[begin:end], fills.reasons[begin:end], strict=True)
        left = [f'"{one}":{side[one].left_micros}' for one, reason in mine if reason]
        if left:
            rows.append(Lessened(kind, agent, f"{{{','.join(left)}}}"))
        rows.append(Notice(agent, news, ref, MARKET, packed(common, _RECEIPT, told[begin:end]), end - begin))
        begin = end
    return rows


_RECEIPT = '["entry","quantity","payment","reason","saving"]'


@of_book.register
def _(event: BundlesCleared, book: Resource) -> list[Projected]:
    rows: list[Projected] = []
    whom = partners(event)
    for given in event.allocations:
        if _is_told_here(book, given.bundle_id):
            demand = book.bundles.get(given.bundle_id)
            rows.append(_bundle_row(book, demand) if demand else _ended_row(book, given.bundle_id))
            rows.append(_bundle_receipt(event, given, whom.get(given.bundle_id, "")))
        elif given.bundle_id in book.ended:
            rows.append(_part_row(book, given.bundle_id))
    for fill in event.suppliers:
        if _is_told_here(book, fill.entry_id):
            entry = entry_of(book, fill.entry_id)
            rows.append(_entry_row(book, entry) if entry else _ended_row(book, fill.entry_id))
            rows.append(_receipt(book, event, fill, whom.get(fill.entry_id, "")))
    rows += [_left_out(book, event, left) for left in event.left_out if _is_told_here(book, left.entry_id)]
    return [*rows, _tell_book(book, event.at, resource_stream(book.name), "resource_cleared", event.by)]


def _bundle_receipt(event: BundlesCleared, given: BundleFill, whom: str) -> Notice:
    told = {
        "at": shown(event.at),
        "entry": given.bundle_id,
        "quantity": bundle_text(given.quantities),
        "payment": plain(given.payment),
        "reason": given.reason,
        "saving": None if given.saving is None else plain(given.saving),
        "whom": whom,
    }
    return Notice(given.agent, "bundle_allocated", resource_of(given.bundle_id), MARKET, json_of(told))


@of_book.register
def _(event: PoolOpened, book: Resource) -> list[Projected]:
    told = [
        _pool_notice(book, event, entry.agent, "demand_pooled")
        for entry in book.demand.values()
        if entry.pool == event.pool_id
    ]
    return [*told, _pool_notice(book, event, resource_stream(book.name), "pool_opened")]


@of_book.register
def _(event: PoolCleared, book: Resource) -> list[Projected]:
    rows: list[Projected] = []
    for fill in event.allocations:
        entry = entry_of(book, fill.entry_id)
        rows.append(_entry_row(book, entry) if entry else _ended_row(book, fill.entry_id))
        rows.append(_receipt(book, event, fill))
    rows += [_left_out(book, event, left) for left in event.left_out]
    return [*rows, *_who_deals_with_whom(book, event)]


def _who_deals_with_whom(book: Resource, event: PoolCleared) -> list[Projected]:
    """Return what members and suppliers of a pool must know of each other to deliver."""
    whom = partners(event)
    spare = ""
    if event.surplus_quantity:
        spare = f"; {plain(event.surplus_quantity)} more were bought, as that costs less, and are allocated to nobody"
    if event.proof is not None and event.proof.status != "optimal":
        spare += "; it is the best found in time, not proved to be the best"

    def told(kind: str, fill: Fill) -> Projected:
        return _pool_notice(book, event, fill.agent, kind, f"{whom.get(fill.entry_id, _MANY)}{spare}")

    return [
        *(told("pool_supply", fill) for fill in event.suppliers),
        *(told("pool_bought", fill) for fill in event.allocations),
    ]


_MANY = "many; get_auction lists who sells"


@of_book.register
def _(event: PoolLapsed, book: Resource) -> list[Projected]:
    owners = dict.fromkeys(book.demand[entry_id].agent for entry_id in event.members)
    members = [_pool_notice(book, event, agent, "pool_lapsed", event.why) for agent in owners]
    return [*members, _pool_notice(book, event, event.auction_id, "pool_unsold", event.why)]


def _pool_notice(
    book: Resource, event: PoolOpened | PoolCleared | PoolLapsed, topic: str, kind: str, why: str = ""
) -> Notice:
    by = event.by if isinstance(event, PoolOpened) else MARKET
    told = {"at": shown(event.at), "resource": book.name, "why": why}
    return Notice(topic, kind, event.auction_id, by, json_of(told))


def _left_out(
    book: Resource, event: ResourceCleared | ClearingContinued | BundlesCleared | PoolCleared, left: LeftOut
) -> Notice:
    told = {"at": shown(event.at), "resource": book.name, "entry": left.entry_id, "reason": left.reason}
    if isinstance(event, PoolCleared) and left.reason == "out_of_price":
        told["price"] = plain(event.price)
    return Notice(left.agent, "left_out", resource_stream(book.name).partition("/")[2], MARKET, json_of(told))


def _receipt(
    book: Resource, event: ResourceCleared | BundlesCleared | PoolCleared, fill: Fill, whom: str = ""
) -> Notice:
    """Return what one agent got or sold, for it alone: its saving tells its limit."""
    supplier = fill.entry_id.startswith("off_")
    price = event.clearing_price if isinstance(event, ResourceCleared) else None
    if isinstance(event, BundlesCleared):
        price = event.prices.get(resource_of(fill.entry_id))
    if isinstance(event, PoolCleared) and event.sharing == "uniform":
        price = event.price
    if supplier and isinstance(event, ResourceCleared) and event.offer_price is not None:
        price = event.offer_price
    told = {
        "at": shown(event.at),
        "resource": book.name,
        "unit_price": None if price is None else plain(price),
        "entry": fill.entry_id,
        "quantity": plain(fill.quantity),
        "payment": plain(fill.payment),
        "reason": fill.reason,
        "saving": None if fill.saving is None else plain(fill.saving),
    }
    if whom:
        told["whom"] = whom
    kind = "offer_sold" if supplier else "demand_allocated"
    ref = resource_stream(book.name).partition("/")[2]
    return Notice(fill.agent, kind, ref, MARKET, json_of(told))
