"""What an answer says of one auction: its terms, one's own bids, and after the award who won and why."""

import json
from collections.abc import Sequence

from market_core.auction import Auction
from market_core.awards import final_ranking
from market_core.events import AuctionAwarded, BidSubmitted, OutcomeReported, Winner
from market_core.observation import AuctionSeen, OwnBidSeen
from market_core.terms import NO_CONSTRAINTS
from market_core.values import plain, shown, total
from server.tools import answers
from server.tools.answers import compact, numbers

_MOST_LOTS = 20
"""Lots of one bid that an answer names."""
DELIVER = "deliver the work to the buyer, outside this market; the buyer then reports the outcome."


def auction_answer(seen: AuctionSeen, viewer: str, first: int = 0) -> tuple[answers.AuctionSeen, str]:
    """Return the answer for an auction as seen."""
    terms = seen.terms
    shown_to = first + len(seen.ranking)
    own = [_own_row(own) for own in seen.own_bids]
    outcomes = [_outcome_row(outcome) for outcome in seen.outcomes]
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
                lots=list(w.lots[:_MOST_LOTS]) or None,
            )
            for w in seen.winners[: answers.MOST_ROWS]
        ]
        or None,
        unbought=seen.unbought or None,
        unbought_lots=list(seen.unbought_lots) or None,
        ranking=answers.rank_rows(seen.ranking, terms, first) or None,
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
        lots=list(bid.lots[:_MOST_LOTS]) or None,
        lapsed=own.lapsed or None,
        rank=None if own.position is None else own.position + 1,
        winning_threshold=own.winning_threshold,
        lower_cost_would_have_won=own.lower_cost_would_have_won,
    )


def _outcome_row(outcome: OutcomeReported) -> dict[str, object]:
    told = {
        "provider": outcome.provider,
        "success": outcome.success,
        "actual_time": outcome.actual_time,
        "quality": outcome.quality,
        "note": outcome.note,
        "reference": outcome.reference,
    }
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
    lines += [_outcome_text(outcome) for outcome in seen.outcomes[:20]]
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
        paid = answers.credits_text(total(winner.payment for winner in seen.winners))
        agents = list(dict.fromkeys(winner.agent for winner in seen.winners))
        to = agents[0] if len(agents) == 1 else f"{len(agents)} winners"
        return f"{made.auction_id} is awarded to {to} for {paid}, from {answers.count(made.bids, 'bid')}.{_left(seen)}"
    after = " after closing" if seen.cancelled_after_closing else ""
    until = f" until {shown(made.closes_at)}" if made.closes_at and made.status == "open" else ""
    return f"{made.auction_id} is {made.status}{until}{after}; {answers.count(made.bids, 'bid' if made.format else 'sealed bid')}."


def _left(seen: AuctionSeen) -> str:
    if seen.unbought:
        return f" {answers.count(seen.unbought, 'unit')} stay unbought."
    return f" Unbought: {some(seen.unbought_lots)}." if seen.unbought_lots else ""


def some(lots: Sequence[str]) -> str:
    """Return the names of lots in a line that stays short."""
    more = f" and {len(lots) - 10} more" if len(lots) > 10 else ""
    return f"{', '.join(lots[:10])}{more}"


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
    elif _lost(own, seen) and seen.terms.mechanism in ("units", "lots"):
        text += "; what would have won was not computed"
    return text


def _lost(own: answers.OwnBid, seen: AuctionSeen) -> bool:
    return own.rank is not None and bool(seen.winners) and all(w.bid_id != own.bid_id for w in seen.winners)


def _outcome_text(outcome: OutcomeReported) -> str:
    went = "success" if outcome.success else "failure"
    told = [f"outcome of {outcome.provider}, as the buyer reported: {went}"]
    for name, came, promised in (
        ("seconds", outcome.actual_time, outcome.estimated_time),
        ("quality", outcome.quality, outcome.promised_quality),
    ):
        if came is not None:
            told.append(f"{name} {plain(came)}" + (f" (promised {plain(promised)})" if promised else ""))
    text = ", ".join(told)
    if outcome.reference:
        text += f"\nreference, in the buyer's words:\n{answers.quoted(outcome.reference)}"
    if outcome.note:
        text += f"\nnote, in the buyer's words:\n{answers.quoted(outcome.note)}"
    return text


