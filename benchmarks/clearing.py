"""One resource cleared: arrays of a million demands beside a bare sort of them, and books with minimums and tiers.

The bare baseline only sorts both sides, sums them up and looks where they cross; ours returns every allocation and
every payment, exact to a millionth. Both run in turns on the same arrays.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np
from common import machine, table, verdict
from dice import Dice
from numpy.typing import NDArray

from market_core.mechanisms.clearing import Entry, clear
from market_core.mechanisms.clearing_arrays import clear_arrays

MICRO = 1_000_000
Ints = NDArray[np.int64]
Arrays = tuple[Ints, Ints, Ints, Ints]


def arrays(seed: int, demands: int, offers: int, unit: int, limits: int, step: int) -> Arrays:
    """Return quantities and limits of demand, then of offers: `limits` different ones, `step` apart.

    With one limit the offers have half of what is asked, so every demand is rationed.
    """
    dice = np.random.default_rng(seed)
    most = 100 * MICRO // unit
    return (
        dice.integers(1, most, demands) * unit,
        dice.integers(1, limits + 1, demands) * step,
        dice.integers(1, most * demands // offers // (1 + (limits == 1)), offers) * unit,
        dice.integers(1, limits + 1, offers) * step,
    )


def bare(book: Arrays) -> Ints:
    """Sort both sides, sum them up, and look where each demand ends among the offers."""
    down, up = np.argsort(-book[1]), np.argsort(book[3])
    crossing: Ints = np.searchsorted(np.cumsum(book[2][up]), np.cumsum(book[0][down]))
    return crossing


def seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def kernel(demands: int, offers: int, times: int, seed: int) -> str:
    """Return the table of the kernel beside the baseline."""
    books = {
        "micro-units, any limit": (arrays(seed, demands, offers, 1, 10**8, 1), 1),
        "whole units, any limit": (arrays(seed, demands, offers, MICRO, 10**8, 1), MICRO),
        "micro-units, limits in cents": (arrays(seed, demands, offers, 1, 10**4, 10**4), 1),
        "micro-units, ten limits": (arrays(seed, demands, offers, 1, 10, MICRO), 1),
        "micro-units, one limit for all": (arrays(seed, demands, offers, 1, 1, MICRO), 1),
        "micro-units, the same at an odd price": (arrays(seed, demands, offers, 1, 1, 1_234_567), 1),
    }
    rows = []
    for name, (book, grain) in books.items():
        runs = [
            (seconds(lambda b=book: bare(b)), seconds(lambda b=book, g=grain: clear_arrays(*b, g)))
            for _ in range(times)
        ]
        base, ours = (statistics.median(column) for column in zip(*runs, strict=True))
        ratio = statistics.median(mine / other for other, mine in runs)
        figures = [f"{base * 1000:.0f}", f"{ours * 1000:.0f}", f"{ratio:.2f}"]
        rows.append([name, *figures, verdict(ratio <= 2 and ours < 0.5)])
    heads = [
        f"{demands:,} demands, {offers:,} offers",
        "bare, ms",
        "clear_arrays, ms",
        "ratio",
        "<= 2, < 500 ms",
    ]
    return table(heads, rows)


def entries(book: Arrays) -> tuple[list[Entry], list[Entry]]:
    """Return the arrays as entries."""
    columns = [column.tolist() for column in book]
    return (
        [Entry((f"a{at}", ""), *row) for at, row in enumerate(zip(columns[0], columns[1], strict=True))],
        [Entry((f"b{at}", ""), *row) for at, row in enumerate(zip(columns[2], columns[3], strict=True))],
    )


def complete(
    dice: Dice, demands: int, wholes: int, offers: int, unit: int
) -> tuple[list[Entry], list[Entry]]:
    """Return a book with `wholes` all-or-nothing demands and offers of three tiers, every other with a minimum."""
    asked = [dice.between(1, 20 * MICRO // unit) * unit for _ in range(demands)]
    demand = [
        Entry((f"a{at:05}", ""), quantity, dice.between(40, 100) * MICRO, quantity if at < wholes else 0)
        for at, quantity in enumerate(asked)
    ]
    each = sum(asked) // offers // (4 * MICRO) * 4 * MICRO
    supply = []
    for at in range(offers):
        ask = dice.between(40, 80) * MICRO
        tiers = tuple((each * part // 4, ask - part * dice.between(1, 4) * MICRO // 4) for part in (1, 2, 3))
        falling = tiers[0][1] > tiers[1][1] > tiers[2][1]
        supply.append(
            Entry((f"b{at:05}", ""), each, ask, each // 4 * (at % 2), tiers if falling else tiers[2:])
        )
    return demand, supply


def searches(cases: Sequence[tuple[int, int, int]], times: int, seed: int) -> str:
    """Return the table of books with minimums and tiers: the worst of several."""
    rows = []
    for demands, wholes, offers in cases:
        for unit, name in ((1, "micro-units"), (MICRO, "whole units")):
            dice = Dice(seed)
            books = [complete(dice, demands, wholes, offers, unit) for _ in range(times)]
            took, proofs = [], []
            for book in books:
                began = perf_counter()
                result = clear(*book, unit)
                took.append(perf_counter() - began)
                if result is not None and result.proof is not None:
                    proofs.append(result.proof.status)
            size = f"{demands:,} demands, {wholes:,} all or nothing; {offers} offers with tiers"
            figures = [f"{statistics.median(took):.3f}", f"{max(took):.3f}"]
            rows.append([size, name, *figures, f"{proofs.count('optimal')} of {times}"])
    return table(["book", "in", "median, s", "worst, s", "proved"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 demands, fewer books")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    demands, times = (100_000, 3) if options.quick else (1_000_000, 7)
    print(machine())
    print(kernel(demands, demands // 10, times, options.seed), end="\n\n")
    book = entries(arrays(options.seed, demands, demands // 10, 1, 10**8, 1))
    print(f"The same from {sum(map(len, book)):,} entries: {seconds(lambda: clear(*book)):.2f} s\n")
    cases = [(200, 20, 20), (200, 200, 20), (5_000, 50, 50), (5_000, 2_500, 50)]
    print(searches(cases[:3] if options.quick else cases, times, options.seed))


if __name__ == "__main__":
    main()
