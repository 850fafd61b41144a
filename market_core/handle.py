"""One command over the streams that it touches: the only place that composes several streams.

`streams` says what to load, `handle` what happens. Both are pure; `Market` and the server's service call
them, and neither composes on its own. A stream is named `auction/ID`, `resource/NAME`, `agent/ID` or `capability/NAME`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from market_core import agent as agents
from market_core import auction as auctions
from market_core import auction_rules, bundling, expecting, outcomes, pools, together
from market_core import book as books
from market_core import capability as capabilities
from market_core import ledger as ledgers
from market_core import resource as resources
from market_core.agent import Agent
from market_core.auction import Auction, binding
from market_core.book import BundleDemand, Resource
from market_core.capability import Capability
from market_core.commands import (
    AggregateDemand,
    AnyCommand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    Grant,
    Lapse,
    OfferResources,
    RegisterAgent,
    ReportOutcome,
    RequestBundle,
    RequestResources,
    SettleDispute,
    SubmitBid,
    Vouch,
    Withdraw,
)
from market_core.events import (
    AuctionAwarded,
    AuctionCreated,
    BidSubmitted,
    Event,
    ResourceCleared,
    Winner,
    WorkDelivered,
    WorkWon,
)
from market_core.facts import Facts
from market_core.rejections import Code, Rejection, first
from market_core.values import auction_of, name_of, owner_of, resource_of, total

State = Auction | Resource | Agent | Capability
States = Mapping[str, State]

_NOBODY = Agent()


class Decision(NamedTuple):
    """The events of a command by stream, and the streams that must not have moved meanwhile (`guards`)."""

    events: dict[str, list[Event]]
    guards: tuple[str, ...] = ()
    refused: Mapping[str, Rejection] = MappingProxyType({})
    """Streams of a many-stream command in which nothing happened, with the reason."""


def auction_stream(auction_id: str) -> str:
    """Return the stream of an auction."""
    return f"auction/{auction_id}"


@lru_cache(maxsize=1024)  # each event and row of a resource asks for it
def resource_stream(name: str) -> str:
    """Return the stream of a resource, whatever way its name is written."""
    return f"resource/{name_of(name)}"


def agent_stream(agent_id: str) -> str:
    """Return the stream of an agent."""
    return f"agent/{agent_id}"


def capability_stream(name: str) -> str:
    """Return the stream of a capability, by its normalised name."""
    return f"capability/{name}"


def new_state(stream: str) -> State:
    """Return the state of a stream without events."""
    match stream.partition("/")[0]:
        case "auction":
            return Auction()
        case "resource":
            return Resource()
        case "agent":
            return Agent(stream.partition("/")[2])
        case "capability":
            return Capability()
    raise ValueError(f"no such kind of stream: {stream}")


def evolve(state: State, event: Event) -> State:
    """Return `state` after `event`; the state given may be consumed."""
    match state:
        case Auction():
            return auctions.evolve(state, event)
        case Resource():
            return books.evolve(state, event)
        case Agent():
            return agents.evolve(state, event)
        case Capability():
            return capabilities.evolve(state, event)


def streams(command: AnyCommand, found: States, facts: Facts) -> tuple[str, ...]:
    """Return the streams that `command` reads or writes, as far as `found` tells; ask until nothing is new."""
    match command:
        case SubmitBid():
            return _bid_streams(command, found)
        case CreateAuction():
            return (auction_stream(f"auc_{facts.token}"),)
        case Withdraw():
            return _with_bundles(_stream_of(command.id), found, lambda bundle: bundle.bundle_id == command.id)
        case CloseAuction():
            return (auction_stream(command.auction_id),)
        case AwardAuction():
            return _award_streams(command, found, facts)
        case ReportOutcome() | SettleDispute():
            return _report_streams(command, found)
        case RequestResources():
            return (resource_stream(command.resource), agent_stream(owner_of(command.agent)))
        case RequestBundle():
            return (*map(resource_stream, command.bundle), agent_stream(owner_of(command.agent)))
        case OfferResources() | DeclareResource():
            return (resource_stream(command.resource),)
        case AggregateDemand():
            named = tuple(resource_stream(name) for name in dict.fromkeys(command.resources))
            return (*named, auction_stream(f"auc_{facts.token}")) if command.via == "auction" else named
        case RegisterAgent() | Grant() | Vouch():
            whose = command.agent if isinstance(command, RegisterAgent) else owner_of(command.owner)
            return (agent_stream(whose),)
        case Lapse():
            return _lapse_streams(command, found, facts)


_LONG = 20_000  # entries in a book


def takes_long(found: States, command: AnyCommand) -> bool:
    """Return whether `handle` may take so long that nobody else should have to wait for it."""
    books = [state for state in found.values() if isinstance(state, Resource)]
    return isinstance(command, AggregateDemand | Lapse) and any(
        len(book.demand) + len(book.offers) > _LONG for book in books
    )


def _lapse_streams(command: Lapse, found: States, facts: Facts) -> tuple[str, ...]:
    """The stream; and where a pool's auction is over, the resource it buys for."""
    match found.get(command.stream):
        case Auction() as auction if pools.is_due(auction, facts):
            return (command.stream, f"resource/{resource_of(auction.terms.pool)}")
    return _with_bundles(command.stream, found, lambda bundle: not books.live([bundle], facts.now))


