"""What one agent may see. Every answer about an auction, a resource or an agent starts here.

The rule for a sealed auction: until it is closed nobody, the buyer included, sees more of others' bids than
their number; after the award everybody sees winner and payment, the buyer the ranking with costs, a bidder
its own bid. A viewer of "" is the public.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from market_core import awards, together
from market_core.agent import Agent
from market_core.auction import Auction, bids_of, status_at
from market_core.awards import final_ranking, offer, place
from market_core.book import BundleDemand, Entry, Resource, Sums, Traded, live, members, over
from market_core.clearings import clear
from market_core.curves import FEWEST_OWNERS, Step, curve, mean_limit
from market_core.events import (
    AuctionCreated,
    Basis,
    BidSubmitted,
    OutcomeReported,
    PoolOpened,
    ResourceCleared,
    Winner,
    WorkDelivered,
)
from market_core.facts import Facts
from market_core.ledger import seconds_of
from market_core.lifecycle import AuctionStatus, check_move
from market_core.mechanisms import reliability
from market_core.mechanisms.expectation import is_newcomer
from market_core.mechanisms.reliability import Estimate
from market_core.mechanisms.solve import SetRule, Solution
from market_core.outcomes import State, overdue_at, state_of
from market_core.rejections import Code, Rejection
from market_core.standing import next_clearing
from market_core.terms import ClearingRule, PaymentRule, Policy, StandingBid
from market_core.values import MICRO, from_micros, micros, name_of, owner_of, total

_MOST_PREVIEWED = 5_000
"""Entries of a book up to which a look shows what each policy would make of it."""
MOST_CAPABILITIES = 10
"""Capabilities of an agent whose estimates a look shows."""
MOST_DRAWN = 100_000
"""Entries of a book up to which a look shows curves, means and previews; of a larger one it shows sums."""
TOP = 20
"""Rows of a ranking that an answer shows."""


@dataclass(frozen=True, slots=True)
class WinnerSeen:
    """A winner, as a viewer may see it: what it asked is None where the rule pays something else."""

    agent: str
    bid_id: str
    payment: Decimal
    cost: Decimal | None
    quantity: int
    lots: tuple[str, ...]
    instead_of: str = ""


@dataclass(frozen=True, slots=True)
class WorkSeen:
    """How far the work of a winner is, what it said itself, and whether another has won its work since.

    `change_until`, `dispute_until`: while the report on it may still be changed, and disputed.
    """

    provider: str
    state: State
    delivered: WorkDelivered | None
    dispute: str | None
    overdue_at: datetime | None
    replaced: bool
    change_until: datetime | None = None
    dispute_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OwnBidSeen:
    """The viewer's own bid. `position` in the ranking (from 0) where there is one that it may know; the threshold likewise."""

    bid: BidSubmitted
    lapsed: bool
    position: int | None
    winning_threshold: Decimal | None
    lower_cost_would_have_won: bool | None


@dataclass(frozen=True, slots=True)
class AuctionSeen:
    """An auction as `viewer` may see it. What the viewer may not see is None or empty, in `terms` too.

    `decided_with` are all auctions of one award, where there were several.
    """

    terms: AuctionCreated
    invited_only: bool
    status: AuctionStatus
    closes_at: datetime | None
    bids: int
    cancelled_after_closing: bool
    own_bids: tuple[OwnBidSeen, ...]
    offered: Decimal | None
    winners: tuple[WinnerSeen, ...]
    unbought: int
    unbought_lots: tuple[str, ...]
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    nonce: str | None
    awarded_at: datetime | None
    runner_up_score: Decimal | None
    outcomes: tuple[OutcomeReported, ...]
    mechanism: str | None
    decided_with: tuple[str, ...] = ()
    work: tuple[WorkSeen, ...] = ()
    basis: Basis | None = None


