"""What tools give back of auctions: bids, previews, awards, plans."""

from collections.abc import Sequence
from typing import Annotated, Any

from market_core import events
from market_core.eligibility import score_parts
from market_core.events import BidSubmitted
from server.tools.answers.books import Proof
from server.tools.answers.texts import ROWS, Moment, Number, Object, Part, cell, joined, number, table

MOST_ROWS = 60
"""Rows of a long table in one answer."""


class AuctionCreated(Part):
    """A new auction."""

    auction_id: str
    status: str
    closes_at: Moment | None = None
    tie_break_commitment: str
    eligible_providers: list[str]
    bids: int | None = None


class BidReceipt(Part):
    """A bid as recorded; `payment` of a take."""

    bid_id: str
    auction_id: str
    status: str
    cost: Number
    score: Number
    replaced: str | None = None
    valid_until: Moment | None = None
    rank: int | None = None
    closes_at: Moment | None = None
    payment: Number | None = None
    least_payment: Number | None = None


class RefusedRow(Part):
    """Why the row at `index` (from 0) was refused."""

    index: int
    code: str
    message: str


class BidResults(Part):
    """`bid_ids` has one for each row, empty where it was refused; `next` says, for each code, what to do."""

    accepted: int
    refused: int
    bid_ids: list[str]
    refusals: list[RefusedRow]
    next: Object
    least_payments: Object | None = None


class Withdrawn(Part):
    """What was taken back."""

    id: str
    status: str


class Closed(Part):
    """An auction without more bids."""

    auction_id: str
    status: str
    bids: int


class RankRow(Part):
    """A bid in the ranking; amounts in credits."""

    rank: int
    agent: str
    bid_id: str
    cost: Number
    score: Number
    quantity: int | None = None
    lots: list[str] | None = None
    estimated_time: Number | None = None
    quality: Number | None = None
    bonus: Number | None = None
    confidence: Number | None = None
    expected: Object | None = None
    note: str | None = None


class WinnerRow(Part):
    """A winner; amounts are totals in credits. `cost` where the viewer may see it, `auction_id` where there are several."""

    auction_id: str | None = None
    agent: str
    bid_id: str
    payment: Number
    cost: Number | None = None
    quantity: int | None = None
    lots: list[str] | None = None
    instead_of: str | None = None


class RuleRow(Part):
    """What a payment rule would make of the bids: who wins, what is paid, the premium over the winners' cost."""

    payment_rule: str
    winner: str | None = None
    winners: list[WinnerRow] | None = None
    payment: Number | None = None
    premium: Number | None = None
    refused: str | None = None


class Preview(Part):
    """What an award now would be."""

    auction_id: str
    ranking: list[RankRow] | None = None
    ranked: int
    rules: list[RuleRow]


class Awarded(Part):
    """The decision, for good."""

    auction_id: str
    status: str
    winners: list[WinnerRow]
    total_payment: Number
    unbought: int | None = None
    unbought_lots: list[str] | None = None
    left: list[str] | None = None
    unsold: list[str] | None = None
    ranking: Annotated[list[RankRow] | None, ROWS] = None
    ranked: int
    explanation: str
    proof: Proof
    nonce: str | None = None


class Plan(Part):
    """Advice; ranges are [expected, low, high]. `awarded`: the chance that somebody asks max_price or less."""

    auctions: int
    bids: int
    thin: bool
    standing_bids: int
    asked_under: str | None = None
    bidders: list[float] | None = None
    payments: list[Object] | None = None
    max_price: Number | None = None
    awarded: Number | None = None
    closes_in: int | None = None
    scoring: Object | None = None
    warnings: list[str] | None = None


class OwnBid(Part):
    """The viewer's own bid."""

    bid_id: str
    cost: Number
    score: Number
    quantity: int | None = None
    lots: list[str] | None = None
    lapsed: bool | None = None
    rank: int | None = None
    winning_threshold: Number | None = None
    lower_cost_would_have_won: bool | None = None


