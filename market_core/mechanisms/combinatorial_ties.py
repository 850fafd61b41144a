"""Which of the decisions of the least score wins: the one with the least sum of weights, then the least list of keys.

Only bids that can be in a decision of that score come into question. Often they leave no choice, or fall into small
pieces; else HiGHS is asked for other decisions until there are none.
"""

from collections.abc import Sequence
from dataclasses import replace

from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_clean import pieces, within
from market_core.mechanisms.combinatorial_highs import OTHER, solve
from market_core.mechanisms.combinatorial_part import Found, Option, Part, tie_order, union
from market_core.mechanisms.combinatorial_program import Program
from market_core.mechanisms.combinatorial_solver import whole

LARGEST = 10**15
"""What HiGHS no longer takes as the coefficient of a row."""
MOST_CELLS = 1 << 22
"""So large a table is quicker than HiGHS."""


def picked(part: Part, found: Found, seconds: float | None) -> Found:
    """Return the decision of the same score that the tie rule picks; not `settled` if time ends."""
    rest = part if found.likely is None else replace(part, options=found.likely)
    if _alone(rest, found.chosen, found.bought):
        return replace(found, settled=True)
    if rest.limited:
        return _by_solver(rest, found, seconds)
    founds = []
    for piece in pieces(rest, by_bidder=rest.exclusive):
        won = tuple(within(piece, found.chosen))
        missing, score = piece.value(won)
        own = Found(won, missing, score, score, found.solver, settled=False)
        lots = sum(1 << lot for lot in piece.prices)
        if _alone(piece, won, found.bought & lots):
            founds.append(replace(own, settled=True))
        else:
            quick = table.fits(piece, MOST_CELLS)
            founds.append(table.best(piece) if quick else _by_solver(piece, own, seconds))
    chosen = tuple(option for each in founds for option in each.chosen)
    return replace(found, chosen=chosen, settled=all(each.settled for each in founds))


def _alone(part: Part, chosen: Sequence[Option], bought: int) -> bool:
    """Return whether no other bids of the part can buy the lots `bought` at the score of those chosen.

    A bid that alone is on one of these lots must win; under xor that rules out its bidder's others, and so on. If all
    of those chosen must, others only add to the score.
    """
    left, forced = list(part.options), set[int]()
    while True:
        once = twice = 0
        for option in left:
            twice |= once & option.lots
            once |= option.lots
        must = [option for option in left if option.lots & once & ~twice & bought]
        if len(must) == len(forced):
            break
        forced = {option.position for option in must}
        if part.exclusive:
            taken = {option.bidder for option in must}
            left = [option for option in left if option.position in forced or option.bidder not in taken]
    others = [option for option in left if option.position not in forced]
    covered = union(chosen)
    return forced == {option.position for option in chosen} and all(
        option.score > 0 and not option.lots & ~covered for option in others
    )


def _by_solver(part: Part, found: Found, seconds: float | None) -> Found:
    """Return the decision that the tie rule picks; each solve excludes what is known and asks for no more weight."""
    model = Program(part, found.missing)
    terms, scale, exact = whole(model.score)
    if not exact or max(map(abs, terms), default=0) >= LARGEST:
        return replace(found, settled=False)
    model.rows.terms(
        {column: amount for column, amount in enumerate(terms) if amount}, None, found.score // scale
    )
    weights = [option.weight for option in part.options]
    objective = [0] * model.width  # whether there is any other is the quicker question
    picked = found
    while True:
        model.exclude(picked.chosen)
        model.rows.add(range(len(weights)), weights, None, tie_order(found.chosen)[0])
        answer = solve(model, objective, seconds, OTHER)
        if answer.ones is None:
            return replace(found, settled=answer.infeasible)
        chosen = model.chosen(answer.ones)
        picked, objective = replace(found, chosen=chosen), [*weights, *[0] * (model.width - len(weights))]
        if part.value(chosen) == (found.missing, found.score):
            found = min(found, picked, key=lambda each: tie_order(each.chosen))
