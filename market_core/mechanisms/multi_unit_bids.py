"""Q units, several winners: what is bid, what is asked, and what an allocation is worth. No algorithm."""

from collections.abc import Sequence
from dataclasses import dataclass

from market_core.mechanisms.procurement import Limits, Proof

SHARE = 1_000_000
"""Shares are millionths: this is all of it."""
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class UnitBid:
    """One bidder's one bid: up to `quantity` units, none or at least `min_quantity`.

    `key`: 64 hex digits, unique, decides ties. `tiers`: (from_quantity, unit cost in micro-credits), strictly
    increasing from 1. All-units (default): the tier that the total reaches prices every unit; `incremental`: each
    unit costs what its own tier says. `extra` micro-credits (time, quality, bonuses) make a unit's cost its score.
    """

    bidder: str
    key: str
    quantity: int
    min_quantity: int
    tiers: tuple[tuple[int, int], ...]
    incremental: bool = False
    extra: int = 0


@dataclass(frozen=True, slots=True)
class UnitProblem:
    """What the buyer asks: `quantity` whole units, from `bids` in any order.

    `max_price`: what a unit that is not bought costs, in micro-credits; None: buy as many as possible first.
    `excess_cost`: added to the score for each unit bought beyond `quantity`. A bid whose `extra` is negative can
    have a score below zero, and would be bought without end; set to the most that `extra` can take off a unit
    (known from the buyer's weights before any bid), it keeps every unit from being bought for its bonus alone.
    """

    quantity: int
    bids: tuple[UnitBid, ...]
    max_price: int | None = None
    limits: Limits = NO_LIMITS
    excess_cost: int = 0


@dataclass(frozen=True, slots=True)
class UnitAward:
    """`units` stand at their bids' positions (0: it lost); `bought` is their sum and may exceed the quantity.

    `score`: the winners' scores, and max_price for each unit of the quantity that is not bought.
    """

    units: tuple[int, ...]
    bought: int
    score: int
    proof: Proof


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of quantities, `low` to `high`, on which a bid's score is `unit` x units + `fixed`."""

    low: int
    high: int
    unit: int
    fixed: int

    def at(self, units: int) -> int:
        """Return the score of `units` in this run."""
        return self.unit * units + self.fixed


def cost(bid: UnitBid, units: int) -> int:
    """Return what `units` of the bid cost together, in micro-credits; exact, 0 for none.

    >>> tiers = ((1, 100), (101, 90))
    >>> cost(UnitBid("a", "0", 200, 1, tiers), 150), cost(UnitBid("a", "0", 200, 1, tiers, True), 150)
    (13500, 14500)
    """
    reached = [(start, unit_cost) for start, unit_cost in bid.tiers if start <= units]
    if not reached:
        return 0
    if not bid.incremental:
        return units * reached[-1][1]
    ends = [start - 1 for start, _ in reached[1:]] + [units]
    return sum((end - start + 1) * each for (start, each), end in zip(reached, ends, strict=True))


def score(bid: UnitBid, units: int) -> int:
    """Return cost + extra x units, in micro-credits; lower is better.

    >>> score(UnitBid("a", "0", 9, 1, ((1, 100),), extra=-30), 2)
    140
    """
    return cost(bid, units) + bid.extra * units


def pieces(bid: UnitBid) -> tuple[Piece, ...]:
    """Return the runs of quantities above 0 that the bid may sell, ascending, each with a linear score.

    >>> pieces(UnitBid("a", "0", 9, 2, ((1, 100), (5, 90))))
    (Piece(low=2, high=4, unit=100, fixed=0), Piece(low=5, high=9, unit=90, fixed=0))
    """
    found: list[Piece] = []
    before = 0  # what the units of the lower tiers cost, each in its own tier
    starts = [start for start, _ in bid.tiers]
    for (start, each), after in zip(bid.tiers, [*starts[1:], bid.quantity + 1], strict=True):
        low, high = max(start, bid.min_quantity), min(after - 1, bid.quantity)
        fixed = before - each * (start - 1) if bid.incremental else 0
        if low <= high:
            found.append(Piece(low, high, each + bid.extra, fixed))
        before += each * (after - start)
    return tuple(found)


def rising(bid: UnitBid) -> bool:
    """Return whether the bid is a stack of single units, each as dear as the one before or dearer.

    So is a single tier, and so are incremental tiers that rise, with a min_quantity of 1.
    """
    costs = [each for start, each in bid.tiers if start <= bid.quantity]
    dearer = bid.incremental and costs == sorted(costs)
    return bid.min_quantity == 1 and (len(set(costs)) == 1 or dearer)


def objective(problem: UnitProblem, units: Sequence[int]) -> int:
    """Return the score of an allocation: the winners' scores, the outside option and the excess."""
    over = sum(units) - problem.quantity
    total = sum(score(bid, each) for bid, each in zip(problem.bids, units, strict=True) if each)
    return total + max(over, 0) * problem.excess_cost + max(-over, 0) * (problem.max_price or 0)


def preference(problem: UnitProblem, units: Sequence[int]) -> tuple[int, int, int, int]:
    """Return what the buyer minimises, most important first: the tie rule follows after it.

    Units missing (where nothing else bounds them), score, distance from the quantity, units bought.
    """
    bought = sum(units)
    missing = max(problem.quantity - bought, 0) if problem.max_price is None else 0
    return missing, objective(problem, units), abs(bought - problem.quantity), bought


def broken(problem: UnitProblem, units: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the limits that an allocation breaks.

    >>> bids = tuple(UnitBid(name, name, 3, 1, ((1, 5),)) for name in "ab")
    >>> broken(UnitProblem(3, bids, limits=Limits(min_winners=2, max_share=600_000)), (3, 0))
    ('min_winners', 'max_share')
    """
    limits, bought, winners = problem.limits, sum(units), sum(map(bool, units))
    costs = [cost(bid, each) for bid, each in zip(problem.bids, units, strict=True)]
    share, spend_share, spent = limits.max_share, limits.max_spend_share, sum(costs)
    checks = {
        "max_winners": limits.max_winners is None or winners <= limits.max_winners,
        "min_winners": winners >= limits.min_winners,
        "max_share": share is None or all(each * SHARE <= share * bought for each in units),
        "max_spend_share": spend_share is None or all(each * SHARE <= spend_share * spent for each in costs),
    }
    return tuple(name for name, kept in checks.items() if not kept)
