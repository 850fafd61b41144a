"""What happens after an award: delivery, the buyer's report, disputes, lateness, and who does it instead."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from market_core.auction import Auction, status_at
from market_core.auction_rules import check_buyer
from market_core.awards import awarded
from market_core.commands import AwardAuction, ReportOutcome, SettleDispute
from market_core.events import (
    AuctionAwarded,
    Basis,
    BidSubmitted,
    Event,
    OutcomeDisputed,
    OutcomeReported,
    OutcomeSettled,
    Winner,
    WorkDelivered,
    WorkOverdue,
)
from market_core.facts import Facts
from market_core.lifecycle import check_move
from market_core.mechanisms.confidence import settlement
from market_core.rejections import Code, Rejection
from market_core.terms import NO_CONSTRAINTS
from market_core.values import MARKET, from_micros, micros, owner_of, shown, total

Said = WorkDelivered | OutcomeReported | OutcomeDisputed | OutcomeSettled


def said(command: ReportOutcome | SettleDispute, auction: Auction, facts: Facts) -> Said:
    """Return what somebody says of an outcome, or raise the Rejection that applies first."""
    if isinstance(command, SettleDispute):
        return settle(command, auction, facts)
    return report(command, auction, facts)


# Reports


def report(command: ReportOutcome, auction: Auction, facts: Facts) -> Said:
    """Return what a report, a delivery or a dispute makes, or raise the Rejection that applies first."""
    if auction.terms.pool:
        raise Rejection(Code.POOL_NOT_REPORTED)
    if command.success is None:
        return _of_winner(command, auction, facts)
    check_buyer(command, auction)
    check_move(status_at(auction, facts.now), "report")
    provider = reported_on(command, auction)
    known = auction.outcomes.get(provider)
    if known is not None:
        _check_amendable(known, auction, facts.now)
    return _reported(command, auction, provider, facts)


def reported_on(command: ReportOutcome, auction: Auction) -> str:
    """Return the winner that a buyer's report is about: the one named, or the only one whose work it is now."""
    winners = list(dict.fromkeys(winner.agent for winner in auction.winners))
    named = command.provider or only_one(auction)
    if named is None:
        raise Rejection(Code.PROVIDER_REQUIRED, winners=winners[:20])
    if named not in winners:
        raise Rejection(Code.NOT_A_WINNER, winners=winners[:20])
    return named


def only_one(auction: Auction) -> str | None:
    """Return who does the work, where it is one: whose work was awarded again does it no more."""
    current = {winner.agent for winner in current_winners(auction)}
    return current.pop() if len(current) == 1 else None


def _check_amendable(known: OutcomeReported, auction: Auction, now: datetime) -> None:
    """A report may be changed for a while; while it is disputed, for as long as it takes to agree."""
    if known.provider in auction.settled:
        raise Rejection(Code.OUTCOME_SETTLED)
    if known.provider in auction.disputes:
        return
    if known.amend_until is None or now >= known.amend_until:
        until = f", and could be changed until {shown(known.amend_until)}" if known.amend_until else ""
        raise Rejection(Code.OUTCOME_REPORTED, until=until)


def _reported(command: ReportOutcome, auction: Auction, provider: str, facts: Facts) -> OutcomeReported:
    won = winners_of(auction, provider)
    bids = [bid_of(auction, winner) for winner in won]
    qualities = [bid.quality for bid in bids if bid.quality is not None]
    first = auction.reported_at.get(provider, facts.now)
    assert command.success is not None  # the buyer's reports have it
    return OutcomeReported(
        facts.now,
        auction.terms.auction_id,
        command.agent,
        provider,
        command.success,
        command.actual_time,
        command.quality,
        command.note,
        command.reference,
        total(winner.payment for winner in won),
        estimated_time(bids),
        max(qualities, default=None),
        auction.terms.requirements.capabilities,
        bids[0].confidence if len({bid.confidence for bid in bids}) == 1 else None,
        _later(first, facts.windows.amend_for),
        _later(facts.now, facts.windows.dispute_for),
        _adjustment(auction, provider, command.success),
    )


def _adjustment(auction: Auction, provider: str, success: bool) -> Decimal | None:
    """Return what an outcome adds to the payment where confidence is settled; nothing between ids of one owner."""
    weights = auction.terms.scoring
    if not weights.settle_confidence or owner_of(provider) == owner_of(auction.terms.buyer):
        return None
    (winner,) = winners_of(auction, provider)  # there is one, as it is for one winner
    said, prices = settled_by(auction, winner)
    return from_micros(settlement(said, success, *prices))


