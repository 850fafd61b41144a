"""What an award rests on beside the bids, and where the outcomes go that later awards rest on."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from operator import is_

from market_core import agent as agents
from market_core import capability as capabilities
from market_core import expecting, outcomes, together
from market_core import ledger as ledgers
from market_core.agent import Agent, explores
from market_core.auction import Auction, binding
from market_core.awards import awarded
from market_core.capability import Capability
from market_core.commands import ReportOutcome, SettleDispute
from market_core.events import Basis, BidSubmitted, Event, Winner, WorkDelivered
from market_core.facts import Facts
from market_core.mechanisms.reliability import Prior
from market_core.rejections import Rejection
from market_core.streams import (
    Decision,
    States,
    agent_stream,
    auction_stream,
    capability_stream,
    record_streams,
)
from market_core.values import owner_of


def _rests_on(auctions: Iterable[Auction], now: datetime) -> Iterable[str]:
    """The streams that an award rests on: of who has a standing bid, and of all where it goes by track records."""
    for auction in auctions:
        if auction.created is None or auction.award is not None:
            continue
        yield from standing_streams(auction, now)
        if auction.terms.scoring.use_track_record:
            for bid in binding(auction, now):
                yield from record_streams(bid.bidder)
            yield from map(capability_stream, auction.terms.requirements.capabilities)


def left_streams(auction: Auction, failed: str, now: datetime) -> tuple[str, ...]:
    """Return the streams that `left` reads: of the agents whose standing bids may do what a winner failed to do."""
    if auction.created is None or not auction.entered:
        return ()
    return standing_streams(outcomes.remainder(auction, failed), now)


def standing_streams(auction: Auction, now: datetime) -> tuple[str, ...]:
    """Return the streams of the agents whose standing bids are in an auction."""
    if not auction.entered:
        return ()
    return tuple(agent_stream(bid.bidder) for bid in binding(auction, now) if bid.standing)


def rests_on(auctions: Iterable[Auction], now: datetime) -> tuple[str, ...]:
    """Return the streams that `based` reads beside the auctions."""
    return tuple(dict.fromkeys(_rests_on(auctions, now)))


def based(states: States, auction: Auction, now: datetime) -> Auction:
    """Return an auction with what its award rests on beside its bids.

    That is who has a standing bid and no capacity left now; and where it goes by track records, what they said when
    its bidding was over.
    """
    if auction.award is not None or not auction.rests_on_records:
        return auction
    found = {name.partition("/")[2]: s for name, s in states.items() if isinstance(s, Agent)}
    bids = binding(auction, now)
    busy = _busy(states, bids)
    if not auction.terms.scoring.use_track_record:
        rests = Basis("", (), None, busy)
        return replace(auction, basis=rests, prepared=None, final=None) if busy else auction
    known = {name: states.get(capability_stream(name)) for name in auction.terms.requirements.capabilities}
    priors = {name: state.prior for name, state in known.items() if isinstance(state, Capability)}
    moment = ledgers.seconds_of(together.closed_at([auction], now))
    rests = _expected(auction, bids, found, priors, moment)
    return replace(auction, basis=replace(rests, at_capacity=busy), prepared=None, final=None)


def _busy(states: States, bids: Sequence[BidSubmitted]) -> tuple[str, ...]:
    """Return who has a standing bid among `bids` and no capacity for it now."""
    standing = (bid for bid in bids if bid.standing)
    return tuple(sorted(bid.bidder for bid in standing if _room(states, bid) == 0))


def _room(states: States, bid: BidSubmitted) -> int | None:
    """Return how much more work a standing bid takes now, None for any amount."""
    agent = states.get(agent_stream(bid.bidder))
    return agents.room(agent, bid.standing) if isinstance(agent, Agent) else 0


def left(states: States, auction: Auction, failed: str, now: datetime) -> Auction:
    """Return the auction of what a winner failed to do, with who has a standing bid and no capacity left for it now."""
    rest = outcomes.remainder(auction, failed)
    return outcomes.remainder(auction, failed, _busy(states, binding(rest, now)))


def next_after(states: States, auction: Auction, failed: str, facts: Facts) -> tuple[Winner, ...]:
    """Return who would do what a winner failed to do; nobody where nobody is left, or where finding out takes long."""
    with suppress(Rejection):
        rest = left(states, auction, failed, facts.now)
        return awarded(rest, facts._replace(may_solve=False, solutions=())).winners
    return ()


def together_based(states: States, auctions: Sequence[Auction], now: datetime) -> list[Auction]:
    """Return auctions that are decided as one, as `based` does each: an owner is explored in one of them.

    The standing bids of who has bid in as many of them itself as they leave it room for do not count either.
    """
    alone = [based(states, auction, now) for auction in auctions]
    rests = {auction.terms.auction_id: auction.basis for auction in alone if auction.basis is not None}
    rests = expecting.explored_once(rests)
    busy = {bidder for bidder, room in standing_room(states, alone, now).items() if not room}
    return [_as_one(auction, rests.get(auction.terms.auction_id), busy, now) for auction in alone]


def _as_one(auction: Auction, rests: Basis | None, busy: set[str], now: datetime) -> Auction:
    out = {bid.bidder for bid in binding(auction, now) if bid.standing} & busy
    if out:
        known = rests or _NOTHING
        rests = replace(known, at_capacity=tuple(sorted({*known.at_capacity, *out})))
    return auction if rests == auction.basis else replace(auction, basis=rests, prepared=None, final=None)


_NOTHING = Basis("", (), None)


def standing_room(states: States, auctions: Sequence[Auction], now: datetime) -> dict[str, int]:
    """Return how much an agent with standing bids in several auctions may win of them, where they leave it less than all.

    Bids that it made itself are meant for each of their auctions, so they come first; 0 where they use up the room.
    Of rates with different room the least counts.
    """
    if not any(auction.entered for auction in auctions):
        return {}
    own, rooms, standing = Counter[str](), dict[str, int](), Counter[str]()
    for bid in (bid for auction in auctions for bid in binding(auction, now)):
        if not bid.standing:
            own[bid.bidder] += 1
            continue
        standing[bid.bidder] += 1
        room = _room(states, bid)
        if room is not None:
            rooms[bid.bidder] = min(room, rooms.get(bid.bidder, room))
    return {
        agent: room if own[agent] < room else 0
        for agent, room in rooms.items()
        if room < own[agent] + standing[agent]
    }


def _expected(
    auction: Auction,
    bids: Sequence[BidSubmitted],
    found: Mapping[str, Agent],
    priors: Mapping[str, Prior],
    moment: int,
) -> Basis:
    """Return what is expected of the bidders; anew only if a bid or a record is another than the last time.

    It is asked several times for one award, and takes most of its time. Bids, records and priors never change: what is
    new is another object.
    """
    agents = (found.get(name) for bid in bids for name in (bid.bidder, owner_of(bid.bidder)))
    of_agents = (
        part
        for agent in agents
        if agent is not None
        for part in (agent.record, agent.family.record, agent.vouched, explores(agent, moment))
    )
    key = (moment, *bids, *of_agents, *priors.values())
    if auction.rested is not None:
        before, rests = auction.rested
        if len(before) == len(key) and before[0] == moment and all(map(is_, before[1:], key[1:])):
            return rests
    rests = expecting.basis(auction.terms, bids, found, priors, moment)
    auction.rested = key, rests
    return rests


def report_streams(command: ReportOutcome | SettleDispute, found: States, facts: Facts) -> tuple[str, ...]:
    """Return the auction; and where it is clear whom it is about, that one's record and the capabilities it counts for.

    After a failure also who may come next by a standing bid: the answer names who would.
    """
    stream = auction_stream(command.auction_id)
    auction = found.get(stream)
    if not isinstance(auction, Auction):
        return (stream,)
    winners = {winner.agent for winner in auction.winners}
    named = command.provider or outcomes.only_one(auction)
    if isinstance(command, ReportOutcome) and command.success is None:
        named = command.agent
    if named not in winners:
        return (stream,)
    asked = map(capability_stream, auction.terms.requirements.capabilities)
    following = () if command.success else left_streams(auction, named, facts.now)
    return (stream, *record_streams(named), *asked, *following)


def report(states: States, command: ReportOutcome | SettleDispute, facts: Facts) -> Decision:
    """What is said of an outcome stands in the auction, and in the records of provider and owner; never in these alone."""
    stream = auction_stream(command.auction_id)
    state = states[stream]
    assert isinstance(state, Auction)  # by its stream's name
    event = outcomes.said(command, state, facts)
    events: dict[str, list[Event]] = {name: [event] for name in (stream, *record_streams(event.provider))}
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
