"""Several tasks decided together: published assignments, and cases worked by hand."""

import pytest

from market_core.mechanisms.assignment import (
    MOST_BIDS,
    MOST_TASKS,
    Task,
    TaskAward,
    TaskBid,
    TaskProblem,
    assign,
    decide,
    payments,
)
from market_core.mechanisms.procurement import DoesNotFit, Proof, TooLarge, Unproved


def key(head, rest=0):
    return f"{head:08x}{rest:056x}"


def bid(task, bidder, cost, score=None, head=None):
    made = key(head) if head is not None else key(1 + task, ord(bidder[0]))
    return TaskBid(task, bidder, made, cost, cost if score is None else score)


def matrix(costs, capacity=1, max_price=None):
    """Rows are tasks, columns are bidders a, b, c, ..."""
    bids = [bid(t, chr(97 + j), cost) for t, row in enumerate(costs) for j, cost in enumerate(row)]
    limits = {chr(97 + j): capacity for j in range(len(costs[0]))}
    return TaskProblem(tuple(Task(max_price) for _ in costs), tuple(bids), limits)


def winners(problem):
    chosen = decide(problem).winners
    return "".join("-" if position is None else problem.bids[position].bidder for position in chosen)


def paid(problem, rule="vcg"):
    amounts = payments(problem, decide(problem), rule)
    return {(problem.bids[p].task, problem.bids[p].bidder): amount for p, amount in amounts.items()}


@pytest.mark.parametrize(
    ("costs", "score", "won"),
    [
        # the example of scipy.optimize.linear_sum_assignment
        ([[4, 1, 3], [2, 0, 5], [3, 2, 2]], 5, "bac"),
        # OR-Tools, "Solving an Assignment Problem": five workers, four tasks
        (
            [[90, 35, 125, 45, 50], [80, 85, 95, 110, 100], [75, 55, 90, 95, 90], [70, 65, 95, 115, 100]],
            265,
            None,
        ),
        # Project Euler 345 asks for the greatest sum, 3315
        (
            [
                [-7, -53, -183, -439, -863],
                [-497, -383, -563, -79, -973],
                [-287, -63, -343, -169, -583],
                [-627, -343, -773, -959, -943],
                [-767, -473, -103, -699, -303],
            ],
            -3315,
            "ebcda",
        ),
        ([[7]], 7, "a"),
    ],
)
def test_published_assignments_have_their_published_sums(costs, score, won):
    problem = matrix(costs)
    award = decide(problem)
    assert award.score == score
    assert award.proof == Proof("optimal", 0, score, award.proof.solver)
    assert won is None or winners(problem) == won


@pytest.mark.parametrize(
    ("capacity", "won", "score"), [(1, "abc", 30), (2, "aba", 13), (3, "aaa", 6), (None, "aaa", 6)]
)
def test_a_provider_takes_at_most_its_capacity(capacity, won, score):
    problem = matrix([[1, 10, 20], [2, 9, 21], [3, 11, 20]], capacity)
    assert (winners(problem), decide(problem).score) == (won, score)


def test_without_a_named_capacity_there_is_no_limit_and_capacity_0_wins_nothing():
    bids = bid(0, "a", 1), bid(1, "a", 1), bid(0, "b", 5), bid(1, "b", 6)
    assert winners(TaskProblem((Task(), Task()), bids, {})) == "aa"
    assert winners(TaskProblem((Task(), Task()), bids, {"a": 0})) == "bb"
    assert winners(TaskProblem((Task(), Task()), bids, {"a": 0, "b": 0})) == "--"


def test_a_market_without_tasks_or_bids_awards_nothing():
    assert decide(TaskProblem((), (), {})) == TaskAward((), 0, decide(TaskProblem((), (), {})).proof)
    award = decide(TaskProblem((Task(), Task(70)), (), {}))
    assert (award.winners, award.score) == ((None, None), 70)


def test_short_capacity_goes_to_the_higher_priority_whatever_it_costs():
    tasks = Task(priority=0), Task(priority=1)
    assert winners(TaskProblem(tasks, (bid(0, "a", 1), bid(1, "a", 900)), {"a": 1})) == "-a"


def test_a_lower_priority_never_costs_a_higher_one_anything():
    # b could do the high task for 1 more, and a the low one: the low one stays unawarded all the same.
    bids = bid(0, "a", 10), bid(0, "b", 11), bid(1, "a", 5)
    assert winners(TaskProblem((Task(priority=7), Task(priority=-3)), bids, {"a": 1, "b": 1})) == "a-"
    assert winners(TaskProblem((Task(priority=7), Task(priority=7)), bids, {"a": 1, "b": 1})) == "ba"
    bids = bid(0, "a", 10), bid(0, "b", 11), bid(1, "a", 5, score=-900)
    assert winners(TaskProblem((Task(priority=7), Task(priority=-3)), bids, {"a": 1, "b": 1})) == "a-"


