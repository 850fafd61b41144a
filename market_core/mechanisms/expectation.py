"""Scores by what the record predicts: what a bid claims, corrected by how claims of its bidder came out.

What remains possible: whoever is expected to do worse than the 20th percentile of the prior does better under a
new name, and pays for it by bidding as a newcomer again and again; `benchmarks/learning.py` shows what it earns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from market_core.mechanisms import scoring
from market_core.mechanisms.distributions import ONE, in_context, millionths, ratio
from market_core.mechanisms.reliability import USUAL, Means, Prior, means, percentile
from market_core.mechanisms.track_record import RULES, Record, Rules, evidence
from market_core.values import MICRO, half_even

NEWCOMER_OUTCOMES = 5
"""An owner with less evidence than so many full outcomes is a newcomer in scores."""
NEWCOMER_PERCENTILE = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """What a bid says: `cost` in micro-credits, `time` in microseconds, `quality` in millionths."""

    cost: int
    time: int = 0
    quality: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """The buyer's weights in micro-credits: per second, for quality 1, for a failure; and what it pays to explore."""

    time_price: int = 0
    quality_price: int = 0
    failure_price: int = 0
    explore: int = 0


@dataclass(frozen=True, slots=True)
class Prediction:
    """All that a score needs of a record: recorded in the award, it gives the same score again.

    `expected`: of this bidder; `typical`: the mean of the capability; `bonus`: for exploring, in micro-credits.
    `newcomer`: its owner has too little evidence to be more than the 20th percentile.
    """

    expected: Means
    typical: Means
    bonus: int = 0
    newcomer: bool = False


@dataclass(frozen=True, slots=True)
class Bidder:
    """A bidder's record, those of all ids of its owner (its own among them), and whether an operator vouched for it."""

    record: Record
    owner: Sequence[Record]
    vouched: bool = False


def predicted(
    bidder: Bidder,
    now: int,
    capabilities: Sequence[str] = (),
    priors: Mapping[str, Prior] | None = None,
    explore: int = 0,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> Prediction:
    """Return what to expect of a bidder on work that needs `capabilities`; of several, the worst by each measure.

    A newcomer is expected to be at best the 20th percentile of the prior, so that a new name is worth little; a new
    id of a known owner to be no better than what the owner's ids did so far, so that it is worth nothing.
    `priors`: by capability, USUAL where it has none. `viewer`: the buyer's owner, whose own outcomes count in full.

    `explore` (micro-credits): the bonus is explore / (1 + evidence), rounded half-even: all of it for an owner
    nobody knows, half after one outcome, none from NEWCOMER_OUTCOMES on in the capability. It is for vouched
    owners only, and goes by the evidence of the whole owner, so that a second id finds it used up. Where several
    bids of one owner stand in an auction, the caller gives it to one of them. Source: an upper confidence bound
    with the bonus of Rosin (2011), which falls like the variance, not like the deviation (Auer, Cesa-Bianchi and
    Fischer 2002): else a provider known to be poor would be lifted for a long time.

    >>> predicted(Bidder(Record(), [Record()], vouched=True), now=0, explore=900).bonus
    900
    >>> predicted(Bidder(Record(), [Record()]), now=0).expected.success
    668740
    """
    return predicted_by(benchmark(capabilities, priors), bidder, now, explore, rules, viewer)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is believed of the providers of some capabilities, before any record: the same for all bidders.

    `asked`: the capabilities with their priors; `typical`: the mean provider; `newcomer`: at best so is a new one.
    """

    asked: Sequence[tuple[str | None, Prior]]
    typical: Means
    newcomer: Means


def benchmark(capabilities: Sequence[str] = (), priors: Mapping[str, Prior] | None = None) -> Benchmark:
    """Return what `predicted` compares every bidder with: worked out once for many bidders."""
    known = priors or {}
    names: Sequence[str | None] = capabilities or (None,)
    asked = [(name, USUAL if name is None else known.get(name, USUAL)) for name in names]
    return Benchmark(
        asked,
        _worst([means(Record(), 0, None, prior) for _, prior in asked]),
        _worst([percentile(prior, NEWCOMER_PERCENTILE) for _, prior in asked]),
    )


@in_context
def predicted_by(
    known: Benchmark,
    bidder: Bidder,
    now: int,
    explore: int = 0,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> Prediction:
    """Return `predicted` for one of many bidders."""
    asked = known.asked
    newcomer = is_newcomer(bidder.owner, now, rules, viewer)
    own = [means(bidder.record, now, name, prior, rules, viewer) for name, prior in asked]
    if newcomer:
        own.append(known.newcomer)
    if bidder.record.overall.totals.weight < NEWCOMER_OUTCOMES:
        family = [record for record in bidder.owner if record.overall.totals != bidder.record.overall.totals]
        own += [means(record, now, name, prior, rules, viewer) for record in family for name, prior in asked]
    bonus = 0
    if explore and bidder.vouched:
        least = min(evidence(bidder.owner, now, name, rules, viewer) for name, _ in asked)
        if least < NEWCOMER_OUTCOMES:
            bonus = millionths(ratio(Decimal(explore), (ONE + least) * MICRO))
    return Prediction(_worst(own), known.typical, bonus, newcomer)


def is_newcomer(owner: Sequence[Record], now: int, rules: Rules = RULES, viewer: str | None = None) -> bool:
    """Return whether an owner, by the records of all its ids, has less evidence than NEWCOMER_OUTCOMES."""
    return evidence(owner, now, None, rules, viewer) < NEWCOMER_OUTCOMES


def expected_score(claim: Claim, terms: Terms, prediction: Prediction) -> int:
    """Return the score to expect, in micro-credits, lower is better; rounded once, half-even.

    cost + time_price x E[time] - quality_price x E[quality] + failure_price x P(failure), where E[time] is the
    time claimed x the time ratio (to a microsecond), E[quality] the quality claimed x the quality ratio, at most 1.
    A bonus makes it less, but never less than the score that the capability's mean would have with this claim.

    >>> usual = Means(success=900_000, time_ratio=2_000_000, quality_ratio=1_000_000)
    >>> expected_score(Claim(5_000_000, time=60_000_000), Terms(100_000, 0, 10_000_000), Prediction(usual, usual))
    18000000
    """
    score = _score(claim, terms, prediction.expected)
    if not prediction.bonus:
        return score
    return max(score - prediction.bonus, min(score, _score(claim, terms, prediction.typical)))


def _score(claim: Claim, terms: Terms, means: Means) -> int:
    return scoring.score(
        claim.cost,
        time=half_even(claim.time * means.time_ratio, MICRO),
        time_price=terms.time_price,
        quality=min(half_even(claim.quality * means.quality_ratio, MICRO), MICRO),
        quality_price=terms.quality_price,
        risk=terms.failure_price * (MICRO - means.success),
    )


def _worst(several: Sequence[Means]) -> Means:
    if len(several) == 1:
        return several[0]
    return Means(
        min(one.success for one in several),
        max(one.time_ratio for one in several),
        min(one.quality_ratio for one in several),
    )
