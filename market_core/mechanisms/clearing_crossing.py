"""Where demand and offers meet once some entries are decided: the bound of a branch, and often its answer.

What is decided bounds the price, below by the asks and above by the limits; no other entry trades beyond these
bounds. All the others trade as if any part of them could be had. Whenever nothing is broken up that must not be,
one price supports the result: where the curves cross, moved into the bounds. All is in whole numbers.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from market_core.mechanisms.clearing_side import Level, Side, States

Decided = tuple[States, States]
"""What is decided of demand and of offers."""
Cuts = tuple[int | None, int | None]
"""The highest rank that may trade on each side; None: any."""


class Worth(NamedTuple):
    """What decides between allocations: surplus (micro-credits per unit x micro-units), then quantity."""

    surplus: int
    traded: int


class Choice(NamedTuple):
    """An entry with a minimum or tiers: the side (0 demand, 1 offers) and its position there."""

    side: int
    place: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """The curves meet at `price`, the `number`-th of all limits and asks, and `worth` is the most that can be reached.

    `chosen`: the undecided entries of each side that trade at the margin. `broken`: one that would trade a part
    it cannot; None where this is an allocation.
    """

    states: Decided
    number: int
    price: int
    worth: Worth
    chosen: tuple[Sequence[int], Sequence[int]]
    broken: Choice | None


class Curves:
    """Both sides of a book: demand, ranked by minus the limit, and offers, ranked by ask."""

    def __init__(self, demand: Side, offers: Side) -> None:
        self.sides = demand, offers
        self._prices = sorted({*offers.ranks(), *(-rank for rank in demand.ranks())})

    def cuts(self, states: Decided) -> Cuts:
        """Return for each side the highest rank that those decided to trade on the other side bear."""
        bid, ask = (entries.worst(each) for entries, each in zip(self.sides, states, strict=True))
        return None if ask is None else -ask, None if bid is None else -bid

    def crossing(self, states: Decided, near: int = 0) -> Crossing | None:
        """Return where the curves meet at the largest quantity; None if no price supports what is decided.

        The search begins at the price numbered `near`, which saves time where that is close.
        """
        (demand, offers), cuts = self.sides, self.cuts(states)
        worst = demand.worst(states[0])
        if worst is not None and cuts[0] is not None and worst > cuts[0]:
            return None

        def clears(number: int) -> bool:
            price = self._prices[number]
            bought, _ = demand.below(-price, cuts[0], states[0])
            return bought <= offers.below(price + 1, cuts[1], states[1])[0]

        at = _first(clears, len(self._prices), near)
        if at == len(self._prices):
            return None
        price = self._prices[at]
        bought, minus_worth = demand.below(-price, cuts[0], states[0])
        sold, cost = offers.below(price, cuts[1], states[1])
        most = demand.below(1 - price, cuts[0], states[0]), offers.below(price + 1, cuts[1], states[1])
        traded = min(quantity for quantity, _ in most)
        if sold > traded:
            return None
        worth = Worth(price * (sold - bought) - minus_worth - cost, traded)
        bids, broken_bid = _shared(demand, demand.level(-price, cuts[0], states[0]), traded - bought)
        asks, broken_ask = _shared(offers, offers.level(price, cuts[1], states[1]), traded - sold)
        broken = None if broken_bid is None else Choice(0, broken_bid)
        if broken_ask is not None:
            broken = Choice(1, broken_ask)
        return Crossing(states, at, price, worth, (bids, asks), broken)

    def allocation(self, node: Crossing) -> Decided:
        """Return the state of every entry with a minimum or tiers in a crossing that breaks up none."""
        states: list[States] = []
        cuts = self.cuts(node.states)
        for side, rank in enumerate((-node.price, node.price)):
            entries, cut, decided = self.sides[side], cuts[side], node.states[side]
            trading = set(node.chosen[side])
            for place in entries.choices:
                last = entries.spans[place][-1]
                if last.rank < rank and (cut is None or last.rank <= cut):
                    trading.add(place)
            full = {place: len(entries.spans[place]) if place in trading else 0 for place in entries.choices}
            states.append(full | dict(decided))
        return states[0], states[1]

    def filled(self, states: Decided) -> tuple[list[int], list[int]]:
        """Return what each entry trades when all that have a minimum or tiers are decided, on both sides."""
        node, cuts = self.crossing(states), self.cuts(states)
        assert node is not None  # one price supports what was decided
        bought, sold = (
            entries.filled(rank, cut, each, node.worth.traded)
            for entries, rank, cut, each in zip(
                self.sides, (-node.price, node.price), cuts, states, strict=True
            )
        )
        return bought, sold


def _first(holds: Callable[[int], bool], size: int, near: int) -> int:
    """Return the first number below `size` from which on `holds`, `size` if there is none; look around `near` first."""
    if not size:
        return 0
    step = 1
    if holds(near):
        low, high = near - 1, near
        while low >= 0 and holds(low):
            low, high, step = low - 2 * step, low, 2 * step
    else:
        low, high = near, near + 1
        while high < size and not holds(high):
            low, high, step = high, high + 2 * step, 2 * step
    return bisect_left(range(min(high, size)), x=True, lo=max(low + 1, 0), key=holds)


def _shared(entries: Side, level: Level, amount: int) -> tuple[Sequence[int], int | None]:
    """Return the undecided entries that trade when `amount` trades at a level, and one that this breaks up."""
    chosen: list[int] = []
    missing, least = amount - level.room, 0
    skipped = None
    for place in level.choices:
        if missing <= 0:
            return chosen, None
        last = entries.spans[place][-1]
        if least + last.low <= amount:
            chosen.append(place)
            least += last.low
            missing -= last.high
        elif skipped is None:
            skipped = place
    return chosen, skipped if missing > 0 else None
