"""What an answer says of an award: who won, what is paid, and why."""

from collections.abc import Sequence

from market_core.auction import Auction
from market_core.awards import final_ranking
from market_core.events import AuctionAwarded, Winner
from market_core.mechanisms.confidence import least_payment, most_payment
from market_core.outcomes import as_decided, settled_by
from market_core.terms import NO_CONSTRAINTS, Scoring, pays_one
from market_core.values import auction_of, from_micros, micros, plain, total
from server.tools import answers

MOST_LOTS = 20
"""Lots of one bid that an answer names."""


def award_answer(auction: Auction) -> tuple[answers.Awarded, str]:
    """Return the answer to the latest award of an auction, for its buyer."""
    if auction.further:
        made, text = award_answer(as_decided(auction, len(auction.further)))
        instead = f"Instead of {auction.further[-1].instead_of}, which failed, this is "
        return made, instead + text[0].lower() + text[1:]
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
        ranking=answers.rank_rows(ranked, terms, basis=auction.basis),
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
    rows = answers.rank_table(made.ranking or ())
    each = " of each winner (provider)" if len(agents) > 1 else ""
    return made, (
        f"{text}\n\n{_ranking_title(auction)}, {len(ranked)} of {answers.count(decided.eligible, 'bid')}:\n{rows}\n"
        f"Next: when the work is delivered, report_outcome{each}."
    )


def together_answer(auctions: Sequence[Auction]) -> tuple[answers.Awarded, str]:
    """Return the answer to the award of several auctions as one, for their buyer."""
    first, *_ = auctions
    winners = [winner for auction in auctions if auction.award for winner in auction.award.winners]
    left = [auction.terms.auction_id for auction in auctions if auction.award is None]
    unsold = [auction.terms.auction_id for auction in auctions if auction.status == "unsold"]
    made = answers.Awarded(
        auction_id=first.terms.auction_id,
        status=first.status,
        winners=together_rows(winners)[: answers.MOST_ROWS],
        total_payment=total(winner.payment for winner in winners),
        left=left or None,
        unsold=unsold or None,
        ranked=sum(auction.award.eligible for auction in auctions if auction.award),
        explanation=_why_together(auctions, left),
        proof=next((_proof(auction.award) for auction in auctions if auction.award), answers.Proof()),
        nonce=first.terms.nonce if first.award else None,
    )
    paid = answers.credits_text(made.total_payment)
    lines = [f"{len(winners)} of {len(auctions)} auctions awarded for {paid}. {made.explanation}"]
    if winners:
        lines.append(winners_table(made.winners))
    if left:
        lines.append(f"Still closed, with bids but without a winner: {some(left)}.")
    if unsold:
        lines.append(f"Unsold, without a bid: {some(unsold)}.")
    then = "when work is delivered, report_outcome for its auction." if winners else ""
    if left:
        then += f"{' ' if then else ''}award {left[0]} again when its bidders have finished something, or by itself, which overrides max_concurrent."
    return made, "\n".join(lines) + f"\nNext: {then or 'create_auction again for what is unsold.'}"


def together_rows(winners: Sequence[Winner]) -> list[answers.WinnerRow]:
    """Return the rows of the winners of several auctions, each with its auction."""
    return [
        answers.WinnerRow(
            auction_id=auction_of(w.bid_id), agent=w.agent, bid_id=w.bid_id, payment=w.payment, cost=w.cost
        )
        for w in winners
    ]


def _why_together(auctions: Sequence[Auction], left: Sequence[str]) -> str:
    why = "Within what each provider takes at a time, no other choice of winners has a lower total score."
    if len({auction.terms.priority for auction in auctions}) > 1:
        why = (
            "Decided priority by priority, each within what providers take at a time and at its lowest total score: a "
            "lower priority never makes a higher one dearer, and may stay without a winner."
        )
    if left:
        why += " For the others every bidder is at its limit or better used, or leaving it costs less (max_price)."
    rule = auctions[0].terms.payment_rule
    paid = (
        "its cost"
        if rule == "pay_as_bid"
        else "its cost and what the others would cost more without its owner"
    )
    return f"{why} {rule}: each winner is paid {paid}."


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
            lots=list(w.lots[:MOST_LOTS]) or None,
        )
        for w in winners
    ]


