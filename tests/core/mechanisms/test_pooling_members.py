"""The choice of members for a given cost curve against brute force, and where the search must give up."""

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.pooling_members import Curve
from market_core.mechanisms.pooling_search import Budget, Demand


@st.composite
def demands(draw, most=6, rigid=False):
    """Members in merit order who want up to 6 parts: any part, a minimum, or all or nothing."""
    limits = sorted(draw(st.lists(st.integers(0, 7), max_size=most)), reverse=True)
    quantities = [draw(st.integers(1, 6)) for _ in limits]
    if rigid:
        return Demand(limits, quantities, quantities)
    least = [draw(st.sampled_from([0, q, max(q - 1, 0)])) for q in quantities]
    return Demand(limits, quantities, least)


@st.composite
def curves(draw):
    """What up to 8 units cost, in steps that may be dear or nothing, and the parts of a unit."""
    steps = draw(st.lists(st.sampled_from([0, 0, 1, 3, 6, 20]), max_size=8))
    return [0, *(sum(steps[: k + 1]) for k in range(len(steps)))], draw(st.integers(1, 3))


def first_best(costs, unit, demand):
    """Return (value, total, parts) of the best of all choices, of equals the first in merit order."""
    found = (0, 0, [0] * len(demand.limits))
    every = [
        [0, *range(max(least, 1), most + 1)]
        for least, most in zip(demand.least, demand.quantities, strict=True)
    ]
    for parts in product(*every):
        total = sum(parts)
        units = -(-total // unit)
        if units >= len(costs):
            continue
        need = costs[units] * unit
        if all(limit * total >= need for limit, part in zip(demand.limits, parts, strict=True) if part):
            value = sum(limit * part for limit, part in zip(demand.limits, parts, strict=True)) - need
            found = max(found, (value, total, list(parts)))
    return found


@given(curves(), demands())
@settings(max_examples=250, deadline=None, derandomize=True)
def test_the_choice_is_the_first_best_of_all_in_merit_order(curve, demand):
    costs, unit = curve
    choice = Curve(costs, unit).best(demand, Budget())
    assert (choice.value, choice.total, list(choice.parts)) == first_best(costs, unit, demand)
    assert choice.bound == choice.value


@given(curves(), demands(rigid=True))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_so_it_is_where_all_is_all_or_nothing(curve, demand):
    costs, unit = curve
    choice = Curve(costs, unit).best(demand, Budget())
    assert (choice.value, choice.total, list(choice.parts)) == first_best(costs, unit, demand)


@given(curves(), demands(most=5))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_amounts_beyond_64_bits_change_nothing(curve, demand):
    (costs, unit), many = curve, 10**18
    choice = Curve(costs, unit).best(demand, Budget())
    limits = [limit * many for limit in demand.limits]
    large = Curve([each * many for each in costs], unit).best(
        Demand(limits, demand.quantities, demand.least), Budget()
    )
    assert (large.value, large.parts) == (choice.value * many, choice.parts)


@pytest.mark.parametrize(
    ("costs", "unit", "demand", "parts"),
    [
        # 6 for the first or 9 for the second both save nothing: the larger total.
        (
            [0, 6, 6, 6, 12],
            3,
            Demand([3, 2, 2, 1, 1, 1, 1], [6, 9, 2, 3, 2, 3, 3], [6, 9, 2, 3, 2, 3, 2]),
            (0, 9, 0, 0, 0, 0, 0),
        ),
        # Two of one limit want 3 of the 4: the first in merit order.
        ([0, 0, 20], 4, Demand([3, 3, 3, 3, 1], [3, 5, 3, 2, 5], [3, 5, 3, 2, 5]), (3, 0, 0, 0, 0)),
    ],
)
def test_equals_are_decided_by_the_larger_total_and_then_by_merit_order(costs, unit, demand, parts):
    choice = Curve(costs, unit).best(demand, Budget())
    assert choice.parts == parts
    assert (choice.value, choice.total, list(parts)) == first_best(costs, unit, demand)


def test_members_alike_that_never_fill_the_units_are_decided_all_the_same():
    # 60 members want 4 or nothing, 40 want 6 or nothing: 201 units are never filled, and the bound never tells.
    sizes = [4] * 60 + [6] * 40
    demand = Demand([5] * 100, sizes, sizes)
    choice = Curve([0, *[3 * k for k in range(1, 202)]], 1).best(demand, Budget())
    assert (choice.value, choice.total, choice.bound) == (400, 200, 400)


def test_a_search_that_ends_early_says_how_far_it_may_be_off():
    random = Random(1)
    sizes = [random.randint(1000, 9000) * 2 for _ in range(40)]
    demand, curve = Demand(range(400, 0, -10), sizes, sizes), Curve([0, 1], 150_001)
    sure, quick = curve.best(demand, Budget()), curve.best(demand, Budget(10))
    assert sure.bound == sure.value
    assert quick.value < sure.value < quick.bound
    assert curve.best(demand, Budget(10)) == quick
