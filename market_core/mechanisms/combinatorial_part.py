"""Winner determination in bits: what the table of subsets and the solver both work on, and their exact check."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from market_core.mechanisms.procurement import Limits

SHARE = 1_000_000
"""A share of 1, in millionths."""


@dataclass(frozen=True, slots=True)
class Option:
    """One bid. `lots` holds one bit per lot; `position` is its place in the problem's bids."""

    position: int
    bidder: str
    key: str
    lots: int
    cost: int
    score: int

    @property
    def weight(self) -> int:
        """The first 32 bits of the key: of equal scores the least sum of weights wins."""
        return int(self.key[:8], 16)

    @property
    def rank(self) -> tuple[int, str]:
        """What makes one of two bids on the same lots the better: less score, then the smaller key."""
        return self.score, self.key


@dataclass(frozen=True, slots=True)
class Part:
    """Lots (bit -> max_price or None), the bids on them in ascending key order, and what binds them together.

    `exclusive`: a bidder's bids are alternatives. `surplus` is added to the score once per bidder used.
    """

    prices: Mapping[int, int | None]
    options: tuple[Option, ...]
    exclusive: bool
    at_most: Mapping[str, int]
    limits: Limits
    surplus: Mapping[str, int] = field(default_factory=dict)

    @property
    def unpriced(self) -> int:
        """The lots without a max_price, as bits."""
        return sum(1 << lot for lot, price in self.prices.items() if price is None)

    @property
    def limited(self) -> bool:
        """Whether anything beyond each bidder's own bids binds the winners."""
        return self.limits != Limits()

    @property
    def span(self) -> int:
        """More than two scores of any two decisions can differ."""
        amounts = [*(option.score for option in self.options), *self.surplus.values()]
        return 1 + sum(map(abs, amounts)) + sum(price or 0 for price in self.prices.values())

    @property
    def floor(self) -> int:
        """A score below which no decision is, whatever it buys."""
        return sum(min(option.score, 0) for option in self.options)

    def value(self, chosen: Sequence[Option]) -> tuple[int, int]:
        """Return how many lots without a max_price stay unbought, and the score with the outside option."""
        covered = union(chosen)
        missing = (self.unpriced & ~covered).bit_count()
        outside = sum(price or 0 for lot, price in self.prices.items() if not covered >> lot & 1)
        raised = sum(self.surplus.get(bidder, 0) for bidder in {option.bidder for option in chosen})
        return missing, sum(option.score for option in chosen) + outside + raised

    def allows(self, chosen: Sequence[Option]) -> bool:
        """Return whether these bids may win together."""
        bids = Counter(option.bidder for option in chosen)
        lots, costs = defaultdict[str, int](int), defaultdict[str, int](int)
        for option in chosen:
            lots[option.bidder] += option.lots.bit_count()
            costs[option.bidder] += option.cost
        limits, bought = self.limits, union(chosen).bit_count()
        most = len(bids) if limits.max_winners is None else limits.max_winners
        return (
            not (self.exclusive and any(count > 1 for count in bids.values()))
            and all(lots[bidder] <= limit for bidder, limit in self.at_most.items())
            and limits.min_winners <= len(bids) <= most
            and _shared(lots, limits.max_share, bought)
            and _shared(costs, limits.max_spend_share, sum(costs.values()))
        )

    def without(self, bidder: str) -> "Part":
        """Return the part as if `bidder` had not bid."""
        return replace(self, options=tuple(each for each in self.options if each.bidder != bidder))


@dataclass(frozen=True, slots=True)
class Found:
    """The bids that win in a part, what they are worth there, and what is proved about it.

    `settled`: nothing of equal score comes before them by the tie rule. `likely`: the bids of which alone decisions
    of that score are made, None if that is not known; `bought`: lots that all of them buy, as far as that is known.
    """

    chosen: tuple[Option, ...]
    missing: int
    score: int
    bound: int
    solver: str
    settled: bool = True
    likely: tuple[Option, ...] | None = None
    bought: int = 0

    @property
    def gap(self) -> int:
        """How far the score may be from the best; 0 is proved optimal."""
        return self.score - self.bound


def union(options: Sequence[Option]) -> int:
    """Return the lots of all of these bids."""
    covered = 0
    for option in options:
        covered |= option.lots
    return covered


def lots_of(bits: int) -> list[int]:
    """Return the lots in ascending order whose bits are set."""
    lots = []
    while bits:
        lowest = bits & -bits
        lots.append(lowest.bit_length() - 1)
        bits ^= lowest
    return lots


def tie_order(chosen: Sequence[Option]) -> tuple[int, list[str]]:
    """Return what orders sets of equal score: the sum of weights, then the ascending list of keys."""
    return sum(option.weight for option in chosen), sorted(option.key for option in chosen)


def _shared(parts: Mapping[str, int], share: int | None, whole: int) -> bool:
    return share is None or all(part * SHARE <= share * whole for part in parts.values())
