"""Statistics in decimals: the Beta, normal and Student distributions, alike on every machine.

The libm of one machine may differ from another's in the last bit, so no float is used. Decimal's sums, products,
quotients, roots, exp and ln are correctly rounded to the digits of `CONTEXT`, whatever context a caller works in:
the same digits on every machine. Results are good to about 12 decimal places; estimates show 6.
"""

from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

CONTEXT = Context(prec=28, Emax=999_999, Emin=-999_999)
"""Where estimates are calculated with. Its division is `CONTEXT.divide`: the core has no true division."""

ZERO, HALF, ONE, TWO = Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2)
LN_2 = TWO.ln(CONTEXT)
_HALF_LN_2PI = Decimal("0.9189385332046727417803297364")
_PRECISE = Decimal("1e-14")
_TINY = Decimal("1e-1000")
_MOST_STEPS = 10_000
# B(2k) / (2k (2k - 1)) of Stirling's series, as numerator and denominator.
_STIRLING = (
    (1, 12), (-1, 360), (1, 1260), (-1, 1680), (1, 1188), (-691, 360_360), (1, 156), (-3617, 122_400),
)  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")


def in_context(function: Callable[P, T]) -> Callable[P, T]:
    """Return `function`, run in CONTEXT whatever decimal context its caller works in."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return inside


def ratio(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Return numerator / denominator, correctly rounded to 28 digits."""
    return CONTEXT.divide(numerator, denominator)


def millionths(value: Decimal) -> int:
    """Return `value` in millionths, halves to the even one: the form in which an estimate is used and recorded.

    >>> millionths(Decimal("0.1234565")), millionths(ratio(Decimal(2), Decimal(3)))
    (123456, 666667)
    """
    return int(CONTEXT.to_integral_value(CONTEXT.scaleb(value, 6)))


def halved(times: Decimal) -> Decimal:
    """Return 2 ** -times, for any `times` of 0 or more.

    >>> halved(Decimal(0)), halved(Decimal(3)).quantize(Decimal("0.000001"))
    (Decimal('1'), Decimal('0.125000'))
    """
    return CONTEXT.exp(CONTEXT.multiply(CONTEXT.minus(times), LN_2)) if times else ONE


@in_context
def log_gamma(x: Decimal) -> Decimal:
    """Return ln Gamma(x) for x > 0, to about 18 places. Source: Stirling's series, DLMF 5.11.1, from 20 on.

    >>> log_gamma(Decimal(5)).quantize(Decimal("1e-12")) == Decimal(24).ln().quantize(Decimal("1e-12"))
    True
    """
    product = ONE
    while x < 20:
        product *= x
        x += 1
    square = ratio(ONE, x * x)
    series, power = ZERO, ratio(ONE, x)
    for numerator, denominator in _STIRLING:
        series += ratio(numerator * power, Decimal(denominator))
        power *= square
    return (x - HALF) * x.ln() - x + _HALF_LN_2PI + series - product.ln()


@in_context
def beta_cdf(x: Decimal, a: Decimal, b: Decimal) -> Decimal:
    """Return I_x(a, b), the chance that a Beta(a, b) variable is at most x; a, b > 0.

    Source: the continued fraction DLMF 8.17.22, on the side of the mean where it converges quickly.

    >>> beta_cdf(Decimal("0.5"), Decimal(1), Decimal(2)).quantize(Decimal("0.000001"))
    Decimal('0.750000')
    """
    if x <= 0:
        return ZERO
    if x >= 1:
        return ONE
    return _below(x, a, b, _log_beta(a, b))


@lru_cache(maxsize=4096)
@in_context
def beta_quantile(chance: Decimal, a: Decimal, b: Decimal) -> Decimal:
    """Return the x with I_x(a, b) = chance, to 12 places; 0 < chance < 1.

    Newton's method, kept within a bracket that is halved where it would leave it.

    >>> beta_quantile(Decimal("0.25"), Decimal(2), Decimal(1)).quantize(Decimal("0.000001"))  # the square root
    Decimal('0.500000')
    """
    log_beta = _log_beta(a, b)
    low, high, x = ZERO, ONE, ratio(a, a + b)
    for _ in range(_MOST_STEPS):
        error = _below(x, a, b, log_beta) - chance
        low, high = (x, high) if error < 0 else (low, x)
        step = ratio(error, _density(x, a, b, log_beta))
        moved = x - step
        if not low < moved < high:
            moved = HALF * (low + high)
        if abs(moved - x) < _PRECISE or high - low < _PRECISE:
            return moved
        x = moved
    raise ArithmeticError("the quantile was not found")


@lru_cache(maxsize=4096)
@in_context
def student_quantile(chance: Decimal, freedom: Decimal) -> Decimal:
    """Return the t that a Student variable with `freedom` degrees of freedom is below with `chance` >= 1/2.

    Source: T^2 / (freedom + T^2) is Beta(1/2, freedom/2).

    >>> student_quantile(Decimal("0.95"), Decimal(10)).quantize(Decimal("0.0001"))  # of any table
    Decimal('1.8125')
    """
    if chance == HALF:
        return ZERO
    y = beta_quantile(2 * chance - 1, HALF, HALF * freedom)
    return ratio(freedom * y, 1 - y).sqrt()


def _log_beta(a: Decimal, b: Decimal) -> Decimal:
    return log_gamma(a) + log_gamma(b) - log_gamma(a + b)


def _density(x: Decimal, a: Decimal, b: Decimal, log_beta: Decimal) -> Decimal:
    return ((a - 1) * x.ln() + (b - 1) * (1 - x).ln() - log_beta).exp()


def _below(x: Decimal, a: Decimal, b: Decimal, log_beta: Decimal) -> Decimal:
    """Return I_x(a, b) for 0 < x < 1; the fraction is quick below the mean, the mirror image above it."""
    front = (a * x.ln() + b * (1 - x).ln() - log_beta).exp()
    if x * (a + b + 2) <= a + 1:
        return ratio(front, a * _fraction(x, a, b))
    return 1 - ratio(front, b * _fraction(1 - x, b, a))


def _fraction(x: Decimal, a: Decimal, b: Decimal) -> Decimal:
    """Return 1 + d1/(1 + d2/(1 + ...)), forward by the method of Lentz (1976)."""
    value, above, below = ONE, ONE, ZERO
    for step in range(1, _MOST_STEPS):
        m, odd = divmod(step, 2)
        if odd:
            term = ratio(-(a + m) * (a + b + m) * x, (a + 2 * m) * (a + 2 * m + 1))
        else:
            term = ratio(m * (b - m) * x, (a + 2 * m - 1) * (a + 2 * m))
        below = ratio(ONE, (1 + term * below) or _TINY)
        above = 1 + ratio(term, above) or _TINY
        value *= above * below
        if abs(above * below - 1) < _PRECISE:
            return value
    raise ArithmeticError("the continued fraction did not converge")
