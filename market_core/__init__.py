"""Agent Market's core: a market in which agents buy and sell work and resources.

A buyer posts a task as a reverse auction, providers bid, and the mechanism decides who wins and what is
paid. Agents post demand for resources and offers of them, and the market clears both at one price.

How it works. The market's memory is streams of events: one per auction, per resource, per agent.

    decide(state, command, facts) -> events    may refuse (a Rejection), changes nothing
    evolve(state, event)          -> state     never refuses, never calls a mechanism

`handle` composes the two over the streams that one command touches. The core never touches the world: time,
ids and chance come in as `Facts`, so the same events always give the same state and the same award. Money
is exact (`values`); scores are in credits and lower is better; ties fall by a nonce that was committed to
before anybody bid (`mechanisms.scoring`); what one agent may see is `observation`.

Where things are, in an order to read them (a state and how it changes, then what may be done with it):

    words       values, canonical, terms, commands, events, facts, rejections, lifecycle; the rules are in mechanisms
    auctions    auction, eligibility, sets, awards, auction_rules, together (several as one),
                standing_bids (rates that enter new auctions)
    resources   book, bookkeeping, curves, clearings, clearing_events, resource, pools, bundling,
                standing_clearings (that come by themselves)
    agents      agent, ledger (of outcomes), outcomes, capability (what is usual), expecting (scores by record),
                resting (what stands in records), planning (advice)
    together    streams (which ones a command touches), handle, questions (what is solved first), observation,
                market, aggregator, assigning, invalid

Embed it with `Market`, or its two faces `ReverseAuction` and `DemandAggregator`; `assign_tasks` gives tasks to agents
without prices.
"""

from typing import TYPE_CHECKING, Any

from market_core.rejections import Code, Rejection
from market_core.terms import (
    Condition,
    Constraints,
    Extension,
    Lot,
    OfferTier,
    Requirements,
    Schedule,
    Scoring,
    Threshold,
    Tier,
)

if TYPE_CHECKING:
    from market_core.aggregator import Aggregation, DemandAggregator
    from market_core.assigning import Worker, assign_tasks
    from market_core.market import AuctionRequest, Award, Bid, Market, ReverseAuction

__all__ = [
    "Aggregation",
    "AuctionRequest",
    "Award",
    "Bid",
    "Code",
    "Condition",
    "Constraints",
    "DemandAggregator",
    "Extension",
    "Lot",
    "Market",
    "OfferTier",
    "Rejection",
    "Requirements",
    "ReverseAuction",
    "Schedule",
    "Scoring",
    "Threshold",
    "Tier",
    "Worker",
    "assign_tasks",
]


def __getattr__(name: str) -> Any:
    """Return a face of the core, imported when first asked for: a server needs none of them."""
    if name in __all__:
        from market_core import aggregator, assigning, market  # noqa: PLC0415

        for module in (market, aggregator, assigning):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
