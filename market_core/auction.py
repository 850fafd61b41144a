"""One reverse auction, from creation to award: state, decide, evolve."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import singledispatch

from market_core.agent import Agent
from market_core.canonical import canonical, digest
from market_core.commands import (
    AwardAuction,
    CloseAuction,
    Command,
    CreateAuction,
    Lapse,
    PaymentRule,
    ReportOutcome,
    SubmitBid,
    Withdraw,
)
from market_core.eligibility import bid_score, eligible_attributes
from market_core.events import (
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    BidWithdrawn,
    Event,
    OutcomeReported,
    Winner,
)
from market_core.facts import Facts
from market_core.lifecycle import AuctionMove, AuctionStatus, check_move
from market_core.mechanisms import scoring, single
from market_core.rejections import Code, Rejection
from market_core.values import MARKET, bid_id_in, from_micros, micros, owner_of, shown

MOST_BIDS = 200_000
"""Standing bids an auction takes."""


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
    final: Ranked | None = field(default=None, compare=False, repr=False)  # what `final_ranking` remembers

    @property
    def terms(self) -> AuctionCreated:
        """What the auction was created with. Raises the Rejection `unknown_auction` if it never was."""
        if self.created is None:
            raise Rejection(Code.UNKNOWN_AUCTION)
        return self.created


def status_at(auction: Auction, now: datetime) -> AuctionStatus:
    """Return the status at `now`: a deadline closes by itself, recorded or not."""
    if auction.status == "open" and deadline_passed(auction, now):
        return "closed"
    return auction.status


def deadline_passed(auction: Auction, now: datetime) -> bool:
    """Return whether the promised time for bidding is over at `now`."""
    closes_at = auction.terms.closes_at
    return closes_at is not None and now >= closes_at


def binding(auction: Auction, now: datetime) -> list[BidSubmitted]:
    """Return the standing bids that bind at `now`: those whose validity is not over."""
    return [bid for bid in auction.bids.values() if bid.valid_until is None or bid.valid_until > now]


def invited_bids(auction: Auction, now: datetime) -> int:
    """Return how many of the invited agents have a bid that binds at `now`."""
    bidders = {bid.bidder for bid in binding(auction, now)}
    return sum(agent in bidders for agent in auction.terms.invite)


# Who wins


def rank(auction: Auction, now: datetime, payment_rule: PaymentRule | None = None) -> Ranked:
    """Return the ranking of the bids that bind at `now`, and the payment under `payment_rule`.

    The default is the auction's own rule. Bids whose validity is over do not count.
    """
    terms = auction.terms
    bids = binding(auction, now)
    scores = [micros(bid.score) for bid in bids]
    costs = [micros(bid.cost) for bid in bids]
    order = single.ranking(scores, lambda position: _tie_key(terms, bids[position]))
    limit = None if terms.max_price is None else micros(terms.max_price)
    owners = [owner_of(bid.bidder) for bid in bids]
    decision = single.decide(costs, scores, order, payment_rule or terms.payment_rule, limit, owners)
    if decision is None:
        return Ranked((), None, None)
    runner_up = None if decision.runner_up is None else bids[decision.runner_up]
    return Ranked(tuple(bids[i] for i in order), runner_up, from_micros(decision.payment))


def final_ranking(auction: Auction) -> Ranked:
    """Return the ranking behind the award of an awarded auction; it never changes, so it is made once."""
    assert auction.award is not None  # asked only of awarded auctions
    if auction.final is None:
        auction.final = rank(auction, auction.award.at)
    return auction.final


def _tie_key(terms: AuctionCreated, bid: BidSubmitted) -> str:
    content = {
        "cost": bid.cost,
        "estimated_time": bid.estimated_time,
        "quality": bid.quality,
        "attributes": bid.attributes,
    }
    return scoring.tie_key(terms.nonce, terms.auction_id, bid.bidder, content)


# Decide


@singledispatch
def decide(command: object, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    """Return the events that `command` makes in `auction`, or raise the Rejection that applies first.

    `provider` is the bidding agent (for a bid); other commands do not look at it.
    """
    raise TypeError(f"{type(command).__name__} is not for an auction")


@decide.register
def _(command: CreateAuction, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    if any(owner_of(agent) == owner_of(command.agent) for agent in command.invite):
        raise Rejection(Code.OWN_AUCTION)
    closes_at = deadline(command.closes_at, command.closes_in, facts, "closes_at", "closes_in")
    auction_id = f"auc_{facts.token}"
    return [
        AuctionCreated(
            facts.now,
            auction_id,
            command.agent,
            command.task,
            command.description,
            command.requirements,
            command.max_price,
            command.payment_rule,
            command.scoring,
            closes_at,
            tuple(dict.fromkeys(command.invite)),
            facts.nonce,
            scoring.commitment(auction_id, facts.nonce),
        )
    ]


def deadline(
    moment: datetime | None, span: Decimal | None, facts: Facts, moment_field: str, span_field: str
) -> datetime | None:
    """Return the moment that was asked for, as a moment or as seconds from now; None if neither was.

    Raises the Rejection `no_clock` where nobody tells the time, `deadline_passed` for a moment not ahead.
    """
    if moment is None and span is None:
        return None
    if not facts.clock:
        raise Rejection(Code.NO_CLOCK, field=moment_field if span is None else span_field)
    if span is not None:
        return facts.now + timedelta(microseconds=micros(span))
    assert moment is not None
    if moment <= facts.now:
        raise Rejection(Code.DEADLINE_PASSED, field=moment_field, now=shown(facts.now))
    return moment


@decide.register
def _(command: SubmitBid, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    terms = auction.terms
    _check_replaces_own(command, auction)
    standing = auction.bids.get(command.agent)
    if owner_of(command.agent) == owner_of(terms.buyer):
        raise Rejection(Code.OWN_AUCTION)
    if terms.invite and command.agent not in terms.invite:
        raise Rejection(Code.NOT_INVITED)
    _check_takes_bids(auction, "bid", facts.now)
    if command.replaces:
        _check_stands(command.replaces, auction, standing)
    _check_in_time(auction, facts.now)
    valid_until = deadline(None, command.valid_for, facts, "", "valid_for")
    attributes = eligible_attributes(command, terms, provider)
    score = bid_score(command, terms, attributes)
    if standing is None and len(auction.bids) >= MOST_BIDS:
        raise Rejection(Code.TOO_MANY_BIDS, limit=MOST_BIDS)
    return [
        BidSubmitted(
            facts.now,
            bid_id_in(terms.auction_id, facts.token),
            command.agent,
            command.cost,
            command.estimated_time,
            command.quality,
            attributes,
            command.note,
            valid_until,
            score,
            standing.bid_id if standing else "",
        )
    ]


def _check_replaces_own(command: SubmitBid, auction: Auction) -> None:
    """Whose bid it is comes before everything else: of a rival's sealed bid not even the state is told."""
    if command.replaces:
        _check_own(command.replaces, auction, command.agent)


