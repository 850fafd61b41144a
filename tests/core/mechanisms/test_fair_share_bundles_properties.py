"""Dominant-resource fairness against twins in exact fractions, and what holds for every allocation."""

from dataclasses import replace
from fractions import Fraction
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.fair_share_bundles import Bundle, share_bundles
from market_core.mechanisms.fair_share_filling import turns
from market_core.mechanisms.fair_share_kinds import kinds_of
from market_core.mechanisms.fair_share_tasks import fill

M = 1_000_000
NEEDS = st.sampled_from([0, 1, 2, 3, 7])


@st.composite
def markets(draw, owners="abcd", single=False, weights=(1, 2, 3), resources=3):
    """Return demands in units and a capacity; the weight is the owner's. `single`: one demand of each owner."""
    owned = {owner: draw(st.sampled_from(weights)) * M for owner in owners}
    names = owners if single else draw(st.lists(st.sampled_from(owners), min_size=1, max_size=6))
    demand = []
    for number, owner in enumerate(names):
        needs = draw(st.tuples(*[NEEDS] * resources).filter(any))
        limit = draw(st.none() | st.integers(1, 6))
        per_task = tuple(need * M for need in needs)
        key = (owner, f"{number}")
        demand.append(Bundle(key, owner, per_task, limit, owned[owner], draw(st.integers(0, 1))))
    capacity = draw(st.tuples(*[st.integers(0, 25)] * resources))
    return demand, [units * M for units in capacity]


def alone(per_task, capacity):
    return min(Fraction(most, need) for most, need in zip(capacity, per_task, strict=True) if need)


def grouped(demand):
    """Return {(owner, per_task): most tasks} as the rule sees demands of one owner for one bundle."""
    kinds = {}
    for one in demand:
        kinds.setdefault((one.owner, one.per_task), []).append(one.tasks)
    return {kind: None if None in limits else sum(limits) for kind, limits in sorted(kinds.items())}


def exact_growth(demand, capacity):
    """Return the tasks of each kind in fractions: one event at a time."""
    kinds, weights = grouped(demand), {one.owner: Fraction(one.weight, M) for one in demand}
    most = {k: min(alone(k[1], capacity), Fraction(limit or 10**9)) for k, limit in kinds.items()}
    growing = {k for k in kinds if most[k]}
    tasks, left = dict.fromkeys(kinds, Fraction(0)), [Fraction(c) for c in capacity]
    while growing:
        rates = dict.fromkeys(growing, Fraction(0))
        for owner in {owner for owner, _ in growing}:
            mine = [k for k in growing if k[0] == owner]
            shares = [sum(most[k] * k[1][r] for k in mine) / c if c else 0 for r, c in enumerate(capacity)]
            rates |= {k: most[k] * weights[owner] / max(shares) for k in mine}
        used = [sum(rates[k] * k[1][r] for k in growing) for r in range(len(capacity))]
        step = min(
            [(most[k] - tasks[k]) / rates[k] for k in growing]
            + [left[r] / rate for r, rate in enumerate(used) if rate]
        )
        for k in growing:
            tasks[k] += rates[k] * step
        left = [have - rate * step for have, rate in zip(left, used, strict=True)]
        over = {r for r, have in enumerate(left) if not have}
        growing = {k for k in growing if tasks[k] < most[k] and not any(k[1][r] for r in over)}
    return tasks


def by_kind(demand, amounts):
    summed = {}
    for one, row in zip(demand, amounts, strict=True):
        kind = one.owner, one.per_task
        summed[kind] = [a + b for a, b in zip(summed.get(kind, [0] * len(row)), row, strict=True)]
    return summed


@given(markets())
@settings(max_examples=80, deadline=None, derandomize=True)
def test_divisible_amounts_are_the_exact_ones_to_a_few_micro_units(market):
    demand, capacity = market
    made = share_bundles(demand, capacity, "fair")
    exact = exact_growth(demand, capacity)
    for kind, held in by_kind(demand, made.amounts).items():
        for amount, need in zip(held, kind[1], strict=True):
            assert abs(amount - exact[kind] * need) < 8 * len(
                demand
            )  # a rounding leaves a little for who goes on
    for r, most in enumerate(capacity):
        assert sum(row[r] for row in made.amounts) <= most


