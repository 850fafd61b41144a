"""Minimums in a fair share: who is left out so that everybody else gets the least that is of use to it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from market_core.mechanisms.fair_share_filling import Claim, fill
from market_core.mechanisms.procurement import TooLarge

LARGE = 500
"""From so many claims on they are filled on arrays, where these hold them."""
Filling = Callable[[Sequence[int]], list[int] | None]
"""Returns the shares without the claims at some positions, None where another one falls short of its minimum."""


def fill_above(
    supply: int, claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> tuple[list[int], set[int]]:
    """Return what each claim gets of `supply`, none less than its minimum, and the positions of those left out.

    While a share is below its minimum, the claim among those whose minimum asks for the most per weight of its
    owner is left out, ties the last key first, and all is shared again among the others. What a minimum asks
    for is the share of the owner at which this claim's part of it reaches the minimum, given the owner's other
    claims. Rounding counts: a share that is rounded up to its minimum is enough. As long as shares are not
    rounded this is the fewest in that order; always, with the last of them let in again somebody would fall short.

    >>> fill_above(10, [Claim((o, ""), o, 8) for o in "abc"], dict.fromkeys("abc", 1), [5, 5, 0])
    ([5, 0, 5], {1})
    """
    if len(claims) >= LARGE:
        with suppress(TooLarge, OverflowError):
            return _above(_on_arrays(supply, claims, weights, minimums), claims, weights, minimums)
    return _above(_one_by_one(supply, claims, weights, minimums), claims, weights, minimums)


def _above(
    filling: Filling, claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> tuple[list[int], set[int]]:
    shares = filling([])
    if shares is not None:
        return shares, set()
    order = _most_asking_first(claims, weights, minimums)
    fails, holds = 0, len(order)
    while holds - fails > 1:
        middle = (fails + holds) // 2
        if filling(order[:middle]) is None:
            fails = middle
        else:
            holds = middle
    kept = filling(order[:holds])
    assert kept is not None  # without all that have a minimum nobody can fall short
    return kept, set(order[:holds])


def _one_by_one(
    supply: int, claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> Filling:
    def filled(left_out: Sequence[int]) -> list[int] | None:
        out = set(left_out)
        inside = [place for place in range(len(claims)) if place not in out]
        shares = [0] * len(claims)
        for place, share in zip(inside, fill(supply, [claims[p] for p in inside], weights), strict=True):
            if share < minimums[place]:
                return None
            shares[place] = share
        return shares

    return filled


def _on_arrays(
    supply: int, claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> Filling:
    import numpy as np

    from market_core.mechanisms.fair_share_arrays import Claims

    columns, least = Claims(claims, weights), np.array(minimums, np.int64)

    def filled(left_out: Sequence[int]) -> list[int] | None:
        shares = columns.fill(supply, left_out)
        short = shares < least
        short[np.array(left_out, np.int64)] = False
        return None if short.any() else shares.tolist()

    return filled


def _most_asking_first(
    claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> list[int]:
    """Return the positions of the claims with a minimum in the order in which they are left out."""
    most = max([claim.quantity for claim in claims], default=0) * max(weights.values(), default=0)
    # Two different quotients differ by at least 1 / (product of what they divide by), so the floors keep their order.
    shift = 2 * most.bit_length()
    with_one: dict[str, int] = {}
    with_more: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        before = with_one.setdefault(claim.owner, place)
        if before != place:
            with_more.setdefault(claim.owner, [before]).append(place)
    asked = {
        place: (minimums[place] << shift) // weights[owner]
        for owner, place in with_one.items()
        if minimums[place] and owner not in with_more
    }
    for owner, places in with_more.items():
        asked.update(_asked_in_turn(claims, places, weights[owner], minimums, shift))
    order = sorted(asked, key=lambda place: claims[place].key, reverse=True)
    order.sort(key=asked.__getitem__, reverse=True)
    return order


def _asked_in_turn(
    claims: Sequence[Claim], places: Sequence[int], weight: int, minimums: Sequence[int], shift: int
) -> Iterator[tuple[int, int]]:
    """Yield the claims of one owner that have a minimum, and what share by weight it asks for, in 2^-shift.

    The larger part falls short first; each that goes leaves the others a larger part.
    """
    left = sum(claims[place].quantity for place in places)
    chain = [place for place in places if minimums[place]]
    chain.sort(key=lambda place: claims[place].key, reverse=True)
    chain.sort(key=lambda place: (minimums[place] << shift) // claims[place].quantity, reverse=True)
    for place in chain:
        quantity = claims[place].quantity
        yield place, (minimums[place] * left << shift) // (quantity * weight)
        left -= quantity
