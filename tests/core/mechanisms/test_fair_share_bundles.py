"""Several resources shared by dominant-resource fairness, on published and hand-worked cases."""

import pytest

from market_core.mechanisms import fair_share_tasks
from market_core.mechanisms.fair_share_bundles import MOST_CAPACITY, Bundle, share_bundles
from market_core.mechanisms.procurement import TooLarge

M = 1_000_000


def bundle(name, per_task, tasks=None, weight=1, priority=0):
    """Return a demand in units; `name` is owner or owner/id."""
    owner, _, rest = name.partition("/")
    needs = tuple(int(need * M) for need in per_task)
    return Bundle((name, rest), owner, needs, tasks, int(weight * M), priority)


def tasks(demand, capacity, policy="fair", filling="divisible"):
    """Return how many tasks each demand gets."""
    made = share_bundles(demand, [int(most * M) for most in capacity], policy, filling)
    return [n / M for n in made.tasks]


BOTH = pytest.mark.parametrize("filling", ["divisible", "whole"])
GHODSI = [bundle("a", (1, 4)), bundle("b", (3, 1))]


@BOTH
def test_the_published_example_gives_three_and_two_tasks(filling):
    # Ghodsi et al. (2011), section 4.1: 9 CPU and 18 GB; both dominant shares are 2/3.
    made = share_bundles(GHODSI, (9 * M, 18 * M), "fair", filling)
    assert made.tasks == (3 * M, 2 * M)
    assert made.amounts == ((3 * M, 12 * M), (6 * M, 2 * M))
    assert made.stopped_by == (0, 0)


def test_weights_scale_dominant_shares():
    # by hand: CPU: x + 3y = 9 with 2x/9 = 2 * y/3, so x = 3y: x = 4.5 would need 18 GB + 1.5, so memory binds
    # first: 4x + y = 18 with x = 3y gives y = 18/13; then a stops, and b too, for both need memory.
    assert tasks([bundle("a", (1, 4), weight=2), GHODSI[1]], (9, 18)) == pytest.approx([54 / 13, 18 / 13])
    # dominant shares 8/9 and 1/3, 3/9 of CPU; then a's next task does not fit and b's does
    assert tasks([bundle("a", (1, 4), weight=2), GHODSI[1]], (9, 18), filling="whole") == [4, 1]


@BOTH
def test_who_needs_nothing_of_a_used_up_resource_goes_on(filling):
    # the first resource is shared by a and b; c needs only the second
    demand = [bundle("a", (1, 0)), bundle("b", (1, 1)), bundle("c", (0, 1))]
    assert tasks(demand, (10, 100), filling=filling) == [5, 5, 95]


@BOTH
def test_nobody_gets_more_than_all_its_tasks_and_the_others_share_what_that_leaves(filling):
    demand = [bundle("a", (1, 1), tasks=2), bundle("b", (1, 2)), bundle("c", (2, 1), tasks=100)]
    made = share_bundles(demand, (17 * M, 17 * M), "fair", filling)
    assert made.tasks == (2 * M, 5 * M, 5 * M)
    assert made.stopped_by == (None, 0, 0)


@BOTH
def test_where_there_is_enough_for_all_everybody_has_all_its_tasks(filling):
    demand = [bundle("a", (1, 2), tasks=3), bundle("b", (0.5, 0), tasks=4), bundle("c", (0, 9), tasks=1)]
    made = share_bundles(demand, (5 * M, 15 * M), "fair", filling)
    assert made.amounts == ((3 * M, 6 * M), (2 * M, 0), (0, 9 * M))
    assert made.stopped_by == (None, None, None)


@BOTH
def test_the_demands_of_an_owner_count_together(filling):
    one = [bundle("a", (1, 1), tasks=8), bundle("b", (1, 1), tasks=12)]
    two = [bundle("a/1", (1, 1), tasks=2), bundle("a/2", (1, 1), tasks=6), bundle("b", (1, 1), tasks=12)]
    assert tasks(one, (8, 8), filling=filling) == [4, 4]
    assert tasks(two, (8, 8), filling=filling) == [1, 3, 4]
    three = [
        bundle("a/1", (1, 1)),
        bundle("a/2", (1, 1)),
        bundle("a/3", (1, 1), tasks=99),
        bundle("b", (1, 1)),
    ]
    shares = {"whole": [2, 2, 1, 4], "divisible": [1.5, 1.5, 1.5, 4.5]}
    assert tasks(three, (9, 9), filling=filling) == shares[filling]


@BOTH
def test_demands_of_an_owner_for_different_bundles_grow_as_their_sum(filling):
    # a holds as much of both resources as b does; apart they would take twice as much
    demand = [bundle("a/1", (1, 0)), bundle("a/2", (0, 1)), bundle("b", (1, 1))]
    assert tasks(demand, (6, 6), filling=filling) == [3, 3, 3]
    assert tasks(demand, (6, 10), filling=filling) == [3, 7, 3]


