"""What an answer says of one auction: its terms, one's own bids, and after the award who won and why."""

import json

from market_core.events import BidSubmitted, OutcomeReported
from market_core.observation import AuctionSeen, OwnBidSeen, WorkSeen
from market_core.values import plain, shown, total
from server.tools import answers
from server.tools.answers import compact, numbers
from server.tools.award_views import MOST_LOTS, some, winners_table

DELIVER = "deliver the work to the buyer, outside this market; the buyer then reports the outcome."


def auction_answer(seen: AuctionSeen, viewer: str, first: int = 0) -> tuple[answers.AuctionSeen, str]:
    """Return the answer for an auction as seen."""
    terms = seen.terms
    shown_to = first + len(seen.ranking)
    own = [_own_row(own) for own in seen.own_bids]
    states = {work.provider: work for work in seen.work}
    outcomes = [_outcome_row(outcome, states[outcome.provider]) for outcome in seen.outcomes]
    outcomes += [_delivery_row(work) for work in seen.work if work.state in ("delivered", "overdue")]
    made = answers.AuctionSeen(
        auction_id=terms.auction_id,
        status=seen.status,
        task=terms.task,
        buyer=terms.buyer,
        description=terms.description or None,
        requirements=compact(terms.requirements),
        max_price=terms.max_price,
        quantity=terms.quantity if terms.quantity > 1 else None,
        lots=[numbers(lot.model_dump(exclude_none=True)) for lot in terms.lots] or None,
        bids_combine=terms.bids_combine if terms.lots else None,
        constraints=compact(terms.constraints),
        payment_rule=terms.payment_rule,
        format=None if terms.format == "sealed" else terms.format,
        scoring=compact(terms.scoring),
        extension=terms.extension and compact(terms.extension),
        schedule=terms.schedule and compact(terms.schedule),
        offered=seen.offered,
        closes_at=seen.closes_at,
        min_reliability=terms.min_reliability,
        invited_only=seen.invited_only or None,
        invite=list(terms.invite[: answers.MOST_ROWS]) or None,
        bids=seen.bids,
        tie_break_commitment=terms.commitment,
        own_bid=own[0] if own and not terms.lots else None,
        own_bids=own if own and terms.lots else None,
        winners=[
            answers.WinnerRow(
                agent=w.agent,
                bid_id=w.bid_id,
                payment=w.payment,
                cost=w.cost,
                quantity=w.quantity if terms.quantity > 1 else None,
                lots=list(w.lots[:MOST_LOTS]) or None,
                instead_of=w.instead_of or None,
            )
            for w in seen.winners[: answers.MOST_ROWS]
        ]
        or None,
        unbought=seen.unbought or None,
        unbought_lots=list(seen.unbought_lots) or None,
        ranking=answers.rank_rows(seen.ranking, terms, first, seen.basis) or None,
        ranked=seen.ranked or None,
        next_cursor=str(shown_to) if seen.ranking and shown_to < seen.ranked else None,
        nonce=seen.nonce,
        outcome=outcomes[0] if len(outcomes) == 1 else None,
        outcomes=outcomes if len(outcomes) > 1 else None,
    )
    return made, _text(made, seen, viewer)


def _own_row(own: OwnBidSeen) -> answers.OwnBid:
    bid = own.bid
    return answers.OwnBid(
        bid_id=bid.bid_id,
        cost=bid.cost,
        score=bid.score,
        quantity=bid.units.quantity if bid.units else None,
        lots=list(bid.lots[:MOST_LOTS]) or None,
        lapsed=own.lapsed or None,
        rank=None if own.position is None else own.position + 1,
        winning_threshold=own.winning_threshold,
        lower_cost_would_have_won=own.lower_cost_would_have_won,
    )


def _outcome_row(outcome: OutcomeReported, work: WorkSeen) -> dict[str, object]:
    told = {
        "provider": outcome.provider,
        "state": None if work.state == "reported" else work.state,
        "dispute": work.dispute,
        "success": outcome.success,
        "actual_time": outcome.actual_time,
        "quality": outcome.quality,
        "note": outcome.note,
        "reference": outcome.reference,
    }
    if outcome.adjustment is not None and work.state not in ("disputed", "void"):
        told["adjustment"] = outcome.adjustment
        told["final_payment"] = total((outcome.payment, outcome.adjustment))
    told |= {
        name: shown(until)
        for name, until in (("change_until", work.change_until), ("dispute_until", work.dispute_until))
        if until is not None
    }
    return {name: numbers(value) for name, value in told.items() if value not in (None, "")}


