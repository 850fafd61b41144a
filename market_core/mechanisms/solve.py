"""One question, one answer: the decision and the payments where several bids win together.

A question is plain data, so that another process can answer it; whoever asked checks the answer (`check`).
"""

from collections import defaultdict
from dataclasses import dataclass, fields, replace
from typing import Literal

from market_core.mechanisms import (
    assignment,
    bundles,
    clearing_choices,
    combinatorial,
    multi_unit,
    pooling_settled,
)
from market_core.mechanisms.assignment import TaskAward, TaskProblem
from market_core.mechanisms.bundles import BundleProblem, BundleResult
from market_core.mechanisms.clearing_choices import ChoiceProblem, Selection
from market_core.mechanisms.combinatorial import LotAward, LotProblem
from market_core.mechanisms.multi_unit import UnitAward, UnitProblem
from market_core.mechanisms.pooling_settled import PoolCase, PoolResult
from market_core.mechanisms.procurement import Infeasible, Limits, Unproved

SetRule = Literal["pay_as_bid", "uniform", "vcg", "core"]
Auctioned = UnitProblem | LotProblem | TaskProblem
Problem = Auctioned | BundleProblem | ChoiceProblem | PoolCase
AuctionAward = UnitAward | LotAward | TaskAward
SetAward = AuctionAward | BundleResult | Selection | PoolResult


@dataclass(frozen=True, slots=True)
class Question:
    """`bids` names the problem's bids (of bundles the demands, of a clearing or a pool its entries) in order; `fall_back` to pay_as_bid where the rule cannot be proved.

    `besides`: what else the answer depends on and may change, as a text to compare.
    """

    problem: Problem
    bids: tuple[str, ...]
    rule: SetRule
    fall_back: bool = False
    besides: str = ""


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer to a question on `bids`: the award, and each bid's payment in micro-credits under `rule`."""

    bids: tuple[str, ...]
    award: SetAward
    payments: tuple[int, ...]
    rule: SetRule
    besides: str = ""

    def answers(self, asked: Question) -> bool:
        """Return whether it is an answer to this question, fallen back or not."""
        rules = {asked.rule, "pay_as_bid"} if asked.fall_back else {asked.rule}
        return (self.bids, self.besides) == (asked.bids, asked.besides) and self.rule in rules


def solve(question: Question, seconds: float | None = None) -> Solution:
    """Answer a question, each solve within `seconds`.

    Raises what the mechanisms raise (`procurement.Unsolved`), and Infeasible where something would be bought but
    for the limits: an award of nothing ends an auction for good, so the buyer is told instead.
    """
    problem = question.problem
    if isinstance(problem, BundleProblem):
        made = bundles.settle(problem, question.rule, seconds)
        return Solution(question.bids, made, made.payments, question.rule, question.besides)
    if isinstance(problem, ChoiceProblem):
        chosen = clearing_choices.select(problem, seconds)
        return Solution(question.bids, chosen, (), question.rule, question.besides)
    if isinstance(problem, PoolCase):
        settled = pooling_settled.settle(problem, seconds)
        return Solution(question.bids, settled, (), question.rule, question.besides)
    award = _decide(problem, seconds)
    _check_limits(problem, award, seconds)
    try:
        payments = _payments(problem, award, question.rule, seconds)
    except Unproved:
        if not question.fall_back:
            raise
        payments = _payments(problem, award, "pay_as_bid", seconds)
        return Solution(question.bids, award, payments, "pay_as_bid", question.besides)
    return Solution(question.bids, award, payments, question.rule, question.besides)


def _decide(problem: Auctioned, seconds: float | None) -> AuctionAward:
    match problem:
        case UnitProblem():
            return multi_unit.decide(problem, seconds)
        case LotProblem():
            return combinatorial.decide(problem, seconds)
        case TaskProblem():
            return assignment.decide(problem, seconds)


def _check_limits(problem: Auctioned, award: AuctionAward, seconds: float | None) -> None:
    """Raise Infeasible where nothing is bought but something would be without the buyer's limits."""
    if isinstance(problem, TaskProblem) or problem.limits == Limits() or _buys(award):
        return
    if _buys(_decide(replace(problem, limits=Limits()), seconds)):
        raise Infeasible(tuple(each.name for each in fields(Limits) if getattr(problem.limits, each.name)))