def _check_own(bid_id: str, auction: Auction, agent: str) -> None:
    """Another's bid is an unknown one, except the winner's, which everybody can see."""
    if auction.bidder_of.get(bid_id) != agent:
        winners = auction.award.winners if auction.award else ()
        public = any(winner.bid_id == bid_id for winner in winners)
        raise Rejection(Code.NOT_YOUR_BID if public else Code.UNKNOWN_ID)


def _check_stands(bid_id: str, auction: Auction, standing: BidSubmitted | None) -> None:
    if bid_id in auction.withdrawn:
        raise Rejection(Code.BID_WITHDRAWN)
    if standing is None or standing.bid_id != bid_id:
        raise Rejection(Code.BID_REPLACED)


def _check_takes_bids(auction: Auction, move: AuctionMove, now: datetime) -> None:
    """Closed by its deadline it is left to `_check_in_time`, whether the closing was already recorded or not."""
    closes_at, closed_at = auction.terms.closes_at, auction.closed_at
    early = closed_at is not None and closes_at is not None and closed_at < closes_at
    if auction.status != "closed" or early or not deadline_passed(auction, now):
        check_move(auction.status, move)


def _check_in_time(auction: Auction, now: datetime) -> None:
    closes_at = auction.terms.closes_at
    if closes_at is not None and now >= closes_at:
        raise Rejection(Code.BIDDING_ENDED, closes_at=shown(closes_at))


