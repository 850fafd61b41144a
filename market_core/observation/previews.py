"""What the buyer may see of an award before it is made: under its own payment rule and the others that fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from market_core import awards, together
from market_core.auction import Auction, status_at
from market_core.events import (
    AuctionCreated,
    BidSubmitted,
    Winner,
)
from market_core.facts import Facts
from market_core.lifecycle import check_move
from market_core.mechanisms.solve import SetRule, Solution
from market_core.observation.auctions import TOP
from market_core.rejections import Code, Rejection
from market_core.terms import PaymentRule
from market_core.values import from_micros, micros, total


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """What one payment rule makes of a closed auction. `premium` is payment over the winners' costs.

    `refused` says why the rule would decide nothing.
    """

    payment_rule: PaymentRule
    winners: tuple[Winner, ...]
    payment: Decimal | None
    premium: Decimal | None
    refused: Rejection | None = None


@dataclass(frozen=True, slots=True)
class PreviewSeen:
    """What the buyer sees before the award: the ranking, and what each rule that fits would make of the bids."""

    terms: AuctionCreated
    ranking: tuple[BidSubmitted, ...]
    ranked: int
    rules: tuple[RuleSeen, ...]


def preview(
    auction: Auction,
    viewer: str,
    facts: Facts,
    solutions: Mapping[PaymentRule, Solution | Rejection] | None = None,
) -> PreviewSeen:
    """Return what an award now would be. Only for the buyer, and only once nobody can bid any more.

    `solutions` are the answers to the questions of rules that take long to solve, where there are any.
    Raises the Rejections `unknown_auction`, `not_the_buyer`, or the one of the auction's status.
    """
    terms = auction.terms
    check_preview(auction, viewer, facts.now)
    seen = tuple(
        _rule_seen(auction, facts, rule, (solutions or {}).get(rule)) for rule in awards.fitting_rules(terms)
    )
    ranked = awards.ranking(auction, facts.now, seen[0].winners)
    return PreviewSeen(replace(terms, nonce=""), ranked[:TOP], len(ranked), seen)


def preview_together(
    auctions: Sequence[Auction],
    viewer: str,
    facts: Facts,
    capacity: Mapping[str, int],
    solutions: Mapping[SetRule, Solution | Rejection],
) -> tuple[RuleSeen, ...]:
    """Return what an award of these auctions together would be now, under the rules that decide several.

    Raises as `preview` does, or the Rejection `not_together` that applies to their own rule.
    """
    for auction in auctions:
        check_preview(auction, viewer, facts.now)
    own = together.question(auctions, facts.now, capacity).rule
    rules: tuple[SetRule, ...] = ("pay_as_bid", "vcg") if own == "pay_as_bid" else ("vcg", "pay_as_bid")
    seen = []
    for rule in rules:
        solution = solutions.get(rule)
        try:
            if isinstance(solution, Rejection):
                raise solution
            solved = () if solution is None else (solution,)
            made = together.decide(auctions, facts._replace(solutions=solved), capacity, rule)
            won = tuple(winner for winner in made.winners if winner is not None)
            seen.append(_as_seen(rule, won))
        except Rejection as refused:
            seen.append(RuleSeen(rule, (), None, None, refused))
    return tuple(seen)


def check_preview(auction: Auction, viewer: str, now: datetime) -> None:
    """Raise the Rejection that applies unless `viewer` may look at what an award would be."""
    if viewer != auction.terms.buyer:
        raise Rejection(Code.NOT_THE_BUYER)
    check_move(status_at(auction, now), "preview")


def _rule_seen(
    auction: Auction, facts: Facts, rule: PaymentRule, solution: Solution | Rejection | None
) -> RuleSeen:
    try:
        if isinstance(solution, Rejection):
            raise solution
        solved = () if solution is None else (solution,)
        made = awards.decide(auction, facts._replace(solutions=solved), rule)
    except Rejection as refused:
        return RuleSeen(rule, (), None, None, refused)
    return _as_seen(rule, made.winners)


def _as_seen(rule: PaymentRule, winners: tuple[Winner, ...]) -> RuleSeen:
    if not winners:
        return RuleSeen(rule, (), None, None)
    paid = total(winner.payment for winner in winners)
    cost = total(winner.cost for winner in winners)
    return RuleSeen(rule, winners, paid, from_micros(micros(paid) - micros(cost)))
