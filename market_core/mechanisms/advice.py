"""What an auction may bring, from the costs asked in earlier ones: bidders, payments, and a good max_price.

The costs asked for a capability are taken as draws from one distribution, the one they show, and the number of
bidders as one of those seen. All chances are exact fractions of these counts; amounts are whole micro-credits.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from market_core.mechanisms.order_statistics import ENDS, Pool, Span
from market_core.values import MICRO, half_even

Rule = Literal["pay_as_bid", "second_price"]
LEAST_AUCTIONS = 5
LEAST_BIDS = 20
"""With fewer there is no advice: it would be an anecdote, and could tell what a single bidder asked."""
MOST_BIDS = 500
"""The latest so many costs are enough."""


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier auction for the capability: the costs asked in it (micro-credits, one per bidder), and its rule."""

    costs: tuple[int, ...]
    payment_rule: Rule


@dataclass(frozen=True, slots=True)
class Advice:
    """`bidders` per auction, and the payment by rule (micro-credits) where one is paid; None: too little is known.

    `asked_under`: the rule of the auctions that the costs are from. `max_price` is a suggestion in micro-credits,
    `awarded` the chance (millionths) that somebody asks no more than it. `thin`: the history is too short to say.
    """

    auctions: int
    bids: int
    thin: bool
    asked_under: Rule | None = None
    bidders: Span | None = None
    pay_as_bid: Span | None = None
    second_price: Span | None = None
    max_price: int | None = None
    awarded: int | None = None


def advise(
    history: Sequence[Past], value: int | None = None, standing: Sequence[int] = (), least_bidders: int = 0
) -> Advice:
    """Return advice from `history` (oldest first); `value`: what the work is worth to the buyer, micro-credits.

    `standing`: costs of bids that would enter at once; they are draws like the others, whatever rule the others were
    asked under. `least_bidders`: how many bids there will be at least. Neither makes a short history longer.

    Costs asked under second_price are taken as they are: asking one's cost is best there. Costs asked under
    pay_as_bid contain a margin. The costs of one rule are used, those of second_price where there are enough.

    From second_price costs: under second_price the second lowest of n >= 2 is paid. Under pay_as_bid a bidder
    that bids as well as it can asks the mean of that, given that its own cost is the lowest: the mean is the
    same and the interval narrower (Vickrey 1961; for n that bidders do not know, Harstad, Kagel and Levin 1990).
    From pay_as_bid costs: the lowest of n >= 1 is paid; for second_price the mean is the same (revenue
    equivalence, Myerson 1981) and so, for want of a better one, is the interval.

    max_price, with `value`: the observed cost r that makes (value - r) x (share of costs <= r) largest, the
    least of equals: value - r = F(r)/f(r), whatever the number of bidders (Myerson 1981; uniform from 0: half
    of value). With costs that contain a margin it errs upwards. None if nobody asks less than `value`. Without
    `value`: what one payment in twenty exceeds. Raises nothing: too short a history is `thin`.

    >>> past = [Past((10, 20, 30, 40), "second_price")] * 5
    >>> advise(past).second_price, advise(past, value=60).max_price, advise(past[:4]).thin
    (Span(mean=Fraction(1345, 64), low=10, high=40), 30, True)
    """
    counts = Counter(len(past.costs) for past in history)
    asked = _asked(history)
    if asked is None:
        return Advice(len(history), _bids(counts), thin=True)
    rule, pool = asked
    pool = Pool(sorted((*pool.costs, *standing)), _at_least(least_bidders, pool.sizes))
    pay_as_bid, second_price = _payments(pool, rule)
    if value is None:
        most = second_price.high if second_price else None
    else:
        most = _best_max_price(pool.costs, value)
    return Advice(
        len(history),
        _bids(counts),
        thin=False,
        asked_under=rule,
        bidders=_bidders(_at_least(least_bidders, counts)),
        pay_as_bid=pay_as_bid,
        second_price=second_price,
        max_price=most,
        awarded=None
        if most is None
        else _millionths(1 - pool.lowest_above(most, _at_least(least_bidders, counts))),
    )


def _at_least(least: int, sizes: Mapping[int, int]) -> Counter[int]:
    """Return how often there were so many bids, had there been at least so many."""
    made = Counter[int]()
    for size, often in sizes.items():
        made[max(size, least)] += often
    return made


def _asked(history: Sequence[Past]) -> tuple[Rule, Pool] | None:
    """Return the rule whose costs are used, and these; None if there are not enough of either."""
    rules: tuple[Rule, ...] = ("second_price", "pay_as_bid")
    for rule in rules:
        asked = [past.costs for past in history if past.payment_rule == rule and past.costs]
        if len(asked) >= LEAST_AUCTIONS and sum(map(len, asked)) >= LEAST_BIDS:
            return rule, Pool.of(asked, MOST_BIDS)
    return None


def _payments(pool: Pool, rule: Rule) -> tuple[Span | None, Span | None]:
    """Return the payment under pay_as_bid and under second_price, from costs asked under `rule`."""
    if rule == "pay_as_bid":
        lowest = pool.span(pool.lowest_above)
        return lowest, lowest
    if not pool.contested:
        return None, None
    second = pool.span(pool.second_above)
    cheapest = pool.span(lambda cost: pool.lowest_above(cost, pool.contested))
    low, high = (half_even(*pool.next_after(end).as_integer_ratio()) for end in (cheapest.low, cheapest.high))
    return Span(second.mean, low, high), second


def _best_max_price(costs: Sequence[int], value: int) -> int | None:
    worth = [((value - cost) * bisect_right(costs, cost), -cost) for cost in costs if cost < value]
    return -max(worth)[1] if worth else None


def _bidders(counts: Mapping[int, int]) -> Span:
    """Return the number of bidders: its mean, and the least numbers that so many auctions did not exceed."""
    auctions = sum(counts.values())
    reached, below = [], 0
    for number in sorted(counts):
        below += counts[number]
        reached.append((number, Fraction(below, auctions)))
    low, high = (next(number for number, share in reached if share >= end) for end in ENDS)
    return Span(Fraction(_bids(counts), auctions), low, high)


def _bids(counts: Mapping[int, int]) -> int:
    return sum(number * often for number, often in counts.items())


def _millionths(chance: Fraction) -> int:
    return half_even(chance.numerator * MICRO, chance.denominator)
