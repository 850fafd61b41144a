"""Winner determination beyond the table: a set cover MIP, by HiGHS.

HiGHS computes in floats, so what it says is a proposal: bids, scores and limits are checked in whole numbers, and an
answer counts as optimal only while every amount is a whole number below 2^53.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil, gcd, lcm

from market_core.mechanisms.combinatorial_part import Found, Option, Part, tie_order, union
from market_core.mechanisms.combinatorial_program import Program, Row, Terms
from market_core.mechanisms.procurement import Unproved

SOLVER = "HiGHS"
EXACT = 1 << 53
"""Whole numbers below it are exact in a float."""
LARGEST = 10**15
"""What HiGHS no longer takes as the coefficient of a row."""


def best(part: Part, seconds: float | None, *, ties: bool, hint: Sequence[Option] = ()) -> Found | None:
    """Return the best decision found within `seconds` a solve; None if the limits cannot hold.

    First the fewest lots without a max_price unbought, then the least score; proved optimal and if `ties`, by the
    tie rule. Raises Unproved if time ran out before anything allowed was found.
    """
    nowhere = (part.unpriced & ~union(part.options)).bit_count()
    try:
        found = cheapest(part, nowhere, seconds, hint)
        if found is None:
            fewest, sure = _fewest_missing(part, seconds)
            if fewest is None:
                return None
            found = cheapest(part, fewest, seconds, hint)
            if found is None or not sure:
                found = _unsure(part, found)
    except Unproved:
        if part.limits.min_winners:
            raise
        found = _unsure(part, None)
    return _tie_rule(part, found, seconds) if ties and not found.gap else found


def cheapest(part: Part, missing: int, seconds: float | None, hint: Sequence[Option] = ()) -> Found | None:
    """Return the decision of least score found that leaves at most `missing` lots without a max_price unbought.

    `hint` is a decision to start from, if it is allowed. None where none can. Raises Unproved if time ran out before
    one was found.
    """
    model = Program(part, missing)
    objective, scale, exact = _whole(model.score)
    hinted = bool(hint) and part.allows(hint) and part.value(hint)[0] <= missing
    if hinted:
        model.narrow(objective, part.value(hint)[1] // scale, seconds)
    answer = model.solve(objective, seconds, hint)
    if answer.infeasible:
        return None
    chosen = model.chosen(answer)
    if chosen is None:
        if not hinted:
            raise Unproved(part.span)
        chosen = tuple(hint)
    left, score = part.value(chosen)
    bound = part.floor if answer.bound is None else max(part.floor, ceil(answer.bound) * scale)
    bound = score if exact and answer.finished else min(bound, score)
    return Found(chosen, left, score, bound, SOLVER)


def holds(part: Part, seconds: float | None) -> bool:
    """Return whether some decision keeps the limits; yes as well if time ran out."""
    return not Program(part, len(part.prices)).solve({}, seconds).infeasible


def rivals(
    part: Part, chosen: Sequence[Option], seconds: float | None
) -> Callable[[Mapping[str, Fraction]], tuple[Option, ...]]:
    """Return a function from the surplus of each winner to a best decision where each costs so much more.

    It raises Unproved where the time is too short. Fractions too fine for floats are rounded down.
    """
    missing, positions = part.value(chosen)[0], {option.position for option in chosen}

    def decide(surplus: Mapping[str, Fraction]) -> tuple[Option, ...]:
        scale = lcm(*(each.denominator for each in surplus.values()))
        raised = _raised(part, surplus, scale)
        if not _whole(Program(raised, missing).score)[2]:
            raised = _raised(part, surplus, 1)
        won = [option for option in raised.options if option.position in positions]
        found = cheapest(raised, missing, seconds, won)
        assert found is not None  # the winners themselves are a decision
        if found.gap and found.score >= raised.value(won)[1]:
            raise Unproved(found.gap // scale)
        originals = {option.position: option for option in part.options}
        return tuple(originals[option.position] for option in found.chosen)

    return decide


def _raised(part: Part, surplus: Mapping[str, Fraction], scale: int) -> Part:
    return replace(
        part,
        options=tuple(replace(option, score=option.score * scale) for option in part.options),
        prices={lot: price if price is None else price * scale for lot, price in part.prices.items()},
        surplus={bidder: int(each * scale) for bidder, each in surplus.items()},
    )


def _fewest_missing(part: Part, seconds: float | None) -> tuple[int | None, bool]:
    """Return how many lots without a max_price must stay unbought, None if the limits cannot hold; and is it sure."""
    model = Program(part, len(part.prices))
    answer = model.solve(dict.fromkeys(model.unpriced, 1), seconds)
    if answer.infeasible:
        return None, True
    chosen = model.chosen(answer)
    if chosen is None:
        if part.limits.min_winners:
            raise Unproved(part.span)
        chosen = ()
    return part.value(chosen)[0], answer.finished


def _unsure(part: Part, found: Found | None) -> Found:
    """Return an answer of which nothing is proved, as more lots might be bought; buying nothing if there is none."""
    if found is None:
        missing, score = part.value(())
        found = Found((), missing, score, score, SOLVER)
    return replace(found, bound=min(part.floor, found.score - 1))


def _tie_rule(part: Part, found: Found, seconds: float | None) -> Found:
    """Return the decision of the same score that the tie rule picks; not `settled` if time ends.

    Each solve excludes what is known and asks for no more weight, until there is no other.
    """
    model = Program(part, found.missing)
    terms, scale, exact = _whole(model.score)
    if not exact or max(map(abs, terms.values()), default=0) >= LARGEST:
        return replace(found, settled=False)
    model.narrow(terms, found.score // scale, seconds)
    model.rows.append(Row(terms, None, found.score // scale))
    weights = {column: option.weight for column, option in enumerate(part.options)}
    picked, objective = found, Terms()  # whether there is any other is the quicker question
    while True:
        model.exclude(picked.chosen)
        model.rows.append(Row(weights, None, tie_order(found.chosen)[0]))
        answer = model.solve(objective, seconds)
        chosen = model.chosen(answer)
        if chosen is None:
            return replace(found, settled=answer.infeasible)
        picked, objective = replace(found, chosen=chosen), weights
        if part.value(chosen) == (found.missing, found.score):
            found = min(found, picked, key=lambda each: tie_order(each.chosen))


def _whole(score: Terms) -> tuple[Terms, int, bool]:
    """Return the terms divided by their common divisor, the divisor, and whether floats hold them exactly.

    Terms too large are rounded down, so that a bound on them still is one on the score.
    """
    scale = gcd(*score.values()) or 1
    total = sum(abs(amount) for amount in score.values())
    if total // scale < EXACT:
        return {column: amount // scale for column, amount in score.items()}, scale, True
    coarse = scale << (total // scale).bit_length() - 52
    return {column: amount // coarse for column, amount in score.items()}, coarse, False
