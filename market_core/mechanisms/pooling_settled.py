"""A pool's award and what its members pay, as one problem: at once where it is small, else elsewhere and then checked."""

from dataclasses import dataclass

from market_core.mechanisms import pooling_shares
from market_core.mechanisms.multi_unit_bids import cost
from market_core.mechanisms.pooling import decide
from market_core.mechanisms.pooling_problem import PoolAward, PoolProblem
from market_core.mechanisms.pooling_rationing import least_part
from market_core.mechanisms.pooling_search import MOST_NODES
from market_core.mechanisms.pooling_shares import ShareRule, Shares, share
from market_core.mechanisms.pooling_supply import sold
from market_core.mechanisms.procurement import DoesNotFit, TooLarge, Unproved
from market_core.values import MICRO, half_even, largest_remainder

_A_SECOND = 20_000  # nodes, or some more
_FEW_NODES = 500
_FEW_CELLS = 20_000  # units times bids: some 10 ms
_FEW_MEMBERS = 500
_FEW_PLAYERS = 6  # of whom every coalition is asked about
_COALITIONS = 2000  # members times orders that are looked through where shares are sampled


@dataclass(frozen=True, slots=True)
class PoolCase:
    """A pool to settle; `nonce` in hex draws the orders of joining where Shapley values are sampled."""

    problem: PoolProblem
    sharing: ShareRule
    nonce: str


@dataclass(frozen=True, slots=True)
class PoolResult:
    """What came of a pool. `award` is None where it cannot be decided, which `why` says in a phrase; it also says where
    nothing is bought, but that this is best is not proved.

    `shares`: None where nothing is bought; `sharing`: the rule applied, `uniform` where the one asked for does not fit
    the members served, or cannot be proved.
    """

    award: PoolAward | None
    shares: Shares | None
    sharing: ShareRule
    why: str = ""


def settle(case: PoolCase, seconds: float | None = None) -> PoolResult:
    """Return what a pool buys, who gets it and what each member pays.

    `seconds` bound each MIP; of searches they count as nodes, so that the answer is the same on any machine.

    >>> from market_core.mechanisms.multi_unit_bids import UnitBid
    >>> from market_core.mechanisms.pooling import Member
    >>> bids = (UnitBid("s", "0", 2, 1, ((1, 6), (2, 4))),)
    >>> members = Member("a", "a", 1_000_000, 9), Member("b", "b", 1_000_000, 6)
    >>> settle(PoolCase(PoolProblem(members, bids), "proportional", "")).shares.payments
    (5, 3)
    """
    nodes = MOST_NODES if seconds is None else min(max(int(seconds * _A_SECOND), 1), 40 * MOST_NODES)
    try:
        award = decide(case.problem, seconds, nodes)
        if not award.quantity:
            why = "nothing that its members can afford was found in the time there is"
            return PoolResult(award, None, case.sharing, why if award.proof.gap else "")
        return _shared(case, award, pooling_shares.MOST_NODES_SHARED if seconds is None else nodes)
    except (TooLarge, DoesNotFit, Unproved) as why:
        return PoolResult(None, None, case.sharing, f"it could not be decided: {why}")


def _shared(case: PoolCase, award: PoolAward, nodes: int) -> PoolResult:
    try:
        return PoolResult(award, _shares(case, award, nodes), case.sharing)
    except (DoesNotFit, TooLarge, Unproved):
        return PoolResult(award, share(case.problem, award, "uniform"), "uniform")


