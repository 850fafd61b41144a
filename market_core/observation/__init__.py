"""What one agent may see. Every answer about an auction, a resource or an agent starts here.

The rule for a sealed auction: until it is closed nobody, the buyer included, sees more of others' bids than
their number; after the award everybody sees winner and payment, the buyer the ranking with costs, a bidder
its own bid. A viewer of "" is the public.
"""

from market_core.observation.agents import (
    MOST_CAPABILITIES,
    AgentSeen,
    EstimateSeen,
    RecordSeen,
    see_agent,
    see_estimates,
)
from market_core.observation.auctions import TOP, AuctionSeen, OwnBidSeen, WinnerSeen, WorkSeen, see_auction
from market_core.observation.books import (
    MOST_DRAWN,
    PolicySeen,
    ResourceSeen,
    SideSeen,
    see_depth,
    see_resource,
)
from market_core.observation.previews import PreviewSeen, RuleSeen, check_preview, preview, preview_together

__all__ = [
    "MOST_CAPABILITIES",
    "MOST_DRAWN",
    "TOP",
    "AgentSeen",
    "AuctionSeen",
    "EstimateSeen",
    "OwnBidSeen",
    "PolicySeen",
    "PreviewSeen",
    "RecordSeen",
    "ResourceSeen",
    "RuleSeen",
    "SideSeen",
    "WinnerSeen",
    "WorkSeen",
    "check_preview",
    "preview",
    "preview_together",
    "see_agent",
    "see_auction",
    "see_depth",
    "see_estimates",
    "see_resource",
]