def see_auction(auction: Auction, viewer: str, now: datetime, first: int = 0) -> AuctionSeen:
    """Return what `viewer` may see of `auction` at `now`; the ranking from position `first` on.

    A loser under pay_as_bid learns its winning threshold, the cost below which it would have won; under other
    rules only whether a lower cost would have won at all, unless the auction was created to reveal it.
    Raises the Rejection `unknown_auction` for one that does not exist.
    """
    terms = auction.terms
    decided = auction.award
    is_buyer = viewer == terms.buyer
    status = status_at(auction, now)
    ranked = final_ranking(auction)[first : first + TOP] if decided is not None and is_buyer else ()
    return AuctionSeen(
        terms=replace(
            terms,
            nonce="",
            excluded=(),
            invite=terms.invite if viewer in (terms.buyer, *terms.invite) else (),
        ),
        invited_only=bool(terms.invite),
        status=status,
        closes_at=auction.closes_at,
        bids=len(auction.bids),
        cancelled_after_closing=auction.after_closing,
        own_bids=tuple(_own(auction, bid, status, now) for bid in bids_of(auction, viewer)),
        offered=offer(terms, now) if status == "open" else None,
        winners=tuple(
            _winner(winner, terms, viewer, award.instead_of)
            for award in auction.awards
            for winner in award.winners
        ),
        unbought=decided.unbought if decided else 0,
        unbought_lots=decided.unbought_lots if decided else (),
        ranking=ranked,
        ranked=decided.eligible if decided else 0,
        nonce=terms.nonce if decided else None,
        awarded_at=decided.at if decided else None,
        runner_up_score=decided.runner_up_score if decided and is_buyer else None,
        outcomes=tuple(auction.outcomes.values()),
        mechanism=decided.mechanism if decided else None,
        decided_with=decided.together.auctions if decided and decided.together else (),
        basis=auction.basis if is_buyer else None,
        work=tuple(_work(auction, agent, now) for agent in dict.fromkeys(w.agent for w in auction.winners)),
    )


def _work(auction: Auction, provider: str, now: datetime) -> WorkSeen:
    dispute, report = auction.disputes.get(provider), auction.outcomes.get(provider)
    state = state_of(auction, provider)
    ends = (report.amend_until, report.dispute_until) if report and state == "reported" else (None, None)
    return WorkSeen(
        provider,
        state,
        auction.deliveries.get(provider),
        dispute.note if dispute else None,
        overdue_at(auction, provider),
        any(award.instead_of == provider for award in auction.further),
        *(until if until is not None and now < until else None for until in ends),
    )


def _own(auction: Auction, bid: BidSubmitted, status: AuctionStatus, now: datetime) -> OwnBidSeen:
    terms, position = auction.terms, None
    if auction.award is not None:
        ranked = final_ranking(auction)
        position = next((i for i, other in enumerate(ranked) if other.bid_id == bid.bid_id), None)
        bid = bid if position is None else ranked[position]  # with the score that was used
        if terms.pool:  # which buys by the cost of what it takes, not by the cost of a first unit
            position = None
    elif terms.format == "open" and status == "open":
        position = place(auction, bid) - 1
    threshold = awards.threshold(auction, bid) if position is not None and auction.award else None
    return OwnBidSeen(
        bid,
        bid.valid_until is not None and bid.valid_until <= now,
        position,
        threshold if terms.payment_rule == "pay_as_bid" or terms.reveal == "threshold" else None,
        None if threshold is None else threshold > 0,
    )


def _winner(winner: Winner, terms: AuctionCreated, viewer: str, instead_of: str) -> WinnerSeen:
    told = terms.payment_rule == "pay_as_bid" or viewer in (terms.buyer, winner.agent)
    return WinnerSeen(
        winner.agent,
        winner.bid_id,
        winner.payment,
        winner.cost if told else None,
        winner.quantity,
        winner.lots,
        instead_of,
    )


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """What one payment rule makes of a closed auction. `premium` is payment over the winners' costs.

    `refused` says why the rule would decide nothing.
    """

    payment_rule: PaymentRule
    winners: tuple[Winner, ...]
    payment: Decimal | None
    premium: Decimal | None
    refused: Rejection | None = None


@dataclass(frozen=True, slots=True)
class PreviewSeen:
    """What the buyer sees before the award: the ranking, and what each rule that fits would make of the bids."""

    terms: AuctionCreated
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    rules: tuple[RuleSeen, ...]


