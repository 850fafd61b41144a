"""Why an entry got less than it asked for: in one word each."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from market_core.mechanisms.clearing_book import Clearing, Entry, spans, worth

Reason = Literal["out_of_price", "rationed", "minimum", "no_partner"]
Reasons = tuple[Reason | None, ...]


def reasons(
    demand: Sequence[Entry], offers: Sequence[Entry], clearing: Clearing | None, grain: int = 1
) -> tuple[Reasons, Reasons]:
    """Return for each demand and each offer why it got less than its quantity; None where it got all.

    `clearing` is what `clear` or `mcafee` returned for this book, None included. `no_partner`: the other side is
    empty. `out_of_price`: the limit is below the price, or the ask (that of the last tier reached) above it; where
    nothing trades, no limit and no ask of the other side suit it. `rationed`: it got a part; or nothing, though
    any part of it could be had, at the price itself or while others with its limit got something. `minimum`: the
    price suits it, but its own minimum or tiers could not be met, or another's stand in its way.

    >>> book = [Entry(("a", "1"), 2, 5, minimum=2)], [Entry(("b", "1"), 1, 3)]
    >>> reasons(*book, None)
    (('minimum',), ('minimum',))
    """
    bids = [_ranked(entry, -limit, grain) for entry, limit in zip(demand, worth(demand, offers), strict=True)]
    asks = [_ranked(entry, entry.limit or 0, grain) for entry in offers]
    if clearing is None:
        return _untraded(bids, asks), _untraded(asks, bids)
    return (
        _less(demand, bids, clearing.demand, -clearing.price),
        _less(offers, asks, clearing.offers, clearing.offer_price),
    )


class _Ranked(NamedTuple):
    """The lowest rank at which the entry trades (None: it asks for nothing), and whether any part of it does."""

    rank: int | None
    whole: bool


def _ranked(entry: Entry, rank: int, grain: int) -> _Ranked:
    runs = spans(entry, rank, grain)
    return _Ranked(runs[-1].rank, runs[0].low == 0) if runs else _Ranked(None, whole=False)


def _untraded(side: Sequence[_Ranked], others: Sequence[_Ranked]) -> Reasons:
    best = min((other.rank for other in others if other.rank is not None), default=None)

    def why(rank: int | None) -> Reason | None:
        if rank is None:
            return None
        if best is None:
            return "no_partner"
        return "minimum" if rank + best <= 0 else "out_of_price"

    return tuple(why(each.rank) for each in side)


def _less(entries: Sequence[Entry], side: Sequence[_Ranked], filled: Sequence[int], margin: int) -> Reasons:
    served = {each.rank for each, got in zip(side, filled, strict=True) if got and each.whole}

    def why(entry: Entry, each: _Ranked, got: int) -> Reason | None:
        if each.rank is None or got >= entry.quantity:
            return None
        if got:
            return "rationed"
        if each.rank > margin:
            return "out_of_price"
        return "rationed" if each.whole and (each.rank == margin or each.rank in served) else "minimum"

    return tuple(map(why, entries, side, filled))
