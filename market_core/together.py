"""Several one-winner auctions of one buyer, decided as one: each provider within the work that it can take on.

An auction that comes away empty although it has bids stays closed: it can be awarded again when somebody has time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from market_core.auction import Auction, binding
from market_core.auction_rules import closing
from market_core.awards import ranking, ranking_digest
from market_core.canonical import canonical, digest
from market_core.commands import AwardAuction
from market_core.events import AuctionAwarded, BidSubmitted, Event, Proof, Together, Winner
from market_core.facts import Facts
from market_core.mechanisms import assignment
from market_core.mechanisms.assignment import Task, TaskAward, TaskBid, TaskProblem
from market_core.mechanisms.solve import Question, SetRule, Solution, check
from market_core.rejections import Code, Rejection, first
from market_core.sets import proof, solved, tie_key
from market_core.values import from_micros, micros, owner_of

_MOST_INLINE = 100_000
"""Auctions times bids that are decided at once, in some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class DecidedTogether:
    """One decision on several auctions: for each its bids and the winner among them, None where it has none."""

    auctions: tuple[Auction, ...]
    bids: tuple[tuple[BidSubmitted, ...], ...]
    winners: tuple[Winner | None, ...]
    capacity: Mapping[str, int]
    proof: Proof


def bidders(auctions: Sequence[Auction], now: datetime) -> tuple[str, ...]:
    """Return whose bids bind now, each once."""
    return tuple(dict.fromkeys(bid.bidder for auction in auctions for bid in binding(auction, now)))


def closed_at(auctions: Sequence[Auction], now: datetime) -> datetime:
    """Return when the bidding was over in all of them."""
    return max(min(auction.closed_at or now, auction.closes_at or now, now) for auction in auctions)


def question(
    auctions: Sequence[Auction], now: datetime, capacity: Mapping[str, int], rule: SetRule | None = None
) -> Question:
    """Return what must be solved to decide the auctions together, under their payment rule or another.

    `capacity`: how much more work a bidder takes, where it has a limit. Raises the Rejection `not_together`.
    """
    applied = rule or _one_rule(auctions)
    why = _unfit(auctions, applied)
    if why:
        raise Rejection(Code.NOT_TOGETHER, why=why)
    bids = [(task, bid) for task, auction in enumerate(auctions) for bid in binding(auction, now)]
    problem = TaskProblem(
        tuple(Task(_micros(auction), auction.terms.priority) for auction in auctions),
        tuple(_bid(task, auctions[task], bid) for task, bid in bids),
        {bidder: most for bidder, most in capacity.items() if most < len(auctions)},
    )
    scored = [bid.score for _, bid in bids] if any(auction.basis for auction in auctions) else []
    besides = digest(
        canonical([[auction.terms.auction_id for auction in auctions], problem.capacity, scored])
    )
    return Question(problem, tuple(bid.bid_id for _, bid in bids), applied, besides=besides)


def _one_rule(auctions: Sequence[Auction]) -> SetRule:
    rules = {auction.terms.payment_rule for auction in auctions}
    if rules == {"vcg"}:
        return "vcg"
    if rules != {"pay_as_bid"}:
        why = f"all must pay_as_bid, or all vcg; they have {', '.join(sorted(rules))}"
        raise Rejection(Code.NOT_TOGETHER, why=why)
    return "pay_as_bid"


def _unfit(auctions: Sequence[Auction], rule: SetRule) -> str:
    """Return why the auctions cannot be decided together under a rule, empty where they can."""
    for auction in auctions:
        terms = auction.terms
        if terms.quantity > 1 or terms.lots or terms.schedule is not None:
            return f"{terms.auction_id} is not for one task with one winner, chosen by score"
    if rule == "vcg" and any(auction.terms.max_price is None for auction in auctions):
        return "vcg needs a max_price on each of them"
    if rule == "vcg" and len({auction.terms.priority for auction in auctions}) > 1:
        return "vcg needs the same priority for all of them"
    return ""


