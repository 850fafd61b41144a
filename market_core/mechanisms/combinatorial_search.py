"""Exact winner determination for lots: what cannot win is dropped, what is independent is solved apart.

Small parts go to the table of subsets, large or limited ones to the solver.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from market_core.mechanisms import combinatorial_solver as solver
from market_core.mechanisms import combinatorial_table as table
from market_core.mechanisms.combinatorial_part import Found, Option, Part, union
from market_core.mechanisms.procurement import Infeasible, Limits, Unproved

MOST_COMPARED = 2_000
"""Among more bids only those on equal lots are compared."""


def best(part: Part, seconds: float | None, *, ties: bool = True) -> Found:
    """Return the best decision: most lots without a max_price, then least score, then the tie rule if `ties`.

    Each solve of the solver takes at most `seconds`. Raises Infeasible, naming a smallest set of limits that
    conflicts, and Unproved if time ran out before anything was found that keeps a min_winners.
    """
    founds = []
    for piece in pieces(cleaned(part, across=True), by_bidder=part.exclusive):
        found = _solve(piece, seconds, ties=ties)
        if found is None:
            raise Infeasible(_conflict(part, seconds))
        founds.append(found)
    chosen = sorted((option for found in founds for option in found.chosen), key=lambda each: each.position)
    missing, score = part.value(chosen)
    return Found(
        tuple(chosen),
        missing,
        score,
        sum(found.bound for found in founds),
        " + ".join(sorted({found.solver for found in founds})),
        settled=all(found.settled for found in founds),
    )


def increases(part: Part, chosen: Sequence[Option], seconds: float | None) -> dict[str, int | None]:
    """Return by how much the least score rises without each winner's bids, for the optimal bids `chosen`.

    None where without it fewer lots that have no max_price can be bought, or the limits cannot hold. Raises
    Unproved where a solve ends without proof.
    """
    rises: dict[str, int | None] = dict.fromkeys((option.bidder for option in chosen), 0)
    for piece in pieces(cleaned(part, across=False), by_bidder=part.exclusive):
        won = within(piece, chosen)
        missing, score = piece.value(won)
        for bidder, (left, other) in _without(piece, won, seconds).items():
            rise = rises[bidder]
            rises[bidder] = None if rise is None or left > missing else rise + other - score
    return rises


def within(piece: Part, chosen: Sequence[Option]) -> list[Option]:
    """Return those of the bids `chosen` that are bids of this piece."""
    own = {option.position for option in piece.options}
    return [option for option in chosen if option.position in own]


def _solve(piece: Part, seconds: float | None, *, ties: bool) -> Found | None:
    if not piece.options and piece.allows(()):
        return Found((), *piece.value(()), piece.value(())[1], table.SOLVER)
    if table.fits(piece):
        return table.best(piece)
    return solver.best(piece, seconds, ties=ties)


def _without(piece: Part, won: Sequence[Option], seconds: float | None) -> dict[str, tuple[int, int]]:
    """Return the best (missing, score) of the piece without each bidder; missing is one more if there is none."""
    winners = sorted({option.bidder for option in won})
    if table.fits(piece):
        return table.without(piece, winners)
    missing, values = piece.value(won)[0], {}
    for bidder in winners:
        rest = piece.without(bidder)
        found = solver.cheapest(rest, missing, seconds, _mended(rest, within(rest, won)))
        if found is not None and found.gap:
            raise Unproved(found.gap)
        values[bidder] = (missing + 1, 0) if found is None else (found.missing, found.score)
    return values


def _mended(rest: Part, kept: Sequence[Option]) -> Sequence[Option]:
    """Return these bids with the best of other bidders on the lots they leave, where that is quick to find."""
    covered, busy = union(kept), {option.bidder for option in kept}
    left = {lot: price for lot, price in rest.prices.items() if not covered >> lot & 1}
    options = tuple(
        replace(option, lots=option.lots & ~covered)
        for option in rest.options
        if option.lots & ~covered and option.bidder not in busy
    )
    gap = replace(rest, prices=left, options=options, at_most={}, limits=Limits())
    if not table.fits(gap):
        return kept
    added = {option.position for option in table.best(gap).chosen}
    return [*kept, *(option for option in rest.options if option.position in added)]


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


def cleaned(part: Part, *, across: bool) -> Part:
    """Return the part without bids that can never win, and without limits that bind nobody.

    A bid is dropped for a better one (less score, or equal and the smaller key) on all its lots: of the same
    bidder, and if `across` of any bidder where nothing ties a bidder's bids together.
    """
    options = [o for o in part.options if o.lots.bit_count() <= part.at_most.get(o.bidder, len(part.prices))]
    sizes: defaultdict[str, int] = defaultdict(int)
    for option in options:
        sizes[option.bidder] += option.lots.bit_count()
    binding = {
        bidder: most for bidder, most in part.at_most.items() if not part.exclusive and sizes[bidder] > most
    }
    if part.limits.max_spend_share is None:
        apart = across and not part.exclusive and not part.limited and not binding
        groups: defaultdict[str, list[Option]] = defaultdict(list)
        for option in options:
            groups["" if apart else option.bidder].append(option)
        wider = part.limits.max_share is None
        options = [
            kept
            for bidder, group in groups.items()
            for kept in _undominated(group, wider=wider and bidder not in binding, apart=not part.exclusive)
        ]
    options.sort(key=lambda option: option.key)
    return replace(part, options=tuple(options), at_most=binding)


def _undominated(group: Sequence[Option], *, wider: bool, apart: bool) -> list[Option]:
    """Return the bids for which no better one of the group is on the same lots, or if `wider` on more.

    Where both could win (`apart`), one that lowers the score by itself is wanted beside any other.
    """
    kept: list[Option] = []
    equal: set[int] = set()
    wider = wider and len(group) <= MOST_COMPARED
    for option in sorted(group, key=lambda each: each.rank):
        worse = option.lots in equal or (wider and any(not option.lots & ~each.lots for each in kept))
        if not worse or (apart and (option.score, option.weight) <= (0, 0)):
            kept.append(option)
        equal.add(option.lots)
    return kept


def pieces(part: Part, *, by_bidder: bool) -> list[Part]:
    """Split a part where no bid, and if `by_bidder` no bidder, reaches across; with limits it stays whole."""
    if part.limited:
        return [part]
    leader = {lot: lot for lot in part.prices}

    def find(lot: int) -> int:
        while leader[lot] != lot:
            leader[lot] = lot = leader[leader[lot]]
        return lot

    first: dict[str, int] = {}
    for option in part.options:
        whole = by_bidder or option.bidder in part.at_most
        lots = [lot for lot in part.prices if option.lots >> lot & 1]
        anchor = first.setdefault(option.bidder, lots[0]) if whole else lots[0]
        for lot in lots:
            leader[find(lot)] = find(anchor)
    return _split(part, {lot: find(lot) for lot in part.prices})


def _split(part: Part, group: dict[int, int]) -> list[Part]:
    """Return one part for each group of lots; lots without bids are one together."""
    reached = union(part.options)
    place = {lot: root if reached >> lot & 1 else -1 for lot, root in group.items()}
    options: defaultdict[int, list[Option]] = defaultdict(list)
    for option in part.options:
        options[place[option.lots.bit_length() - 1]].append(option)
    prices: defaultdict[int, dict[int, int | None]] = defaultdict(dict)
    for lot, price in part.prices.items():
        prices[place[lot]][lot] = price
    return [replace(part, prices=prices[key], options=tuple(options[key])) for key in sorted(prices)]
