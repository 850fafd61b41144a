"""Exact winner determination for lots, beside the raw HiGHS model on the same instance in the same run.

`decide` is everything an award needs (the model, cleaning, splitting, solving, the exact recheck) but the tie-break,
which the raw model has none of: it stands in a column of its own. Raw HiGHS and ours take turns, three seeds of each
case; seconds and ratios are medians over the seeds. VCG is measured against one more solve for each winner.
"""

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Any

from common import machine, table, verdict
from generators import GENERATORS, Instance
from raw_highs import raw_highs

from market_core.mechanisms import combinatorial_search
from market_core.mechanisms.combinatorial import LotAward, LotBid, LotProblem, decide, payments
from market_core.mechanisms.procurement import Limits, NoCompetition, Unsolved

LIMIT = 20.0  # seconds for one solve
LARGE_LIMIT = 10.0
MOST_GAP = 0.15
MOST_RATIO = 1.15  # where HiGHS is used
FASTER = 1.0  # where the table or splitting applies
TURNS = 3
ENOUGH = 2.0  # seconds of raw HiGHS on one instance, after which there are no more turns
SHARE = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """A distribution, its size, how long an award may take (None: not said), what binds the winners, how many apart.

    `ratio`: how many times as long as raw HiGHS it may take.
    """

    name: str
    lots: int
    bids: int
    most: float | None = None
    limit: str = ""
    apart: int = 1
    ratio: float = MOST_RATIO

    def instance(self, seed: int) -> Instance:
        """Return the instance of this seed; several that have nothing in common stand side by side as one."""
        generate = GENERATORS[self.name]
        if self.apart == 1:
            return generate(seed, self.lots, self.bids)
        made = [generate(seed * self.apart + place, self.lots, self.bids) for place in range(self.apart)]
        bids, bidders = list[tuple[int, frozenset[int], int]](), 0
        for place, each in enumerate(made):
            first = place * self.lots
            bids += [
                (bidders + who, frozenset(first + lot for lot in lots), cost) for who, lots, cost in each.bids
            ]
            bidders += 1 + max(who for who, _, _ in each.bids)
        return Instance(f"{self.apart} times {made[0].name}", self.lots * self.apart, tuple(bids))

    def words(self, bids: int) -> str:
        """Return what the case is, of so many bids in all."""
        size = f"{self.name} {f'{self.apart} times ' * (self.apart > 1)}{self.lots} x {bids}"
        return f"{size}, {self.limit}" if self.limit else size


FULL: Sequence[Case] = [
    Case("regions", 10, 100, ratio=FASTER),
    Case("regions", 10, 100, apart=8, ratio=FASTER),
    Case("regions", 16, 60, apart=4, ratio=FASTER),
    Case("arbitrary", 20, 80, apart=4, ratio=FASTER),
    Case("regions", 16, 300, 0.15),
    Case("arbitrary", 16, 300, 0.15),
    Case("regions", 64, 200, 5.0),
    Case("arbitrary", 48, 200),
    Case("matching", 100, 1000, 0.2),
    Case("matching", 256, 2000),
    Case("scheduling", 64, 500),
    Case("scheduling", 256, 2000),
    Case("paths", 64, 1000),
    Case("l4", 64, 1000),
    Case("l4", 256, 2000),
    Case("regions", 36, 150, limit="one winner fewer"),
    Case("regions", 36, 150, limit="smaller shares"),
    Case("scheduling", 64, 500, limit="one winner fewer"),
    Case("scheduling", 64, 500, limit="smaller shares"),
    Case("paths", 64, 1000, limit="one winner fewer"),
    Case("paths", 64, 1000, limit="smaller shares"),
]
QUICK: Sequence[Case] = [
    Case("regions", 16, 100, 0.15),
    Case("matching", 100, 500, 0.2),
    Case("scheduling", 32, 200),
    Case("l4", 64, 500),
    Case("scheduling", 32, 200, limit="one winner fewer"),
]
LARGE: Sequence[Case] = [Case(name, 256, 2000) for name in ("regions", "arbitrary", "paths")]
PAID: Sequence[Case] = [
    Case("l4", 12, 100),
    Case("regions", 16, 200),
    Case("arbitrary", 16, 200),
    Case("regions", 36, 150),
    Case("arbitrary", 36, 150),
    Case("matching", 60, 1500),
    Case("scheduling", 60, 500),
    Case("paths", 60, 800),
    Case("l4", 60, 800),
]


