"""Standing bids: a card says them, a capability knows who has one, a new auction takes them in at once."""

from contextlib import suppress
from dataclasses import replace

from market_core import agent as agents
from market_core import auction as auctions
from market_core import auction_rules
from market_core.agent import Agent
from market_core.auction import Auction
from market_core.canonical import digest
from market_core.capability import Capability
from market_core.commands import CreateAuction, RegisterAgent, SubmitBid
from market_core.events import BidSubmitted, Event, StandingChanged
from market_core.facts import Facts
from market_core.rejections import Rejection
from market_core.streams import Decision, States, agent_stream, auction_stream, capability_stream

MOST_STANDING = 500
"""Standing bids that enter one auction."""


def card_streams(command: RegisterAgent, found: States) -> tuple[str, ...]:
    """Return the agent, and the capabilities for which it has a standing bid, or had one."""
    stream = agent_stream(command.agent)
    card = state.registered if isinstance(state := found.get(stream), Agent) else None
    before = card.standing_bids if card else {}
    return (stream, *map(capability_stream, dict.fromkeys((*before, *command.standing_bids))))


def create_streams(command: CreateAuction, found: States, facts: Facts) -> tuple[str, ...]:
    """Return the auction; and where standing bids may enter it, its capabilities and the agents that have one for each."""
    stream = auction_stream(f"auc_{facts.token}")
    if not _takes_standing(command):
        return (stream,)
    asked = tuple(map(capability_stream, command.requirements.capabilities))
    return (stream, *asked, *map(agent_stream, _standing(command, found, facts)))


def _takes_standing(command: CreateAuction) -> bool:
    """Standing bids are for one task, by score."""
    several = command.lots or command.quantity > 1 or command.format == "dutch"
    return bool(command.requirements.capabilities) and not several


def _standing(command: CreateAuction, found: States, facts: Facts) -> list[str]:
    """Return the agents with a standing bid for each capability asked, as many as may enter, drawn by the nonce."""
    known = [found.get(capability_stream(name)) for name in command.requirements.capabilities]
    sets = [state.standing for state in known if isinstance(state, Capability)]
    able = set.intersection(*sets) if len(sets) == len(known) else set()
    if command.invite:
        able &= set(command.invite)
    drawn = sorted(able, key=lambda agent: digest("standing", facts.nonce, agent))
    return sorted(drawn[:MOST_STANDING])


def create(states: States, command: CreateAuction, facts: Facts) -> Decision:
    """A new auction, and the standing bids that enter it at once; one that the auction would refuse stays out."""
    stream = auction_stream(f"auc_{facts.token}")
    auction = states[stream]
    assert isinstance(auction, Auction)  # by its stream's name
    events = auction_rules.decide(command, auction, facts)
    if not _takes_standing(command):
        return Decision({stream: events})
    entered = auctions.evolve(Auction(), events[0])
    guards = []
    for place, name in enumerate(_standing(command, states, facts)):
        provider = states[agent_stream(name)]
        assert isinstance(provider, Agent)  # likewise
        with suppress(Rejection):
            made = _entered(name, provider, entered, facts._replace(token=f"{facts.token}s{place}"))
            for event in made:
                entered = auctions.evolve(entered, event)
            events = [*events, *made]
            guards += [agent_stream(name)] if made else []
    return Decision({stream: events}, tuple(guards))


def _entered(name: str, provider: Agent, auction: Auction, facts: Facts) -> list[Event]:
    """Return the bid that an agent's standing bids make in a new auction; none without a rate or capacity for it."""
    asked = auction.terms.requirements.capabilities
    offered = agents.standing_bid(provider, asked)
    if offered is None or agents.room(provider, asked) == 0:
        return []
    bid = SubmitBid(
        agent=name,
        auction_id=auction.terms.auction_id,
        cost=offered.cost,
        estimated_time=offered.estimated_time,
        quality=offered.quality,
    )
    made = auction_rules.bid(bid, auction, facts, provider)
    return [replace(event, standing=asked) if isinstance(event, BidSubmitted) else event for event in made]


def register(states: States, command: RegisterAgent, facts: Facts) -> Decision:
    """A card; and in each capability whether the agent has a standing bid for it."""
    stream = agent_stream(command.agent)
    agent = states[stream]
    assert isinstance(agent, Agent)  # by its stream's name
    events: dict[str, list[Event]] = {stream: agents.decide(agent, command, facts)}
    for name in card_streams(command, states)[1:]:
        known, capability = states[name], name.partition("/")[2]
        assert isinstance(known, Capability)  # likewise
        stands = capability in command.standing_bids
        if (command.agent in known.standing) != stands:
            events[name] = [StandingChanged(facts.now, capability, command.agent, stands)]
    return Decision(events)
