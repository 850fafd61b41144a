"""Events -> what lists need of them (summaries) and who should hear of them (notices).

Notices hold only what everybody may know of the thing they are about; a receipt, sent to one agent, also its saving. Topics: an agent's id, `cap:NAME` for
agents with a capability, an auction's id and `resource/NAME` for all who have something there.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, singledispatch
from typing import Any

from pydantic_core import to_json

from market_core.agent import Agent
from market_core.auction import Auction, invited_bids
from market_core.book import BundleDemand, Entry, Resource, entry_of
from market_core.capability import Capability
from market_core.events import (
    AgentRegistered,
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    BidWithdrawn,
    BundleFill,
    BundlePosted,
    BundlesCleared,
    ClearingContinued,
    ClearingDue,
    DeadlineExtended,
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Event,
    Fill,
    Fills,
    Granted,
    LeftOut,
    OfferPosted,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    OwnerObserved,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
    PriorLearned,
    ResourceCleared,
    ResourceDeclared,
    StandingChanged,
    Vouched,
    WorkDelivered,
    WorkOverdue,
    WorkWon,
)
from market_core.handle import State, auction_stream, resource_stream
from market_core.outcomes import current_winners, overdue_at, state_of, winners_of
from market_core.standing import next_clearing
from market_core.values import MARKET, from_micros, name_of, plain, plain_micros, resource_of, shown, total
from server.partners import partners
from server.ports import Ended, Notice, Rewritten, Summary

Projected = Summary | Notice | Ended | Rewritten
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _json(body: object) -> str:
    return to_json(body).decode()


_name = lru_cache(maxsize=64)(_json)  # a large clearing asks for one name very often


def epoch(moment: datetime) -> int:
    """Return a moment as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    """Return the moment that `epoch` gave the number of."""
    return _EPOCH + timedelta(microseconds=microseconds)


def project(state: State, events: Iterable[Event]) -> list[Projected]:
    """Return the summaries and notices of `events`, after which their stream is in `state`; a later summary counts."""
    rows: list[Projected] = []
    for event in events:
        rows += _MADE_OF[type(state)][type(event)](event, state)
    if isinstance(state, Resource) and (state.every is not None or state.at_quantity is not None):
        rows.append(_book_row(state))  # anything may change when it is due to be cleared
    return rows


# Auctions


def _row(auction: Auction) -> Summary:
    terms = auction.terms
    winners = current_winners(auction)
    body = {
        "task": terms.task,
        "max_price": None if terms.max_price is None else plain(terms.max_price),
        "payment_rule": terms.payment_rule,
        "format": terms.format,
        "capabilities": terms.requirements.capabilities,
        "invited_only": bool(terms.invite),
        "payment": plain(total(winner.payment for winner in winners)) if winners else None,
        "winner": ", ".join(dict.fromkeys(winner.agent for winner in winners[:5])) or None,
        "winners": len({winner.agent for winner in winners}),
        "quantity": terms.quantity,
        "lots": len(terms.lots),
    }
    return Summary(
        kind="auction",
        id=terms.auction_id,
        stream=auction_stream(terms.auction_id),
        owner=terms.buyer,
        status=auction.status,
        until=None if auction.closes_at is None else epoch(auction.closes_at),
        tags=tuple(f"cap:{name}" for name in terms.requirements.capabilities),
        body=_json(body),
    )


def _tell(auction: Auction, at: datetime, topic: str, kind: str, by: str) -> Notice:
    terms = auction.terms
    winners = tuple([winner.agent for winner in auction.winners])
    return Notice(topic, kind, terms.auction_id, by, _told(at, terms.task, winners))


@lru_cache(maxsize=64)  # what happens together is told in the same words, to many
def _told(at: datetime, task: str, winners: tuple[str, ...]) -> str:
    return _json({"at": shown(at), "task": task, "winners": winners})


