"""One reverse auction, from creation to award: its state, and how events change it.

What an agent may do to it is in `auction_rules`, who wins in `awards`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from market_core.events import (
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    Basis,
    BidSubmitted,
    BidWithdrawn,
    DeadlineExtended,
    Event,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    Winner,
    WorkDelivered,
    WorkOverdue,
)
from market_core.expecting import rescored
from market_core.facts import Facts
from market_core.lifecycle import AuctionStatus
from market_core.rejections import Code, Rejection
from market_core.values import owner_of

MOST_BIDS = 200_000
"""Standing bids an auction takes."""
MOST_BIDS_FOR_SETS = 10_000
"""The same where sets of bids are searched: units and lots."""
MOST_OWN_BIDS = 50
"""Standing bids of one bidder in an auction with lots."""
MOST_EXTENSIONS = 20
"""Times that the deadline of an open auction moves."""


@dataclass(slots=True)
class Auction:
    """An auction; `created` is None until it exists.

    `bids` holds the standing bids by `slot`: a bidder has one, or with lots one for each set of them. `slot_of`
    tells the slot of every bid there ever was. `further` are the awards after the first, for what failed.

    By provider: `outcomes` as they stand, `reported_at` when each was first reported, `deliveries`, `disputes` that
    are open, `settled` those that ended and whether the outcome counts; `overdue` winners were told so.
    `basis`: what the award rests on besides the bids, or is to rest on where it is being decided.
    """

    created: AuctionCreated | None = None
    status: AuctionStatus = "open"
    closed_at: datetime | None = None
    after_closing: bool = False
    bids: dict[str, BidSubmitted] = field(default_factory=dict)
    slot_of: dict[str, str] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    award: AuctionAwarded | None = None
    basis: Basis | None = None
    further: list[AuctionAwarded] = field(default_factory=list)
    outcomes: dict[str, OutcomeReported] = field(default_factory=dict)
    reported_at: dict[str, datetime] = field(default_factory=dict)
    deliveries: dict[str, WorkDelivered] = field(default_factory=dict)
    disputes: dict[str, OutcomeDisputed] = field(default_factory=dict)
    settled: dict[str, OutcomeSettled] = field(default_factory=dict)
    overdue: set[str] = field(default_factory=set)
    bidder_for: dict[str, str] = field(default_factory=dict)  # the last agent that bid for each owner
    extended_to: datetime | None = None
    extensions: int = 0
    asks_of_card: bool = False  # as its terms say
    entered: bool = False  # a standing bid was made in it
    final: tuple[BidSubmitted, ...] | None = field(default=None, compare=False, repr=False)
    """What `awards.final_ranking` remembers."""
    prepared: tuple[Facts, Basis | None, list[Event]] | None = field(default=None, compare=False, repr=False)
    """The award that `handle` has decided on these facts already, to learn whom it is about."""
    rested: tuple[tuple[object, ...], Basis] | None = field(default=None, compare=False, repr=False)
    """What `resting` remembers: what a basis was made of, and the basis."""

    @property
    def terms(self) -> AuctionCreated:
        """What the auction was created with. Raises the Rejection `unknown_auction` if it never was."""
        if self.created is None:
            raise Rejection(Code.UNKNOWN_AUCTION)
        return self.created

    @property
    def rests_on_records(self) -> bool:
        """Whether its award looks at more than its bids: at track records, or at the capacity behind standing bids."""
        return self.entered or (self.created is not None and self.created.scoring.use_track_record)

    @property
    def awards(self) -> tuple[AuctionAwarded, ...]:
        """All awards, the first and those for what failed."""
        return () if self.award is None else (self.award, *self.further)

    @property
    def winners(self) -> tuple[Winner, ...]:
        """The winners of all awards."""
        if not self.further:  # as nearly always, and asked for with every bid
            return self.award.winners if self.award else ()
        return tuple(winner for award in self.awards for winner in award.winners)

    @property
    def closes_at(self) -> datetime | None:
        """The deadline as it stands, None without one."""
        return self.extended_to or self.terms.closes_at


def slot(bidder: str, lots: Sequence[str] = ()) -> str:
    """Return the place of a bid: a new one in the same place replaces it."""
    return "\n".join((bidder, *sorted(lots))) if lots else bidder


def bidder_of(auction: Auction, bid_id: str) -> str | None:
    """Return whose bid it is or was, None for no bid of this auction."""
    place = auction.slot_of.get(bid_id)
    return None if place is None else place.partition("\n")[0]


def bids_of(auction: Auction, bidder: str) -> tuple[BidSubmitted, ...]:
    """Return the standing bids of a bidder, oldest place first."""
    if auction.created is not None and not auction.terms.lots:
        own = auction.bids.get(bidder)
        return () if own is None else (own,)
    return tuple(bid for bid in auction.bids.values() if bid.bidder == bidder)


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
    """Return the standing bids that bind at `now`: those whose validity is not over.

    Where the decision rests on more than the bids (`basis`), they have the scores that follow from it.
    """
    bids = [bid for bid in auction.bids.values() if bid.valid_until is None or bid.valid_until > now]
    if auction.basis is None:
        return bids
    busy = auction.basis.at_capacity
    counted = [bid for bid in bids if not (bid.standing and bid.bidder in busy)]
    return rescored(counted, auction.terms, auction.basis)


def invited_bids(auction: Auction, now: datetime) -> int:
    """Return how many of the invited agents have a bid that binds at `now`."""
    bidders = {bid.bidder for bid in binding(auction, now)}
    return sum(agent in bidders for agent in auction.terms.invite)


def evolve(auction: Auction, event: Event) -> Auction:
    """Return the auction after `event`; it may be the same object, changed."""
    auction.prepared = None
    _EVOLVE[type(event)](auction, event)
    return auction


def _created(auction: Auction, event: AuctionCreated) -> None:
    auction.created, auction.asks_of_card = event, event.asks_of_card


def _bid(auction: Auction, event: BidSubmitted) -> None:
    place = slot(event.bidder, event.lots)
    if event.replaced and auction.slot_of[event.replaced] != place:
        del auction.bids[auction.slot_of[event.replaced]]
    auction.bids[place] = event
    auction.slot_of[event.bid_id] = place
    auction.bidder_for[owner_of(event.bidder)] = event.bidder
    if event.standing:
        auction.entered = True


def _bid_withdrawn(auction: Auction, event: BidWithdrawn) -> None:
    del auction.bids[auction.slot_of[event.bid_id]]
    auction.withdrawn.add(event.bid_id)


def _closed(auction: Auction, event: AuctionClosed) -> None:
    auction.status, auction.closed_at = "closed", event.at


def _cancelled(auction: Auction, event: AuctionCancelled) -> None:
    auction.status, auction.after_closing = "cancelled", event.after_closing


def _extended(auction: Auction, event: DeadlineExtended) -> None:
    auction.extended_to = event.closes_at
    auction.extensions += 1


def _awarded(auction: Auction, event: AuctionAwarded) -> None:
    if event.instead_of:
        auction.further.append(event)
        return
    auction.status, auction.award = ("awarded" if event.winners else "unsold"), event
    auction.basis = event.basis


def _delivered(auction: Auction, event: WorkDelivered) -> None:
    auction.deliveries[event.provider] = event


def _overdue(auction: Auction, event: WorkOverdue) -> None:
    auction.overdue.update(event.providers)


def _outcome(auction: Auction, event: OutcomeReported) -> None:
    auction.outcomes[event.provider] = event
    auction.reported_at.setdefault(event.provider, event.at)


def _disputed(auction: Auction, event: OutcomeDisputed) -> None:
    auction.disputes[event.provider] = event


def _settled(auction: Auction, event: OutcomeSettled) -> None:
    auction.settled[event.provider] = event
    auction.disputes.pop(event.provider)
    auction.outcomes[event.provider] = replace(
        auction.outcomes[event.provider],
        success=event.success,
        actual_time=event.actual_time,
        quality=event.quality,
        adjustment=event.adjustment,
    )


_EVOLVE: Mapping[type, Callable[..., None]] = {
    AuctionCreated: _created,
    BidSubmitted: _bid,
    BidWithdrawn: _bid_withdrawn,
    DeadlineExtended: _extended,
    AuctionClosed: _closed,
    AuctionCancelled: _cancelled,
    AuctionAwarded: _awarded,
    WorkDelivered: _delivered,
    WorkOverdue: _overdue,
    OutcomeReported: _outcome,
    OutcomeDisputed: _disputed,
    OutcomeSettled: _settled,
}
