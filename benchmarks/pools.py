"""What does it cost to buy together and to share back? Pools of members against tiered suppliers.

Members ask for 1 to 20 units with limits around the suppliers' costs; a part of them all or nothing. Suppliers offer
up to 1,000 units each, cheaper from two quantities on. Everything is drawn from `--seed`.
"""

import argparse
import random
import time
from dataclasses import replace

from common import machine, table

from market_core.mechanisms.multi_unit import UnitBid
from market_core.mechanisms.pooling import Member, PoolAward, PoolProblem, decide, share

UNIT = 1_000_000


def suppliers(dice: random.Random, count: int, units: int, tiers: int = 3) -> tuple[UnitBid, ...]:
    """Return bids that sell `units` together, tiered, at about 5 credits a unit."""
    made = []
    for number in range(count):
        first = dice.randint(5_000_000, 7_000_000)
        starts = sorted(dice.sample(range(2, 2 * units // count), tiers - 1))
        costs = [first * (100 - 8 * step) // 100 for step in range(tiers)]
        key = f"{dice.getrandbits(256):064x}"
        quantity = 2 * units // count
        bid = UnitBid(f"s{number}", key, quantity, 1, tuple(zip([1, *starts], costs, strict=True)))
        made.append(bid)
    return tuple(made)


def members(dice: random.Random, count: int, units: int, rigid: float, step: int) -> tuple[Member, ...]:
    """Return members who ask for about `units` together, in multiples of `step` micro-units."""
    made = []
    for number in range(count):
        quantity = max(round(2 * units / count * dice.random() * UNIT / step), 1) * step
        minimum = quantity if dice.random() < rigid else 0
        limit = dice.randint(3_500_000, 8_000_000)
        made.append(Member(f"o{number}", f"m{number:04d}", quantity, limit, minimum))
    return tuple(made)


def timed(problem: PoolProblem) -> tuple[PoolAward, float]:
    start = time.perf_counter()
    award = decide(problem)
    return award, time.perf_counter() - start


def row(name: str, problem: PoolProblem, award: PoolAward, seconds: float) -> list[str]:
    served = sum(map(bool, award.served))
    whole = f"{award.bought:,}"
    proof = award.proof.status if not award.proof.gap else f"gap {award.proof.gap / 1e12:.6f} credits"
    return [
        name,
        f"{len(problem.members):,}",
        f"{served:,}",
        whole,
        f"{award.price / UNIT:.4f}",
        proof,
        f"{seconds:.2f} s",
    ]


def pool(seed: int, count: int, units: int, rigid: float = 0.0, step: int = UNIT) -> PoolProblem:
    dice = random.Random(seed)
    bids = suppliers(dice, 20, units)
    return PoolProblem(members(dice, count, units, rigid, step), bids, UNIT if step == UNIT else 1)


def shared(name: str, problem: PoolProblem, samples: int) -> list[str]:
    """Return a row about sharing the award of `problem` by Shapley values."""
    award = decide(problem)
    players = sum(map(bool, award.served))
    start = time.perf_counter()
    shares = share(problem, award, "shapley", b"benchmark", samples)
    seconds = time.perf_counter() - start
    mean = award.total / players
    error = f"{max(shares.errors) / mean:.2%} of a mean payment" if any(shares.errors) else "exact"
    return [name, str(players), f"{award.bought:,}", error, f"{seconds:.2f} s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a tenth of the units, few samples")
    options = parser.parse_args()
    units = 1_000 if options.quick else 10_000
    count = 100 if options.quick else 1_000
    print(machine(), "\n")
    rows = []
    decide(pool(options.seed, 10, 100))  # numpy is imported once
    for name, rigid, step in (
        ("any part", 0.0, UNIT),
        ("a third all or nothing", 0.33, UNIT),
        ("all of them all or nothing", 1.0, UNIT),
        ("divisible, any part", 0.0, 1),
        ("divisible, a third all or nothing", 0.33, 1),
        ("divisible, all of them all or nothing", 1.0, 1),
    ):
        problem = pool(options.seed, count, units, rigid, step)
        rows.append(row(name, problem, *timed(problem)))
    for name, step in (("short of supply, all of them all or nothing", UNIT), ("divisible, the same", 1)):
        problem = pool(options.seed, count, units, 1.0, step)
        short = replace(problem, bids=problem.bids[:5])
        rows.append(row(name, short, *timed(short)))
    plain = pool(options.seed, count, units)
    single = tuple(replace(bid, tiers=bid.tiers[:1]) for bid in plain.bids)
    problem = replace(plain, bids=single, payment_rule="uniform")
    rows.append(row("uniform, any part", problem, *timed(problem)))
    print(table(("members", "asked", "served", "units", "price", "proof", "decide"), rows), "\n")
    rows = []
    for name, players, samples in (
        ("shapley, exact", 12, 2),
        ("shapley, sampled", 200, 5 if options.quick else 50),
    ):
        dice = random.Random(options.seed)
        everybody = tuple(
            replace(each, limit=each.limit + 4_000_000)
            for each in members(dice, players, units, 0.2, UNIT)
            if each.limit
        )
        rows.append(shared(name, PoolProblem(everybody, plain.bids, UNIT), samples))
    print(table(("rule", "players", "units", "largest standard error", "share"), rows))


if __name__ == "__main__":
    main()
