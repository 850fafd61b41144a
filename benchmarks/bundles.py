"""Bundles of resources: the exact award all or nothing, prices for divisible tasks, and what vcg and core add.

Each time includes everything a clearing needs: checks, reduction, solving, the tie-break, the exact recheck. Processor
time stands beside the clock's, as other work on the machine counts in the latter.
"""

import argparse
from collections.abc import Callable, Sequence
from hashlib import sha256
from random import Random
from time import perf_counter, process_time

from common import machine, table

from market_core.mechanisms.bundles import BundleProblem, Offer, Request, decide, payments
from market_core.mechanisms.bundles_divisible import clear
from market_core.mechanisms.procurement import Unsolved

UNIT = 1_000_000
LIMIT = 20.0
OFFERS = 40
"""Of each resource."""

Case = tuple[str, int, int]  # kind, requests, resources
DECIDED: Sequence[Case] = [
    ("whole", 5_000, 4),
    ("whole, micro", 5_000, 4),
    ("whole, alike", 1_000, 4),
    ("divisible", 10_000, 8),
    ("divisible, alike", 10_000, 8),
]
PAID: Sequence[Case] = [("whole", 50, 4), ("whole", 100, 4)]


def market(kind: str, requests: int, resources: int, seed: int) -> BundleProblem:
    """Return a market of this kind; see the README."""
    random = Random(f"{kind} {requests} {resources} {seed}")
    divisible, alike = kind.startswith("divisible"), kind.endswith("alike")
    grain = 1 if kind.endswith("micro") else 10_000
    asked = []
    for place in range(requests):
        own = random.sample(range(resources), random.randint(1, 2 if alike else resources))
        least = UNIT // 10 if divisible else UNIT
        bundle = {r: UNIT if alike else random.randint(1, 20) * least for r in own}
        limit = sum(bundle.values()) * (5 if alike else random.uniform(0.5, 1.5))
        key = sha256(f"{seed} {place}".encode()).hexdigest()
        tasks = random.randint(1, 50) if divisible else 1
        asked.append(
            Request(f"b{place}", f"b{place}", key, bundle, int(limit) // grain * grain, divisible, tasks)
        )
    offers = []
    for resource in range(resources):
        total = sum(request.bundle.get(resource, 0) * request.tasks for request in asked)
        for place in range(OFFERS):
            price = 5 * UNIT if alike else random.randint(20, 110) * 10_000
            each = max(1, total // UNIT // 100) * UNIT
            offers.append(Offer(f"{resource} {place}", resource, each, price))
    return BundleProblem(tuple(asked), tuple(offers), (1 if divisible else UNIT,) * resources)


def timed(work: Callable[[], object]) -> tuple[object, float, float]:
    """Return the answer, or why there is none, the seconds by the clock and those of the processor."""
    began, used = perf_counter(), process_time()
    try:
        answer = work()
    except Unsolved as why:
        answer = type(why).__name__
    return answer, perf_counter() - began, process_time() - used


def decided(cases: Sequence[Case], seeds: Sequence[int]) -> list[list[str]]:
    """Return a row for each case: the times of all seeds, and whether each was proved."""
    rows = []
    for case in cases:
        clocks, processor, served, proofs = [], [], [], set[str]()
        for seed in seeds:
            problem = market(*case, seed)
            if case[0].startswith("divisible"):
                answer, clock, used = timed(lambda p=problem: clear(p, LIMIT).served)
                proofs.add("exact")
            else:
                answer, clock, used = timed(lambda p=problem: decide(p, LIMIT))
                proofs.add(answer.proof.status)
                answer = answer.tasks
            clocks.append(clock)
            processor.append(used)
            served.append(sum(map(bool, answer)))
        rows.append(
            [
                f"{case[0]} {case[1]:,} x {case[2]}",
                str(served[0]),
                " ".join(f"{each:.2f}" for each in clocks),
                " ".join(f"{each:.2f}" for each in processor),
                ", ".join(sorted(proofs)),
            ]
        )
    return rows


def paid(cases: Sequence[Case], seed: int) -> list[list[str]]:
    """Return a row for each case: the processor's seconds of vcg and core, and the part of the limits they charge."""
    rows = []
    for case in cases:
        problem = market(*case, seed)
        award = decide(problem, LIMIT)
        most = sum(payments(problem, award, "pay_as_bid"))
        row = [f"{case[0]} {case[1]:,} x {case[2]}", str(sum(map(bool, award.tasks)))]
        for rule in ("vcg", "core"):
            answer, _, used = timed(lambda p=problem, a=award, r=rule: sum(payments(p, a, r, LIMIT)))
            row += [f"{used:.2f}", f"{answer / most:.1%}" if isinstance(answer, int) else str(answer)]
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small markets only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + (1 if options.quick else 5))
    cases = [(kind, count // 10, width) for kind, count, width in DECIDED] if options.quick else DECIDED
    decide(market("whole", 50, 4, 1))  # imports, once
    print(machine())
    heads = ["requests x resources", "served", f"s, {len(seeds)} seeds", "processor, s", "status"]
    print(table(heads, decided(cases, seeds)))
    print()
    heads = ["requests x resources", "served", "vcg, s", "of limits", "core, s", "of limits"]
    print(table(heads, paid(PAID[:1] if options.quick else PAID, options.seed)))


if __name__ == "__main__":
    main()
