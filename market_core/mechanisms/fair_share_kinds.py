"""What the fillings of several resources work on: each owner's demands for one bundle as one kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from market_core.mechanisms.fair_share_filling import Entitled, Key, Turn
from market_core.values import MICRO, largest_remainder


class Tasked(Entitled, Protocol):
    """A demand for tasks, each of which needs its resources together."""

    @property
    def key(self) -> Key:
        """Orders the remainders of one owner."""

    @property
    def per_task(self) -> tuple[int, ...]:
        """Micro-units of each resource."""

    @property
    def tasks(self) -> int | None:
        """The most of use; None: any number."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds in the order of owner, then bundle, in columns; owners are numbered from 0 in that order.

    `tasks`: the most of use, None for any number; `weights` by owner, above 0; `places`: where the demands stand.
    """

    owner: list[int]
    per_task: list[tuple[int, ...]]
    tasks: list[int | None]
    places: list[list[int]]
    weights: list[int]


@dataclass(frozen=True, slots=True)
class Filled:
    """What each kind gets: micro-units of each resource, tasks in millionths, and which resource stopped it."""

    amounts: list[list[int]]
    tasks: list[int]
    stopped_by: list[int | None]


def kinds_of(demand: Sequence[Tasked], turn: Turn) -> Kinds:
    """Return the demands of one turn as kinds."""
    grouped: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for place in turn.places:
        one = demand[place]
        grouped.setdefault((one.owner, one.per_task), []).append(place)
    ordered = sorted(grouped)
    names = sorted(turn.weights)
    numbers = {name: number for number, name in enumerate(names)}
    return Kinds(
        [numbers[owner] for owner, _ in ordered],
        [per_task for _, per_task in ordered],
        [_sum(demand, grouped[kind]) for kind in ordered],
        [grouped[kind] for kind in ordered],
        [turn.weights[name] for name in names],
    )


def _sum(demand: Sequence[Tasked], places: Sequence[int]) -> int | None:
    total = 0
    for place in places:
        tasks = demand[place].tasks
        if tasks is None:
            return None
        total += tasks
    return total


def holds(capacity: Sequence[int], per_task: Sequence[int], grain: int = 1) -> int:
    """Return how many tasks all of `capacity` holds, in parts of 1/`grain` of a task, rounded down."""
    return min(c * grain // need for c, need in zip(capacity, per_task, strict=True) if need)


def split(
    demand: Sequence[Tasked],
    places: Sequence[int],
    tasks: int,
    amounts: Sequence[int],
    capacity: Sequence[int],
) -> list[tuple[int, tuple[int, ...]]]:
    """Return the tasks (in millionths) and amounts of each demand of one kind.

    In proportion to tasks, no more of them than `capacity` holds. Whole tasks stay whole.
    """
    if len(places) == 1:
        return [(tasks, tuple(amounts))]
    per_task, keys = demand[places[0]].per_task, [demand[place].key for place in places]
    most = holds(capacity, per_task, MICRO)
    sizes = [
        max(1, most if wanted is None else min(most, wanted * MICRO))
        for wanted in (demand[place].tasks for place in places)
    ]
    whole, rest = divmod(tasks, MICRO)
    if not rest and list(amounts) == [whole * need for need in per_task]:
        parts = largest_remainder(whole, sizes, keys)
        return [(part * MICRO, tuple(part * need for need in per_task)) for part in parts]
    columns = [largest_remainder(total, sizes, keys) for total in (tasks, *amounts)]
    return [(part, tuple(row)) for part, *row in zip(*columns, strict=True)]
