"""One agent: its card (what it says it can do) and its outcomes (what happened). State, decide, evolve."""

from dataclasses import dataclass, field

from market_core.canonical import canonical
from market_core.commands import RegisterAgent
from market_core.events import AgentRegistered, Attributes, Event, OutcomeReported
from market_core.facts import Facts


@dataclass(slots=True)
class Agent:
    """An agent's card and record. One that never registered has an empty card and may still have outcomes."""

    registered: AgentRegistered | None = None
    outcomes: list[OutcomeReported] = field(default_factory=list)

    @property
    def capabilities(self) -> frozenset[str]:
        """The capabilities registered, normalised."""
        return frozenset(self.registered.capabilities) if self.registered else frozenset()

    @property
    def attributes(self) -> Attributes:
        """The attributes that hold for all bids of the agent."""
        return self.registered.attributes if self.registered else {}


def decide(agent: Agent, command: RegisterAgent, facts: Facts) -> list[Event]:
    """Return the registration; saying again what already stands is no event."""
    said = AgentRegistered(
        facts.now,
        command.agent,
        command.description,
        tuple(dict.fromkeys(command.capabilities)),
        dict(command.attributes),
    )
    known = agent.registered
    return [] if known is not None and _content(known) == _content(said) else [said]


def _content(card: AgentRegistered) -> str:
    """Return what a card says, comparable: 1 and true are equal to Python, but not as attributes."""
    return canonical([card.description, card.capabilities, card.attributes])


def evolve(agent: Agent, event: Event) -> Agent:
    """Return the agent after `event`."""
    match event:
        case AgentRegistered():
            agent.registered = event
        case OutcomeReported():
            agent.outcomes.append(event)
        case _:
            raise TypeError(f"{type(event).__name__} does not belong to an agent")
    return agent
