"""Numbers as unevaluated sums of two doubles: about 100 binary digits, for whole arrays at once.

Only additions, subtractions, products and quotients of single doubles are used, which IEEE 754 rounds alike on every
machine. Source: Dekker (1971); Knuth, The Art of Computer Programming, volume 2, 4.2.2; Joldes, Muller and Popescu
(2017), who bound the relative error of each operation by 2^-102.
"""

from typing import Any

Pair = tuple[Any, Any]
"""Arrays of doubles, or doubles: what is meant is the sum, and the second is less than a rounding of the first."""

_HALVES = 2.0**27 + 1


def pair(numbers: Any) -> Pair:
    """Return whole numbers below 2^53, or doubles, as a pair of arrays."""
    import numpy as np

    top = np.asarray(numbers, dtype=np.float64)
    return top, np.zeros_like(top)


def product(one: Pair, other: Pair) -> Pair:
    """Return one x other.

    >>> product((2.0**30 + 1, 0.0), (2.0**30 + 1, 0.0)) == (2.0**60 + 2.0**31, 1.0)
    True
    """
    top, rest = _exact_product(one[0], other[0])
    return _quick_sum(top, rest + (one[0] * other[1] + one[1] * other[0]))


def quotient(one: Pair, other: Pair) -> Pair:
    """Return one / other, which is not 0.

    >>> from fractions import Fraction
    >>> third = quotient((1.0, 0.0), (3.0, 0.0))
    >>> abs(sum(map(Fraction, third)) - Fraction(1, 3)) < Fraction(1, 2**103)
    True
    """
    first = one[0] / other[0]
    rest = _less_product(one, first, other)
    second = rest[0] / other[0]
    rest = _less_product(rest, second, other)
    top, low = _quick_sum(first, second)
    return _quick_sum(top, low + rest[0] / other[0])


def plus(one: Pair, other: Pair) -> Pair:
    """Return one + other; its error is relative to the larger of them."""
    top, rest = _exact_sum(one[0], other[0])
    low, least = _exact_sum(one[1], other[1])
    top, rest = _quick_sum(top, rest + low)
    return _quick_sum(top, rest + least)


def minus(one: Pair, other: Pair) -> Pair:
    """Return one - other; its error is relative to the larger of them."""
    return plus(one, (-other[0], -other[1]))


def total(numbers: Pair) -> Pair:
    """Return the sum of all, halves added to halves; exact for whole numbers while it is below 2^100.

    >>> total(pair([2.0**60, 1, 2])) == (2.0**60, 3.0)
    True
    """
    top, low = numbers
    rest: Pair = (0.0, 0.0)
    while len(top) > 1:
        half = len(top) // 2
        if len(top) % 2:
            rest = plus(rest, (top[-1], low[-1]))
        top, low = plus((top[:half], low[:half]), (top[half : 2 * half], low[half : 2 * half]))
    return plus(rest, (top[0], low[0])) if len(top) else rest


def totals(numbers: Pair, first: Any) -> Pair:
    """Return the sums of groups, each from its `first` number to the next group's."""
    import numpy as np

    sizes = np.diff(first, append=len(numbers[0]))
    sums = at(numbers, first)
    for place in range(1, sizes.max(initial=0)):
        more = np.flatnonzero(sizes > place)
        put(sums, more, plus(at(sums, more), at(numbers, first[more] + place)))
    return sums


def least(one: Pair, other: Pair, where: Any) -> Pair:
    """Return the lesser of two, of other only `where` it counts."""
    import numpy as np

    other_is = where & ((other[0] < one[0]) | ((other[0] == one[0]) & (other[1] < one[1])))
    return np.where(other_is, other[0], one[0]), np.where(other_is, other[1], one[1])


def larger(one: Pair, other: Pair) -> Pair:
    """Return the larger of two."""
    import numpy as np

    first = (one[0] > other[0]) | ((one[0] == other[0]) & (one[1] > other[1]))
    return np.where(first, one[0], other[0]), np.where(first, one[1], other[1])


def put(numbers: Pair, places: Any, new: Pair) -> None:
    """Set the numbers at these places."""
    numbers[0][places], numbers[1][places] = new


def at(numbers: Pair, places: Any) -> Pair:
    """Return the numbers at these places."""
    return numbers[0][places], numbers[1][places]


def _exact_sum(one: Any, other: Any) -> Pair:
    top = one + other
    part = top - one
    return top, (one - (top - part)) + (other - part)


def _quick_sum(large: Any, small: Any) -> Pair:
    top = large + small
    return top, small - (top - large)


def _halves(number: Any) -> Pair:
    turned = number * _HALVES
    top = turned - (turned - number)
    return top, number - top


def _exact_product(one: Any, other: Any) -> Pair:
    top = one * other
    (a, b), (c, d) = _halves(one), _halves(other)
    return top, ((a * c - top) + a * d + b * c) + b * d


def _less_product(one: Pair, factor: Any, other: Pair) -> Pair:
    top, rest = _exact_product(factor, other[0])
    return minus(one, _quick_sum(top, rest + factor * other[1]))
