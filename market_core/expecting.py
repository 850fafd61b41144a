"""What an award expects of each bidder by its track record, and the scores that follow from it.

The numbers used are in the award (`events.Basis`); scores are made of them alone, so that an award replays exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from decimal import Decimal
from operator import attrgetter

from market_core.agent import Agent, explores
from market_core.eligibility import bonus_of
from market_core.events import AuctionCreated, Basis, BidSubmitted, Expected
from market_core.mechanisms import confidence, reliability, scoring
from market_core.mechanisms.expectation import (
    Bidder,
    Claim,
    Prediction,
    Terms,
    benchmark,
    expected_score,
    predicted_by,
)
from market_core.mechanisms.reliability import Means, Prior
from market_core.mechanisms.track_record import LARGEST_QUALITY_RATIO, LARGEST_TIME_RATIO
from market_core.terms import Scoring
from market_core.values import MICRO, from_micros, half_even, micros, owner_of

NOBODY = Agent()


def basis(
    terms: AuctionCreated,
    bids: Sequence[BidSubmitted],
    agents: Mapping[str, Agent],
    priors: Mapping[str, Prior],
    now: int,
) -> Basis:
    """Return what is expected of the bidders at `now` (seconds).

    `agents`: the states of the bidders and of their owners, by id; `priors` by capability. The bonus for exploring goes
    to one bid of an owner, its best as claimed.
    """
    explorers = _explorers(bids) if terms.scoring.explore else set()
    known = benchmark(terms.requirements.capabilities, priors)
    explore, viewer = micros(terms.scoring.explore), owner_of(terms.buyer)
    found = []
    for bidder in sorted({bid.bidder for bid in bids}):
        owner = agents.get(owner_of(bidder), NOBODY)
        vouched = owner.vouched and bidder in explorers and not explores(owner, now)
        made = predicted_by(
            known,
            Bidder(agents.get(bidder, NOBODY).record, [owner.family.record], vouched),
            now,
            explore,
            viewer=viewer,
        )
        found.append((bidder, made))
    return Basis(
        reliability.MECHANISM,
        tuple(_expected(bidder, made.expected, made.bonus, made.newcomer) for bidder, made in found),
        _expected("", known.typical) if found else None,
    )


def explored_once(auctions: Mapping[str, Basis]) -> dict[str, Basis]:
    """Return what several auctions rest on that are decided as one: of an owner's bonuses the largest, of equal ones the first.

    The first by auction id: the order in which a buyer names auctions decides nothing.
    """
    bonuses = (
        (-one.bonus, auction_id, owner_of(one.agent))
        for auction_id, rests in auctions.items()
        for one in rests.expected
        if one.bonus
    )
    kept: dict[str, str] = {}
    for _, auction_id, owner in sorted(bonuses):
        kept.setdefault(owner, auction_id)
    if not kept:
        return dict(auctions)
    return {
        auction_id: replace(
            rests,
            expected=tuple(
                replace(one, bonus=Decimal(0))
                if kept.get(owner_of(one.agent), auction_id) != auction_id
                else one
                for one in rests.expected
            ),
        )
        for auction_id, rests in auctions.items()
    }


def _explorers(bids: Sequence[BidSubmitted]) -> set[str]:
    """Return of each owner the bidder with the best bid as claimed."""
    best: dict[str, BidSubmitted] = {}
    for bid in sorted(bids, key=lambda bid: (bid.score, bid.bidder)):
        best.setdefault(owner_of(bid.bidder), bid)
    return {bid.bidder for bid in best.values()}


def _expected(agent: str, means: Means, bonus: int = 0, newcomer: bool = False) -> Expected:
    return Expected(
        agent,
        from_micros(means.success),
        min(from_micros(means.time_ratio), LARGEST_TIME_RATIO),
        min(from_micros(means.quality_ratio), LARGEST_QUALITY_RATIO),
        from_micros(bonus),
        newcomer,
    )


def rescored(bids: Sequence[BidSubmitted], terms: AuctionCreated, rests_on: Basis) -> list[BidSubmitted]:
    """Return bids with the scores that follow from what is expected of their bidders."""
    weights = terms.scoring
    prices = Terms(
        micros(weights.time_price),
        micros(weights.quality_price),
        micros(weights.failure_price),
        micros(weights.explore),
    )
    typical = _means(rests_on.typical) if rests_on.typical else None
    by_agent = {one.agent: one for one in rests_on.expected}
    return [
        _with_score(bid, _score(bid, terms, prices, by_agent[bid.bidder], typical))
        if bid.bidder in by_agent
        else bid
        for bid in bids
    ]


_FIELDS = tuple(field.name for field in fields(BidSubmitted))
_VALUES, _SCORE = attrgetter(*_FIELDS), _FIELDS.index("score")


def _with_score(bid: BidSubmitted, score: Decimal) -> BidSubmitted:
    """Return `replace(bid, score=score)`, in a fourth of the time: an award by record does it for each bid."""
    values = list(_VALUES(bid))
    values[_SCORE] = score
    return BidSubmitted(*values)


def _score(
    bid: BidSubmitted, terms: AuctionCreated, prices: Terms, own: Expected, typical: Means | None
) -> Decimal:
    claim = Claim(
        micros(bid.cost) - bonus_of(terms, bid.attributes),
        micros(bid.estimated_time) if bid.estimated_time else 0,
        micros(bid.quality) if bid.quality else 0,
    )
    if terms.scoring.settle_confidence:
        return from_micros(_settled_score(claim, terms.scoring, own, bid.confidence or Decimal(0)))
    means = _means(own)
    made = Prediction(means, typical or means, micros(own.bonus) if own.bonus else 0, own.newcomer)
    return from_micros(expected_score(claim, prices, made))


def _means(one: Expected) -> Means:
    return Means(micros(one.success), micros(one.time_ratio), micros(one.quality_ratio))


def _settled_score(claim: Claim, weights: Scoring, own: Expected, said: Decimal) -> int:
    """Return a score whose failure term is what the bidder's own confidence makes of it: the rest is as expected."""
    means = _means(own)
    return scoring.score(
        claim.cost,
        time=half_even(claim.time * means.time_ratio, MICRO),
        time_price=micros(weights.time_price),
        quality=min(half_even(claim.quality * means.quality_ratio, MICRO), MICRO),
        quality_price=micros(weights.quality_price),
        risk=confidence.risk(micros(said), micros(weights.failure_price), micros(weights.settle_confidence)),
    )