def _shares(case: PoolCase, award: PoolAward, nodes: int) -> Shares:
    orders = max(2, _COALITIONS // max(sum(map(bool, award.served)), 1))
    return share(case.problem, award, case.sharing, bytes.fromhex(case.nonce), orders, nodes)


def quick(case: PoolCase) -> PoolResult | None:
    """Return what `settle` returns where it takes some 10 ms, else None."""
    members, bids = case.problem.members, case.problem.bids
    wanted = -(-sum(member.quantity for member in members) // MICRO)
    starts = [max([bid.min_quantity, *(start for start, _ in bid.tiers)]) for bid in bids]
    players = len(members) if case.sharing == "shapley" else 0
    cells = max([wanted, *starts]) * len(bids)
    if len(members) > _FEW_MEMBERS or cells > _FEW_CELLS or players > _FEW_PLAYERS:
        return None
    try:
        award = decide(case.problem, None, _FEW_NODES)
        if award.proof.gap:
            return None
        if not award.quantity:
            return PoolResult(award, None, case.sharing)
        return PoolResult(award, _shares(case, award, _FEW_NODES), case.sharing)
    except Unproved:
        return None
    except (TooLarge, DoesNotFit):
        return settle(case)


def wrong(case: PoolCase, result: PoolResult) -> str:
    """Return why a result cannot be one of the pool, exactly; "" where it can.

    Members get what they ask for and no less than their minimums, at a price that each of them bears; bids sell what
    they offer and are paid by the rule; payments in are payments out, and follow from the rule of sharing (of Shapley
    values they are only held to be within the limits). That nothing is better is the proof's claim.
    """
    award, problem = result.award, case.problem
    if award is None:
        return "" if result.why and result.shares is None else "it gives no reason"
    if {len(award.served), len(award.reasons), len(award.payments)} != {len(problem.members)}:
        return "it is about other members"
    if {len(award.units), len(award.tiers), len(award.supplier_payments)} != {len(problem.bids)}:
        return "it is about other bids"
    return _wrong_served(problem, award) or _wrong_sold(problem, award) or _wrong_shares(case, award, result)


def _wrong_served(problem: PoolProblem, award: PoolAward) -> str:
    quantity = sum(award.served)
    for member, served, reason in zip(problem.members, award.served, award.reasons, strict=True):
        if served and not max(least_part(member, problem.grain), 1) <= served <= member.quantity:
            return "it serves what is not asked for"
        if served < 0 or served % problem.grain or (served == member.quantity) != (not reason):
            return "it serves what is not asked for"
        if served and member.limit is not None and member.limit * quantity < award.total * MICRO:
            return "a price is above a limit"
    worth = sum((m.limit or 0) * served for m, served in zip(problem.members, award.served, strict=True))
    spare = award.bought * MICRO - quantity
    if (award.quantity, award.surplus, award.surplus_quantity) != (
        quantity,
        worth - award.total * MICRO,
        spare,
    ):
        return "its sums are others"
    return "" if spare >= 0 <= award.proof.gap else "it serves what was not bought"


def _wrong_sold(problem: PoolProblem, award: PoolAward) -> str:
    if (sum(award.units), sum(award.supplier_payments)) != (award.bought, award.total):
        return "its sums are others"
    if problem.payment_rule == "uniform" and award.quantity:
        order = sold(problem, -(-award.quantity // MICRO), None)  # which is quick: a merit order
        if tuple(map(tuple, order)) != (award.units, award.supplier_payments):
            return "it is not the merit order of the bids"
    for bid, units, paid in zip(problem.bids, award.units, award.supplier_payments, strict=True):
        if units and not bid.min_quantity <= units <= bid.quantity:
            return "it sells what is not offered"
        if problem.payment_rule == "pay_as_bid" and paid != cost(bid, units):
            return "a supplier is not paid what it asks"
    return ""


def _wrong_shares(case: PoolCase, award: PoolAward, result: PoolResult) -> str:
    members, served = case.problem.members, award.served
    keys = [member.key for member in members]
    price = half_even(award.total * MICRO, award.quantity) if award.quantity else 0
    if (award.price, award.payments) != (price, tuple(largest_remainder(award.total, served, keys))):
        return "its price is another"
    if result.shares is None or result.sharing not in ("uniform", case.sharing):
        return "" if result.shares is None and not award.quantity else "it is shared by another rule"
    if result.sharing != "shapley" and result.shares != share(case.problem, award, result.sharing):
        return "it is shared by another rule"
    paid = result.shares.payments
    if (len(paid), sum(paid)) != (len(members), award.total):
        return "payments in are not payments out"
    limits = zip(members, served, paid, strict=True)
    if any(
        not 0 <= each * MICRO < (m.limit or 0) * part + MICRO
        for m, part, each in limits
        if m.limit is not None
    ):
        return "a payment is out of bounds"
    return ""
