"""Largest remainder on arrays: a million shares in little more than the time it takes to write them.

A share goes up if its remainder is among the largest. A sample tells about where the last of those stands, one pass
over all proves it; so remainders are neither kept nor sorted.
"""

from collections.abc import Callable
from math import ceil, gcd
from typing import TYPE_CHECKING

from market_core.mechanisms.procurement import TooLarge

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

    Ints = NDArray[int64]
    First = Callable[[Ints, int], Ints]
    """Picks so many of some positions, in the order of their keys."""

BLOCK = 2**15
"""So many values are divided at a time: what is in between stays near the processor."""
SAMPLE = 2**13
"""About how many remainders say where to look for the last one that goes up."""
_AROUND = 5
"""How many standard deviations of the sample it is looked for on both sides."""
_LIMIT = 2**62


def shares(factor: int, values: "Ints", divisor: int, total: int, first: "First") -> "Ints":
    """Return factor x values / divisor, rounded down or up to sum to `total`: largest remainders first.

    `first` settles ties. Values, factor, divisor and quotients are below 2^62. Raises TooLarge where they are so
    large together that 64 bits do not tell the remainders. Source: Hamilton's method of apportionment.

    >>> import numpy as np
    >>> shares(10, np.array([1, 1, 2]), 4, 10, lambda ties, number: ties[:number]).tolist()
    [3, 2, 5]
    """
    common = gcd(factor, divisor)  # remainders keep their order
    factor, divisor = factor // common, divisor // common
    parts = _rounded_down(factor, values, divisor)
    more = total - int(parts.sum())
    if not more:
        return parts
    low, high = _around(factor, values, parts, divisor, more)
    near, remainders, above = _raised(factor, values, parts, divisor, low, high)
    more -= above
    if not 0 <= more <= len(near):  # the sample has misled
        parts = _rounded_down(factor, values, divisor)
        near, remainders, above = _raised(factor, values, parts, divisor, 0, divisor)
        more = total - int(parts.sum())
    if more:
        parts[_largest(near, remainders, more, first)] += 1
    return parts


def _rounded_down(factor: int, values: "Ints", divisor: int) -> "Ints":
    """Return factor x values // divisor."""
    most = int(values.max(initial=0))
    if factor * most < _LIMIT:
        return _divided(factor, values, divisor)
    # Rounding floats loses less than 2^-51 of a quotient; what that makes of a remainder must fit.
    if ((factor * most // divisor >> 51) + 3) * divisor >= _LIMIT:
        raise TooLarge("a price or a quantity is too large")
    return _estimated(factor, values, divisor)


def _divided(factor: int, values: "Ints", divisor: int) -> "Ints":
    """Do so where products fit into 64 bits."""
    import numpy as np

    parts = np.empty_like(values)
    for begin in range(0, len(values), BLOCK):
        block = slice(begin, begin + BLOCK)
        np.floor_divide(values[block] * factor, divisor, out=parts[block])
    return parts


def _estimated(factor: int, values: "Ints", divisor: int) -> "Ints":
    """Do so in floats, made exact by the remainders: products may overflow, their difference does not."""
    import numpy as np

    parts, ratio = np.empty_like(values), factor / divisor
    for begin in range(0, len(values), BLOCK):
        block, part = values[begin : begin + BLOCK], parts[begin : begin + BLOCK]
        np.copyto(part, block * ratio, casting="unsafe")
        remainders = block * factor
        remainders -= part * divisor
        if remainders.min() < 0 or remainders.max() >= divisor:
            part += remainders // divisor
    return parts


def divided_by_each(factors: "Ints", values: "Ints", divisors: "Ints") -> tuple["Ints", "Ints"]:
    """Return factors x values // divisors, position by position, and the remainders.

    All below 2^62, divisors above 0, no factor above its divisor. Raises TooLarge as `shares`.
    """
    most = int(values.max(initial=0))
    if ((most >> 51) + 3) * int(divisors.max(initial=1)) >= _LIMIT:
        raise TooLarge("a quantity is too large")
    parts = (values * (factors / divisors)).astype(values.dtype)
    remainders = factors * values - parts * divisors
    more = remainders // divisors
    return parts + more, remainders - more * divisors


def _around(factor: int, values: "Ints", parts: "Ints", divisor: int, more: int) -> tuple[int, int]:
    """Return two remainders between which the `more`-th largest of all is, most likely."""
    import numpy as np

    step = len(values) // SAMPLE
    if step < 2:  # all of them are hardly more
        return 0, divisor
    remainders = np.sort(values[::step] * factor - parts[::step] * divisor)
    number, portion = len(remainders), more / len(values)
    at, apart = number - number * portion, ceil(_AROUND * (number * portion * (1 - portion)) ** 0.5) + 1
    low, high = int(at - apart), int(at + apart)
    return int(remainders[low]) if low >= 0 else 0, int(remainders[high]) if high < number else divisor


def _raised(
    factor: int, values: "Ints", parts: "Ints", divisor: int, low: int, high: int
) -> tuple["Ints", "Ints", int]:
    """Raise the parts of remainders above `high`; return those from `low` to it, by position, and how many were raised."""
    import numpy as np

    near, found, above = [], [], 0
    for begin in range(0, len(values), BLOCK):
        part = parts[begin : begin + BLOCK]
        remainders = values[begin : begin + BLOCK] * factor
        remainders -= part * divisor
        up = remainders > high
        part += up
        above += int(np.count_nonzero(up))
        at = np.flatnonzero((remainders >= low) ^ up)
        near.append(at + begin)
        found.append(remainders[at])
    return np.concatenate(near), np.concatenate(found), above


def _largest(places: "Ints", remainders: "Ints", number: int, first: "First") -> "Ints":
    """Return the places of the `number` largest remainders; `first` settles ties."""
    import numpy as np

    least = np.partition(remainders, -number)[-number]
    up = places[remainders > least]
    return np.concatenate((up, first(places[remainders == least], number - len(up))))
