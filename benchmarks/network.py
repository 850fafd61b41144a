"""Cities in a plane, the links between them, and the shortest routes: the geometry of `paths`. All in integers."""

import heapq
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from math import isqrt

from dice import Dice

SIDE = 1_000_000  # of the plane
_NEAREST = 2  # a city is linked to so many others at first
_AROUND = 10  # and to no more than so many later, but for what is missing
_THERE, _NOT_THERE = 10, 17  # what a link counts on a journey, in tenths of its length

Place = tuple[int, int]
Link = tuple[int, int]
"""Two cities, the lower number first."""


def cities(dice: Dice, count: int, links: int) -> tuple[list[Place], list[Link]]:
    """Return `count` cities in a plane and exactly `links` links between them, in order.

    Each city is linked to its 2 nearest; then a journey from each to any other builds the links that it would save
    by, where one that is not there yet counts 1.7 times; then the shortest ones that are missing are built.
    """
    places = [(dice.below(SIDE), dice.below(SIDE)) for _ in range(count)]
    lengths = {pair: distance(places, *pair) for pair in combinations(range(count), 2)}
    near = [sorted((lengths[link(a, b)], b) for b in range(count) if b != a) for a in range(count)]
    nearest = [link(a, b) for a in range(count) for _, b in near[a][:_NEAREST]]
    around = [link(a, b) for a in range(count) for _, b in near[a][:_AROUND]]
    built = dict.fromkeys(nearest)
    for start in range(count):
        weighed = {pair: lengths[pair] * (_THERE if pair in built else _NOT_THERE) for pair in around}
        for route in routes(count, weighed, start, dice.below(count), most=1):
            built.update(dict.fromkeys(link(*step) for step in pairwise(route)))
    by_length = sorted(lengths, key=lambda pair: (lengths[pair], pair))
    return places, sorted(list(dict.fromkeys([*built, *by_length]))[:links])


def routes(
    count: int, lengths: Mapping[Link, int], start: int, end: int, most: int, reach: int | None = None
) -> list[tuple[int, ...]]:
    """Return the `most` shortest routes over the links of `lengths`, in order; equal ones by their cities.

    None goes through a city twice or is longer than `reach`; there may be fewer, or none. Searched best first, by
    the length so far and the shortest way that is left.

    >>> routes(3, {(0, 1): 2, (0, 2): 5, (1, 2): 2}, 0, 2, most=3)
    [(0, 1, 2), (0, 2)]
    """
    beside: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for (one, other), length in lengths.items():
        beside[one].append((other, length))
        beside[other].append((one, length))
    left = _shortest(beside, end)
    found: list[tuple[int, ...]] = []
    open_: list[tuple[int, tuple[int, ...], int]] = [(left[start], (start,), 0)] if start in left else []
    while open_ and len(found) < most:
        _, route, so_far = heapq.heappop(open_)
        if route[-1] == end:
            found.append(route)
            continue
        for city, length in beside[route[-1]]:
            least = so_far + length + left[city]
            if city not in route and (reach is None or least <= reach):
                heapq.heappush(open_, (least, (*route, city), so_far + length))
    return found


def _shortest(beside: Sequence[Sequence[tuple[int, int]]], end: int) -> dict[int, int]:
    """Return the length of the shortest way to `end` from each city that is joined to it (Dijkstra)."""
    done: dict[int, int] = {}
    open_ = [(0, end)]
    while open_:
        length, city = heapq.heappop(open_)
        if city not in done:
            done[city] = length
            for other, step in beside[city]:
                heapq.heappush(open_, (length + step, other))
    return done


def distance(places: Sequence[Place], one: int, other: int) -> int:
    """Return the distance of two cities, rounded down, at least 1."""
    (x, y), (u, v) = places[one], places[other]
    return max(1, isqrt((x - u) ** 2 + (y - v) ** 2))


def link(one: int, other: int) -> Link:
    """Return the link between two cities."""
    return (one, other) if one < other else (other, one)
