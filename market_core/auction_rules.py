"""What may be done to an auction, by whom and when: each command, and the refusal that applies first."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import singledispatch

from market_core.agent import Agent
from market_core.auction import (
    MOST_BIDS,
    MOST_BIDS_FOR_SETS,
    MOST_EXTENSIONS,
    MOST_OWN_BIDS,
    Auction,
    bidder_of,
    bids_of,
    deadline_passed,
    invited_bids,
    slot,
    status_at,
)
from market_core.awards import awarded, leader, leads, offer, offered_from, taken_by
from market_core.commands import (
    AwardAuction,
    CloseAuction,
    Command,
    CreateAuction,
    Lapse,
    SubmitBid,
    Withdraw,
)
from market_core.eligibility import bid_score, eligible_attributes, sold
from market_core.events import (
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    BidWithdrawn,
    DeadlineExtended,
    Event,
    Winner,
)
from market_core.facts import Facts
from market_core.lifecycle import AuctionMove, check_move
from market_core.mechanisms import scoring
from market_core.rejections import Code, Rejection
from market_core.values import MARKET, bid_id_in, from_micros, micros, owner_of, plain, shown


@singledispatch
def decide(command: object, auction: Auction, facts: Facts) -> list[Event]:
    """Return the events that `command` makes in `auction`, or raise the Rejection that applies first.

    A bid also rests on the bidder's card: see `bid`.
    """
    raise TypeError(f"{type(command).__name__} is not for an auction")


@decide.register
def _(command: CreateAuction, auction: Auction, facts: Facts) -> list[Event]:
    if any(owner_of(agent) == owner_of(command.agent) for agent in command.invite):
        raise Rejection(Code.OWN_AUCTION)
    closes_at = deadline(command.closes_at, command.closes_in, facts, "closes_at", "closes_in")
    if command.schedule is not None and not facts.clock:
        raise Rejection(Code.NO_CLOCK, field="schedule")
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
            command.format,
            command.extension,
            command.schedule,
            command.reveal,
            command.quantity,
            command.lots,
            command.bids_combine,
            command.constraints,
            command.if_unproved,
            command.priority,
            min_reliability=command.min_reliability,
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


def bid(command: SubmitBid, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    """Return the events that a bid of `provider` makes, or raise the Rejection that applies first."""
    terms = auction.terms
    _check_replaces_own(command, auction)
    if owner_of(command.agent) == owner_of(terms.buyer):
        raise Rejection(Code.OWN_AUCTION)
    if owner_of(command.agent) in terms.excluded:
        raise Rejection(Code.POOL_MEMBER)
    if terms.invite and command.agent not in terms.invite:
        raise Rejection(Code.NOT_INVITED)
    if auction.award is not None and auction.award.winners and terms.schedule is not None:
        taken = auction.award.winners[0]
        if taken.agent == command.agent:
            raise Rejection(Code.ALREADY_YOURS, payment=plain(taken.payment))
        raise Rejection(Code.ALREADY_TAKEN)
    _check_one_agent_of_an_owner(command, auction)
    _check_takes_bids(auction, "bid", facts.now)
    if command.replaces:
        _check_stands(command.replaces, auction)
        if (
            auction.slot_of[command.replaces] != (place := slot(command.agent, command.lots))
            and place in auction.bids
        ):
            raise Rejection(Code.TWO_BIDS_FOR_ONE)
    _check_in_time(auction, facts.now)
    if terms.schedule is not None:
        return _take(command, auction, facts, provider)
    if command.take:
        raise Rejection(Code.NOTHING_TO_TAKE)
    if terms.format == "open" and command.valid_for is not None:
        raise Rejection(Code.MUST_BIND)
    made = _bid(command, auction, facts, provider)
    return _openly(auction, made, facts.now) if terms.format == "open" else [made]


def _bid(command: SubmitBid, auction: Auction, facts: Facts, provider: Agent) -> BidSubmitted:
    """Return the bid that `command`, which has a cost, makes."""
    terms = auction.terms
    assert command.cost is not None  # SubmitBid has checked that it asks or takes
    standing = auction.bids.get(slot(command.agent, command.lots))
    valid_until = deadline(None, command.valid_for, facts, "", "valid_for")
    units = sold(command, terms)
    attributes = eligible_attributes(command, terms, provider, facts.now)
    score = bid_score(command, terms, attributes)
    if terms.format == "open" and standing is not None:
        _check_improves(score, standing, terms)
    replaced = command.replaces or (standing.bid_id if standing else "")
    if not replaced:
        _check_room(command, auction)
    return BidSubmitted(
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
        replaced,
        units=units,
        lots=tuple(sorted(command.lots)),
        at_most=command.at_most,
        confidence=command.confidence,
    )


def _check_one_agent_of_an_owner(command: SubmitBid, auction: Auction) -> None:
    """Two agents of one owner would compete with themselves, and set each other's payment."""
    if auction.terms.mechanism not in ("units", "lots"):
        return
    other = auction.bidder_for.get(owner_of(command.agent), command.agent)
    if other != command.agent and bids_of(auction, other):
        raise Rejection(Code.OWNER_BIDS_ALREADY, other=other)