def preview(
    auction: Auction,
    viewer: str,
    facts: Facts,
    solutions: Mapping[PaymentRule, Solution | Rejection] | None = None,
) -> PreviewSeen:
    """Return what an award now would be. Only for the buyer, and only once nobody can bid any more.

    `solutions` are the answers to the questions of rules that take long to solve, where there are any.
    Raises the Rejections `unknown_auction`, `not_the_buyer`, or the one of the auction's status.
    """
    terms = auction.terms
    check_preview(auction, viewer, facts.now)
    seen = tuple(
        _rule_seen(auction, facts, rule, (solutions or {}).get(rule)) for rule in awards.fitting_rules(terms)
    )
    ranked = awards.ranking(auction, facts.now, seen[0].winners)
    return PreviewSeen(replace(terms, nonce=""), ranked[:TOP], len(ranked), seen)


def preview_together(
    auctions: Sequence[Auction],
    viewer: str,
    facts: Facts,
    capacity: Mapping[str, int],
    solutions: Mapping[SetRule, Solution | Rejection],
) -> tuple[RuleSeen, ...]:
    """Return what an award of these auctions together would be now, under the rules that decide several.

    Raises as `preview` does, or the Rejection `not_together` that applies to their own rule.
    """
    for auction in auctions:
        check_preview(auction, viewer, facts.now)
    own = together.question(auctions, facts.now, capacity).rule
    rules: tuple[SetRule, ...] = ("pay_as_bid", "vcg") if own == "pay_as_bid" else ("vcg", "pay_as_bid")
    seen = []
    for rule in rules:
        solution = solutions.get(rule)
        try:
            if isinstance(solution, Rejection):
                raise solution
            solved = () if solution is None else (solution,)
            made = together.decide(auctions, facts._replace(solutions=solved), capacity, rule)
            won = tuple(winner for winner in made.winners if winner is not None)
            seen.append(_as_seen(rule, won))
        except Rejection as refused:
            seen.append(RuleSeen(rule, (), None, None, refused))
    return tuple(seen)


def check_preview(auction: Auction, viewer: str, now: datetime) -> None:
    """Raise the Rejection that applies unless `viewer` may look at what an award would be."""
    if viewer != auction.terms.buyer:
        raise Rejection(Code.NOT_THE_BUYER)
    check_move(status_at(auction, now), "preview")


def _rule_seen(
    auction: Auction, facts: Facts, rule: PaymentRule, solution: Solution | Rejection | None
) -> RuleSeen:
    try:
        if isinstance(solution, Rejection):
            raise solution
        solved = () if solution is None else (solution,)
        made = awards.decide(auction, facts._replace(solutions=solved), rule)
    except Rejection as refused:
        return RuleSeen(rule, (), None, None, refused)
    return _as_seen(rule, made.winners)


def _as_seen(rule: PaymentRule, winners: tuple[Winner, ...]) -> RuleSeen:
    if not winners:
        return RuleSeen(rule, (), None, None)
    paid = total(winner.payment for winner in winners)
    cost = total(winner.cost for winner in winners)
    return RuleSeen(rule, winners, paid, from_micros(micros(paid) - micros(cost)))


@dataclass(frozen=True, slots=True)
class SideSeen:
    """One side of a book: open entries, their owners, the quantity they sum to."""

    entries: int
    owners: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class PolicySeen:
    """What clearing now under a policy would give: nothing at all where `quantity` is 0, unknown if not `computed`."""

    policy: Policy
    quantity: Decimal
    clearing_price: Decimal | None
    computed: bool = True


@dataclass(frozen=True, slots=True)
class ResourceSeen:
    """A resource as `viewer` may see it: sums and own entries, never another agent's limit.

    `curves` and `mean_limits` are of demand and of offers. `last_clearing` names the first fills of a large clearing.
    """

    name: str
    unit: str
    whole: bool
    demand: SideSeen
    offers: SideSeen
    own: tuple[Entry, ...]
    tradable: Decimal
    price_now: Decimal | None
    last_clearing: ResourceCleared | None
    clearings: int
    policy: Policy | None = None
    payment_rule: ClearingRule | None = None
    pools: tuple[PoolOpened, ...] = ()
    curves: tuple[tuple[Step, ...], tuple[Step, ...]] = ((), ())
    mean_limits: tuple[Decimal | None, Decimal | None] = (None, None)
    previews: tuple[PolicySeen, ...] = ()
    bundled: SideSeen = SideSeen(0, 0, Decimal(0))
    recent: tuple[Traded, ...] = ()
    every: Decimal | None = None
    at_quantity: Decimal | None = None
    next_clearing: datetime | None = None
    bundled_with: tuple[str, ...] = ()
    own_bundles: tuple[BundleDemand, ...] = ()


