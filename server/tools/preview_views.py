"""What an answer says of an award that is not made yet: its ranking, and each payment rule side by side."""

from collections.abc import Sequence

from market_core.auction import Auction
from market_core.observation import PreviewSeen, RuleSeen
from server.tools import answers
from server.tools.award_views import together_rows, winner_rows, winners_table


def preview_answer(auction: Auction, seen: PreviewSeen) -> answers.Preview:
    """Return the answer to a look at what an award would be."""
    one = auction.terms.mechanism == "single"
    return answers.Preview(
        auction_id=auction.terms.auction_id,
        ranking=answers.rank_rows(seen.ranking, seen.terms, basis=auction.basis),
        ranked=seen.ranked,
        rules=[
            answers.RuleRow(
                payment_rule=rule.payment_rule,
                winner=rule.winners[0].agent if one and rule.winners else None,
                winners=None if one else winner_rows(auction, rule.winners)[:50] or None,
                payment=rule.payment,
                premium=rule.premium,
                refused=rule.refused.message if rule.refused else None,
            )
            for rule in seen.rules
        ],
    )


def preview_text(made: answers.Preview, seen: PreviewSeen) -> str:
    """Return the same as a text."""
    own = made.rules[0]
    if own.refused:
        first = f"An award now would be refused: {own.refused}."
    elif own.payment is None:
        return (
            "No bid counts: an award now would end the auction unsold.\nNext: award, or withdraw to cancel."
        )
    else:
        winners = list(dict.fromkeys(winner.agent for winner in seen.rules[0].winners))
        who = winners[0] if len(winners) == 1 else f"{len(winners)} winners"
        paid = answers.credits_text(own.payment)
        first = f"{who} would win and be paid {paid} ({own.payment_rule}, this auction's rule)."
    heads = ["payment_rule", "payment", "premium over cost"]
    text = f"{first}\n{answers.table(heads, ([r.payment_rule, r.payment, r.premium] for r in made.rules))}"
    text += "".join(
        f"\n{row.payment_rule} would be refused: {row.refused}." for row in made.rules[1:] if row.refused
    )
    if own.winners:
        text += f"\n\n{winners_table(own.winners)}"
    rows = made.ranking or ()
    text += f"\n\nRanking, {len(rows)} of {answers.count(seen.ranked, 'bid')}:\n{answers.rank_table(rows)}"
    other = "Other rules are shown for the same bids; under them bidders might have bid otherwise."
    then = "award decides, for good."
    if seen.rules[0].refused:
        then = f"{seen.rules[0].refused.next}."
    return f"{text}\n{other}\nNext: {then}"


def together_preview(auctions: Sequence[Auction], seen: Sequence[RuleSeen]) -> tuple[answers.Preview, str]:
    """Return the answer to a look at what an award of several auctions as one would be."""
    made = answers.Preview(
        auction_id=auctions[0].terms.auction_id,
        ranked=sum(len(auction.bids) for auction in auctions),
        rules=[
            answers.RuleRow(
                payment_rule=rule.payment_rule,
                winners=together_rows(rule.winners)[:50] or None,
                payment=rule.payment,
                premium=rule.premium,
                refused=rule.refused.message if rule.refused else None,
            )
            for rule in seen
        ],
    )
    own, other = made.rules
    won = len(seen[0].winners)
    text = f"{won} of {len(auctions)} auctions would be awarded ({own.payment_rule}, their rule)."
    if own.refused:
        text = f"An award now would be refused: {own.refused}."
    heads = ["payment_rule", "payment", "premium over cost"]
    text += f"\n{answers.table(heads, ([r.payment_rule, r.payment, r.premium] for r in made.rules))}"
    if other.refused:
        text += f"\n{other.payment_rule} would be refused: {other.refused}."
    if own.winners:
        text += f"\n\n{winners_table(own.winners)}"
    return made, f"{text}\nNext: award with the same together_with decides, for good."
