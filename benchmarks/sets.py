"""Exact winner determination for lots, beside the raw HiGHS model on the same instance in the same run.

Ours includes everything an award needs: cleaning, splitting, solving, the tie-break and the exact recheck. VCG is
measured against solving once more for each winner from scratch.
"""

import argparse
import hashlib
from collections.abc import Callable, Sequence
from time import perf_counter

from common import machine, table
from generators import GENERATORS, Instance
from raw_highs import raw_highs

from market_core.mechanisms.combinatorial import LotAward, LotBid, LotProblem, decide, payments
from market_core.mechanisms.procurement import NoCompetition, Unsolved

Case = tuple[str, int, int]  # distribution, lots, bids asked for
FULL: Sequence[Case] = [
    ("regions", 16, 300),
    ("regions", 64, 250),
    ("arbitrary", 16, 300),
    ("arbitrary", 48, 200),
    ("matching", 100, 1000),
    ("scheduling", 64, 500),
    ("paths", 64, 1000),
    ("l4", 64, 1000),
]
QUICK: Sequence[Case] = [
    ("regions", 16, 100),
    ("matching", 100, 500),
    ("scheduling", 32, 200),
    ("l4", 64, 500),
]
PAID: Sequence[Case] = [
    ("regions", 16, 200),
    ("arbitrary", 16, 200),
    ("matching", 64, 400),
    ("scheduling", 32, 200),
]
LIMIT = 20.0  # seconds for one solve


def problem_of(instance: Instance) -> LotProblem:
    """Return an instance as the market sees it; the key of a bid is the digest of its place."""
    return LotProblem(
        (None,) * instance.lots,
        tuple(
            LotBid(f"b{bidder}", hashlib.sha256(f"{place}".encode()).hexdigest(), lots, cost)
            for place, (bidder, lots, cost) in enumerate(instance.bids)
        ),
    )


def timed(work: Callable[[], LotAward]) -> tuple[LotAward, float]:
    """Return what `work` gives and how many seconds it took."""
    began = perf_counter()
    made = work()
    return made, perf_counter() - began


def decided(cases: Sequence[Case], seed: int) -> list[list[str]]:
    """Return a row for each case: our decision beside raw HiGHS."""
    rows = []
    for name, lots, bids in cases:
        instance = GENERATORS[name](seed, lots, bids)
        problem = problem_of(instance)
        cost, raw, status = raw_highs(instance, seconds=LIMIT)
        made, ours = timed(lambda problem=problem: decide(problem, LIMIT))
        same = "same" if made.score == cost else f"{(made.score - cost) / cost:+.2%}"
        proof = "proved" if made.proof.status == "optimal" else f"gap {made.proof.gap / made.score:.1%}"
        rows.append(
            [
                f"{name} {lots} x {len(instance.bids)}",
                f"{raw:.3f} ({status})",
                f"{ours:.3f} ({proof})",
                f"{ours / raw:.2f}",
                same,
                made.proof.solver,
            ]
        )
    return rows


def naive(problem: LotProblem, award: LotAward) -> int:
    """Return the VCG payments' sum by solving once more for each winner, from scratch."""
    total = 0
    for position in award.winners:
        bidder = problem.bids[position].bidder
        others = tuple(bid for bid in problem.bids if bid.bidder != bidder)
        without = decide(LotProblem(problem.lots, others, problem.combine), LIMIT)
        if len(without.unbought) > len(award.unbought):
            raise NoCompetition(bidder)
        total += problem.bids[position].cost + without.score - award.score
    return total


def paid(cases: Sequence[Case], seed: int) -> list[list[str]]:
    """Return a row for each case: vcg and core, and what they cost the buyer over the winners' costs."""
    rows = []
    for name, lots, bids in cases:
        instance = GENERATORS[name](seed, lots, bids)
        problem = problem_of(instance)
        award = decide(problem, LIMIT)
        times, sums = [], []
        for work in (
            lambda p=problem, a=award: sum(payments(p, a, "vcg", LIMIT).values()),
            lambda p=problem, a=award: naive(p, a),
            lambda p=problem, a=award: sum(payments(p, a, "core", LIMIT).values()),
        ):
            began = perf_counter()
            try:
                sums.append(work())
            except Unsolved as why:
                sums.append(type(why).__name__)
            times.append(perf_counter() - began)
        premiums = [
            f"{sums[i] / award.score - 1:+.1%}" if isinstance(sums[i], int) else str(sums[i]) for i in (0, 2)
        ]
        agree = "same" if sums[0] == sums[1] else f"other: {sums[1]}"
        rows.append(
            [
                f"{name} {lots} x {len(instance.bids)}",
                str(len(award.winners)),
                f"{times[0]:.3f}",
                f"{times[1]:.3f} ({agree})",
                f"{times[2]:.3f}",
                *premiums,
            ]
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="small instances only")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    decide(problem_of(GENERATORS["regions"](1, 20, 40)))  # imports and tables, once
    print(machine())
    heads = ["lots x bids", "raw HiGHS, s", "decide, s", "ratio", "optimum", "by"]
    print(table(heads, decided(QUICK if options.quick else FULL, options.seed)))
    print()
    heads = ["lots x bids", "winners", "vcg, s", "n + 1 solves, s", "core, s", "vcg premium", "core premium"]
    print(table(heads, paid(PAID[:2] if options.quick else PAID, options.seed)))


if __name__ == "__main__":
    main()