def next_task(kinds, order, tasks, capacity, weights, done):
    """Return the next kind to get a task, read off the rule; None when all are done."""
    most = {k: min(int(alone(k[1], capacity)), 10**9 if n is None else n) for k, n in kinds.items()}
    able = [k for k in order if k not in done and tasks[k] < most[k]]

    def level(owner, more):
        held = [
            sum(n * k[1][r] for k, n in tasks.items() if k[0] == owner) + more[r]
            for r in range(len(capacity))
        ]
        return max(Fraction(h, c) for h, c in zip(held, capacity, strict=True) if c) / weights[owner]

    nothing = [0] * len(capacity)
    own = {}  # what each owner's next task would be
    for k in sorted(able, key=lambda k: (Fraction(tasks[k], most[k]), k)):
        own.setdefault(k[0], k)
    order = {owner: (level(owner, nothing), level(owner, k[1]), owner) for owner, k in own.items()}
    return own[min(order, key=order.__getitem__)] if order else None


def one_by_one(demand, capacity):
    """Return the whole tasks of each kind by progressive filling, without any short cut."""
    kinds, weights = grouped(demand), {one.owner: one.weight for one in demand}
    tasks, done, left = dict.fromkeys(kinds, 0), set(), list(capacity)
    while kind := next_task(kinds, sorted(kinds), tasks, capacity, weights, done):
        if all(need <= have for need, have in zip(kind[1], left, strict=True)):
            tasks[kind] += 1
            left = [have - need for have, need in zip(left, kind[1], strict=True)]
        else:
            done.add(kind)
    return tasks


