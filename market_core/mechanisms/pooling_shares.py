"""What each member of a pool pays: the same price, the same saving, or by what it adds (Shapley)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import factorial, gcd, isqrt
from typing import Literal

from market_core.mechanisms.pooling_members import Curve
from market_core.mechanisms.pooling_problem import PoolAward, PoolProblem
from market_core.mechanisms.pooling_rationing import least_part, merit_order
from market_core.mechanisms.pooling_search import MOST_NODES, Budget, Demand
from market_core.mechanisms.pooling_supply import totals
from market_core.mechanisms.procurement import DoesNotFit, TooLarge, Unproved
from market_core.values import MICRO, largest_remainder, rounded_up_together

ShareRule = Literal["uniform", "proportional", "shapley"]
MOST_EXACT = 12
"""Players up to which Shapley values are exact; above they are sampled."""
MOST_COALITIONS = 500_000
"""Coalitions that sampling may ask about; some minutes."""
MOST_NODES_SHARED = 40 * MOST_NODES
"""Nodes of all searches behind Shapley values."""


@dataclass(frozen=True, slots=True)
class Shares:
    """`payments` in micro-credits at the members' positions, their sum the award's total.

    `errors`: the standard error of each, in micro-credits rounded up, before clipping; 0 where it is exact.
    """

    payments: tuple[int, ...]
    errors: tuple[int, ...]


def share(
    problem: PoolProblem,
    award: PoolAward,
    rule: ShareRule = "uniform",
    nonce: bytes = b"",
    samples: int = 100,
    nodes: int = MOST_NODES_SHARED,
) -> Shares:
    """Return what each member pays of the award's total.

    `uniform`: everybody the one price. `proportional`: what is saved, sum(limit x served) - total, is shared in
    proportion to limit x served, so everybody saves the same part. `shapley`: limit x served - phi, where the
    players are the served members with what they are served, v(S) is the best surplus of S alone against the same
    bids, and phi the Shapley value. A member whose arrival lets others reach a tier can save more than it would
    pay: it pays nothing, and what is then too much is taken off the others in proportion to what they pay.

    Up to 12 players phi is exact. Above it is the mean over `samples` pairs of an order of joining and its reverse,
    the orders being those of SHA-256(nonce, number, key): the same on every machine, and not to be foreseen by
    whoever does not know the nonce. Payments still sum to the total exactly. Rounded by largest remainder, ties by
    key; each is at most limit x served, rounded up.

    Raises DoesNotFit for `proportional` and `shapley` where a served member has no limit; Unproved where the
    award, or a coalition's surplus within all `nodes`, is not proved best; TooLarge above 250,000 samples x players; ValueError
    below 2 samples.
    Source: Shapley (1953); sampled as in Castro, Gomez and Tejada (2009), with antithetic orders.

    >>> from market_core.mechanisms.multi_unit_bids import UnitBid
    >>> from market_core.mechanisms.pooling import Member, decide
    >>> members = Member("a", "a", 1_000_000, 9), Member("b", "b", 1_000_000, 6)
    >>> pool = PoolProblem(members, (UnitBid("s", "0", 2, 1, ((1, 6), (2, 4))),))
    >>> [share(pool, decide(pool), rule).payments for rule in ("uniform", "proportional", "shapley")]
    [(4, 4), (5, 3), (4, 4)]
    """
    keys = [member.key for member in problem.members]
    if rule == "uniform":
        return Shares(tuple(largest_remainder(award.total, award.served, keys)), (0,) * len(keys))
    unknown = [m for m, part in zip(problem.members, award.served, strict=True) if part and m.limit is None]
    if unknown:
        raise DoesNotFit(f"{rule} needs a limit of every member that is served")
    worth = [(m.limit or 0) * part for m, part in zip(problem.members, award.served, strict=True)]
    if rule == "proportional":
        paid = largest_remainder(award.total, worth, keys) if any(worth) else [0] * len(keys)
        return Shares(tuple(paid), (0,) * len(keys))
    return _by_shapley(_Game(problem, award, nodes), worth, award, nonce, samples, keys)


def _by_shapley(
    game: "_Game", worth: Sequence[int], award: PoolAward, nonce: bytes, samples: int, keys: Sequence[str]
) -> Shares:
    if award.proof.status != "optimal":
        raise Unproved(award.proof.gap)
    if len(game.players) <= MOST_EXACT:
        phi, parts = _exact(game.value, len(game.players))
        errors = [0] * len(phi)
    else:
        phi, parts, errors = _sampled(game, nonce, samples)
    charges, deviations = [0] * len(worth), [0] * len(worth)
    for place, each, error in zip(game.players, phi, errors, strict=True):
        charges[place] = max(worth[place] * parts - each * game.part, 0)
        deviations[place] = -(-error * game.part // MICRO)
    return Shares(tuple(_collected(award.total, charges, parts, keys)), tuple(deviations))


def _collected(total: int, charges: Sequence[int], parts: int, keys: Sequence[str]) -> list[int]:
    """Return charges, of which `parts` millions make a micro-credit, rounded and lowered to the total."""
    if sum(charges) > total * parts * MICRO:
        return largest_remainder(total, charges, keys)
    return rounded_up_together(charges, parts * MICRO, keys)


class _Game:
    """The served members as players: in merit order, each with what it is served and its own minimum."""

    def __init__(self, problem: PoolProblem, award: PoolAward, nodes: int) -> None:
        members, served = problem.members, award.served
        self.players = [place for place in merit_order(members) if served[place]]
        least = [least_part(members[place], problem.grain) for place in self.players]
        parts = [served[place] for place in self.players]
        self.part = gcd(MICRO, *parts, *least)
        self.keys = [members[place].key for place in self.players]
        self._limits = [members[place].limit or 0 for place in self.players]
        self._parts = [each // self.part for each in parts]
        self._least = [each // self.part for each in least]
        self._budget = Budget(nodes)
        self._curve = Curve(totals(problem)[: -(-sum(parts) // MICRO) + 1], MICRO // self.part)

    def value(self, coalition: Sequence[int]) -> int:
        """Return the best surplus of players, in merit order; `part` of it are millionths of a micro-credit."""
        choice = self._curve.best(
            Demand(
                [self._limits[at] for at in coalition],
                [self._parts[at] for at in coalition],
                [self._least[at] for at in coalition],
            ),
            self._budget,
        )
        if choice.bound > choice.value:
            raise Unproved((choice.bound - choice.value) * self.part)
        return choice.value


def _exact(value: Callable[[Sequence[int]], int], players: int) -> tuple[list[int], int]:
    """Return the Shapley values, times the second number."""
    values = [value([at for at in range(players) if mask >> at & 1]) for mask in range(1 << players)]
    weights = [factorial(size) * factorial(players - size - 1) for size in range(players)]
    phi = [0] * players
    for mask, worth in enumerate(values):
        for at in range(players):
            if not mask >> at & 1:
                phi[at] += weights[mask.bit_count()] * (values[mask | 1 << at] - worth)
    return phi, factorial(players)


def _sampled(game: _Game, nonce: bytes, samples: int) -> tuple[list[int], int, list[int]]:
    """Return the means of what the players add, times the second number, and their standard errors."""
    if samples < 2:
        raise ValueError("an error needs 2 samples or more")
    if 2 * samples * len(game.players) > MOST_COALITIONS:
        raise TooLarge(f"samples x players above {MOST_COALITIONS // 2:,}")
    sums, squares = [0] * len(game.players), [0] * len(game.players)
    for number in range(samples):
        order = _order(game.keys, nonce, number)
        for at, each in enumerate(_added(game, order)):
            sums[at] += each
            squares[at] += each * each
    # A sample is a sum over two orders; the variance of the mean is (n Q - S^2) / (n^2 (n - 1)), of the half a quarter.
    spread = [samples * square - total * total for total, square in zip(sums, squares, strict=True)]
    errors = [1 + isqrt(each // (4 * samples * samples * (samples - 1))) if each else 0 for each in spread]
    return sums, 2 * samples, errors


def _order(keys: Sequence[str], nonce: bytes, number: int) -> list[int]:
    def drawn(at: int) -> bytes:
        return sha256(b"\0".join((nonce, str(number).encode(), keys[at].encode()))).digest()

    return sorted(range(len(keys)), key=drawn)


def _added(game: _Game, order: list[int]) -> list[int]:
    """Return what each player adds when they join in this order, and in the reverse of it."""
    added = [0] * len(order)
    for joining in (order, order[::-1]):
        joined, before = list[int](), 0
        for at in joining:
            joined.append(at)
            now = game.value(sorted(joined))
            added[at] += now - before
            before = now
    return added