def see_resource(book: Resource, viewer: str, now: datetime) -> ResourceSeen:
    """Return what `viewer` may see of `book` at `now`, with what clearing now would give.

    The price is shown only where `FEWEST_OWNERS` owners stand on each side: with fewer it would tell one
    agent's own limit to the other side, which could then move its own. A book of more than `MOST_DRAWN` entries is shown
    in sums alone.
    Raises the Rejection `unknown_resource` for one that nobody has named.
    """
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    sides = see_depth(book, now)
    drawn = len(book.demand) + len(book.offers) <= MOST_DRAWN
    crowded = min(side.owners for side in sides) >= FEWEST_OWNERS
    previews = _previews(book, now) if crowded and drawn else ()
    own = previews[0] if previews else None
    demand, offers = live(book.demand.values(), now), live(book.offers.values(), now)
    # Without the viewer's own: with them it could move the steps, and find where another's limit is.
    theirs = [
        [e for e in side if not viewer or owner_of(e.agent) != owner_of(viewer)] for side in (demand, offers)
    ]
    return ResourceSeen(
        book.name,
        book.unit,
        book.whole,
        *sides,
        own=tuple(entry for entry in (*demand, *offers) if entry.agent == viewer),
        tradable=own.quantity if own else Decimal(0),
        price_now=own.clearing_price if own else None,
        last_clearing=None if book.last_clearing is None else _public(book.last_clearing),
        clearings=book.clearings,
        policy=book.policy,
        payment_rule=book.payment_rule,
        pools=tuple(_pool(book, pool) for pool in book.pools.values()),
        curves=(curve(theirs[0]), curve(theirs[1])) if drawn else ((), ()),
        mean_limits=(mean_limit(theirs[0]), mean_limit(theirs[1])) if drawn else (None, None),
        previews=previews,
        bundled=_bundled(book, now),
        bundled_with=_bundled_with(book),
        recent=book.recent,
        every=book.every,
        at_quantity=book.at_quantity,
        next_clearing=next_clearing(book),
        own_bundles=tuple(demand for demand in live(book.bundles.values(), now) if demand.agent == viewer),
    )


def _bundled_with(book: Resource) -> tuple[str, ...]:
    """Return the other resources that demand for bundles asks for with this one, at most 20."""
    names = {name for demand in book.bundles.values() for name in demand.amounts}
    return tuple(sorted(names - {name_of(book.name)})[:20])