def _with_bundles(stream: str, found: States, meant: Callable[[BundleDemand], bool]) -> tuple[str, ...]:
    """Return a stream, and those of the other resources in the bundles of its book that are meant."""
    book = found.get(stream)
    bundles = book.bundles.values() if isinstance(book, Resource) else ()
    names = (name for bundle in bundles if meant(bundle) for name in bundle.amounts)
    return tuple(dict.fromkeys((stream, *map(resource_stream, names))))


def _award_streams(command: AwardAuction, found: States, facts: Facts) -> tuple[str, ...]:
    """The auctions; then the agents that win something, or whose capacity counts where several are decided."""
    names = tuple(map(auction_stream, command.auctions))
    auctions = [state for name in names if isinstance(state := found.get(name), Auction)]
    if len(auctions) < len(names):
        return names
    agents: tuple[str, ...] = ()
    read = () if command.instead_of else tuple(dict.fromkeys(_rests_on(auctions, facts.now)))
    if not found.keys() >= set(read):
        return (*names, *read)
    if len(names) > 1:
        agents = together.bidders(auctions, facts.now)
    else:
        with suppress(Rejection):  # it is raised where the award is handled
            agents = tuple(winner.agent for winner in _winners(_decided(found, auctions[0], command, facts)))
    won = (stream for agent in agents for stream in _record_streams(agent))
    return tuple(dict.fromkeys((*names, *read, *won)))


def _rests_on(auctions: Iterable[Auction], now: datetime) -> Iterable[str]:
    """The streams that scores rest on, where an auction goes by track records."""
    for auction in auctions:
        if auction.created is not None and auction.terms.scoring.use_track_record:
            for bid in binding(auction, now):
                yield from _record_streams(bid.bidder)
            yield from map(capability_stream, auction.terms.requirements.capabilities)


def rests_on(auctions: Iterable[Auction], now: datetime) -> tuple[str, ...]:
    """Return the streams that `based` reads beside the auctions."""
    return tuple(dict.fromkeys(_rests_on(auctions, now)))


def based(states: States, auction: Auction, now: datetime) -> Auction:
    """Return an auction with what its scores rest on, where it goes by track records: those of when its bidding was over."""
    if auction.created is None or not auction.terms.scoring.use_track_record or auction.award is not None:
        return auction
    found = {name.partition("/")[2]: s for name, s in states.items() if isinstance(s, Agent)}
    known = {name: states.get(capability_stream(name)) for name in auction.terms.requirements.capabilities}
    priors = {name: state.prior for name, state in known.items() if isinstance(state, Capability)}
    moment = ledgers.seconds_of(together.closed_at([auction], now))
    rests = expecting.basis(auction.terms, binding(auction, now), found, priors, moment)
    return replace(auction, basis=rests, prepared=None, final=None)


