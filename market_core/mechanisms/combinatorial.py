"""Lots and bundles: a buyer of several lots, bids on sets of them, and the best set of bids, exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from market_core.mechanisms.procurement import (
    DoesNotFit,
    Limits,
    Proof,
    TooLarge,
    Unproved,
)
from market_core.values import largest_remainder

if TYPE_CHECKING:
    from market_core.mechanisms.combinatorial_part import Option, Part

MECHANISM = "combinatorial/1"
"""Name and version, recorded in each award; what made it. A recorded decision is not made again."""
MOST_LOTS = 500
MOST_BIDS = 10_000


@dataclass(frozen=True, slots=True)
class LotBid:
    """`cost` in micro-credits for all of `lots`, positions in the problem's; `extra` + cost is the score.

    `key` is the tie key: 64 hex digits, unique among the bids.
    """

    bidder: str
    key: str
    lots: frozenset[int]
    cost: int
    extra: int = 0

    @property
    def score(self) -> int:
        """Cost and extra, in micro-credits; lower is better."""
        return self.cost + self.extra


@dataclass(frozen=True, slots=True)
class LotProblem:
    """`lots` are max_prices, what leaving a lot unbought costs the buyer; None: it is bought if possible.

    `combine`: a bidder's bids are alternatives (`xor`) or add up (`or`). `at_most`: the most lots a bidder takes,
    summed over its winning bids. Shares in `limits` are of the lots bought, each counted once, and of the costs.
    """

    lots: tuple[int | None, ...]
    bids: tuple[LotBid, ...]
    combine: Literal["xor", "or"] = "xor"
    at_most: Mapping[str, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class LotAward:
    """`winners` are positions in the bids, `unbought` in the lots; `score` holds the max_prices of unbought lots."""

    winners: tuple[int, ...]
    unbought: tuple[int, ...]
    score: int
    proof: Proof


def decide(problem: LotProblem, seconds: float | None = None) -> LotAward:
    """Return the winning bids: the most lots without a max_price, then the least score with the outside option.

    A lot may be covered twice. Ties: the least sum of the first 32 bits of the winners' keys, then the ascending
    list of keys that is lexicographically least. Each solve takes at most `seconds`; out of time the status is
    "feasible" and ties may stand as found. Raises TooLarge; Infeasible, naming a smallest set of limits that
    conflicts (buying nothing is allowed without min_winners); Unproved, if time ran out before anything was found.
    Source: the winner determination problem with free disposal, Rothkopf, Pekec and Harstad (1998).

    >>> a, b, c = (digit * 64 for digit in "abc")
    >>> single, other = LotBid("ann", a, frozenset({0}), 10), LotBid("bob", b, frozenset({1}), 10)
    >>> both = LotBid("cyd", c, frozenset({0, 1}), 100)
    >>> problem = LotProblem((None, None), (single, other, both))
    >>> award = decide(problem)
    >>> award.winners, award.score
    ((0, 1), 20)
    >>> payments(problem, award, "vcg"), payments(problem, award, "core")
    ({0: 90, 1: 90}, {0: 50, 1: 50})
    """
    from market_core.mechanisms.combinatorial_part import union
    from market_core.mechanisms.combinatorial_search import best

    found = best(_part(problem), seconds)
    covered = union(found.chosen)
    proved = found.gap == 0 and found.settled
    return LotAward(
        tuple(sorted(option.position for option in found.chosen)),
        tuple(lot for lot in range(len(problem.lots)) if not covered >> lot & 1),
        found.score,
        Proof("optimal" if proved else "feasible", found.gap, found.bound, found.solver),
    )


def worth(problem: LotProblem, winners: Sequence[int]) -> tuple[tuple[int, ...], int] | None:
    """Return the lots that bids at these positions leave unbought and their score, None if they may not win together."""
    from market_core.mechanisms.combinatorial_part import union

    part = _part(problem)
    chosen = [option for option in part.options if option.position in set(winners)]
    if not part.allows(chosen):
        return None
    covered = union(chosen)
    unbought = tuple(lot for lot in range(len(problem.lots)) if not covered >> lot & 1)
    return unbought, part.value(chosen)[1]


def payments(
    problem: LotProblem,
    award: LotAward,
    rule: Literal["pay_as_bid", "vcg", "core"],
    seconds: float | None = None,
) -> Mapping[int, int]:
    """Return what each winning bid, by its position, is paid, in micro-credits.

    `vcg`: cost + (least score without the bidder - least score), the outside option in both. `core`: see
    `combinatorial_core`; rounded down. Both are at least the cost and, where each lot has one, at most the sum of
    the lots' max_prices: that caps a bid whose extra is below 0, and one that a limit makes indispensable. Under
    `or` a bidder's payment is split over its winning bids in proportion to cost, largest remainder, ties in key
    order. Raises DoesNotFit (shares of cost reward lying under vcg and core), NoCompetition and Unproved.
    Source: Vickrey (1961), Clarke (1971), Groves (1973); Day and Raghavan (2007), Day and Cramton (2012).
    """
    from market_core.mechanisms.combinatorial_core import surpluses
    from market_core.mechanisms.combinatorial_search import increases

    if rule == "pay_as_bid":
        return {position: problem.bids[position].cost for position in award.winners}
    if problem.limits.max_spend_share is not None:
        raise DoesNotFit(
            "max_spend_share fits only pay_as_bid: it makes what may win depend on reported costs"
        )
    if award.proof.gap:
        raise Unproved(award.proof.gap)
    part = _part(problem)
    chosen = [option for option in part.options if option.position in set(award.winners)]
    surplus = _capped(part, chosen, increases(part, chosen, seconds))
    if rule == "core":
        surplus = surpluses(part, chosen, surplus, seconds)
    return _split(chosen, surplus)


def threshold(
    problem: LotProblem, award: LotAward, position: int, seconds: float | None = None
) -> int | None:
    """Return the cost below which a losing bid would have won, other things equal; None if at no cost.

    In micro-credits: the score of the optimum less that of the best decision which includes the bid at cost 0. At
    the threshold itself the tie key decides. Raises DoesNotFit under max_spend_share, where there need not be one,
    and Unproved.
    """
    from market_core.mechanisms.combinatorial_search import best

    if problem.limits.max_spend_share is not None:
        raise DoesNotFit("under max_spend_share a lower cost need not help")
    if award.proof.gap:
        raise Unproved(award.proof.gap)
    part = _part(problem)
    # A reward greater than any difference of scores includes the bid wherever as many lots can be bought with it.
    reward = part.span + problem.bids[position].cost
    options = tuple(
        replace(option, cost=0, score=option.score - option.cost - reward)
        if option.position == position
        else option
        for option in part.options
    )
    found = best(replace(part, options=options), seconds, ties=False)
    if found.gap:
        raise Unproved(found.gap)
    if all(option.position != position for option in found.chosen):
        return None
    most = award.score - (found.score + reward)
    return most if most > 0 else None


def _part(problem: LotProblem) -> "Part":
    """Check a problem and return it in bits, its bids in key order."""
    from market_core.mechanisms.combinatorial_part import Option, Part

    if len(problem.bids) > MOST_BIDS:
        raise TooLarge(f"{MOST_BIDS:,} bids")
    if len(problem.lots) > MOST_LOTS:
        raise TooLarge(f"{MOST_LOTS} lots")
    if len({bid.key for bid in problem.bids}) < len(problem.bids):
        raise ValueError("two bids have the same key")
    lots = frozenset(range(len(problem.lots)))
    if not all(bid.lots and bid.lots <= lots for bid in problem.bids):
        raise ValueError("a bid is on lots that there are")
    bits = [1 << lot for lot in range(len(problem.lots))]
    options = [
        Option(position, bid.bidder, bid.key, sum(map(bits.__getitem__, bid.lots)), bid.cost, bid.score)
        for position, bid in enumerate(problem.bids)
    ]
    return Part(
        dict(enumerate(problem.lots)),
        tuple(sorted(options, key=lambda option: option.key)),
        problem.combine == "xor",
        problem.at_most,
        problem.limits,
    )


def _capped(part: "Part", chosen: "Sequence[Option]", surplus: Mapping[str, int]) -> dict[str, int]:
    """Return the surpluses held to the max_prices of each winner's lots, where all have one, less its cost."""
    from market_core.mechanisms.combinatorial_part import union

    capped = {}
    for bidder, most in surplus.items():
        own = [option for option in chosen if option.bidder == bidder]
        prices = [price for lot, price in part.prices.items() if union(own) >> lot & 1]
        known = [price for price in prices if price is not None]
        room = sum(known) - sum(option.cost for option in own)
        capped[bidder] = most if len(known) < len(prices) else max(min(most, room), 0)
    return capped


def _split(chosen: "Sequence[Option]", surplus: Mapping[str, int]) -> dict[int, int]:
    """Return each bid's payment: its cost and its part of the bidder's surplus."""
    paid: dict[int, int] = {}
    for bidder, above in surplus.items():
        own = sorted((option for option in chosen if option.bidder == bidder), key=lambda each: each.key)
        costs = [option.cost for option in own]
        total = sum(costs) + above
        parts = largest_remainder(total, costs if any(costs) else [1] * len(own), [each.key for each in own])
        paid |= {option.position: part for option, part in zip(own, parts, strict=True)}
    return dict(sorted(paid.items()))
