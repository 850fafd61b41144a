"""Who gets what of a pool's last limit, and why somebody got less than it asked."""

from collections.abc import Sequence

from market_core.mechanisms.pooling_problem import Member, PoolProblem, Reason
from market_core.values import MICRO, largest_remainder


def merit_order(members: Sequence[Member]) -> list[int]:
    """Return the members' positions, the highest limit first (None above all), ties by ascending key."""

    def rank(place: int) -> tuple[bool, int, str]:
        limit = members[place].limit
        return limit is not None, -(limit or 0), members[place].key

    return sorted(range(len(members)), key=rank)


def least_part(member: Member, grain: int) -> int:
    """Return the least micro-units that a member takes, 0 where any part will do."""
    return member.minimum if member.minimum > grain else 0


def rationed(members: Sequence[Member], parts: Sequence[int], grain: int) -> list[int]:
    """Return the parts of members in merit order, where the first limit that gets less than it asks shares it.

    In proportion to the quantities; who has a minimum and got nothing is not among those who share.
    """
    may = [bool(part or not least_part(member, grain)) for member, part in zip(members, parts, strict=True)]
    short = [at for at, member in enumerate(members) if may[at] and parts[at] < member.quantity]
    shared = list(parts)
    if short:
        limit = members[short[0]].limit
        group = [at for at, member in enumerate(members) if may[at] and member.limit == limit]
        split = _split(sum(parts[at] for at in group), [members[at] for at in group], grain)
        for at, part in zip(group, split, strict=True):
            shared[at] = part
    return shared


def _split(whole: int, members: Sequence[Member], grain: int) -> list[int]:
    """Split in multiples of the grain; who would fall below its minimum gets that, and the rest share again."""
    parts = {at: least_part(member, grain) for at, member in enumerate(members)}
    rest = list(parts)
    while True:
        left = whole - sum(parts[at] for at in parts if at not in rest)
        quantities, keys = [members[at].quantity for at in rest], [members[at].key for at in rest]
        split = [each * grain for each in largest_remainder(left // grain, quantities, keys)]
        enough = [at for at, part in zip(rest, split, strict=True) if part >= parts[at]]
        if enough == rest:
            parts.update(zip(rest, split, strict=True))
            return list(parts.values())
        rest = enough


def reasons(problem: PoolProblem, served: Sequence[int], total: int, spare: int, most: int) -> list[Reason]:
    """Return why each member got less than it asked, "" where it did not.

    `total` micro-credits were paid, `spare` micro-units bought for nobody; `most` units were on offer.
    """
    quantity = sum(served)
    found: list[Reason] = [""] * len(served)
    later = spare > 0  # whether there was something that a lower minimum could have had
    for place in reversed(merit_order(problem.members)):
        member, part = problem.members[place], served[place]
        later = later or part > 0
        if part == member.quantity:
            continue
        if not most:
            found[place] = "no_bids"
        elif member.limit is not None and (not quantity or member.limit * quantity < total * MICRO):
            found[place] = "out_of_price"
        elif later and not part and least_part(member, problem.grain):
            found[place] = "minimum"
        else:
            found[place] = "rationed" if -(-quantity // MICRO) == most else "cost_of_more"
    return found