def test_within_a_priority_a_task_without_max_price_comes_before_a_saving():
    bids = bid(0, "a", 1), bid(1, "a", 900)
    assert winners(TaskProblem((Task(1000), Task()), bids, {"a": 1})) == "-a"
    assert winners(TaskProblem((Task(1000, priority=1), Task()), bids, {"a": 1})) == "a-"


def test_a_task_is_left_unawarded_where_its_max_price_is_cheaper():
    tasks = Task(50), Task(60)
    problem = TaskProblem(tasks, (bid(0, "a", 45, score=51), bid(1, "a", 40, score=59)), {})
    award = decide(problem)
    assert (award.winners, award.score) == ((None, 1), 50 + 59)


def test_capacity_goes_where_it_saves_most():
    # a saves 20 on the first task and 25 on the second
    assert winners(TaskProblem((Task(30), Task(95)), (bid(0, "a", 10), bid(1, "a", 70)), {"a": 1})) == "-a"


def test_a_bid_that_costs_more_than_max_price_does_not_win_however_good_its_score():
    assert (
        winners(TaskProblem((Task(50),), (bid(0, "a", 51, score=-100), bid(0, "b", 50, score=49)), {})) == "b"
    )


def test_one_micro_credit_decides_among_the_largest_amounts():
    large = 10**17
    problem = matrix([[large, large - 1], [large, large]])
    assert (winners(problem), decide(problem).score) == ("ba", 2 * large - 1)


def test_a_tie_goes_to_the_least_key():
    assert winners(TaskProblem((Task(),), (bid(0, "a", 5, head=2), bid(0, "b", 5, head=1)), {})) == "b"


@pytest.mark.parametrize(
    ("straight", "crossed", "won"),
    [
        ((1, 4), (2, 3), "ab"),  # equal sums: 1 comes before 2
        ((2, 3), (1, 4), "ba"),
        ((1, 9), (2, 3), "ba"),  # the sum comes before the list
        ((3, 2), (9, 1), "ab"),
    ],
)
def test_tied_sets_go_by_the_sum_of_32_bits_then_by_the_ascending_list(straight, crossed, won):
    bids = (
        bid(0, "a", 5, head=straight[0]),
        bid(1, "b", 5, head=straight[1]),
        bid(0, "b", 5, head=crossed[0]),
        bid(1, "a", 5, head=crossed[1]),
    )
    assert winners(TaskProblem((Task(), Task()), bids, {"a": 1, "b": 1})) == won


def test_no_sum_of_keys_outweighs_a_micro_credit():
    worst = 2**32 - 1
    dear = bid(0, "a", 5, head=0), bid(1, "b", 6, head=1)
    cheap = TaskBid(0, "b", key(worst, 1), 5, 5), TaskBid(1, "a", key(worst, 2), 5, 5)
    assert winners(TaskProblem((Task(), Task()), dear + cheap, {"a": 1, "b": 1})) == "ba"


def test_a_score_equal_to_max_price_wins_as_it_does_alone():
    # No key at all would be the least sum of keys, but of equal scores the one that awards more comes first.
    assert winners(TaskProblem((Task(50),), (bid(0, "a", 50),), {})) == "a"


def test_vcg_pays_each_winner_what_the_others_would_cost_more_without_it():
    # Z = 20 + 30 (a does the second task). Without a: 30 + 60; without b: 40 + 20.
    problem = matrix([[10, 30, 40], [20, 50, 60]], max_price=100)
    assert winners(problem) == "ba"
    assert paid(problem) == {(0, "b"): 40, (1, "a"): 60}
    assert paid(problem, "pay_as_bid") == {(0, "b"): 30, (1, "a"): 20}


@pytest.mark.parametrize(
    ("costs", "max_price", "payment"),
    [([30, 60], 50, 50), ([30, 40], 50, 40), ([30], 50, 50), ([30, 30], 50, 30)],
)
def test_vcg_of_one_task_is_the_second_price(costs, max_price, payment):
    assert list(paid(matrix([costs], max_price=max_price)).values()) == [payment]


def test_a_vcg_sum_is_split_in_proportion_to_max_price_minus_cost():
    # a's costs 20 + 40, b's 40 + 70: 50 more, over rooms of 30 and 60: 16 2/3 and 33 1/3.
    tasks = Task(50), Task(100)
    bids = bid(0, "a", 20), bid(1, "a", 40), bid(0, "b", 40), bid(1, "b", 70)
    assert paid(TaskProblem(tasks, bids, {})) == {(0, "a"): 20 + 17, (1, "a"): 40 + 33}


