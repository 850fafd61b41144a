"""Statistics in decimals against closed forms, exact sums and printed tables."""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import comb, factorial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.distributions import (
    beta_cdf,
    beta_quantile,
    halved,
    log_gamma,
    millionths,
    student_quantile,
)

NEAR = Decimal("1e-12")
small = st.integers(1, 30)
chances = st.integers(1, 99).map(lambda n: Decimal(n) / 100)


def test_half_is_left_after_each_half_life():
    assert [millionths(halved(Decimal(n))) for n in (0, 1, 2, 3)] == [1_000_000, 500_000, 250_000, 125_000]
    assert halved(Decimal(1) / 2) ** 2 - Decimal("0.5") < NEAR


def test_millionths_round_halves_to_the_even_one():
    assert [millionths(Decimal(x)) for x in ("0.0000005", "0.0000015", "-0.0000005", "2")] == [
        0,
        2,
        0,
        2_000_000,
    ]


@pytest.mark.parametrize("n", [1, 2, 5, 19, 20, 21, 60])
def test_gamma_of_a_whole_number_is_a_factorial(n):
    assert abs(log_gamma(Decimal(n)) - Decimal(factorial(n - 1)).ln()) < NEAR


def test_gamma_of_one_half_is_the_root_of_pi():
    assert abs(log_gamma(Decimal("0.5")) - Decimal("3.141592653589793238462643").ln() / 2) < NEAR


@settings(max_examples=40)
@given(small, small, chances)
def test_the_beta_distribution_is_a_tail_of_the_binomial(a, b, x):
    # DLMF 8.17.5: for whole a, b it is the chance of a or more successes in a + b - 1 trials.
    n, p = a + b - 1, Fraction(x)
    tail = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(a, n + 1))
    assert abs(Fraction(beta_cdf(x, Decimal(a), Decimal(b))) - tail) < Fraction(1, 10**12)


@settings(max_examples=40)
@given(chances, st.integers(1, 400).map(lambda n: Decimal(n) / 10))
def test_quantiles_with_a_parameter_of_one_are_roots(chance, a):
    assert abs(beta_quantile(chance, a, Decimal(1)) - chance ** (1 / a)) < NEAR
    assert abs(beta_quantile(chance, Decimal(1), a) - (1 - (1 - chance) ** (1 / a))) < NEAR


@settings(max_examples=40)
@given(chances, *(st.integers(3, 2000).map(lambda n: Decimal(n) / 10) for _ in "ab"))
def test_a_quantile_is_where_the_distribution_reaches_its_chance(chance, a, b):
    assert abs(beta_cdf(beta_quantile(chance, a, b), a, b) - chance) < Decimal("1e-9")


@settings(max_examples=40)
@given(chances, small, small)
def test_the_mirror_image_has_the_other_tail(x, a, b):
    a, b = Decimal(a) / 3, Decimal(b) / 3
    assert abs(beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) - 1) < NEAR


def test_nothing_is_below_0_and_all_is_below_1():
    assert [beta_cdf(Decimal(x), Decimal(2), Decimal(3)) for x in (-1, 0, 1, 2)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("freedom", "t_95"),
    # The table of Student's t in the NIST/SEMATECH e-Handbook, 1.3.6.7.2.
    [(1, "6.314"), (2, "2.920"), (5, "2.015"), (10, "1.812"), (30, "1.697"), (100, "1.660")],
)
def test_students_t_is_that_of_the_tables(freedom, t_95):
    found = student_quantile(Decimal("0.95"), Decimal(freedom))
    assert found.quantize(Decimal("0.001")) == Decimal(t_95)
    assert student_quantile(Decimal("0.5"), Decimal(freedom)) == 0


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Clopper and Pearson's 95 % limits of 7 in 20, from the binomial by hand: tails of 2.5 % each.
    [(7, 20, "0.1539", "0.5922")],
)
def test_quantiles_give_the_printed_limits_of_a_proportion(successes, trials, low, high):
    k, n = Decimal(successes), Decimal(trials)
    lower = beta_quantile(Decimal("0.025"), k, n - k + 1)
    upper = beta_quantile(Decimal("0.975"), k + 1, n - k)
    assert [x.quantize(Decimal("0.0001")) for x in (lower, upper)] == [Decimal(low), Decimal(high)]


def test_the_callers_decimal_context_makes_no_difference():
    wanted = beta_cdf(Decimal("0.3"), Decimal(7), Decimal("2.5")), halved(Decimal("0.3"))
    with localcontext(prec=3):
        assert (beta_cdf(Decimal("0.3"), Decimal(7), Decimal("2.5")), halved(Decimal("0.3"))) == wanted