def _bid_row(auction: Auction, bidder: str, bid_id: str, cost: str, status: str) -> Summary:
    """Return the row of a bid; with lots a bidder may have several."""
    terms = auction.terms
    return Summary(
        kind="bid",
        id=f"{terms.auction_id}/{bid_id if terms.lots else bidder}",
        stream=auction_stream(terms.auction_id),
        owner=bidder,
        parent=terms.auction_id,
        status=status,
        body=_json({"bid_id": bid_id, "cost": cost, "task": terms.task}),
    )


@singledispatch
def _auction(event: object, auction: Auction) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    raise TypeError(f"{type(event).__name__} is not of an auction")


@_auction.register
def _(event: AuctionCreated, auction: Auction) -> list[Projected]:
    if event.invite:
        told = [_tell(auction, event.at, agent, "invited", event.buyer) for agent in event.invite]
    else:
        # One notice per capability, not per agent; an agent with several of them hears it once (`inbox`).
        topics = [f"cap:{name}" for name in event.requirements.capabilities]
        told = [_tell(auction, event.at, topic, "auction_created", event.buyer) for topic in topics]
    return [_row(auction), *told]


@_auction.register
def _(event: BidSubmitted, auction: Auction) -> list[Projected]:
    rows: list[Projected] = [
        _bid_row(auction, event.bidder, event.bid_id, plain(event.cost), "standing"),
        _tell(auction, event.at, auction.terms.buyer, _bid_news(auction, event.at), event.bidder),
    ]
    if event.replaced and auction.terms.lots:
        rows.append(_bid_row(auction, event.bidder, event.replaced, "0", "replaced"))
    if event.standing:
        rows.append(_tell(auction, event.at, event.bidder, "standing_bid_entered", MARKET))
    if event.displaced:
        rows.append(_tell(auction, event.at, event.displaced, "outbid", event.bidder))
    return rows


@_auction.register
def _(event: DeadlineExtended, auction: Auction) -> list[Projected]:
    topics = (auction.terms.auction_id, auction.terms.buyer)
    return [
        _row(auction),
        *(_tell(auction, event.at, topic, "deadline_extended", MARKET) for topic in topics),
    ]


def _bid_news(auction: Auction, at: datetime) -> str:
    terms = auction.terms
    if terms.format == "dutch":
        return "offer_taken"
    invite = terms.invite if terms.format == "sealed" else ()
    return "all_invited_bid" if invite and invited_bids(auction, at) == len(invite) else "bid_submitted"


@_auction.register
def _(event: BidWithdrawn, auction: Auction) -> list[Projected]:
    return [
        _bid_row(auction, event.bidder, event.bid_id, "0", "withdrawn"),
        _tell(auction, event.at, auction.terms.buyer, "bid_withdrawn", event.bidder),
    ]


@_auction.register
def _(event: AuctionClosed, auction: Auction) -> list[Projected]:
    told = [_tell(auction, event.at, auction.terms.auction_id, "auction_closed", event.by)]
    if event.by == MARKET:
        told.append(_tell(auction, event.at, auction.terms.buyer, "auction_to_award", event.by))
    return [_row(auction), *told]


@_auction.register
def _(event: AuctionCancelled, auction: Auction) -> list[Projected]:
    topic = auction.terms.auction_id
    return [_row(auction), _tell(auction, event.at, topic, "auction_cancelled", auction.terms.buyer)]


@_auction.register
def _(event: AuctionAwarded, auction: Auction) -> list[Projected]:
    buyer = auction.terms.buyer
    rows: list[Projected] = [_row(auction)]
    for agent in dict.fromkeys(winner.agent for winner in event.winners):
        paid = total(winner.payment for winner in event.winners if winner.agent == agent)
        # What a pool has bought is delivered to its members, and nobody reports on it.
        rows.append(_award_row(auction, agent, plain(paid), "pooled" if auction.terms.pool else "to_deliver"))
        rows += _watch(auction, agent)
        rows.append(_tell(auction, event.at, agent, "bid_won", buyer))
    if event.instead_of:
        return rows
    kind = "auction_awarded" if event.winners else "auction_unsold"
    rows.append(_tell(auction, event.at, auction.terms.auction_id, kind, buyer))
    return rows


