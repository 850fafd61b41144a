"""Pools: the demand of a resource bought together in one auction, and what it bought split back over its members."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from market_core.auction import Auction, binding, deadline_passed
from market_core.awards import ranking, ranking_digest
from market_core.book import Entry, Resource, free, members
from market_core.canonical import canonical, digest
from market_core.clearings import saving
from market_core.commands import AggregateDemand
from market_core.events import (
    AuctionAwarded,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    Event,
    Fill,
    LeftOut,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
    Proof,
    Winner,
)
from market_core.facts import Facts
from market_core.mechanisms import pooling, pooling_settled, scoring
from market_core.mechanisms.multi_unit import UnitBid, cost
from market_core.mechanisms.pooling import Member, PoolAward, PoolProblem, Shares
from market_core.mechanisms.pooling_settled import PoolCase, PoolResult
from market_core.mechanisms.solve import Question, check
from market_core.rejections import Code, Rejection
from market_core.sets import unit_bid
from market_core.terms import MOST_UNITS, PoolRule, Requirements, Scoring, Threshold
from market_core.values import (
    MARKET,
    MICRO,
    entry_id_in,
    from_micros,
    micros,
    name_of,
    owner_of,
    plain,
    total,
)


def open_pool(command: AggregateDemand, book: Resource, facts: Facts) -> tuple[list[Event], list[Event]]:
    """Return the events of the resource and of the auction that buys for all its demand.

    Demand that is needed before the auction closes, or in another pool, stays out. Members are fixed now, but may
    leave until it closes. Raises the Rejection that applies first.
    """
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    if not facts.clock:
        raise Rejection(Code.NO_CLOCK, field="closes_in")
    assert command.closes_in is not None  # AggregateDemand asks for it
    closes_at = facts.now + timedelta(microseconds=micros(command.closes_in))
    joined = sorted(free(book.demand.values(), closes_at), key=lambda entry: (entry.agent, entry.entry_id))
    if not joined:
        pooled = any(entry.pool for entry in book.demand.values())
        why = (
            "all demand is in a pool already"
            if pooled
            else "there is no demand in the book that can wait so long"
            if book.demand
            else "there is no demand in the book"
        )
        raise Rejection(Code.NOTHING_TO_CLEAR, why=why)
    asked, owners = total(entry.left for entry in joined), {owner_of(entry.agent) for entry in joined}
    threshold = command.threshold or Threshold()
    if len(joined) > pooling.MOST_MEMBERS or asked > MOST_UNITS:
        raise Rejection(
            Code.NOTHING_TO_CLEAR,
            why=f"a pool has at most {pooling.MOST_MEMBERS:,} members and {MOST_UNITS:,} units",
        )
    if not _met(joined, threshold):
        raise Rejection(Code.THRESHOLD_NOT_MET, quantity=plain(asked), owners=len(owners))
    rule: PoolRule = "uniform" if command.payment_rule == "uniform" else "pay_as_bid"
    pool_id = entry_id_in("pool", name_of(book.name), facts.token)
    opened = PoolOpened(
        facts.now,
        pool_id,
        f"auc_{facts.token}",
        command.agent,
        closes_at,
        tuple(entry.entry_id for entry in joined),
        len(owners),
        asked,
        threshold,
        rule,
        command.sharing or "uniform",
    )
    return [opened], [_auction(opened, book, sorted(owners), facts)]


def terms_of(opened: PoolOpened) -> str:
    """Return what members and suppliers should know of a pool: how its saving is shared, and when it lapses."""
    least = [f"{opened.threshold.owners} owners" if opened.threshold.owners > 1 else ""]
    least.append("" if opened.threshold.quantity is None else f"{plain(opened.threshold.quantity)} units")
    asked = " and ".join(filter(None, least))
    lapses = f" It lapses unless members of {asked} are in it then." if asked else ""
    return f"What it saves is shared by the rule {opened.sharing}.{lapses}"


def _auction(opened: PoolOpened, book: Resource, owners: Sequence[str], facts: Facts) -> AuctionCreated:
    # No max_price: the highest limit would tell one member's own.
    units = -(-micros(opened.quantity) // MICRO)
    unit = f" ({book.unit})" if book.unit else ""
    return AuctionCreated(
        facts.now,
        opened.auction_id,
        f"{MARKET}/{opened.pool_id}",  # an owner that no agent can have
        f"{units} units of {name_of(book.name)}{unit}, for {opened.owners} owners together",
        f"Fewer may be bought: as many as the members' limits pay for; members may leave until it closes. {terms_of(opened)}",
        Requirements(),
        None,
        opened.payment_rule,
        Scoring(),
        opened.closes_at,
        (),
        facts.nonce,
        scoring.commitment(opened.auction_id, facts.nonce),
        quantity=units,
        pool=opened.pool_id,
        excluded=tuple(owners),
    )


def is_due(auction: Auction, facts: Facts) -> bool:
    """Return whether an auction is a pool's, over, and not settled."""
    return bool(auction.created and auction.terms.pool and auction.award is None) and deadline_passed(
        auction, facts.now
    )


