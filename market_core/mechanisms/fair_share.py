"""One resource shared fairly, with or without prices: weighted max-min per owner, priorities as passes.

Several resources together are in `fair_share_bundles`.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from market_core.mechanisms.clearing import Entry
from market_core.mechanisms.fair_share_filling import Claim, Key, Policy, turns
from market_core.mechanisms.fair_share_minimum import fill_above
from market_core.values import MICRO, largest_remainder, rounded_up_together

__all__ = ["MECHANISM", "Member", "Policy", "Reason", "Shares", "share"]

MECHANISM = "fair_share/1"
"""Name and version, recorded in each clearing."""

Reason = Literal["out_of_price", "below_minimum", "no_supply", "rationed"]
"""Why an entry got less than it asked for: its limit is below the price; its share would have been below its
minimum; nothing was left when its turn came; it has its fair share."""


@dataclass(frozen=True, slots=True)
class Member:
    """One demand. `quantity` and `minimum` (0: any part is of use) in micro-units, `minimum` <= `quantity`.

    `limit`: the most per unit in micro-credits, None for any price. `weight` in millionths, `priority` higher
    first. Keys differ; `owner` orders the remainders between owners, `key` those of one owner.
    """

    key: Key
    owner: str
    quantity: int
    limit: int | None = None
    weight: int = MICRO
    priority: int = 0
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class Shares:
    """As `clearing.Clearing`: `price` per unit; quantities and payments at their entries' positions.

    `reasons`: why a demand got less than its quantity, None where it got all of it.
    """

    price: int
    traded: int
    demand: tuple[int, ...]
    offers: tuple[int, ...]
    payments: tuple[int, ...]
    receipts: tuple[int, ...]
    reasons: tuple[Reason | None, ...]


@dataclass(frozen=True, slots=True)
class _Level:
    """`supply` is asked for at `price` or less; `demand` would pay it."""

    price: int
    supply: int
    demand: int

    @property
    def traded(self) -> int:
        """What is shared at this price."""
        return min(self.supply, self.demand)


def share(demand: Sequence[Member], offers: Sequence[Entry], policy: Policy, grain: int = 1) -> Shares | None:
    """Return who gets how much of what is offered, at one price that all pay and get; None if nothing trades.

    The price is the lowest ask at which what is offered for it or less covers the demand of all whose limit
    reaches it. Where no ask does, it is the highest ask that somebody's limit reaches. Those whose limit
    reaches the price share what is offered up to it by weighted max-min over owners (`fill`), under `priority`
    the higher priority first. Offers sell in ascending order of their asks, those of the last ask in proportion
    to quantity, by largest remainder, ties in ascending key. An ask of None is 0: without asks the price is 0.

    Quantities trade in multiples of `grain` micro-units (1,000,000 for whole units; entries are multiples of
    it); a whole share is within one unit of the exact one. A demand that would get less than its minimum is
    left out and the rest shared again (`fill_above`), the price included; it stays out, whatever the price is
    then. Totals are rounded and limits held as in `clearing.clear`. Weight 0: what the others leave (`turns`).

    Fair, not efficient: a limit makes no difference once it reaches the price, and a unit can go to one who
    values it less. Truthful about quantities where shares are exact and the price is fixed; not about limits.
    Source: max-min fairness, Bertsekas and Gallager (1992), section 6.5.2, behind one price.

    >>> members = [Member((o, "1"), o, q * 1_000_000, 9_000_000) for o, q in (("a", 2), ("b", 5), ("c", 5))]
    >>> made = share(members, [Entry(("s", "1"), 10_000_000, 3_000_000)], "fair")
    >>> made.price, made.demand, made.reasons
    (3000000, (2000000, 4000000, 4000000), (None, 'rationed', 'rationed'))
    """
    if len({member.key for member in demand}) < len(demand):
        raise ValueError("two members have one key")
    reasons: list[Reason | None] = [None] * len(demand)
    inside, level = list(range(len(demand))), _price(demand, offers)
    while level is not None:
        price = level.price
        able = [i for i in inside if (limit := demand[i].limit) is None or limit >= price]
        bought, left_out = _shared(demand, able, level, policy, grain, reasons)
        for i in left_out:
            reasons[i] = "below_minimum"
        out_of_price = set(inside).difference(able)
        inside = [i for i in inside if i not in left_out]
        after = _price([demand[i] for i in inside], offers) if left_out else level
        if after is not None and _as_before(level, after, demand, able, left_out):
            for i in out_of_price:
                reasons[i] = "out_of_price"
            return _made(demand, offers, price, bought, grain, reasons)
        level = after
    return None


def _as_before(
    level: _Level, after: _Level, demand: Sequence[Member], able: Sequence[int], left_out: AbstractSet[int]
) -> bool:
    """Return whether sharing again without those left out gives the same: price, quantity and weights are the same."""
    if (level.price, level.traded) != (after.price, after.traded):
        return False
    weights: dict[str, int] = {}
    for i in left_out:
        weights[demand[i].owner] = max(demand[i].weight, weights.get(demand[i].owner, 0))
    return all(demand[i].weight >= weights.get(demand[i].owner, 0) for i in able if i not in left_out)


def _price(members: Sequence[Member], offers: Iterable[Entry]) -> _Level | None:
    """Return the level at which demand and offers meet; None where no limit reaches any ask."""
    asked: dict[int, int] = {}
    for offer in offers:
        if offer.quantity:
            asked[offer.limit or 0] = asked.get(offer.limit or 0, 0) + offer.quantity
    demand = sum([member.quantity for member in members])
    limited = [(member.limit, member.quantity) for member in members if member.limit is not None]
    limited.sort(reverse=True)
    found, supply = None, 0
    for price in sorted(asked):
        supply += asked[price]
        while limited and limited[-1][0] < price:
            demand -= limited.pop()[1]
        if not demand:
            break
        found = _Level(price, supply, demand)
        if supply >= demand:
            break
    return found


def _shared(
    demand: Sequence[Member],
    able: Sequence[int],
    level: _Level,
    policy: Policy,
    grain: int,
    reasons: list[Reason | None],
) -> tuple[list[int], set[int]]:
    """Return what each demand gets at this price, and which are left out; note who is rationed and why."""
    bought, left_out = [0] * len(demand), set[int]()
    left = level.traded // grain
    for turn in turns([demand[i] for i in able], policy):
        members = [able[place] for place in turn.places]
        sharing = [demand[i] for i in members]
        claims = [Claim(one.key, one.owner, one.quantity // grain) for one in sharing]
        minimums = [-(-one.minimum // grain) for one in sharing]
        shares, out = fill_above(left, claims, turn.weights, minimums)
        left_out |= {members[place] for place in out}
        why: Reason = "rationed" if left else "no_supply"
        for i, claim, units in zip(members, claims, shares, strict=True):
            bought[i] = units * grain
            reasons[i] = why if units < claim.quantity else None  # whatever an earlier try has said
        left -= sum(shares)
    return bought, left_out


def _sold(offers: Sequence[Entry], traded: int, grain: int) -> list[int]:
    """Return what each offer sells: the lowest asks first, the last of them in proportion to quantity."""
    levels: dict[int, list[int]] = {}
    for place, offer in enumerate(offers):
        levels.setdefault(offer.limit or 0, []).append(place)
    sold, left = [0] * len(offers), traded // grain
    for ask in sorted(levels):
        group = [offers[place] for place in levels[ask]]
        units = [offer.quantity // grain for offer in group]
        parts = largest_remainder(min(left, sum(units)), units, [offer.key for offer in group])
        for place, part in zip(levels[ask], parts, strict=True):
            sold[place] = part * grain
        left -= sum(parts)
        if not left:
            break
    return sold


def _made(
    demand: Sequence[Member],
    offers: Sequence[Entry],
    price: int,
    bought: Sequence[int],
    grain: int,
    reasons: Sequence[Reason | None],
) -> Shares | None:
    traded = sum(bought)
    if not traded:
        return None
    sold = _sold(offers, traded, grain)
    return Shares(
        price,
        traded,
        tuple(bought),
        tuple(sold),
        tuple(rounded_up_together([price * q for q in bought], MICRO, [d.key for d in demand])),
        tuple(rounded_up_together([price * q for q in sold], MICRO, [o.key for o in offers])),
        tuple(reasons),
    )