def _record_streams(agent: str) -> tuple[str, ...]:
    """The streams that an agent's work and outcomes are entered in: its own and its owner's, which may be one."""
    return tuple(dict.fromkeys((agent_stream(agent), agent_stream(owner_of(agent)))))


def _decided(states: States, auction: Auction, command: AwardAuction, facts: Facts) -> list[Event]:
    """Return what an award makes of one auction, decided once for the same facts."""
    if auction.prepared is None or auction.prepared[0] is not facts:
        if command.instead_of is None:
            events = auction_rules.decide(command, based(states, auction, facts.now), facts)
        else:
            events = [outcomes.award_again(command, auction, facts)]
        auction.prepared = facts, events
    return auction.prepared[1]


def _winners(events: Iterable[Event]) -> list[Winner]:
    return [winner for event in events if isinstance(event, AuctionAwarded) for winner in event.winners]


def _bid_streams(command: SubmitBid, found: States) -> tuple[str, ...]:
    """The bidder's card is read only where the auction asks for something that stands there, or can be won at once."""
    stream = auction_stream(command.auction_id)
    auction = found.get(stream)
    if not isinstance(auction, Auction) or auction.created is None:
        return (stream,)
    if auction.created.schedule:
        return (stream, *_record_streams(command.agent))
    return (stream, agent_stream(command.agent)) if auction.asks_of_card else (stream,)


def _report_streams(command: ReportOutcome | SettleDispute, found: States) -> tuple[str, ...]:
    stream = auction_stream(command.auction_id)
    auction = found.get(stream)
    if not isinstance(auction, Auction):
        return (stream,)
    winners = {winner.agent for winner in auction.winners}
    named = command.provider
    if isinstance(command, ReportOutcome) and command.success is None:
        named = command.agent
    about = {named} & winners if named else winners
    if len(about) != 1:
        return (stream,)
    (provider,) = about
    asked = map(capability_stream, auction.terms.requirements.capabilities)
    return (stream, *_record_streams(provider), *asked)


def _stream_of(some_id: str) -> str:
    """Return the stream that an id belongs to, by its prefix. Raises the Rejection `unknown_id`."""
    match some_id.partition("_")[0]:
        case "auc":
            return auction_stream(some_id)
        case "bid":
            return auction_stream(auction_of(some_id))
        case "dem" | "off" | "bun":
            return f"resource/{resource_of(some_id)}"
    raise Rejection(Code.UNKNOWN_ID)


def handle(states: States, command: AnyCommand, facts: Facts) -> Decision:
    """Return what `command` does, given the states of its `streams`; raise the Rejection that applies first."""
    match command:
        case SubmitBid():
            return _bid(states, command, facts)
        case AwardAuction():
            return _award(states, command, facts)
        case ReportOutcome() | SettleDispute():
            return _report(states, command, facts)
        case AggregateDemand(via="auction"):
            return _open_pool(states, command, facts)
        case AggregateDemand(via="bundles"):
            return _aggregate_bundles(states, command, facts)
        case AggregateDemand():
            return _aggregate(states, command, facts)
        case RequestBundle():
            return _post_bundle(states, command, facts)
        case Lapse() if (
            isinstance(states[command.stream], Auction) and len(streams(command, states, facts)) > 1
        ):
            return _settle_pool(states, streams(command, states, facts), facts)
        case Withdraw() | Lapse() if len(names := streams(command, states, facts)) > 1:
            return Decision({name: _in_book(states[name], command, facts) for name in names})
    stream = streams(command, states, facts)[0]
    state = states[stream]
    match state:
        case Auction():
            events = _in_auction(state, command, facts)
        case Resource():
            events = resources.decide(command, state, facts, _owner(states, command))
        case Agent():
            assert isinstance(
                command, RegisterAgent | Grant | Vouch
            )  # the commands for an agent's stream alone
            events = agents.decide(state, command, facts)
    return Decision({stream: events})


