"""A second set of books: what the market must hold after each accepted request, kept as plainly as possible."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from market_core.auction import Auction
from market_core.book import Resource


@dataclass
class AuditedBid:
    bid_id: str
    cost: Decimal
    seconds: int
    quality: Decimal
    valid_until: datetime | None


@dataclass
class AuditedAuction:
    auction_id: str
    buyer: str
    max_price: int | None
    rule: str
    time_price: Decimal
    quality_price: int
    closes_at: datetime | None
    invite: tuple[str, ...]
    nonce: str
    status: str = "open"
    bids: dict[str, AuditedBid] = field(default_factory=dict)
    reported: bool = False

    def is_open(self, now):
        return self.status == "open" and not self.is_over(now)

    def is_over(self, now):
        return self.closes_at is not None and now >= self.closes_at

    def may_be_ended(self, now):
        """With a deadline bidding ends there, or when everybody invited has bid."""
        everybody = bool(self.invite) and set(self.invite) <= set(self.bids)
        return self.closes_at is None or self.is_over(now) or everybody

    def score(self, bid):
        """Cost plus priced time less priced quality, half-even to a micro-credit."""
        terms = (bid.cost, self.time_price * bid.seconds, -self.quality_price * bid.quality)
        return Fraction(round(sum(map(Fraction, terms)) * 10**6), 10**6)

    def tie_key(self, agent, bid):
        def written(number):
            text = f"{number:.6f}".rstrip("0").rstrip(".")
            return text or "0"

        content = {
            "attributes": {},
            "cost": written(bid.cost),
            "estimated_time": written(Decimal(bid.seconds)),
            "quality": written(bid.quality),
        }
        parts = [
            self.auction_id.encode(),
            agent.encode(),
            json.dumps(content, separators=(",", ":")).encode(),
        ]
        return hashlib.sha256(b"\0".join([bytes.fromhex(self.nonce), *parts])).hexdigest()

    def result(self, now):
        """Return the winner and its payment by looking at every bid, or None."""
        valid = {a: b for a, b in self.bids.items() if b.valid_until is None or now < b.valid_until}
        if not valid:
            return None
        scores = {agent: self.score(bid) for agent, bid in valid.items()}
        winner = min(valid, key=lambda agent: (scores[agent], self.tie_key(agent, valid[agent])))
        cost = Fraction(valid[winner].cost)
        if self.rule == "pay_as_bid":
            return winner, cost
        rest = [score for agent, score in scores.items() if agent.split("/")[0] != winner.split("/")[0]]
        limit = None if self.max_price is None else Fraction(self.max_price)
        if not rest:
            return winner, cost if limit is None else limit
        payment = cost + min(rest) - scores[winner]
        return winner, payment if limit is None else min(payment, limit)

    def agrees_with(self, auction: Auction):
        return (auction.status, {agent: bid.bid_id for agent, bid in auction.bids.items()}) == (
            self.status,
            {agent: bid.bid_id for agent, bid in self.bids.items()},
        )


@dataclass
class AuditedEntry:
    agent: str
    side: str
    left: Decimal
    limit: Decimal | None
    until: datetime | None

    def is_live(self, now):
        return self.left > 0 and (self.until is None or now < self.until)

    def suits(self, price):
        if self.limit is None:
            return True
        return self.limit >= price if self.side == "demand" else self.limit <= price


@dataclass
class AuditedBook:
    """Every entry ever posted; `out` holds those that left the book otherwise than by being filled."""

    entries: dict[str, AuditedEntry] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)

    def live(self, side, now):
        return {
            key: entry
            for key, entry in self.entries.items()
            if entry.side == side and key not in self.out and entry.is_live(now)
        }

    def tradable(self, now):
        """Return the most that demand and offers both agree to at some one price."""
        sides = [self.live(side, now).values() for side in ("demand", "offer")]
        prices = {entry.limit for side in sides for entry in side if entry.limit is not None}
        return max(
            (
                min(sum(entry.left for entry in side if entry.suits(price)) for side in sides)
                for price in prices
            ),
            default=0,
        )

    def audit_clearing(self, cleared, now):
        """Check a clearing against the entries as they were, then book it."""
        price, volume = cleared.clearing_price, self.tradable(now)
        for side, fills in (("demand", cleared.allocations), ("offer", cleared.suppliers)):
            live = self.live(side, now)
            assert sum(fill.quantity for fill in fills) == volume
            for fill in fills:
                entry = live[fill.entry_id]
                assert entry.suits(price)
                assert entry.agent == fill.agent
                entry.left -= fill.quantity
                assert entry.left >= 0
                assert abs(fill.payment - price * fill.quantity) < Decimal("0.000001")
            # Nobody whose limit is strictly better than the price goes short.
            assert not any(
                entry.left and entry.suits(price) and entry.limit not in {price, None}
                for entry in live.values()
            )
        assert sum(f.payment for f in cleared.allocations) == sum(f.payment for f in cleared.suppliers)

    def agrees_with(self, book: Resource):
        standing = {
            key: (entry.agent, entry.left, entry.limit)
            for key, entry in self.entries.items()
            if key not in self.out and entry.left
        }
        return {entry.entry_id: (entry.agent, entry.left, entry.limit) for entry in book.entries} == standing
