"""What has happened. Events are facts: never edited, never refused, and enough to rebuild every state.

A form that is in a journal stays as it is; a new form gets a new version and an upcaster in the codec.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from market_core.terms import (
    NO_CONSTRAINTS,
    BundleRule,
    ClearingRule,
    Combine,
    Constraints,
    Extension,
    Format,
    IfUnproved,
    Lot,
    OfferTier,
    PaymentRule,
    Policy,
    PoolRule,
    Requirements,
    Reveal,
    Schedule,
    Scoring,
    Sharing,
    StandingBid,
    Threshold,
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


@dataclass(frozen=True, slots=True)
class WorkWon:
    """An agent won something in an auction: in its own record, where it counts as running until its outcome is reported.

    `explored`: its score had a bonus for exploring.
    """

    at: datetime
    auction_id: str
    agent: str
    buyer: str
    payment: Decimal
    estimated_time: Decimal | None
    capabilities: tuple[str, ...]
    explored: bool = False


@dataclass(frozen=True, slots=True)
class WorkDelivered:
    """The provider says that its work is done. Stands in the auction, and in the provider's stream, where it runs no more."""

    at: datetime
    auction_id: str
    buyer: str
    provider: str
    actual_time: Decimal | None
    note: str
    reference: str


@dataclass(frozen=True, slots=True)
class WorkOverdue:
    """The estimated time and the grace of these winners' work are over, and nobody has reported on it."""

    at: datetime
    auction_id: str
    buyer: str
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutcomeReported:
    """How the awarded work went, as the buyer says; stands in the auction and in the record of provider and owner.

    A later one for the same work takes its place, until `amend_until`; the provider may dispute it until
    `dispute_until`. `confidence` is what the bid said of its chance of success; `adjustment` what the outcome adds to the
    payment, in credits, where confidence is settled.
    """

    at: datetime
    auction_id: str
    buyer: str
    provider: str
    success: bool
    actual_time: Decimal | None
    quality: Decimal | None
    note: str
    reference: str
    payment: Decimal
    estimated_time: Decimal | None
    promised_quality: Decimal | None
    capabilities: tuple[str, ...]
    confidence: Decimal | None = None
    amend_until: datetime | None = None
    dispute_until: datetime | None = None
    adjustment: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OutcomeDisputed:
    """The provider says that the report is wrong: it counts for nobody until it is settled. Stands where the report does."""

    at: datetime
    auction_id: str
    buyer: str
    provider: str
    note: str


@dataclass(frozen=True, slots=True)
class OutcomeSettled:
    """A dispute ended: by the operator (`by` is the market), or by the provider, who accepts what is reported.

    What is said here takes the place of the report; unless it `counts`, the outcome counts for nobody, for good.
    """

    at: datetime
    auction_id: str
    buyer: str
    provider: str
    by: str
    counts: bool
    success: bool
    actual_time: Decimal | None
    quality: Decimal | None
    adjustment: Decimal | None = None


@dataclass(frozen=True, slots=True)
class OwnerObserved:
    """What the record of an owner in a capability weighs, as `track_record.Sums`, since it last changed."""

    at: datetime
    capability: str
    owner: str
    sums: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class StandingChanged:
    """An agent has a standing bid for a capability now, or no longer; its terms are on the agent's card."""

    at: datetime
    capability: str
    agent: str
    stands: bool


@dataclass(frozen=True, slots=True)
class PriorLearned:
    """What the records of so many `owners` say of the next provider of a capability: the numbers of `reliability.Prior`."""

    at: datetime
    capability: str
    owners: int
    numbers: tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class AgentRegistered:
    """An agent said what it can do."""

    at: datetime
    agent: str
    description: str
    capabilities: tuple[str, ...]
    attributes: Attributes
    max_concurrent: int | None = None
    standing_bids: dict[str, StandingBid] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Granted:
    """The operator said how much an owner's demand counts where it is shared."""

    at: datetime
    owner: str
    priority: int
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Vouched:
    """The operator knows this owner, or no longer: exploration is paid for such owners only."""

    at: datetime
    owner: str
    vouched: bool


@dataclass(frozen=True, slots=True)
class ResourceDeclared:
    """The operator fixed a resource's unit, how it trades, and when it is cleared by itself."""

    at: datetime
    name: str
    unit: str
    whole: bool
    policy: Policy | None = None
    payment_rule: ClearingRule | None = None
    every: Decimal | None = None
    at_quantity: Decimal | None = None
    bundle_rule: BundleRule | None = None


@dataclass(frozen=True, slots=True)
class DemandPosted:
    """An agent asked for a quantity. `max_unit_price` None means any price."""

    at: datetime
    demand_id: str
    agent: str
    name: str
    quantity: Decimal
    max_unit_price: Decimal | None
    needed_by: datetime | None
    min_quantity: Decimal = Decimal(0)
    priority: int = 0
    weight: Decimal = Decimal(1)
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class BundlePosted:
    """An agent asked for quantities of several resources together; stands in the book of each, here of `name`.

    `max_payment`, for one bundle, None means any price. With `per_task` one bundle is what one of the `tasks` needs.
    """

    at: datetime
    bundle_id: str
    agent: str
    name: str
    bundle: dict[str, Decimal]
    max_payment: Decimal | None
    per_task: bool
    tasks: int
    needed_by: datetime | None
    priority: int
    weight: Decimal


