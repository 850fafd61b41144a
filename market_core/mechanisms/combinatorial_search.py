"""Exact winner determination for lots: what cannot win is dropped, what is independent is solved apart.

Small parts go to the table of subsets, large or limited ones to the solver.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

from market_core.mechanisms import combinatorial_solver as solver
from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_clean import cleaned, pieces, within
from market_core.mechanisms.combinatorial_part import SHARE, Found, Option, Part, union
from market_core.mechanisms.combinatorial_ties import picked
from market_core.mechanisms.procurement import Infeasible, Limits, NoCompetition


def best(part: Part, seconds: float | None, *, ties: bool = True) -> Found:
    """Return the best decision: most lots without a max_price, then least score, then the tie rule if `ties`.

    Each solve of the solver takes at most `seconds`. Raises Infeasible, naming a smallest set of limits that
    conflicts, and Unproved if time ran out before anything was found that keeps a min_winners.
    """
    loose = _share_apart(part)
    if loose is not None:
        with suppress(Infeasible):  # the limits that conflict are named below
            easy = best(loose, seconds, ties=ties)
            if part.allows(easy.chosen):
                return easy
    founds = []
    for piece in pieces(cleaned(part, across=True), by_bidder=part.exclusive):
        found = _solve(piece, seconds)
        if found is None:
            raise Infeasible(_conflict(part, seconds))
        founds.append(settled(piece, found, seconds) if ties and not found.gap else found)
    chosen = sorted((option for found in founds for option in found.chosen), key=lambda each: each.position)
    missing, score = part.value(chosen)
    return Found(
        tuple(chosen),
        missing,
        score,
        sum(found.bound for found in founds),
        " + ".join(sorted({name for found in founds for name in found.solver.split(" + ")})),
        settled=all(found.settled for found in founds),
    )


def _share_apart(part: Part) -> Part | None:
    """Return the part without the limit of shares and the bids that alone exceed it; None if that is no help.

    Where a bidder's bids are alternatives and all lots are bought, the limit says no more than that. What is best
    without the limit is best with it, if it keeps it.
    """
    most = part.limits.max_share
    if most is None or not part.exclusive:
        return None
    bought = union(part.options).bit_count() * most
    options = tuple(option for option in part.options if option.lots.bit_count() * SHARE <= bought)
    return replace(part, options=options, limits=replace(part.limits, max_share=None))


def settled(piece: Part, found: Found, seconds: float | None) -> Found:
    """Return the decision of the same score that the tie rule picks; not `settled` if time ends."""
    return found if found.settled else picked(piece, found, seconds)


def _solve(piece: Part, seconds: float | None) -> Found | None:
    if not piece.options and piece.allows(()):
        return Found((), *piece.value(()), piece.value(())[1], table.SOLVER)
    if table.fits(piece, table.QUICK):
        return table.best(piece)
    return solver.best(piece, seconds)


def increases(part: Part, chosen: Sequence[Option], seconds: float | None) -> dict[str, int]:
    """Return by how much the least score rises without each winner's bids, for the optimal bids `chosen`.

    Raises NoCompetition where without a bidder fewer lots that have no max_price can be bought or the limits cannot
    hold, naming the first in the order of keys, and Unproved where a solve ends without proof.
    """
    parts = []
    for piece in pieces(cleaned(part, across=False), by_bidder=part.exclusive):
        won = within(piece, chosen)
        if won:
            parts.append(({option.bidder for option in won}, piece.value(won), _without(piece, won, seconds)))
    rises: dict[str, int] = {}
    for option in sorted(chosen, key=lambda each: each.key):
        if option.bidder in rises:
            continue
        rises[option.bidder] = 0
        for bidders, (missing, score), without in parts:
            if option.bidder in bidders:
                left, other = without(option.bidder)
                if left > missing:
                    raise NoCompetition(option.bidder)
                rises[option.bidder] += other - score
    return rises


def _without(piece: Part, won: Sequence[Option], seconds: float | None) -> Callable[[str], tuple[int, int]]:
    """Return a function from a winner to the best (missing, score) without it; missing is more if there is none."""
    winners = sorted({option.bidder for option in won})
    if table.suits(piece, winners):
        return table.without(piece, winners).__getitem__
    return solver.without(piece, won, seconds)


def _conflict(part: Part, seconds: float | None) -> tuple[str, ...]:
    """Return a smallest set of the names of limits that cannot hold together."""
    limits = part.limits
    names = [name for name in Limits.__dataclass_fields__ if getattr(limits, name) not in {None, 0}]
    names += ["at_most"] * bool(part.at_most)
    for size in range(1, len(names)):
        for kept in combinations(names, size):
            asked = Limits(**{name: getattr(limits, name) for name in kept if name != "at_most"})
            rest = replace(part, limits=asked, at_most=part.at_most if "at_most" in kept else {})
            # Without min_winners buying nothing keeps every limit.
            if asked.min_winners and not solver.holds(cleaned(rest, across=False), seconds):
                return kept
    return tuple(names)