def settle(auction: Auction, book: Resource, facts: Facts) -> tuple[list[Event], list[Event]]:
    """Return the events of the auction and of the resource when a pool's time is over.

    Members, quantity, tiers and price are chosen together; nobody pays above its limit. Below its threshold, or
    where nothing can be afforded, the pool lapses and its demand is as before. Where that takes long,
    `facts.solutions` have the answer to `question`; raises the Rejection `busy` where they have not.
    """
    terms = auction.terms
    opened, joined = book.pools[terms.pool], members(book, terms.pool)
    bids = binding(auction, facts.now)
    closing: list[Event] = [] if auction.status == "closed" else [AuctionClosed(facts.now, MARKET)]

    def lapse(why: str) -> tuple[list[Event], list[Event]]:
        return [*closing, _unsold(auction, bids, facts)], [_lapsed(opened, joined, why, facts)]

    if not _met(joined, opened.threshold):
        return lapse("too few members were left")
    if not bids:
        return lapse("nobody offered to supply")
    case = _case(auction, book, opened, joined, bids)
    result = _settled(case, joined, bids, facts)
    if result.award is None or result.shares is None:
        return lapse(result.why or "no quantity costs less than its members pay")
    won = _winners(case.problem, result.award, bids)
    return (
        [*closing, _awarded(auction, result.award, won, facts)],
        [_cleared(replace(opened, sharing=result.sharing), joined, result.award, result.shares, won, facts)],
    )


def question(auction: Auction, book: Resource, now: datetime) -> Question | None:
    """Return what must be solved to settle a pool that is due; None where it is quick."""
    terms = auction.terms
    opened, joined = book.pools[terms.pool], members(book, terms.pool)
    bids = binding(auction, now)
    if not bids or not _met(joined, opened.threshold):
        return None
    case = _case(auction, book, opened, joined, bids)
    return None if pooling_settled.quick(case) is not None else _question(case, joined, bids)


def _question(case: PoolCase, joined: Sequence[Entry], bids: Sequence[BidSubmitted]) -> Question:
    ids = (*(bid.bid_id for bid in bids), *(entry.entry_id for entry in joined))
    return Question(case, ids, case.problem.payment_rule, besides=digest(canonical(case)))


def _settled(
    case: PoolCase, joined: Sequence[Entry], bids: Sequence[BidSubmitted], facts: Facts
) -> PoolResult:
    """Return what came of a pool: at once where it is small, else from its solution, or solved now if that is allowed."""
    made = pooling_settled.quick(case)
    if made is not None:
        return made
    asked = _question(case, joined, bids)
    solution = facts.answer(asked)
    if solution is None:
        if not facts.may_solve:
            raise Rejection(Code.BUSY)  # members or bids are others than those that were solved for
        return pooling_settled.settle(case)
    check(asked, solution)
    assert isinstance(solution.award, PoolResult)  # as its question
    return solution.award


def _met(joined: Sequence[Entry], threshold: Threshold) -> bool:
    asked = [Member(owner_of(entry.agent), entry.entry_id, entry.left_micros) for entry in joined]
    return bool(asked) and pooling.threshold_met(
        asked, threshold.owners, 0 if threshold.quantity is None else micros(threshold.quantity)
    )


