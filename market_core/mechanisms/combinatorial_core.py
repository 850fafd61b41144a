"""Core payments for lots: no group of bidders and the buyer could do better for themselves together."""

from collections.abc import Mapping, Sequence
from math import floor

from market_core.mechanisms import combinatorial_solver as solver
from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_clean import cleaned, pieces, within
from market_core.mechanisms.combinatorial_nearest import Nearest
from market_core.mechanisms.combinatorial_part import Option, Part


def surpluses(
    part: Part, chosen: Sequence[Option], caps: Mapping[str, int], seconds: float | None
) -> dict[str, int]:
    """Return what each winner is paid above its cost, at most its cap: in the core, nearest to the caps.

    Each coalition of bidders bounds the surplus of the winners outside it by what the optimum beats the coalition's
    own best by. Of the points with the greatest total the one nearest to `caps` (the surplus under vcg) is taken,
    in fractions, then rounded down to a micro-credit, which keeps all bounds. Raises Unproved where a solve ends
    without proof. Source: Day and Raghavan (2007), constraint generation; Day and Cramton (2012), nearest to VCG.
    """
    result: dict[str, int] = {}
    for piece in pieces(cleaned(part, across=False), by_bidder=True):
        won = within(piece, chosen)
        if won:
            result |= _in_piece(piece, won, caps, seconds)
    return result


def _in_piece(
    piece: Part, won: Sequence[Option], caps: Mapping[str, int], seconds: float | None
) -> dict[str, int]:
    winners = sorted({option.bidder for option in won})
    cheapest_rival = (
        table.rivals(piece, winners) if table.suits(piece, winners) else solver.rivals(piece, won, seconds)
    )
    (missing, score), bounds = piece.value(won), list[tuple[list[int], int]]()
    nearest = Nearest([caps[bidder] for bidder in winners])
    while True:
        surplus = dict(zip(winners, nearest.point, strict=True))
        rival = cheapest_rival(surplus)
        left, other = piece.value(rival)
        assert left == missing  # the winners buy as many, and what buys fewer is dearer than anything
        used = {option.bidder for option in rival}
        outside = [place for place, bidder in enumerate(winners) if bidder not in used]
        if other - score >= sum(nearest.point[place] for place in outside):
            break
        bounds.append((outside, other - score))
        nearest.add(*bounds[-1])
    rounded = [floor(each) for each in nearest.point]
    assert all(sum(rounded[place] for place in places) <= most for places, most in bounds)
    return dict(zip(winners, rounded, strict=True))