def _bundled(book: Resource, now: datetime) -> SideSeen:
    """Return what demand for bundles asks of this resource, with others."""
    asked, name = live(book.bundles.values(), now), name_of(book.name)
    owners = {owner_of(demand.agent) for demand in asked}
    quantity = sum(demand.amounts[name] * demand.left // MICRO for demand in asked)
    return SideSeen(len(asked), len(owners), from_micros(quantity))


def _public(event: ResourceCleared) -> ResourceCleared:
    """Return a clearing without the savings: with the price they would tell limits."""
    return replace(
        event,
        allocations=tuple(replace(fill, saving=None) for fill in event.allocations),
        suppliers=tuple(replace(fill, saving=None) for fill in event.suppliers),
    )


def _pool(book: Resource, pool: PoolOpened) -> PoolOpened:
    """Return a pool with the demand and owners that are still in it, without naming them."""
    inside = members(book, pool.pool_id)
    owners = len({owner_of(entry.agent) for entry in inside})
    return replace(pool, members=(), owners=owners, quantity=total(entry.left for entry in inside))


def _previews(book: Resource, now: datetime) -> tuple[PolicySeen, ...]:
    """Return what clearing now would give, by the policy that would be used first, then the others that may be asked for."""
    policies: tuple[Policy, ...] = ("efficient", "fair", "priority")
    if book.policy or len(book.demand) + len(book.offers) > _MOST_PREVIEWED:
        policies = (book.policy or "efficient",)
    return tuple(_preview(book, now, policy) for policy in policies)


def _preview(book: Resource, now: datetime, policy: Policy) -> PolicySeen:
    """What takes long to search is not computed for a look."""
    made, computed = None, True
    try:
        made = clear(book, Facts(now, may_solve=False), policy, book.payment_rule or "uniform")
    except Rejection as why:  # else of a rule that does not fit the book as it stands
        computed = why.code != Code.BUSY
    if made is None:
        return PolicySeen(policy, Decimal(0), None, computed)
    return PolicySeen(policy, from_micros(made.traded), from_micros(made.price))


def see_depth(book: Resource, now: datetime) -> tuple[SideSeen, SideSeen]:
    """Return demand and offers as sums, which takes no longer in a large book than in a small one."""
    gone = over(book, now)
    return (
        _side(book.demand_sums, len(book.demand), [entry for entry in gone if entry.side == "demand"]),
        _side(book.offer_sums, len(book.offers), [entry for entry in gone if entry.side == "offer"]),
    )


def _side(sums: Sums, entries: int, gone: Sequence[Entry]) -> SideSeen:
    """Return a side without the entries whose time is over."""
    fewer = Counter(owner_of(entry.agent) for entry in gone)
    owners = len(sums.owners) - sum(sums.owners[owner] == count for owner, count in fewer.items())
    left = sums.micros - sum(micros(entry.left) for entry in gone)
    return SideSeen(entries - len(gone), owners, from_micros(left))


@dataclass(frozen=True, slots=True)
class RecordSeen:
    """An agent's outcomes as counts. Outcomes between agents of one owner are left out; `disputed` ones count for nobody."""

    reported: int
    successes: int
    failures: int
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class AgentSeen:
    """An agent's card and its record; public but for `standing_bids`, which only the agent itself sees.

    `running` counts the work won whose outcome is not reported. `newcomer` and `vouched` are its owner's: whether its
    record is too short to count in full in scores, and whether an operator vouches for it.
    """

    agent: str
    description: str
    capabilities: tuple[str, ...]
    attributes: dict[str, bool | int | float | str]
    record: RecordSeen
    last_outcomes: tuple[OutcomeReported, ...]
    max_concurrent: int | None = None
    running: int = 0
    disputed: frozenset[str] = frozenset()
    standing_bids: Mapping[str, StandingBid] = field(default_factory=dict)
    newcomer: bool = False
    vouched: bool = False


@dataclass(frozen=True, slots=True)
class EstimateSeen:
    """What an agent's record says of it, in one capability or (empty) over everything."""

    capability: str
    estimate: Estimate


def see_estimates(agent: Agent, now: datetime) -> tuple[EstimateSeen, ...]:
    """Return what the record of an agent says at `now`: over everything, then in its capabilities, most work first."""
    known = agent.record.by_capability
    names = sorted(known, key=lambda name: (-known[name].awards, name))[:MOST_CAPABILITIES]
    moment = seconds_of(now)
    overall = EstimateSeen("", reliability.estimate(agent.record, moment))
    return (overall, *(EstimateSeen(n, reliability.estimate(agent.record, moment, n)) for n in names))


def see_agent(
    agent_id: str,
    agent: Agent,
    viewer: str = "",
    owner: Agent | None = None,
    now: datetime | None = None,
    *,
    heard_of: bool = False,
) -> AgentSeen:
    """Return the card and record of an agent as `viewer` may see them; raise `unknown_agent` for one nobody has heard of.

    `owner`: the state of its owner; with `now` it says whether the owner is a newcomer in scores. `heard_of`: it has
    bought, which no agent's stream tells.
    """
    card, counted = agent.registered, agent.record.overall
    if card is None and not counted.awards and not agent.last and not heard_of:
        raise Rejection(Code.UNKNOWN_AGENT)
    others = [o for o in agent.last.values() if owner_of(o.buyer) != owner_of(o.provider)]
    return AgentSeen(
        agent_id,
        card.description if card else "",
        card.capabilities if card else (),
        dict(card.attributes) if card else {},
        RecordSeen(
            counted.successes + counted.failures, counted.successes, counted.failures, len(agent.own.left_out)
        ),
        tuple(others),
        card.max_concurrent if card else None,
        len(agent.running),
        frozenset(agent.disputed),
        dict(card.standing_bids) if card and viewer == agent_id else {},
        owner is not None and now is not None and is_newcomer([owner.family.record], seconds_of(now)),
        owner is not None and owner.vouched,
    )
