"""Rows to columns of limited capacity at least cost, in exact integers of any size.

A row is a task, a column a provider. Source: successive shortest augmenting paths with prices (Kuhn 1955;
Edmonds and Karp 1972; Jonker and Volgenant 1987), here for columns that take several rows.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from typing import NamedTuple


class Option(NamedTuple):
    """One way to serve a row: by `column`, at `cost`; `position` is what the caller calls it."""

    column: int
    cost: int
    position: int


@dataclass(slots=True)
class Flow:
    """A least-cost assignment of rows to columns, made by `solved`.

    Row r takes one of `options[r]` (`choice[r]`), or none at the cost `outside[r]`. `members[c]` are the rows
    in column c, at most `capacity[c]`. `price[c]` is the proof: 0 or more, above 0 only where the column is
    full, and every row has what is cheapest for it at cost + price (outside has no price), so no other
    assignment costs less. Costs may be negative; nothing is rounded.
    """

    options: Sequence[Sequence[Option]]
    outside: Sequence[int]
    capacity: list[int]
    price: list[int]
    members: list[set[int]]
    choice: list[Option | None]

    def cost(self) -> int:
        """Return what the chosen options and the rows outside cost together."""
        pairs = zip(self.choice, self.outside, strict=True)
        return sum(outside if option is None else option.cost for option, outside in pairs)

    def without(self, columns: AbstractSet[int]) -> "Flow":
        """Return the least-cost assignment without `columns`; this one stays as it is."""
        # The proof of the other rows holds without them: only the rows that they held need a new place.
        leaving = {row for column in columns for row in self.members[column]}
        rest = replace(
            self,
            capacity=[0 if c in columns else most for c, most in enumerate(self.capacity)],
            price=[*self.price],
            members=[set() if c in columns else {*rows} for c, rows in enumerate(self.members)],
            choice=[None if row in leaving else option for row, option in enumerate(self.choice)],
        )
        for row in sorted(leaving):
            rest.place(row)
        return rest

    def place(self, row: int) -> None:
        """Place `row`, which has no column yet, where the total rises least; rows in its way move on."""
        search = _Search(self, rise=self.outside[row], last=(row, None))
        search.look(row, 0)
        passed = []
        while (column := search.nearest_full()) is not None:
            passed.append(column)
            for mover in self.members[column]:
                # `mover` sits where it is cheapest for it, so no step from here on is below 0.
                option = self.choice[mover]
                assert option is not None
                search.look(mover, search.distance[column] - option.cost - self.price[column])
        for column in passed:
            self.price[column] += search.rise - search.distance[column]
        self._move(search)

    def _move(self, search: "_Search") -> None:
        """Move every row of the path found, from its end back to the row that came in."""
        mover, option = search.last
        while True:
            left, self.choice[mover] = self.choice[mover], option
            if option is not None:
                self.members[option.column].add(mover)
            if left is None:
                return
            self.members[left.column].remove(mover)
            mover, option = search.reached[left.column]


@dataclass(slots=True)
class _Search:
    """Dijkstra's search from a row that comes in, over full columns, to the nearest free place.

    `rise`: what the nearest place so far adds to the total; `last`: the move into it. `reached[column]` is
    the move into `column` on the cheapest way, `distance[column]` what that way costs at today's prices.
    """

    flow: Flow
    rise: int
    last: tuple[int, Option | None]
    distance: dict[int, int] = field(default_factory=dict)
    reached: dict[int, tuple[int, Option]] = field(default_factory=dict)
    queue: list[tuple[int, int]] = field(default_factory=list)

    def look(self, mover: int, so_far: int) -> None:
        """Try every other place of `mover`; `so_far` is the cost of the way before it."""
        flow, distance = self.flow, self.distance
        if so_far + flow.outside[mover] < self.rise:
            self.rise, self.last = so_far + flow.outside[mover], (mover, None)
        for option in flow.options[mover]:
            column, cost, _ = option
            far = so_far + cost + flow.price[column]
            if far >= self.rise or (column in distance and far >= distance[column]):
                continue
            if len(flow.members[column]) < flow.capacity[column]:
                self.rise, self.last = far, (mover, option)
            else:
                distance[column], self.reached[column] = far, (mover, option)
                heappush(self.queue, (far, column))

    def nearest_full(self) -> int | None:
        """Return the next full column nearer than the nearest place, None if there is none."""
        while self.queue:
            far, column = heappop(self.queue)
            if far >= self.rise:
                return None
            if far == self.distance[column]:  # else a nearer way was found after this one
                return column
        return None


def solved(options: Sequence[Sequence[Option]], outside: Sequence[int], capacity: Sequence[int]) -> Flow:
    """Return an assignment of least total cost; which of several, the caller's costs must decide.

    >>> rows = [[4, 1, 3], [2, 0, 5], [3, 2, 2]]
    >>> options = [[Option(c, cost, 3 * r + c) for c, cost in enumerate(row)] for r, row in enumerate(rows)]
    >>> flow = solved(options, [9, 9, 9], [1, 1, 1])
    >>> flow.cost(), flow.without({1}).cost()
    (5, 13)
    """
    columns = len(capacity)
    empty: list[set[int]] = [set() for _ in range(columns)]
    flow = Flow(options, outside, list(capacity), [0] * columns, empty, [None] * len(outside))
    for row in range(len(outside)):
        flow.place(row)
    return flow