def test_what_is_left_of_an_owner_goes_on_from_where_it_was():
    # at level 1/8 the first resource is used up: a has 0.5 and 5 tasks, b 3.5 and c 15; a and c share the rest
    # of the second, 16.5, by 1 : 3
    others = [bundle("a/1", (1, 0)), bundle("b", (1, 1), weight=7), bundle("c", (0, 1), weight=3)]
    assert tasks([*others, bundle("a/2", (0, 1))], (4, 40)) == [0.5, 3.5, 27.375, 9.125]
    # with 4 tasks a/2 has 0.5 then, and grows by its own bundle: it has all 4 long before c is stopped
    assert tasks([*others, bundle("a/2", (0, 1), tasks=4)], (4, 40)) == [0.5, 3.5, 32.5, 4]


@BOTH
def test_a_weight_of_zero_gets_what_all_others_leave(filling):
    demand = [bundle("a", (1, 1), weight=0), bundle("b", (1, 1), tasks=3)]
    assert tasks(demand, (5, 5), filling=filling) == [2, 3]
    assert tasks(demand, (3, 5), filling=filling) == [0, 3]


@BOTH
def test_a_higher_priority_comes_first_and_what_is_left_is_shared_in_parts_of_it(filling):
    demand = [bundle("a", (1, 0)), bundle("b", (1, 3)), bundle("c", (6, 1), tasks=1, priority=1)]
    # c leaves 6 and 12: b's dominant share is then 1/4 a task, a's 1/6
    assert tasks(demand, (12, 13), "priority", filling) == (
        [3.6, 2.4, 1] if filling == "divisible" else [4, 2, 1]
    )


def test_a_task_that_does_not_fit_is_skipped_and_the_others_go_on():
    # after 2 tasks of a, 2 CPU are left: none of a's, two of b's
    demand = [bundle("a", (4, 1)), bundle("b", (1, 1), weight=0.01)]
    made = share_bundles(demand, (10 * M, 90 * M), "fair", "whole")
    assert (made.tasks, made.stopped_by) == ((2 * M, 2 * M), (0, 0))


def test_of_two_owners_with_equal_shares_the_first_by_name_has_the_last_task():
    assert tasks([bundle("b", (1,)), bundle("a", (1,))], (5,), filling="whole") == [2, 3]


def test_the_smallest_amounts_and_the_largest_weights_are_told_apart():
    demand = [Bundle((name, ""), name, (1,), None, w * 10**14) for name, w in (("a", 3), ("b", 2))]
    assert share_bundles(demand, (5,), "fair", "whole").tasks == (3 * M, 2 * M)


def test_the_largest_capacity_is_never_exceeded_by_roundings():
    most = MOST_CAPACITY - 1
    made = share_bundles([bundle(name, (1,)) for name in "abc"], (most,), "fair")
    assert made.amounts == ((most // 3,), (most // 3,), (most // 3,))


def test_without_capacity_nobody_gets_anything_and_the_resource_is_named():
    demand = [bundle("a", (1, 1)), bundle("b", (1, 0))]
    for filling in ("divisible", "whole"):
        made = share_bundles(demand, (2 * M, 0), "fair", filling)
        assert (made.tasks, made.stopped_by) == ((0, 2 * M), (1, 0))
    assert share_bundles([], (M,), "fair").amounts == ()


def test_billions_of_whole_tasks_are_shared_at_once():
    demand = [bundle("a", (1, 0.000001)), bundle("b", (0.5, 1)), bundle("c", (0, 3), tasks=77)]
    # x tasks of a and y of b: x = 9y, and x + y/2 = 9 * 10^9 gives y = 947,368,421.05. At y = 947,368,421 and
    # x = 9y their shares tie and half a unit is left: too little for a, enough for one more of b.
    assert tasks(demand, (9 * 10**9, 10**9), filling="whole") == [8_526_315_789, 947_368_422, 77]


def test_too_many_whole_tasks_of_owners_with_several_bundles_are_refused(monkeypatch):
    monkeypatch.setattr(fair_share_tasks, "MOST_STEPS", 3000)
    demand = [bundle("a/1", (1, 0)), bundle("a/2", (0, 1)), bundle("b", (1, 1))]
    with pytest.raises(TooLarge, match="one by one"):
        tasks(demand, (10**6, 10**6), filling="whole")


def test_what_cannot_be_shared_is_refused():
    with pytest.raises(TooLarge, match="9,007,199,254"):
        share_bundles([], (MOST_CAPACITY,), "fair")
    for per_task in ((0, 0), (1,), (1, 1, 1)):
        with pytest.raises(ValueError, match="needs some"):
            share_bundles([bundle("a", per_task)], (M, M), "fair")
    with pytest.raises(ValueError, match="one key"):
        share_bundles([GHODSI[0]] * 2, (M, M), "fair")
