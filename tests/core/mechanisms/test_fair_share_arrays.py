"""Claims filled on arrays, and only as often as needed, get what they get one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import fair_share, fair_share_minimum
from market_core.mechanisms.clearing import Entry
from market_core.mechanisms.fair_share import Member, share
from market_core.mechanisms.fair_share_arrays import Claims
from market_core.mechanisms.fair_share_filling import Claim, fill
from market_core.mechanisms.fair_share_minimum import fill_above
from market_core.mechanisms.procurement import TooLarge

SIZES = st.sampled_from([3, 30, 10**9, 2**52])
WEIGHTS = st.sampled_from([1, 5, 1_000_000, 999_983, 2**19])


@st.composite
def books(draw):
    """Claims of a few owners, keys and owners in no order, with weights, minimums and a supply."""
    most, heaviest = draw(SIZES), draw(WEIGHTS)
    count = draw(st.integers(1, 12))
    keys = draw(st.permutations(range(count)))
    owners = draw(st.sampled_from([st.sampled_from("cabd"), st.integers(0, 99).map(lambda n: f"o{n}")]))
    claims = [Claim((f"{key}", ""), draw(owners), draw(st.integers(1, most))) for key in keys]
    weights = {owner: draw(st.integers(1, heaviest)) for owner in {claim.owner: None for claim in claims}}
    minimums = [draw(st.just(0) | st.integers(1, claim.quantity)) for claim in claims]
    return claims, weights, minimums, draw(st.integers(0, sum(claim.quantity for claim in claims)))


@given(books(), st.data())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_arrays_and_claims_are_filled_alike_whoever_is_left_out(book, data):
    claims, weights, _, supply = book
    out = data.draw(st.sets(st.sampled_from(range(len(claims)))))
    inside = [place for place in range(len(claims)) if place not in out]
    expected = [0] * len(claims)
    for place, got in zip(inside, fill(supply, [claims[p] for p in inside], weights), strict=True):
        expected[place] = got
    try:
        columns = Claims(claims, weights)
        assert columns.fill(supply, sorted(out)).tolist() == expected
        assert columns.fill(supply).tolist() == fill(supply, claims, weights)
    except TooLarge:
        assert max(claim.quantity for claim in claims) * max(weights.values()) > 2**50


@given(books())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_on_arrays_or_one_by_one_the_same_are_left_out(book):
    claims, weights, minimums, supply = book
    one_by_one = fill_above(supply, claims, weights, minimums)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fair_share_minimum, "LARGE", 1)
        assert fill_above(supply, claims, weights, minimums) == one_by_one


def test_what_64_bits_do_not_hold_is_filled_one_by_one(monkeypatch):
    monkeypatch.setattr(fair_share_minimum, "LARGE", 1)
    claims = [Claim((owner, ""), owner, 2**70) for owner in "abc"]
    assert fill_above(2**70 + 2**60, claims, dict.fromkeys("abc", 1), [2**69, 2**69, 0]) == (
        [2**69 + 2**59, 0, 2**69 + 2**59],
        {1},
    )
    heavy = {"a": 2**40 + 1, "b": 2**40 - 1, "c": 2**41 - 1}
    small = [claim._replace(quantity=2**30) for claim in claims]
    with pytest.raises(TooLarge):
        Claims(small, heavy).fill(2**31)
    assert sum(fill_above(2**31, small, heavy, [0, 0, 0])[0]) == 2**31


@st.composite
def members(draw):
    """Demands in which the entries of an owner may have different weights."""
    rows = draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 12)), min_size=1, max_size=6))
    return [
        Member(
            (owner, f"{number}"),
            owner,
            quantity,
            draw(st.none() | st.integers(0, 4)),
            draw(st.integers(0, 3)),
            draw(st.integers(0, 1)),
            draw(st.just(0) | st.integers(1, quantity)),
        )
        for number, (owner, quantity) in enumerate(rows)
    ]


OFFERS = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 4)), min_size=1, max_size=3)


@given(members(), OFFERS, st.sampled_from(["fair", "priority"]))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_what_is_not_shared_again_would_be_shared_alike(demand, rows, policy):
    offers = [Entry((f"s{at}", ""), *row) for at, row in enumerate(rows)]
    made = share(demand, offers, policy)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fair_share, "_as_before", lambda *states: not states[-1])
        assert share(demand, offers, policy) == made
    if made is not None:
        for one, got, why in zip(demand, made.demand, made.reasons, strict=True):
            assert (why is None) == (got == one.quantity)  # whatever was said at another price
