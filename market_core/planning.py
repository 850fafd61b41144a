"""Advice before an auction is published: what the market's own history says a task will bring, and what is unclear in it.

Only decided auctions are looked at, and only in sums: with fewer than `advice.LEAST_AUCTIONS` of them, or
`advice.LEAST_BIDS` bids in them, there is no advice, for it could tell what one bidder asked.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from market_core import agent as agents
from market_core.agent import Agent
from market_core.auction import Auction, binding
from market_core.curves import FEWEST_OWNERS
from market_core.mechanisms.advice import Advice, Past, advise
from market_core.mechanisms.order_statistics import Span
from market_core.terms import Scoring, pays_one
from market_core.values import from_micros, half_even, micros, owner_of

LEAST_TIME = 60
"""Seconds that bidding should last at least."""
MOST_AUCTIONS = 100
_LATEST = Decimal("0.9")
_CRITERIA = re.compile(
    r"accept|criteri|must|should|done when|complete|deliver|pass(es)?\b|tests?\b|check|require|format",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"\d|percent|every|all\b|none\b|no \w+ errors?|score|rubric|metric", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Plan:
    """`advice` from `auctions` decided before; the rest are suggestions, None where the history does not say.

    `closes_in`: seconds in which 9 of 10 bidding periods had their last bid. `scoring`: weights from the expected payment
    and the usual time. `standing`: standing bids that would enter at once; `standing_counted`: whether their costs are
    in the advice, which takes three owners. `warnings` say what is unclear.
    """

    advice: Advice
    standing: int
    closes_in: int | None
    scoring: Scoring | None
    warnings: tuple[str, ...]
    standing_counted: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A standing bid that would enter an auction now: whose, and its cost in micro-credits."""

    owner: str
    cost: int


def standing_now(found: Sequence[Agent], capabilities: Sequence[str], buyer: str) -> list[Standing]:
    """Return the standing bids of agents that would enter an auction of `buyer` for these capabilities now."""
    made = []
    for agent in found:
        bid = agents.standing_bid(agent, capabilities)
        if bid is None or agents.room(agent, capabilities) == 0:
            continue
        if not buyer or owner_of(agent.name) != owner_of(buyer):
            made.append(Standing(owner_of(agent.name), micros(bid.cost)))
    return made


def plan(
    auctions: Sequence[Auction],
    standing: Sequence[Standing],
    value: Decimal | None,
    warnings: Sequence[str],
) -> Plan:
    """Return what `auctions` (oldest first, as `counts` chose them) and standing bids say of the next one of their kind.

    With fewer owners of standing bids their costs are left out: the advice could tell what one of them asks.
    """
    history = [_past(auction) for auction in auctions]
    counted = len({each.owner for each in standing}) >= FEWEST_OWNERS
    costs = [each.cost for each in standing] if counted else []
    made = advise(history, None if value is None else micros(value), costs, len(standing))
    if made.thin:
        return Plan(made, len(standing), None, None, tuple(warnings))
    scoring, closes_in = _scoring(auctions, made), _closes_in(auctions)
    return Plan(made, len(standing), closes_in, scoring, tuple(warnings), counted)


def counts(auction: Auction, capabilities: Sequence[str]) -> bool:
    """Return whether an auction is history for a task: decided, for one winner, by sealed or open bids, for these capabilities."""
    if auction.created is None or auction.award is None:
        return False
    terms = auction.terms
    asked = set(terms.requirements.capabilities)
    alike = asked >= set(capabilities) if capabilities else not asked
    return alike and terms.mechanism == "single" and pays_one(terms.payment_rule)


def _past(auction: Auction) -> Past:
    award, terms = auction.award, auction.terms
    assert award is not None  # likewise
    rule = terms.payment_rule
    assert pays_one(rule)  # as `counts` chose them
    return Past(tuple(micros(bid.cost) for bid in binding(auction, award.at)), rule)


def _closes_in(auctions: Sequence[Auction]) -> int | None:
    """Return how long after its creation nine of ten auctions had their last bid that was not a standing one."""
    lasts = sorted(
        max(bid.at for bid in own) - auction.terms.at
        for auction in auctions
        if (own := [bid for bid in auction.bids.values() if not bid.standing])
    )
    if not lasts:
        return None
    latest = lasts[-(-int(_LATEST * 100) * len(lasts) // 100) - 1]
    return max(-(-latest // timedelta(seconds=1)), LEAST_TIME)


def _scoring(auctions: Sequence[Auction], made: Advice) -> Scoring | None:
    """Return weights: a failure costs doing it again, useless quality half of that, twice the usual time a tenth."""
    if made.pay_as_bid is None:
        return None
    payment = half_even(*made.pay_as_bid.mean.as_integer_ratio())
    outcomes = [outcome for auction in auctions for outcome in auction.outcomes.values()]
    times = sorted(
        time for o in outcomes if (time := o.actual_time if o.actual_time is not None else o.estimated_time)
    )
    usual = micros(times[len(times) // 2]) if times else 0
    return Scoring(
        failure_price=from_micros(payment),
        quality_price=from_micros(half_even(payment, 2)),
        time_price=from_micros(half_even(payment * 100_000, usual)) if usual else Decimal(0),
        use_track_record=True,
    )


def unclear(description: str, *, deadline: bool, quality_priced: bool) -> list[str]:
    """Return what a bidder cannot know from a task's description, by plain signs: words and numbers, no judgement."""
    found = []
    if not description.strip():
        found.append("no description: say what is to be delivered and when it counts as done")
    elif not _CRITERIA.search(description):
        found.append("no acceptance criteria in the description: say what must hold for it to count as done")
    if not deadline:
        found.append("no deadline: bidders do not know when it is decided; give closes_in")
    if quality_priced and not _MEASURED.search(description):
        found.append(
            "quality has a price, but the description does not say how it is measured: give a number or a check"
        )
    return found


def amount(span: Span) -> tuple[Decimal, Decimal, Decimal]:
    """Return mean, low and high of a payment in credits."""
    mean = from_micros(half_even(*span.mean.as_integer_ratio()))
    return mean, from_micros(span.low), from_micros(span.high)
