"""Estimates against closed forms and simulation: pulled to the prior, covered nine times in ten, alike in any order."""

import math
import random
from decimal import Decimal, localcontext

import pytest

from market_core.mechanisms.capability_prior import LARGEST_STRENGTH, learned
from market_core.mechanisms.reliability import (
    NEUTRAL,
    USUAL,
    Estimate,
    Means,
    Range,
    estimate,
    means,
    percentile,
    reliable,
)
from market_core.mechanisms.track_record import RULES, Outcome, Record, Rules, Sums, Tally

CREDIT = 1_000_000
LASTING = Rules(half_life=10**12, half_life_outcomes=10**12, half_life_measures=10**12)


def record(successes, failures, *, times=(), qualities=(), confidences=()):
    """Outcomes of as many buyers; the first ones have the times, qualities and confidences given."""
    made = Record()
    for i in range(successes + failures):
        made = made.after(
            Outcome(
                "p", "p", f"b{i}", f"b{i}", ("review",), 0, i < successes, CREDIT,
                *((CREDIT, round(times[i] * CREDIT)) if i < len(times) else (None, None)),
                *((CREDIT, round(qualities[i] * CREDIT)) if i < len(qualities) else (None, None)),
                round(confidences[i] * CREDIT) if i < len(confidences) else None,
            ),
            LASTING,
        )  # fmt: skip
    return made


def of(made, prior=NEUTRAL):
    return estimate(made, 0, "review", prior, LASTING)


def test_a_newcomer_has_the_prior_and_it_is_said():
    # Uniform: 5 %, 95 %. Times: exp(0 -+ t(4) sqrt(0.25/2 + 0.25^2/8)); quality: 1 -+ t(4) sqrt(0.04/2); t(4) = 2.13185.
    width = 2.131847 * math.sqrt(0.125 + 0.0625 / 8)
    found = of(Record())
    assert found == Estimate(
        Range(500_000, 50_000, 950_000),
        Range(1_000_000, found.time_ratio.low, found.time_ratio.high),
        Range(1_000_000, 698_511, 1_301_489),
        None, 0, True, 0, 0, 0, None,
    )  # fmt: skip
    assert (found.time_ratio.low, found.time_ratio.high) == pytest.approx(
        (1e6 * math.exp(-width), 1e6 * math.exp(width)), rel=1e-5
    )


@pytest.mark.parametrize(
    ("successes", "failures", "mean"),
    # Laplace's rule of succession: (s + 1) / (n + 2)
    [(1, 0, 666_667), (0, 1, 333_333), (9, 1, 833_333), (50, 50, 500_000)],
)
def test_success_is_laplaces_rule_of_succession(successes, failures, mean):
    assert of(record(successes, failures)).success.mean == mean


@pytest.mark.parametrize("n", [1, 3, 10, 40])
def test_the_interval_of_an_unbroken_record_is_a_root(n):
    found = of(record(n, 0)).success
    assert (found.low, found.high) == (round(1e6 * 0.05 ** (1 / (n + 1))), round(1e6 * 0.95 ** (1 / (n + 1))))


def test_scores_expect_four_of_five_tasks_to_succeed_of_an_unknown_provider():
    assert means(Record(), 0) == Means(800_000, 1_000_000, 1_000_000)
    assert percentile(USUAL, 20).success == round(1e6 * 0.2**0.25)


def test_a_score_gives_no_credit_for_claims_that_the_record_contradicts():
    late_and_poor, early_and_good = (
        means(record(2, 0, times=[r, r], qualities=[q, q]), 0, "review", NEUTRAL, LASTING)
        for r, q in ((2, 0.5), (0.5, 1.5))
    )
    shown = of(record(2, 0, times=[0.5, 0.5], qualities=[1.5, 1.5]))
    assert (early_and_good.time_ratio, early_and_good.quality_ratio) == (
        shown.time_ratio.mean,
        shown.quality_ratio.mean,
    )
    assert (late_and_poor.time_ratio > 2_000_000, late_and_poor.quality_ratio) == (True, 500_000)


def test_times_follow_the_posterior_of_the_normal_model():
    # x = ln 2 twice; prior -1/8 worth 2, 1/4 worth 4: mean (-1/4 + 2 ln 2)/4,
    # variance (4/4 + 0 + 2 x 2/4 x (ln 2 + 1/8)^2) / 6
    mean = (-0.25 + 2 * math.log(2)) / 4
    variance = (1 + (math.log(2) + 0.125) ** 2) / 6
    found = of(record(2, 0, times=[2, 2])).time_ratio
    assert found.mean == round(1e6 * math.exp(mean + variance / 2))
    width = 1.943180 * math.sqrt(variance / 4 + variance**2 / 12)  # t(6)
    assert (found.low, found.high) == pytest.approx(
        [1e6 * math.exp(mean + variance / 2 + sign * width) for sign in (-1, 1)], rel=1e-6
    )


def test_quality_follows_the_posterior_of_the_normal_model():
    # 0.5, 0.7 -> mean (2 + 1.2)/4; variance (0.16 + 0.02 + 1 x 0.4^2) / 6
    found = of(record(2, 0, qualities=[0.5, 0.7])).quality_ratio
    width = 1.943180 * math.sqrt(0.34 / 6 / 4)
    assert found == Range(800_000, round(1e6 * (0.8 - width)), round(1e6 * (0.8 + width)))


def test_calibration_is_the_brier_score():
    assert of(record(2, 1, confidences=[0.9, 0.6, 0.8])).brier == round(1e6 * (0.01 + 0.16 + 0.64) / 3)


