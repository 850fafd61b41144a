"""The whole core in one process, for embedding: no server, no files, no clock of its own.

`Market` takes any command; `ReverseAuction` and `DemandAggregator` are its two short faces. All of them
call `handle`, like the server does.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.awards import final_ranking
from market_core.book import Resource
from market_core.canonical import digest
from market_core.commands import (
    AnyCommand,
    AwardAuction,
    CreateAuction,
    SubmitBid,
    Withdraw,
)
from market_core.events import BidSubmitted, Winner
from market_core.facts import Facts
from market_core.handle import (
    Decision,
    State,
    agent_stream,
    auction_stream,
    evolve,
    handle,
    new_state,
    resource_stream,
    streams,
)
from market_core.invalid import checked
from market_core.observation import (
    AgentSeen,
    AuctionSeen,
    EstimateSeen,
    ResourceSeen,
    see_agent,
    see_auction,
    see_estimates,
    see_resource,
)
from market_core.terms import (
    NO_CONSTRAINTS,
    Combine,
    Condition,
    Constraints,
    Extension,
    Format,
    IfUnproved,
    Lot,
    PaymentRule,
    Requirements,
    Reveal,
    Schedule,
    Scoring,
    Tier,
    TierKind,
)
from market_core.values import total

Attribute = bool | int | float | str
Amount = Decimal | int | float | str

_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def _count_up() -> Callable[[], str]:
    """Return a source of the tokens 1, 2, 3, ..."""
    counter = iter(range(1, 2**63))
    return lambda: str(next(counter))


class Market:
    """A market in memory.

    Time passes only when `now` tells it; without it deadlines are refused (`no_clock`). Ids count up unless
    `ids` makes them (never twice the same, and without `_`). `nonce` gives 64 hex digits for each auction; without it they follow from the ids, so
    ties are predictable: give `secrets.token_hex` (called with 32) where bidders must not be able to aim.
    """

    def __init__(
        self,
        now: Callable[[], datetime] | None = None,
        ids: Callable[[], str] | None = None,
        nonce: Callable[[], str] | None = None,
    ) -> None:
        self._now = now
        self._ids = ids or _count_up()
        self._nonce = nonce
        self._states: dict[str, State] = {}

    def execute(self, command: AnyCommand) -> Decision:
        """Carry out `command` and return what happened; raise a Rejection, with nothing changed, if refused."""
        facts = self._facts()
        found: dict[str, State] = {}
        while missing := [name for name in streams(command, found, facts) if name not in found]:
            found.update((name, self._states.get(name) or new_state(name)) for name in missing)
        decision = handle(found, command, facts)
        for stream, events in decision.events.items():
            for event in events:
                self._states[stream] = evolve(found[stream], event)
        return decision

    def _facts(self) -> Facts:
        token = self._ids()
        if "_" in token:  # it separates the parts of an id
            raise ValueError(f"an id must not contain '_': {token!r}")
        nonce = self._nonce() if self._nonce else digest("nonce", token)
        return Facts(self.time, token, nonce, clock=self._now is not None)

    @property
    def time(self) -> datetime:
        """The market's time: what `now` says, or 1970 where nobody tells."""
        return self._now() if self._now else _NO_TIME

    def state(self, stream: str) -> State:
        """Return a copy of the state of a stream, such as `auction/auc_1`."""
        return deepcopy(self._states.get(stream)) or new_state(stream)

    def see_auction(self, auction_id: str, viewer: str = "") -> AuctionSeen:
        """Return what `viewer` (default: the public) may see of an auction."""
        auction = self._states.get(auction_stream(auction_id), Auction())
        assert isinstance(auction, Auction)  # by its stream's name
        return see_auction(auction, viewer, self.time)

    def see_resource(self, name: str, viewer: str = "") -> ResourceSeen:
        """Return what `viewer` may see of a resource's book."""
        book = self._states.get(resource_stream(name), Resource())
        assert isinstance(book, Resource)  # by its stream's name
        return see_resource(book, viewer, self.time)

    def see_agent(self, agent_id: str) -> AgentSeen:
        """Return an agent's card and record."""
        agent = self._states.get(agent_stream(agent_id), Agent())
        assert isinstance(agent, Agent)  # by its stream's name
        return see_agent(agent_id, agent)

    def see_estimates(self, agent_id: str) -> tuple[EstimateSeen, ...]:
        """Return what an agent's record says of it: over everything, then by capability, with 90 % intervals."""
        agent = self._states.get(agent_stream(agent_id), Agent())
        assert isinstance(agent, Agent)  # by its stream's name
        return see_estimates(agent, self.time)


# One auction at a time


