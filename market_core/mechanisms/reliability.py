"""What a record lets one expect of a provider: success, time and quality, each with its uncertainty.

Three small conjugate models, each a prior and a few weighted sums, so that an estimate costs microseconds:

* success: Beta. The neutral prior is Beta(1, 1), the uniform one (Bayes 1763, Laplace 1774).
* ln(actual time / estimated time): normal with unknown mean and variance, prior normal-inverse-chi-squared
  (Gelman et al., Bayesian Data Analysis, 3rd ed. 2013, section 3.3). So the ratio itself is log-normal.
* quality / promised quality: normal, the same family.

An outcome that weighs w counts as w observations, also where forgetting made it weigh less. That is exact for a
provider that drifts as fast as the record forgets; for one that never changes, intervals are somewhat too wide.
Source: discounting, West and Harrison, Bayesian Forecasting and Dynamic Models (2nd ed. 1997), chapter 6.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from market_core.mechanisms.distributions import (
    HALF,
    ONE,
    ZERO,
    beta_quantile,
    in_context,
    millionths,
    ratio,
    student_quantile,
)
from market_core.mechanisms.track_record import RULES, Record, Rules, Sums

MECHANISM = "reliability/1"
"""Name and version, recorded in each award that used a record."""

_ENOUGH = Decimal("1e-9")  # what rounding leaves of sums that are gone is no evidence


@dataclass(frozen=True, slots=True)
class BetaPrior:
    """Beta(mean x strength, (1 - mean) x strength): worth `strength` outcomes."""

    mean: Decimal
    strength: Decimal


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """A mean that is worth `strength` observations, and a variance that is worth `freedom` of them."""

    mean: Decimal
    strength: Decimal
    variance: Decimal
    freedom: Decimal


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of a provider without a record; towards this a short record is pulled."""

    success: BetaPrior
    log_time: NormalPrior
    quality: NormalPrior


NEUTRAL = Prior(
    BetaPrior(HALF, Decimal(2)),
    # ln E = mean + variance / 2 = 0: it takes as long as it says, within a factor of about 2.
    NormalPrior(Decimal("-0.125"), Decimal(2), Decimal("0.25"), Decimal(4)),
    NormalPrior(ONE, Decimal(2), Decimal("0.04"), Decimal(4)),
)
"""What is said of a newcomer: any chance of success is as likely as any other; times and quality are as claimed.

Estimates, their intervals and the gate use it, so that they say no more than the record does.
"""

USUAL = Prior(BetaPrior(Decimal("0.8"), Decimal(5)), NEUTRAL.log_time, NEUTRAL.quality)
"""What scores expect where nothing is learned yet: Beta(4, 1). Its 20th percentile is 0.2 ** (1/4), about 0.669.

Agents are offered for work that they mostly can do. Expecting every second task to fail, a buyer would never try
a second provider once a first one had a poor but longer record.
"""


@dataclass(frozen=True, slots=True)
class Range:
    """An estimate and its 90 % credible interval, in millionths."""

    mean: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Means:
    """What a score uses, in millionths: chance of success, actual / estimated time, quality / promised quality."""

    success: int
    time_ratio: int
    quality_ratio: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a record says at one moment. All numbers but the counts are in millionths.

    `brier`: the mean of (confidence - success)^2, 0 best, 250,000 for always saying one half; None without a
    confidence. `evidence`: the weight of what is counted; `is_prior`: there is none, this is the prior alone.
    `last_at`: the latest outcome, in seconds as given. The counts are plain ones, not weighed and not forgotten.
    """

    success: Range
    time_ratio: Range
    quality_ratio: Range
    brier: int | None
    evidence: int
    is_prior: bool
    awards: int
    successes: int
    failures: int
    last_at: int | None


@dataclass(frozen=True, slots=True)
class _Normal:
    """A posterior of NormalPrior's form."""

    mean: Decimal
    strength: Decimal
    variance: Decimal
    freedom: Decimal


