"""One command over the streams that it touches: the only place that composes several streams.

`streams` says what to load, `handle` what happens. Both are pure; `Market` and the server's service call
them, and neither composes on its own. A stream is named `auction/ID`, `resource/NAME` or `agent/ID`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from market_core import agent as agents
from market_core import auction as auctions
from market_core import auction_rules
from market_core import resource as resources
from market_core.agent import Agent
from market_core.auction import Auction
from market_core.commands import (
    AggregateDemand,
    AnyCommand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    Lapse,
    OfferResources,
    RegisterAgent,
    ReportOutcome,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from market_core.events import Event, OutcomeReported, ResourceCleared
from market_core.facts import Facts
from market_core.rejections import Code, Rejection
from market_core.resource import Resource
from market_core.values import auction_of, name_of, resource_of

State = Auction | Resource | Agent
States = Mapping[str, State]

_NOBODY = Agent()


@dataclass(frozen=True, slots=True)
class Decision:
    """The events of a command by stream, and the streams that must not have moved meanwhile (`guards`)."""

    events: dict[str, list[Event]]
    guards: tuple[str, ...] = ()
    refused: dict[str, Rejection] = field(default_factory=dict)
    """Streams of a many-stream command in which nothing happened, with the reason."""


def auction_stream(auction_id: str) -> str:
    """Return the stream of an auction."""
    return f"auction/{auction_id}"


def resource_stream(name: str) -> str:
    """Return the stream of a resource, whatever way its name is written."""
    return f"resource/{name_of(name)}"


def agent_stream(agent_id: str) -> str:
    """Return the stream of an agent."""
    return f"agent/{agent_id}"


def new_state(stream: str) -> State:
    """Return the state of a stream without events."""
    match stream.partition("/")[0]:
        case "auction":
            return Auction()
        case "resource":
            return Resource()
        case "agent":
            return Agent()
    raise ValueError(f"no such kind of stream: {stream}")


def evolve(state: State, event: Event) -> State:
    """Return `state` after `event`; the state given may be consumed."""
    match state:
        case Auction():
            return auctions.evolve(state, event)
        case Resource():
            return resources.evolve(state, event)
        case Agent():
            return agents.evolve(state, event)


def streams(command: AnyCommand, found: States, facts: Facts) -> tuple[str, ...]:
    """Return the streams that `command` reads or writes, as far as `found` tells; ask until nothing is new."""
    match command:
        case CreateAuction():
            return (auction_stream(f"auc_{facts.token}"),)
        case SubmitBid():
            return (auction_stream(command.auction_id), agent_stream(command.agent))
        case Withdraw():
            return (_stream_of(command.id),)
        case CloseAuction() | AwardAuction():
            return (auction_stream(command.auction_id),)
        case ReportOutcome():
            return _report_streams(command, found)
        case RequestResources() | OfferResources() | DeclareResource():
            return (resource_stream(command.resource),)
        case AggregateDemand():
            return tuple(resource_stream(name) for name in dict.fromkeys(command.resources))
        case RegisterAgent():
            return (agent_stream(command.agent),)
        case Lapse():
            return (command.stream,)


def _report_streams(command: ReportOutcome, found: States) -> tuple[str, ...]:
    stream = auction_stream(command.auction_id)
    match found.get(stream):
        case Auction(award=award) if award is not None:
            winners = {winner.agent for winner in award.winners}
            about = {command.provider} & winners if command.provider else winners
            return (stream, *(agent_stream(provider) for provider in about if len(about) == 1))
    return (stream,)


def _stream_of(some_id: str) -> str:
    """Return the stream that an id belongs to, by its prefix. Raises the Rejection `unknown_id`."""
    match some_id.partition("_")[0]:
        case "auc":
            return auction_stream(some_id)
        case "bid":
            return auction_stream(auction_of(some_id))
        case "dem" | "off":
            return f"resource/{resource_of(some_id)}"
    raise Rejection(Code.UNKNOWN_ID)


def handle(states: States, command: AnyCommand, facts: Facts) -> Decision:
    """Return what `command` does, given the states of its `streams`; raise the Rejection that applies first."""
    match command:
        case ReportOutcome():
            return _report(states, command, facts)
        case AggregateDemand():
            return _aggregate(states, command, facts)
    first = streams(command, states, facts)[0]
    state = states[first]
    match state:
        case Auction():
            provider = states[agent_stream(command.agent)] if isinstance(command, SubmitBid) else _NOBODY
            assert isinstance(provider, Agent)  # by its stream's name
            events = auction_rules.decide(command, state, facts, provider)
        case Resource():
            events = resources.decide(command, state, facts)
        case Agent():
            assert isinstance(command, RegisterAgent)  # the only command for an agent's stream alone
            events = agents.decide(state, command, facts)
    return Decision({first: events})


def _report(states: States, command: ReportOutcome, facts: Facts) -> Decision:
    """An outcome stands in the auction and in the provider's record; the record alone is never written."""
    stream = auction_stream(command.auction_id)
    state = states[stream]
    assert isinstance(state, Auction)  # by its stream's name
    events = auction_rules.decide(command, state, facts, _NOBODY)
    assert state.award is not None  # else decide refused
    (event,) = events
    assert isinstance(event, OutcomeReported)  # what a report makes
    return Decision({stream: events, agent_stream(event.provider): list(events)})


def _aggregate(states: States, command: AggregateDemand, facts: Facts) -> Decision:
    """Clear each resource on its own. What cannot clear is told; if none can, the first reason refuses."""
    events: dict[str, list[Event]] = {}
    refused: dict[str, Rejection] = {}
    for stream in streams(command, states, facts):
        state = states[stream]
        assert isinstance(state, Resource)  # by its stream's name
        try:
            events[stream] = resources.decide(command, state, facts)
        except Rejection as reason:
            refused[stream] = reason
    if not events:
        raise min(refused.values(), key=lambda reason: list(Code).index(reason.code))
    return Decision(events, refused=refused)


def clearings(decision: Decision) -> dict[str, ResourceCleared]:
    """Return the clearings of a decision by resource name."""
    return {
        stream.partition("/")[2]: event
        for stream, events in decision.events.items()
        for event in events
        if isinstance(event, ResourceCleared)
    }