def _delivery_row(work: WorkSeen) -> dict[str, object]:
    told: dict[str, object] = {"provider": work.provider, "state": work.state}
    if work.delivered:
        said = work.delivered
        told |= {"actual_time": said.actual_time, "note": said.note, "reference": said.reference}
    return {name: numbers(value) for name, value in told.items() if value not in (None, "")}


# As a text


def _text(made: answers.AuctionSeen, seen: AuctionSeen, viewer: str) -> str:
    lines = [_headline(made, seen)]
    lines.append("\n".join(f"{name}: {value}" for name, value in _facts(made, seen).items()))
    if made.description:
        lines.append(f"description, in the buyer's words:\n{answers.quoted(made.description)}")
    rows = [made.own_bid] if made.own_bid else made.own_bids or []
    lines += [_own_text(row, own.bid, seen) for row, own in zip(rows[:20], seen.own_bids, strict=False)]
    if len(rows) > 20:
        lines.append(f"... and {len(rows) - 20} more bids of yours")
    if seen.winners and len(seen.winners) > 1:
        lines.append(winners_table(made.winners or []))
    if made.ranking:
        lines.append(
            answers.rank_table(made.ranking) + answers.paged(len(made.ranking), seen.ranked, made.next_cursor)
        )
    states = {work.provider: work for work in seen.work}
    lines += [_outcome_text(outcome, states[outcome.provider]) for outcome in seen.outcomes[:20]]
    lines += [_delivery_text(work) for work in seen.work[:20] if work.state in ("delivered", "overdue")]
    return "\n".join(lines) + f"\nNext: {_next(made, seen, viewer)}"


def _facts(made: answers.AuctionSeen, seen: AuctionSeen) -> dict[str, object]:
    """Return the terms of an auction as lines of a text."""
    terms = seen.terms
    facts: dict[str, object] = {"task": made.task, "buyer": made.buyer}
    if made.quantity:
        facts["quantity"] = f"{made.quantity} units; costs are per unit"
    if made.lots:
        more = f" and {len(made.lots) - 100} more" if len(made.lots) > 100 else ""
        facts["lots"] = ", ".join(_lot_text(lot) for lot in made.lots[:100]) + more
        facts["bids_combine"] = (
            "xor: at most one bid of a bidder wins"
            if terms.bids_combine == "xor"
            else "or: a bidder's bids add up"
        )
    else:
        facts["max_price"] = "none" if made.max_price is None else plain(made.max_price)
    if made.constraints:
        facts["constraints"] = json.dumps(made.constraints)
    facts["payment_rule"] = made.payment_rule
    facts["requirements"] = json.dumps(made.requirements, ensure_ascii=False) if made.requirements else "none"
    facts["scoring"] = json.dumps(made.scoring) if made.scoring else "cost only"
    if made.format:
        facts["format"] = _format_text(seen)
    if seen.terms.priority:
        facts["priority"] = seen.terms.priority
    if seen.decided_with:
        facts["decided together"] = f"{some(seen.decided_with)}, within what each provider takes at a time"
    if terms.min_reliability is not None:
        facts["min_reliability"] = f"{plain(terms.min_reliability)}: a chance of success above it, 95 % sure"
    if made.invited_only:
        facts["invited"] = (
            ", ".join(made.invite[:20]) if made.invite else "only agents that the buyer invited"
        )
    return facts


def _lot_text(lot: dict[str, object]) -> str:
    return f"{lot['id']} (max_price {lot['max_price']})" if "max_price" in lot else str(lot["id"])


