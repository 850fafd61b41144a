"""McAfee's double auction: single units, truthful for both sides; the market keeps what is left over."""

from collections.abc import Sequence

from market_core.mechanisms.clearing_book import COMPLETE, Clearing, Entry
from market_core.mechanisms.procurement import DoesNotFit
from market_core.values import MICRO, half_even, owner_of


def fits(demand: Sequence[Entry], offers: Sequence[Entry]) -> str:
    """Return "" if McAfee's rule fits the book, else why not, as a phrase.

    Every owner (the part before "/" of the agent, first in `key`) has one entry of one whole unit, with a limit.
    """
    entries = (*demand, *offers)
    if any(entry.tiers for entry in entries):
        return "mcafee needs offers without tiers"
    if any(entry.quantity != MICRO for entry in entries):
        return "mcafee needs entries of one whole unit each"
    if any(entry.minimum not in {0, MICRO} for entry in entries):
        return "mcafee needs entries without minimums"
    if any(entry.limit is None for entry in entries):
        return "mcafee needs a limit on every demand"
    if len({owner_of(entry.key[0]) for entry in entries}) < len(entries):
        return "mcafee needs owners with one entry each"
    return ""


def mcafee(demand: Sequence[Entry], offers: Sequence[Entry]) -> Clearing | None:
    """Return the clearing by McAfee's rule of trade reduction; None if none trades.

    Limits descend and asks ascend, ties by ascending key; k is the last place where the limit reaches the ask. If
    the middle of limit and ask k + 1 (without a limit there, half of the ask; without an ask there is no middle)
    lies from ask k to limit k, all k trade at it, half-even to a micro-credit. Else the first k - 1 trade: each
    pays limit k and gets ask k, and `market_surplus` is what is paid above what is received.

    Truthful for both sides, nobody trades at a loss, payments cover receipts; what it gives up is the k-th trade,
    the least valuable one. Raises DoesNotFit unless every owner has one entry of one whole unit, with a limit, and
    without tiers or minimums. Source: McAfee, A dominant strategy double auction (1992).

    >>> def side(name, *limits):
    ...     return [Entry((f"{name}{n}", ""), 1_000_000, limit) for n, limit in enumerate(limits)]
    >>> result = mcafee(side("b", 9, 8, 3), side("s", 1, 4, 7))
    >>> result.price, result.offer_price, result.demand
    (5, 5, (1000000, 1000000, 0))
    >>> result = mcafee(side("b", 9, 8), side("s", 1, 4))
    >>> result.price, result.offer_price, result.demand, result.market_surplus
    (8, 4, (1000000, 0), 4)
    """
    if why := fits(demand, offers):
        raise DoesNotFit(why)
    bids, asks = [entry.limit or 0 for entry in demand], [entry.limit or 0 for entry in offers]
    down = sorted(range(len(bids)), key=lambda i: (-bids[i], demand[i].key))
    up = sorted(range(len(asks)), key=lambda j: (asks[j], offers[j].key))
    trades = sum(bids[i] >= asks[j] for i, j in zip(down, up, strict=False))
    if not trades:
        return None
    price, offer_price = bids[down[trades - 1]], asks[up[trades - 1]]
    if trades < len(up):
        # Limits are 0 or more, so a missing one counts as 0.
        doubled = asks[up[trades]] + (bids[down[trades]] if trades < len(down) else 0)
        if 2 * offer_price <= doubled <= 2 * price:
            price = offer_price = half_even(doubled, 2)
            return _clearing(demand, offers, down[:trades], up[:trades], price, offer_price)
    if trades == 1:
        return None
    return _clearing(demand, offers, down[: trades - 1], up[: trades - 1], price, offer_price)


def _clearing(
    demand: Sequence[Entry],
    offers: Sequence[Entry],
    buying: Sequence[int],
    selling: Sequence[int],
    price: int,
    offer_price: int,
) -> Clearing:
    bought, sold = set(buying), set(selling)
    return Clearing(
        price,
        len(bought) * MICRO,
        tuple(MICRO if i in bought else 0 for i in range(len(demand))),
        tuple(MICRO if j in sold else 0 for j in range(len(offers))),
        tuple(price if i in bought else 0 for i in range(len(demand))),
        tuple(offer_price if j in sold else 0 for j in range(len(offers))),
        offer_price,
        (price - offer_price) * len(bought),
        mechanism=COMPLETE,
    )