def _case(
    auction: Auction,
    book: Resource,
    opened: PoolOpened,
    joined: Sequence[Entry],
    bids: Sequence[BidSubmitted],
) -> PoolCase:
    terms = auction.terms

    def member(entry: Entry) -> Member:
        # A key made of the nonce, so that ties cannot be aimed at.
        key = digest(terms.nonce, "\0", entry.entry_id)
        limit = None if entry.limit is None else micros(entry.limit)
        return Member(owner_of(entry.agent), key, entry.left_micros, limit, micros(entry.minimum))

    problem = PoolProblem(
        tuple(map(member, joined)),
        tuple(unit_bid(terms, bid) for bid in bids),
        book.grain,
        opened.payment_rule,
    )
    return PoolCase(problem, opened.sharing, terms.nonce)


def _winners(problem: PoolProblem, made: PoolAward, bids: Sequence[BidSubmitted]) -> tuple[Winner, ...]:
    won = [
        (offered.key, _winner(bid, offered, units, paid))
        for bid, offered, units, paid in zip(
            bids, problem.bids, made.units, made.supplier_payments, strict=True
        )
        if units
    ]
    return tuple(winner for _, winner in sorted(won, key=lambda pair: pair[0]))


def _winner(bid: BidSubmitted, offered: UnitBid, units: int, paid: int) -> Winner:
    asked = from_micros(cost(offered, units))
    return Winner(bid.bidder, bid.bid_id, asked, from_micros(paid), asked, units)


def _awarded(auction: Auction, made: PoolAward, won: tuple[Winner, ...], facts: Facts) -> AuctionAwarded:
    ranked = ranking(auction, facts.now, won)
    return AuctionAwarded(
        facts.now,
        won,
        None,
        len(ranked),
        ranking_digest(ranked),
        pooling.MECHANISM,
        unbought=max(0, auction.terms.quantity - made.bought),
        proof=_proof(made),
    )


def _unsold(auction: Auction, bids: Sequence[BidSubmitted], facts: Facts) -> AuctionAwarded:
    ranked = ranking(auction, facts.now, ())
    return AuctionAwarded(
        facts.now,
        (),
        None,
        len(bids),
        ranking_digest(ranked),
        pooling.MECHANISM,
        unbought=auction.terms.quantity,
    )


def _proof(made: PoolAward) -> Proof:
    # The mechanism counts in millionths of a micro-credit; what is shown is rounded away from zero for the gap.
    gap = -(-made.proof.gap // MICRO)
    return Proof(
        made.proof.status, from_micros(gap), from_micros(-(made.surplus // MICRO) - gap), made.proof.solver
    )


def _cleared(
    opened: PoolOpened,
    joined: Sequence[Entry],
    made: PoolAward,
    shares: Shares,
    won: Sequence[Winner],
    facts: Facts,
) -> PoolCleared:
    rows = list(zip(joined, made.served, shares.payments, made.reasons, strict=True))
    fills = [
        Fill(
            entry.entry_id,
            entry.agent,
            from_micros(served),
            from_micros(paid),
            reason,
            saving(entry, served, paid),
        )
        for entry, served, paid, reason in rows
        if served
    ]
    left_out = [
        LeftOut(entry.entry_id, entry.agent, reason) for entry, served, _, reason in rows if not served
    ]
    return PoolCleared(
        facts.now,
        opened.pool_id,
        opened.auction_id,
        from_micros(made.price),
        tuple(fills),
        tuple(Fill(winner.bid_id, winner.agent, Decimal(winner.quantity), winner.payment) for winner in won),
        tuple(left_out),
        from_micros(made.total),
        from_micros(made.surplus_quantity),
        opened.payment_rule,
        opened.sharing,
        from_micros(max(shares.errors, default=0)),
        pooling.MECHANISM,
        _proof(made),
    )


def _lapsed(opened: PoolOpened, joined: Sequence[Entry], why: str, facts: Facts) -> PoolLapsed:
    return PoolLapsed(
        facts.now, opened.pool_id, opened.auction_id, why, tuple(entry.entry_id for entry in joined)
    )
