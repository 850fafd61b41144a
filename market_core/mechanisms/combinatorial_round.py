"""Quick decisions, allowed but not always best: from a relaxation, or from a decision that lost some of its bids."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_part import Option, Part, lots_of, union
from market_core.mechanisms.procurement import Limits

MOST_CELLS = 1 << 18
"""So large a table is still quick."""


def rounded(part: Part, values: Sequence[float]) -> list[Option]:
    """Return a decision near the relaxation's, whose columns have these values, the bids' first.

    Bids come in by falling value while they buy something new, then what is cheapest for each new lot; what is
    then not worth its score is left out again.
    """
    order = sorted(
        (-value, option.key, option)
        for value, option in zip(values, part.options, strict=False)
        if 100 * value > 1
    )
    chosen, covered, busy = list[Option](), 0, set[str]()
    for _, _, option in order:
        if option.lots & ~covered and not (part.exclusive and option.bidder in busy):
            chosen.append(option)
            covered |= option.lots
            busy.add(option.bidder)
    return _thinned(part, _completed(part, chosen))


def mended(rest: Part, kept: Sequence[Option]) -> list[Option]:
    """Return these bids with the best of other bidders on the lots they leave, where that is quick to find."""
    covered, busy = union(kept), {option.bidder for option in kept}
    left = {lot: price for lot, price in rest.prices.items() if not covered >> lot & 1}
    options = tuple(
        replace(option, lots=option.lots & ~covered)
        for option in rest.options
        if option.lots & ~covered and option.bidder not in busy
    )
    gap = replace(rest, prices=left, options=options, at_most={}, limits=Limits())
    if not table.fits(gap, MOST_CELLS):
        return _thinned(rest, _completed(rest, kept))
    added = {option.position for option in table.best(gap, ties=False).chosen}
    return [*kept, *(option for option in rest.options if option.position in added)]


def _completed(part: Part, kept: Sequence[Option]) -> list[Option]:
    """Return these bids and, lots without a max_price left, again and again the cheapest for each new one of them."""
    chosen, left, busy = list(kept), part.unpriced & ~union(kept), {option.bidder for option in kept}
    while left:
        able = [
            option
            for option in part.options
            if option.lots & left and not (part.exclusive and option.bidder in busy)
        ]
        if not able:
            break
        best = min(able, key=lambda each: (Fraction(each.score, (each.lots & left).bit_count()), each.key))
        chosen.append(best)
        busy.add(best.bidder)
        left &= ~best.lots
    return chosen


def _thinned(part: Part, chosen: Sequence[Option]) -> list[Option]:
    """Return these bids without those, the dearest first, that cost more than they buy."""
    kept, unpriced = list(chosen), part.unpriced
    for option in sorted(chosen, key=lambda each: each.rank, reverse=True):
        others = [each for each in kept if each is not option]
        only = option.lots & ~union(others)
        alone = all(each.bidder != option.bidder for each in others)
        saved = option.score + (part.surplus.get(option.bidder, 0) if alone else 0)
        if not only & unpriced and saved > sum(part.prices[lot] or 0 for lot in lots_of(only)):
            kept = others
    return kept
