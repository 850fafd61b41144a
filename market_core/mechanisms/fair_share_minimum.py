"""Minimums in a fair share: who is left out so that everybody else gets the least that is of use to it."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from market_core.mechanisms.fair_share_filling import Claim, fill


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
    shares = fill(supply, claims, weights)
    if all(share >= least for share, least in zip(shares, minimums, strict=True)):
        return shares, set()
    order = _most_asking_first(claims, weights, minimums)
    fails, holds = 0, len(order)
    while holds - fails > 1:
        middle = (fails + holds) // 2
        if _without(supply, claims, weights, minimums, order[:middle]) is None:
            fails = middle
        else:
            holds = middle
    kept = _without(supply, claims, weights, minimums, order[:holds])
    assert kept is not None  # without all that have a minimum nobody can fall short
    return kept, set(order[:holds])


def _without(
    supply: int,
    claims: Sequence[Claim],
    weights: Mapping[str, int],
    minimums: Sequence[int],
    left_out: Sequence[int],
) -> list[int] | None:
    """Return the shares without some claims, None where another one falls short of its minimum."""
    out = set(left_out)
    inside = [place for place in range(len(claims)) if place not in out]
    shares = [0] * len(claims)
    for place, share in zip(inside, fill(supply, [claims[p] for p in inside], weights), strict=True):
        if share < minimums[place]:
            return None
        shares[place] = share
    return shares


def _most_asking_first(
    claims: Sequence[Claim], weights: Mapping[str, int], minimums: Sequence[int]
) -> list[int]:
    """Return the positions of the claims with a minimum in the order in which they are left out."""
    owned: dict[str, list[int]] = {}
    for place, claim in enumerate(claims):
        owned.setdefault(claim.owner, []).append(place)
    asked: list[tuple[Fraction, int]] = []
    for owner, places in owned.items():
        left = sum(claims[place].quantity for place in places)
        chain = [(Fraction(minimums[p], claims[p].quantity), claims[p].key, p) for p in places if minimums[p]]
        # Within an owner the larger part falls short first; each that goes leaves the others a larger part.
        for part, _, place in sorted(chain, reverse=True):
            asked.append((part * Fraction(left, weights[owner]), place))
            left -= claims[place].quantity
    asked.sort(key=lambda one: (one[0], claims[one[1]].key), reverse=True)
    return [place for _, place in asked]