def test_the_odd_micro_credit_of_a_split_goes_to_the_least_key():
    tasks = Task(10), Task(10)
    rivals = bid(0, "b", 9), bid(1, "b", 8)
    for first, second, shares in ((1, 2, (2, 1)), (2, 1, (1, 2))):
        mine = bid(0, "a", 7, head=first + 10), bid(1, "a", 7, head=second + 10)
        assert paid(TaskProblem(tasks, mine + rivals, {})) == {
            (0, "a"): 7 + shares[0],
            (1, "a"): 7 + shares[1],
        }


def test_a_good_score_never_lifts_a_payment_above_max_price():
    # The sum would be 40 + 50 + (50 + 60 - 10 - 20): only the room of 10 + 10 is paid.
    tasks = Task(50), Task(60)
    problem = TaskProblem(tasks, (bid(0, "a", 40, score=10), bid(1, "a", 50, score=20)), {})
    assert paid(problem) == {(0, "a"): 50, (1, "a"): 60}
    assert paid(TaskProblem((Task(40),), (bid(0, "a", 40, score=10),), {})) == {(0, "a"): 40}


def test_where_the_cap_binds_a_lie_can_pay_as_the_docstring_says():
    # The first task saves 61 of its 50, the second 60: asking 50 for the first moves a to the second.
    tasks = Task(50), Task(100)

    def gain(asked):
        bids = bid(0, "a", asked, score=asked - 51), bid(1, "a", 40)
        return sum(amount - 40 for amount in paid(TaskProblem(tasks, bids, {"a": 1})).values())

    assert (gain(40), gain(50)) == (10, 60)


@pytest.mark.parametrize(
    "tasks", [(Task(50), Task()), (Task(50, priority=1), Task(50))], ids=["max_price", "priority"]
)
def test_vcg_needs_a_max_price_on_each_task_and_equal_priorities(tasks):
    problem = TaskProblem(tasks, (bid(0, "a", 1), bid(1, "a", 2)), {})
    with pytest.raises(DoesNotFit):
        payments(problem, decide(problem), "vcg")
    assert payments(problem, decide(problem), "pay_as_bid") == {0: 1, 1: 2}


def test_vcg_needs_a_proved_award_of_this_problem():
    problem = matrix([[10, 20]], max_price=100)
    award = decide(problem)
    with pytest.raises(Unproved) as refused:
        payments(problem, TaskAward(award.winners, award.score, Proof("feasible", 3, 7, "another")), "vcg")
    assert refused.value.gap == 3
    with pytest.raises(ValueError, match="not this problem's"):
        payments(problem, TaskAward((1,), 20, award.proof), "vcg")


def test_tasks_without_prices_are_assigned_as_many_as_possible():
    def name(task, agent):
        return key(1 + task, ord(agent))

    assert assign([["a", "b"], ["a"], ["a"]], {"a": 1, "b": 1}, name)[0] == "b"
    assert assign([["a", "b"], ["a"], []], {"a": 1, "b": 1}, name) == ("b", "a", None)
    assert assign([["a", "a"], ["a"]], {"a": 2}, name) == ("a", "a")
    assert assign([], {}, name) == ()


def test_tasks_without_prices_are_tied_by_the_least_sum_of_keys():
    heads = {(0, "a"): 2, (0, "b"): 3, (1, "a"): 3, (1, "b"): 5}
    assert assign(
        [["a", "b"]] * 2, {"a": 1, "b": 1}, lambda *pair: key(heads[pair])[:60] + f"{pair[0]:04}"
    ) == ("b", "a")


def test_too_many_tasks_or_bids_are_refused_and_the_limits_are_not():
    with pytest.raises(TooLarge, match="500 tasks"):
        decide(TaskProblem((Task(),) * (MOST_TASKS + 1), (), {}))
    bids = tuple(TaskBid(0, f"a{i}", key(i), i, i) for i in range(MOST_BIDS + 1))
    with pytest.raises(TooLarge, match="10,000 bids"):
        decide(TaskProblem((Task(),), bids, {}))
    assert decide(TaskProblem((Task(),) * MOST_TASKS, bids[:MOST_BIDS], {})).winners[:2] == (0, None)


@pytest.mark.parametrize(
    "bids",
    [
        (bid(0, "a", 1, head=1), bid(0, "b", 1, head=1)),
        (bid(0, "a", 1, head=1), bid(0, "a", 2, head=2)),
        (bid(1, "a", 1),),
        (bid(-1, "a", 1, head=1),),
    ],
    ids=["one key twice", "one bidder twice", "no such task", "counted from the end"],
)
def test_bids_that_would_make_the_answer_depend_on_their_order_are_an_error(bids):
    with pytest.raises(ValueError, match="bid"):
        decide(TaskProblem((Task(),), bids, {}))
