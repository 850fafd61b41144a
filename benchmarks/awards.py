"""Awards without lots: one task among 100,000 bids, units with tiers, many tasks to providers with capacity.

Seconds are medians over turns, of the mechanism alone: plain numbers in, a proved decision or payments out.
"""

import argparse
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from common import machine, table, verdict

from market_core.mechanisms import assignment, multi_unit, single
from market_core.mechanisms.assignment import Task, TaskBid, TaskProblem
from market_core.mechanisms.expectation import Bidder, benchmark, predicted_by
from market_core.mechanisms.multi_unit import UnitBid, UnitProblem
from market_core.mechanisms.procurement import Limits
from market_core.mechanisms.track_record import Outcome, Record

MICRO = 1_000_000
TURNS = 5
GOODS = 20
PROVIDERS = 20

Row = tuple[str, Callable[[], Any], float | None]
"""What, the work, and how many seconds it may take (None: not said)."""


def key(*parts: object) -> str:
    """Return a tie key."""
    return sha256(" ".join(map(str, parts)).encode()).hexdigest()


def one_task(bids: int, seed: int, *, tied: bool = False) -> Callable[[], Any]:
    """Return the decision of one task: random costs, or all of them equal."""
    random = Random(seed)
    costs = [MICRO if tied else random.randint(1, 1000 * MICRO) for _ in range(bids)]
    keys = [key(seed, place) for place in range(bids)]
    return lambda: single.decide(
        costs, costs, single.ranking(costs, keys.__getitem__), "second_price", 2000 * MICRO
    )


def good(number: int, seed: int, *, whole: bool, limits: Limits) -> UnitProblem:
    """Return the auction of 1,000 units of a good: four tiers each, for all units or from there on."""
    random = Random(f"{seed} {number}")
    bids = []
    for place in range(PROVIDERS):
        cost = random.randint(5 * MICRO, 15 * MICRO)
        most = random.randint(100, 400)
        tiers = [(1, cost)]
        for step in range(1, 4):
            cost = cost * random.randint(85, 98) // 100
            tiers.append((1 + most * step // 4, cost))
        bids.append(
            UnitBid(
                f"p{place}",
                key(seed, number, place),
                most,
                random.choice([1, 1, most // 5]),
                tuple(tiers),
                incremental=not whole,
            )
        )
    return UnitProblem(1000, tuple(bids), limits=limits)


def goods(seed: int, *, whole: bool, pay: bool = False, limits: Limits | None = None) -> Callable[[], Any]:
    """Return the awards of 20 goods, and if `pay` what vcg pays in each."""
    problems = [good(number, seed, whole=whole, limits=limits or Limits()) for number in range(GOODS)]

    def work() -> None:
        for problem in problems:
            award = multi_unit.decide(problem, 10.0)
            if award.proof.status != "optimal":
                raise RuntimeError("not proved")
            if pay:
                multi_unit.payments(problem, award, "vcg", 10.0)

    return work


def tasks(count: int, each: int, seed: int, rule: str | None) -> Callable[[], Any]:
    """Return the award of so many tasks with so many bids each to half as many providers, three tasks at most each."""
    random = Random(f"{seed} {count} {each}")
    providers = range(count // 2)
    bids = []
    for task in range(count):
        for provider in random.sample(providers, min(each, len(providers))):
            cost = random.randint(MICRO, 100 * MICRO)
            bids.append(TaskBid(task, f"p{provider}", key(seed, task, provider), cost, cost))
    capacity = {f"p{provider}": 3 for provider in providers}
    problem = TaskProblem((Task(100 * MICRO),) * count, tuple(bids), capacity)
    if rule is None:
        return lambda: assignment.decide(problem)
    award = assignment.decide(problem)
    return lambda: assignment.payments(problem, award, "vcg")


def by_record(bidders: int, outcomes: int, seed: int) -> Callable[[], Any]:
    """Return what is expected of so many bidders with long records, each time at another moment."""
    random = Random(seed)
    known, moment = [], count(10**9, 60)
    for place in range(bidders):
        record, name = Record(), f"p{place}"
        for at in range(outcomes):
            buyer, time = f"b{random.randrange(40)}", random.randint(30, 120) * MICRO
            record = record.after(
                Outcome(
                    name,
                    name,
                    buyer,
                    buyer,
                    ("go",),
                    at * 3600,
                    random.random() < 0.9,
                    MICRO,
                    60 * MICRO,
                    time,
                )
            )
        known.append(Bidder(record, [record]))
    prior = benchmark(["go"])

    def work() -> Any:
        now = next(moment)
        return [predicted_by(prior, bidder, now, viewer="b0") for bidder in known]

    return work


def rows(scale: int, seed: int) -> Sequence[Row]:
    """Return what is measured, at one part of `scale` of its size."""
    many, several = 100_000 // scale, 500 // scale
    size = f"{GOODS} goods x {PROVIDERS} providers x 4 tiers"
    bound = Limits(max_winners=5, max_share=300_000)
    return [
        (f"one task, {many:,} bids", one_task(many, seed), 0.15),
        (f"one task, {many:,} bids, all tied", one_task(many, seed, tied=True), None),
        (f"{size}, all units", goods(seed, whole=True), 1.0),
        (f"{size}, incremental", goods(seed, whole=False), 1.0),
        (
            f"{size}, all units, at most 5 winners of at most 30% each",
            goods(seed, whole=True, limits=bound),
            None,
        ),
        (f"{size}, all units, with vcg", goods(seed, whole=True, pay=True), None),
        (f"{several} tasks x 20 bids", tasks(several, 20, seed, None), None),
        (f"{several} tasks x 20 bids, vcg payments", tasks(several, 20, seed, "vcg"), None),
        ("what 1,000 bidders with 50 outcomes each are expected to do", by_record(1000, 50, seed), None),
    ]


def measured(work: Callable[[], Any]) -> float:
    """Return the median seconds over the turns."""
    times = []
    for _ in range(TURNS):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the bids and tasks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    goods(options.seed, whole=True)()  # imports, once
    print(machine())
    found = []
    for what, work, most in rows(10 if options.quick else 1, options.seed):
        took = measured(work)
        target = ["-", ""] if most is None else [f"< {most:g}", verdict(took < most)]
        found.append([what, f"{took:.3f}", *target])
    print(table(["decided", "s", "target", ""], found))


if __name__ == "__main__":
    main()
