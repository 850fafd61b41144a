"""What one agent may see of an auction."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from market_core import awards
from market_core.auction import Auction, bids_of, status_at
from market_core.awards import final_ranking, offer, place
from market_core.events import (
    AuctionCreated,
    Basis,
    BidSubmitted,
    OutcomeReported,
    Winner,
    WorkDelivered,
)
from market_core.lifecycle import AuctionStatus
from market_core.outcomes import State, overdue_at, state_of
from market_core.values import owner_of

TOP = 20
"""Rows of a ranking that an answer shows."""


@dataclass(frozen=True, slots=True)
class WinnerSeen:
    """A winner, as a viewer may see it: what it asked is None where the rule pays something else."""

    agent: str
    bid_id: str
    payment: Decimal
    cost: Decimal | None
    quantity: int
    lots: tuple[str, ...]
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """How far the work of a winner is, what it said itself, and whether another has won its work since.

    `change_until`, `dispute_until`: while the report on it may still be changed, and disputed.
    """

    provider: str
    state: State
    delivered: WorkDelivered | None
    dispute: str | None
    overdue_at: datetime | None
    replaced: bool
    change_until: datetime | None = None
    dispute_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnBidSeen:
    """The viewer's own bid. `position` in the ranking (from 0) where there is one that it may know; the threshold likewise."""

    bid: BidSubmitted
    lapsed: bool
    position: int | None
    winning_threshold: Decimal | None
    lower_cost_would_have_won: bool | None


@dataclass(frozen=True, slots=True)
class AuctionSeen:
    """An auction as `viewer` may see it. What the viewer may not see is None or empty, in `terms` too.

    `decided_with` are all auctions of one award, where there were several; `for_own_pool`: it buys for demand of the
    viewer's owner.
    """

    terms: AuctionCreated
    invited_only: bool
    status: AuctionStatus
    closes_at: datetime | None
    bids: int
    cancelled_after_closing: bool
    own_bids: tuple[OwnBidSeen, ...]
    offered: Decimal | None
    winners: tuple[WinnerSeen, ...]
    unbought: int
    unbought_lots: tuple[str, ...]
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    nonce: str | None
    awarded_at: datetime | None
    runner_up_score: Decimal | None
    outcomes: tuple[OutcomeReported, ...]
    mechanism: str | None
    decided_with: tuple[str, ...] = ()
    work: tuple[WorkSeen, ...] = ()
    basis: Basis | None = None
    for_own_pool: bool = False


def see_auction(auction: Auction, viewer: str, now: datetime, first: int = 0) -> AuctionSeen:
    """Return what `viewer` may see of `auction` at `now`; the ranking from position `first` on.

    A loser under pay_as_bid learns its winning threshold, the cost below which it would have won; under other
    rules only whether a lower cost would have won at all, unless the auction was created to reveal it.
    Raises the Rejection `unknown_auction` for one that does not exist.
    """
    terms = auction.terms
    decided = auction.award
    is_buyer = viewer == terms.buyer
    status = status_at(auction, now)
    ranked = final_ranking(auction)[first : first + TOP] if decided is not None and is_buyer else ()
    return AuctionSeen(
        terms=replace(
            terms,
            nonce="",
            excluded=(),
            invite=terms.invite if viewer in (terms.buyer, *terms.invite) else (),
        ),
        for_own_pool=bool(viewer) and owner_of(viewer) in terms.excluded,
        invited_only=bool(terms.invite),
        status=status,
        closes_at=auction.closes_at,
        bids=len(auction.bids),
        cancelled_after_closing=auction.after_closing,
        own_bids=tuple(_own(auction, bid, status, now) for bid in bids_of(auction, viewer)),
        offered=offer(terms, now) if status == "open" else None,
        winners=tuple(
            _winner(winner, terms, viewer, award.instead_of)
            for award in auction.awards
            for winner in award.winners
        ),
        unbought=decided.unbought if decided else 0,
        unbought_lots=decided.unbought_lots if decided else (),
        ranking=ranked,
        ranked=decided.eligible if decided else 0,
        nonce=terms.nonce if decided else None,
        awarded_at=decided.at if decided else None,
        runner_up_score=decided.runner_up_score if decided and is_buyer else None,
        outcomes=tuple(auction.outcomes.values()),
        mechanism=decided.mechanism if decided else None,
        decided_with=decided.together.auctions if decided and decided.together else (),
        basis=auction.basis if is_buyer else None,
        work=tuple(_work(auction, agent, now) for agent in dict.fromkeys(w.agent for w in auction.winners)),
    )


def _work(auction: Auction, provider: str, now: datetime) -> WorkSeen:
    dispute, report = auction.disputes.get(provider), auction.outcomes.get(provider)
    state = state_of(auction, provider)
    ends = (report.amend_until, report.dispute_until) if report and state == "reported" else (None, None)
    return WorkSeen(
        provider,
        state,
        auction.deliveries.get(provider),
        dispute.note if dispute else None,
        overdue_at(auction, provider),
        any(award.instead_of == provider for award in auction.further),
        *(until if until is not None and now < until else None for until in ends),
    )


def _own(auction: Auction, bid: BidSubmitted, status: AuctionStatus, now: datetime) -> OwnBidSeen:
    terms, position = auction.terms, None
    if auction.award is not None:
        ranked = final_ranking(auction)
        position = next((i for i, other in enumerate(ranked) if other.bid_id == bid.bid_id), None)
        bid = bid if position is None else ranked[position]  # with the score that was used
        if terms.pool:  # which buys by the cost of what it takes, not by the cost of a first unit
            position = None
    elif terms.format == "open" and status == "open":
        position = place(auction, bid) - 1
    threshold = awards.threshold(auction, bid) if position is not None and auction.award else None
    return OwnBidSeen(
        bid,
        bid.valid_until is not None and bid.valid_until <= now,
        position,
        threshold if terms.payment_rule == "pay_as_bid" or terms.reveal == "threshold" else None,
        None if threshold is None else threshold > 0,
    )


def _winner(winner: Winner, terms: AuctionCreated, viewer: str, instead_of: str) -> WinnerSeen:
    told = terms.payment_rule == "pay_as_bid" or viewer in (terms.buyer, winner.agent)
    return WinnerSeen(
        winner.agent,
        winner.bid_id,
        winner.payment,
        winner.cost if told else None,
        winner.quantity,
        winner.lots,
        instead_of,
    )