@dataclass(frozen=True, eq=False, kw_only=True)
class AuctionRequest:
    """A task to buy. Two requests are two auctions, even with the same content.

    `requirements` is {attribute: value or condition}; a bid that does not state an attribute passes, one
    that states another value is refused. `capabilities` must be registered by the bidder. The rest is as in
    `create_auction`; wrong values raise the Rejection `invalid_value` when the request is first used.
    """

    task: str
    requirements: dict[str, object] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    buyer: str = "buyer"
    description: str = ""
    max_price: Amount | None = None
    quantity: int = 1
    lots: tuple[Lot, ...] = ()
    bids_combine: Combine = "xor"
    constraints: Constraints = NO_CONSTRAINTS
    payment_rule: PaymentRule = "pay_as_bid"
    if_unproved: IfUnproved = "refuse"
    format: Format = "sealed"
    extension: Extension | None = None
    schedule: Schedule | None = None
    scoring: Scoring = field(default_factory=Scoring)
    closes_in: Amount | None = None
    closes_at: datetime | None = None
    invite: tuple[str, ...] = ()
    reveal: Reveal = "payments"
    priority: int = 0
    min_reliability: Amount | None = None

    def command(self) -> CreateAuction:
        """Return the request as the command that creates its auction."""
        said = {part.name: getattr(self, part.name) for part in fields(self)}
        attributes = {name: _optional(value) for name, value in said.pop("requirements").items()}
        asked = checked(Requirements, capabilities=said.pop("capabilities"), attributes=attributes)
        return checked(CreateAuction, agent=said.pop("buyer"), requirements=asked, **said)


def _optional(value: object) -> object:
    if isinstance(value, Condition):
        return value
    return {"optional": True, **(value if isinstance(value, dict) else {"equals": value})}


@dataclass(frozen=True, kw_only=True)
class Bid:
    """A provider's offer: `cost` in credits, `estimated_time` in seconds, `quality` from 0 to 1.

    The rest is as in `submit_bid`; without a cost it takes what a Dutch auction offers (`take`).
    """

    agent: str
    cost: Amount | None = None
    estimated_time: Amount | None = None
    quality: Amount | None = None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    note: str = ""
    quantity: int | None = None
    min_quantity: int = 1
    tiers: tuple[Tier, ...] = ()
    tier_kind: TierKind = "all_units"
    lots: tuple[str, ...] = ()
    at_most: int | None = None
    take: bool = False
    at_least: Amount | None = None
    valid_for: Amount | None = None
    confidence: Amount | None = None


@dataclass(frozen=True)
class Award:
    """The result of an auction; without winners it is unsold."""

    auction_id: str
    winners: tuple[Winner, ...]
    ranking: tuple[BidSubmitted, ...]
    nonce: str

    @property
    def winner(self) -> Winner:
        """The only winner. Raises ValueError, with the reason, where there is not exactly one."""
        if len(self.winners) != 1:
            raise ValueError("no eligible bid was submitted" if not self.winners else "several winners")
        return self.winners[0]

    @property
    def payment(self) -> Decimal:
        """All payments together, in credits."""
        return total(winner.payment for winner in self.winners)


class ReverseAuction:
    """Reverse auctions in process: `submit_bid` for each bid, then `award`.

    >>> auction = ReverseAuction()
    >>> request = AuctionRequest(task="code_review", requirements={"language": "python"})
    >>> auction.submit_bid(request, Bid(agent="claude", cost=0.5, estimated_time=60)).bidder
    'claude'
    >>> auction.award(request).payment
    Decimal('0.5')
    """

    def __init__(self, market: Market | None = None) -> None:
        self.market = market or Market()
        self._auctions: dict[AuctionRequest, str] = {}

    def auction_id(self, request: AuctionRequest) -> str:
        """Return the id of the request's auction, which is created when it is first asked for."""
        if request not in self._auctions:
            (stream,) = self.market.execute(request.command()).events
            self._auctions[request] = stream.removeprefix("auction/")
        return self._auctions[request]

    def submit_bid(self, request: AuctionRequest, bid: Bid) -> BidSubmitted:
        """Enter `bid`, or replace its agent's earlier one; return it as recorded, with id and score.

        Raises a Rejection that says why and what to do, with nothing changed.
        """
        said = {part.name: getattr(bid, part.name) for part in fields(bid)}
        auction_id = self.auction_id(request)
        command = checked(SubmitBid, auction_id=auction_id, **said)
        event, *_ = self.market.execute(command).events[auction_stream(auction_id)]
        assert isinstance(event, BidSubmitted)  # what a bid makes first
        return event

    def withdraw(self, bid: BidSubmitted) -> None:
        """Take back a bid that `submit_bid` returned, while its auction is open."""
        self.market.execute(checked(Withdraw, agent=bid.bidder, id=bid.bid_id))

    def award(self, request: AuctionRequest) -> Award:
        """Decide the request's auction, for good, and return the award. Raises a Rejection if already decided."""
        (award,) = self.award_together(request)
        assert award is not None  # one auction by itself is decided or refused
        return award

    def award_together(self, *requests: AuctionRequest) -> tuple[Award | None, ...]:
        """Decide one-winner auctions of one buyer as one, for good; return the award of each.

        Each provider wins at most what its `max_concurrent` leaves it; higher `priority` comes first, then the
        least total score. None for an auction that has bids but, for want of capacity, no winner: it stays closed
        and can be awarded again. Raises a Rejection, with nothing changed, where they cannot be decided together.
        """
        ids = [self.auction_id(request) for request in requests]
        self.market.execute(
            checked(AwardAuction, agent=requests[0].buyer, auction_id=ids[0], together_with=ids[1:])
        )
        return tuple(map(self._awarded, ids))

    def _awarded(self, auction_id: str) -> Award | None:
        auction = self.market.state(auction_stream(auction_id))
        assert isinstance(auction, Auction)  # by its stream's name
        if auction.award is None:
            return None
        return Award(auction_id, auction.award.winners, final_ranking(auction), auction.terms.nonce)