_LOTS_NAMED = 10


def _won(auction: Auction, provider: str) -> str:
    """Return what a provider has won, where that is not the whole task."""
    own = winners_of(auction, provider)
    if auction.terms.lots:
        lots = list(dict.fromkeys(lot for winner in own for lot in winner.lots))
        more = f" and {len(lots) - _LOTS_NAMED} more" if len(lots) > _LOTS_NAMED else ""
        return f"{', '.join(lots[:_LOTS_NAMED])}{more}"
    return f"{own[0].quantity} units" if own and auction.terms.quantity > 1 else ""


def _award_row(auction: Auction, provider: str, payment: str, status: str) -> Summary:
    auction_id = auction.terms.auction_id
    return Summary(
        kind="award",
        id=f"{auction_id}/{provider}",
        stream=auction_stream(auction_id),
        owner=provider,
        parent=auction_id,
        status=status,
        tags=(f"buyer:{auction.terms.buyer}",),
        body=_json(
            {
                "payment": payment,
                "task": auction.terms.task,
                "buyer": auction.terms.buyer,
                "won": _won(auction, provider),
                "state": state_of(auction, provider),
            }
        ),
    )


def _watch(auction: Auction, provider: str) -> list[Projected]:
    """Return the row that says when work is overdue, so that it is found when the time has come."""
    moment = overdue_at(auction, provider)
    if moment is None:
        return []
    some_id, stream = f"{auction.terms.auction_id}/{provider}", auction_stream(auction.terms.auction_id)
    waits = state_of(auction, provider) in ("running", "delivered")
    return [Summary("watch", some_id, stream, status="open" if waits else "over", until=epoch(moment))]


def _work_row(auction: Auction, provider: str) -> Summary:
    paid = plain(total(winner.payment for winner in winners_of(auction, provider)))
    state = state_of(auction, provider)
    waits = state in ("running", "delivered", "overdue")
    return _award_row(auction, provider, paid, "to_deliver" if waits else state)


@_auction.register
def _(event: WorkDelivered, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        _tell(auction, event.at, event.buyer, "work_delivered", event.provider),
    ]


@_auction.register
def _(event: WorkOverdue, auction: Auction) -> list[Projected]:
    rows: list[Projected] = [_tell(auction, event.at, event.buyer, "work_overdue", MARKET)]
    for provider in event.providers:
        rows += [_work_row(auction, provider), *_watch(auction, provider)]
        rows.append(_tell(auction, event.at, provider, "work_overdue", MARKET))
    return rows


@_auction.register
def _(event: OutcomeReported, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        *_watch(auction, event.provider),
        _tell(auction, event.at, event.provider, "outcome_reported", event.buyer),
    ]


@_auction.register
def _(event: OutcomeDisputed, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        _tell(auction, event.at, event.buyer, "outcome_disputed", event.provider),
    ]


@_auction.register
def _(event: OutcomeSettled, auction: Auction) -> list[Projected]:
    told = [
        _tell(auction, event.at, agent, "outcome_settled", event.by)
        for agent in (event.buyer, event.provider)
    ]
    return [_work_row(auction, event.provider), *told]


# Resources


@singledispatch
def _resource(event: object, book: Resource) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    raise TypeError(f"{type(event).__name__} is not of a resource")


def _book_row(book: Resource) -> Summary:
    stream = resource_stream(book.name)
    body = {"name": book.name, "unit": book.unit, "whole": book.whole}
    due = next_clearing(book)
    until = None if due is None else epoch(due)
    return Summary("resource", stream.partition("/")[2], stream, status="open", until=until, body=_json(body))


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
        body=_json(body),
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


def _tell_book(book: Resource, at: datetime, topic: str, kind: str, by: str) -> Notice:
    stream = resource_stream(book.name)
    body = _json({"at": shown(at), "resource": book.name})
    return Notice(topic, kind, stream.partition("/")[2], by, body)


@_resource.register
def _(event: ResourceDeclared, book: Resource) -> list[Projected]:
    return [
        _book_row(book),
        _tell_book(book, event.at, resource_stream(book.name), "resource_declared", MARKET),
    ]


