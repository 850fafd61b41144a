"""Which bids an auction takes, and what they score: yes or no at submission, then a number in credits."""

from dataclasses import dataclass
from decimal import Decimal

from market_core.agent import Agent
from market_core.commands import Condition, SubmitBid
from market_core.events import Attributes, AuctionCreated, BidSubmitted
from market_core.mechanisms import scoring
from market_core.rejections import Code, Rejection
from market_core.values import MICRO, from_micros, half_even, micros, plain

SCORE_LIMIT = Decimal(100_000_000_000)
"""Scores stay below this, so that a cost and two scores together stay below the limit of totals."""


def eligible_attributes(command: SubmitBid, terms: AuctionCreated, provider: Agent) -> Attributes:
    """Return the attributes that a bid rests on: its own, before those of the card that the auction asks for.

    Raises the Rejection that applies first where the bid is not eligible.
    """
    missing = [name for name in terms.requirements.capabilities if name not in provider.capabilities]
    if missing:
        raise Rejection(Code.MISSING_CAPABILITY, missing=missing)
    wanted = terms.requirements.attributes
    asked = {*wanted, *(bonus.attribute for bonus in terms.scoring.attribute_bonus)}
    own = command.attributes
    attributes = {name: value for name, value in provider.attributes.items() if name in asked} | own
    unmet = [name for name, condition in wanted.items() if not _meets(attributes.get(name), condition)]
    if unmet:
        raise Rejection(Code.MISSING_ATTRIBUTE, missing=unmet)
    if terms.scoring.time_price and command.estimated_time is None:
        raise Rejection(Code.ESTIMATED_TIME_REQUIRED)
    if terms.scoring.quality_price and command.quality is None:
        raise Rejection(Code.QUALITY_REQUIRED)
    assert command.cost is not None  # a take has got the offer as its cost
    if terms.max_price is not None and command.cost > terms.max_price:
        raise Rejection(Code.BID_ABOVE_MAX_PRICE, max_price=plain(terms.max_price))
    return attributes


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
    score = from_micros(
        scoring.score(
            micros(command.cost),
            time=micros(command.estimated_time) if command.estimated_time else 0,
            time_price=micros(weights.time_price) if weights.time_price else 0,
            quality=micros(command.quality) if command.quality else 0,
            quality_price=micros(weights.quality_price) if weights.quality_price else 0,
            bonus=_bonus(terms, attributes),
        )
    )
    if abs(score) >= SCORE_LIMIT:
        raise Rejection(Code.SCORE_OUT_OF_RANGE)
    return score


def _bonus(terms: AuctionCreated, attributes: Attributes) -> int:
    return sum(
        micros(row.bonus)
        for row in terms.scoring.attribute_bonus
        if row.attribute in attributes and _meets(attributes[row.attribute], row.when)
    )


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """What a score adds to the cost for time, and takes off for quality and attributes, in credits."""

    time: Decimal
    quality: Decimal
    bonus: Decimal


def score_parts(bid: BidSubmitted, terms: AuctionCreated) -> ScoreParts:
    """Return the parts of a bid's score: cost + time - quality - bonus, each rounded half-even for showing."""
    weights = terms.scoring

    def product(price: Decimal, amount: Decimal | None) -> Decimal:
        return from_micros(half_even(micros(price) * micros(amount or Decimal(0)), MICRO))

    return ScoreParts(
        product(weights.time_price, bid.estimated_time),
        product(weights.quality_price, bid.quality),
        from_micros(_bonus(terms, bid.attributes)),
    )