@dataclass(frozen=True, slots=True)
class OfferPosted:
    """An agent offered a quantity at `unit_price` or more."""

    at: datetime
    offer_id: str
    agent: str
    name: str
    quantity: Decimal
    unit_price: Decimal
    available_until: datetime | None
    min_quantity: Decimal = Decimal(0)
    tiers: tuple[OfferTier, ...] = ()
    replaced: str = ""


@dataclass(frozen=True, slots=True)
class EntryWithdrawn:
    """An agent took back what was left of a demand or an offer."""

    at: datetime
    entry_id: str


@dataclass(frozen=True, slots=True)
class EntriesLapsed:
    """The time of these demands and offers was over."""

    at: datetime
    entry_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """What one demand or offer got in a clearing: units, and the total paid or received.

    `reason`: why it is less than it asked, empty where it is all. `saving`: how much better than its own limit it
    did, which is for its agent alone; None where it has none.
    """

    entry_id: str
    agent: str
    quantity: Decimal
    payment: Decimal
    reason: str = ""
    saving: Decimal | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An entry that got nothing though the price suits it, and why."""

    entry_id: str
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class ResourceCleared:
    """Demand met offers at one price. The payments of both sides have the same sum, but for `market_surplus`.

    `offer_price`: what suppliers get per unit where that is another price (mcafee).
    """

    at: datetime
    by: str
    clearing_price: Decimal
    allocations: tuple[Fill, ...]
    suppliers: tuple[Fill, ...]
    mechanism: str
    policy: Policy = "efficient"
    payment_rule: ClearingRule = "uniform"
    left_out: tuple[LeftOut, ...] = ()
    market_surplus: Decimal = Decimal(0)
    offer_price: Decimal | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Fills:
    """Many fills as columns, in the order of agents and ids. Quantities, payments and savings are in millionths.

    A reason is empty where an entry got all that was left of it, and there alone.
    """

    entry_ids: tuple[str, ...]
    agents: tuple[str, ...]
    quantities: tuple[int, ...]
    payments: tuple[int, ...]
    reasons: tuple[str, ...]
    savings: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ClearingContinued:
    """More of the clearing that was recorded just before: of a large one, ResourceCleared tells the first fills.

    `part` from 2 to `parts`, the ResourceCleared being the first; all are recorded together.
    """

    at: datetime
    part: int
    parts: int
    allocations: Fills
    suppliers: Fills
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class ClearingDue:
    """A standing clearing was carried out for the `period` that began then; `why` nothing was cleared, else empty."""

    at: datetime
    period: datetime
    why: str


@dataclass(frozen=True, slots=True)
class BundleFill:
    """What one demand for a bundle got: so many tasks, with these quantities, for one payment; the rest as in a Fill."""

    bundle_id: str
    agent: str
    tasks: Decimal
    quantities: dict[str, Decimal]
    payment: Decimal
    reason: str = ""
    saving: Decimal | None = None


@dataclass(frozen=True, slots=True)
class BundlesCleared:
    """Demand for bundles of `resources` met their offers; stands in the book of each.

    `prices` per unit, rounded half-even, of what was sold, where the rule has prices. The payments have one sum, `total`.
    """

    at: datetime
    by: str
    resources: tuple[str, ...]
    policy: Policy
    payment_rule: BundleRule
    prices: dict[str, Decimal]
    allocations: tuple[BundleFill, ...]
    suppliers: tuple[Fill, ...]
    left_out: tuple[LeftOut, ...]
    total: Decimal
    mechanism: str
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class PoolOpened:
    """The demand `members` is bought together, in one auction for all of it."""

    at: datetime
    pool_id: str
    auction_id: str
    by: str
    closes_at: datetime
    members: tuple[str, ...]
    owners: int
    quantity: Decimal
    threshold: Threshold
    payment_rule: PoolRule
    sharing: Sharing


@dataclass(frozen=True, slots=True)
class PoolCleared:
    """What a pool bought, and who of it gets and pays how much. The payments are what the suppliers are paid.

    `price` per unit is the total over the quantity served, half-even. `surplus_quantity` is bought and paid but wanted
    by nobody, where that costs less. `error`: the standard error of a payment that was sampled.
    """

    at: datetime
    pool_id: str
    auction_id: str
    price: Decimal
    allocations: tuple[Fill, ...]
    suppliers: tuple[Fill, ...]
    left_out: tuple[LeftOut, ...]
    total: Decimal
    surplus_quantity: Decimal
    payment_rule: PoolRule
    sharing: Sharing
    error: Decimal
    mechanism: str
    proof: Proof


@dataclass(frozen=True, slots=True)
class PoolLapsed:
    """A pool ended without buying; its demand is in the book as before."""

    at: datetime
    pool_id: str
    auction_id: str
    why: str
    members: tuple[str, ...]


Event = (
    AuctionCreated
    | BidSubmitted
    | BidWithdrawn
    | DeadlineExtended
    | AuctionClosed
    | AuctionCancelled
    | AuctionAwarded
    | WorkWon
    | WorkDelivered
    | WorkOverdue
    | OutcomeReported
    | OutcomeDisputed
    | OutcomeSettled
    | OwnerObserved
    | PriorLearned
    | StandingChanged
    | AgentRegistered
    | Granted
    | Vouched
    | ResourceDeclared
    | DemandPosted
    | BundlePosted
    | OfferPosted
    | EntryWithdrawn
    | EntriesLapsed
    | ClearingDue
    | ResourceCleared
    | ClearingContinued
    | BundlesCleared
    | PoolOpened
    | PoolCleared
    | PoolLapsed
)
