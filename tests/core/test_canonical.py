"""One content, one text, one digest."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core.canonical import GENESIS, canonical, chain_hash, digest
from market_core.events import BidWithdrawn
from market_core.terms import Lot
from tests.core.world import NOON


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": {"d": 2, "c": 3}}, '{"a":{"c":3,"d":2},"b":1}'),
        ([Decimal("1E+3"), Decimal("0.50"), Decimal("-0.0")], '["1000","0.5","0"]'),
        ((1, True, None, "é\n"), '[1,true,null,"é\\n"]'),
        (datetime(2026, 11, 23, 14, tzinfo=timezone(timedelta(hours=2))), '"2026-11-23T12:00:00Z"'),
        (datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC), '"2026-11-23T12:00:00.000005Z"'),
        ([1, 1.0, 0.1, "1"], '[1,1.0,0.1,"1"]'),
        ("é\n", '"é\\n"'),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (-7, "-7"),
        (0.1, "0.1"),
        (Decimal("1E+3"), '"1000"'),
        ((), "[]"),
        ({}, "{}"),
        (Lot(id="roof", max_price=Decimal("2.50")), '{"id":"roof","max_price":"2.5"}'),
        (BidWithdrawn(NOON, "bid_1_2", "a"), '{"at":"2026-11-23T12:00:00Z","bid_id":"bid_1_2","bidder":"a"}'),
    ],
    ids=str,
)
def test_a_value_has_one_canonical_text(value, text):
    assert canonical(value) == text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abcé", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def upside_down(value):
    """Return an equal value whose mappings were filled in the opposite order."""
    if isinstance(value, dict):
        return {key: upside_down(value[key]) for key in reversed(value)}
    return [upside_down(one) for one in value] if isinstance(value, list) else value


@given(json_values)
def test_a_part_is_written_in_a_whole_as_it_is_alone(value):
    assert canonical([value]) == f"[{canonical(value)}]"


@given(json_values)
def test_the_canonical_text_keeps_the_content_and_forgets_the_order_of_keys(value):
    assert json.loads(canonical(value)) == value
    assert canonical(upside_down(value)) == canonical(value)


@pytest.mark.parametrize("amount", ["5", "5.0", "5.000000", "0.5E+1", "500E-2"])
def test_equal_amounts_have_equal_texts(amount):
    assert canonical({"cost": Decimal(amount)}) == '{"cost":"5"}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_what_is_no_finite_number_has_no_canonical_text(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical([value])


@pytest.mark.parametrize("value", [object(), b"x", {1}, 1j], ids=lambda v: type(v).__name__)
def test_what_json_cannot_hold_has_no_canonical_text(value):
    with pytest.raises(TypeError):
        canonical({"x": value})


def test_a_digest_is_the_sha256_of_its_parts_one_after_another():
    assert digest("é", b"\x00\xff") == hashlib.sha256("é".encode() + b"\x00\xff").hexdigest()
    assert digest() == hashlib.sha256(b"").hexdigest()


def test_the_chain_hash_covers_everything_that_an_edit_could_change():
    first = (GENESIS, "auction/auc_1", 1, '{"a":1}')
    others = [
        ("1" + GENESIS[1:], "auction/auc_1", 1, '{"a":1}'),
        (GENESIS, "auction/auc_2", 1, '{"a":1}'),
        (GENESIS, "auction/auc_1", 2, '{"a":1}'),
        (GENESIS, "auction/auc_1", 1, '{"a":2}'),
        (GENESIS, "auction/auc_", 11, '{"a":1}'),
    ]
    hashes = {chain_hash(*event) for event in [first, *others]}
    assert len(hashes) == 1 + len(others)
    assert (
        chain_hash(*first)
        == hashlib.sha256((GENESIS + "\0auction/auc_1\0" + "1\0" + '{"a":1}').encode()).hexdigest()
    )


def test_a_swap_of_two_events_shows_in_the_last_hash():
    def last_of(bodies):
        head = GENESIS
        for version, body in enumerate(bodies, start=1):
            head = chain_hash(head, "agent/a", version, body)
        return head

    assert len({last_of("abc"), last_of("bac"), last_of("ac"), last_of("ab"), last_of("abd")}) == 5
