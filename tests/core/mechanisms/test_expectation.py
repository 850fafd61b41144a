"""Scores by what a record predicts: hand-worked sums, newcomers, exploring, and what gaming does not bring."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core.mechanisms.expectation import (
    Bidder,
    Claim,
    Prediction,
    Terms,
    expected_score,
    predicted,
)
from market_core.mechanisms.reliability import NEUTRAL, USUAL, Means, percentile
from market_core.mechanisms.track_record import Outcome, Record, Rules

CREDIT = 1_000_000
MICRO = 1_000_000
LASTING = Rules(half_life=10**12, half_life_outcomes=10**12, half_life_measures=10**12)
SURE = Means(MICRO, MICRO, MICRO)
NEW = Record()


def record(successes, failures=0, *, slow=1, capabilities=("review",), buyers=100):
    made = NEW
    for i in range(successes + failures):
        buyer = f"b{i % buyers}"
        made = made.after(
            Outcome(
                "p", "p", buyer, buyer, capabilities, 0, i < successes, CREDIT, 60 * MICRO, 60 * MICRO * slow
            ),
            LASTING,
        )
    return made


def prediction(made, *, owner=None, vouched=False, capabilities=("review",), **more):
    bidder = Bidder(made, [made] if owner is None else owner, vouched)
    return predicted(bidder, 0, capabilities, rules=LASTING, **more)


def test_the_expected_score_is_the_sum_of_its_terms():
    # 5 + 0.1 x 60 x 1.5 - 4 x 0.8 x 0.9 + 10 x 0.2
    means = Means(800_000, 1_500_000, 900_000)
    claim, terms = Claim(5 * CREDIT, 60 * MICRO, 800_000), Terms(100_000, 4 * CREDIT, 10 * CREDIT)
    assert expected_score(claim, terms, Prediction(means, means)) == 13_120_000


def test_expected_quality_is_never_above_1():
    better = replace(SURE, quality_ratio=1_500_000)
    claim, terms = Claim(5 * CREDIT, quality=800_000), Terms(quality_price=4 * CREDIT)
    assert expected_score(claim, terms, Prediction(better, better)) == CREDIT


def test_without_weights_the_score_is_the_cost():
    poor = percentile(NEUTRAL, 5)
    assert expected_score(Claim(7, 8, 9), Terms(), Prediction(poor, poor)) == 7


def test_a_newcomer_is_taken_for_the_twentieth_percentile():
    found = prediction(NEW)
    assert found == Prediction(percentile(USUAL, 20), Means(800_000, MICRO, MICRO), 0, newcomer=True)
    assert found.expected.success == round(1e6 * 0.2**0.25)


def test_an_owner_stops_being_a_newcomer_with_more_than_five_outcomes_of_two_buyers():
    assert prediction(record(5)).newcomer  # of which a trace is forgotten
    assert not prediction(record(6)).newcomer
    assert prediction(record(50, buyers=1)).newcomer
    assert not prediction(record(50, buyers=2)).newcomer
    assert not prediction(record(50, buyers=1), viewer="b0").newcomer


def test_a_poor_start_is_not_hidden_by_being_new():
    # Beta(4, 1) and 4 failures: 4/9, less than the percentile
    assert prediction(record(0, 4)).expected.success == 444_444


def test_a_new_id_of_a_known_owner_is_no_newcomer_and_has_no_record():
    known = record(20)
    found = prediction(NEW, owner=[NEW, known])
    owner = prediction(known).expected
    assert (found.newcomer, found.expected) == (False, replace(found.typical, time_ratio=owner.time_ratio))
    assert owner.success > found.expected.success == found.typical.success


def test_a_new_id_of_a_poor_owner_is_no_better_than_the_owner():
    poor = record(2, 10, slow=2)
    found = prediction(NEW, owner=[NEW, poor])
    assert found.expected == prediction(poor).expected
    # and so is one of many ids over which the owner spreads its failures
    each = [record(0, 1) for _ in range(10)]
    family = record(0, 10)
    spread = prediction(each[0], owner=[family]).expected
    assert spread.success == prediction(family).expected.success


def test_work_that_needs_several_capabilities_is_judged_by_the_worst():
    both = record(10, capabilities=("easy",)), record(2, 8, slow=2, capabilities=("hard",))
    made = Record(both[0].overall, {**both[0].by_capability, **both[1].by_capability})
    hard = prediction(made, capabilities=("hard",)).expected
    assert prediction(made, capabilities=("easy", "hard")).expected == replace(
        hard, quality_ratio=prediction(made, capabilities=("easy",)).expected.quality_ratio
    )


def test_half_of_the_time_claimed_is_found_out():
    honest, liar = prediction(record(30)).expected, prediction(record(30, slow=2)).expected

    def ratio(
        x,
    ):  # of 30 times the logarithm x: its own mean, as the prior -1/8 is better; variance with 1/4 worth 4
        return 1e6 * math.exp(x + (1 + 60 / 32 * (x + 0.125) ** 2) / 34 / 2)

    assert (honest.time_ratio, liar.time_ratio) == (round(ratio(0)), round(ratio(math.log(2))))
    assert liar.time_ratio > 2 * honest.time_ratio


@pytest.mark.parametrize(
    ("outcomes", "bonus"), [(0, 9_000_000), (1, 4_500_000), (2, 3_000_000), (3, 2_250_000), (6, 0)]
)
def test_the_bonus_shrinks_with_evidence(outcomes, bonus):
    assert prediction(record(outcomes), vouched=True, explore=9 * CREDIT).bonus == bonus


def test_the_bonus_is_for_vouched_owners_and_once_for_each():
    assert prediction(NEW, explore=9 * CREDIT).bonus == 0
    assert prediction(NEW, vouched=True).bonus == 0
    used = prediction(NEW, owner=[NEW, record(2)], vouched=True, explore=9 * CREDIT)
    assert used.bonus == 3 * CREDIT


scores = st.builds(Means, *(st.integers(0, 2 * MICRO) for _ in range(3))).map(
    lambda m: replace(m, success=m.success // 2)
)


@given(scores, scores, st.integers(0, 20 * CREDIT))
def test_exploring_never_makes_a_score_better_than_the_capabilitys_mean(own, typical, bonus):
    claim, terms = Claim(5 * CREDIT, 60 * MICRO, 800_000), Terms(100_000, 4 * CREDIT, 10 * CREDIT)
    plain, usual = (expected_score(claim, terms, Prediction(m, m)) for m in (own, typical))
    found = expected_score(claim, terms, Prediction(own, typical, bonus))
    assert found == (plain if plain <= usual else max(usual, plain - bonus))


def test_two_owners_that_praise_each_other_stay_newcomers():
    ring = record(500, buyers=1)
    assert prediction(ring).expected.success == percentile(USUAL, 20).success
