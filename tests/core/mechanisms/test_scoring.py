"""Scores in exact arithmetic, attributes by type, and the tie-break recomputed from its formula."""

import hashlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core.mechanisms.scoring import commitment, meets, score, tie_key

M = 1_000_000


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"cost": 10 * M}, 10 * M),
        ({"cost": 10 * M, "bonus": 12 * M}, -2 * M),
        ({"cost": 10 * M, "time": 60 * M, "time_price": 50_000}, 13 * M),
        ({"cost": 10 * M, "quality": 900_000, "quality_price": 2 * M}, 8_200_000),
        ({"cost": 0, "time": 1, "time_price": 500_000}, 0),  # half a micro-credit goes to the even one
        ({"cost": 0, "time": 3, "time_price": 500_000}, 2),
        ({"cost": 0, "time": 5, "time_price": 500_000}, 2),
        ({"cost": 0, "quality": 1, "quality_price": 500_000}, 0),
        ({"cost": 0, "quality": 3, "quality_price": 500_000}, -2),
        ({"cost": 5, "time": 7, "quality": 9}, 5),  # what has no price does not count
    ],
    ids=str,
)
def test_a_score_is_cost_and_time_less_quality_and_bonus(terms, expected):
    assert score(**terms) == expected


micro = st.integers(0, 10**15)


@given(micro, micro, micro, st.integers(0, M), micro, micro)
def test_a_score_is_the_exact_sum_rounded_once_half_even(
    cost, time, time_price, quality, quality_price, bonus
):
    exact = (
        Fraction(cost, M)
        + Fraction(time_price, M) * Fraction(time, M)
        - Fraction(quality_price, M) * Fraction(quality, M)
        - Fraction(bonus, M)
    )
    result = score(
        cost, time=time, time_price=time_price, quality=quality, quality_price=quality_price, bonus=bonus
    )
    assert result == round(exact * M)


@given(micro, micro, st.integers(1, 10**12), st.integers(0, 10**9))
def test_a_dearer_or_slower_bid_never_has_a_lower_score(cost, time, time_price, more):
    base = score(cost, time=time, time_price=time_price)
    assert score(cost + more, time=time, time_price=time_price) >= base
    assert score(cost, time=time + more, time_price=time_price) >= base


@pytest.mark.parametrize(
    ("value", "condition", "met"),
    [
        ("Python", {"equals": "python"}, True),
        ("STRASSE", {"equals": "straße"}, True),
        ("python3", {"equals": "python"}, False),
        (True, {"equals": True}, True),
        (1, {"equals": True}, False),
        (True, {"equals": 1}, False),
        ("1", {"equals": 1}, False),
        ("true", {"equals": True}, False),
        (0, {"equals": False}, False),
        (1, {"equals": 1.0}, True),
        (3, {"least": 3}, True),
        (2.5, {"least": 3}, False),
        (3, {"most": 3}, True),
        (4, {"least": 1, "most": 3}, False),
        (0, {"least": 0, "most": 0}, True),
        (True, {"least": 0}, False),
        ("5", {"least": 0}, False),
        ("rust", {"any_of": ("go", "Rust")}, True),
        ("c", {"any_of": ("go", "rust")}, False),
        (1, {"any_of": (True, "1")}, False),
        (None, {"equals": "x"}, False),
        (None, {"least": 0}, False),
        (None, {"equals": "x", "optional": True}, True),
        ("y", {"equals": "x", "optional": True}, False),
        (False, {"equals": False}, True),
        ("", {"any_of": ()}, False),
    ],
    ids=str,
)
def test_an_attribute_is_met_by_value_and_type(value, condition, met):
    assert meets(value, **condition) is met


NONCE = "00ff" * 16


def test_the_commitment_is_recomputed_from_its_formula():
    assert commitment("auc_1", NONCE) == hashlib.sha256(b"tie" + b"auc_1" + bytes.fromhex(NONCE)).hexdigest()


def test_the_tie_key_is_recomputed_from_its_formula():
    content = {"cost": Decimal("1.50"), "estimated_time": None, "attributes": {"b": True, "a": "é"}}
    text = '{"attributes":{"a":"é","b":true},"cost":"1.5","estimated_time":null}'
    by_hand = hashlib.sha256(
        b"\x00".join([bytes.fromhex(NONCE), b"auc_1", b"acme/x", text.encode()])
    ).hexdigest()
    assert tie_key(NONCE, "auc_1", "acme/x", content) == by_hand


def test_the_tie_key_changes_with_everything_it_covers():
    base = (NONCE, "auc_1", "a", {"cost": 1})
    others = [
        ("01" + NONCE[2:], "auc_1", "a", {"cost": 1}),
        (NONCE, "auc_2", "a", {"cost": 1}),
        (NONCE, "auc_1", "b", {"cost": 1}),
        (NONCE, "auc_1", "a", {"cost": 2}),
        (NONCE, "auc_1a", "", {"cost": 1}),
    ]
    assert len({tie_key(*case) for case in [base, *others]}) == 6
    assert tie_key(NONCE, "auc_1", "a", {"cost": Decimal("1.0")}) == tie_key(
        NONCE, "auc_1", "a", {"cost": Decimal(1)}
    )
