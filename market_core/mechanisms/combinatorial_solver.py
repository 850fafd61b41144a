"""Winner determination beyond the table: a set cover program, bounded by its relaxation and solved by HiGHS.

HiGHS computes in floats, so what it says is a proposal: bids, scores and limits are checked in whole numbers, and an
answer counts as optimal only while every amount is a whole number below 2^53.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, gcd, lcm

from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_clean import pieces, within
from market_core.mechanisms.combinatorial_highs import (
    PROOF,
    ROUGH,
    SOON,
    Bound,
    Options,
    Relaxation,
    solve,
    split,
)
from market_core.mechanisms.combinatorial_part import Found, Option, Part, union
from market_core.mechanisms.combinatorial_program import Program
from market_core.mechanisms.combinatorial_round import mended, rounded
from market_core.mechanisms.highs import EXACT, SOLVER, Answer
from market_core.mechanisms.procurement import Unproved

CORE = 60
"""So many columns and 2 for each lot, those with the least reduced costs, are searched first."""
FEW = 3
"""That search is worth while where there are so many times as many columns."""
WIDE = 1_000
"""Among more columns a good decision is looked for first, then the proof that it is the best."""
MOST_CELLS = 1 << 22
"""So large a table is quicker than that search."""


def best(part: Part, seconds: float | None) -> Found | None:
    """Return the best decision found within `seconds` a solve, ties as found; None if the limits cannot hold.

    First the fewest lots without a max_price unbought, then the least score. Raises Unproved if time ran out before
    anything allowed was found.
    """
    try:
        found = cheapest(part, never(part), seconds)
        if found is None:
            fewest, sure = _fewest_missing(part, seconds)
            if fewest is None:
                return None
            found = cheapest(part, fewest, seconds)
            if found is None or not sure:
                found = _unsure(part, found)
    except Unproved:
        if part.limits.min_winners:
            raise
        found = _unsure(part, None)
    return found


def never(part: Part) -> int:
    """Return how many lots without a max_price no bid is on."""
    return (part.unpriced & ~union(part.options)).bit_count()


def cheapest(
    part: Part, missing: int, seconds: float | None, hints: Iterable[Sequence[Option]] = ()
) -> Found | None:
    """Return the decision of least score found that leaves at most `missing` lots without a max_price unbought.

    `hints` are decisions to start from, where they are allowed. None where there is none. Raises Unproved if time
    ran out before one was found.
    """
    if never(part) > missing:
        return None
    model = Program(part, missing)
    objective, scale, exact = whole(model.score)
    bound = Relaxation(model, objective, seconds).bound()
    return _Search(part, missing, model, objective, scale, exact, bound, seconds).best(hints)


@dataclass(slots=True)
class _Search:
    """The search for the best decision of a part: its program's without the columns `shut`.

    The objective is the score in units of `scale`, `exact` if floats hold it exactly. `known` is the best so far.
    """

    part: Part
    missing: int
    model: Program
    objective: Sequence[int]
    scale: int
    exact: bool
    bound: Bound | None
    seconds: float | None
    shut: frozenset[int] = frozenset()
    enough: Callable[[Sequence[Option]], bool] = lambda _: False
    known: Sequence[Option] | None = None

    def best(self, hints: Iterable[Sequence[Option]]) -> Found | None:
        """Return the best decision found, or the first that is `enough`; None where there is none."""
        for hint in hints:
            self._learn(hint)
        for step in (self._near, self._apart, self._among_few):
            found = step()
            if found is not None:
                return found
            if self.known is not None and self.enough(self.known):
                return self._found(self._low)
        return self._among_all()

    @property
    def _score(self) -> int:
        """The score of the best so far, beyond all others' before there is one."""
        return self.part.span if self.known is None else self.part.value(self.known)[1]

    @property
    def _room(self) -> int:
        """How far beyond the bound what is known is, in the bound's units."""
        assert self.bound is not None
        return self.bound.room(self._score // self.scale)

    @property
    def _low(self) -> int:
        return self.part.floor if self.bound is None else max(self.part.floor, self.bound.least * self.scale)

    def _learn(self, decision: Sequence[Option]) -> bool:
        """Keep an allowed decision that is better than what is known; return whether it is the best known now."""
        if not self.part.allows(decision) or self.part.value(decision)[0] > self.missing:
            return False
        if self.known is None or self.part.value(decision)[1] < self._score:
            self.known = decision
        return self.part.value(decision)[1] == self._score

    def _found(self, low: int) -> Found:
        assert self.known is not None
        missing, score = self.part.value(self.known)
        found = Found(tuple(self.known), missing, score, low, SOLVER, settled=False)
        if self.bound is None or low < score:
            return found
        gone = self.bound.beyond(self._room)
        bought = sum(1 << lot for lot, column in self.model.unbought.items() if column in gone)
        always = 0 if self.model.spare else self.part.unpriced & union(self.part.options)
        return replace(found, likely=self._likely(), bought=bought | always)

    def _likely(self) -> tuple[Option, ...]:
        """Return the bids of which alone a decision as good as the best known can be made."""
        assert self.bound is not None
        gone = self.bound.beyond(self._room) | self.shut
        return tuple(option for column, option in enumerate(self.model.part.options) if column not in gone)

    def _near(self) -> Found | None:
        """Return what is known, or a decision near the relaxation's, if the bound proves it the best."""
        if self.bound is not None and self._score > self._low:
            bids = self.bound.values[: len(self.model.part.options)]
            values = [value for column, value in enumerate(bids) if column not in self.shut]
            self._learn(rounded(self.part, values))
        return self._found(self._low) if self.known is not None and self._score <= self._low else None

    def _apart(self) -> Found | None:
        """Return the best decision if the bids left fall into pieces or suit the table."""
        if self.bound is None or self.known is None or self.model.spare:
            return None
        rest = replace(self.part, options=self._likely())
        if rest.limited or rest.surplus:
            return None
        split = pieces(rest, by_bidder=rest.exclusive)
        largest = max(len(piece.options) for piece in split)
        if 4 * largest > 3 * len(rest.options) and not table.fits(rest, MOST_CELLS):
            return None
        founds = [self._piece(piece) for piece in split]
        bought = sum(found.bought for found in founds)
        return Found(
            tuple(option for found in founds for option in found.chosen),
            self.missing,
            sum(found.score for found in founds),
            sum(found.bound for found in founds),
            " + ".join(sorted({SOLVER, *(found.solver for found in founds)})),
            settled=False,
            likely=tuple(option for found in founds for option in found.likely or ()),
            bought=bought,
        )

    def _piece(self, piece: Part) -> Found:
        if table.fits(piece, MOST_CELLS):
            return replace(table.best(piece, ties=False), likely=piece.options)
        found = cheapest(piece, never(piece), self.seconds, [within(piece, self.known or ())])
        assert found is not None  # what is known is a decision
        return found if found.likely is not None else replace(found, likely=piece.options)

    def _among_few(self) -> Found | None:
        """Return the best decision of the bids with the least reduced costs, if nothing better is beyond them."""
        if self.bound is None:
            return None
        few = CORE + 2 * len(self.part.prices)
        room = self.bound.within(few)
        if FEW * few > self.model.width or (self.known is not None and (self.shut or room >= self._room)):
            return None
        seconds, rest = split(self.seconds)
        answer = self._solved(self.bound.beyond(room), frozenset(), seconds, SOON)
        self.seconds = rest
        # Whatever is left out makes a decision dearer than the room allows.
        if answer.finished and self.exact and self._room <= room:
            return self._found(self._score)
        return self._apart()

    def _among_all(self) -> Found | None:
        zero, one = self._fixed()
        if self.model.width - len(zero) > WIDE:
            for_proof, for_decision = split(self.seconds)
            answer = self._solved(zero, one, for_decision, ROUGH)
            if answer.finished:
                self.seconds = for_proof
                answer = self._solved(*self._fixed(), self.seconds, PROOF)
        else:
            answer = self._solved(zero, one, self.seconds, PROOF)
        if self.known is None:
            if answer.infeasible:
                return None
            raise Unproved(self.part.span)
        if answer.finished and self.exact:
            return self._found(self._score)
        low = self._low if answer.bound is None else max(self._low, ceil(answer.bound) * self.scale)
        return self._found(min(low, self._score))

    def _fixed(self) -> tuple[frozenset[int], frozenset[int]]:
        """Return the columns known to be 0 and to be 1, none where that would not help."""
        if self.bound is None or self.known is None:
            return frozenset(), frozenset()
        zero = self.bound.beyond(self._room)
        # With a few columns less HiGHS has been seen to take three times as long, with many less never.
        if 2 * len(zero) < self.model.width:
            return frozenset(), frozenset()
        return zero, self.bound.certain(self._room)

    def _solved(
        self,
        zero: frozenset[int],
        one: frozenset[int],
        seconds: float | None,
        options: Options,
    ) -> Answer:
        """Ask HiGHS and learn what it finds; it has not finished if that is not the best known."""
        start = frozenset[int]() if self.known is None else self.model.columns(self.known)
        answer = solve(self.model, self.objective, seconds, options, start, zero | self.shut, one)
        best = answer.ones is not None and self._learn(self.model.chosen(answer.ones))
        return replace(answer, finished=answer.finished and best)


def holds(part: Part, seconds: float | None) -> bool:
    """Return whether some decision keeps the limits; yes as well if time ran out."""
    model = Program(part, len(part.prices))
    return not solve(model, [0] * model.width, seconds).infeasible


def without(part: Part, won: Sequence[Option], seconds: float | None) -> Callable[[str], tuple[int, int]]:
    """Return a function from a winner to the best (missing, score) without it; missing is more if there is none.

    `won` is the best decision. The relaxation starts from where it ended without another, and what was found
    without another may do without this one. Raises Unproved where a solve ends without proof.
    """
    missing = part.value(won)[0]
    model = Program(part, missing)
    objective, scale, exact = whole(model.score)
    relaxation = Relaxation(model, objective, seconds)
    known: list[Sequence[Option]] = []

    def decide(bidder: str) -> tuple[int, int]:
        rest, shut = part.without(bidder), frozenset(model.bids[bidder])
        if never(rest) > missing:
            return missing + 1, 0
        bound = relaxation.bound(sorted(shut))
        hints = [each for each in known if all(option.bidder != bidder for option in each)]
        hints.append(mended(rest, within(rest, won)))
        found = _Search(rest, missing, model, objective, scale, exact, bound, seconds, shut).best(hints)
        if found is None:
            return missing + 1, 0
        if found.gap:
            raise Unproved(found.gap)
        known.append(found.chosen)
        return found.missing, found.score

    return decide


def rivals(
    part: Part, won: Sequence[Option], seconds: float | None
) -> Callable[[Mapping[str, Fraction]], tuple[Option, ...]]:
    """Return a function from the surplus of each winner to a decision that blocks it: cheaper if all cost so much more.

    It gives the first that is found, and if there is none another decision. It raises Unproved where the time is too
    short. Fractions too fine for floats are rounded down.
    """
    missing, score = part.value(won)
    original, winners = {each.position: each for each in part.options}, {each.position for each in won}

    def decide(surplus: Mapping[str, Fraction]) -> tuple[Option, ...]:
        def blocks(decision: Sequence[Option]) -> bool:
            used = {option.bidder for option in decision}
            outside = sum(above for bidder, above in surplus.items() if bidder not in used)
            return part.value([original[option.position] for option in decision])[1] - score < outside

        # Rounded down to whole numbers most that block are found, and sooner.
        for scale in sorted({1, lcm(*(each.denominator for each in surplus.values()))}):
            raised = _raised(part, surplus, scale)
            model = Program(raised, missing)
            objective, divisor, exact = whole(model.score)
            if scale > 1 and not exact:
                break
            bound = Relaxation(model, objective, seconds).bound()
            search = _Search(raised, missing, model, objective, divisor, exact, bound, seconds, enough=blocks)
            found = search.best([[option for option in raised.options if option.position in winners]])
            assert found is not None  # the winners themselves are a decision
            chosen = found.chosen
            if blocks(chosen):
                break
            if found.gap:
                raise Unproved(found.gap // scale)
        return tuple(original[option.position] for option in chosen)

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
    objective = [0] * model.width
    for column in model.unpriced:
        objective[column] = 1
    answer = solve(model, objective, seconds)
    if answer.infeasible:
        return None, True
    if answer.ones is None:
        if part.limits.min_winners:
            raise Unproved(part.span)
        return part.value(())[0], False
    return part.value(model.chosen(answer.ones))[0], answer.finished


def _unsure(part: Part, found: Found | None) -> Found:
    """Return an answer of which nothing is proved, as more lots might be bought; buying nothing if there is none."""
    if found is None:
        missing, score = part.value(())
        found = Found((), missing, score, score, SOLVER)
    return replace(found, bound=min(part.floor, found.score - 1))


def whole(score: Sequence[int]) -> tuple[list[int], int, bool]:
    """Return the amounts divided by their common divisor, the divisor, and whether floats hold them exactly.

    Amounts too large are rounded down, so that a bound on them still is one on the score.
    """
    scale = gcd(*score) or 1
    total = sum(map(abs, score))
    if total // scale < EXACT:
        return [amount // scale for amount in score], scale, True
    coarse = scale << (total // scale).bit_length() - 52
    return [amount // coarse for amount in score], coarse, False
