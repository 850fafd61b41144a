"""Auctions with several winners: from their bids to a question for the mechanism, and back from its answer."""

from collections.abc import Sequence
from decimal import Decimal

from market_core.canonical import canonical, digest
from market_core.events import AuctionCreated, BidSubmitted, Proof, UnitTerms, Winner
from market_core.mechanisms import combinatorial, multi_unit, scoring
from market_core.mechanisms.clearing_choices import Selection
from market_core.mechanisms.combinatorial import LotAward, LotBid, LotProblem
from market_core.mechanisms.multi_unit import UnitAward, UnitBid, UnitProblem
from market_core.mechanisms.pooling_settled import PoolResult
from market_core.mechanisms.procurement import (
    DoesNotFit,
    Infeasible,
    Limits,
    NoCompetition,
    TooLarge,
    Unproved,
    Unsolved,
)
from market_core.mechanisms.solve import Question, SetRule, Solution, solve
from market_core.rejections import Code, Rejection
from market_core.terms import NO_CONSTRAINTS, Constraints, PaymentRule
from market_core.values import from_micros, micros, plain


def tie_key(terms: AuctionCreated, bid: BidSubmitted) -> str:
    """Return the key by which ties fall: of what may decide, and of the nonce committed at creation."""
    content: dict[str, object] = {
        "cost": bid.cost,
        "estimated_time": bid.estimated_time,
        "quality": bid.quality,
        "attributes": bid.attributes,
    }
    if bid.units is not None:
        content["quantity"] = [bid.units.quantity, bid.units.min_quantity]
        content["tiers"] = [[tier.from_quantity, tier.cost] for tier in bid.units.tiers]
        content["tier_kind"] = bid.units.tier_kind
    if bid.lots:
        content["lots"] = bid.lots
    if terms.scoring.settle_confidence:
        content["confidence"] = bid.confidence
    return scoring.tie_key(terms.nonce, terms.auction_id, bid.bidder, content)


def are_few(terms: AuctionCreated, bids: Sequence[BidSubmitted]) -> bool:
    """Return whether deciding on `bids` takes some hundredths of a second at most, so that it needs no solver.

    Constraints may take one, which is never started where others wait.
    """
    if terms.constraints != NO_CONSTRAINTS or any(bid.at_most is not None for bid in bids):
        return terms.lots == () and terms.constraints.max_spend_share is None and _reach(terms, bids) <= 500
    if terms.lots:
        return len(terms.lots) <= 8 and len(bids) <= 64
    return len(bids) <= 200 and _reach(terms, bids) <= 20_000


def _reach(terms: AuctionCreated, bids: Sequence[BidSubmitted]) -> int:
    """Return how many units times bids may have to be looked through: minimums and tiers lead beyond what is asked."""
    sold = [bid.units for bid in bids if bid.units is not None]
    starts = [tier.from_quantity for units in sold for tier in units.tiers]
    return max([terms.quantity, *starts, *(units.min_quantity for units in sold)]) * len(bids)


# The question


def question(terms: AuctionCreated, bids: Sequence[BidSubmitted], rule: PaymentRule) -> Question:
    """Return what must be solved to award `bids` under `rule`."""
    assert rule != "second_price", "it is for one winner, who is found without a search"
    asked: SetRule = rule
    problem = _lots(terms, bids) if terms.lots else _units(terms, bids)
    # Scores that rest on records may change between the question and the award: the answer is then to another one.
    by_record = terms.scoring.use_track_record
    besides = digest(canonical([bid.score for bid in bids])) if by_record else ""
    ids = tuple(bid.bid_id for bid in bids)
    return Question(problem, ids, asked, terms.if_unproved == "pay_as_bid", besides=besides)


def _units(terms: AuctionCreated, bids: Sequence[BidSubmitted]) -> UnitProblem:
    return UnitProblem(
        terms.quantity,
        tuple(unit_bid(terms, bid) for bid in bids),
        None if terms.max_price is None else micros(terms.max_price),
        _limits(terms.constraints),
        _most_off(terms),
    )


def unit_bid(terms: AuctionCreated, bid: BidSubmitted) -> UnitBid:
    """Return a bid for units as the mechanism reads it."""
    sold = bid.units or UnitTerms(1, 1, (), "all_units")
    tiers = ((1, bid.cost), *((tier.from_quantity, tier.cost) for tier in sold.tiers))
    return UnitBid(
        bid.bidder,
        tie_key(terms, bid),
        sold.quantity,
        sold.min_quantity,
        tuple((start, micros(cost)) for start, cost in tiers),
        sold.tier_kind == "incremental",
        micros(bid.score) - micros(bid.cost),
    )


def _most_off(terms: AuctionCreated) -> int:
    """Return the most that quality and bonuses take off a unit's score, so that no unit is bought for them alone."""
    weights = terms.scoring
    bonuses = sum(micros(row.bonus) for row in weights.attribute_bonus)
    return micros(weights.quality_price) + bonuses


