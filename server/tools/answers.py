"""What the tools give back: models for programs, texts for models.

A text has the answer first, then a compact table, then `Next:` with the calls that make sense now. Words of
other agents stand only in table cells and after a field's name, shortened, on one line.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from market_core import events
from market_core.eligibility import score_parts
from market_core.events import BidSubmitted
from market_core.values import plain, shown


def number(amount: Decimal) -> int | float:
    """Return an amount as a JSON number: exact up to 15 digits; the text always has all digits."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


Number = Annotated[Decimal, PlainSerializer(number), WithJsonSchema({"type": "number"})]
"""Credits, seconds, units or a share, as a JSON number."""
Moment = Annotated[datetime, PlainSerializer(shown), WithJsonSchema({"type": "string"})]
"""ISO 8601, UTC."""
_ROWS = WithJsonSchema({"type": "array", "items": {"type": "object"}})
"""Rows whose fields another part of the schema, or another tool's, names already."""
MOST_ROWS = 60
"""Rows of a long table in one answer."""
Object = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]


def credits_text(amount: Decimal | None) -> str:
    """Return an amount of credits as text: `12.5 credits`, or `any` for None."""
    return "any" if amount is None else f"{plain(amount)} credits"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 bid`, `2 bids`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a compact table: a line of heads, a line a row, cells separated by ` | `. None is a dash."""
    return columns(heads, ([cell(value) for value in row] for row in rows))


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a compact table of texts that are cells already."""
    return "\n".join([" | ".join(row) for row in (heads, *rows)])


def cell(value: object) -> str:
    """Return a value as the text of one cell: one line, at most 160 characters, no separator of ours."""
    match value:
        case None | "":
            return "-"
        case Decimal():
            return plain(value)
        case datetime():
            return shown(value)
    text = " ".join(str(value).replace("|", "/").split())
    return text if len(text) <= 160 else text[:159] + "…"


_Row = TypeVar("_Row", bound=BaseModel)


def fitting(rows: Sequence[_Row]) -> list[_Row]:
    """Return the first rows, as many as leave an answer readable: about 20,000 characters of JSON."""
    kept: list[_Row] = []
    left = 20_000
    for row in rows:
        left -= len(row.model_dump_json(exclude_none=True))
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def quoted(text: str) -> str:
    """Return another agent's words so that no line of theirs can be taken for one of ours."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def paged(shown_rows: int, total: int, cursor: str | None) -> str:
    """Return the line that says how much of a list this is, empty if it is all."""
    if cursor is None:
        return ""
    return f"\n{shown_rows} of {total}; for more pass cursor={cursor}"


class Part(BaseModel):
    """An answer or a part of one. Its serializer is built when it is first used: there are many."""

    model_config = ConfigDict(defer_build=True)


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


class Proof(Part):
    """How far the award is proved best: no decision has a total score below `bound`."""

    status: str = "optimal"
    gap: Number = Decimal(0)
    bound: Number | None = None
    solver: str | None = None


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
    ranking: Annotated[list[RankRow] | None, _ROWS] = None
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


class Record(Part):
    """Outcomes reported of an agent, as counts and as estimates: [expected, low, high], 90 % sure, by capability."""

    reported: int
    successes: int
    failures: int
    disputed: int | None = None
    estimates: list[Object] | None = None


class OutcomeRow(Part):
    """A reported outcome: what was promised and what came."""

    auction_id: str
    buyer: str
    success: bool
    estimated_time: Number | None = None
    actual_time: Number | None = None
    promised_quality: Number | None = None
    quality: Number | None = None
    state: str | None = None


class OutcomeRecorded(Part):
    """The work as it stands, and the provider's track record with it. After a failure, who would do it instead."""

    auction_id: str
    provider: str
    state: str
    success: bool | None = None
    estimated_time: Number | None = None
    actual_time: Number | None = None
    until: Moment | None = None
    adjustment: Number | None = None
    final_payment: Number | None = None
    comes_next: list[str] | None = None
    record: Record


class Side(Part):
    """One side of a book."""

    entries: int
    owners: int
    quantity: Number
    mean_limit: Number | None = None


class DemandPosted(Part):
    """Demand in the book."""

    demand_id: str
    resource: str
    quantity: Number
    priority: int | None = None
    weight: Number | None = None
    replaced: str | None = None
    demand: Side
    offers: Side


class BundlePosted(Part):
    """Demand for several resources together, in the book of each."""

    demand_id: str
    bundle: Object
    tasks: int | None = None
    priority: int | None = None
    weight: Number | None = None


class OfferPosted(Part):
    """An offer in the book."""

    offer_id: str
    resource: str
    quantity: Number
    replaced: str | None = None
    demand: Side
    offers: Side


class Clearing(Part):
    """`allocated` and `sold` count all; long lists are cut. `unmet`: demand left."""

    resource: str
    clearing_price: Number
    quantity: Number
    total_payment: Number
    allocated: int
    allocations: list[Object]
    sold: int
    suppliers: list[Object]
    left_out: list[Object] | None = None
    unmet: Number
    policy: str
    payment_rule: str
    offer_price: Number | None = None
    market_surplus: Number | None = None
    proof: Annotated[Proof | None, WithJsonSchema({"type": "object"})] = None


class BundleClearing(Part):
    """The clearing of demand for bundles. `prices` per unit, where the rule has them; `tasks` as served."""

    resources: list[str]
    policy: str
    payment_rule: str
    total_payment: Number
    prices: Object | None = None
    allocated: int
    allocations: list[Object]
    sold: int
    suppliers: list[Object]
    left_out: list[Object] | None = None
    proof: Proof | None = None


class Aggregated(Part):
    """The clearings made, and the rest."""

    clearings: list[Clearing]
    not_cleared: list[Object]
    bundles: Annotated[BundleClearing | None, WithJsonSchema({"type": "object"})] = None
    auction_id: str | None = None
    pool: Object | None = None


class EntryRow(Part):
    """A demand or an offer of one's own. `limit` in credits per unit; `left` units."""

    id: str
    kind: str
    left: Number
    limit: Number | None = None
    minimum: Number | None = None
    until: Moment | None = None


class BookRow(Part):
    """A resource in a list."""

    resource: str
    unit: str | None = None
    whole: bool


class ResourceSeen(Part):
    """A resource's book, or the list of resources."""

    resource: str | None = None
    unit: str | None = None
    whole: bool | None = None
    policy: str | None = None
    payment_rule: str | None = None
    demand: Side | None = None
    offers: Side | None = None
    bundles: Side | None = None
    own: list[EntryRow] | None = None
    pools: list[Object] | None = None
    demand_curve: list[Object] | None = None
    offer_curve: list[Object] | None = None
    preview: list[Object] | None = None
    unmet: Number | None = None
    last_clearings: list[Object] | None = None
    standing: Object | None = None
    resources: list[BookRow] | None = None
    total: int | None = None
    next_cursor: str | None = None


class Card(Part):
    """An agent's card as registered."""

    agent: str
    description: str | None = None
    capabilities: list[str]
    attributes: Object | None = None
    max_concurrent: int | None = None
    standing_bids: Object | None = None
    open_auctions: Object


class AgentRow(Part):
    """An agent in a list."""

    agent: str
    capabilities: list[str]
    outcomes: int


class AgentSeen(Part):
    """An agent's card and record, or the list of agents. `as_buyer`: how many awards it gave, and reported on."""

    agent: str | None = None
    description: str | None = None
    capabilities: list[str] | None = None
    attributes: Object | None = None
    max_concurrent: int | None = None
    running: int | None = None
    standing_bids: Object | None = None
    newcomer: bool | None = None
    vouched: bool | None = None
    record: Record | None = None
    as_buyer: Object | None = None
    last_outcomes: list[OutcomeRow] | None = None
    agents: list[AgentRow] | None = None
    total: int | None = None
    next_cursor: str | None = None


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
    own_bids: Annotated[list[OwnBid] | None, _ROWS] = None
    winners: Annotated[list[WinnerRow] | None, _ROWS] = None
    unbought: int | None = None
    unbought_lots: list[str] | None = None
    ranking: Annotated[list[RankRow] | None, _ROWS] = None
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


class News(Part):
    """Something that happened. `id`: of the auction or resource; `next`: the call that makes sense."""

    at: Moment
    what: str
    id: str
    why: str
    next: str


class Inbox(Part):
    """Where an agent stands, and what is new for it."""

    agent: str
    auctions: list[Object]
    bids: list[Object]
    to_deliver: list[Object]
    to_report: list[Object]
    demand: list[Object]
    bundles: list[Object] | None = None
    offers: list[Object]
    credits_promised: Number
    credits_due: Number
    news: list[News]
    next_cursor: str


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


def joined(value: object) -> object:
    """Return a list of texts, or what is expected of a bidder, as one cell of a table."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {said:.2f}" if said is not True else name for name, said in value.items())
    return " ".join(value[:10]) + (" ..." if len(value) > 10 else "") if isinstance(value, list) else value


def compact(model: BaseModel) -> dict[str, Any] | None:
    """Return what a model says beyond its defaults, None if nothing."""
    return numbers(model.model_dump(exclude_defaults=True)) or None


def numbers(value: Any) -> Any:
    """Return a value with its decimals as JSON numbers."""
    match value:
        case Decimal():
            return number(value)
        case dict():
            return {key: numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [numbers(item) for item in value]
    return value
