"""Fair shares of large books: one resource by weighted max-min, four by dominant-resource fairness.

Each row is a whole call, on the demands as the market holds them, with its checks and its answer for every demand.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter, process_time

from common import machine, table, verdict

from market_core.mechanisms import fair_share_divisible
from market_core.mechanisms.clearing import Entry, clear
from market_core.mechanisms.fair_share import Member, share
from market_core.mechanisms.fair_share_bundles import Bundle, share_bundles
from market_core.mechanisms.fair_share_filling import turns
from market_core.mechanisms.fair_share_kinds import kinds_of

MICRO = 1_000_000
RESOURCES = 4
TARGET = 0.5  # seconds for all demands, divisible


def timed(work: Callable[[], object], times: int) -> list[tuple[float, float]]:
    """Return the seconds of each of `times` runs, by the clock and of the processor."""
    seconds = []
    for _ in range(times):
        began, used = perf_counter(), process_time()
        work()
        seconds.append((perf_counter() - began, process_time() - used))
    return seconds


def row(what: str, seconds: Sequence[tuple[float, float]], target: float | None = None) -> list[str]:
    """Return one line: the best and the median time, the processor's best, and the target for the best."""
    clock, processor = zip(*seconds, strict=True)
    held = "" if target is None else f"< {target}: {verdict(min(clock) < target)}"
    return [what, f"{min(clock):.3f}", f"{statistics.median(clock):.3f}", f"{min(processor):.3f}", held]


def members(count: int, dice: random.Random) -> list[Member]:
    """Return demands of as many owners: up to 100 units, limits up to 100 credits, three weights and priorities."""
    return [
        Member(
            (f"agent-{i}", f"dem_{i}"),
            f"agent-{i}",
            dice.randint(1, 100 * MICRO),
            dice.randint(1, 100 * MICRO),
            dice.choice([MICRO // 2, MICRO, 2 * MICRO]),
            dice.randrange(3),
        )
        for i in range(count)
    ]


def bundles(count: int, dice: random.Random) -> list[Bundle]:
    """Return demands of as many owners: up to 8 units of some of the resources a task, up to 20 tasks."""
    demand = []
    for i in range(count):
        needs = [dice.randint(1, 8 * MICRO) if dice.random() < 0.6 else 0 for _ in range(RESOURCES)]
        needs[i % RESOURCES] = dice.randint(1, 8 * MICRO)
        weight, priority = dice.choice([MICRO // 2, MICRO, 2 * MICRO]), dice.randrange(3)
        name = f"agent-{i}"
        demand.append(Bundle((name, f"dem_{i}"), name, tuple(needs), dice.randint(1, 20), weight, priority))
    return demand


def one_resource(count: int, times: int, seed: int) -> list[list[str]]:
    """Return rows for one resource, beside the call market on the same book."""
    dice = random.Random(seed)
    demand = members(count, dice)
    asked = sum(member.quantity for member in demand)
    offers = [
        Entry((f"seller-{i}", f"off_{i}"), asked // (count // 10), dice.randint(1, 60 * MICRO))
        for i in range(count // 20)
    ]
    book = [Entry(member.key, member.quantity, member.limit) for member in demand]
    minimums = [replace(member, minimum=member.quantity // 2) for member in demand]
    free = [Entry(("seller", "off"), asked // 2, None)]
    name = f"{count:,} members"
    return [
        row(f"{name}, one resource, fair", timed(lambda: share(demand, offers, "fair"), times)),
        row(f"{name}, one resource, priority", timed(lambda: share(demand, offers, "priority"), times)),
        row(f"{name}, half of it without a price", timed(lambda: share(demand, free, "fair"), times)),
        row(f"{name}, the same with a minimum each", timed(lambda: share(minimums, free, "fair"), 1)),
        row(f"{name}, efficient (clearing.clear)", timed(lambda: clear(book, offers), times)),
    ]


def several_resources(count: int, times: int, seed: int) -> list[list[str]]:
    """Return rows for several resources, each of them short to another degree."""
    demand = bundles(count, random.Random(seed))
    asked = [sum(one.per_task[r] * (one.tasks or 0) for one in demand) for r in range(RESOURCES)]
    capacity = [round(total * part) for total, part in zip(asked, (0.2, 0.3, 0.5, 0.8), strict=True)]
    few = [most // 5 for most in capacity]
    kinds = kinds_of(demand, turns(demand, "fair")[0])
    name = f"{count:,} agents x {RESOURCES}"
    made = share_bundles(demand, capacity, "fair")
    stops = sum(stop is not None for stop in made.stopped_by)
    used = [sum(amounts[r] for amounts in made.amounts) for r in range(RESOURCES)]
    assert all(held <= most for held, most in zip(used, capacity, strict=True))
    print(f"{name}: {len(set(made.stopped_by) - {None})} resources used up, {stops:,} agents stopped\n")
    return [
        row(
            f"{name}, divisible, the filling alone",
            timed(lambda: fair_share_divisible.fill(kinds, capacity), times),
        ),
        row(
            f"{name}, divisible, fair", timed(lambda: share_bundles(demand, capacity, "fair"), times), TARGET
        ),
        row(
            f"{name}, divisible, priority", timed(lambda: share_bundles(demand, capacity, "priority"), times)
        ),
        row(f"{name}, whole tasks, fair", timed(lambda: share_bundles(demand, few, "fair", "whole"), 1)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10,000 agents, once")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    count, times = (10_000, 1) if options.quick else (100_000, 5)
    print(machine())
    share_bundles(bundles(10, random.Random(0)), [MICRO] * RESOURCES, "fair")  # imports, once
    rows = several_resources(count, times, options.seed) + one_resource(count, times, options.seed)
    print(table(["seconds", "best", "median", "processor", "target"], rows))


if __name__ == "__main__":
    main()