def _lots(terms: AuctionCreated, bids: Sequence[BidSubmitted]) -> LotProblem:
    places = {lot.id: place for place, lot in enumerate(terms.lots)}
    limits: dict[str, int] = {}
    for bid in bids:
        if bid.at_most is not None:
            limits[bid.bidder] = min(bid.at_most, limits.get(bid.bidder, bid.at_most))
    return LotProblem(
        tuple(None if lot.max_price is None else micros(lot.max_price) for lot in terms.lots),
        tuple(
            LotBid(
                bid.bidder,
                tie_key(terms, bid),
                frozenset(places[lot] for lot in bid.lots),
                micros(bid.cost),
                micros(bid.score) - micros(bid.cost),
            )
            for bid in bids
        ),
        terms.bids_combine,
        limits,
        _limits(terms.constraints),
    )


def _limits(asked: Constraints) -> Limits:
    return Limits(
        asked.max_winners,
        asked.min_winners or 0,
        None if asked.max_share is None else micros(asked.max_share),
        None if asked.max_spend_share is None else micros(asked.max_spend_share),
    )


# The answer


def solved(asked: Question, seconds: float | None = None) -> Solution:
    """Return the answer to a question, or raise the Rejection that says why there is none."""
    try:
        return solve(asked, seconds)
    except Unsolved as why:
        raise refusal(why, asked.rule) from None


def refusal(why: Unsolved, rule: SetRule) -> Rejection:
    """Return the refusal of an award that the mechanism cannot make."""
    match why:
        case Infeasible(limits=limits):
            return Rejection(Code.CONSTRAINTS_CONFLICT, conflict=limits)
        case NoCompetition(bidder=bidder):
            return Rejection(Code.NO_COMPETITION, winner=bidder, rule=rule)
        case DoesNotFit(why=reason):
            return Rejection(Code.PAYMENT_RULE_DOES_NOT_FIT, rule=rule, why=reason)
        case Unproved(gap=gap):
            return Rejection(Code.NOT_PROVED, rule=rule, gap=plain(from_micros(gap)))
        case TooLarge(limit=limit):
            return Rejection(Code.TOO_LARGE, limit=limit)
    raise TypeError(f"{type(why).__name__} has no refusal")


def winners(bids: Sequence[BidSubmitted], asked: Question, solution: Solution) -> tuple[Winner, ...]:
    """Return the winning bids with their totals, by tie key; they are recomputed, not taken over."""
    problem, award = asked.problem, solution.award
    made: list[tuple[str, Winner]] = []
    for position, bid in enumerate(bids):
        paid = from_micros(solution.payments[position])
        if isinstance(award, UnitAward):
            assert isinstance(problem, UnitProblem)  # as its award
            units, offered = award.units[position], problem.bids[position]
            if units:
                cost = from_micros(multi_unit.cost(offered, units))
                score = from_micros(multi_unit.score(offered, units))
                made.append((offered.key, Winner(bid.bidder, bid.bid_id, cost, paid, score, units)))
        elif isinstance(award, LotAward) and position in award.winners:
            assert isinstance(problem, LotProblem)  # as its award
            won = Winner(bid.bidder, bid.bid_id, bid.cost, paid, bid.score, 1, bid.lots)
            made.append((problem.bids[position].key, won))
    return tuple(winner for _, winner in sorted(made, key=lambda pair: pair[0]))


def unbought(asked: Question, solution: Solution) -> int:
    """Return how many units nobody sells."""
    if not isinstance(asked.problem, UnitProblem):
        return 0
    assert isinstance(solution.award, UnitAward)  # as its problem
    return max(0, asked.problem.quantity - solution.award.bought)


def unbought_lots(terms: AuctionCreated, solution: Solution) -> tuple[str, ...]:
    """Return the lots that no winning bid covers."""
    award = solution.award
    return tuple(terms.lots[place].id for place in award.unbought) if isinstance(award, LotAward) else ()


def threshold(asked: Question, position: int) -> Decimal | None:
    """Return the cost (of a unit, or of the set of lots) below which a losing bid would have won; None if none is known.

    It is found by solving again, with the bid forced in.
    """
    problem = asked.problem
    if isinstance(problem, UnitProblem):
        least = multi_unit.threshold(problem, multi_unit.decide(problem), position)
        if least is None and (problem.bids[position].tiers[1:] or problem.limits.max_spend_share is not None):
            return None  # there is not one cost to tell
    else:
        assert isinstance(problem, LotProblem)  # what an auction by itself asks
        least = combinatorial.threshold(problem, combinatorial.decide(problem), position)
    return from_micros(max(least or 0, 0))


def mechanism(asked: Question) -> str:
    """Return name and version of the mechanism that answers a question."""
    return multi_unit.MECHANISM if isinstance(asked.problem, UnitProblem) else combinatorial.MECHANISM


def proof(solution: Solution) -> Proof:
    """Return how far the decision is proved best, in credits."""
    assert not isinstance(solution.award, Selection | PoolResult)  # but of an auction
    made = solution.award.proof
    return Proof(made.status, from_micros(made.gap), from_micros(made.bound), made.solver)
