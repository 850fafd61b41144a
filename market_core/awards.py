"""Who wins an auction and what is paid: its bids, handed to the mechanism that its terms ask for."""

from datetime import datetime, timedelta
from decimal import Decimal

from market_core.auction import Auction, Ranked, binding
from market_core.canonical import canonical, digest
from market_core.commands import PaymentRule
from market_core.events import AuctionAwarded, AuctionCreated, BidSubmitted, Winner
from market_core.mechanisms import dutch, scoring, single
from market_core.values import from_micros, micros, owner_of


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


def taken_by(winner: Winner, now: datetime) -> AuctionAwarded:
    """Return the decision of a Dutch auction: the first to take the offer wins it."""
    return AuctionAwarded(
        now, (winner,), None, 1, digest(canonical([[winner.bid_id, winner.score]])), dutch.MECHANISM
    )


# While an open auction is open


def leads(terms: AuctionCreated, bid: BidSubmitted, other: BidSubmitted) -> bool:
    """Return whether `bid` comes before `other`: by score, then by the committed tie-break."""
    if bid.score != other.score:
        return bid.score < other.score
    return _tie_key(terms, bid) < _tie_key(terms, other)


def leader(auction: Auction) -> BidSubmitted | None:
    """Return the best standing bid of an open auction, where every bid binds until the award."""
    best: BidSubmitted | None = None
    for bid in auction.bids.values():
        if best is None or leads(auction.terms, bid, best):
            best = bid
    return best


def place(auction: Auction, bid: BidSubmitted) -> int:
    """Return the rank of a standing bid of an open auction, from 1."""
    return 1 + sum(leads(auction.terms, other, bid) for other in auction.bids.values() if other is not bid)


# The offer of a Dutch auction


def offer(terms: AuctionCreated, now: datetime) -> Decimal | None:
    """Return what a Dutch auction offers at `now`, in credits; None for another auction."""
    if terms.schedule is None:
        return None
    return from_micros(dutch.offer(*_steps(terms), (now - terms.at) // timedelta(microseconds=1)))


def offered_from(terms: AuctionCreated, wanted: Decimal) -> datetime | None:
    """Return when a Dutch auction offers `wanted` or more, None if it never does."""
    passed = dutch.reached(*_steps(terms), micros(wanted))
    return None if passed is None else terms.at + timedelta(microseconds=passed)


def _steps(terms: AuctionCreated) -> tuple[int, int, int, int]:
    rule = terms.schedule
    assert rule is not None  # CreateAuction asks for both in a Dutch auction
    assert terms.max_price is not None
    return micros(rule.start), micros(rule.step), micros(rule.every), micros(terms.max_price)
