"""What one agent may see of another: its card and its record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from market_core.agent import Agent
from market_core.events import (
    OutcomeReported,
)
from market_core.ledger import seconds_of
from market_core.mechanisms import reliability
from market_core.mechanisms.expectation import is_newcomer
from market_core.mechanisms.reliability import Estimate
from market_core.rejections import Code, Rejection
from market_core.terms import StandingBid
from market_core.values import owner_of

MOST_CAPABILITIES = 10
"""Capabilities of an agent whose estimates a look shows."""


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """An agent's outcomes as counts. Outcomes between agents of one owner are left out; `disputed` ones count for nobody."""

    reported: int
    successes: int
    failures: int
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """An agent's card and its record; public but for `standing_bids`, which only the agent itself sees.

    `running` counts the work won whose outcome is not reported. `newcomer` and `vouched` are its owner's: whether its
    record is too short to count in full in scores, and whether an operator vouches for it.
    """

    agent: str
    description: str
    capabilities: tuple[str, ...]
    attributes: dict[str, bool | int | float | str]
    record: RecordSeen
    last_outcomes: tuple[OutcomeReported, ...]
    max_concurrent: int | None = None
    running: int = 0
    disputed: frozenset[str] = frozenset()
    standing_bids: Mapping[str, StandingBid] = field(default_factory=dict)
    newcomer: bool = False
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class EstimateSeen:
    """What an agent's record says of it, in one capability or (empty) over everything."""

    capability: str
    estimate: Estimate


def see_estimates(agent: Agent, now: datetime) -> tuple[EstimateSeen, ...]:
    """Return what the record of an agent says at `now`: over everything, then in its capabilities, most work first."""
    known = agent.record.by_capability
    names = sorted(known, key=lambda name: (-known[name].awards, name))[:MOST_CAPABILITIES]
    moment = seconds_of(now)
    overall = EstimateSeen("", reliability.estimate(agent.record, moment))
    return (overall, *(EstimateSeen(n, reliability.estimate(agent.record, moment, n)) for n in names))


def see_agent(
    agent_id: str,
    agent: Agent,
    viewer: str = "",
    owner: Agent | None = None,
    now: datetime | None = None,
    *,
    heard_of: bool = False,
) -> AgentSeen:
    """Return the card and record of an agent as `viewer` may see them; raise `unknown_agent` for one nobody has heard of.

    `owner`: the state of its owner; with `now` it says whether the owner is a newcomer in scores. `heard_of`: it has
    bought, which no agent's stream tells.
    """
    card, counted = agent.registered, agent.record.overall
    if card is None and not counted.awards and not agent.last and not heard_of:
        raise Rejection(Code.UNKNOWN_AGENT)
    others = [o for o in agent.last.values() if owner_of(o.buyer) != owner_of(o.provider)]
    return AgentSeen(
        agent_id,
        card.description if card else "",
        card.capabilities if card else (),
        dict(card.attributes) if card else {},
        RecordSeen(
            counted.successes + counted.failures, counted.successes, counted.failures, len(agent.own.left_out)
        ),
        tuple(others),
        card.max_concurrent if card else None,
        len(agent.running),
        frozenset(agent.disputed),
        dict(card.standing_bids) if card and viewer == agent_id else {},
        owner is not None and now is not None and is_newcomer([owner.family.record], seconds_of(now)),
        owner is not None and owner.vouched,
    )