@_resource.register(DemandPosted)
@_resource.register(OfferPosted)
def _(event: DemandPosted | OfferPosted, book: Resource) -> list[Projected]:
    demand = isinstance(event, DemandPosted)
    entry_id = event.demand_id if isinstance(event, DemandPosted) else event.offer_id
    entry = (book.demand if demand else book.offers)[entry_id]
    kind = "demand_posted" if demand else "offer_posted"
    replaced = [_ended_row(book, event.replaced)] if event.replaced else []
    return [
        _book_row(book),
        *replaced,
        _entry_row(book, entry),
        _tell_book(book, event.at, resource_stream(book.name), kind, event.agent),
    ]


@_resource.register
def _(event: BundlePosted, book: Resource) -> list[Projected]:
    here = _is_told_here(book, event.bundle_id)
    return [
        _book_row(book),
        _bundle_row(book, book.bundles[event.bundle_id]) if here else _part_row(book, event.bundle_id),
        _tell_book(book, event.at, resource_stream(book.name), "bundle_posted", event.agent),
    ]


@_resource.register
def _(event: EntryWithdrawn, book: Resource) -> list[Projected]:
    if event.entry_id.startswith("bun_") and not _is_told_here(book, event.entry_id):
        ended = book.ended[event.entry_id]
        told = _tell_book(book, event.at, resource_stream(book.name), "entry_withdrawn", ended.agent)
        return [_part_row(book, event.entry_id), told]
    row = _ended_row(book, event.entry_id)
    return [row, _tell_book(book, event.at, resource_stream(book.name), "entry_withdrawn", row.owner)]


@_resource.register
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
        *(_tell_book(book, event.at, row.owner, f"{row.kind}_lapsed", MARKET) for row in rows),
    ]


@_resource.register
def _(event: ClearingDue, book: Resource) -> list[Projected]:  # noqa: ARG001 - what it cleared is told by itself
    return []


@_resource.register
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


@_resource.register
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
    part = zip(fills.entry_ids, fills.reasons, strict=True)
    rows: list[Projected] = [
        Rewritten(kind, one, _entry_body(book, side[one])) for one, reason in part if reason
    ]
    ended = [one for one, reason in zip(fills.entry_ids, fills.reasons, strict=True) if not reason]
    rows += [Ended(kind, "filled", tuple(ended))] if ended else []
    ref = resource_stream(book.name).partition("/")[2]
    begin = f'{_json({"at": shown(at), "resource": book.name})[:-1]},"entry":"'
    middle = f'","unit_price":"{plain(price)}","payment":"'
    columns = zip(
        fills.entry_ids,
        fills.agents,
        map(plain_micros, fills.quantities),
        map(plain_micros, fills.payments),
        fills.reasons,
        ["null" if saving is None else f'"{plain_micros(saving)}"' for saving in fills.savings],
        strict=True,
    )
    rows += [
        Notice(  # ids and reasons have nothing that JSON escapes
            agent,
            news,
            ref,
            MARKET,
            f'{begin}{entry_id}","quantity":"{quantity}{middle}{payment}","reason":"{reason}","saving":{saving}}}',
        )
        for entry_id, agent, quantity, payment, reason, saving in columns
    ]
    return rows


@_resource.register
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
    return Notice(given.agent, "bundle_allocated", resource_of(given.bundle_id), MARKET, _json(told))


@_resource.register
def _(event: PoolOpened, book: Resource) -> list[Projected]:
    told = [
        _pool_notice(book, event, entry.agent, "demand_pooled")
        for entry in book.demand.values()
        if entry.pool == event.pool_id
    ]
    return [*told, _pool_notice(book, event, resource_stream(book.name), "pool_opened")]


@_resource.register
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

    def told(kind: str, fill: Fill) -> Projected:
        return _pool_notice(book, event, fill.agent, kind, f"{whom.get(fill.entry_id, _MANY)}{spare}")

    return [
        *(told("pool_supply", fill) for fill in event.suppliers),
        *(told("pool_bought", fill) for fill in event.allocations),
    ]


