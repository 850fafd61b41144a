"""One command over the streams that it touches: the only place that composes several streams.

`streams` says what to load, `handle` what happens. Both are pure; `Market` and the server's service call
them, and neither composes on its own. A stream is named `auction/ID`, `resource/NAME`, `agent/ID` or `capability/NAME`.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from market_core import agent as agents
from market_core import auction as auctions
from market_core import (
    auction_rules,
    bookkeeping,
    bundling,
    outcomes,
    pools,
    resting,
    standing_bids,
    together,
)
from market_core import book as books
from market_core import capability as capabilities
from market_core import resource as resources
from market_core.agent import Agent
from market_core.auction import Auction
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
    WorkWon,
)
from market_core.facts import Facts
from market_core.rejections import Code, Rejection, first
from market_core.resting import based, next_after, rests_on, standing_streams, together_based
from market_core.streams import (
    Decision,
    State,
    States,
    agent_stream,
    auction_stream,
    capability_stream,
    record_streams,
    resource_stream,
)
from market_core.values import auction_of, owner_of, resource_of, total

__all__ = [
    "Decision",
    "State",
    "States",
    "agent_stream",
    "auction_stream",
    "based",
    "capability_stream",
    "capacity",
    "clearings",
    "evolve",
    "handle",
    "new_state",
    "next_after",
    "resource_stream",
    "rests_on",
    "streams",
    "together_based",
]

_NOBODY = Agent()


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
            return bookkeeping.evolve(state, event)
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
            return standing_bids.create_streams(command, found, facts)
        case Withdraw():
            return _with_bundles(_stream_of(command.id), found, lambda bundle: bundle.bundle_id == command.id)
        case CloseAuction():
            return (auction_stream(command.auction_id),)
        case AwardAuction():
            return _award_streams(command, found, facts)
        case ReportOutcome() | SettleDispute():
            return resting.report_streams(command, found, facts)
        case RequestResources() | RequestBundle():
            named = tuple(command.bundle) if isinstance(command, RequestBundle) else (command.resource,)
            return (*map(resource_stream, named), agent_stream(owner_of(command.agent)))
        case OfferResources() | DeclareResource():
            return (resource_stream(command.resource),)
        case AggregateDemand():
            named = tuple(resource_stream(name) for name in dict.fromkeys(command.resources))
            return (*named, auction_stream(f"auc_{facts.token}")) if command.via == "auction" else named
        case RegisterAgent() | Grant() | Vouch():
            if isinstance(command, RegisterAgent):
                return standing_bids.card_streams(command, found)
            return (agent_stream(owner_of(command.owner)),)
        case Lapse():
            return _lapse_streams(command, found, facts)


_LONG = 20_000  # entries in a book
_LONG_CHOICES = 600  # where some have minimums or tiers


def takes_long(found: States, command: AnyCommand) -> bool:
    """Return whether `handle` may take so long that nobody else should have to wait for it."""
    return isinstance(command, AggregateDemand | Lapse) and any(
        isinstance(book, Resource) and _is_long(book) for book in found.values()
    )


def _is_long(book: Resource) -> bool:
    entries = len(book.demand) + len(book.offers)
    if not _LONG_CHOICES < entries <= _LONG:
        return entries > _LONG
    return books.any_choice(book.demand.values()) or books.any_choice(book.offers.values())


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
    if command.instead_of is None:
        read = tuple(dict.fromkeys(rests_on(auctions, facts.now)))
    else:
        read = resting.left_streams(auctions[0], command.instead_of, facts.now)
    if not found.keys() >= set(read):
        return (*names, *read)
    if len(names) > 1:
        agents = together.bidders(auctions, facts.now)
    else:
        with suppress(Rejection):  # it is raised where the award is handled
            agents = tuple(winner.agent for winner in _winners(_decided(found, auctions[0], command, facts)))
    won = (stream for agent in agents for stream in record_streams(agent))
    return tuple(dict.fromkeys((*names, *read, *won)))


def _decided(states: States, auction: Auction, command: AwardAuction, facts: Facts) -> list[Event]:
    """Return what an award makes of one auction: decided once for the same facts.

    What it rests on besides the bids may have changed since it was first asked, by another command of the same turn.
    """
    again = command.instead_of
    if again is None:
        rests = based(states, auction, facts.now)
    else:
        rests = resting.left(states, auction, again, facts.now)
    known = auction.prepared
    if known is None or known[0] is not facts or known[1] != rests.basis:
        if again is None:
            events = auction_rules.decide(command, rests, facts)
        else:
            events = [outcomes.award_again(command, auction, rests, facts)]
        known = auction.prepared = facts, rests.basis, events
    return known[2]


def _winners(events: Iterable[Event]) -> list[Winner]:
    return [winner for event in events if isinstance(event, AuctionAwarded) for winner in event.winners]


def _bid_streams(command: SubmitBid, found: States) -> tuple[str, ...]:
    """The bidder's card is read only where the auction asks for something that stands there, or can be won at once."""
    stream = auction_stream(command.auction_id)
    auction = found.get(stream)
    if not isinstance(auction, Auction) or auction.created is None:
        return (stream,)
    if auction.created.schedule:
        return (stream, *record_streams(command.agent))
    return (stream, agent_stream(command.agent)) if auction.asks_of_card else (stream,)


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
    made = _of_auctions(states, command, facts) or _of_resources(states, command, facts)
    if made is not None:
        return made
    stream = streams(command, states, facts)[0]
    state = states[stream]
    match state:
        case Auction():
            events = _in_auction(state, command, facts)
        case Resource():
            events = resources.decide(command, state, facts, _owner(states, command))
        case Agent():
            assert isinstance(command, Grant | Vouch)  # the commands for an agent's stream alone
            events = agents.decide(state, command, facts)
    return Decision({stream: events})


