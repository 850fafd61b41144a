"""Confidence that is paid for: a bidder says its chance of success p, and the outcome adjusts its payment.

With failure_price F and settle_confidence k, 0 < k <= F, the buyer's score has the failure term

    R(p) = F (1 - p) + k p (1 - p)

and after the outcome o (1 success, 0 failure) the payment moves by A(p, o) = (F - k + 2 k p)(o - p).

Why honesty is best. Let G(p) = -R(p) = -F + (F - k) p + k p^2. Its slope is G'(p) = F - k + 2 k p, so
A(p, o) = G'(p)(o - p), and for a true chance q the mean of A is G'(p)(q - p), which is 0 at p = q.

* pay_as_bid: to have the score s a bidder asks s - R(p) = s + G(p), apart from its other terms. If it wins, it
  gets s + G(p) + G'(p)(q - p) on average: s plus the height at q of the tangent to G at p. G is strictly convex
  (G'' = 2k > 0), so every tangent lies below G(q) except the one at p = q. For whatever score, p = q is best.
* second_price: a winner with score s is paid cost + (runner-up's score r - s) = r - R(p) = r + G(p): the same
  with r in place of s. Whether it wins depends on s alone, so for any s the honest p is best, and with it the
  honest cost. Since F >= k, R falls in p: more confidence never makes a score worse.

It holds where max_price does not bind: a cap on the payment before it is adjusted, or on the cost, takes away
what an honest p would ask for, and then a lower p can be better. A loser is not adjusted.
Source: Savage (1971), Gneiting and Raftery (2007), theorem 1: a score is proper where it is such a tangent. With
k = F it is the Brier score (1950) in credits.
"""

from fractions import Fraction
from math import ceil

from market_core.values import MICRO, half_even


def risk(confidence: int, failure_price: int, settle_confidence: int) -> int:
    """Return R(p) for `scoring.score(risk=...)`: in millionths of a micro-credit, half-even.

    `confidence` p in millionths; both prices in micro-credits. Raises ValueError as `settlement` does.

    >>> risk(900_000, 10_000_000, 10_000_000)  # 1.9 credits
    1900000000000
    """
    _check(confidence, failure_price, settle_confidence)
    doubt = MICRO - confidence
    return failure_price * doubt + half_even(settle_confidence * confidence * doubt, MICRO)


def settlement(confidence: int, success: bool, failure_price: int, settle_confidence: int) -> int:
    """Return A(p, o), what the outcome adds to the payment, in micro-credits, rounded up: to the payee's favour.

    Negative after a failure. Raises ValueError unless 0 <= p <= 1 and 0 < settle_confidence <= failure_price.

    >>> settlement(900_000, True, 10_000_000, 10_000_000), settlement(900_000, False, 10_000_000, 10_000_000)
    (1800000, -16200000)
    """
    _check(confidence, failure_price, settle_confidence)
    slope = (failure_price - settle_confidence) * MICRO + 2 * settle_confidence * confidence
    surprise = (MICRO if success else 0) - confidence
    return ceil(Fraction(slope * surprise, MICRO * MICRO))


def least_payment(payment: int, confidence: int, failure_price: int, settle_confidence: int) -> int:
    """Return what is left of `payment` after a failure, the least a bidder can end with; shown when it bids.

    Below 0 the provider owes it: with p = 1 a failure costs it failure_price + settle_confidence.

    >>> least_payment(5_000_000, 900_000, 10_000_000, 10_000_000)
    -11200000
    """
    return payment + settlement(confidence, False, failure_price, settle_confidence)


def most_payment(payment: int, confidence: int, failure_price: int, settle_confidence: int) -> int:
    """Return what `payment` becomes after a success: the most that the buyer may have to pay."""
    return payment + settlement(confidence, True, failure_price, settle_confidence)


def _check(confidence: int, failure_price: int, settle_confidence: int) -> None:
    if not 0 <= confidence <= MICRO:
        raise ValueError("a confidence is from 0 to 1")
    if not 0 < settle_confidence <= failure_price:
        raise ValueError("settle_confidence is above 0 and at most failure_price")