def _buys(award: AuctionAward) -> bool:
    return bool(award.bought if isinstance(award, UnitAward) else award.winners)


def _payments(
    problem: Auctioned, award: AuctionAward, rule: SetRule, seconds: float | None
) -> tuple[int, ...]:
    if isinstance(problem, UnitProblem):
        assert isinstance(award, UnitAward)
        assert rule != "core"  # CreateAuction offers it for lots only
        return multi_unit.payments(problem, award, rule, seconds)
    assert rule != "uniform"
    if isinstance(problem, TaskProblem):
        assert isinstance(award, TaskAward)
        assert rule != "core"
        paid = assignment.payments(problem, award, rule, seconds)
    else:
        assert isinstance(award, LotAward)
        paid = combinatorial.payments(problem, award, rule, seconds)
    return tuple(paid.get(position, 0) for position in range(len(problem.bids)))


def check(question: Question, solution: Solution) -> None:
    """Check a solution against its question, exactly; raise ValueError where it cannot be its answer.

    The bids may win together, the score is what they add up to, losers get nothing, winners at least their cost
    and at most what max_price allows. That nothing is better is the proof's claim, which is not repeated here.
    """
    problem, award, paid = question.problem, solution.award, solution.payments
    if isinstance(problem, UnitProblem) and isinstance(award, UnitAward):
        wrong = _wrong_units(problem, award, paid)
    elif isinstance(problem, LotProblem) and isinstance(award, LotAward):
        wrong = _wrong_lots(problem, award, paid)
    elif isinstance(problem, TaskProblem) and isinstance(award, TaskAward):
        wrong = assignment.wrong(problem, award, paid)
    elif isinstance(problem, BundleProblem) and isinstance(award, BundleResult):
        wrong = bundles.wrong(problem, award)
    elif isinstance(problem, ChoiceProblem) and isinstance(award, Selection):
        wrong = clearing_choices.wrong(problem, award)
    elif isinstance(problem, PoolCase) and isinstance(award, PoolResult):
        wrong = pooling_settled.wrong(problem, award)
    else:
        wrong = "it answers another kind of question"
    if wrong:
        raise ValueError(f"a solution that cannot be: {wrong}")


def _wrong_units(problem: UnitProblem, award: UnitAward, paid: tuple[int, ...]) -> str:
    if len(award.units) != len(problem.bids) or len(paid) != len(problem.bids):
        return "it is about other bids"
    if multi_unit.broken(problem, award.units) or award.bought != sum(award.units):
        return "it breaks the limits"
    if multi_unit.objective(problem, award.units) != award.score:
        return "its score is another"
    for bid, units, payment in zip(problem.bids, award.units, paid, strict=True):
        if units and not bid.min_quantity <= units <= bid.quantity:
            return "it sells what is not offered"
        most = payment if problem.max_price is None else problem.max_price * units
        if not multi_unit.cost(bid, units) <= payment <= most or (payment and not units):
            return "a payment is out of bounds"
    return ""


def _wrong_lots(problem: LotProblem, award: LotAward, paid: tuple[int, ...]) -> str:
    if len(paid) != len(problem.bids) or not set(award.winners) <= set(range(len(problem.bids))):
        return "it is about other bids"
    if combinatorial.worth(problem, award.winners) != (award.unbought, award.score):
        return "it breaks the limits, or its score is another"
    total, most = defaultdict[str, int](int), defaultdict[str, set[int]](set)
    for position, (bid, payment) in enumerate(zip(problem.bids, paid, strict=True)):
        if payment < bid.cost if position in award.winners else payment:
            return "a payment is out of bounds"
        if position in award.winners:
            total[bid.bidder] += payment
            most[bid.bidder] |= bid.lots
    for bidder, lots in most.items():
        prices = [price for lot in lots if (price := problem.lots[lot]) is not None]
        # Bids that overlap are paid their costs all the same, which may add up to more than the lots' prices.
        if len(prices) == len(lots) and total[bidder] > max(sum(prices), _costs(problem, award, bidder)):
            return "a payment is out of bounds"
    return ""


def _costs(problem: LotProblem, award: LotAward, bidder: str) -> int:
    return sum(problem.bids[each].cost for each in award.winners if problem.bids[each].bidder == bidder)