def _check_room(command: SubmitBid, auction: Auction) -> None:
    if len(auction.bids) < MOST_BIDS_FOR_SETS and not auction.terms.lots:
        return
    most = MOST_BIDS if auction.terms.mechanism == "single" else MOST_BIDS_FOR_SETS
    if len(auction.bids) >= most:
        raise Rejection(Code.TOO_MANY_BIDS, limit=most)
    if auction.terms.lots and len(bids_of(auction, command.agent)) >= MOST_OWN_BIDS:
        raise Rejection(Code.TOO_MANY_OWN_BIDS, limit=MOST_OWN_BIDS)


# Open auctions


def _check_improves(score: Decimal, standing: BidSubmitted, terms: AuctionCreated) -> None:
    """An open auction goes one way: else a leader could step back, which withdrawing does not allow either."""
    least = micros(terms.extension.min_decrement) if terms.extension else 1
    most = micros(standing.score) - least
    if micros(score) > most:
        raise Rejection(
            Code.BID_NOT_IMPROVED,
            standing=plain(standing.score),
            decrement=plain(from_micros(least)),
            score=plain(score),
            most=plain(from_micros(most)),
        )


def _openly(auction: Auction, bid: BidSubmitted, now: datetime) -> list[Event]:
    """Return the bid, with whom it takes the lead from, and the move of the deadline if it does so late."""
    before = leader(auction)
    if before is not None and (before.bidder == bid.bidder or not leads(auction.terms, bid, before)):
        return [bid]
    led = replace(bid, displaced=before.bidder) if before is not None else bid
    rule, closes_at = auction.terms.extension, auction.closes_at
    if rule is None or closes_at is None or auction.extensions >= MOST_EXTENSIONS:
        return [led]
    if closes_at - now > timedelta(microseconds=micros(rule.within)):
        return [led]
    return [led, DeadlineExtended(now, closes_at + timedelta(microseconds=micros(rule.by)))]


# Dutch auctions


def _take(command: SubmitBid, auction: Auction, facts: Facts, provider: Agent) -> list[Event]:
    """Return the award to the one who takes the offer as it stands now."""
    terms = auction.terms
    offered = offer(terms, facts.now)
    assert offered is not None  # it has a schedule
    if not command.take:
        raise Rejection(Code.TAKE_REQUIRED, offered=plain(offered))
    if command.valid_for is not None:
        raise Rejection(Code.FIELD_DOES_NOT_FIT, field="valid_for", why="taking the offer is the award")
    taken = command.model_copy(update={"take": False, "at_least": None, "cost": offered})
    bid = _bid(taken, auction, facts, provider)
    if command.at_least is not None and offered < command.at_least:
        raise Rejection(
            Code.OFFER_TOO_LOW, offered=plain(offered), **_rises(terms, command.at_least, facts.now)
        )
    winner = Winner(bid.bidder, bid.bid_id, bid.cost, bid.cost, bid.score)
    return [bid, AuctionClosed(facts.now, command.agent), taken_by(winner, facts)]


