"""Which bids an auction takes, and what they score: yes or no at submission, then a number in credits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from market_core.agent import Agent
from market_core.commands import SubmitBid
from market_core.events import Attributes, AuctionCreated, BidSubmitted, UnitTerms
from market_core.ledger import seconds_of
from market_core.mechanisms import confidence, scoring
from market_core.mechanisms.reliability import success_at_least
from market_core.mechanisms.track_record import LARGEST_TIME_RATIO
from market_core.rejections import Code, Rejection
from market_core.terms import Condition, Scoring
from market_core.values import MICRO, TOTAL_LIMIT, from_micros, half_even, micros, owner_of, plain, total

MOST_TIMES = 10
"""So many times what is asked a bid may make the buyer take, with a minimum or a tier."""
SCORE_LIMIT = Decimal(100_000_000_000)
"""Scores stay below this, so that a cost and two scores together stay below the limit of totals."""


def eligible_attributes(
    command: SubmitBid, terms: AuctionCreated, provider: Agent, now: datetime
) -> Attributes:
    """Return the attributes that a bid rests on: its own, before those of the card that the auction asks for.

    Raises the Rejection that applies first where the bid is not eligible.
    """
    attributes = _with_the_card(command, terms, provider) if terms.asks_of_card else command.attributes
    if terms.min_reliability is not None:
        _check_reliable(terms, terms.min_reliability, provider, now)
    if terms.scoring.time_price and command.estimated_time is None:
        raise Rejection(Code.ESTIMATED_TIME_REQUIRED)
    if terms.scoring.quality_price and command.quality is None:
        raise Rejection(Code.QUALITY_REQUIRED)
    if terms.scoring.settle_confidence and command.confidence is None:
        raise Rejection(Code.CONFIDENCE_REQUIRED)
    assert command.cost is not None  # a take has got the offer as its cost
    dearest = max(command.cost, *(tier.cost for tier in command.tiers)) if command.tiers else command.cost
    most = _most(command, terms)
    if most is not None and dearest > most:
        raise Rejection(Code.BID_ABOVE_MAX_PRICE, max_price=plain(most))
    if dearest * _most_units(command, terms) >= TOTAL_LIMIT:
        raise Rejection(Code.TOTAL_OUT_OF_RANGE, limit=f"{TOTAL_LIMIT:,}")
    return attributes


def _check_reliable(terms: AuctionCreated, asked: Decimal, provider: Agent, now: datetime) -> None:
    """The buyer's own outcomes count in full: it does not deceive itself. Of several capabilities the worst counts."""
    names: Sequence[str | None] = terms.requirements.capabilities or (None,)
    moment, buyer = seconds_of(now), owner_of(terms.buyer)
    low = min(success_at_least(provider.record, moment, name, viewer=buyer) for name in names)
    if low < micros(asked):
        raise Rejection(Code.BELOW_MIN_RELIABILITY, asked=plain(asked), low=plain(from_micros(low)))


def _with_the_card(command: SubmitBid, terms: AuctionCreated, provider: Agent) -> Attributes:
    """Return a bid's attributes and those of the card that are asked for, where both are as required."""
    held = provider.capabilities
    if missing := [name for name in terms.requirements.capabilities if name not in held]:
        raise Rejection(Code.MISSING_CAPABILITY, missing=missing)
    wanted = terms.requirements.attributes
    asked = {*wanted, *(bonus.attribute for bonus in terms.scoring.attribute_bonus)}
    card = {name: value for name, value in provider.attributes.items() if name in asked}
    attributes = card | command.attributes
    if unmet := [name for name, condition in wanted.items() if not _meets(attributes.get(name), condition)]:
        raise Rejection(Code.MISSING_ATTRIBUTE, missing=unmet)
    return attributes


def _most(command: SubmitBid, terms: AuctionCreated) -> Decimal | None:
    """Return the most that a bid may cost: max_price, for a set of lots the sum of theirs if all have one."""
    if not terms.lots:
        return terms.max_price
    limits = [lot.max_price for lot in terms.lots if lot.id in command.lots]
    return None if None in limits else total(limit for limit in limits if limit is not None)


def sold(command: SubmitBid, terms: AuctionCreated) -> UnitTerms | None:
    """Return what a bid says of units, None where the auction is not for several.

    Raises the Rejection of what does not fit the auction: units or lots where it has none, lots it does not have.
    """
    if terms.lots:
        if not command.lots:
            raise Rejection(Code.LOTS_REQUIRED)
        if missing := sorted(set(command.lots) - {lot.id for lot in terms.lots}):
            raise Rejection(Code.UNKNOWN_LOT, missing=missing)
    elif command.lots or command.at_most is not None:
        field = "lots" if command.lots else "at_most"
        raise Rejection(Code.FIELD_DOES_NOT_FIT, field=field, why="it has no lots")
    if terms.quantity == 1 and not terms.pool:
        if command.quantity is None and command.min_quantity == 1 and not command.tiers:
            return None
        said = (
            ("quantity", command.quantity),
            ("min_quantity", command.min_quantity),
            ("tiers", command.tiers),
        )
        field = next(name for name, value in said if value not in (None, 1, ()))
        raise Rejection(Code.FIELD_DOES_NOT_FIT, field=field, why="it is not for units of a quantity")
    if terms.payment_rule == "uniform":
        _check_one_by_one(command)
    for field, units in (("min_quantity", command.min_quantity), ("tiers", _last_start(command))):
        if units > MOST_TIMES * terms.quantity:
            why = f"it begins beyond {MOST_TIMES} times the {terms.quantity} units that are asked for"
            raise Rejection(Code.FIELD_DOES_NOT_FIT, field=field, why=why)
    return UnitTerms(_most_units(command, terms), command.min_quantity, command.tiers, command.tier_kind)


