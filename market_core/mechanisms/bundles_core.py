"""What owners of bundles keep below their limits: alone under vcg, and so that no coalition is left out, in the core."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import floor, lcm

from market_core.mechanisms.bundles_part import FINE, Part, Plan
from market_core.mechanisms.bundles_search import best, pieces
from market_core.mechanisms.combinatorial_nearest import Nearest
from market_core.mechanisms.procurement import Unproved


def rises(part: Part, plan: Plan, seconds: float | None) -> dict[str, int]:
    """Return by how much each owner served raises the largest surplus; `plan` is the best plan.

    Raises Unproved where a solve ends without proof.
    """
    raised: defaultdict[str, int] = defaultdict(int)
    for piece in pieces(part, by_owner=False):
        own = {want.position for want in piece.wants}
        served = {position: tasks for position, tasks in plan.items() if position in own}
        surplus = piece.value(served)
        for owner in sorted({want.owner for want in piece.wants if want.position in served}):
            rest = piece.without(owner)
            left = {want.position for want in rest.wants}
            hint = {position: tasks for position, tasks in served.items() if position in left}
            raised[owner] += surplus - _proved(rest, hint, seconds)[1]
    return dict(raised)


def kept(part: Part, plan: Plan, caps: Mapping[str, int], seconds: float | None) -> dict[str, int]:
    """Return what each owner served keeps, at most its cap, in the core and nearest to the caps; see `bundles.payments`.

    The owners served outside a coalition keep at most what the best plan beats the coalition's own by. Of the points
    with the greatest total the one nearest to `caps` is taken, in fractions, then rounded down to a micro-credit,
    which keeps all bounds. Raises Unproved where a solve ends without proof.
    """
    result: dict[str, int] = {}
    for piece in pieces(part, by_owner=True):
        own = {want.position for want in piece.wants}
        served = {position: tasks for position, tasks in plan.items() if position in own}
        if served:
            result |= _in_piece(piece, served, caps, seconds)
    return result


def _in_piece(piece: Part, plan: Plan, caps: Mapping[str, int], seconds: float | None) -> dict[str, int]:
    owners = sorted({want.owner for want in piece.wants if want.position in plan})
    surplus, bounds = piece.value(plan), list[tuple[list[int], int]]()
    nearest = Nearest([caps[owner] for owner in owners])
    exact = False
    while True:
        # Against whole micro-credits a rival is found sooner; fractions decide where there is none.
        point = nearest.point if exact else [Fraction(floor(each) // FINE * FINE) for each in nearest.point]
        rival = _rival(piece, plan, dict(zip(owners, point, strict=True)), seconds)
        other = piece.value(rival)
        served = {want.owner for want in piece.wants if want.position in rival}
        outside = [place for place, owner in enumerate(owners) if owner not in served]
        if surplus - other >= sum(nearest.point[place] for place in outside):
            if exact:
                break
            exact = True
            continue
        exact = False
        bounds.append((outside, surplus - other))
        nearest.add(*bounds[-1])
    rounded = [floor(each) // FINE * FINE for each in nearest.point]
    assert all(sum(rounded[place] for place in places) <= most for places, most in bounds)
    return dict(zip(owners, rounded, strict=True))


def _rival(piece: Part, plan: Plan, keeps: Mapping[str, Fraction], seconds: float | None) -> Plan:
    """Return the best plan where each owner served now takes what it keeps out of the surplus."""
    scale = lcm(*(each.denominator for each in keeps.values()))
    wants = tuple(replace(want, worth=want.worth * scale) for want in piece.wants)
    fees = {owner: int(each * scale) for owner, each in keeps.items()}
    supplies = tuple(supply.dearer(scale) for supply in piece.supplies)
    return _proved(Part(wants, supplies, fees), plan, seconds)[0]


def _proved(part: Part, hint: Plan, seconds: float | None) -> tuple[Plan, int]:
    found = best(part, seconds, ties=False, hint=hint)
    if found.gap:
        raise Unproved(-(-found.gap // FINE))
    return found.plan, found.surplus