def test_the_callers_decimal_context_makes_no_difference():
    def everything():
        made = record(7, 3, times=[1.3] * 10, qualities=[0.9] * 10)
        prior = learned([made.tally("review").weighed(10**6, RULES)] * 6)
        return made, prior, estimate(made, 10**6, "review", prior), means(made, 10**6, "review", prior)

    wanted = everything()
    with localcontext(prec=3):
        assert everything() == wanted


def test_the_gate_asks_for_success_with_nineteen_chances_in_twenty():
    # 0.05 ** (1/11) = 0.7616
    assert reliable(of(record(10, 0)), 761_000)
    assert not reliable(of(record(10, 0)), 762_000)
    assert not reliable(of(record(9, 1)), 700_000)


def test_a_record_speaks_for_its_capability_and_for_the_whole():
    made = record(5, 0)
    assert estimate(made, 0, "other", rules=LASTING).is_prior
    assert estimate(made, 0, rules=LASTING) == of(made)


def within(value, least, most):
    return min(most, max(least, value))


def drawn(chance, p, mu, sigma, quality, spread, count):
    """The record of `count` outcomes of full weight, from their sums: what they say is clipped as in a record."""
    successes = sum(chance.random() < p for _ in range(count))
    logs = [within(chance.gauss(mu, sigma), -math.log(20), math.log(20)) for _ in range(count)]
    rates = [within(chance.gauss(quality, spread), 0, 2) for _ in range(count)]
    moments = [m for xs in (logs, rates) for m in (count, sum(xs), sum(x * x for x in xs))]
    return Record(Tally(at=0, totals=Sums(*(Decimal(repr(m)) for m in (count, successes, *moments)))))


@pytest.mark.parametrize("count", [1, 3, 10, 30])
def test_intervals_hold_the_truth_nine_times_in_ten(count):
    chance = random.Random(f"coverage {count}")
    rounds, held = 1500, [0, 0, 0]
    for _ in range(rounds):
        # What the neutral prior says: scaled inverse chi-squared variances, means given them.
        sigma, spread = (math.sqrt(s * 4 / chance.gammavariate(2, 2)) for s in (0.25, 0.04))
        mu, quality = chance.gauss(-0.125, sigma / math.sqrt(2)), chance.gauss(1, spread / math.sqrt(2))
        p = chance.random()
        found = estimate(drawn(chance, p, mu, sigma, quality, spread, count), 0)
        truths = p, math.exp(mu + sigma**2 / 2), quality
        ranges = found.success, found.time_ratio, found.quality_ratio
        for i, (a_range, truth) in enumerate(zip(ranges, truths, strict=True)):
            held[i] += a_range.low <= truth * 1e6 <= a_range.high
    assert all(0.87 <= one / rounds <= 0.93 for one in held), held


@pytest.mark.parametrize("p", [0.6, 0.8, 0.9, 0.97])
def test_intervals_hold_a_rate_that_is_what_it_is_about_as_often(p):
    # Fifty outcomes of full weight; the exact chance of each count. It depends on p, as counts are whole.
    held = 0.0
    for k in range(51):
        made = Record(Tally(at=0, totals=Sums(Decimal(50), Decimal(k))))
        found = estimate(made, 0).success
        if found.low <= p * 1e6 <= found.high:
            held += math.comb(50, k) * p**k * (1 - p) ** (50 - k)
    assert 0.87 <= held <= 0.95, held


def sums(*providers):
    """Providers as (successes, failures) in a capability."""
    return [record(*one).tally("review").weighed(0, LASTING) for one in providers]


def test_without_records_the_usual_prior_is_all_there_is():
    assert learned([]) == learned(sums((0, 0))) == USUAL
    assert learned([Sums()], NEUTRAL) == NEUTRAL


def test_the_mean_moves_with_the_providers_each_one_voice():
    # Voices n/(n + 5) of 10 and 100 outcomes, beside 5 voices for 0.8.
    voices = 10 / 15, 100 / 105
    wanted = (5 * 0.8 + voices[0] * 0.5 + voices[1] * 1.0) / (5 + sum(voices))
    assert float(learned(sums((5, 5), (100, 0))).success.mean) == pytest.approx(wanted)


def test_providers_that_differ_make_a_weak_prior_and_like_ones_a_strong_one():
    apart = learned(sums((40, 0), (0, 40), (20, 20), (40, 0), (0, 40), (10, 30)))
    alike = learned(sums(*[(36, 4)] * 6))
    assert (apart.success.strength, alike.success.strength) == (5, LARGEST_STRENGTH)


def test_the_strength_of_a_prior_is_found_in_a_simulation():
    # Beta(4.2, 1.8) providers: worth 6 outcomes. 400 of them with 30 outcomes each.
    chance = random.Random("strength")
    drawn_ps = [chance.betavariate(4.2, 1.8) for _ in range(400)]
    counts = [sum(chance.random() < p for _ in range(30)) for p in drawn_ps]
    groups = [Sums(Decimal(30), Decimal(k)) for k in counts]
    found = learned(groups).success
    assert float(found.mean) == pytest.approx(0.7, abs=0.02)
    assert float(found.strength) == pytest.approx(6, abs=0.6)


def test_a_prior_does_not_depend_on_the_order_of_the_records():
    chance = random.Random("order")
    groups = [Sums(*(Decimal(chance.randint(10, 99)) / 7 for _ in range(8))) for _ in range(12)]
    assert all(learned(chance.sample(groups, 12)) == learned(groups) for _ in range(20))