def settled_by(auction: Auction, winner: Winner) -> tuple[int, tuple[int, int]]:
    """Return the confidence that is settled (millionths), failure_price and settle_confidence (micro-credits)."""
    said, weights = bid_of(auction, winner).confidence, auction.terms.scoring
    assert said is not None  # such an auction takes no other bid
    return micros(said), (micros(weights.failure_price), micros(weights.settle_confidence))


def _later(moment: datetime, seconds: Decimal) -> datetime:
    return moment + timedelta(microseconds=micros(seconds))


def winners_of(auction: Auction, provider: str) -> list[Winner]:
    """Return what a provider has won in an auction."""
    return [winner for winner in auction.winners if winner.agent == provider]


def bid_of(auction: Auction, winner: Winner) -> BidSubmitted:
    """Return the bid that won."""
    return auction.bids[auction.slot_of[winner.bid_id]]


def estimated_time(bids: Sequence[BidSubmitted]) -> Decimal | None:
    """Return when work that was won by several bids is to be done, in seconds; None where none says it."""
    return max((bid.estimated_time for bid in bids if bid.estimated_time is not None), default=None)


# What a winner says


def _of_winner(command: ReportOutcome, auction: Auction, facts: Facts) -> Said:
    terms, provider = auction.terms, command.agent
    if auction.status == "awarded" and not winners_of(auction, provider):
        raise Rejection(Code.NOT_THE_PROVIDER)
    check_move(status_at(auction, facts.now), "report")
    known = auction.outcomes.get(provider)
    if command.delivered:
        if known is not None:
            raise Rejection(Code.OUTCOME_REPORTED, until="")
        said = (command.actual_time, command.note, command.reference)
        return WorkDelivered(facts.now, terms.auction_id, terms.buyer, provider, *said)
    if known is None:
        raise Rejection(Code.NOT_REPORTED)
    if provider in auction.settled:
        raise Rejection(Code.OUTCOME_SETTLED)
    if command.dispute:
        return _disputed(command, auction, known, facts)
    if provider not in auction.disputes:
        raise Rejection(Code.NOT_DISPUTED)
    return _settled(auction, known, facts, provider, counts=True)


def _disputed(
    command: ReportOutcome, auction: Auction, known: OutcomeReported, facts: Facts
) -> OutcomeDisputed:
    terms, provider = auction.terms, command.agent
    if provider in auction.disputes:
        raise Rejection(Code.OUTCOME_DISPUTED)
    if known.dispute_until is None or facts.now >= known.dispute_until:
        until = shown(known.dispute_until or known.at)
        raise Rejection(Code.DISPUTE_ENDED, until=until)
    return OutcomeDisputed(facts.now, terms.auction_id, terms.buyer, provider, command.note)


def _settled(
    auction: Auction, said: OutcomeReported, facts: Facts, by: str, *, counts: bool
) -> OutcomeSettled:
    return OutcomeSettled(
        facts.now,
        auction.terms.auction_id,
        auction.terms.buyer,
        said.provider,
        by,
        counts,
        said.success,
        said.actual_time,
        said.quality,
        _adjustment(auction, said.provider, said.success) if counts else None,
    )


def settle(command: SettleDispute, auction: Auction, facts: Facts) -> OutcomeSettled:
    """Return the operator's decision on a disputed outcome."""
    _ = auction.terms  # raises for one that does not exist
    check_move(status_at(auction, facts.now), "report")
    known = auction.outcomes.get(command.provider)
    if known is None or command.provider not in auction.disputes:
        raise Rejection(Code.NOT_DISPUTED)
    if command.success is None:
        return _settled(auction, known, facts, MARKET, counts=False)
    said = replace(
        known,
        success=command.success,
        actual_time=command.actual_time or known.actual_time,
        quality=known.quality if command.quality is None else command.quality,
    )
    return _settled(auction, said, facts, MARKET, counts=True)


State = Literal["running", "delivered", "overdue", "reported", "disputed", "settled", "void"]


def state_of(auction: Auction, provider: str) -> State:
    """Return how far the work of a winner is: `settled` and `void` were disputed, and count or count for nobody."""
    if provider in auction.settled:
        return "settled" if auction.settled[provider].counts else "void"
    if provider in auction.outcomes:
        return "disputed" if provider in auction.disputes else "reported"
    if provider in auction.overdue:
        return "overdue"
    return "delivered" if provider in auction.deliveries else "running"


