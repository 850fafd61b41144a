"""What an agent may ask the market for. Each model is also the argument list of the tool of that name.

A command that exists holds only valid values (`values`); whether the market agrees is for `decide`.
`agent` is who acts. Descriptions are what a caller reads, so they say unit, range and default.
"""

from market_core.commands.agents import DeclareResource, Grant, Lapse, RegisterAgent, SettleDispute, Vouch
from market_core.commands.base import Command
from market_core.commands.bidding import SubmitBid, Withdraw
from market_core.commands.books import (
    MOST_RESOURCES,
    AggregateDemand,
    OfferResources,
    RequestBundle,
    RequestResources,
)
from market_core.commands.buying import (
    MOST_TOGETHER,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    Others,
    ReportOutcome,
)

AnyCommand = (
    CreateAuction
    | SubmitBid
    | Withdraw
    | CloseAuction
    | AwardAuction
    | ReportOutcome
    | RequestResources
    | RequestBundle
    | OfferResources
    | AggregateDemand
    | RegisterAgent
    | DeclareResource
    | Grant
    | Vouch
    | SettleDispute
    | Lapse
)

__all__ = [
    "MOST_RESOURCES",
    "MOST_TOGETHER",
    "AggregateDemand",
    "AnyCommand",
    "AwardAuction",
    "CloseAuction",
    "Command",
    "CreateAuction",
    "DeclareResource",
    "Grant",
    "Lapse",
    "OfferResources",
    "Others",
    "RegisterAgent",
    "ReportOutcome",
    "RequestBundle",
    "RequestResources",
    "SettleDispute",
    "SubmitBid",
    "Vouch",
    "Withdraw",
]
