"""Water filling: one quantity shared by weighted max-min, per owner, in one pass after the other.

Quantities are whole numbers of whatever the caller counts in: micro-units, or units where only whole ones trade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from market_core.values import largest_remainder

Policy = Literal["fair", "priority"]
Key = tuple[str, str]


class Entitled(Protocol):
    """What says when an entry has its turn, and how much its owner counts then."""

    @property
    def owner(self) -> str:
        """Entries of one owner share as one."""

    @property
    def weight(self) -> int:
        """In millionths, so 1,000,000 is a weight of 1."""

    @property
    def priority(self) -> int:
        """Higher is first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The entries at `places` share what earlier turns left; `weights` by owner, all above 0."""

    places: tuple[int, ...]
    weights: Mapping[str, int]


class Claim(NamedTuple):
    """One entry of an owner: it takes at most `quantity`."""

    key: Key
    owner: str
    quantity: int


def turns(entries: Sequence[Entitled], policy: Policy) -> list[Turn]:
    """Return who shares with whom, the first turn first.

    `priority`: the higher priority before the lower; `fair`: all at once, whatever their priority. An owner's
    weight in a turn is the highest of its entries there. Owners of weight 0 have a turn of their own after the
    others of their priority, equal among themselves: they get what all those leave.

    >>> from collections import namedtuple
    >>> Entry = namedtuple("Entry", "owner weight priority")
    >>> [turn.places for turn in turns([Entry("a", 1, 0), Entry("b", 0, 5), Entry("c", 2, 5)], "priority")]
    [(2,), (1,), (0,)]
    """
    levels: dict[int, list[int]] = {}
    if policy == "priority":
        for place, entry in enumerate(entries):
            levels.setdefault(entry.priority, []).append(place)
    elif entries:
        levels[0] = list(range(len(entries)))
    made = []
    for level in sorted(levels, reverse=True):
        weights: dict[str, int] = {}
        for place in levels[level]:
            entry = entries[place]
            if weights.get(entry.owner, -1) < entry.weight:
                weights[entry.owner] = entry.weight
        if min(weights.values()) > 0:
            made.append(Turn(tuple(levels[level]), weights))
            continue
        for weighted in (True, False):
            places = tuple(p for p in levels[level] if (weights[entries[p].owner] > 0) == weighted)
            if places:
                made.append(Turn(places, {o: w or 1 for o, w in weights.items() if (w > 0) == weighted}))
    return made


def fill(supply: int, claims: Sequence[Claim], weights: Mapping[str, int]) -> list[int]:
    """Return what each claim gets of `supply`: weighted max-min over owners, then over each owner's claims.

    An owner's claims are summed. Its share is split over them in proportion to quantity, by largest remainder,
    ties in ascending key. So it makes no difference to an owner over how many claims its quantity is spread.

    >>> one, two, three = (Claim((key, ""), owner, 6) for key, owner in (("x", "a"), ("y", "a"), ("z", "b")))
    >>> fill(8, [one, two, three], {"a": 1, "b": 1})
    [2, 2, 4]
    """
    owned: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        owned.setdefault(claim.owner, []).append(place)
    totals = [sum(claims[place].quantity for place in places) for places in owned.values()]
    shares = max_min(supply, totals, [weights[owner] for owner in owned], list(owned))
    filled = [0] * len(claims)
    for places, total, share in zip(owned.values(), totals, shares, strict=True):
        if len(places) == 1:
            filled[places[0]] = share
        elif share == total:
            for place in places:
                filled[place] = claims[place].quantity
        else:
            parts = [claims[place].quantity for place in places]
            split = largest_remainder(share, parts, [claims[place].key for place in places])
            for place, part in zip(places, split, strict=True):
                filled[place] = part
    return filled


def max_min(
    supply: int, quantities: Sequence[int], weights: Sequence[int], order: Sequence[object]
) -> list[int]:
    """Return the weighted max-min shares of `supply` over owners that take at most `quantities`.

    Who asks for no more than its part by weight gets what it asks for; what that leaves is shared by the others
    in the same way, until nobody asks for less than its part. Those then get their parts, by largest remainder,
    ties in ascending `order`: each within one of its exact part, together all that is left. Weights above 0.
    Source: max-min fairness, Bertsekas and Gallager (1992), section 6.5.2.

    >>> max_min(10_000_000, [2_000_000, 2_600_000, 4_000_000, 5_000_000], [1] * 4, "abcd")
    [2000000, 2600000, 2700000, 2700000]
    """
    shares = [0] * len(quantities)
    left, weight = supply, sum(weights)
    ascending = _by_level(quantities, weights)
    for place, i in enumerate(ascending):
        if quantities[i] * weight > left * weights[i]:
            rest = ascending[place:]
            parts = largest_remainder(left, [weights[j] for j in rest], [order[j] for j in rest])
            for j, part in zip(rest, parts, strict=True):
                shares[j] = part
            break
        shares[i] = quantities[i]
        left -= quantities[i]
        weight -= weights[i]
    return shares


def _by_level(quantities: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Return the positions in ascending quantity / weight."""
    # Two different quotients differ by at least 1 / (product of the weights), so the floors keep their order.
    shift = 2 * max(weights, default=0).bit_length()
    levels = [(quantity << shift) // weight for quantity, weight in zip(quantities, weights, strict=True)]
    return sorted(range(len(levels)), key=levels.__getitem__)
