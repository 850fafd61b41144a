"""One agent: its card (what it says it can do), its work and outcomes (what happened). State, decide, evolve."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from market_core import ledger
from market_core.canonical import canonical
from market_core.commands import Grant, RegisterAgent, Vouch
from market_core.events import (
    AgentRegistered,
    Attributes,
    Event,
    Granted,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    Vouched,
    WorkDelivered,
    WorkWon,
)
from market_core.facts import Facts
from market_core.ledger import Ledger
from market_core.mechanisms.track_record import Record
from market_core.terms import StandingBid
from market_core.values import owner_of

_LAST = 5  # outcomes that a look at an agent shows
Happened = WorkWon | WorkDelivered | OutcomeReported | OutcomeDisputed | OutcomeSettled


@dataclass(slots=True)
class Agent:
    """An agent's card and record. One that never registered has an empty card and may still have outcomes.

    `name`: its id, the end of its stream's name. `running` is the work won that is neither delivered nor reported on,
    by auction; `limits` says since when it has taken how much work at a time; `last` are the latest reports on it, as
    they stand; `own` counts them all. The stream of an owner's name also holds what belongs to the owner: `granted`, what
    the operator gave to its demand, `vouched`, whether it knows the owner, `exploring`, work not reported on that was won by a bonus for exploring and when
    it is overdue, and `family`, the outcomes of all its ids.
    """

    name: str = ""
    registered: AgentRegistered | None = None
    last: dict[str, OutcomeReported] = field(default_factory=dict)  # by auction
    running: dict[str, WorkWon] = field(default_factory=dict)
    limits: list[tuple[datetime, int | None]] = field(default_factory=list)
    granted: Granted | None = None
    vouched: bool = False
    exploring: dict[str, datetime | None] = field(default_factory=dict)  # by auction
    own: Ledger = field(default_factory=Ledger)
    family: Ledger = field(default_factory=Ledger)
    disputed: set[str] = field(default_factory=set)  # of `last`

    @property
    def priority(self) -> int:
        """The highest priority that demand of this owner may have."""
        return self.granted.priority if self.granted else 0

    @property
    def weight(self) -> Decimal:
        """The largest weight that demand of this owner may have."""
        return self.granted.weight if self.granted else Decimal(1)

    @property
    def record(self) -> Record:
        """Its outcomes as they stand, as running sums."""
        return self.own.record

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


def explores(owner: Agent, moment: int) -> bool:
    """Return whether an outcome of work that explored an owner is still to come at `moment` (seconds).

    What is overdue is not waited for: a buyer that stays silent would keep the owner from being tried again.
    """
    return any(until is None or ledger.seconds_of(until) > moment for until in owner.exploring.values())


def room(agent: Agent, standing: Iterable[str]) -> int | None:
    """Return how much more work an agent takes by its standing bids for these capabilities, as its card says now.

    None for any amount; of several limits the one that leaves least.
    """
    card = agent.registered
    if card is None:
        return 0
    left = [] if card.max_concurrent is None else [card.max_concurrent - len(agent.running)]
    for name in standing:
        most = card.standing_bids[name].max_concurrent if name in card.standing_bids else None
        if most is not None:
            left.append(most - sum(name in work.capabilities for work in agent.running.values()))
    return max(min(left), 0) if left else None


def standing_bid(agent: Agent, asked: Sequence[str]) -> StandingBid | None:
    """Return what an agent's standing bids come to for work that asks for several capabilities: by each measure the worst.

    None unless there is one for each of them: a rate for one is no rate for a task that also needs another.
    """
    offered = agent.registered.standing_bids if agent.registered else {}
    if not asked or any(name not in offered for name in asked):
        return None
    bids = [offered[name] for name in asked]
    times = [bid.estimated_time for bid in bids]
    qualities = [bid.quality for bid in bids]
    return StandingBid(
        cost=max(bid.cost for bid in bids),
        estimated_time=None if None in times else max(time for time in times if time is not None),
        quality=None if None in qualities else min(each for each in qualities if each is not None),
    )


def decide(agent: Agent, command: RegisterAgent | Grant | Vouch, facts: Facts) -> list[Event]:
    """Return the registration, grant or voucher; saying again what already stands is no event."""
    if isinstance(command, Vouch):
        same = agent.vouched == command.vouched
        return [] if same else [Vouched(facts.now, owner_of(command.owner), command.vouched)]
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
        dict(command.standing_bids),
    )
    known = agent.registered
    return [] if known is not None and _content(known) == _content(said) else [said]


def _content(card: AgentRegistered) -> str:
    """Return what a card says, comparable: 1 and true are equal to Python, but not as attributes."""
    return canonical(
        [card.description, card.capabilities, card.attributes, card.max_concurrent, card.standing_bids]
    )


def evolve(agent: Agent, event: Event) -> Agent:
    """Return the agent after `event`."""
    match event:
        case AgentRegistered():
            agent.registered = event
            if (agent.limits[-1][1] if agent.limits else None) != event.max_concurrent:
                agent.limits.append((event.at, event.max_concurrent))
        case Granted():
            agent.granted = event
        case Vouched():
            agent.vouched = event.vouched
        case WorkWon() | WorkDelivered() | OutcomeReported() | OutcomeDisputed() | OutcomeSettled():
            _happened(agent, event)
        case _:
            raise TypeError(f"{type(event).__name__} does not belong to an agent")
    return agent


def _happened(agent: Agent, event: Happened) -> None:
    """Enter what happened in the agent's own record, and in that of the owner whose stream this is."""
    whose = event.agent if isinstance(event, WorkWon) else event.provider
    if whose == agent.name:
        _own(agent, event)
        _count(agent.own, event)
    if owner_of(whose) == agent.name:
        _count(agent.family, event)
        if isinstance(event, WorkWon) and event.explored:
            agent.exploring[event.auction_id] = event.overdue_at
        elif isinstance(event, OutcomeReported):
            agent.exploring.pop(event.auction_id, None)


def _own(agent: Agent, event: Happened) -> None:
    match event:
        case WorkWon():
            agent.running[event.auction_id] = event
        case WorkDelivered():
            agent.running.pop(event.auction_id, None)
        case OutcomeReported():
            agent.running.pop(event.auction_id, None)
            agent.last[event.auction_id] = event
            while len(agent.last) > _LAST:
                agent.disputed.discard(oldest := next(iter(agent.last)))
                del agent.last[oldest]
        case OutcomeDisputed() if event.auction_id in agent.last:
            agent.disputed.add(event.auction_id)
        case OutcomeSettled() if event.auction_id in agent.last:
            agent.disputed.discard(event.auction_id)
            report = agent.last.pop(event.auction_id)
            if event.counts:
                agent.last[event.auction_id] = replace(
                    report, success=event.success, actual_time=event.actual_time, quality=event.quality
                )


def _count(counted: Ledger, event: Happened) -> None:
    match event:
        case WorkWon():
            ledger.won(counted, event)
        case OutcomeReported():
            ledger.reported(counted, event)
        case OutcomeDisputed():
            ledger.disputed(counted, event)
        case OutcomeSettled():
            ledger.settled(counted, event)
