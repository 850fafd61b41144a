"""Who wins an auction and what is paid: its bids, handed to the mechanism that its terms ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from market_core import sets
from market_core.auction import Auction, binding
from market_core.canonical import canonical, digest
from market_core.events import AuctionAwarded, AuctionCreated, BidSubmitted, Proof, Winner
from market_core.facts import Facts
from market_core.mechanisms import dutch, single
from market_core.mechanisms.solve import Question, check
from market_core.rejections import Code, Rejection
from market_core.sets import tie_key
from market_core.terms import OneWinnerRule, PaymentRule, pays_one, rules_for
from market_core.values import from_micros, micros, micros_of_each, owner_of, plain


@dataclass(frozen=True, slots=True)
class Decided:
    """What a mechanism makes of the bids that count.

    `runner_up` is the best bid of another owner than the winner's, where one wins all; `rule` the payment rule
    applied; `unbought` units and lots stay without a bid; `ranked` is the ranking, where deciding made it anyway.
    """

    winners: tuple[Winner, ...]
    rule: PaymentRule
    mechanism: str
    runner_up: BidSubmitted | None = None
    unbought: int = 0
    unbought_lots: tuple[str, ...] = ()
    proof: Proof | None = None
    ranked: tuple[BidSubmitted, ...] | None = None


def decide(auction: Auction, facts: Facts, rule: PaymentRule | None = None) -> Decided:
    """Return what the auction's mechanism makes of the bids that bind now, under its own rule or another.

    Where sets of bids are searched, `facts.solutions` have the answer to `question`, if it takes long. Raises the
    Rejection that says why there is no decision.
    """
    applied = rule or auction.terms.payment_rule
    if _wins_alone(auction.terms, applied):
        assert pays_one(applied)  # CreateAuction offers no other for one winner, but vcg
        return _of_one(auction, facts.now, applied)
    return _of_sets(auction, facts, applied)


def _wins_alone(terms: AuctionCreated, rule: PaymentRule) -> bool:
    """Return whether the first by score takes all: a preview shows even an auction by vcg so."""
    return terms.mechanism not in ("units", "lots") or rule == "second_price"


def _of_one(auction: Auction, now: datetime, rule: OneWinnerRule) -> Decided:
    terms, bids = auction.terms, binding(auction, now)
    scores = micros_of_each(bid.score for bid in bids)
    order = single.ranking(scores, lambda position: tie_key(terms, bids[position]))
    made = single.decide(
        micros_of_each(bid.cost for bid in bids),
        scores,
        order,
        rule,
        None if terms.max_price is None else micros(terms.max_price),
        [owner_of(bid.bidder) for bid in bids],
    )
    if made is None:
        return Decided((), rule, single.MECHANISM, ranked=())
    best = bids[made.winner]
    winner = Winner(best.bidder, best.bid_id, best.cost, from_micros(made.payment), best.score)
    return Decided(
        (winner,),
        rule,
        single.MECHANISM,
        None if made.runner_up is None else bids[made.runner_up],
        ranked=tuple(bids[position] for position in order),
    )


def _of_sets(auction: Auction, facts: Facts, rule: PaymentRule) -> Decided:
    asked = sets.question(auction.terms, binding(auction, facts.now), rule)
    solution = facts.answer(asked)
    if solution is None:
        if not (facts.may_solve or sets.are_few(auction.terms, binding(auction, facts.now))):
            raise Rejection(Code.BUSY)  # the bids are others than those that were solved for
        solution = sets.solved(asked)
    bids = [auction.bids[auction.slot_of[bid_id]] for bid_id in asked.bids]
    check(asked, solution)
    return Decided(
        sets.winners(bids, asked, solution),
        solution.rule,
        sets.mechanism(asked),
        unbought=sets.unbought(asked, solution),
        unbought_lots=sets.unbought_lots(auction.terms, solution),
        proof=sets.proof(solution),
    )


def question(auction: Auction, now: datetime, rule: PaymentRule | None = None) -> Question | None:
    """Return what must be solved to decide the auction; None where deciding is quick anyway."""
    applied = rule or auction.terms.payment_rule
    bids = binding(auction, now)
    if _wins_alone(auction.terms, applied) or sets.are_few(auction.terms, bids):
        return None
    return sets.question(auction.terms, bids, applied)


def awarded(auction: Auction, facts: Facts) -> AuctionAwarded:
    """Return the decision on the bids that bind now, for good."""
    made = decide(auction, facts)
    ranked = ranking(auction, facts.now, made.winners) if made.ranked is None else made.ranked
    return AuctionAwarded(
        facts.now,
        made.winners,
        made.runner_up.score if made.runner_up else None,
        len(ranked),
        ranking_digest(ranked),
        made.mechanism,
        None if made.rule == auction.terms.payment_rule else made.rule,
        made.unbought,
        made.unbought_lots,
        made.proof,
        grace=facts.windows.grace,
        basis=auction.basis,
    )


def ranking_digest(ranked: Iterable[BidSubmitted | Winner]) -> str:
    """Return the digest of a ranking, which an award records: of ids and scores, best first."""
    return digest(canonical([(bid.bid_id, plain(bid.score)) for bid in ranked]))


def ranking(auction: Auction, now: datetime, winners: Sequence[Winner]) -> tuple[BidSubmitted, ...]:
    """Return the bids that bind at `now`, best first: the winners, then the others, each by score and tie key."""
    terms, bids = auction.terms, binding(auction, now)
    order = single.ranking(
        micros_of_each(bid.score for bid in bids), lambda position: tie_key(terms, bids[position])
    )
    won = {winner.bid_id for winner in winners}
    return tuple(sorted((bids[position] for position in order), key=lambda bid: bid.bid_id not in won))


def fitting_rules(terms: AuctionCreated) -> tuple[PaymentRule, ...]:
    """Return the payment rules that fit what the auction buys, its own first."""
    rules = rules_for(terms.quantity, terms.lots)
    if "second_price" in rules:
        rules = tuple(rule for rule in rules if rule != "vcg")  # which pays one winner the same
    if terms.constraints.max_spend_share is not None:
        rules = ("pay_as_bid",)  # with other rules a share of cost rewards lying
    return tuple(sorted({*rules, terms.payment_rule}, key=lambda rule: (rule != terms.payment_rule, rule)))


def threshold(auction: Auction, bid: BidSubmitted) -> Decimal | None:
    """Return the cost below which a losing bid would have won, 0 where none would have.

    None for a winner, and where it was not computed: it takes a solve where sets of bids win, and all the other
    auctions or members where several were decided together.
    """
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    if not decided.winners or any(winner.bid_id == bid.bid_id for winner in decided.winners):
        return None
    if decided.together is not None or auction.terms.pool:
        return None
    if auction.terms.mechanism == "single":
        least = micros(bid.cost) + micros(decided.winners[0].score) - micros(bid.score)
        return from_micros(max(least, 0))
    if auction.terms.mechanism == "dutch":
        return None
    bids = binding(auction, decided.at)
    if not sets.are_few(auction.terms, bids):
        return None
    place = next(i for i, other in enumerate(bids) if other.bid_id == bid.bid_id)
    return sets.threshold(sets.question(auction.terms, bids, "pay_as_bid"), place)


def final_ranking(auction: Auction) -> tuple[BidSubmitted, ...]:
    """Return the ranking behind the award of an awarded auction; it never changes, so it is made once."""
    assert auction.award is not None  # asked only of awarded auctions
    if auction.final is None:
        auction.final = ranking(auction, auction.award.at, auction.award.winners)
    return auction.final


# While an open auction is open


def leads(terms: AuctionCreated, bid: BidSubmitted, other: BidSubmitted) -> bool:
    """Return whether `bid` comes before `other`: by score, then by the committed tie-break."""
    if bid.score != other.score:
        return bid.score < other.score
    return tie_key(terms, bid) < tie_key(terms, other)


def leader(auction: Auction) -> BidSubmitted | None:
    """Return the best standing bid of an open auction, where every bid binds until the award."""
    best: BidSubmitted | None = None
    for bid in auction.bids.values():
        if best is None or leads(auction.terms, bid, best):
            best = bid
    return best


def place(auction: Auction, bid: BidSubmitted) -> int:
    """Return the rank of a standing bid of an open auction, from 1."""
    return 1 + sum(leads(auction.terms, other, bid) for other in auction.bids.values() if other is not bid)


# The offer of a Dutch auction


def offer(terms: AuctionCreated, now: datetime) -> Decimal | None:
    """Return what a Dutch auction offers at `now`, in credits; None for another auction."""
    if terms.schedule is None:
        return None
    return from_micros(dutch.offer(*_steps(terms), (now - terms.at) // timedelta(microseconds=1)))


def offered_from(terms: AuctionCreated, wanted: Decimal) -> datetime | None:
    """Return when a Dutch auction offers `wanted` or more, None if it never does."""
    passed = dutch.reached(*_steps(terms), micros(wanted))
    if passed is None or passed > _LAST_MICROSECOND:
        return None
    return terms.at + timedelta(microseconds=passed)


_LAST_MICROSECOND = 1000 * 366 * 24 * 3600 * 10**6
"""In a thousand years: later than that is never."""


def _steps(terms: AuctionCreated) -> tuple[int, int, int, int]:
    rule = terms.schedule
    assert rule is not None  # CreateAuction asks for both in a Dutch auction
    assert terms.max_price is not None
    return micros(rule.start), micros(rule.step), micros(rule.every), micros(terms.max_price)


def taken_by(winner: Winner, facts: Facts) -> AuctionAwarded:
    """Return the decision of a Dutch auction: the first to take the offer wins it."""
    ranked = ranking_digest([winner])
    grace = facts.windows.grace
    return AuctionAwarded(facts.now, (winner,), None, 1, ranked, dutch.MECHANISM, grace=grace)
