"""One task, one winner: the bid with the least score, paid its cost or by the second score."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

MECHANISM = "single/1"
"""Name and version, recorded in each award: what made it. A recorded decision is not made again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`winner` and `runner_up` are positions in the bids given; `payment` is in micro-credits."""

    winner: int
    payment: int
    runner_up: int | None


def ranking(scores: Sequence[int], tie_key: Callable[[int], str]) -> list[int]:
    """Return the positions of `scores` from best (least) to worst, equal ones by ascending tie key.

    `tie_key(position)` is asked only where scores are equal. The order of `scores` makes no difference
    to who comes where.

    >>> ranking([3, 1, 3], tie_key=lambda i: "ba?"[i % 3])
    [1, 2, 0]
    """
    order = sorted(range(len(scores)), key=scores.__getitem__)
    for score, count in Counter(scores).items():
        if count > 1:
            first = bisect_left(order, score, key=scores.__getitem__)
            order[first : first + count] = sorted(order[first : first + count], key=tie_key)
    return order


def decide(
    costs: Sequence[int],
    scores: Sequence[int],
    order: Sequence[int],
    payment_rule: Literal["pay_as_bid", "second_price"],
    max_price: int | None,
    owners: Sequence[str] | None = None,
) -> Decision | None:
    """Return who wins and what it is paid, or None without a bid.

    `costs`, `scores`, `max_price` in micro-credits; `order` as `ranking` gives it; every cost is within
    `max_price`. `pay_as_bid`: the winner's cost. `second_price`: cost + (runner-up's score - own score),
    at most max_price: the winner matches the runner-up's score with its own quality. Alone it gets
    max_price, or without one its own cost. Where `owners` tells whose each bid is, only another owner's bid
    counts as runner-up: nobody sets its own payment. Nothing is divided, so nothing is rounded.
    Source: Vickrey (1961); Che (1993), the second-score auction.

    >>> decide([30, 40], [30, 40], [0, 1], "second_price", 50)
    Decision(winner=0, payment=40, runner_up=1)
    >>> decide([30], [30], [0], "second_price", 50).payment
    50
    """
    if not order:
        return None
    winner = order[0]
    rivals = (i for i in order[1:] if owners is None or owners[i] != owners[winner])
    runner_up = next(rivals, None)
    cost = costs[winner]
    if payment_rule == "pay_as_bid":
        payment = cost
    elif runner_up is None:
        payment = cost if max_price is None else max_price
    else:
        payment = cost + scores[runner_up] - scores[winner]
        if max_price is not None:
            payment = min(payment, max_price)
    return Decision(winner, payment, runner_up)