def _rises(terms: AuctionCreated, wanted: Decimal, now: datetime) -> dict[str, object]:
    """Return when the offer will have risen to what is wanted, as facts of a refusal."""
    reached = offered_from(terms, wanted)
    if reached is None:
        return {"rises": "; it never gets there", "seconds": 60}
    seconds = -(-(reached - now) // timedelta(seconds=1))
    return {"rises": f"; it gets there in {seconds} seconds, at {shown(reached)}", "seconds": seconds}


def _check_replaces_own(command: SubmitBid, auction: Auction) -> None:
    """Whose bid it is comes before everything else: of a rival's sealed bid not even the state is told."""
    if command.replaces:
        _check_own(command.replaces, auction, command.agent)


def _check_own(bid_id: str, auction: Auction, agent: str) -> None:
    """Another's bid is an unknown one, except the winner's, which everybody can see."""
    if bidder_of(auction, bid_id) != agent:
        winners = auction.award.winners if auction.award else ()
        public = any(winner.bid_id == bid_id for winner in winners)
        raise Rejection(Code.NOT_YOUR_BID if public else Code.UNKNOWN_ID)


def _check_stands(bid_id: str, auction: Auction) -> None:
    if bid_id in auction.withdrawn:
        raise Rejection(Code.BID_WITHDRAWN)
    standing = auction.bids.get(auction.slot_of[bid_id])
    if standing is None or standing.bid_id != bid_id:
        raise Rejection(Code.BID_REPLACED)


def _check_takes_bids(auction: Auction, move: AuctionMove, now: datetime) -> None:
    """Closed by its deadline it is left to `_check_in_time`, whether the closing was already recorded or not."""
    if auction.status == "closed" and deadline_passed(auction, now):
        closes_at, closed_at = auction.closes_at, auction.closed_at
        early = closed_at is not None and closes_at is not None and closed_at < closes_at
        if not early:
            return
    check_move(auction.status, move)


def _check_in_time(auction: Auction, now: datetime) -> None:
    closes_at = auction.closes_at
    if closes_at is not None and now >= closes_at:
        raise Rejection(Code.BIDDING_ENDED, closes_at=shown(closes_at))


@decide.register
def _(command: Withdraw, auction: Auction, facts: Facts) -> list[Event]:
    if command.id.startswith("auc_"):
        return _cancel(command, auction, facts)
    if auction.created is None:
        raise Rejection(Code.UNKNOWN_ID)
    _check_own(command.id, auction, command.agent)
    _check_takes_bids(auction, "withdraw_bid", facts.now)
    _check_stands(command.id, auction)
    _check_in_time(auction, facts.now)
    ahead = leader(auction) if auction.terms.format == "open" else None
    if ahead is not None and ahead.bid_id == command.id:
        raise Rejection(Code.LEADING_BID)
    return [BidWithdrawn(facts.now, command.id, command.agent)]


def _cancel(command: Withdraw, auction: Auction, facts: Facts) -> list[Event]:
    check_buyer(command, auction)
    status = status_at(auction, facts.now)
    check_move(status, "cancel")
    return [AuctionCancelled(facts.now, status == "closed")]


def check_buyer(command: Command, auction: Auction) -> None:
    """Raise the Rejection for whoever does not decide this auction."""
    if auction.terms.pool and auction.closes_at is not None:
        raise Rejection(Code.POOL_DECIDES, closes_at=shown(auction.closes_at))
    if command.agent != auction.terms.buyer:
        raise Rejection(Code.NOT_THE_BUYER)


def _check_promise_kept(auction: Auction, facts: Facts) -> None:
    """With a deadline bidding ends there, not before, unless every invited agent has made its one sealed bid."""
    terms, closes_at = auction.terms, auction.closes_at
    if closes_at is None or deadline_passed(auction, facts.now):
        return
    have_bid, sooner = invited_bids(auction, facts.now), bool(terms.invite) and terms.format == "sealed"
    if sooner and have_bid == len(terms.invite):
        return
    seconds = -(-(closes_at - facts.now) // timedelta(seconds=1))
    raise Rejection(
        Code.BEFORE_DEADLINE,
        closes_at=shown(closes_at),
        seconds=seconds,
        unless=f"; sooner only once all invited have bid ({have_bid} of {len(terms.invite)} have)"
        if sooner
        else "",
    )


@decide.register
def _(command: CloseAuction, auction: Auction, facts: Facts) -> list[Event]:
    check_buyer(command, auction)
    check_move(status_at(auction, facts.now), "close")
    _check_promise_kept(auction, facts)
    return [AuctionClosed(facts.now, command.agent)]


@decide.register
def _(command: AwardAuction, auction: Auction, facts: Facts) -> list[Event]:
    return [*closing(command, auction, facts), awarded(auction, facts)]


def closing(command: AwardAuction, auction: Auction, facts: Facts) -> list[Event]:
    """Return what ends the bidding before an award, if it has not ended; raise the Rejection that applies."""
    check_buyer(command, auction)
    status = status_at(auction, facts.now)
    check_move(status, "award")
    if status == "open":
        _check_promise_kept(auction, facts)
        return [AuctionClosed(facts.now, command.agent)]
    return [AuctionClosed(facts.now, MARKET)] if auction.status == "open" else []


@decide.register
def _(command: Lapse, auction: Auction, facts: Facts) -> list[Event]:
    """Record a deadline that passed; without one there is nothing to record."""
    if auction.created is not None and auction.status == "open" and deadline_passed(auction, facts.now):
        return [AuctionClosed(facts.now, MARKET)]
    return []
