"""A small world around `handle`: the clock is turned by hand, ids count up, every event is kept."""

import hashlib
from collections import defaultdict
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from market_core import Code, Rejection
from market_core.auction import Auction
from market_core.book import Resource
from market_core.commands import (
    AggregateDemand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    Lapse,
    OfferResources,
    RegisterAgent,
    ReportOutcome,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from market_core.events import Event
from market_core.facts import Facts
from market_core.handle import Decision, State, evolve, handle, new_state, streams
from market_core.observation import (
    AuctionSeen,
    OwnBidSeen,
    PreviewSeen,
    ResourceSeen,
    preview,
    see_auction,
    see_resource,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """Return the moment so many seconds after the world's noon."""
    return NOON + timedelta(seconds=seconds)


def replayed(events: list[Event], stream: str) -> State:
    """Return the state that the events of a stream make."""
    state = new_state(stream)
    for event in events:
        state = evolve(state, deepcopy(event))
    return state


class World:
    """Carries out commands and keeps what happened. `now` moves only through `wait`."""

    def __init__(self, *, clock: bool = True, salt: str = "") -> None:
        self.now = NOON
        self.clock = clock
        self.salt = salt
        self.made = 0
        self.states: dict[str, State] = {}
        self.log: dict[str, list[Event]] = defaultdict(list)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def facts(self) -> Facts:
        self.made += 1
        nonce = hashlib.sha256(f"{self.salt}{self.made}".encode()).hexdigest()
        return Facts(self.now, f"t{self.made}", nonce, self.clock)

    def do(self, command) -> Decision:
        """Carry out a command, or raise its Rejection."""
        facts, found = self.facts(), {}
        while missing := [name for name in streams(command, found, facts) if name not in found]:
            found.update((name, self.states.get(name) or new_state(name)) for name in missing)
        decision = handle(found, command, facts)
        for stream, events in decision.events.items():
            for event in events:
                self.log[stream].append(deepcopy(event))
                self.states[stream] = evolve(found[stream], event)
        return decision

    def only_event(self, command) -> Event:
        """Carry out a command that makes one event in one stream."""
        ((event,),) = self.do(command).events.values()
        return event

    def refusal(self, command) -> Rejection:
        """Return the Rejection of `command`; fail if it is carried out or if anything changes."""
        before = deepcopy(self.states), deepcopy(self.log)
        with pytest.raises(Rejection) as refused:
            self.do(command)
        assert (self.states, self.log) == before
        return refused.value

    def refused(self, command) -> Code:
        return self.refusal(command).code

    # Short ways to say what agents ask for

    def create(self, buyer: str = "buyer", task: str = "review", **more) -> str:
        return self.only_event(CreateAuction(agent=buyer, task=task, **more)).auction_id

    def bid(self, auction_id: str, agent: str, cost: object, **more) -> str:
        return self.only_event(SubmitBid(agent=agent, auction_id=auction_id, cost=cost, **more)).bid_id

    def close(self, auction_id: str, agent: str = "buyer") -> None:
        self.do(CloseAuction(agent=agent, auction_id=auction_id))

    def award(self, auction_id: str, agent: str = "buyer") -> Event:
        *_, event = self.do(AwardAuction(agent=agent, auction_id=auction_id)).events[f"auction/{auction_id}"]
        return event

    def report(self, auction_id: str, agent: str = "buyer", success: bool = True, **more) -> None:
        self.do(ReportOutcome(agent=agent, auction_id=auction_id, success=success, **more))

    def withdraw(self, agent: str, some_id: str) -> None:
        self.do(Withdraw(agent=agent, id=some_id))

    def register(self, agent: str, **card) -> None:
        self.do(RegisterAgent(agent=agent, **card))

    def request(
        self, agent: str, quantity: object, limit: object = None, resource: str = "gpu", **more
    ) -> str:
        command = RequestResources(
            agent=agent, resource=resource, quantity=quantity, max_unit_price=limit, **more
        )
        return self.only_event(command).demand_id

    def offer(self, agent: str, quantity: object, price: object, resource: str = "gpu", **more) -> str:
        command = OfferResources(agent=agent, resource=resource, quantity=quantity, unit_price=price, **more)
        return self.only_event(command).offer_id

    def clear(self, *resources: str, agent: str = "anyone") -> Decision:
        return self.do(AggregateDemand(agent=agent, resources=resources or ("gpu",)))

    def lapse(self, stream: str) -> None:
        self.do(Lapse(stream=stream))

    def auction(self, auction_id: str) -> Auction:
        state = self.states.get(f"auction/{auction_id}", Auction())
        assert isinstance(state, Auction)
        return state

    def book(self, name: str = "gpu") -> Resource:
        state = self.states.get(f"resource/{name}", Resource())
        assert isinstance(state, Resource)
        return state

    def see(self, auction_id: str, viewer: str = "") -> AuctionSeen:
        return see_auction(self.auction(auction_id), viewer, self.now)

    def own(self, auction_id: str, viewer: str) -> OwnBidSeen | None:
        """Return what a viewer sees of its own bid, None without one."""
        own = self.see(auction_id, viewer).own_bids
        return own[0] if own else None

    def preview(self, auction_id: str, viewer: str = "buyer") -> PreviewSeen:
        return preview(self.auction(auction_id), viewer, Facts(self.now))

    def see_book(self, viewer: str = "", name: str = "gpu") -> ResourceSeen:
        return see_resource(self.book(name), viewer, self.now)


def paid(award) -> tuple[str, Decimal] | None:
    """Return who won an award and what it is paid, None for an unsold auction."""
    if not award.winners:
        return None
    (winner,) = award.winners
    return winner.agent, winner.payment
