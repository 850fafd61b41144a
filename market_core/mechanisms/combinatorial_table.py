"""Winner determination up to 16 lots: a table of the least score at which each subset of the lots is covered.

The table of all bidders before the i-th and that of all after it also give the best decision without the i-th:
some lots come from the ones, the others from the others. So all exclusions cost about two passes.
Source: Rothkopf, Pekec and Harstad (1998), with free disposal; the prefix and suffix tables are ours.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any

from market_core.mechanisms.combinatorial_part import Found, Option, Part, tie_order

SOLVER = "table"
MOST_LOTS = 16
MOST_CELLS = 1 << 25
"""One table per bid, in all at most so many entries of 8 bytes: 256 MB."""
QUICK = 1 << 17
"""So many are quicker than asking the solver for a bound first."""
FOR_EACH = 1 << 20
"""So many for each winner are quicker than asking the solver what is best without it."""
WHOLE = 1 << 62
"""Amounts below it add without overflow in 64 bits."""

Step = list[Option]
"""Bids of which at most one wins, with their lots as bits of the table's own."""


def fits(part: Part, cells: int) -> bool:
    """Return whether a table answers this part, with at most so many entries."""
    return (
        not part.limited
        and not part.at_most
        and len(part.prices) <= MOST_LOTS
        and len(part.options) << len(part.prices) <= cells
    )


def suits(part: Part, winners: Sequence[str]) -> bool:
    """Return whether the tables of this part are the quickest way to what is best without each of its winners."""
    return fits(part, min(FOR_EACH * len(winners), MOST_CELLS))


def best(part: Part, *, ties: bool = True) -> Found:
    """Return the optimal bids of a part that `fits`, if `ties` by the tie rule."""
    space = _Space(part)
    steps = space.steps(part.options)
    tables = space.run(space.outside, steps)
    if ties:
        chosen = min(_tied(space, tables, steps), key=tie_order)
    else:
        chosen = [space.original[each.position] for each in _any_way(tables, steps, space.full)[0]]
    missing, score = part.value(chosen)
    return Found(tuple(chosen), missing, score, score, SOLVER, settled=ties)


