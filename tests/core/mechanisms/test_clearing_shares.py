"""Largest remainder on arrays gives what largest remainder one by one gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import clearing_shares
from market_core.mechanisms.clearing_shares import shares
from market_core.mechanisms.procurement import TooLarge

SIZES = [1, 7, 1000, 10**8, 2**40, 2**58]


@pytest.fixture(autouse=True, params=["whole", "in blocks", "misled"])
def ways(request, monkeypatch) -> None:
    """Let few values be divided in blocks and a sample be taken of them, right or wrong."""
    if request.param != "whole":
        monkeypatch.setattr(clearing_shares, "BLOCK", 3)
        monkeypatch.setattr(clearing_shares, "SAMPLE", 3)
        monkeypatch.setattr(clearing_shares, "_AROUND", 2)
    if request.param == "misled":
        monkeypatch.setattr(clearing_shares, "_AROUND", 0)
        monkeypatch.setattr(clearing_shares, "ceil", lambda _: -1)  # looks at one remainder of the sample


def by_order(order):
    return lambda ties, number: np.array(sorted(ties.tolist(), key=order.__getitem__)[:number], np.int64)


def expected(factor, values, divisor, total, order):
    """Return the shares in integers of any size, remainders sorted."""
    parts = [factor * value // divisor for value in values]
    best = sorted(range(len(values)), key=lambda at: (-(factor * values[at] % divisor), order[at]))
    for at in best[: total - sum(parts)]:
        parts[at] += 1
    return parts


@st.composite
def splits(draw):
    values = draw(
        st.sampled_from(SIZES).flatmap(lambda most: st.lists(st.integers(0, most), min_size=1, max_size=40))
    )
    order = draw(st.permutations(range(len(values))))
    return values, order


@given(splits(), st.sampled_from(SIZES), st.data())
@settings(max_examples=150, deadline=None)
def test_rationed_shares_are_those_of_exact_integers(split, most, data):
    values, order = split
    whole = sum(values)
    if not 0 < whole < 2**61:
        return
    total = data.draw(st.integers(0, min(whole, most)))
    try:
        made = shares(total, np.array(values), whole, total, by_order(order)).tolist()
    except TooLarge:
        assert max(values) * total > 2**62
        return
    assert made == expected(total, values, whole, total, order)


@given(splits(), st.integers(0, 2**45), st.sampled_from([1, 7, 10**6, 2**20]))
@settings(max_examples=150, deadline=None)
def test_payments_are_those_of_exact_integers(split, price, divisor):
    values, order = split
    total = -(-price * sum(values) // divisor)
    if total >= 2**62:
        return
    made = shares(price, np.array(values), divisor, total, by_order(order)).tolist()
    assert made == expected(price, values, divisor, total, order)


def test_a_quotient_that_floats_round_is_put_right():
    # In floats (2^53 + 1) x 1 / 1 and (2^53 - 1) x 3 / 3 are even.
    values = np.array([2**53 + 1, 2**59 + 3])
    assert shares(
        2**10, values, 2**10 - 1, (2**10 * int(values.sum())) // (2**10 - 1), by_order([0, 1])
    ).tolist() == (
        expected(2**10, values.tolist(), 2**10 - 1, (2**10 * int(values.sum())) // (2**10 - 1), [0, 1])
    )


def test_what_64_bits_do_not_tell_is_refused():
    with pytest.raises(TooLarge):
        shares(2**61 - 1, np.array([2**59, 2**60]), 2**61 - 3, 2**60, by_order([0, 1]))
