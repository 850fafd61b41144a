"""Amounts and moments: what is accepted, what is refused, and that nothing is lost on the way."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from market_core import values
from market_core.values import (
    AMOUNT_LIMIT,
    Duration,
    Instant,
    Money,
    PositiveMoney,
    Quantity,
    Share,
    exact,
    from_micros,
    half_even,
    largest_remainder,
    micros,
    plain,
    rounded_up_together,
    shown,
    total,
)

D = Decimal


def accepted(kind, value):
    """Return what the annotated type makes of `value`; ValueError if it refuses."""
    return TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize(
    ("given_value", "meant"),
    [
        (0, D(0)),
        (12, D(12)),
        (0.1, D("0.1")),
        (1e-06, D("0.000001")),
        (1e3, D(1000)),
        ("12.5", D("12.5")),
        (" 12.5 ", D("12.5")),
        (".5", D("0.5")),
        ("5.", D(5)),
        ("+5", D(5)),
        ("1e3", D(1000)),
        ("1.5E-5", D("0.000015")),
        ("0.1234560000", D("0.123456")),
        ("-0", D(0)),
        (D("999999999.999999"), D("999999999.999999")),
        ("999999999.999999", D("999999999.999999")),
    ],
)
def test_an_amount_is_the_decimal_it_is_written_as(given_value, meant):
    assert accepted(Money, given_value) == meant


REFUSED_AMOUNTS = [
    (True, "must be a number, not true or false"),
    (False, "must be a number, not true or false"),
    (None, "must be a number"),
    ([1], "must be a number"),
    (1j, "must be a number"),
    (b"1", "must be a number"),
    (float("nan"), "must be a finite number"),
    (float("inf"), "must be a finite number"),
    (D("nan"), "must be a finite number"),
    (D("sNaN"), "must be a finite number"),
    (D("-Infinity"), "must be a finite number"),
    ("NaN", "must be a finite number"),
    ("inf", "must be a finite number"),
    ("", "must be a finite number"),
    ("   ", "must be a finite number"),
    ("12 5", "must be a finite number"),
    ("1,000", "must be a finite number"),
    ("1_000", "must be a finite number"),
    ("0x10", "must be a finite number"),
    ("١٢", "must be a finite number"),
    ("１２", "must be a finite number"),
    ("--1", "must be a finite number"),
    ("1e", "must be a finite number"),
    ("1" * 65, "must be a finite number"),
    ("1" * 40, "has too many digits"),
    ("1e30", "has too many digits"),
    ("1e9999", "has too many digits"),
    (1e30, "has too many digits"),
    (10**25, "is too large"),
    (10**5000, "is too large"),
    (-(10**5000), "is too large"),
    ("0.0000001", "must have at most 6 decimal places; the nearest is 0"),
    ("1.2345678", "must have at most 6 decimal places; the nearest is 1.234568"),
    (1e-07, "must have at most 6 decimal places; the nearest is 0"),
    ("1e-9999", "must have at most 6 decimal places; the nearest is 0"),
    (0.1 + 0.2, "must have at most 6 decimal places; the nearest is 0.3"),
    (-1, "must be 0 or more"),
    ("-0.000001", "must be 0 or more"),
    (1_000_000_000, "must be below 1,000,000,000"),
    ("1e9", "must be below 1,000,000,000"),
]


@pytest.mark.parametrize(("given_value", "rule"), REFUSED_AMOUNTS, ids=[rule for _, rule in REFUSED_AMOUNTS])
def test_what_is_no_amount_of_credits_is_refused_with_the_rule_it_breaks(given_value, rule):
    with pytest.raises(ValidationError) as refused:
        accepted(Money, given_value)
    assert [str(error["ctx"]["error"]) for error in refused.value.errors()] == [rule]


@pytest.mark.parametrize(
    ("kind", "least", "most", "below", "above"),
    [
        (Money, "0", "999999999.999999", "-0.000001", "1000000000"),
        (PositiveMoney, "0.000001", "999999999.999999", "0", "1000000000"),
        (Quantity, "0.000001", "999999999.999999", "0", "1000000000"),
        (Duration, "0.000001", "316223999.999999", "0", "316224000"),
        (Share, "0", "1", "-0.000001", "1.000001"),
    ],
    ids=["money", "positive money", "quantity", "duration", "share"],
)
def test_each_kind_of_amount_has_its_bounds(kind, least, most, below, above):
    assert (accepted(kind, least), accepted(kind, most)) == (D(least), D(most))
    for outside in (below, above):
        with pytest.raises(ValidationError):
            accepted(kind, outside)


def test_a_float_of_another_library_counts_as_the_number_it_is():
    class Float64(float):
        def __repr__(self):
            return f"np.float64({super().__repr__()})"

    assert exact(Float64(0.5)) == D("0.5")


amounts = st.decimals(min_value=0, max_value=AMOUNT_LIMIT - D("0.000001"), places=6)


@given(amounts)
def test_an_amount_survives_every_way_it_is_written(amount):
    assert from_micros(micros(amount)) == amount
    assert exact(plain(amount)) == amount
    assert exact(str(amount)) == amount
    assert plain(D(plain(amount))) == plain(amount)


@given(st.floats(min_value=0, max_value=999_999))
def test_a_float_with_few_decimals_is_read_without_error(number):
    rounded = round(number, 6)
    assert exact(rounded) == D(str(round(rounded, 6)))


@pytest.mark.parametrize(
    ("amount", "text"),
    [("500", "500"), ("0.50", "0.5"), ("1E+3", "1000"), ("1E-6", "0.000001"), ("0.000", "0"), ("-0", "0")],
)
def test_an_amount_is_written_in_one_way(amount, text):
    assert plain(D(amount)) == text


@pytest.mark.parametrize(
    ("numerator", "denominator", "nearest"),
    [
        (1, 2, 0),
        (3, 2, 2),
        (5, 2, 2),
        (-1, 2, 0),
        (-3, 2, -2),
        (7, 3, 2),
        (8, 3, 3),
        (10**40 + 1, 2, 10**40 // 2),
    ],
)
def test_halves_go_to_the_even_integer(numerator, denominator, nearest):
    assert half_even(numerator, denominator) == nearest


@given(
    st.integers(0, 10**24),
    st.lists(st.integers(0, 10**15), min_size=1, max_size=12).filter(any),
)
def test_a_split_is_exact_and_each_part_within_one_of_its_share(total, weights):
    parts = largest_remainder(total, weights)
    shares = [Fraction(total * weight, sum(weights)) for weight in weights]
    assert sum(parts) == total
    assert all(abs(part - share) < 1 for part, share in zip(parts, shares, strict=True))


@given(st.integers(0, 1000), st.lists(st.integers(0, 9), min_size=1, max_size=7).filter(any), st.data())
def test_a_split_does_not_depend_on_the_order_of_its_parts(total, weights, data):
    names = [f"agent-{i}" for i in range(len(weights))]
    shuffled = data.draw(st.permutations(range(len(weights))))
    straight = dict(zip(names, largest_remainder(total, weights, names), strict=True))
    moved_names = [names[i] for i in shuffled]
    moved = largest_remainder(total, [weights[i] for i in shuffled], moved_names)
    assert dict(zip(moved_names, moved, strict=True)) == straight


def test_what_is_left_of_a_split_goes_to_the_largest_fractions_then_in_the_given_order():
    assert largest_remainder(10, [1, 1, 1], ["c", "b", "a"]) == [3, 3, 4]
    assert largest_remainder(7, [5, 3, 2]) == [4, 2, 1]  # shares 3.5, 2.1, 1.4
    assert largest_remainder(0, [0, 0]) == [0, 0]
    with pytest.raises(ValueError, match="nothing to split"):
        largest_remainder(1, [0, 0])


@given(
    st.lists(st.integers(0, 10**20), min_size=1, max_size=12),
    st.sampled_from([1, 7, 10, 10**6]),
    st.randoms(use_true_random=False),
)
def test_amounts_rounded_together_go_up_or_down_and_sum_to_their_sum_rounded_up(
    numerators, denominator, random
):
    parts = rounded_up_together(numerators, denominator)
    assert sum(parts) == -(-sum(numerators) // denominator)
    assert all(abs(part - Fraction(n, denominator)) < 1 for part, n in zip(parts, numerators, strict=True))
    moved = list(range(len(parts)))
    random.shuffle(moved)
    again = rounded_up_together([numerators[i] for i in moved], denominator, moved)
    assert dict(zip(moved, again, strict=True)) == dict(enumerate(parts))


@given(st.lists(amounts, max_size=6))
def test_a_total_is_the_exact_sum(some):
    assert Fraction(total(some)) == sum(map(Fraction, some))


CEST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-23T12:00:00Z",
        " 2026-11-23T12:00:00Z ",
        "2026-11-23T14:00:00+02:00",
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        datetime(2026, 11, 23, 14, tzinfo=CEST),
    ],
    ids=str,
)
def test_a_moment_is_read_into_utc(written):
    moment = accepted(Instant, written)
    assert (moment, moment.tzinfo, shown(moment)) == (
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        UTC,
        "2026-11-23T12:00:00Z",
    )


def test_a_moment_is_shown_to_the_microsecond_where_it_has_some():
    assert shown(datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)) == "2026-11-23T12:00:00.250000Z"


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("2026-11-23T12:00:00", "must say its time zone"),
        ("2026-11-23", "must say its time zone"),
        (datetime(2026, 11, 23, 12), "must say its time zone"),  # noqa: DTZ001  the point of the case
        ("tomorrow", "must be an ISO 8601 instant"),
        ("", "must be an ISO 8601 instant"),
        ("2026-13-01T00:00:00Z", "must be an ISO 8601 instant"),
        (1_800_000_000, "must be an ISO 8601 instant"),
        (date(2026, 11, 23), "must be an ISO 8601 instant"),
        (None, "must be an ISO 8601 instant"),
        ("0001-01-01T00:00:00+02:00", "is out of range"),
        ("9999-12-31T23:59:59-02:00", "is out of range"),
    ],
    ids=str,
)
def test_what_is_no_certain_moment_is_refused(written, rule):
    with pytest.raises(ValidationError, match=rule):
        accepted(Instant, written)


def test_amounts_are_the_same_whatever_decimal_context_the_caller_uses():
    import decimal

    with decimal.localcontext() as context:
        context.prec = 6
        assert micros(D("123456789.123456")) == 123_456_789_123_456
        assert values.from_micros(123_456_789_123_456) == D("123456789.123456")