def _format_text(seen: AuctionSeen) -> str:
    """Return how an auction that is not sealed goes, with its rule in numbers."""
    if seen.terms.schedule is not None:
        rule = seen.terms.schedule
        now = f", now {plain(seen.offered)}" if seen.offered is not None else ""
        return (
            f"dutch: the offer starts at {plain(rule.start)} and rises by {plain(rule.step)} every "
            f"{plain(rule.every)} seconds up to max_price{now}; the first to take it wins"
        )
    text = "open: each bidder sees its rank (equal scores by a draw fixed at creation); a new bid must lower one's score"
    if seen.terms.extension is not None:
        limits = seen.terms.extension
        text += (
            f" by {plain(limits.min_decrement)} or more; a new leader in the last {plain(limits.within)} seconds "
            f"moves the deadline by {plain(limits.by)} seconds"
        )
    return text


def _headline(made: answers.AuctionSeen, seen: AuctionSeen) -> str:
    if seen.winners:
        failed = {winner.instead_of for winner in seen.winners} - {""}
        current = [winner for winner in seen.winners if winner.agent not in failed]
        paid = answers.credits_text(total(winner.payment for winner in current))
        agents = list(dict.fromkeys(winner.agent for winner in current))
        to = agents[0] if len(agents) == 1 else f"{len(agents)} winners"
        to += f" (instead of {some(sorted(failed))})" if failed else ""
        return f"{made.auction_id} is awarded to {to} for {paid}, from {answers.count(made.bids, 'bid')}.{_left(seen)}"
    after = " after closing" if seen.cancelled_after_closing else ""
    until = f" until {shown(made.closes_at)}" if made.closes_at and made.status == "open" else ""
    return f"{made.auction_id} is {made.status}{until}{after}; {answers.count(made.bids, 'bid' if made.format else 'sealed bid')}."


def _left(seen: AuctionSeen) -> str:
    if seen.unbought:
        return f" {answers.count(seen.unbought, 'unit')} stay unbought."
    return f" Unbought: {some(seen.unbought_lots)}." if seen.unbought_lots else ""


def sold_text(bid: BidSubmitted) -> str:
    """Return what a bid's cost is for, where that is not the whole task."""
    if bid.lots:
        return f" for {some(bid.lots)}"
    if bid.units is None:
        return ""
    least = f"{bid.units.min_quantity} to " if bid.units.min_quantity > 1 else "up to "
    text = f" per unit, {least}{bid.units.quantity} units"
    if bid.units.tiers:
        whose = "all units" if bid.units.tier_kind == "all_units" else "the units from there on"
        steps = ", ".join(f"{plain(tier.cost)} from unit {tier.from_quantity}" for tier in bid.units.tiers)
        text += f" ({steps}, for {whose})"
    return text


def _own_text(own: answers.OwnBid, bid: BidSubmitted, seen: AuctionSeen) -> str:
    per = " per unit" if own.quantity else ""
    text = f"your bid: {own.bid_id}, cost {plain(own.cost)}{sold_text(bid)}, score {plain(own.score)}"
    if own.lapsed:
        text += ", lapsed: its validity is over, so it does not count"
    if own.rank is not None:
        text += f", rank {own.rank} of {seen.ranked or seen.bids}"
    if own.winning_threshold:
        text += f"; a cost below {plain(own.winning_threshold)}{per} would have won"
    elif own.lower_cost_would_have_won is False:
        text += "; as the rest of it stands, no cost would have won"
    elif own.lower_cost_would_have_won:
        text += "; a lower cost would have won"
    elif _lost(own, seen) and (seen.decided_with or seen.terms.mechanism in ("units", "lots")):
        text += "; what would have won was not computed"
    return text


def _lost(own: answers.OwnBid, seen: AuctionSeen) -> bool:
    counted = own.rank is not None or (bool(seen.terms.pool) and not own.lapsed)
    return counted and bool(seen.winners) and all(w.bid_id != own.bid_id for w in seen.winners)


_STATES = {
    "disputed": "\nThe provider disputes it: it counts for nobody until both agree or the operator settles it.",
    "settled": "\nIt was disputed; this is what was settled.",
    "void": "\nIt was disputed; the operator settled that it counts for nobody.",
}


