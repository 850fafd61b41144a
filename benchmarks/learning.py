"""What learning from outcomes is worth, and what gaming it earns: 20 providers with hidden rates, 2,000 tasks.

Every run of a seed has the same providers, tasks and luck, so that differences are paired. Intervals are 95 %, by
Student's t over the seeds; a share of the gap is a quotient of means, with the jackknife.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import fmean, stdev
from time import perf_counter

from common import machine, table, verdict
from scenarios import Degrades, Joins, Poor, Promises, Ring, Scenario, Step, Whitewashes, run
from strategies import Claims, InMarket, LowestCost, Oracle, Stars, TrackRecord

from market_core.values import MICRO

TASKS, LEARNT, ADAPTED = 2000, 500, 1200
EXPLORE = 10 * MICRO
Figures = dict[str, float]


def ours() -> TrackRecord:
    return TrackRecord(EXPLORE)


def cost(steps: Sequence[Step]) -> float:
    return fmean(step.cost for step in steps)


def share(steps: Sequence[Step]) -> float:
    return fmean(step.star for step in steps)


def profit(steps: Sequence[Step]) -> float:
    return sum(step.profit for step in steps)


def strategies(seed: int) -> Figures:
    """Return what a task cost, early and late, by each way to choose."""
    ways = {
        "lowest cost": LowestCost,
        "stars": Stars,
        "record": TrackRecord,
        "record, explore": ours,
        "the market itself": lambda: InMarket(EXPLORE),
        "oracle": Oracle,
    }
    found = {}
    for name, make in ways.items():
        steps = run(Scenario(seed), seed, make(), TASKS)
        found[f"{name} early"], found[f"{name} late"] = cost(steps[:LEARNT]), cost(steps[LEARNT:])
    return found


def changes(seed: int) -> Figures:
    """Return how awards move when a provider degrades or a better one joins."""
    found = {}
    for name, make in {"lowest cost": LowestCost, "record, explore": ours, "oracle": Oracle}.items():
        steps = run(Degrades(seed), seed, make(), TASKS)
        found[f"{name} late"] = cost(steps[ADAPTED:])
        found[f"{name} before"] = share(steps[800:1000])
        found[f"{name} just after"] = share(steps[1000:1200])
        found[f"{name} then"] = share(steps[1200:1400])
    for name, make in {
        "record": TrackRecord,
        "record, explore": ours,
        "record, explore, not vouched": lambda: TrackRecord(EXPLORE, unvouched="new"),
        "oracle": Oracle,
    }.items():
        found[f"{name} joined"] = share(run(Joins(seed), seed, make(), TASKS)[1500:])
    return found


def gaming(seed: int) -> Figures:
    """Return what the watched provider earns, honest and not."""
    runs: dict[str, tuple[Callable[[], Scenario], Callable[[], TrackRecord | Claims]]] = {
        "10th, claims believed": (lambda: Promises(seed, 10), Claims),
        "10th says half its time, claims believed": (lambda: Promises(seed, 10, range(TASKS)), Claims),
        "10th": (lambda: Promises(seed, 10), ours),
        "10th says half its time": (lambda: Promises(seed, 10, range(TASKS)), ours),
        "2nd": (lambda: Promises(seed, 2), ours),
        "2nd says half its time": (lambda: Promises(seed, 2, range(TASKS)), ours),
        "2nd says half its time from 1,000 on": (lambda: Promises(seed, 2, range(1000, TASKS)), ours),
        "2nd says half its time from 1,000 to 1,200": (lambda: Promises(seed, 2, range(1000, 1200)), ours),
        "poor, one name": (lambda: Poor(seed), ours),
        "poor, new names": (lambda: Whitewashes(seed), ours),
        "poor, ring of two": (lambda: Ring(seed, 1), ours),
        "poor, ring of six": (lambda: Ring(seed, 5), ours),
        "good, one name": (lambda: Scenario(seed), ours),
    }
    return {name: profit(run(scenario(), seed, make(), TASKS)) for name, (scenario, make) in runs.items()}


def half_width(values: Sequence[float]) -> float:
    """Return half of the 95 % interval of a mean; 2.05 is Student's t for 30 values, 2.78 for 5."""
    return (2.05 if len(values) >= 30 else 2.78) * stdev(values) / len(values) ** 0.5


