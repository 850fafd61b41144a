"""Which entries with minimums or tiers trade: branch and bound over their states."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from market_core.mechanisms.clearing_book import Spans
from market_core.mechanisms.clearing_crossing import Choice, Crossing, Curves, Decided, Worth

SOLVER = "branch and bound"
STEPS = 20_000
"""How long it looks for the largest surplus, and again for ties: a count of crossings, each the dearer the more is
decided. Not a time, so that the answer is the same on any machine. A second is enough for so many."""
MOST_STEPS = 400_000
"""However long it may take: what is open is kept in memory."""

NOTHING = Worth(0, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """The best states found, and `bound`, which the worth of no allocation exceeds.

    `settled`: whether the tie rule has been followed to its end.
    """

    worth: Worth
    states: Decided
    bound: Worth
    settled: bool


class Search:
    """The search in one book.

    Entries alike in all but their key are exchanged at will, so a later key is left out before an earlier one. That
    is what the tie rule asks for, and it keeps a hundred equal entries from making 2^100 branches.
    """

    def __init__(self, curves: Curves, steps: int = STEPS) -> None:
        self._curves, self._steps = curves, steps
        self._alike: dict[Choice, list[Choice]] = {}
        for side, entries in enumerate(curves.sides):
            groups: dict[Spans, list[Choice]] = {}
            for place in entries.choices:
                groups.setdefault(entries.spans[place], []).append(Choice(side, place))
            self._alike.update((choice, group) for group in groups.values() for choice in group)
        self._left = steps

    def best(self) -> Found:
        """Return the states of largest surplus, among them of largest quantity, among them by the tie rule.

        The demand in descending order of key, then the offers likewise: each is left out, or else kept in as low a
        tier as what was settled before it allows.
        """
        root = self._curves.crossing(({}, {}))
        if root is None or root.worth == NOTHING:
            return Found(NOTHING, ({}, {}), NOTHING, settled=True)
        leaf, bound = self._run(root, NOTHING)
        if leaf is None:
            return Found(NOTHING, ({}, {}), bound, settled=bound == NOTHING)
        states, settled = self._curves.allocation(leaf), False
        if bound == leaf.worth:
            states, settled = self._settled(states, root, leaf.worth)
        return Found(leaf.worth, states, bound, settled)

    def _run(
        self, start: Crossing, floor: Worth, enough: Worth | None = None
    ) -> tuple[Crossing | None, Worth]:
        """Return the best allocation from `start` on that is above `floor`, or the first that is `enough`.

        With it a bound on all of them. The best bound goes first, and each branch is followed down to its end.
        """
        best, leaf = floor, None
        queue: list[tuple[int, int, int, Crossing]] = []
        order = count()
        node: Crossing | None = start
        while node is not None:
            if leaf is None and enough is None:
                for answer in self._answers(node):
                    if answer.worth > best:
                        best, leaf = answer.worth, answer
            while node is not None and node.worth > best:
                if node.broken is None:
                    best, leaf = node.worth, node
                    break
                if self._left <= 0:
                    return leaf, node.worth if not queue else max(node.worth, queue[0][3].worth)
                children = sorted(self._children(node, node.broken), key=lambda each: each.worth)
                node = children.pop() if children else None
                for child in children:
                    heappush(queue, (-child.worth.surplus, -child.worth.traded, -next(order), child))
            if enough is not None and best >= enough:
                break
            node = heappop(queue)[3] if queue else None
        return leaf, best

    def _answers(self, node: Crossing) -> Iterator[Crossing]:
        """Yield allocations near `node`: what its margin breaks up is decided, and all else is as it is there."""
        if node.broken is None:
            return
        near, (side, place) = self._curves.allocation(node), node.broken
        for state in range(len(self._spans(node.broken)) + 1):
            changed = [dict(each) for each in near]
            changed[side][place] = state
            answer = self._curves.crossing((changed[0], changed[1]), node.number)
            self._left -= 1 + sum(map(len, near)) // 10
            if answer is not None:
                yield answer

    def _children(self, node: Crossing, choice: Choice) -> Iterator[Crossing]:
        """Yield the crossings with `choice` decided in each way."""
        for state in range(len(self._spans(choice)) + 1):
            states = self._decided(node.states, choice, state)
            child = None if states is None else self._curves.crossing(states, node.number)
            self._left -= 1 + sum(map(len, node.states)) // 10
            if child is not None:
                yield child

    def _spans(self, choice: Choice) -> Spans:
        return self._curves.sides[choice.side].spans[choice.place]

    def _decided(self, states: Decided, choice: Choice, state: int) -> Decided | None:
        """Return `states` with one more decided, and what follows for its like; None if that was decided otherwise."""
        group = self._alike[choice]
        at = group.index(choice)
        more = {choice.place: state}
        if state == 0:
            more |= dict.fromkeys((later.place for later in group[at + 1 :]), 0)
        elif len(self._spans(choice)) == 1:
            more |= dict.fromkeys((earlier.place for earlier in group[:at]), 1)
        elif any(states[choice.side].get(earlier.place) == 0 for earlier in group[:at]):
            return None
        before = states[choice.side]
        if any(before.get(place, each) != each for place, each in more.items()):
            return None
        after = {**before, **more}
        return (after, states[1]) if choice.side == 0 else (states[0], after)

    def _settled(self, states: Decided, root: Crossing, worth: Worth) -> tuple[Decided, bool]:
        """Return the states of the same worth that the tie rule picks, and whether that is proved."""
        self._left = self._steps
        fixed: Decided = ({}, {})
        floor = Worth(worth.surplus, worth.traded - 1)
        for choice in self._in_order():
            ways = [
                state
                for state in range(len(self._spans(choice)) + 1)
                if root.worth.surplus - self._loss(root.price, choice, state) >= worth.surplus
            ]
            if len(ways) == 1:
                continue
            for state in ways:
                now = self._decided(fixed, choice, state)
                if state == states[choice.side][choice.place]:
                    break
                start = None if now is None else self._curves.crossing(now, root.number)
                leaf, bound = (None, floor) if start is None else self._run(start, floor, worth)
                if leaf is not None:
                    states = self._curves.allocation(leaf)
                    break
                if bound > floor:
                    return states, False
            if now is None:
                return states, False
            fixed = now
        return states, True

    def _in_order(self) -> Iterator[Choice]:
        for side, entries in enumerate(self._curves.sides):
            yield from (Choice(side, place) for place in reversed(entries.choices))

    def _loss(self, price: int, choice: Choice, state: int) -> int:
        """Return how much less than at its best the entry gains at `price` in `state`: no allocation avoids that."""
        rank = price if choice.side else -price
        runs = self._spans(choice)
        best = max(0, (rank - runs[-1].rank) * runs[-1].high)
        if not state:
            return best
        span = runs[state - 1]
        return best - (rank - span.rank) * (span.high if span.rank < rank else span.low)
