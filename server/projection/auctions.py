"""What lists show of an auction, its bids and its work, and who hears of them."""

from datetime import datetime
from functools import lru_cache, singledispatch

from market_core.auction import Auction, invited_bids
from market_core.events import (
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    BidWithdrawn,
    DeadlineExtended,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    WorkDelivered,
    WorkOverdue,
)
from market_core.handle import auction_stream
from market_core.outcomes import current_winners, overdue_at, state_of, winners_of
from market_core.values import MARKET, plain, shown, total
from server.ports import Notice, Summary
from server.projection.rows import Projected, epoch, json_of


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
        body=json_of(body),
    )


def _tell(auction: Auction, at: datetime, topic: str, kind: str, by: str) -> Notice:
    terms = auction.terms
    winners = tuple([winner.agent for winner in auction.winners])
    return Notice(topic, kind, terms.auction_id, by, _told(at, terms.task, winners))


@lru_cache(maxsize=64)  # what happens together is told in the same words, to many
def _told(at: datetime, task: str, winners: tuple[str, ...]) -> str:
    return json_of({"at": shown(at), "task": task, "winners": winners})


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
        body=json_of({"bid_id": bid_id, "cost": cost, "task": terms.task}),
    )


@singledispatch
def of_auction(event: object, auction: Auction) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    """Return the rows and notices of an event of an auction, after which it is `auction`."""
    raise TypeError(f"{type(event).__name__} is not of an auction")


@of_auction.register
def _(event: AuctionCreated, auction: Auction) -> list[Projected]:
    if event.invite:
        told = [_tell(auction, event.at, agent, "invited", event.buyer) for agent in event.invite]
    else:
        # One notice per capability, not per agent; an agent with several of them hears it once (`inbox`).
        topics = [f"cap:{name}" for name in event.requirements.capabilities]
        told = [_tell(auction, event.at, topic, "auction_created", event.buyer) for topic in topics]
    return [_row(auction), *told]


@of_auction.register
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


@of_auction.register
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


@of_auction.register
def _(event: BidWithdrawn, auction: Auction) -> list[Projected]:
    return [
        _bid_row(auction, event.bidder, event.bid_id, "0", "withdrawn"),
        _tell(auction, event.at, auction.terms.buyer, "bid_withdrawn", event.bidder),
    ]


@of_auction.register
def _(event: AuctionClosed, auction: Auction) -> list[Projected]:
    told = [_tell(auction, event.at, auction.terms.auction_id, "auction_closed", event.by)]
    if event.by == MARKET:
        told.append(_tell(auction, event.at, auction.terms.buyer, "auction_to_award", event.by))
    return [_row(auction), *told]


@of_auction.register
def _(event: AuctionCancelled, auction: Auction) -> list[Projected]:
    topic = auction.terms.auction_id
    return [_row(auction), _tell(auction, event.at, topic, "auction_cancelled", auction.terms.buyer)]


@of_auction.register
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
        body=json_of(
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


@of_auction.register
def _(event: WorkDelivered, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        _tell(auction, event.at, event.buyer, "work_delivered", event.provider),
    ]


@of_auction.register
def _(event: WorkOverdue, auction: Auction) -> list[Projected]:
    rows: list[Projected] = [_tell(auction, event.at, event.buyer, "work_overdue", MARKET)]
    for provider in event.providers:
        rows += [_work_row(auction, provider), *_watch(auction, provider)]
        rows.append(_tell(auction, event.at, provider, "work_overdue", MARKET))
    return rows


@of_auction.register
def _(event: OutcomeReported, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        *_watch(auction, event.provider),
        _tell(auction, event.at, event.provider, "outcome_reported", event.buyer),
    ]


@of_auction.register
def _(event: OutcomeDisputed, auction: Auction) -> list[Projected]:
    return [
        _work_row(auction, event.provider),
        _tell(auction, event.at, event.buyer, "outcome_disputed", event.provider),
    ]


@of_auction.register
def _(event: OutcomeSettled, auction: Auction) -> list[Projected]:
    told = [
        _tell(auction, event.at, agent, "outcome_settled", event.by)
        for agent in (event.buyer, event.provider)
    ]
    return [_work_row(auction, event.provider), *told]