@given(markets())
@settings(max_examples=120, deadline=None, derandomize=True)
def test_whole_tasks_are_those_of_filling_one_by_one(market):
    demand, capacity = market
    made = share_bundles(demand, capacity, "fair", "whole")
    tasks = one_by_one(demand, capacity)
    assert by_kind(demand, made.amounts) == {k: [n * need for need in k[1]] for k, n in tasks.items()}
    left = [
        most - sum(column) for most, column in zip(capacity, zip(*made.amounts, strict=True), strict=True)
    ]
    for one, got, row, stop in zip(demand, made.tasks, made.amounts, made.stopped_by, strict=True):
        assert got % M == 0
        assert row == tuple(got // M * need for need in one.per_task)
        if one.tasks is None or got < one.tasks * M:  # Pareto: no further task fits, and the reason is true
            assert one.per_task[stop] > left[stop]
        else:
            assert stop is None


def test_a_head_start_names_what_stopped_a_kind_at_its_last_task():
    a, b = Bundle(("a", ""), "a", (1, 1)), Bundle(("b", ""), "b", (1, 0), 2)
    kinds = kinds_of([a, b], turns([a, b], "fair")[0])
    assert fill(kinds, [4, 2], patience=1) == fill(kinds, [4, 2])
    assert fill(kinds, [4, 2]).stopped_by == [1, None]


def test_a_head_start_gives_what_filling_one_by_one_gives():
    for seed in range(60):
        random = Random(seed)
        count = random.randint(2, 6)
        demand = [
            Bundle(
                (name, ""),
                name,
                (*random.choices([0, 1, 2, 50, 977], k=2), random.randint(1, 60)),
                random.choice([None, random.randint(1, 5000)]),
                random.randint(1, 5 * M),
            )
            for name in "abcdef"[:count]
        ]
        capacity = [random.randint(1, 300_000) for _ in range(3)]
        kinds = kinds_of(demand, turns(demand, "fair")[0])
        assert fill(kinds, capacity, patience=7) == fill(kinds, capacity, patience=10**7)


@given(markets(weights=(0, 1, 2)), st.sampled_from(["divisible", "whole"]))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_priorities_are_passes_over_what_is_left(market, filling):
    demand, left = market
    made = share_bundles(demand, left, "priority", filling)
    for level in (1, 0):
        for weighted in (True, False):
            here = [i for i, d in enumerate(demand) if d.priority == level and (d.weight > 0) == weighted]
            alike = [replace(demand[i], weight=demand[i].weight or M) for i in here]
            again = share_bundles(alike, left, "fair", filling)
            assert [made.amounts[i] for i in here] == list(again.amounts)
            assert [made.tasks[i] for i in here] == list(again.tasks)
            left = [c - sum(row[r] for row in again.amounts) for r, c in enumerate(left)]


@given(
    markets(), st.sampled_from(["fair", "priority"]), st.sampled_from(["divisible", "whole"]),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_order_of_demands_makes_no_difference(market, policy, filling, random):
    demand, capacity = market
    moved = random.sample(demand, len(demand))

    def named(order):
        made = share_bundles(order, capacity, policy, filling)
        rows = zip(made.amounts, made.tasks, made.stopped_by, strict=True)
        return dict(zip([one.key for one in order], rows, strict=True))

    assert named(demand) == named(moved)


@given(markets(), st.sampled_from(["divisible", "whole"]))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_an_owner_gets_the_same_over_however_many_demands_it_is_spread(market, filling):
    demand, capacity = market
    spread = []
    for one in demand:
        cut = one.tasks and one.tasks // 2
        for part in (cut, one.tasks - cut) if cut else (one.tasks,):
            spread.append(replace(one, key=(one.owner, f"{len(spread)}"), tasks=part))
    once = share_bundles(demand, capacity, "fair", filling)
    apart = share_bundles(spread, capacity, "fair", filling)
    assert by_kind(demand, once.amounts) == by_kind(spread, apart.amounts)
    for one, row in zip(spread, apart.amounts, strict=True):
        if one.tasks is not None:
            assert all(a <= one.tasks * need for a, need in zip(row, one.per_task, strict=True))


def possible(one, amounts):
    """Return how many of its tasks a demand can do with `amounts`."""
    can = min(Fraction(a, need) for a, need in zip(amounts, one.per_task, strict=True) if need)
    return can if one.tasks is None else min(can, one.tasks)


@given(markets(single=True))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_sharing_pays_nobody_envies_and_nothing_of_use_is_left(market):
    demand, capacity = market
    made = share_bundles(demand, capacity, "fair")
    whole = sum(one.weight for one in demand)
    few = Fraction(len(demand) + 2, M)  # micro-units of rounding, in tasks that need 1 unit or more
    got = [possible(one, row) for one, row in zip(demand, made.amounts, strict=True)]
    left = [
        most - sum(column) for most, column in zip(capacity, zip(*made.amounts, strict=True), strict=True)
    ]
    for one, mine, stop in zip(demand, got, made.stopped_by, strict=True):
        part = [Fraction(most * one.weight, whole) for most in capacity]
        assert mine >= possible(one, part) - few
        for other, row in zip(demand, made.amounts, strict=True):
            assert mine >= possible(one, [Fraction(a * one.weight, other.weight) for a in row]) - few
        if stop is None:
            assert mine >= one.tasks - few
        else:
            assert one.per_task[stop]
            assert left[stop] < len(demand) + 1


@given(markets(single=True), st.tuples(NEEDS, NEEDS, NEEDS).filter(any))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_no_other_bundle_asked_for_gets_an_owner_more_tasks(market, lie):
    demand, capacity = market
    honest = possible(demand[0], share_bundles(demand, capacity, "fair").amounts[0])
    lying = [replace(demand[0], per_task=tuple(need * M for need in lie)), *demand[1:]]
    lied = possible(demand[0], share_bundles(lying, capacity, "fair").amounts[0])
    assert lied <= honest + Fraction(len(demand) + 2, M)


def test_large_markets_stay_within_capacity_and_use_up_what_stops_somebody():
    for seed in range(6):
        random = Random(seed)
        scale = 10 ** random.randint(3, 12)
        demand = []
        for i in range(1000):
            needs = [random.choice([0, 0, 1]) * random.randint(1, scale) for _ in range(4)]
            needs[i % 4] = random.randint(1, scale)
            weight, limit = random.randint(1, 3 * M), random.randint(1, 30)
            demand.append(Bundle((f"{i}", ""), f"{i}", tuple(needs), limit, weight))
        capacity = [sum(b.per_task[r] * b.tasks for b in demand) * (r + 1) // 6 for r in range(4)]
        made = share_bundles(demand, capacity, "fair")
        left = [most - sum(row[r] for row in made.amounts) for r, most in enumerate(capacity)]
        stops = set(made.stopped_by) - {None}
        assert len(stops) > 1
        assert min(left) >= 0
        assert all(left[r] < len(demand) for r in stops)
        levels = []  # of each agent, and the rounding of an amount in it
        for one, row in zip(demand, made.amounts, strict=True):
            share, r = max((Fraction(amount, capacity[r]), r) for r, amount in enumerate(row))
            levels.append((share / one.weight, Fraction(2, capacity[r] * one.weight)))
        for r in stops:
            at = [pair for pair, stop in zip(levels, made.stopped_by, strict=True) if stop == r]
            highest = min(level + rounding for level, rounding in at) * (1 + Fraction(1, 10**9))
            assert max(level for level, _ in at) <= highest  # all that r stopped are at one level
            for one, (level, _) in zip(demand, levels, strict=True):
                assert level <= highest or not one.per_task[r]  # and nobody who needs r is above it