@decide.register
def _(command: Withdraw, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    if command.id.startswith("auc_"):
        return _cancel(command, auction, facts)
    if auction.created is None:
        raise Rejection(Code.UNKNOWN_ID)
    _check_own(command.id, auction, command.agent)
    bidder = command.agent
    _check_takes_bids(auction, "withdraw_bid", facts.now)
    _check_stands(command.id, auction, auction.bids.get(bidder))
    _check_in_time(auction, facts.now)
    return [BidWithdrawn(facts.now, command.id, bidder)]


def _cancel(command: Withdraw, auction: Auction, facts: Facts) -> list[Event]:
    _check_buyer(command, auction)
    status = status_at(auction, facts.now)
    check_move(status, "cancel")
    return [AuctionCancelled(facts.now, status == "closed")]


def _check_buyer(command: Command, auction: Auction) -> None:
    if command.agent != auction.terms.buyer:
        raise Rejection(Code.NOT_THE_BUYER)


def _check_promise_kept(auction: Auction, facts: Facts) -> None:
    """With a deadline bidding ends there, not before, unless every invited agent has bid."""
    terms = auction.terms
    if terms.closes_at is None or deadline_passed(auction, facts.now):
        return
    have_bid = invited_bids(auction, facts.now)
    if terms.invite and have_bid == len(terms.invite):
        return
    seconds = -(-(terms.closes_at - facts.now) // timedelta(seconds=1))
    raise Rejection(
        Code.BEFORE_DEADLINE,
        closes_at=shown(terms.closes_at),
        seconds=seconds,
        unless=f"; sooner only once all invited have bid ({have_bid} of {len(terms.invite)} have)"
        if terms.invite
        else "",
    )


@decide.register
def _(command: CloseAuction, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    _check_buyer(command, auction)
    check_move(status_at(auction, facts.now), "close")
    _check_promise_kept(auction, facts)
    return [AuctionClosed(facts.now, command.agent)]


@decide.register
def _(command: AwardAuction, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    _check_buyer(command, auction)
    status = status_at(auction, facts.now)
    check_move(status, "award")
    closing: list[Event] = []
    if status == "open":
        _check_promise_kept(auction, facts)
        closing = [AuctionClosed(facts.now, command.agent)]
    elif auction.status == "open":
        closing = [AuctionClosed(facts.now, MARKET)]
    return [*closing, awarded(auction, facts.now)]


def awarded(auction: Auction, now: datetime) -> AuctionAwarded:
    """Return the decision on the bids that bind at `now`."""
    ranked = rank(auction, now)
    winners: tuple[Winner, ...] = ()
    best = ranked.winner
    if best is not None:
        assert ranked.payment is not None  # somebody wins, so something is paid
        winners = (Winner(best.bidder, best.bid_id, best.cost, ranked.payment, best.score),)
    return AuctionAwarded(
        now,
        winners,
        ranked.runner_up.score if ranked.runner_up else None,
        len(ranked.bids),
        digest(canonical([[bid.bid_id, bid.score] for bid in ranked.bids])),
        single.MECHANISM,
    )


@decide.register
def _(command: ReportOutcome, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    _check_buyer(command, auction)
    check_move(status_at(auction, facts.now), "report")
    if auction.outcome is not None:
        raise Rejection(Code.OUTCOME_REPORTED)
    assert auction.award is not None  # the status says awarded
    winner = auction.award.winners[0]
    bid = auction.bids[winner.agent]
    return [
        OutcomeReported(
            facts.now,
            auction.terms.auction_id,
            command.agent,
            winner.agent,
            command.success,
            command.actual_time,
            command.quality,
            command.note,
            command.reference,
            winner.payment,
            bid.estimated_time,
            bid.quality,
            auction.terms.requirements.capabilities,
        )
    ]


@decide.register
def _(command: Lapse, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    """Record a deadline that passed; without one there is nothing to record."""
    if auction.created is not None and auction.status == "open" and deadline_passed(auction, facts.now):
        return [AuctionClosed(facts.now, MARKET)]
    return []


# Evolve


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


def _awarded(auction: Auction, event: AuctionAwarded) -> None:
    auction.status, auction.award = ("awarded" if event.winners else "unsold"), event


def _outcome(auction: Auction, event: OutcomeReported) -> None:
    auction.outcome = event


_EVOLVE: Mapping[type, Callable[..., None]] = {
    AuctionCreated: _created,
    BidSubmitted: _bid,
    BidWithdrawn: _bid_withdrawn,
    AuctionClosed: _closed,
    AuctionCancelled: _cancelled,
    AuctionAwarded: _awarded,
    OutcomeReported: _outcome,
}
