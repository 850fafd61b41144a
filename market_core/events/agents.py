"""What happens to agents and owners: their work, what is said of it, and what is known of them."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from market_core.events.auctions import Attributes
from market_core.terms import (
    StandingBid,
)


@dataclass(frozen=True, slots=True)
class WorkWon:
    """An agent won something in an auction: in its own record, where it counts as running until its outcome is reported.

    `explored`: its score had a bonus for exploring; then `overdue_at` is when its outcome is waited for no longer.
    """

    at: datetime
    auction_id: str
    agent: str
    buyer: str
    payment: Decimal
    estimated_time: Decimal | None
    capabilities: tuple[str, ...]
    explored: bool = False
    overdue_at: datetime | None = None


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
