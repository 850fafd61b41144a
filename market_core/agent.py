"""One agent: its card (what it says it can do), its work and outcomes (what happened). State, decide, evolve."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from market_core.canonical import canonical
from market_core.commands import Grant, RegisterAgent
from market_core.events import AgentRegistered, Attributes, Event, Granted, OutcomeReported, WorkWon
from market_core.facts import Facts
from market_core.values import owner_of


@dataclass(slots=True)
class Agent:
    """An agent's card and record. One that never registered has an empty card and may still have outcomes.

    `running` is the work won whose outcome is not reported, by auction; `limits` says since when it has taken how
    much work at a time; `granted` what the operator gave to the demand of an owner, whose stream is that of its name.
    """

    registered: AgentRegistered | None = None
    outcomes: list[OutcomeReported] = field(default_factory=list)
    running: dict[str, WorkWon] = field(default_factory=dict)
    limits: list[tuple[datetime, int | None]] = field(default_factory=list)
    granted: Granted | None = None

    @property
    def priority(self) -> int:
        """The highest priority that demand of this owner may have."""
        return self.granted.priority if self.granted else 0

    @property
    def weight(self) -> Decimal:
        """The largest weight that demand of this owner may have."""
        return self.granted.weight if self.granted else Decimal(1)

    @property
    def capabilities(self) -> frozenset[str]:
        """The capabilities registered, normalised."""
        return frozenset(self.registered.capabilities) if self.registered else frozenset()

    @property
    def attributes(self) -> Attributes:
        """The attributes that hold for all bids of the agent."""
        return self.registered.attributes if self.registered else {}


def capacity(agent: Agent, moment: datetime) -> int | None:
    """Return how much more work the agent takes, by the limit that held at `moment`; None without one."""
    limit = next((most for since, most in reversed(agent.limits) if since <= moment), None)
    return None if limit is None else max(0, limit - len(agent.running))


def decide(agent: Agent, command: RegisterAgent | Grant, facts: Facts) -> list[Event]:
    """Return the registration or the grant; saying again what already stands is no event."""
    if isinstance(command, Grant):
        if (agent.priority, agent.weight) == (command.priority, command.weight):
            return []
        return [Granted(facts.now, owner_of(command.owner), command.priority, command.weight)]
    said = AgentRegistered(
        facts.now,
        command.agent,
        command.description,
        tuple(dict.fromkeys(command.capabilities)),
        dict(command.attributes),
        command.max_concurrent,
    )
    known = agent.registered
    return [] if known is not None and _content(known) == _content(said) else [said]


def _content(card: AgentRegistered) -> str:
    """Return what a card says, comparable: 1 and true are equal to Python, but not as attributes."""
    return canonical([card.description, card.capabilities, card.attributes, card.max_concurrent])


def evolve(agent: Agent, event: Event) -> Agent:
    """Return the agent after `event`."""
    match event:
        case AgentRegistered():
            agent.registered = event
            if (agent.limits[-1][1] if agent.limits else None) != event.max_concurrent:
                agent.limits.append((event.at, event.max_concurrent))
        case Granted():
            agent.granted = event
        case WorkWon():
            agent.running[event.auction_id] = event
        case OutcomeReported():
            agent.running.pop(event.auction_id, None)
            agent.outcomes.append(event)
        case _:
            raise TypeError(f"{type(event).__name__} does not belong to an agent")
    return agent