def _in_auction(auction: Auction, command: AnyCommand, facts: Facts) -> list[Event]:
    late = outcomes.overdue(auction, facts) if isinstance(command, Lapse) else []
    return [*auction_rules.decide(command, auction, facts), *late]


def _in_book(book: State, command: Withdraw | Lapse, facts: Facts) -> list[Event]:
    assert isinstance(book, Resource)  # what has demand for bundles
    return resources.decide(command, book, facts)


def _post_bundle(states: States, command: RequestBundle, facts: Facts) -> Decision:
    owner = states[agent_stream(owner_of(command.agent))]
    assert isinstance(owner, Agent)  # by its stream's name
    posted = resources.post_bundle(command, _books(states, command.bundle), facts, owner)
    return Decision({resource_stream(name): events for name, events in posted.items()})


def _aggregate_bundles(states: States, command: AggregateDemand, facts: Facts) -> Decision:
    """Clear the demand for bundles once; the clearing stands in the book of each resource."""
    named = _books(states, dict.fromkeys(command.resources))
    event = bundling.clear(named, command, facts)
    return Decision({resource_stream(name): [event] for name in named})


def _books(states: States, names: Iterable[str]) -> dict[str, Resource]:
    found = {name: states[resource_stream(name)] for name in names}
    return {
        name: book for name, book in found.items() if isinstance(book, Resource)
    }  # all, by their streams' names


def _owner(states: States, command: AnyCommand) -> Agent | None:
    if not isinstance(command, RequestResources):
        return None
    owner = states[agent_stream(owner_of(command.agent))]
    assert isinstance(owner, Agent)  # by its stream's name
    return owner


def _award(states: States, command: AwardAuction, facts: Facts) -> Decision:
    """An award stands in the auction, and as work in the record of each winner.

    Where several auctions are decided, nobody whose capacity counted may meanwhile have won or finished something.
    """
    names = tuple(map(auction_stream, command.auctions))
    auctions = [state for name in names if isinstance(state := states[name], Auction)]
    if len(names) > 1:
        ended = together.ended(auctions, command, facts)
        scored = [based(states, auction, facts.now) for auction in auctions]
        decided = together.awarded(scored, facts, capacity(states, auctions, facts.now))
        made = [closing + award for closing, award in zip(ended, decided, strict=True)]
        guards = tuple(map(agent_stream, together.bidders(auctions, facts.now)))
    else:
        made = [_decided(states, auctions[0], command, facts)]
        guards = ()
    events = dict(zip(names, made, strict=True))
    for auction, happened in zip(auctions, made, strict=True):
        for stream, work in _work_won(auction, happened).items():
            events.setdefault(stream, []).extend(work)
    return Decision(events, guards)


def capacity(states: States, auctions: Sequence[Auction], now: datetime) -> dict[str, int]:
    """Return how much more work each bidder takes that has a limit, by the one it had when the bidding was over."""
    moment = together.closed_at(auctions, now)
    found: dict[str, int] = {}
    for bidder in together.bidders(auctions, now):
        agent = states[agent_stream(bidder)]
        assert isinstance(agent, Agent)  # by its stream's name
        most = agents.capacity(agent, moment)
        if most is not None:
            found[bidder] = most
    return found


