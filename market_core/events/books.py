"""What happens in the book of a resource: what is posted, how it ends, and how it is cleared."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from market_core.events.auctions import Proof
from market_core.terms import (
    BundleRule,
    ClearingRule,
    OfferTier,
    Policy,
    PoolRule,
    Sharing,
    Threshold,
)


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