def problem_of(instance: Instance) -> LotProblem:
    """Return an instance as the market sees it; the key of a bid is the digest of its place."""
    return LotProblem(
        (None,) * instance.lots,
        tuple(
            LotBid(f"b{bidder}", hashlib.sha256(f"{place}".encode()).hexdigest(), lots, cost)
            for place, (bidder, lots, cost) in enumerate(instance.bids)
        ),
    )


@dataclass(slots=True)
class Watch:
    """Seconds that the tie-break took since it was last set to 0."""

    seconds: float = 0.0


@contextmanager
def watched() -> Iterator[Watch]:
    """Time the tie-break where an award calls it."""
    watch, picked = Watch(), combinatorial_search.picked

    def timed_picked(*arguments: Any) -> Any:
        began = perf_counter()
        try:
            return picked(*arguments)
        finally:
            watch.seconds += perf_counter() - began

    combinatorial_search.picked = timed_picked
    try:
        yield watch
    finally:
        combinatorial_search.picked = picked


def timed(problem: LotProblem, seconds: float = LIMIT) -> tuple[LotAward, float, float]:
    """Return the award, the seconds it took without the tie-break, and those of the tie-break."""
    with watched() as watch:
        began = perf_counter()
        award = decide(problem, seconds)
        took = perf_counter() - began
    return award, took - watch.seconds, watch.seconds