def winners_table(rows: Sequence[answers.WinnerRow]) -> str:
    """Return winners as a table; quantity, lots and cost only where they are told."""
    told = [
        name for name in ("quantity", "lots", "cost") if any(getattr(row, name) is not None for row in rows)
    ]
    several = ["auction_id"] if any(row.auction_id for row in rows) else []
    return answers.table(
        [*several, "winner", *told, "payment", "bid_id"],
        (
            [
                *(getattr(row, name) for name in several),
                row.agent,
                *(answers.joined(getattr(row, name)) for name in told),
                row.payment,
                row.bid_id,
            ]
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
    if decided.together is not None:
        return _why_here(auction)
    winner = decided.winners[0]
    scored = winner.score != winner.cost or auction.terms.scoring != Scoring()
    own = (
        f"score {plain(winner.score)} at a cost of {plain(winner.cost)}"
        if scored
        else f"cost {plain(winner.cost)}"
    )
    if auction.terms.schedule is not None:
        return f"dutch: it was the first to take the offer, which stood at {plain(winner.payment)}."
    why = [
        f"It has the lowest {'score' if scored else 'cost'} of {answers.count(decided.eligible, 'bid')}: {own}."
    ]
    if decided.runner_up_score is None and decided.eligible > 1:
        why.append("All bids are of one owner.")
    elif decided.runner_up_score is None:
        why = [f"It was the only bid that counted: {own}."]
    elif decided.runner_up_score == winner.score:
        why.append("The runner-up has the same score; the tie fell by the committed nonce.")
    else:
        why.append(
            f"The runner-up's score is {plain(decided.runner_up_score)}, {plain(total((decided.runner_up_score, -winner.score)))} more."
        )
    why.append(_payment_reason(auction))
    if auction.terms.scoring.settle_confidence:
        why.append(_moves(auction, winner))
    if auction.terms.scoring.use_track_record:
        why.append(_BY_RECORD)
    return " ".join(why)


def _moves(auction: Auction, winner: Winner) -> str:
    """Return what the payment becomes by the outcome, where confidence is settled."""
    said, prices = settled_by(auction, winner)
    paid = micros(winner.payment)
    most, least = most_payment(paid, said, *prices), least_payment(paid, said, *prices)
    owes = f": {winner.agent} then owes you" if least < 0 else ""
    return (
        f"The outcome moves the payment, by the confidence {plain(from_micros(said))}: to {plain(from_micros(most))} after a "
        f"success, to {plain(from_micros(least))} after a failure{owes}; without a report it stays."
    )


_BY_RECORD = "Scores go by what each bidder's track record predicts; the ranking shows the numbers used."


def _why_here(auction: Auction) -> str:
    """Return why this winner, where several auctions were decided as one."""
    decided = auction.award
    assert decided is not None  # asked only of awarded auctions
    assert decided.together is not None
    winner, best = decided.winners[0], decided.runner_up_score
    others = answers.count(len(decided.together.auctions) - 1, "other auction")
    text = f"It was decided together with {others}, within what each provider takes at a time."
    if best is not None and best < winner.score:
        text += f" A bid with the lower score {plain(best)} did not win: its bidder is of more use elsewhere, or at its limit."
    elif best is not None:
        text += f" The best other bid's score is {plain(best)}, the winner's {plain(winner.score)}."
    return text


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
    covers = "covers" if len(decided.winners) == 1 else "cover"
    return (
        f"{answers.count(len(decided.winners), 'bid')} of {decided.eligible} {covers} {bought} at a total score of "
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
            return "uniform: every unit is paid what the first unit left out asked (it may be a winner's own), at most max_price."
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
    winner, rule = decided.winners[0], terms.payment_rule
    assert pays_one(rule)  # sets of bids have reasons of their own
    if rule == "pay_as_bid":
        return "pay_as_bid: it is paid its cost."
    if decided.runner_up_score is None:
        limit = "max_price" if terms.max_price is not None else "its own cost, as there is no max_price"
        return (
            f"second_price without another owner's bid: it is paid {limit}; no competition set the payment."
        )
    level = total((winner.cost, decided.runner_up_score, -winner.score))
    if terms.max_price is not None and level > terms.max_price:
        return "second_price: it is paid the cost at which it would just have won, at most max_price, which applies."
    return "second_price: it is paid the cost at which its score would equal the runner-up's."


def some(lots: Sequence[str]) -> str:
    """Return the names of lots in a line that stays short."""
    more = f" and {len(lots) - 10} more" if len(lots) > 10 else ""
    return f"{', '.join(lots[:10])}{more}"