def _check_one_by_one(command: SubmitBid) -> None:
    """Under uniform every unit competes alone: a bid that ties units together would leave the auction undecided."""
    costs = [command.cost, *(tier.cost for tier in command.tiers)]
    falls = any(
        later < sooner for sooner, later in pairwise(costs) if sooner is not None and later is not None
    )
    if command.min_quantity > 1:
        raise Rejection(Code.FIELD_DOES_NOT_FIT, field="min_quantity", why=_ONE_BY_ONE)
    if command.tiers and (command.tier_kind == "all_units" or falls):
        raise Rejection(
            Code.FIELD_DOES_NOT_FIT,
            field="tiers",
            why=f"{_ONE_BY_ONE}: only incremental tiers whose cost never falls",
        )


_ONE_BY_ONE = "uniform prices each unit alone"


def _last_start(command: SubmitBid) -> int:
    return max((tier.from_quantity for tier in command.tiers), default=1)


def _most_units(command: SubmitBid, terms: AuctionCreated) -> int:
    """Return the most units a bid may sell: what it says, else all that is asked, or what its tiers reach."""
    if terms.quantity == 1:
        return 1
    return command.quantity or max(terms.quantity, command.min_quantity, _last_start(command))


def _meets(value: bool | int | float | str | None, condition: Condition) -> bool:
    least, most = condition.min, condition.max
    assert not isinstance(least, bool | str)  # Condition has checked both
    assert not isinstance(most, bool | str)
    return scoring.meets(
        value,
        equals=condition.equals,
        least=least,
        most=most,
        any_of=condition.any_of,
        optional=condition.optional,
    )


def bid_score(command: SubmitBid, terms: AuctionCreated, attributes: Attributes) -> Decimal:
    """Return the bid's score in credits; raise `score_out_of_range` where a payment made of it could be too large."""
    weights = terms.scoring
    assert command.cost is not None  # as above
    score = command.cost
    if weights.time_price or weights.quality_price or weights.attribute_bonus or weights.settle_confidence:
        score = from_micros(
            scoring.score(
                micros(command.cost),
                time=micros(command.estimated_time) if command.estimated_time else 0,
                time_price=micros(weights.time_price),
                quality=micros(command.quality) if command.quality else 0,
                quality_price=micros(weights.quality_price),
                bonus=bonus_of(terms, attributes),
                risk=_risk(weights, command.confidence),
            )
        )
    if weights.use_track_record:
        _check_worst(command, weights, _most_units(command, terms))
    if abs(score) * _most_units(command, terms) >= SCORE_LIMIT:
        raise Rejection(Code.SCORE_OUT_OF_RANGE)
    return score


def _risk(weights: Scoring, said: Decimal | None) -> int:
    """Return what a failure costs on average, by what the bidder says of its chance; nothing where that is not settled."""
    if not weights.settle_confidence or said is None:
        return 0
    return confidence.risk(micros(said), micros(weights.failure_price), micros(weights.settle_confidence))


def _check_worst(command: SubmitBid, weights: Scoring, units: int) -> None:
    """A record may make the time claimed as many times longer as a record counts at most."""
    longest = (command.estimated_time or Decimal(0)) * LARGEST_TIME_RATIO
    worst = micros(weights.time_price) * micros(longest) + (micros(weights.failure_price) + MICRO) * MICRO
    if worst * units >= micros(SCORE_LIMIT) * MICRO:
        raise Rejection(Code.SCORE_OUT_OF_RANGE)


def bonus_of(terms: AuctionCreated, attributes: Attributes) -> int:
    """Return what the attributes of a bid take off its score, in micro-credits."""
    return sum(
        micros(row.bonus)
        for row in terms.scoring.attribute_bonus
        if row.attribute in attributes and _meets(attributes[row.attribute], row.when)
    )


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What a score adds to the cost for time and failure, and takes off for quality and attributes, in credits."""

    time: Decimal
    quality: Decimal
    bonus: Decimal
    failure: Decimal


def score_parts(bid: BidSubmitted, terms: AuctionCreated) -> ScoreParts:
    """Return the parts of a bid's score: cost + time + failure - quality - bonus, each rounded half-even for showing."""
    weights = terms.scoring

    def product(price: Decimal, amount: Decimal | None) -> Decimal:
        return from_micros(half_even(micros(price) * micros(amount or Decimal(0)), MICRO))

    return ScoreParts(
        product(weights.time_price, bid.estimated_time),
        product(weights.quality_price, bid.quality),
        from_micros(bonus_of(terms, bid.attributes)),
        from_micros(half_even(_risk(weights, bid.confidence), MICRO)),
    )
