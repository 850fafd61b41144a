"""Settled confidence: hand-worked amounts, and honesty as the best answer under both rules."""

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core.mechanisms.confidence import least_payment, most_payment, risk, settlement
from market_core.mechanisms.scoring import score
from market_core.mechanisms.single import decide, ranking

MICRO = 1_000_000
CREDIT = MICRO
prices = st.tuples(st.integers(1, 50), st.integers(1, 50)).map(
    lambda fk: (max(fk) * CREDIT, min(fk) * CREDIT)
)
shares = st.integers(0, MICRO)


@pytest.mark.parametrize(
    ("p", "failure_price", "k", "after_success", "after_failure"),
    [
        # (F - k + 2kp)(o - p), credits: k = F is 2Fp(o - p)
        (900_000, 10, 10, 1_800_000, -16_200_000),
        (900_000, 10, 5, 1_400_000, -12_600_000),
        (500_000, 10, 10, 5_000_000, -5_000_000),
        (1_000_000, 10, 10, 0, -20_000_000),
        (0, 10, 4, 6_000_000, 0),
    ],
)
def test_the_outcome_moves_the_payment(p, failure_price, k, after_success, after_failure):
    f, k = failure_price * CREDIT, k * CREDIT
    assert (settlement(p, True, f, k), settlement(p, False, f, k)) == (after_success, after_failure)
    assert least_payment(CREDIT, p, f, k) == CREDIT + after_failure
    assert most_payment(CREDIT, p, f, k) == CREDIT + after_success


def test_the_failure_term_is_that_of_the_definition():
    # 10 x 0.1 + 5 x 0.9 x 0.1 credits
    assert score(2 * CREDIT, risk=risk(900_000, 10 * CREDIT, 5 * CREDIT)) == 3_450_000


@pytest.mark.parametrize(("p", "f", "k"), [(-1, 5, 5), (MICRO + 1, 5, 5), (5, 5, 0), (5, 5, 6), (5, 0, 0)])
def test_what_cannot_be_settled_is_refused(p, f, k):
    with pytest.raises(ValueError, match="confidence"):
        settlement(p, True, f, k)
    with pytest.raises(ValueError, match="confidence"):
        risk(p, f, k)


@given(shares, prices)
def test_an_honest_confidence_is_moved_by_nothing_on_average(p, fk):
    mean = Fraction(p * settlement(p, True, *fk) + (MICRO - p) * settlement(p, False, *fk), MICRO)
    assert 0 <= mean < 1  # rounded up to a micro-credit


@given(shares, shares, prices)
def test_for_the_same_score_no_confidence_brings_more_than_the_true_one(true, said, fk):
    def brings(p):
        cost = -Fraction(risk(p, *fk), MICRO)  # whatever the score: cost = score - risk
        return cost + Fraction(
            true * settlement(p, True, *fk) + (MICRO - true) * settlement(p, False, *fk), MICRO
        )

    # What lying costs is k (said - true)^2, exactly.
    lost = Fraction(fk[1] * (said - true) ** 2, MICRO**2)
    assert abs(brings(true) - brings(said) - lost) < 3


@given(shares, shares, prices)
def test_more_confidence_never_makes_a_score_worse(p, other, fk):
    low, high = sorted((p, other))
    assert risk(high, *fk) <= risk(low, *fk)


@pytest.mark.parametrize("rule", ["pay_as_bid", "second_price"])
def test_in_a_simulated_market_the_honest_confidence_earns_most(rule):
    f, k, own_cost, true = 10 * CREDIT, 6 * CREDIT, 4 * CREDIT, 700_000
    chance = random.Random("honest")
    # The rivals' scores and the luck of 3,000 auctions, the same for each confidence that is tried.
    auctions = [
        ([chance.randint(5, 12) * CREDIT for _ in range(3)], chance.randrange(MICRO)) for _ in range(3000)
    ]

    def earns(said, aim):
        total = 0
        for rivals, luck in auctions:
            cost = aim - score(0, risk=risk(said, f, k))
            scores, costs = [aim, *rivals], [cost, *rivals]
            award = decide(costs, scores, ranking(scores, str), rule, None)
            if award.winner == 0:
                total += award.payment + settlement(said, luck < true, f, k) - own_cost
        return total

    honest_score = own_cost + score(0, risk=risk(true, f, k))
    for aim in (honest_score, honest_score + CREDIT):
        tried = {said: earns(said, aim) for said in range(100_000, MICRO, 200_000)}
        assert max(tried, key=tried.get) == true, tried
