"""What has happened. Events are facts: never edited, never refused, and enough to rebuild every state.

A form that is in a journal stays as it is; a new form gets a new version and an upcaster in the codec.
"""

from market_core.events.agents import (
    AgentRegistered,
    Granted,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    OwnerObserved,
    PriorLearned,
    StandingChanged,
    Vouched,
    WorkDelivered,
    WorkOverdue,
    WorkWon,
)
from market_core.events.auctions import (
    Attributes,
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    Basis,
    BidSubmitted,
    BidWithdrawn,
    DeadlineExtended,
    Expected,
    Proof,
    Together,
    UnitTerms,
    Winner,
)
from market_core.events.books import (
    BundleFill,
    BundlePosted,
    BundlesCleared,
    ClearingContinued,
    ClearingDue,
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Fill,
    Fills,
    LeftOut,
    OfferPosted,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
    ResourceCleared,
    ResourceDeclared,
)

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


__all__ = [
    "AgentRegistered",
    "Attributes",
    "AuctionAwarded",
    "AuctionCancelled",
    "AuctionClosed",
    "AuctionCreated",
    "Basis",
    "BidSubmitted",
    "BidWithdrawn",
    "BundleFill",
    "BundlePosted",
    "BundlesCleared",
    "ClearingContinued",
    "ClearingDue",
    "DeadlineExtended",
    "DemandPosted",
    "EntriesLapsed",
    "EntryWithdrawn",
    "Event",
    "Expected",
    "Fill",
    "Fills",
    "Granted",
    "LeftOut",
    "OfferPosted",
    "OutcomeDisputed",
    "OutcomeReported",
    "OutcomeSettled",
    "OwnerObserved",
    "PoolCleared",
    "PoolLapsed",
    "PoolOpened",
    "PriorLearned",
    "Proof",
    "ResourceCleared",
    "ResourceDeclared",
    "StandingChanged",
    "Together",
    "UnitTerms",
    "Vouched",
    "Winner",
    "WorkDelivered",
    "WorkOverdue",
    "WorkWon",
]