class AuctionSeen(Part):
    """Rows are like own_bid, or as in award."""

    auction_id: str
    status: str
    task: str
    buyer: str
    description: str | None = None
    requirements: Object | None = None
    max_price: Number | None = None
    quantity: int | None = None
    lots: list[Object] | None = None
    bids_combine: str | None = None
    constraints: Object | None = None
    payment_rule: str
    format: str | None = None
    scoring: Object | None = None
    extension: Object | None = None
    schedule: Object | None = None
    offered: Number | None = None
    closes_at: Moment | None = None
    min_reliability: Number | None = None
    invited_only: bool | None = None
    invite: list[str] | None = None
    bids: int
    tie_break_commitment: str
    own_bid: OwnBid | None = None
    own_bids: Annotated[list[OwnBid] | None, ROWS] = None
    winners: Annotated[list[WinnerRow] | None, ROWS] = None
    unbought: int | None = None
    unbought_lots: list[str] | None = None
    ranking: Annotated[list[RankRow] | None, ROWS] = None
    ranked: int | None = None
    next_cursor: str | None = None
    nonce: str | None = None
    outcome: Object | None = None
    outcomes: list[Object] | None = None


class AuctionRow(Part):
    """An auction in a list."""

    auction_id: str
    status: str
    task: str
    buyer: str
    bids: int
    max_price: Number | None = None
    payment_rule: str
    format: str | None = None
    quantity: int | None = None
    lots: int | None = None
    capabilities: list[str] | None = None
    invited_only: bool | None = None
    closes_at: Moment | None = None
    winner: str | None = None
    payment: Number | None = None


class AuctionList(Part):
    """A page of auctions, newest first."""

    auctions: list[AuctionRow]
    total: int
    next_cursor: str | None = None


def rank_rows(
    bids: Sequence[BidSubmitted],
    terms: events.AuctionCreated,
    first: int = 0,
    basis: events.Basis | None = None,
) -> list[RankRow]:
    """Return the rows of a ranking that starts at position `first`, with what each score was made from."""
    expected = {one.agent: _expected(one) for one in basis.expected} if basis else {}
    return [
        RankRow(
            rank=position,
            agent=bid.bidder,
            bid_id=bid.bid_id,
            cost=bid.cost,
            score=bid.score,
            quantity=bid.units.quantity if bid.units else None,
            lots=list(bid.lots[:20]) or None,
            estimated_time=bid.estimated_time,
            quality=bid.quality,
            bonus=score_parts(bid, terms).bonus or None,
            confidence=bid.confidence,
            expected=expected.get(bid.bidder),
            note=cell(bid.note) if bid.note else None,
        )
        for position, bid in enumerate(bids, first + 1)
    ]


def _expected(one: events.Expected) -> dict[str, Any]:
    """Return what an award expected of a bidder by its record."""
    told: dict[str, Any] = {
        "success": number(one.success),
        "time_ratio": number(one.time_ratio),
        "quality_ratio": number(one.quality_ratio),
    }
    told |= {"explore": number(one.bonus)} if one.bonus else {}
    return told | ({"newcomer": True} if one.newcomer else {})


def rank_table(rows: Sequence[RankRow]) -> str:
    """Return a ranking as a table; time, quality, bonus and notes only where somebody has them."""
    heads = ["rank", "agent", "cost", "score", "bid_id"]
    stated = [
        name
        for name in (
            "quantity",
            "lots",
            "estimated_time",
            "quality",
            "bonus",
            "confidence",
            "expected",
            "note",
        )
        if any(getattr(row, name) is not None for row in rows)
    ]
    return table(
        heads + stated,
        (
            [
                row.rank,
                row.agent,
                row.cost,
                row.score,
                row.bid_id,
                *(joined(getattr(row, name)) for name in stated),
            ]
            for row in rows
        ),
    )
