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

    `tasks`: the most of use, None for any number; `weights` by owner, above 0. `places`: where the demands stand,
    kind after kind, those of a kind from its `first` one on.
    """

    owner: list[int]
    per_task: list[tuple[int, ...]]
    tasks: list[int | None]
    weights: list[int]
    places: list[int]
    first: list[int]


@dataclass(frozen=True, slots=True)
class Filled:
    """What each kind gets: micro-units of each resource, tasks in millionths, and which resource stopped it."""

    amounts: list[tuple[int, ...]]
    tasks: list[int]
    stopped_by: list[int | None]


def kinds_of(demand: Sequence[Tasked], turn: Turn) -> Kinds:
    """Return the demands of one turn as kinds."""
    places = list(turn.places)
    if len(turn.weights) == len(places):
        places.sort(key=[one.owner for one in demand].__getitem__)
        return _single(demand, turn, places)
    places.sort(key=lambda place: demand[place].per_task)
    places.sort(key=lambda place: demand[place].owner)
    kinds = Kinds([], [], [], [], places, [])
    last = None
    for number, place in enumerate(places):
        one = demand[place]
        if one.owner != last:
            kinds.weights.append(turn.weights[one.owner])
        elif one.per_task == kinds.per_task[-1]:
            before = kinds.tasks[-1]
            kinds.tasks[-1] = None if before is None or one.tasks is None else before + one.tasks
            continue
        last = one.owner
        kinds.owner.append(len(kinds.weights) - 1)
        kinds.per_task.append(one.per_task)
        kinds.tasks.append(one.tasks)
        kinds.first.append(number)
    return kinds


def _single(demand: Sequence[Tasked], turn: Turn, places: list[int]) -> Kinds:
    """Return the kinds where each owner has one demand."""
    rows, numbers = [demand[place] for place in places], list(range(len(places)))
    return Kinds(
        numbers,
        [one.per_task for one in rows],
        [one.tasks for one in rows],
        [turn.weights[one.owner] for one in rows],
        places,
        numbers,
    )


def holds(capacity: Sequence[int], per_task: Sequence[int], grain: int = 1) -> int:
    """Return how many tasks all of `capacity` holds, in parts of 1/`grain` of a task, rounded down."""
    return min(c * grain // need for c, need in zip(capacity, per_task, strict=True) if need)


def split(
    demand: Sequence[Tasked],
    places: Sequence[int],
    tasks: int,
    amounts: tuple[int, ...],
    capacity: Sequence[int],
    *,
    whole: bool,
) -> list[tuple[int, tuple[int, ...]]]:
    """Return what each demand of one kind has of what they hold together: tasks in millionths, and amounts.

    In proportion to tasks, no more of them than `capacity` holds, by largest remainder, ties in ascending key.
    `whole`: tasks stay whole.
    """
    per_task, keys = demand[places[0]].per_task, [demand[place].key for place in places]
    most = max(1, holds(capacity, per_task, MICRO))
    wanted = [demand[place].tasks for place in places]
    sizes = [most if one is None else min(most, one * MICRO) for one in wanted]
    if whole:
        parts = largest_remainder(tasks // MICRO, sizes, keys)
        return [(part * MICRO, tuple(part * need for need in per_task)) for part in parts]
    columns = [largest_remainder(total, sizes, keys) for total in (tasks, *amounts)]
    return [(part, tuple(row)) for part, *row in zip(*columns, strict=True)]
