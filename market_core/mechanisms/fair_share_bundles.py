"""Several resources shared fairly: weighted dominant-resource fairness per owner, priorities as passes.

An agent needs its resources together, so much of each per task. What counts is the largest part of any resource
that its owner holds: its dominant share. `fair_share_divisible` and `fair_share_tasks` fill one turn each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from typing import Literal

from market_core.mechanisms import fair_share_divisible, fair_share_tasks
from market_core.mechanisms.fair_share_filling import Key, Policy, turns
from market_core.mechanisms.fair_share_kinds import Filled, Kinds, kinds_of, split
from market_core.mechanisms.procurement import TooLarge
from market_core.values import MICRO

__all__ = ["MECHANISM", "Bundle", "BundleShares", "share_bundles"]

MECHANISM = "fair_share_bundles/1"
"""Name and version, recorded in each allocation."""

MOST_CAPACITY = 1 << 53
"""In micro-units of one resource, 9,007,199,254 units; the precision of the divisible filling is made for it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One demand for resources together. `per_task`: micro-units of each resource that one task needs.

    `tasks`: the most tasks of use to it, None for any number. `weight` in millionths, `priority` higher first.
    Keys differ; `owner` decides ties between owners, `key` those of one owner.
    """

    key: Key
    owner: str
    per_task: tuple[int, ...]
    tasks: int | None = None
    weight: int = MICRO
    priority: int = 0


@dataclass(frozen=True, slots=True)
class BundleShares:
    """`amounts`: for each demand its micro-units of each resource; `tasks`: how many tasks, in millionths.

    `stopped_by`: the position of the resource that ended its growth, None where it has all its tasks.
    """

    amounts: tuple[tuple[int, ...], ...]
    tasks: tuple[int, ...]
    stopped_by: tuple[int | None, ...]


def share_bundles(
    demand: Sequence[Bundle],
    capacity: Sequence[int],
    policy: Policy,
    filling: Literal["divisible", "whole"] = "divisible",
) -> BundleShares:
    """Return what each demand gets of `capacity`, in micro-units, by weighted dominant-resource fairness.

    An owner's dominant share is the largest part of any resource that its demands hold together, divided by its
    weight, the highest of theirs. `divisible`: all owners' dominant shares grow alike; who needs a resource that
    is used up stops, the others go on. Several demands of one owner grow as one, in proportion to their tasks
    (no more than capacity holds); when some of them stop, the others go on as a new sum. `whole`: one task after
    the other to the owner with the least dominant share, of several to the one that has the least with it, then in
    ascending owner, and there to the demand with the least part of its tasks; a demand whose next task does not fit
    is skipped, the others go on.

    Under `priority` each level shares what the higher ones left, and its dominant shares are parts of that.
    Weight 0: what the others leave. Demands of one owner for the same bundle count as one, and what it gets is
    split in proportion to their tasks, by largest remainder, ties in ascending key.

    Divisible amounts are rounded down to micro-units and never sum to more than capacity; less than a micro-unit
    for each demand is left of a used up resource. Whole tasks are exact. Raises TooLarge where a capacity is not
    below 2^53 micro-units, or where whole tasks are too many to fill one by one.
    Source: Ghodsi, Zaharia, Hindman, Konwinski, Shenker and Stoica (2011).

    >>> cpu_heavy, memory_heavy = (3_000_000, 1_000_000), (1_000_000, 4_000_000)
    >>> demand = [Bundle(("a", "1"), "a", memory_heavy), Bundle(("b", "1"), "b", cpu_heavy)]
    >>> made = share_bundles(demand, (9_000_000, 18_000_000), "fair")
    >>> made.amounts, made.tasks
    (((3000000, 12000000), (6000000, 2000000)), (3000000, 2000000))
    """
    _check(demand, capacity)
    amounts = [(0,) * len(capacity)] * len(demand)
    tasks = [0] * len(demand)
    stopped_by: list[int | None] = [None] * len(demand)
    left = list(capacity)
    fill = fair_share_divisible.fill if filling == "divisible" else fair_share_tasks.fill
    for turn in turns(demand, policy):
        kinds = kinds_of(demand, turn)
        filled = fill(kinds, left)
        _note(demand, kinds, filled, left, filling == "whole", (amounts, tasks, stopped_by))
        left = [c - sum(map(itemgetter(r), filled.amounts)) for r, c in enumerate(left)]
    return BundleShares(tuple(amounts), tuple(tasks), tuple(stopped_by))


def _note(
    demand: Sequence[Bundle],
    kinds: Kinds,
    filled: Filled,
    capacity: Sequence[int],
    whole: bool,
    noted: tuple[list[tuple[int, ...]], list[int], list[int | None]],
) -> None:
    """Write down at each demand's position what it has of what its kind got, and what stopped it."""
    amounts, tasks, stopped_by = noted
    ends = chain(islice(kinds.first, 1, None), [len(kinds.places)])
    columns = zip(kinds.first, ends, filled.tasks, filled.amounts, filled.stopped_by, strict=True)
    for first, end, done, held, stop in columns:
        place = kinds.places[first]
        tasks[place], amounts[place], stopped_by[place] = done, held, stop
        if end - first > 1:
            places = kinds.places[first:end]
            parts = split(demand, places, done, held, capacity, whole=whole)
            for place, (part, amount) in zip(places, parts, strict=True):
                tasks[place], amounts[place], stopped_by[place] = part, amount, stop
    for place in kinds.places:
        wanted = demand[place].tasks
        if wanted is not None and tasks[place] >= wanted * MICRO:
            stopped_by[place] = None


def _check(demand: Sequence[Bundle], capacity: Sequence[int]) -> None:
    if any(most >= MOST_CAPACITY for most in capacity):
        raise TooLarge("less than 9,007,199,254.740992 units of a resource are shared together")
    if len({bundle.key for bundle in demand}) < len(demand):
        raise ValueError("two demands have one key")
    if any(len(bundle.per_task) != len(capacity) or not any(bundle.per_task) for bundle in demand):
        raise ValueError("a task needs some of the resources that there are")