_MANY = "many; get_auction lists who sells"


@_resource.register
def _(event: PoolLapsed, book: Resource) -> list[Projected]:
    owners = dict.fromkeys(book.demand[entry_id].agent for entry_id in event.members)
    members = [_pool_notice(book, event, agent, "pool_lapsed", event.why) for agent in owners]
    return [*members, _pool_notice(book, event, event.auction_id, "pool_unsold", event.why)]


def _pool_notice(
    book: Resource, event: PoolOpened | PoolCleared | PoolLapsed, topic: str, kind: str, why: str = ""
) -> Notice:
    by = event.by if isinstance(event, PoolOpened) else MARKET
    told = {"at": shown(event.at), "resource": book.name, "why": why}
    return Notice(topic, kind, event.auction_id, by, _json(told))


def _left_out(
    book: Resource, event: ResourceCleared | ClearingContinued | BundlesCleared | PoolCleared, left: LeftOut
) -> Notice:
    told = {"at": shown(event.at), "resource": book.name, "entry": left.entry_id, "reason": left.reason}
    return Notice(left.agent, "left_out", resource_stream(book.name).partition("/")[2], MARKET, _json(told))


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
        "entry": fill.entry_id,
        "quantity": plain(fill.quantity),
        "unit_price": None if price is None else plain(price),
        "payment": plain(fill.payment),
        "reason": fill.reason,
        "saving": None if fill.saving is None else plain(fill.saving),
    }
    if whom:
        told["whom"] = whom
    kind = "offer_sold" if supplier else "demand_allocated"
    ref = resource_stream(book.name).partition("/")[2]
    return Notice(fill.agent, kind, ref, MARKET, _json(told))


# Agents


@singledispatch
def _agent(event: object, agent: Agent) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    raise TypeError(f"{type(event).__name__} is not of an agent")


@_agent.register
def _(event: AgentRegistered, agent: Agent) -> list[Projected]:
    return [_card_row(event.agent, agent)]


@_agent.register
def _(event: Granted, agent: Agent) -> list[Projected]:
    told = {"at": shown(event.at), "priority": agent.priority, "weight": plain(agent.weight)}
    return [Notice(event.owner, "granted", event.owner, MARKET, _json(told))]


@_agent.register
def _(event: Vouched, agent: Agent) -> list[Projected]:
    kind = "vouched" if agent.vouched else "no_longer_vouched"
    return [Notice(event.owner, kind, event.owner, MARKET, _json({"at": shown(event.at)}))]


@_agent.register(WorkWon)
@_agent.register(WorkDelivered)
@_agent.register(OutcomeReported)
@_agent.register(OutcomeDisputed)
@_agent.register(OutcomeSettled)
def _(_event: object, agent: Agent) -> list[Projected]:  # the auction's own events tell of it
    return [_card_row(agent.name, agent)] if agent.registered else []


def _card_row(agent_id: str, agent: Agent) -> Summary:
    card = agent.registered
    assert card is not None  # only registered agents are listed
    body = {
        "description": card.description,
        "capabilities": card.capabilities,
        "outcomes": agent.record.overall.successes + agent.record.overall.failures,
        "running": len(agent.running),
    }
    return Summary(
        kind="agent",
        id=agent_id,
        stream=f"agent/{agent_id}",
        owner=agent_id,
        tags=tuple(f"cap:{name}" for name in card.capabilities),
        body=_json(body),
    )


def _silent(_event: object, _known: Capability) -> list[Projected]:
    """What a capability has learned is read where it is used, and told to nobody."""
    return []


_MADE_OF: Mapping[type[State], Mapping[Any, Callable[..., list[Projected]]]] = {
    Auction: _auction.registry,  # asked at once: a dispatch takes its time, and events have no subclasses
    Resource: _resource.registry,
    Agent: _agent.registry,
    Capability: {OwnerObserved: _silent, PriorLearned: _silent, StandingChanged: _silent},
}