def _of_auctions(states: States, command: AnyCommand, facts: Facts) -> Decision | None:
    """What touches an auction and other streams."""
    match command:
        case SubmitBid():
            return _bid(states, command, facts)
        case CreateAuction():
            return standing_bids.create(states, command, facts)
        case RegisterAgent():
            return standing_bids.register(states, command, facts)
        case AwardAuction():
            return _award(states, command, facts)
        case ReportOutcome() | SettleDispute():
            return resting.report(states, command, facts)
    return None


def _of_resources(states: States, command: AnyCommand, facts: Facts) -> Decision | None:
    """What touches a resource and other streams."""
    match command:
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
    return None


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
        scored = resting.together_based(states, auctions, facts.now)
        decided = together.awarded(scored, facts, capacity(states, scored, facts.now))
        made = [closing + award for closing, award in zip(ended, decided, strict=True)]
        guards = tuple(map(agent_stream, together.bidders(auctions, facts.now)))
    else:
        made = [_decided(states, auctions[0], command, facts)]
        if command.instead_of is None:
            guards = standing_streams(auctions[0], facts.now)
        else:
            guards = resting.left_streams(auctions[0], command.instead_of, facts.now)
    events = dict(zip(names, made, strict=True))
    for auction, happened in zip(auctions, made, strict=True):
        for stream, work in _work_won(auction, happened).items():
            events.setdefault(stream, []).extend(work)
    return Decision(events, guards)


def capacity(states: States, auctions: Sequence[Auction], now: datetime) -> dict[str, int]:
    """Return how much more work each bidder takes that has a limit, by the one it had when the bidding was over.

    Whose standing bids leave it less room than they are auctions, wins no more than that.
    """
    moment = together.closed_at(auctions, now)
    found: dict[str, int] = {}
    for bidder in together.bidders(auctions, now):
        agent = states[agent_stream(bidder)]
        assert isinstance(agent, Agent)  # by its stream's name
        most = agents.capacity(agent, moment)
        if most is not None:
            found[bidder] = most
    for bidder, room in resting.standing_room(states, auctions, now).items():
        found[bidder] = min(room, found.get(bidder, room))
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
        for stream in record_streams(agent):
            made.setdefault(stream, []).append(_work(auction.terms, agent, award, won))
    return made


def _work(
    terms: AuctionCreated, agent: str, award: AuctionAwarded, won: Sequence[tuple[Winner, BidSubmitted]]
) -> WorkWon:
    times = [bid.estimated_time for _, bid in won if bid.estimated_time is not None]
    expected = award.basis.expected if award.basis else ()
    explored = any(one.agent == agent and one.bonus for one in expected)
    return WorkWon(
        award.at,
        terms.auction_id,
        agent,
        terms.buyer,
        total(winner.payment for winner, _ in won),
        max(times, default=None),
        terms.requirements.capabilities,
        explored,
        outcomes.due(award.at, max(times, default=None), award.grace) if explored else None,
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
            if reason.code == Code.BUSY:  # it must be solved first, and then all of them are decided
                raise
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
