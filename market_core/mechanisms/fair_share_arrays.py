"""Water filling of many claims on arrays: the same shares as `fair_share_filling.fill`, again and again of fewer claims.

Everything is in 64-bit integers and exact; what does not fit is refused, and filled claim by claim.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from market_core.mechanisms.clearing_shares import divided_by_each, shares
from market_core.mechanisms.fair_share_filling import Claim
from market_core.mechanisms.procurement import TooLarge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from market_core.mechanisms.clearing_shares import Ints

_LIMIT = 2**61
"""What quantities, and weights, sum up to stays below it."""


class Claims:
    """Claims as columns, those of one owner one after another.

    Raises TooLarge or OverflowError where arrays of 64 bits do not hold them.
    """

    def __init__(self, claims: Sequence[Claim], weights: Mapping[str, int]) -> None:
        """Lay the claims out; `weights` by owner, above 0."""
        import numpy as np

        self._claims = claims
        owners: dict[str, int] = {}
        numbers = np.array([owners.setdefault(claim.owner, len(owners)) for claim in claims], np.int64)
        self._owners = list(owners)
        self._several = len(owners) < len(claims)
        self._order = np.argsort(numbers, kind="stable")  # positions of the claims, owner after owner
        self._owner = numbers[self._order]
        self._first = np.flatnonzero(np.diff(self._owner, prepend=-1))  # claim of each owner
        self._quantity = np.array([claim.quantity for claim in claims], np.int64)[self._order]
        weight = np.array([weights[owner] for owner in owners], np.int64)
        self._weight = weight // np.gcd.reduce(weight)
        for column in (self._quantity, self._weight):
            if column.sum(dtype=float) >= _LIMIT:
                raise TooLarge("the sum does not stay below 2^61")

    def fill(self, supply: int, out: Sequence[int] = ()) -> "Ints":
        """Return what each claim gets of `supply` if those at the positions `out` are left out."""
        import numpy as np

        quantity = self._quantity
        if len(out):
            inside = np.ones(len(quantity), bool)
            inside[np.array(out)] = False
            quantity = quantity * inside[self._order]
        totals = np.add.reduceat(quantity, self._first) if self._several else quantity
        owned = self._max_min(supply, totals)
        filled = np.empty_like(quantity)
        filled[self._order] = self._split(owned, totals, quantity) if self._several else owned
        return filled

    def _max_min(self, supply: int, totals: "Ints") -> "Ints":
        """Return the weighted max-min shares of owners that take at most `totals`, as `fair_share_filling.max_min`."""
        import numpy as np

        ascending = self._by_level(totals) if self._several else self._ascending
        ascending = ascending[totals[ascending] > 0]
        taken = np.cumsum(totals[ascending])
        weight = np.cumsum(self._weight[ascending][::-1])[::-1]  # of each and all after it

        def asks_for_more(place: int) -> bool:
            """Return whether the owner at this place asks for more than its part of what those before it leave."""
            owner = ascending[place]
            left = supply - int(taken[place]) + int(totals[owner])
            return int(totals[owner]) * int(weight[place]) > left * int(self._weight[owner])

        place = bisect_left(range(len(ascending)), True, key=asks_for_more)
        if place == len(ascending):
            return totals
        rest = ascending[place:]
        left = supply - (int(taken[place - 1]) if place else 0)
        made = totals.copy()
        made[rest] = shares(
            left,
            self._weight[rest],
            int(weight[place]),
            left,
            lambda ties, number: ties[np.argpartition(self._ranks[rest[ties]], number - 1)[:number]],
        )
        return made

    def _by_level(self, totals: "Ints") -> "NDArray[Any]":
        """Return the owners in ascending total / weight, exactly."""
        import numpy as np

        # Two different quotients differ by at least 1 / (product of the weights), so the floors keep their order.
        shift = 2 * int(self._weight.max()).bit_length()
        if int(totals.max()) << shift < _LIMIT:
            return np.argsort((totals << shift) // self._weight)
        if int(self._weight.max()) << shift >= _LIMIT:
            raise TooLarge("weights have too many digits")
        whole, rest = np.divmod(totals, self._weight)
        return np.lexsort(((rest << shift) // self._weight, whole))

    def _split(self, owned: "Ints", totals: "Ints", quantity: "Ints") -> "Ints":
        """Return the parts of each owner's claims in its share: in proportion to quantity, by largest remainder."""
        import numpy as np

        whole = np.maximum(totals, 1)[self._owner]
        parts, remainders = divided_by_each(owned[self._owner], quantity, whole)
        more = owned - np.add.reduceat(parts, self._first)
        order = np.lexsort((self._keys, -remainders, self._owner))
        turn = np.arange(len(order)) - self._first[self._owner]  # among those of one owner
        parts[order] += turn < more[self._owner]
        return parts

    @cached_property
    def _ascending(self) -> "NDArray[Any]":
        """The owners by level where each has one claim: leaving some out does not change their order."""
        return self._by_level(self._quantity)

    @cached_property
    def _ranks(self) -> "Ints":
        """The place of each owner in ascending order."""
        return _ranked(self._owners)

    @cached_property
    def _keys(self) -> "Ints":
        """The place of each claim in ascending order of keys."""
        return _ranked([claim.key for claim in self._claims])[self._order]


def _ranked(values: Sequence[Any]) -> "Ints":
    import numpy as np

    ranks = np.empty(len(values), np.int64)
    ranks[sorted(range(len(values)), key=values.__getitem__)] = np.arange(len(values))
    return ranks
