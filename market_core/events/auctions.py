"""What happens to an auction, from its creation to its award."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from market_core.terms import (
    NO_CONSTRAINTS,
    Combine,
    Constraints,
    Extension,
    Format,
    IfUnproved,
    Lot,
    PaymentRule,
    Requirements,
    Reveal,
    Schedule,
    Scoring,
    Tier,
    TierKind,
)

Attributes = dict[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class AuctionCreated:
    """A task was posted. `nonce` (64 hex digits) is secret until the award; `commitment` is public.

    `pool`: the pool whose bulk auction it is; the owners of its members, `excluded`, cannot bid.
    """

    at: datetime
    auction_id: str
    buyer: str
    task: str
    description: str
    requirements: Requirements
    max_price: Decimal | None
    payment_rule: PaymentRule
    scoring: Scoring
    closes_at: datetime | None
    invite: tuple[str, ...]
    nonce: str
    commitment: str
    format: Format = "sealed"
    extension: Extension | None = None
    schedule: Schedule | None = None
    reveal: Reveal = "payments"
    quantity: int = 1
    lots: tuple[Lot, ...] = ()
    bids_combine: Combine = "xor"
    constraints: Constraints = NO_CONSTRAINTS
    if_unproved: IfUnproved = "refuse"
    priority: int = 0
    pool: str = ""
    excluded: tuple[str, ...] = ()
    min_reliability: Decimal | None = None

    @property
    def mechanism(self) -> Literal["single", "units", "lots", "dutch"]:
        """Which mechanism decides it."""
        if self.schedule is not None:
            return "dutch"
        if self.lots:
            return "lots"
        # With one winner vcg is the case of one unit: the buyer's max_price is the outside option.
        of_units = self.quantity > 1 or self.pool or self.payment_rule in ("vcg", "uniform")
        return "units" if of_units else "single"

    @property
    def asks_of_card(self) -> bool:
        """Whether it looks at what stands on a bidder's card, capabilities or attributes, or at its record."""
        asked = self.requirements
        of_card = asked.capabilities or asked.attributes or self.scoring.attribute_bonus
        return bool(of_card or self.min_reliability)


@dataclass(frozen=True, slots=True)
class UnitTerms:
    """What a bid for units says of them: none, or `min_quantity` to `quantity`; the bid's cost is per unit."""

    quantity: int
    min_quantity: int
    tiers: tuple[Tier, ...]
    tier_kind: TierKind


@dataclass(frozen=True, slots=True)
class BidSubmitted:
    """A binding offer. `attributes` are the bid's own and those of the bidder's card that it relied on.

    `replaced` is the id of the bidder's bid that this one takes the place of, or empty; `displaced` the agent
    that led an open auction until this bid. `standing`: the capabilities by whose standing bids it was entered.
    """

    at: datetime
    bid_id: str
    bidder: str
    cost: Decimal
    estimated_time: Decimal | None
    quality: Decimal | None
    attributes: Attributes
    note: str
    valid_until: datetime | None
    score: Decimal
    replaced: str
    displaced: str = ""
    units: UnitTerms | None = None
    lots: tuple[str, ...] = ()
    at_most: int | None = None
    confidence: Decimal | None = None
    standing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BidWithdrawn:
    """A bidder took its bid back while the auction was open."""

    at: datetime
    bid_id: str
    bidder: str


@dataclass(frozen=True, slots=True)
class AuctionClosed:
    """Bidding ended: by the buyer, or by the market at the deadline."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class DeadlineExtended:
    """The leader of an open auction changed late, so everybody gets more time."""

    at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class AuctionCancelled:
    """The buyer called it off. Bids it had seen no more of than their number, unless it was closed."""

    at: datetime
    after_closing: bool


@dataclass(frozen=True, slots=True)
class Winner:
    """One winning bid of an award. `cost`, `payment` and `score` are totals for what it won, in credits."""

    agent: str
    bid_id: str
    cost: Decimal
    payment: Decimal
    score: Decimal
    quantity: int = 1
    lots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """How far an award is proved best: no set of bids has a total score below `bound`; `gap` is what is open."""

    status: Literal["optimal", "feasible"]
    gap: Decimal
    bound: Decimal
    solver: str


@dataclass(frozen=True, slots=True)
class Together:
    """Which auctions one decision was made for, and how many of them each limited bidder of this one could take."""

    auctions: tuple[str, ...]
    capacity: dict[str, int]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a record lets one expect of an agent: chance of success, time / estimated, quality / promised.

    `bonus`: credits taken off its score for exploring; `newcomer`: its owner has too short a record to be more than
    the prior's 20th percentile.
    """

    agent: str
    success: Decimal
    time_ratio: Decimal
    quality_ratio: Decimal
    bonus: Decimal = Decimal(0)
    newcomer: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision rests on besides the bids: its scores are made of these numbers and of what the bids claim.

    `typical` is what is expected of the capability's mean (its `agent` is empty). Standing bids of who is `at_capacity`
    do not count.
    """

    mechanism: str
    expected: tuple[Expected, ...]
    typical: Expected | None
    at_capacity: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuctionAwarded:
    """The decision. Without winners the auction is unsold.

    `runner_up_score` is the score of the best bid of another owner, if there was one; `ranking_digest`
    the SHA-256 of the canonical ranking [[bid_id, score], ...]; `mechanism` the rule's name and version;
    `payment_rule` the one applied where it is not the auction's own; `unbought` units and lots found no bid.
    `instead_of`: the winner that failed, where this is a further award for what it was to do. Work not reported on
    is overdue `grace` seconds after its estimated time.
    """

    at: datetime
    winners: tuple[Winner, ...]
    runner_up_score: Decimal | None
    eligible: int
    ranking_digest: str
    mechanism: str
    payment_rule: PaymentRule | None = None
    unbought: int = 0
    unbought_lots: tuple[str, ...] = ()
    proof: Proof | None = None
    together: Together | None = None
    instead_of: str = ""
    grace: Decimal | None = None
    basis: Basis | None = None