def shown(values: Sequence[float], digits: int = 2) -> str:
    return f"{fmean(values):,.{digits}f} ± {half_width(values):.{digits}f}"


def closed(seeds: Sequence[Figures], name: str) -> tuple[float, float]:
    """Return which part of the gap between lowest cost and oracle is closed, and half of its interval."""

    def part(some: Sequence[Figures]) -> float:
        low, high, own = (fmean(f[f"{who} late"] for f in some) for who in ("oracle", "lowest cost", name))
        return (high - own) / (high - low)

    count = len(seeds)
    without = [part([*seeds[:i], *seeds[i + 1 :]]) for i in range(count)]
    pseudo = [count * part(seeds) - (count - 1) * one for one in without]
    return part(seeds), half_width(pseudo)


def strategy_rows(seeds: Sequence[Figures]) -> list[list[str]]:
    rows = []
    for name in ("lowest cost", "stars", "record", "record, explore", "the market itself", "oracle"):
        part, width = closed(seeds, name)
        goal = verdict(part >= 0.8) if name in ("record, explore", "the market itself") else ""
        early, late = (shown([f[f"{name} {when}"] for f in seeds]) for when in ("early", "late"))
        rows.append([name, early, late, f"{part:.0%} ± {width:.0%}", goal])
    return rows


def change_rows(seeds: Sequence[Figures]) -> list[list[str]]:
    def of(name: str) -> str:
        return shown([100 * f[name] for f in seeds], 1)

    whens = ("before", "just after", "then")
    rows = [
        [f"{name}: awards of the best, which degrades, %", *(of(f"{name} {when}") for when in whens)]
        for name in ("record, explore", "oracle")
    ]
    part, width = closed(seeds, "record, explore")
    rows.append(["gap closed from 200 tasks after it on", "", "", f"{part:.0%} ± {width:.0%}"])
    names = ("record", "record, explore, not vouched", "record, explore", "oracle")
    rows += [[f"{name}: awards of a better newcomer, %", "", "", of(f"{name} joined")] for name in names]
    return rows


def gaming_rows(seeds: Sequence[Figures]) -> list[list[str]]:
    against = {
        "10th says half its time, claims believed": "10th, claims believed",
        "10th says half its time": "10th",
        "2nd says half its time": "2nd",
        "2nd says half its time from 1,000 on": "2nd",
        "2nd says half its time from 1,000 to 1,200": "2nd",
        "poor, new names": "poor, one name",
        "poor, ring of two": "poor, one name",
        "poor, ring of six": "poor, one name",
    }
    rows = []
    for name in seeds[0]:
        base = against.get(name)
        gain = shown([f[name] - f[base] for f in seeds], 1) if base else ""
        rows.append([name, shown([f[name] for f in seeds], 1), gain])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="5 seeds instead of 32")
    options = parser.parse_args()
    seeds = range(5 if options.quick else 32)
    print(machine())
    began = perf_counter()
    with ProcessPoolExecutor(2) as pool:
        parts = [
            (
                strategies,
                strategy_rows,
                [f"credits a task, {len(seeds)} seeds", "first 500", "later", "gap closed", ">= 80 %"],
            ),
            (changes, change_rows, ["a change at task 1,000", "200 before", "200 after", "then"]),
            (gaming, gaming_rows, ["credits earned in 2,000 tasks", "", "against honest"]),
        ]
        for measure, rows, heads in parts:
            print(table(heads, rows(list(pool.map(measure, seeds)))), flush=True)
            print()
    print(f"{perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
