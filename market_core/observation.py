"""What one agent may see. Every answer about an auction, a resource or an agent starts here.

The rule for a sealed auction: until it is closed nobody, the buyer included, sees more of others' bids than
their number; after the award everybody sees winner and payment, the buyer the ranking with costs, a bidder
its own bid. A viewer of "" is the public.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice

from market_core.agent import Agent
from market_core.auction import Auction, status_at
from market_core.awards import final_ranking, offer, place, rank
from market_core.commands import PaymentRule
from market_core.events import AuctionCreated, BidSubmitted, OutcomeReported, ResourceCleared, Winner
from market_core.lifecycle import AuctionStatus, check_move
from market_core.rejections import Code, Rejection
from market_core.resource import Entry, Resource, clear, live
from market_core.values import from_micros, micros, owner_of, total

FEWEST_OWNERS = 3
"""A price is shown before a clearing only where at least so many owners stand on each side."""
TOP = 20
"""Rows of a ranking that an answer shows."""


@dataclass(frozen=True, slots=True)
class WinnerSeen:
    """A winner, as a viewer may see it: what it asked is None where the rule pays something else."""

    agent: str
    bid_id: str
    payment: Decimal
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class AuctionSeen:
    """An auction as `viewer` may see it. What the viewer may not see is None or empty, in `terms` too."""

    terms: AuctionCreated
    invited_only: bool
    status: AuctionStatus
    bids: int
    cancelled_after_closing: bool
    own_bid: BidSubmitted | None
    own_lapsed: bool
    own_position: int | None
    winners: tuple[WinnerSeen, ...]
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    nonce: str | None
    awarded_at: datetime | None
    runner_up_score: Decimal | None
    winning_threshold: Decimal | None
    lower_cost_would_have_won: bool | None
    outcome: OutcomeReported | None
    mechanism: str | None
    closes_at: datetime | None
    offered: Decimal | None


def see_auction(auction: Auction, viewer: str, now: datetime, first: int = 0) -> AuctionSeen:
    """Return what `viewer` may see of `auction` at `now`; the ranking from position `first` on.

    A loser under pay_as_bid learns its winning threshold, the cost below which it would have won; under other
    rules only whether a lower cost would have won at all.
    Raises the Rejection `unknown_auction` for one that does not exist.
    """
    terms = auction.terms
    own = auction.bids.get(viewer)
    decided = auction.award
    is_buyer = viewer == terms.buyer
    status = status_at(auction, now)
    seen_ranking: tuple[BidSubmitted, ...] = ()
    position = None
    if decided is not None and (is_buyer or own is not None):
        ranked = final_ranking(auction).bids
        seen_ranking = tuple(islice(ranked, first, first + TOP)) if is_buyer else ()
        position = next((i for i, bid in enumerate(ranked) if own is not None and bid is own), None)
    elif terms.format == "open" and status == "open" and own is not None:
        position = place(auction, own) - 1
    threshold = _threshold(auction, own, position)
    return AuctionSeen(
        terms=replace(terms, nonce="", invite=terms.invite if viewer in (terms.buyer, *terms.invite) else ()),
        invited_only=bool(terms.invite),
        status=status,
        bids=len(auction.bids),
        cancelled_after_closing=auction.after_closing,
        own_bid=own,
        own_lapsed=own is not None and own.valid_until is not None and own.valid_until <= now,
        own_position=position,
        winners=tuple(_winner(winner, terms, viewer) for winner in decided.winners) if decided else (),
        ranking=seen_ranking,
        ranked=decided.eligible if decided else 0,
        nonce=terms.nonce if decided else None,
        awarded_at=decided.at if decided else None,
        runner_up_score=decided.runner_up_score if decided and is_buyer else None,
        winning_threshold=threshold if _told_threshold(terms) else None,
        lower_cost_would_have_won=None if threshold is None else threshold > 0,
        outcome=auction.outcome,
        mechanism=decided.mechanism if decided else None,
        closes_at=auction.closes_at,
        offered=offer(terms, now) if status == "open" else None,
    )


def _told_threshold(terms: AuctionCreated) -> bool:
    return terms.payment_rule == "pay_as_bid" or terms.reveal == "threshold"


def _winner(winner: Winner, terms: AuctionCreated, viewer: str) -> WinnerSeen:
    told = terms.payment_rule == "pay_as_bid" or viewer in (terms.buyer, winner.agent)
    return WinnerSeen(winner.agent, winner.bid_id, winner.payment, winner.cost if told else None)


def _threshold(auction: Auction, own: BidSubmitted | None, position: int | None) -> Decimal | None:
    """Return the cost at which a loser would have tied with the winner, 0 where none would have.

    It is the winner's score in other words, so it is told only where the winner is paid its cost anyway.
    """
    decided = auction.award
    if decided is None or own is None or not position:
        return None
    threshold = micros(own.cost) + micros(decided.winners[0].score) - micros(own.score)
    return from_micros(max(threshold, 0))


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """What one payment rule makes of a closed auction. `premium` is payment over the winner's cost."""

    payment_rule: PaymentRule
    payment: Decimal | None
    premium: Decimal | None