def _next(made: answers.AuctionSeen, seen: AuctionSeen, viewer: str) -> str:
    buyer = viewer == made.buyer
    match made.status:
        case "open":
            if buyer:
                return "inbox with wait; award when bidding is over."
            if made.schedule:
                return "submit_bid with take: true (and at_least) when the offer is enough for you."
            return "submit_bid to take part or to change your bid."
        case "closed":
            return "preview_award to look, award to decide." if buyer else "wait for the award; inbox tells."
        case "awarded":
            providers = {winner.agent for winner in seen.winners}
            reported = {outcome.provider for outcome in seen.outcomes}
            if buyer and reported < providers:
                return "report_outcome once the work is delivered."
            if viewer in providers - reported:
                return DELIVER
            if reported:
                return "nothing; this is done."
    return "list_auctions shows others."


# The award


def award_answer(auction: Auction) -> tuple[answers.Awarded, str]:
    """Return the answer to the award of an auction, for its buyer."""
    decided, terms = auction.award, auction.terms
    assert isinstance(decided, AuctionAwarded)  # just decided
    ranked = final_ranking(auction)[:20]
    made = answers.Awarded(
        auction_id=terms.auction_id,
        status=auction.status,
        winners=winner_rows(auction, decided.winners)[: answers.MOST_ROWS],
        total_payment=total(w.payment for w in decided.winners),
        unbought=decided.unbought or None,
        unbought_lots=list(decided.unbought_lots) or None,
        ranking=answers.rank_rows(ranked, terms),
        ranked=decided.eligible,
        explanation=explain(auction),
        proof=_proof(decided),
        nonce=terms.nonce,
    )
    if not decided.winners:
        then = "create_auction again, with a higher max_price or looser requirements."
        return made, f"Unsold. {made.explanation}\nNext: {then}"
    agents = list(dict.fromkeys(winner.agent for winner in decided.winners))
    to = agents[0] if len(agents) == 1 else f"{len(agents)} winners"
    text = f"Awarded to {to} for {answers.credits_text(made.total_payment)}. {made.explanation}"
    if terms.mechanism != "single":
        text += f"\n\n{winners_table(made.winners)}"
    rows = answers.rank_table(made.ranking)
    each = " of each winner (provider)" if len(agents) > 1 else ""
    return made, (
        f"{text}\n\n{_ranking_title(auction)}, {len(ranked)} of {answers.count(decided.eligible, 'bid')}:\n{rows}\n"
        f"Next: when the work is delivered, report_outcome{each}."
    )


def _ranking_title(auction: Auction) -> str:
    if auction.terms.mechanism == "units":
        return "Ranking (winners first; cost and score per unit)"
    return "Ranking (winners first)" if auction.terms.lots else "Ranking"


def winner_rows(auction: Auction, winners: Sequence[Winner]) -> list[answers.WinnerRow]:
    """Return the rows of winners, as the buyer sees them."""
    return [
        answers.WinnerRow(
            agent=w.agent,
            bid_id=w.bid_id,
            cost=w.cost,
            payment=w.payment,
            quantity=w.quantity if auction.terms.quantity > 1 else None,
            lots=list(w.lots[:_MOST_LOTS]) or None,
        )
        for w in winners
    ]


def winners_table(rows: Sequence[answers.WinnerRow]) -> str:
    """Return winners as a table; quantity, lots and cost only where they are told."""
    told = [
        name for name in ("quantity", "lots", "cost") if any(getattr(row, name) is not None for row in rows)
    ]
    return answers.table(
        ["winner", *told, "payment", "bid_id"],
        (
            [row.agent, *(answers.joined(getattr(row, name)) for name in told), row.payment, row.bid_id]
            for row in rows
        ),
    )


def _proof(decided: AuctionAwarded) -> answers.Proof:
    made = decided.proof
    if made is None:
        return answers.Proof()
    return answers.Proof(status=made.status, gap=made.gap, bound=made.bound, solver=made.solver)


