"""The filling of many kinds on arrays against the one in integers: the same answer, or none where it is not sure."""

from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import fair_share_divisible, fair_share_divisible_arrays
from market_core.mechanisms.fair_share_bundles import MOST_CAPACITY, Bundle, share_bundles
from market_core.mechanisms.fair_share_divisible import fill_in_integers
from market_core.mechanisms.fair_share_filling import turns
from market_core.mechanisms.fair_share_kinds import kinds_of
from market_core.mechanisms.fair_share_pairs import minus, pair, plus, product, quotient, total, totals

M = 1_000_000


def kinds(demand):
    return kinds_of(demand, turns(demand, "fair")[0])


@st.composite
def markets(draw):
    """Return demands, several of an owner among them, and a capacity: small numbers that tie, or large ones."""
    width = draw(st.integers(1, 4))
    size = draw(st.sampled_from([3, 1000, 8 * M, 10**13]))
    need = st.sampled_from([0, 1, 2]) | st.integers(0, size)
    demand = []
    for number in range(draw(st.integers(1, 12))):
        owner = draw(st.sampled_from("abcdefgh"))
        needs = draw(st.tuples(*[need] * width).filter(any))
        tasks = draw(st.none() | st.integers(1, 30))
        weight = draw(st.sampled_from([1, M // 2, M, 3 * 10**14]))
        demand.append(Bundle((owner, f"{number}"), owner, needs, tasks, weight))
    most = st.sampled_from([0, 4, 12, MOST_CAPACITY - 1]) | st.integers(0, min(30 * size, MOST_CAPACITY - 1))
    return demand, draw(st.lists(most, min_size=width, max_size=width))


@given(markets())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_arrays_give_what_integers_give_or_nothing(market):
    demand, capacity = market
    made = fair_share_divisible_arrays.fill(kinds(demand), capacity)
    assert made is None or made == fill_in_integers(kinds(demand), capacity)


def large(random, count, owners, scale, limits, weights):
    demand = []
    for i in range(count):
        needs = [random.choice([0, 0, 1]) * random.randint(1, scale) for _ in range(4)]
        needs[i % 4] = random.randint(1, scale)
        owner = f"{i if owners == count else random.randrange(owners)}"
        demand.append(
            Bundle((owner, f"{i}"), owner, tuple(needs), random.choice(limits), random.choice(weights))
        )
    return demand


@pytest.mark.parametrize("owners", [3000, 1000], ids=["one demand each", "three demands each"])
@pytest.mark.parametrize("scale", [10, 8 * M, 10**10], ids=["tiny", "units", "huge"])
@pytest.mark.parametrize("weights", [[M], [M // 2, M, 2 * M, 10**12]], ids=["alike", "weighted"])
@pytest.mark.parametrize("limits", [range(1, 21), [None, 1, 5, 400]], ids=["limited", "some without limit"])
def test_large_markets_are_sure_and_the_same(owners, scale, weights, limits):
    random = Random(f"{owners} {scale} {weights} {limits}")
    demand = large(random, 3000, owners, scale, limits, weights)
    capacity = [sum(b.per_task[r] * (b.tasks or 20) for b in demand) * (r + 1) // 7 for r in range(4)]
    made = fair_share_divisible_arrays.fill(kinds(demand), capacity)
    assert made is not None
    assert made == fill_in_integers(kinds(demand), capacity)
    assert len(set(made.stopped_by) - {None}) > 1


def test_many_demands_are_filled_on_arrays(monkeypatch):
    demand = large(Random(1), fair_share_divisible.MANY, fair_share_divisible.MANY, M, [9], [M])
    capacity = [10**9] * 4
    in_integers = fill_in_integers(kinds(demand), capacity)
    monkeypatch.setattr(fair_share_divisible, "fill_in_integers", None)
    made = share_bundles(demand, capacity, "fair")
    assert sorted(made.amounts) == sorted(in_integers.amounts)


def test_all_alike_is_sure():
    demand = [Bundle((f"{i:04}", ""), f"{i:04}", (M, M, 2 * M), 9) for i in range(3000)]
    made = fair_share_divisible_arrays.fill(kinds(demand), [10_000 * M, 10_000 * M, 30_000 * M])
    third = 10_000 * M // 3000
    assert made.amounts == [(third, third, 2 * third)] * 3000
    assert set(made.stopped_by) == {0}


def test_two_resources_used_up_at_one_moment_are_left_to_integers():
    def two_pairs(weight):
        needs = [("a", (1, 0), M), ("b", (3, 0), M), ("c", (0, 7), weight), ("d", (0, 1), weight)]
        return kinds([Bundle((name, ""), name, need, None, weight) for name, need, weight in needs])

    assert fair_share_divisible_arrays.fill(two_pairs(3 * M), [12, 12]) is not None
    assert (
        fair_share_divisible_arrays.fill(two_pairs(M), [12, 12]) is None
    )  # each pair has half of its resource at once
    assert fair_share_divisible.fill(two_pairs(M), [12, 12]).amounts == [(6, 0), (6, 0), (0, 6), (0, 6)]


def test_an_owner_that_ends_just_when_a_resource_is_used_up_is_left_to_integers():
    demand = [
        Bundle((name, ""), name, (3, need), tasks, M) for name, need, tasks in [("a", 1, 5), ("b", 2, 9)]
    ]
    assert fair_share_divisible_arrays.fill(kinds(demand), [30, 90]) is None
    assert fair_share_divisible_arrays.fill(kinds(demand), [31, 90]) is not None
    assert fair_share_divisible.fill(kinds(demand), [30, 90]).tasks == [5 * M, 5 * M]


def test_an_amount_at_the_edge_of_what_counts_as_a_whole_one_is_left_to_integers():
    def parts(capacity):
        demand = [Bundle((n, ""), n, (1,), None, w) for n, w in [("a", 1), ("b", 2**30 - 1)]]
        return fair_share_divisible_arrays.fill(kinds(demand), [capacity])

    assert parts(2**30 - 1) is None  # a has 1 - 2^-30, which is the noise
    assert parts(2**30 - 2).amounts == [(0,), (2**30 - 3,)]
    assert parts(2**30).amounts == [(1,), (2**30 - 1,)]


def exact(numbers):
    return [Fraction(top) + Fraction(low) for top, low in zip(*numbers, strict=True)]


def test_pairs_hold_a_hundred_binary_digits():
    random = Random(5)
    one, other = (
        quotient(*(pair([random.randint(1, 2 ** random.randint(1, 53)) for _ in range(500)]) for _ in "ab"))
        for _ in "ab"
    )
    first, second = exact(one), exact(other)
    for made, right in [
        (plus(one, other), [a + b for a, b in zip(first, second, strict=True)]),
        (product(one, other), [a * b for a, b in zip(first, second, strict=True)]),
        (quotient(one, other), [a / b for a, b in zip(first, second, strict=True)]),
    ]:
        for a, b in zip(exact(made), right, strict=True):
            assert abs(a - b) <= abs(b) / 2**101
    for a, b, c in zip(exact(minus(one, other)), first, second, strict=True):
        assert abs(a - (b - c)) <= max(b, c) / 2**101
    (summed,) = exact(pair_of(total(one)))
    assert abs(summed - sum(first)) <= sum(first) / 2**98
    starts = np.array([0, 3, 4, 250])
    for a, b, c in zip(exact(totals(one, starts)), starts, [3, 4, 250, 500], strict=True):
        assert abs(a - sum(first[b:c])) <= sum(first[b:c]) / 2**95


def pair_of(numbers):
    return [numbers[0]], [numbers[1]]
