"""One reverse auction, from creation to award: its state, and how events change it.

What an agent may do to it is in `auction_rules`, who wins in `awards`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from market_core.events import (
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    BidWithdrawn,
    DeadlineExtended,
    Event,
    OutcomeReported,
)
from market_core.lifecycle import AuctionStatus
from market_core.rejections import Code, Rejection

MOST_BIDS = 200_000
"""Standing bids an auction takes."""
MOST_EXTENSIONS = 20
"""Times that the deadline of an open auction moves."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The bids that count, best first, and what the rule makes of them.

    `runner_up` is the best bid of another owner than the winner's; `payment` is in credits.
    """

    bids: tuple[BidSubmitted, ...]
    runner_up: BidSubmitted | None
    payment: Decimal | None

    @property
    def winner(self) -> BidSubmitted | None:
        """The best bid, if there is any."""
        return self.bids[0] if self.bids else None


@dataclass(slots=True)
class Auction:
    """An auction; `created` is None until it exists. `bids` holds each bidder's standing bid."""

    created: AuctionCreated | None = None
    status: AuctionStatus = "open"
    closed_at: datetime | None = None
    after_closing: bool = False
    bids: dict[str, BidSubmitted] = field(default_factory=dict)
    bidder_of: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    award: AuctionAwarded | None = None
    outcome: OutcomeReported | None = None
    extended_to: datetime | None = None
    extensions: int = 0
    final: Ranked | None = field(default=None, compare=False, repr=False)  # what `final_ranking` remembers

    @property
    def terms(self) -> AuctionCreated:
        """What the auction was created with. Raises the Rejection `unknown_auction` if it never was."""
        if self.created is None:
            raise Rejection(Code.UNKNOWN_AUCTION)
        return self.created

    @property
    def closes_at(self) -> datetime | None:
        """The deadline as it stands, None without one."""
        return self.extended_to or self.terms.closes_at


def status_at(auction: Auction, now: datetime) -> AuctionStatus:
    """Return the status at `now`: a deadline closes by itself, recorded or not."""
    if auction.status == "open" and deadline_passed(auction, now):
        return "closed"
    return auction.status


def deadline_passed(auction: Auction, now: datetime) -> bool:
    """Return whether the promised time for bidding is over at `now`."""
    closes_at = auction.closes_at
    return closes_at is not None and now >= closes_at


def binding(auction: Auction, now: datetime) -> list[BidSubmitted]:
    """Return the standing bids that bind at `now`: those whose validity is not over."""
    return [bid for bid in auction.bids.values() if bid.valid_until is None or bid.valid_until > now]


def invited_bids(auction: Auction, now: datetime) -> int:
    """Return how many of the invited agents have a bid that binds at `now`."""
    bidders = {bid.bidder for bid in binding(auction, now)}
    return sum(agent in bidders for agent in auction.terms.invite)


def evolve(auction: Auction, event: Event) -> Auction:
    """Return the auction after `event`; it may be the same object, changed."""
    _EVOLVE[type(event)](auction, event)
    return auction


def _created(auction: Auction, event: AuctionCreated) -> None:
    auction.created = event


def _bid(auction: Auction, event: BidSubmitted) -> None:
    auction.bids[event.bidder] = event
    auction.bidder_of[event.bid_id] = event.bidder


def _bid_withdrawn(auction: Auction, event: BidWithdrawn) -> None:
    del auction.bids[event.bidder]
    auction.withdrawn.add(event.bid_id)


def _closed(auction: Auction, event: AuctionClosed) -> None:
    auction.status, auction.closed_at = "closed", event.at


def _cancelled(auction: Auction, event: AuctionCancelled) -> None:
    auction.status, auction.after_closing = "cancelled", event.after_closing


def _extended(auction: Auction, event: DeadlineExtended) -> None:
    auction.extended_to = event.closes_at
    auction.extensions += 1


def _awarded(auction: Auction, event: AuctionAwarded) -> None:
    auction.status, auction.award = ("awarded" if event.winners else "unsold"), event


def _outcome(auction: Auction, event: OutcomeReported) -> None:
    auction.outcome = event


_EVOLVE: Mapping[type, Callable[..., None]] = {
    AuctionCreated: _created,
    BidSubmitted: _bid,
    BidWithdrawn: _bid_withdrawn,
    DeadlineExtended: _extended,
    AuctionClosed: _closed,
    AuctionCancelled: _cancelled,
    AuctionAwarded: _awarded,
    OutcomeReported: _outcome,
}