def bound_by(limit: str, instance: Instance) -> tuple[Instance, int | None, Limits]:
    """Return what raw HiGHS gets (bids that can win, the most winners) and our limits."""
    if not limit:
        return instance, None, Limits()
    award = decide(problem_of(instance), LIMIT)
    if limit == "one winner fewer":
        most = len(award.winners) - 1
        return instance, most, Limits(max_winners=most)
    largest = max(len(instance.bids[position][1]) for position in award.winners) * 3 // 4
    fit = tuple(bid for bid in instance.bids if len(bid[1]) <= largest)
    return replace(instance, bids=fit), None, Limits(max_share=-(-largest * SHARE // instance.lots))


@dataclass(frozen=True, slots=True)
class Turn:
    """Median seconds of raw HiGHS, of our decision and of the tie-break on one instance, and what was proved."""

    raw: float
    ours: float
    ties: float
    raw_proved: bool
    proved: bool
    by: str


def turns(case: Case, seed: int) -> Turn | None:
    """Measure one instance; None where limits leave lots unbought, of which the raw model knows nothing.

    Raises RuntimeError where one side calls a cost the best, and the other has a lower one.
    """
    instance = case.instance(seed)
    plain, most, limits = bound_by(case.limit, instance)
    problem = replace(problem_of(instance), limits=limits)
    if case.limit and decide(problem, LIMIT).unbought:
        return None
    times: list[tuple[float, float, float]] = []
    raw_proved = proved = True
    while len(times) < TURNS and sum(raw for raw, _, _ in times) < ENOUGH:
        cost, raw, status = raw_highs(plain, seconds=LIMIT, most=most)
        award, ours, ties = timed(problem)
        best, raw_best = award.proof.status == "optimal", status == "Optimal"
        if (best and award.score > cost) or (raw_best and award.score < cost):
            raise RuntimeError(f"{instance.name}: {award.score} {award.proof.status}, {cost} {status}")
        raw_proved, proved = raw_proved and raw_best, proved and best
        times.append((raw, ours, ties))
    raw, ours, ties = (median(each) for each in zip(*times, strict=True))
    return Turn(raw, ours, ties, raw_proved, proved, award.proof.solver)


def decided(cases: Sequence[Case], seeds: Sequence[int]) -> list[list[str]]:
    """Return a row for each case: our decision beside raw HiGHS, over the seeds where they can be compared."""
    rows = []
    for case in cases:
        found = [turn for seed in seeds if (turn := turns(case, seed)) is not None]
        what = case.words(len(case.instance(seeds[0]).bids))
        target = f"<= {case.ratio:g}" + ("" if case.most is None else f", < {case.most:g} s")
        if not found:
            rows.append([what, *["-"] * 5, f"0 of {len(seeds)}", target, "", ""])
            continue
        ratios = [each.ours / each.raw for each in found]
        ours = median(each.ours for each in found)
        proofs = (
            f"{sum(each.raw_proved for each in found)}, {sum(each.proved for each in found)} of {len(found)}"
        )
        met = median(ratios) <= case.ratio and (case.most is None or ours <= case.most)
        rows.append(
            [
                what,
                f"{median(each.raw for each in found):.3f}",
                f"{ours:.3f}",
                f"{median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})",
                f"{median(each.ties for each in found):.3f}",
                f"{median((each.ours + each.ties) / each.raw for each in found):.2f}",
                proofs,
                target,
                verdict(met and all(each.proved for each in found)),
                " + ".join(sorted({name for each in found for name in each.by.split(" + ")})),
            ]
        )
    return rows


def large(cases: Sequence[Case], seed: int) -> list[list[str]]:
    """Return a row for each case: what is found in 10 seconds, how far it may be off, and beside raw HiGHS."""
    rows = []
    for case in cases:
        instance = case.instance(seed)
        cost, raw, _ = raw_highs(instance, seconds=LARGE_LIMIT)
        award, ours, ties = timed(problem_of(instance), LARGE_LIMIT)
        gap = award.proof.gap / award.score
        rows.append(
            [
                case.words(len(instance.bids)),
                f"{raw:.1f}",
                f"{ours + ties:.1f}",
                f"{award.score / cost - 1:+.1%}",
                award.proof.status,
                f"{gap:.1%}",
                f"<= {MOST_GAP:.0%} in {LARGE_LIMIT:g} s",
                verdict(gap <= MOST_GAP and ours + ties <= LARGE_LIMIT),
            ]
        )
    return rows


def naive(problem: LotProblem, award: LotAward) -> tuple[int, float]:
    """Return the VCG payments' sum by solving once more for each winner, from scratch, and the seconds it took.

    Ties do not matter there, so their time is not counted.
    """
    total, seconds = 0, 0.0
    for position in award.winners:
        bidder = problem.bids[position].bidder
        others = tuple(bid for bid in problem.bids if bid.bidder != bidder)
        without, took, _ = timed(replace(problem, bids=others))
        seconds += took
        if len(without.unbought) > len(award.unbought):
            raise NoCompetition(bidder)
        total += problem.bids[position].cost + without.score - award.score
    return total, seconds


def paid_by(problem: LotProblem, award: LotAward, rule: Any) -> tuple[int | str, float]:
    """Return the payments' sum, or why there is none, and the seconds it took."""
    began = perf_counter()
    try:
        total: int | str = sum(payments(problem, award, rule, LIMIT).values())
    except Unsolved as why:
        total = type(why).__name__
    return total, perf_counter() - began


def paid(cases: Sequence[Case], seed: int) -> list[list[str]]:
    """Return a row for each case: vcg and core, and what they cost the buyer over the winners' costs."""
    rows = []
    for case in cases:
        instance = case.instance(seed)
        problem = problem_of(instance)
        times: list[tuple[float, float, float]] = []
        while len(times) < TURNS and sum(map(sum, times)) < ENOUGH:
            award, base, _ = timed(problem)
            vcg, vcg_took = paid_by(problem, award, "vcg")
            core, core_took = paid_by(problem, award, "core")
            try:
                same, each_took = naive(problem, award)
            except Unsolved as why:
                same, each_took = type(why).__name__, float("nan")
            if same != vcg:
                raise RuntimeError(f"{instance.name}: vcg is {vcg}, by solving again {same}")
            times.append((base + each_took, base + vcg_took, base + core_took))
        again, with_vcg, with_core = (median(each) for each in zip(*times, strict=True))
        premiums = [
            f"{each / award.score - 1:+.1%}" if isinstance(each, int) else each for each in (vcg, core)
        ]
        rows.append(
            [
                case.words(len(instance.bids)),
                str(len(award.winners)),
                f"{again:.3f}",
                f"{with_vcg:.3f}",
                f"{again / with_vcg:.1f} x",
                f"{with_core:.3f}",
                *premiums,
            ]
        )
    return rows


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(table(heads, rows), end="\n\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small instances only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + (1 if options.quick else 3))
    decide(problem_of(GENERATORS["regions"](1, 20, 40)))  # imports and tables, once
    print(machine())
    heads = ["lots x bids", "raw HiGHS, s", "decide, s", "ratio", "tie-break, s", "ratio with it"]
    heads += ["proved: raw, ours", "target", "", "by"]
    print_table(heads, decided(QUICK if options.quick else FULL, seeds))
    if not options.quick:
        heads = ["lots x bids", "raw HiGHS, s", "decide, s", "cost", "status", "gap", "target", ""]
        print_table(heads, large(LARGE, options.seed))
    heads = [
        "lots x bids",
        "winners",
        "n + 1 solves, s",
        "vcg, s",
        "quicker",
        "core, s",
        "vcg premium",
        "core premium",
    ]
    print_table(heads, paid(PAID[:3] if options.quick else PAID, options.seed))


if __name__ == "__main__":
    main()