def explain(auction: Auction) -> str:
    """Return why the award of `auction` is what it is, in up to three sentences without others' words."""
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    if not decided.winners:
        if decided.eligible:
            return "Leaving all unbought, at max_price, scored less than any bid."
        return "No bid counted when the auction was decided." if auction.bids else "Nobody bid."
    if auction.terms.mechanism in ("units", "lots"):
        return " ".join((_why_this_set(auction), _what_was_left_out(auction), _set_payment_reason(auction)))
    winner = decided.winners[0]
    scored = winner.score != winner.cost
    own = (
        f"score {plain(winner.score)} at a cost of {plain(winner.cost)}"
        if scored
        else f"cost {plain(winner.cost)}"
    )
    if auction.terms.schedule is not None:
        return f"dutch: it was the first to take the offer, which stood at {plain(winner.payment)}."
    why = [f"It has the lowest {'score' if scored else 'cost'} of {decided.eligible} bids: {own}."]
    if decided.runner_up_score is None:
        why = [f"It was the only bid that counted: {own}."]
    elif decided.runner_up_score == winner.score:
        why.append("The runner-up has the same score; the tie fell by the committed nonce.")
    else:
        why.append(
            f"The runner-up's score is {plain(decided.runner_up_score)}, {plain(total((decided.runner_up_score, -winner.score)))} more."
        )
    why.append(_payment_reason(auction))
    return " ".join(why)


def _why_this_set(auction: Auction) -> str:
    decided, terms = auction.award, auction.terms
    assert decided is not None  # asked only of awarded auctions
    score = plain(total(winner.score for winner in decided.winners))
    if terms.lots:
        bought = f"{len(terms.lots) - len(decided.unbought_lots)} of {answers.count(len(terms.lots), 'lot')}"
    else:
        units = sum(winner.quantity for winner in decided.winners)
        bought = f"{units} of {answers.count(terms.quantity, 'unit')}"
        if units > terms.quantity:
            bought = f"{units} units instead of {terms.quantity}, which is cheaper,"
    best = "no other set of bids has a lower total score"
    if decided.unbought or decided.unbought_lots:
        best += ", with max_price counted for what stays unbought"
    if terms.constraints != NO_CONSTRAINTS:
        best += ", within the constraints"
    if decided.proof is not None and decided.proof.status != "optimal":
        best = f"the best set found, at most {plain(decided.proof.gap)} from the best there can be"
        if not decided.proof.gap:
            best = "no other set of bids has a lower total score; which of equal ones wins was not settled in time"
    left = ""
    if decided.unbought or decided.unbought_lots:
        why = " that the constraints allow" if terms.constraints != NO_CONSTRAINTS else ""
        left = f" What is unbought found no bid worth it{why}."
    return (
        f"{answers.count(len(decided.winners), 'bid')} of {decided.eligible} cover {bought} at a total score of "
        f"{score}: {best}.{left}"
    )


def _what_was_left_out(auction: Auction) -> str:
    """Return what the best bid that lost was."""
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    won = {winner.bid_id for winner in decided.winners}
    best = next((bid for bid in final_ranking(auction) if bid.bid_id not in won), None)
    if best is None:
        return "Every bid that counted won something."
    what = f"for {some(best.lots)}" if best.lots else "per unit"
    return f"The best bid left out asks {plain(best.cost)} {what} (score {plain(best.score)}): with it the whole would score more."


def _set_payment_reason(auction: Auction) -> str:
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    match decided.payment_rule or auction.terms.payment_rule:
        case "uniform":
            return "uniform: every unit is paid what the first unit left out asked, at most max_price."
        case "vcg":
            return "vcg: each winner is paid its cost and what the others would cost more without it."
        case "core":
            return "core: as near to vcg as it can be with no group of bidders able to do it for less."
    if decided.payment_rule is not None:
        return "pay_as_bid, as the auction allowed, because the other rule could not be proved in time."
    return "pay_as_bid: each is paid its cost."


def _payment_reason(auction: Auction) -> str:
    decided, terms = auction.award, auction.terms
    assert decided is not None  # asked only of awarded auctions
    winner = decided.winners[0]
    if terms.payment_rule == "pay_as_bid":
        return "pay_as_bid: it is paid its cost."
    if decided.runner_up_score is None:
        limit = "max_price" if terms.max_price is not None else "its own cost, as there is no max_price"
        return f"second_price without a second bid: it is paid {limit}; no competition set the payment."
    if terms.max_price is not None and winner.payment == terms.max_price:
        return "second_price: it is paid the cost at which it would just have won, at most max_price, which applies."
    return "second_price: it is paid the cost at which its score would equal the runner-up's."