def _delivery_text(work: WorkSeen) -> str:
    said = work.delivered
    late = " Its time is over, and nobody has reported on it." if work.state == "overdue" else ""
    if said is None:
        return f"work of {work.provider}: overdue.{late}"
    text = f"work of {work.provider}: delivered, as it says"
    text += f", in {plain(said.actual_time)} seconds.{late}" if said.actual_time else f".{late}"
    if said.reference:
        text += f"\nreference, in the provider's words:\n{answers.quoted(said.reference)}"
    if said.note:
        text += f"\nnote, in the provider's words:\n{answers.quoted(said.note)}"
    return text


def _outcome_text(outcome: OutcomeReported, work: WorkSeen) -> str:
    went = "success" if outcome.success else "failure"
    by = "as settled" if work.state == "settled" else "as the buyer reported"
    told = [f"outcome of {outcome.provider}, {by}: {went}"]
    for name, came, promised in (
        ("seconds", outcome.actual_time, outcome.estimated_time),
        ("quality", outcome.quality, outcome.promised_quality),
    ):
        if came is not None:
            told.append(f"{name} {plain(came)}" + (f" (promised {plain(promised)})" if promised else ""))
    if outcome.adjustment is not None and work.state not in ("disputed", "void"):
        final = total((outcome.payment, outcome.adjustment))
        told.append(
            f"payment {plain(outcome.payment)} adjusted by {plain(outcome.adjustment)} to {plain(final)}"
            + (f": {outcome.provider} owes it" if final < 0 else "")
        )
    text = ", ".join(told)
    if outcome.reference:
        text += f"\nreference, in the buyer's words:\n{answers.quoted(outcome.reference)}"
    if outcome.note:
        text += f"\nnote, in the buyer's words:\n{answers.quoted(outcome.note)}"
    text += _STATES.get(work.state, "")
    if work.dispute:
        text += f"\nwhy, in the provider's words:\n{answers.quoted(work.dispute)}"
    return text


def _about_outcomes(seen: AuctionSeen, viewer: str, *, buyer: bool) -> str:
    """Return what a viewer can do about a report, empty for nothing or where something else comes first."""
    disputed = [work.provider for work in seen.work if work.state == "disputed"]
    if viewer in disputed:
        return "report_outcome with dispute: false accepts the report as it stands; else the operator settles it."
    if buyer and disputed:
        again = next(
            (work.provider for work in seen.work if work.provider in disputed and not work.replaced), ""
        )
        failed = any(o.provider == again and not o.success for o in seen.outcomes)
        other = f" award with instead_of {again}, if somebody else is to do it meanwhile." if failed else ""
        return f"report_outcome again for {some(disputed)} if the report was wrong; else the operator settles it.{other}"
    own = next((work for work in seen.work if work.provider == viewer), None)
    if own is not None and own.dispute_until is not None:
        return f"nothing if the report is right; report_outcome with dispute: true, until {shown(own.dispute_until)}, if not."
    return ""


def _next(made: answers.AuctionSeen, seen: AuctionSeen, viewer: str) -> str:
    buyer = viewer == made.buyer
    match made.status:
        case "open":
            if buyer:
                return "inbox with wait; award when bidding is over."
            if made.schedule:
                return "submit_bid with take: true (and at_least) when the offer is enough for you."
            if seen.for_own_pool:
                return "nothing: it buys for the pool that your owner's demand is in; withdraw the demand to leave."
            return "submit_bid to take part or to change your bid."
        case "closed":
            return "preview_award to look, award to decide." if buyer else "wait for the award; inbox tells."
        case "awarded" if done := _about_outcomes(seen, viewer, buyer=buyer):
            return done
        case "awarded":
            providers = {winner.agent for winner in seen.winners}
            reported = {outcome.provider for outcome in seen.outcomes}
            failed = [o.provider for o in seen.outcomes if not o.success]
            again = {winner.instead_of for winner in seen.winners}
            if buyer and (left := [provider for provider in failed if provider not in again]):
                return f"award with instead_of {left[0]}, if somebody else is to do it."
            if buyer and reported < providers:
                return "report_outcome once the work is delivered."
            if viewer in providers - reported:
                return DELIVER
            if reported:
                return "nothing; this is done." if reported >= providers else "inbox tells how the rest goes."
    return "list_auctions shows others."
