"""What the records of a capability's providers say about the next one: a prior, learned.

Empirical Bayes in two steps. Each measure has a spread within a provider's outcomes and one between providers; a
prior is worth as many outcomes as the first is times the second. The mean over providers is pulled towards the
usual prior, which counts as some more providers; so the capability is pulled towards the market's prior, and a
provider towards its capability's.
Source: the moment estimator of DerSimonian and Laird (1986); shrinkage as Efron and Morris (1975).
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from market_core.mechanisms.distributions import ONE, ZERO, in_context, ratio
from market_core.mechanisms.reliability import USUAL, BetaPrior, NormalPrior, Prior
from market_core.mechanisms.track_record import Sums

LEAST_PROVIDERS = 5
"""With fewer providers of LEAST_EVIDENCE nothing is learned of how they differ: the base's strength stays."""
LEAST_EVIDENCE = 3
LARGEST_STRENGTH = Decimal(8)
"""However alike providers were so far, the next one can differ: no prior is worth more outcomes."""
BASE_VOICES = 5
"""The usual prior counts as so many providers. Those with a record are mostly the cheap ones; taken alone, a
few poor ones would make every newcomer look poor, and no better one would ever be tried."""
_EVIDENCE = ONE  # providers with less say more about chance than about themselves


class _Group(NamedTuple):
    """One provider's outcomes: how many, their sum, and their squared distances from its mean."""

    weight: Decimal
    values: Decimal
    spread: Decimal

    @property
    def mean(self) -> Decimal:
        return ratio(self.values, self.weight)


class _Pooled(NamedTuple):
    mean: Decimal
    strength: Decimal
    spread: Decimal
    freedom: Decimal


@in_context
def learned(records: Iterable[Sums], base: Prior = USUAL) -> Prior:
    """Return the prior that the providers of a capability suggest; without records, `base`.

    `records`: of each owner `Tally.weighed(now, rules)` in that capability, in any order. Give one for each
    owner: many ids of one owner would be as many voices. Give all the market has or a fixed choice of it, never
    only those of an auction's bidders: else a losing bid would change who wins.

    >>> learned([]) == USUAL
    True
    """
    ordered = sorted(records)  # a sum of rounded numbers depends on their order
    success = _pooled(
        [_group(s.weight, s.success, s.success) for s in ordered], base.success.mean, base.success.strength
    )
    times = [_group(s.timed, s.log_time, s.log_time_squares) for s in ordered]
    rates = [_group(s.rated, s.quality, s.quality_squares) for s in ordered]
    return Prior(
        BetaPrior(success.mean, success.strength), _normal(times, base.log_time), _normal(rates, base.quality)
    )


def _normal(groups: Sequence[_Group | None], base: NormalPrior) -> NormalPrior:
    pooled = _pooled(groups, base.mean, base.strength)
    variance = ratio(base.freedom * base.variance + pooled.spread, base.freedom + pooled.freedom)
    return NormalPrior(pooled.mean, pooled.strength, variance, base.freedom)


def _group(weight: Decimal, values: Decimal, squares: Decimal) -> _Group | None:
    if weight < _EVIDENCE:
        return None
    return _Group(weight, values, max(squares - ratio(values * values, weight), ZERO))


def _pooled(found: Sequence[_Group | None], mean: Decimal, strength: Decimal) -> _Pooled:
    groups = [group for group in found if group is not None]
    freedom = max(sum((group.weight - 1 for group in groups), ZERO), ZERO)
    spread = sum((group.spread for group in groups), ZERO)
    known = [group for group in groups if group.weight >= LEAST_EVIDENCE]
    if len(known) >= LEAST_PROVIDERS:
        strength = _strength(known, ratio(spread, freedom), strength)
    voices = [ratio(group.weight, group.weight + strength) for group in groups]
    said = sum((voice * group.mean for voice, group in zip(voices, groups, strict=True)), BASE_VOICES * mean)
    return _Pooled(ratio(said, BASE_VOICES + sum(voices, ZERO)), strength, spread, freedom)


def _strength(groups: Sequence[_Group], within: Decimal, least: Decimal) -> Decimal:
    """Return within / between, by the method of moments, between `least` and LARGEST_STRENGTH."""
    weight = sum((group.weight for group in groups), ZERO)
    mean = ratio(sum((group.values for group in groups), ZERO), weight)
    apart = sum((group.weight * (group.mean - mean) ** 2 for group in groups), ZERO)
    squares = ratio(sum((group.weight * group.weight for group in groups), ZERO), weight)
    between = ratio(apart - (len(groups) - 1) * within, weight - squares)
    if between * LARGEST_STRENGTH <= within:
        return LARGEST_STRENGTH
    return max(ratio(within, between), least)