# Lateness


def overdue_at(auction: Auction, provider: str) -> datetime | None:
    """Return when a winner's work is overdue: after its estimated time and the grace; None where nobody waits for it."""
    award = next((a for a in auction.awards if any(w.agent == provider for w in a.winners)), None)
    if award is None or award.grace is None or auction.terms.pool:
        return None
    took = estimated_time([bid_of(auction, winner) for winner in award.winners if winner.agent == provider])
    return due(award.at, took, award.grace)


def due(won_at: datetime, estimated: Decimal | None, grace: Decimal | None) -> datetime | None:
    """Return when work is overdue: `grace` seconds after its estimated time, None without a grace."""
    return None if grace is None else _later(won_at, (estimated or Decimal(0)) + grace)


def overdue(auction: Auction, facts: Facts) -> list[Event]:
    """Return which winners' work has become overdue, if any has."""
    late = tuple(
        provider
        for provider in dict.fromkeys(winner.agent for winner in auction.winners)
        if provider not in auction.outcomes
        and provider not in auction.overdue
        and (moment := overdue_at(auction, provider)) is not None
        and moment <= facts.now
    )
    return [WorkOverdue(facts.now, auction.terms.auction_id, auction.terms.buyer, late)] if late else []


# Who does it instead


def award_again(command: AwardAuction, auction: Auction, left: Auction, facts: Facts) -> AuctionAwarded:
    """Return the further award of what a winner failed to do, or raise the Rejection that applies first.

    `left`: the auction of what it failed to do, with who has no capacity for it now.
    """
    check_buyer(command, auction)
    check_move(status_at(auction, facts.now), "award_again")
    failed = command.instead_of
    assert failed is not None  # asked only where it was given
    winners = list(dict.fromkeys(winner.agent for winner in auction.winners))
    if failed in winners:
        outcome = auction.outcomes.get(failed)
        void = failed in auction.settled and not auction.settled[failed].counts
        if any(award.instead_of == failed for award in auction.further):
            raise Rejection(Code.AWARDED_INSTEAD, provider=failed)
        if outcome is None or outcome.success or void:
            raise Rejection(Code.NOT_FAILED, provider=failed)
    else:
        raise Rejection(Code.NOT_A_WINNER, winners=winners[:20])
    again = awarded(left, facts)
    if not again.winners:
        raise Rejection(Code.NOBODY_LEFT)
    return replace(again, instead_of=failed)


def current_winners(auction: Auction) -> tuple[Winner, ...]:
    """Return the winners whose work has not been awarded again."""
    replaced = {award.instead_of for award in auction.further}
    return tuple(winner for winner in auction.winners if winner.agent not in replaced)


def as_decided(auction: Auction, place: int) -> Auction:
    """Return the auction that award number `place` (from 0, the first) decided, with that award as its own."""
    award = auction.awards[place]
    if not place:
        return auction
    before = replace(auction, further=auction.further[: place - 1])
    busy = award.basis.at_capacity if award.basis else ()
    return replace(remainder(before, award.instead_of, busy), award=award, status="awarded")


def remainder(auction: Auction, failed: str, at_capacity: tuple[str, ...] = ()) -> Auction:
    """Return the auction of what a winner failed to do: rule, scores and ties as before, without whoever has won here.

    Of units the number that it won, of lots those that it won; limits on winners and shares were for the whole.
    Standing bids of who is `at_capacity` now do not count; who was so at the first award may have time again.
    """
    won = winners_of(auction, failed)
    lots = {lot for winner in won for lot in winner.lots}
    terms = replace(
        auction.terms,
        quantity=sum(winner.quantity for winner in won) if auction.terms.quantity > 1 else 1,
        lots=tuple(lot for lot in auction.terms.lots if lot.id in lots),
        constraints=NO_CONSTRAINTS,
    )
    out = {owner_of(winner.agent) for winner in auction.winners}
    bids = {
        place: bid
        for place, bid in auction.bids.items()
        if owner_of(bid.bidder) not in out
        and lots.issuperset(bid.lots)
        and not (terms.quantity == 1 and bid.units is not None and bid.units.min_quantity > 1)
    }
    basis = auction.basis
    if basis is not None:
        basis = replace(basis, at_capacity=at_capacity)
    elif at_capacity:
        basis = Basis("", (), None, at_capacity)
    return replace(
        auction, created=terms, bids=bids, status="closed", award=None, further=[], basis=basis, final=None
    )