def _micros(auction: Auction) -> int | None:
    return None if auction.terms.max_price is None else micros(auction.terms.max_price)


def _bid(task: int, auction: Auction, bid: BidSubmitted) -> TaskBid:
    key, owner = tie_key(auction.terms, bid), owner_of(bid.bidder)
    return TaskBid(task, bid.bidder, key, micros(bid.cost), micros(bid.score), owner)


def is_small(asked: Question) -> bool:
    """Return whether deciding takes some hundredths of a second at most, so that it needs no solver."""
    assert isinstance(asked.problem, TaskProblem)  # as `question` makes it
    return len(asked.problem.tasks) * len(asked.bids) <= _MOST_INLINE


def decide(
    auctions: Sequence[Auction], facts: Facts, capacity: Mapping[str, int], rule: SetRule | None = None
) -> DecidedTogether:
    """Return the decision on the bids that bind now. Raises the Rejection that says why there is none."""
    asked = question(auctions, facts.now, capacity, rule)
    solution = facts.answer(asked)
    if solution is None:
        if not (facts.may_solve or is_small(asked)):
            raise Rejection(Code.BUSY)  # bids or capacity are others than those that were solved for
        solution = solved(asked)
    check(asked, solution)
    return DecidedTogether(
        tuple(auctions),
        tuple(tuple(binding(auction, facts.now)) for auction in auctions),
        _winners(auctions, facts.now, solution),
        capacity,
        proof(solution),
    )


def _winners(auctions: Sequence[Auction], now: datetime, solution: Solution) -> tuple[Winner | None, ...]:
    bids = [bid for auction in auctions for bid in binding(auction, now)]
    assert isinstance(solution.award, TaskAward)  # it was checked
    return tuple(
        None if position is None else _winner(bids[position], solution.payments[position])
        for position in solution.award.winners
    )


def _winner(bid: BidSubmitted, payment: int) -> Winner:
    return Winner(bid.bidder, bid.bid_id, bid.cost, from_micros(payment), bid.score)


def ended(auctions: Sequence[Auction], command: AwardAuction, facts: Facts) -> list[list[Event]]:
    """Return what ends the bidding in each; of several refusals the first by precedence, with whom it is about."""
    events, refused = [], []
    for auction_id, auction in zip(command.auctions, auctions, strict=True):
        try:
            events.append(closing(command, auction, facts))
        except Rejection as why:
            refused.append(Rejection(why.code, **why.facts, about=auction_id))
    if refused:
        raise first(refused)
    return events


def awarded(auctions: Sequence[Auction], facts: Facts, capacity: Mapping[str, int]) -> list[list[Event]]:
    """Return for each auction its part of the decision; nothing for one that has bids, but no winner."""
    made = decide(auctions, facts, capacity)
    return [_awarded(made, place, facts) for place in range(len(auctions))]


def _awarded(made: DecidedTogether, place: int, facts: Facts) -> list[Event]:
    auction, winner = made.auctions[place], made.winners[place]
    if winner is None and made.bids[place]:
        return []
    winners = () if winner is None else (winner,)
    ranked = ranking(auction, facts.now, winners)
    return [
        AuctionAwarded(
            facts.now,
            winners,
            _runner_up_score(ranked),
            len(ranked),
            ranking_digest(ranked),
            assignment.MECHANISM,
            grace=facts.windows.grace,
            basis=auction.basis,
            proof=made.proof,
            together=Together(
                tuple(other.terms.auction_id for other in made.auctions),
                {bid.bidder: made.capacity[bid.bidder] for bid in ranked if bid.bidder in made.capacity},
            ),
        )
    ]


def _runner_up_score(ranked: Sequence[BidSubmitted]) -> Decimal | None:
    """Return the best score of another owner than the winner's; it may be lower than the winner's."""
    others = (bid.score for bid in ranked[1:] if owner_of(bid.bidder) != owner_of(ranked[0].bidder))
    return next(others, None)