@in_context
def means(
    record: Record,
    now: int,
    capability: str | None = None,
    prior: Prior = USUAL,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> Means:
    """Return what a score uses: the expectations of `estimate`, which take microseconds, by the prior of scores.

    Where the record alone is worse than the estimate, its mean log time ratio and its mean quality ratio count:
    a time or quality claimed is no evidence, and pulling the record towards the claim would reward false ones.

    >>> means(Record(), now=0)
    Means(success=800000, time_ratio=1000000, quality_ratio=1000000)
    """
    sums = record.tally(capability).weighed(now, rules, viewer)
    a, b = _beta(sums, prior.success)
    time, quality = _log_time(sums, prior), _quality(sums, prior)
    return Means(
        millionths(ratio(a, a + b)),
        millionths((max(time.mean, _own(sums.timed, sums.log_time, time)) + HALF * time.variance).exp()),
        millionths(min(quality.mean, _own(sums.rated, sums.quality, quality))),
    )


@in_context
def estimate(
    record: Record,
    now: int,
    capability: str | None = None,
    prior: Prior = NEUTRAL,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> Estimate:
    """Return what `record` says at `now` (seconds), in one capability or (None) over everything.

    `prior`: NEUTRAL for what is shown and for the gate; a learned one would let newcomers through. `viewer`: an owner whose own
    outcomes count without the cap on one buyer; give it for that owner's eyes only. Rounded to 6 places, half-even.

    Intervals hold 90 %: of success the Beta quantiles; of the quality ratio Student's; of the expected time ratio
    exp(m + s^2/2) Cox's (Land 1972; with Student's t, Olsson 2005), which is approximate.

    >>> estimate(Record(), now=0).success
    Range(mean=500000, low=50000, high=950000)
    """
    tally = record.tally(capability)
    sums = tally.weighed(now, rules, viewer)
    return Estimate(
        *_ranges(sums, prior, Decimal("0.95")),
        millionths(ratio(sums.brier, sums.confident)) if sums.confident > _ENOUGH else None,
        millionths(sums.weight),
        sums.weight <= _ENOUGH,
        tally.awards,
        tally.successes,
        tally.failures,
        tally.at,
    )


@in_context
def success_at_least(
    record: Record,
    now: int,
    capability: str | None = None,
    prior: Prior = NEUTRAL,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> int:
    """Return `estimate(...).success.low` by itself: the chance of success, in millionths, that 95 % lie above.

    >>> success_at_least(Record(), now=0)
    50000
    """
    a, b = _beta(record.tally(capability).weighed(now, rules, viewer), prior.success)
    return millionths(beta_quantile(1 - Decimal("0.95"), a, b))


def reliable(estimate: Estimate, min_reliability: int) -> bool:
    """Return whether success is at least `min_reliability` (millionths) with a chance of 95 %: the gate of a bid.

    >>> reliable(estimate(Record(), now=0), 500_000)
    False
    """
    return estimate.success.low >= min_reliability


@lru_cache(maxsize=256)
@in_context
def percentile(prior: Prior, per_cent: int) -> Means:
    """Return the provider that does better than only `per_cent` (1 to 50) of those that `prior` expects.

    >>> percentile(NEUTRAL, 20).success, percentile(USUAL, 20).success
    (200000, 668740)
    """
    success, time, quality = _ranges(Sums(), prior, 1 - ratio(Decimal(per_cent), Decimal(100)))
    return Means(success.low, time.high, quality.low)


def _ranges(sums: Sums, prior: Prior, chance: Decimal) -> tuple[Range, Range, Range]:
    """Return success, time ratio and quality ratio; each is below `high`, and above `low`, with `chance`."""
    a, b = _beta(sums, prior.success)
    success = Range(
        millionths(ratio(a, a + b)),
        millionths(beta_quantile(1 - chance, a, b)),
        millionths(beta_quantile(chance, a, b)),
    )
    return success, _time_range(_log_time(sums, prior), chance), _quality_range(_quality(sums, prior), chance)


def _time_range(posterior: _Normal, chance: Decimal) -> Range:
    middle = posterior.mean + HALF * posterior.variance
    half_width = student_quantile(chance, posterior.freedom) * _cox_deviation(posterior)
    return Range(
        millionths(middle.exp()),
        millionths((middle - half_width).exp()),
        millionths((middle + half_width).exp()),
    )


def _quality_range(posterior: _Normal, chance: Decimal) -> Range:
    deviation = ratio(posterior.variance, posterior.strength).sqrt()
    half_width = student_quantile(chance, posterior.freedom) * deviation
    low, high = posterior.mean - half_width, posterior.mean + half_width
    return Range(millionths(posterior.mean), max(millionths(low), 0), millionths(high))


def _cox_deviation(posterior: _Normal) -> Decimal:
    """Return the deviation of mean + variance / 2."""
    of_mean = ratio(posterior.variance, posterior.strength)
    of_variance = ratio(posterior.variance * posterior.variance, 2 * posterior.freedom)
    return (of_mean + of_variance).sqrt()


def _own(weight: Decimal, values: Decimal, posterior: _Normal) -> Decimal:
    """Return the mean of the record alone; without one, the posterior's."""
    return ratio(values, weight) if weight > _ENOUGH else posterior.mean


def _beta(sums: Sums, prior: BetaPrior) -> tuple[Decimal, Decimal]:
    """Return the posterior's parameters; what rounding left below 0 is 0."""
    success, failure = max(sums.success, ZERO), max(sums.weight - sums.success, ZERO)
    return prior.mean * prior.strength + success, (1 - prior.mean) * prior.strength + failure


def _log_time(sums: Sums, prior: Prior) -> _Normal:
    return _normal(sums.timed, sums.log_time, sums.log_time_squares, prior.log_time)


def _quality(sums: Sums, prior: Prior) -> _Normal:
    return _normal(sums.rated, sums.quality, sums.quality_squares, prior.quality)


def _normal(weight: Decimal, values: Decimal, squares: Decimal, prior: NormalPrior) -> _Normal:
    """Return the posterior of Bayesian Data Analysis, equation 3.9, of weighted sums."""
    if weight <= _ENOUGH:
        return _Normal(prior.mean, prior.strength, prior.variance, prior.freedom)
    observed = ratio(values, weight)
    strength, freedom = prior.strength + weight, prior.freedom + weight
    spread = max(squares - values * observed, ZERO)
    moved = ratio(prior.strength * weight, strength) * (observed - prior.mean) ** 2
    return _Normal(
        ratio(prior.strength * prior.mean + values, strength),
        strength,
        ratio(prior.freedom * prior.variance + spread + moved, freedom),
        freedom,
    )