def without(part: Part, winners: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return, for each of the bidders `winners`, the best (missing, score) of the part without its bids."""
    space = _Space(part)
    blocks = [space.steps([each for each in part.options if each.bidder == bidder]) for bidder in winners]
    others = space.steps([each for each in part.options if each.bidder not in winners])
    before = [space.run(space.outside, others)[-1]]
    for block in blocks:
        before.append(space.run(before[-1], block)[-1])
    after, values = space.outside, {}
    for bidder, block, table in reversed(list(zip(winners, blocks, before[:-1], strict=True))):
        # Read backwards a table stands at each subset's complement.
        values[bidder] = space.decoded(int((table + after[::-1]).min()))
        after = space.run(after, block)[-1]
    return values


def rivals(part: Part, winners: Sequence[str]) -> Callable[[Mapping[str, Fraction]], tuple[Option, ...]]:
    """Return a function from the surplus of each of `winners` to a best decision where each costs so much more."""
    space = _Space(part)
    losers = space.steps([each for each in part.options if each.bidder not in winners])
    blocks = {
        bidder: space.steps([each for each in part.options if each.bidder == bidder]) for bidder in winners
    }
    tables = space.run(space.outside, losers)

    def decide(surplus: Mapping[str, Fraction]) -> tuple[Option, ...]:
        scale = lcm(*(each.denominator for each in surplus.values()))
        table, passes = space.scaled(tables[-1], scale), []
        for bidder, block in blocks.items():
            raised = space.run(table + int(surplus[bidder] * scale), block, scale)
            passes.append((table, raised, block))
            table = space.least(table, raised[-1])
        chosen, state = list[Option](), space.full
        for table, raised, block in reversed(passes):
            if raised[-1][state] < table[state]:
                used, state = _any_way(raised, block, state, scale)
                chosen += used
        used, _ = _any_way(tables, losers, state)
        return tuple(space.original[each.position] for each in chosen + used)

    return decide


class _Space:
    """The subsets of a part's lots, numbered 0 to `full`, and tables over them.

    An entry is the least score at which those lots are covered by bids or the outside option; a lot without a
    max_price costs `dear` there, so much that it is left only where no bid buys it.
    """

    def __init__(self, part: Part) -> None:
        import numpy as np

        self.np: Any = np
        self.places = {lot: place for place, lot in enumerate(sorted(part.prices))}
        self.original = {option.position: option for option in part.options}
        self.exclusive = part.exclusive
        self.dear, self.lowest = part.span, part.floor
        self.full = (1 << len(self.places)) - 1
        self.largest = 2 * self.dear * (len(self.places) + 1)
        self.masks: Any = np.arange(self.full + 1)
        self.outside: Any = np.zeros(1, self._kind(self.largest))
        for lot in self.places:
            price = part.prices[lot]
            dearer = self.outside + (self.dear if price is None else price)
            self.outside = np.concatenate([self.outside, dearer])

    def _kind(self, largest: int) -> Any:
        """Return whole numbers of 64 bits, or Python's where amounts are too large for them."""
        return self.np.int64 if largest < WHOLE else object

    def scaled(self, table: Any, scale: int) -> Any:
        return table.astype(self._kind(self.largest * scale)) * scale

    def least(self, one: Any, other: Any) -> Any:
        return self.np.minimum(one, other)

    def decoded(self, entry: int) -> tuple[int, int]:
        missing, above = divmod(entry - self.lowest, self.dear)
        return missing, above + self.lowest

    def steps(self, options: Sequence[Option]) -> list[Step]:
        """Return these bids by what excludes what: bidder by bidder under xor, one by one under or."""
        steps: dict[str, Step] = {}
        for option in options:
            lots = sum(1 << place for lot, place in self.places.items() if option.lots >> lot & 1)
            name = option.bidder if self.exclusive else option.key
            own = Option(option.position, option.bidder, option.key, lots, option.cost, option.score)
            steps.setdefault(name, []).append(own)
        return list(steps.values())

    def run(self, table: Any, steps: Sequence[Step], scale: int = 1) -> list[Any]:
        """Return the given table and the one after each step."""
        np, tables = self.np, [table]
        rest, bought = np.empty_like(self.masks), np.empty_like(table)
        for step in steps:
            before = tables[-1]
            after = before.copy()
            for option in step:
                np.bitwise_and(self.masks, ~option.lots, out=rest)
                np.take(before, rest, out=bought, mode="clip")  # which alone needs no copy
                bought += option.score * scale
                np.minimum(after, bought, out=after)
            tables.append(after)
        return tables


def _any_way(
    tables: Sequence[Any], steps: Sequence[Step], state: int, scale: int = 1
) -> tuple[list[Option], int]:
    """Return bids by which the last table covers `state`, and what they leave to what came before."""
    chosen = []
    for before, after, step in reversed(list(zip(tables, tables[1:], steps, strict=False))):
        if before[state] == after[state]:
            continue
        used = next(each for each in step if before[state & ~each.lots] + each.score * scale == after[state])
        chosen.append(used)
        state &= ~used.lots
    return chosen, state


def _tied(space: _Space, tables: Sequence[Any], steps: Sequence[Step]) -> Iterator[list[Option]]:
    """Yield the sets of bids that have the least score and among those the least sum of weights."""
    reached = _reached(space, tables, steps)
    sums = _sums(space, tables, steps, reached)

    def least(level: int, state: int) -> int:
        return int(sums[level][space.np.searchsorted(reached[level], state)])

    ways: list[tuple[int, int, list[Option]]] = [(len(steps), space.full, [])]
    while ways:
        level, state, chosen = ways.pop()
        if not level:
            yield chosen
            continue
        before, score, weight = tables[level - 1], tables[level][state], least(level, state)
        if before[state] == score and least(level - 1, state) == weight:
            ways.append((level - 1, state, chosen))
        for option in steps[level - 1]:
            rest = state & ~option.lots
            if before[rest] + option.score == score and least(level - 1, rest) + option.weight == weight:
                ways.append((level - 1, rest, [*chosen, space.original[option.position]]))


def _reached(space: _Space, tables: Sequence[Any], steps: Sequence[Step]) -> list[Any]:
    """Return for each table the states, ascending, through which some decision of least score goes."""
    reached = [space.np.array([space.full])]
    for before, after, step in reversed(list(zip(tables, tables[1:], steps, strict=False))):
        states = reached[-1]
        score = after[states]
        came = space.np.zeros(space.full + 1, bool)
        came[states[before[states] == score]] = True
        for option in step:
            rest = states & ~option.lots
            came[rest[before[rest] + option.score == score]] = True
        reached.append(space.np.flatnonzero(came))
    return reached[::-1]


def _sums(space: _Space, tables: Sequence[Any], steps: Sequence[Step], reached: Sequence[Any]) -> list[Any]:
    """Return for each table the least sum of weights at the states reached."""
    np = space.np
    at_state, sums = np.zeros(space.full + 1, np.int64), [np.zeros(len(reached[0]), np.int64)]
    for level, step in enumerate(steps):
        before, states = tables[level], reached[level + 1]
        at_state[reached[level]] = sums[-1]
        score = tables[level + 1][states]
        least = np.where(before[states] == score, at_state[states], WHOLE)
        for option in step:
            rest = states & ~option.lots
            tight = before[rest] + option.score == score
            np.minimum(least, np.where(tight, at_state[rest] + option.weight, WHOLE), out=least)
        sums.append(least)
    return sums
