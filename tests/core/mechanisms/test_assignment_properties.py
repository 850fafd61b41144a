"""Assignments against brute force on small markets, and what holds for every market."""

from dataclasses import replace
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.assignment import Task, TaskBid, TaskProblem, decide, payments
from market_core.mechanisms.assignment_flow import Option, solved

AMOUNTS = st.integers(0, 5)


@st.composite
def markets(draw, vcg=False, bonus=2):
    """Up to 4 tasks and 4 bidders; keys begin with one of a few numbers above 0, so that many sets tie."""
    count = draw(st.integers(0, 4))
    max_price = AMOUNTS if vcg else st.none() | AMOUNTS
    tasks = [Task(draw(max_price), 0 if vcg else draw(st.integers(0, 1))) for _ in range(count)]
    pairs = [pair for pair in product(range(count), "abcd") if draw(st.integers(0, 3))]
    together = draw(st.sampled_from(["", "e"]))  # one owner of c and d
    bids = []
    for number, (task, bidder) in enumerate(draw(st.permutations(pairs))):
        cost = draw(AMOUNTS)
        key = f"{draw(st.integers(1, 4)):08x}{number:056x}"
        owner = together if bidder in "cd" else ""
        bids.append(TaskBid(task, bidder, key, cost, cost + draw(st.integers(-bonus, 2)), owner))
    limits = draw(st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(0, 2)))
    return TaskProblem(tuple(tasks), tuple(bids), limits)


def every_award(problem):
    """Yield every allowed tuple of winning bids, None where a task is unawarded."""
    choices = [
        [
            None,
            *(
                b
                for b in problem.bids
                if b.task == t and (task.max_price is None or b.cost <= task.max_price)
            ),
        ]
        for t, task in enumerate(problem.tasks)
    ]
    for award in product(*choices):
        names = [b.bidder for b in award if b]
        if all(problem.capacity.get(n) is None or names.count(n) <= problem.capacity[n] for n in names):
            yield award


def worth(problem, award):
    """Return what decides, the least first, in the order of the rules."""
    rules = []
    for level in (1, 0):
        here = [(t, b) for t, b in zip(problem.tasks, award, strict=True) if t.priority == level]
        rules += [sum(t.max_price is None and b is None for t, b in here), sum(score(t, b) for t, b in here)]
    keys = sorted(b.key for b in award if b)
    return (*rules, award.count(None), sum(int(k[:8], 16) for k in keys), keys)


def score(task, winner):
    return winner.score if winner else task.max_price or 0


def total(problem, award):
    return sum(score(t, b) for t, b in zip(problem.tasks, award, strict=True))


@given(markets())
@settings(max_examples=300, deadline=None, derandomize=True)
def test_the_award_is_the_brute_force_one(problem):
    award = decide(problem)
    chosen = tuple(None if p is None else problem.bids[p] for p in award.winners)
    best = min(every_award(problem), key=lambda one: worth(problem, one))
    assert chosen == best
    assert award.score == award.proof.bound == total(problem, best)


@given(markets(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_the_order_of_bids_and_tasks_makes_no_difference(problem, random):
    bids, order = list(problem.bids), list(range(len(problem.tasks)))
    random.shuffle(bids)
    random.shuffle(order)  # order[new] = old
    moved = tuple(replace(b, task=order.index(b.task)) for b in bids)
    other = TaskProblem(tuple(problem.tasks[old] for old in order), moved, problem.capacity)

    def keys(one):
        return {one.bids[p].key for p in decide(one).winners if p is not None}

    assert keys(problem) == keys(other)


@given(markets(vcg=True))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_vcg_sums_are_the_brute_force_ones_and_every_payment_is_within_its_limits(problem):
    award = decide(problem)
    paid = payments(problem, award, "vcg")
    won = [problem.bids[p] for p in award.winners if p is not None]
    amounts = {problem.bids[p].key: amount for p, amount in paid.items()}
    assert set(amounts) == {b.key for b in won}
    assert all(b.cost <= amounts[b.key] <= problem.tasks[b.task].max_price for b in won)
    for name in {b.owner or b.bidder for b in won}:
        mine = [b for b in won if (b.owner or b.bidder) == name]
        others = TaskProblem(
            problem.tasks, tuple(b for b in problem.bids if (b.owner or b.bidder) != name), problem.capacity
        )
        without = min(total(problem, one) for one in every_award(others))
        most = sum(problem.tasks[b.task].max_price for b in mine)
        due = min(sum(b.cost for b in mine) + without - award.score, most)
        assert sum(amounts[b.key] for b in mine) == due
        room = most - sum(b.cost for b in mine)
        for b in mine:  # in proportion to max_price - cost, to less than a micro-credit
            share = (due - sum(b.cost for b in mine)) * (problem.tasks[b.task].max_price - b.cost)
            assert abs((amounts[b.key] - b.cost) * room - share) < max(room, 1)


@given(markets(vcg=True, bonus=0), st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_no_misreport_of_costs_gains_under_vcg(problem, data):
    name = data.draw(st.sampled_from("abcd"))
    truth = {b.task: b.cost for b in problem.bids if b.bidder == name}
    if len(truth) > 2:  # the grid stays small
        truth = dict(list(truth.items())[:2])
    honest = gain(problem, name, truth)
    for lie in product(range(0, 7, 2), repeat=len(truth)):
        assert gain(problem, name, dict(zip(truth, lie, strict=True))) <= honest


def gain(problem, name, asked):
    """Return what the owner of `name` gains when `name` asks `asked`; what it claims of time stays."""
    bids = []
    for b in problem.bids:
        if b.bidder != name:
            bids.append(b)
        elif b.task in asked:
            bids.append(replace(b, cost=asked[b.task], score=asked[b.task] + b.score - b.cost))
    reported = TaskProblem(problem.tasks, tuple(bids), problem.capacity)
    paid = payments(reported, decide(reported), "vcg")
    owners = {b.owner or b.bidder for b in problem.bids if b.bidder == name}
    true = {b.key: b.cost for b in problem.bids}
    return sum(
        amount - true[bids[p].key]
        for p, amount in paid.items()
        if (bids[p].owner or bids[p].bidder) in owners
    )


def test_prices_prove_the_optimum_where_nothing_can_be_enumerated():
    # Weak duality: no assignment costs less than what every row pays at least, less the rents of capacity.
    for seed in range(20):
        random = Random(seed)
        rows, columns = random.randint(10, 30), random.randint(3, 20)
        options = [
            [Option(c, random.randint(-20, 60), 0) for c in range(columns) if random.random() < 0.5]
            for _ in range(rows)
        ]
        outside = [random.choice([40, 10**6]) for _ in range(rows)]
        flow = solved(options, outside, [random.randint(0, 4) for _ in range(columns)])
        dropped = flow.choice[0].column if flow.choice[0] else 0
        before = [*flow.choice]
        for one in (flow, flow.without({dropped})):
            assert one.cost() == bound(one)
            assert all(len(m) <= most for m, most in zip(one.members, one.capacity, strict=True))
        assert flow.choice == before
        rest = [[option for option in row if option.column != dropped] for row in options]
        assert flow.without({dropped}).cost() == solved(rest, outside, flow.capacity).cost()


def bound(flow):
    cheapest = [
        min([outside, *(option.cost + flow.price[option.column] for option in row)])
        for row, outside in zip(flow.options, flow.outside, strict=True)
    ]
    assert min(flow.price) >= 0
    return sum(cheapest) - sum(p * most for p, most in zip(flow.price, flow.capacity, strict=True))
