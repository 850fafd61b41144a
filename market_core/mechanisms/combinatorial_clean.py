"""What can be known of a part before it is solved: bids that never win, limits that bind nobody, independent pieces."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from market_core.mechanisms.combinatorial_part import Option, Part

MOST_COMPARED = 2_000
"""Among more bids only those on equal lots are compared."""


def cleaned(part: Part, *, across: bool) -> Part:
    """Return the part without bids that can never win, and without limits that bind nobody.

    A bid is dropped for a better one (less score, or equal and the smaller key) on all its lots: of the same
    bidder, and if `across` of any bidder where nothing ties a bidder's bids together.
    """
    options, binding = list(part.options), dict[str, int]()
    if part.at_most:
        whole = len(part.prices)
        options = [o for o in options if o.lots.bit_count() <= part.at_most.get(o.bidder, whole)]
        sizes: defaultdict[str, int] = defaultdict(int)
        for option in options:
            sizes[option.bidder] += option.lots.bit_count()
        binding = {
            bidder: most
            for bidder, most in part.at_most.items()
            if not part.exclusive and sizes[bidder] > most
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
    if len(group) == 1:
        return list(group)
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
    reach: dict[str, int] = {}
    for option in part.options:
        name = option.bidder if by_bidder or option.bidder in part.at_most else option.key
        reach[name] = reach.get(name, 0) | option.lots
    groups: list[int] = []
    for lots in reach.values():
        touched = [group for group in groups if group & lots]
        if len(touched) != 1 or lots & ~touched[0]:
            groups = [*(group for group in groups if not group & lots), lots | _all(touched)]
    return _split(part, sorted(groups, key=lambda group: group & -group))


def _all(groups: Iterable[int]) -> int:
    joined = 0
    for group in groups:
        joined |= group
    return joined


def _split(part: Part, groups: Sequence[int]) -> list[Part]:
    """Return one part for each group of lots; lots without bids are one together, the first."""
    lots = sum(1 << lot for lot in part.prices)
    rest = lots & ~_all(groups)
    return (
        [_only(part, group) for group in (rest, *groups) if group] if len(groups) + bool(rest) > 1 else [part]
    )


def _only(part: Part, lots: int) -> Part:
    return replace(
        part,
        prices={lot: price for lot, price in part.prices.items() if lots >> lot & 1},
        options=tuple(option for option in part.options if option.lots & lots),
    )


def within(piece: Part, chosen: Sequence[Option]) -> list[Option]:
    """Return those of the bids `chosen` that are bids of this piece."""
    own = {option.position for option in piece.options}
    return [option for option in chosen if option.position in own]