def _work_won(auction: Auction, events: Sequence[Event]) -> dict[str, list[Event]]:
    """Return the work that an award among `events` gives, by the winners' streams."""
    award = next((event for event in events if isinstance(event, AuctionAwarded)), None)
    if award is None:
        return {}
    just_made = {event.bid_id: event for event in events if isinstance(event, BidSubmitted)}
    by_agent: dict[str, list[tuple[Winner, BidSubmitted]]] = {}
    for winner in award.winners:
        bid = just_made.get(winner.bid_id) or auction.bids[auction.slot_of[winner.bid_id]]
        by_agent.setdefault(winner.agent, []).append((winner, bid))
    made: dict[str, list[Event]] = {}
    for agent, won in by_agent.items():
        for stream in _record_streams(agent):
            made.setdefault(stream, []).append(_work(auction.terms, agent, award, won))
    return made


def _work(
    terms: AuctionCreated, agent: str, award: AuctionAwarded, won: Sequence[tuple[Winner, BidSubmitted]]
) -> WorkWon:
    times = [bid.estimated_time for _, bid in won if bid.estimated_time is not None]
    expected = award.basis.expected if award.basis else ()
    return WorkWon(
        award.at,
        terms.auction_id,
        agent,
        terms.buyer,
        total(winner.payment for winner, _ in won),
        max(times, default=None),
        terms.requirements.capabilities,
        any(one.agent == agent and one.bonus for one in expected),
    )


def _bid(states: States, command: SubmitBid, facts: Facts) -> Decision:
    """A bid stands in the auction alone; the bidder's card is only looked at. A Dutch offer that is taken is work won."""
    stream = auction_stream(command.auction_id)
    auction = states[stream]
    assert isinstance(auction, Auction)  # by its stream's name
    provider = states[agent_stream(command.agent)] if auction.asks_of_card else _NOBODY
    assert isinstance(provider, Agent)  # likewise
    events = auction_rules.bid(command, auction, facts, provider)
    work = _work_won(auction, events) if auction.terms.schedule else {}
    return Decision({stream: events} | work)


def _report(states: States, command: ReportOutcome | SettleDispute, facts: Facts) -> Decision:
    """What is said of an outcome stands in the auction, and in the records of provider and owner; never in these alone."""
    stream = auction_stream(command.auction_id)
    state = states[stream]
    assert isinstance(state, Auction)  # by its stream's name
    event = outcomes.said(command, state, facts)
    events: dict[str, list[Event]] = {name: [event] for name in (stream, *_record_streams(event.provider))}
    if isinstance(event, WorkDelivered) or owner_of(event.provider) == owner_of(event.buyer):
        return Decision(events)
    owner = states[agent_stream(owner_of(event.provider))]
    assert isinstance(owner, Agent)  # by its stream's name
    record = ledgers.after(owner.family, event)
    for name in state.terms.requirements.capabilities:
        known = states[capability_stream(name)]
        assert isinstance(known, Capability)  # likewise
        events[capability_stream(name)] = capabilities.observe(
            known, name, owner_of(event.provider), record, facts.now
        )
    return Decision(events)


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
        raise first(refused.values())
    return Decision(events, refused=refused)


def _open_pool(states: States, command: AggregateDemand, facts: Facts) -> Decision:
    resource, auction = streams(command, states, facts)
    book = states[resource]
    assert isinstance(book, Resource)  # by its stream's name
    opened, created = pools.open_pool(command, book, facts)
    return Decision({resource: opened, auction: created})


def _settle_pool(states: States, names: tuple[str, ...], facts: Facts) -> Decision:
    """What a pool's auction decides stands in it and in the resource that it buys for."""
    auction, book = (states[name] for name in names)
    assert isinstance(auction, Auction)  # by their streams' names
    assert isinstance(book, Resource)
    decided, cleared = pools.settle(auction, book, facts)
    return Decision(dict(zip(names, (decided, cleared), strict=True)))


def clearings(decision: Decision) -> dict[str, ResourceCleared]:
    """Return the clearings of a decision by resource name."""
    return {
        stream.partition("/")[2]: event
        for stream, events in decision.events.items()
        for event in events
        if isinstance(event, ResourceCleared)
    }