@dataclass(frozen=True, slots=True)
class PreviewSeen:
    """What the buyer sees before the award: the ranking, and the payment under each rule that fits."""

    terms: AuctionCreated
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    rules: tuple[RuleSeen, ...]


def preview(auction: Auction, viewer: str, now: datetime) -> PreviewSeen:
    """Return what an award now would be. Only for the buyer, and only once nobody can bid any more.

    Raises the Rejections `unknown_auction`, `not_the_buyer`, or the one of the auction's status.
    """
    terms = auction.terms
    if viewer != terms.buyer:
        raise Rejection(Code.NOT_THE_BUYER)
    check_move(status_at(auction, now), "preview")
    rules: tuple[PaymentRule, ...] = ("pay_as_bid", "second_price")
    own_rule_first = sorted(rules, key=lambda rule: rule != terms.payment_rule)
    ranked = {rule: rank(auction, now, rule) for rule in own_rule_first}
    bids = ranked[terms.payment_rule].bids
    seen = tuple(
        RuleSeen(rule, of.payment, None if of.payment is None else _premium(of.payment, bids[0].cost))
        for rule, of in ranked.items()
    )
    return PreviewSeen(replace(terms, nonce=""), bids[:TOP], len(bids), seen)


def _premium(payment: Decimal, cost: Decimal) -> Decimal:
    return from_micros(micros(payment) - micros(cost))


@dataclass(frozen=True, slots=True)
class SideSeen:
    """One side of a book: open entries, their owners, the quantity they sum to."""

    entries: int
    owners: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """A resource as `viewer` may see it: sums and own entries, never another agent's limit."""

    name: str
    unit: str
    whole: bool
    demand: SideSeen
    offers: SideSeen
    own: tuple[Entry, ...]
    tradable: Decimal
    price_now: Decimal | None
    last_clearing: ResourceCleared | None
    clearings: int


def see_resource(book: Resource, viewer: str, now: datetime) -> ResourceSeen:
    """Return what `viewer` may see of `book` at `now`, with what clearing now would give.

    The price is shown only where `FEWEST_OWNERS` owners stand on each side: with fewer it would tell one
    agent's own limit to the other side, which could then move its own.
    Raises the Rejection `unknown_resource` for one that nobody has named.
    """
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    demand, offers = live(book.demand.values(), now), live(book.offers.values(), now)
    sides = _side(demand), _side(offers)
    result = clear(book, now)
    crowded = min(side.owners for side in sides) >= FEWEST_OWNERS
    return ResourceSeen(
        book.name,
        book.unit,
        book.whole,
        *sides,
        own=tuple(entry for entry in (*demand, *offers) if entry.agent == viewer),
        tradable=from_micros(result.traded) if result and crowded else Decimal(0),
        price_now=from_micros(result.price) if result and crowded else None,
        last_clearing=book.last_clearing,
        clearings=book.clearings,
    )


def _side(entries: list[Entry]) -> SideSeen:
    owners = {owner_of(entry.agent) for entry in entries}
    return SideSeen(len(entries), len(owners), total(entry.left for entry in entries))


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """An agent's outcomes as counts. Outcomes between agents of one owner are left out."""

    reported: int
    successes: int
    failures: int


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """An agent's card and its record; public."""

    agent: str
    description: str
    capabilities: tuple[str, ...]
    attributes: dict[str, bool | int | float | str]
    record: RecordSeen
    last_outcomes: tuple[OutcomeReported, ...]


def see_agent(agent_id: str, agent: Agent) -> AgentSeen:
    """Return the card and record of an agent; raise `unknown_agent` for one nobody has heard of."""
    card = agent.registered
    if card is None and not agent.outcomes:
        raise Rejection(Code.UNKNOWN_AGENT)
    counted = [o for o in agent.outcomes if owner_of(o.buyer) != owner_of(o.provider)]
    successes = sum(outcome.success for outcome in counted)
    return AgentSeen(
        agent_id,
        card.description if card else "",
        card.capabilities if card else (),
        dict(card.attributes) if card else {},
        RecordSeen(len(counted), successes, len(counted) - successes),
        tuple(counted[-5:]),
    )
