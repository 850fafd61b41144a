"""The rising offer of a Dutch auction: a published schedule, and the first who takes it wins."""

MECHANISM = "dutch/1"
"""Name and version, recorded in each award."""


def offer(start: int, step: int, every: int, most: int, passed: int) -> int:
    """Return what is offered when `passed` microseconds have gone by, in micro-credits.

    `start`, and `step` more whenever `every` microseconds are over, never above `most`. (In procurement the
    Dutch auction runs upwards: the buyer offers more and more until a provider finds it enough.)

    >>> [offer(100, 50, 10, 180, passed) for passed in (0, 9, 10, 20, 1000)]
    [100, 100, 150, 180, 180]
    """
    return min(most, start + step * max(0, passed // every))  # a clock that was set back takes nothing away


def reached(start: int, step: int, every: int, most: int, wanted: int) -> int | None:
    """Return after how many microseconds the offer is `wanted` or more, None if it never is.

    >>> reached(100, 50, 10, 180, 101), reached(100, 50, 10, 180, 180), reached(100, 50, 10, 180, 181)
    (10, 20, None)
    """
    if wanted > most:
        return None
    return max(0, -(-(wanted - start) // step)) * every
