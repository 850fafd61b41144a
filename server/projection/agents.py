"""What lists show of an agent, and what it hears of itself."""

from functools import singledispatch

from market_core.agent import Agent
from market_core.events import (
    AgentRegistered,
    Granted,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    Vouched,
    WorkDelivered,
    WorkWon,
)
from market_core.values import MARKET, plain, shown
from server.ports import Notice, Summary
from server.projection.rows import Projected, json_of


@singledispatch
def of_agent(event: object, agent: Agent) -> list[Projected]:  # noqa: ARG001 - the default of a dispatch
    """Return the rows and notices of an event of an agent, after which it is `agent`."""
    raise TypeError(f"{type(event).__name__} is not of an agent")


@of_agent.register
def _(event: AgentRegistered, agent: Agent) -> list[Projected]:
    return [_card_row(event.agent, agent)]


@of_agent.register
def _(event: Granted, agent: Agent) -> list[Projected]:
    told = {"at": shown(event.at), "priority": agent.priority, "weight": plain(agent.weight)}
    return [Notice(f"owner:{event.owner}", "granted", event.owner, MARKET, json_of(told))]


@of_agent.register
def _(event: Vouched, agent: Agent) -> list[Projected]:
    kind = "vouched" if agent.vouched else "no_longer_vouched"
    return [Notice(f"owner:{event.owner}", kind, event.owner, MARKET, json_of({"at": shown(event.at)}))]


@of_agent.register(WorkWon)
@of_agent.register(WorkDelivered)
@of_agent.register(OutcomeReported)
@of_agent.register(OutcomeDisputed)
@of_agent.register(OutcomeSettled)
def _(_event: object, agent: Agent) -> list[Projected]:  # the auction's own events tell of it
    return [_card_row(agent.name, agent)] if agent.registered else []


def _card_row(agent_id: str, agent: Agent) -> Summary:
    card = agent.registered
    assert card is not None  # only registered agents are listed
    body = {
        "description": card.description,
        "capabilities": card.capabilities,
        "outcomes": agent.record.overall.successes + agent.record.overall.failures,
        "running": len(agent.running),
    }
    return Summary(
        kind="agent",
        id=agent_id,
        stream=f"agent/{agent_id}",
        owner=agent_id,
        tags=tuple(f"cap:{name}" for name in card.capabilities),
        body=json_of(body),
    )
