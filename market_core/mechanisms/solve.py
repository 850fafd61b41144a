"""One question, one answer: the decision and the payments of an auction with several winners.

A question is plain data, so that another process can answer it; whoever asked checks the answer exactly.
"""

from dataclasses import dataclass
from typing import Literal

from market_core.mechanisms import combinatorial, multi_unit
from market_core.mechanisms.combinatorial import LotAward, LotProblem
from market_core.mechanisms.multi_unit import UnitAward, UnitProblem
from market_core.mechanisms.procurement import Unproved

SetRule = Literal["pay_as_bid", "uniform", "vcg", "core"]
Problem = UnitProblem | LotProblem


@dataclass(frozen=True, slots=True)
class Question:
    """`bids` names the problem's bids in order; `fall_back` to pay_as_bid where the rule cannot be proved."""

    problem: Problem
    bids: tuple[str, ...]
    rule: SetRule
    fall_back: bool = False


@dataclass(frozen=True, slots=True)
class Solution:
    """The answer to a question on `bids`: the award, and each bid's payment in micro-credits under `rule`."""

    bids: tuple[str, ...]
    award: UnitAward | LotAward
    payments: tuple[int, ...]
    rule: SetRule


def solve(question: Question, seconds: float | None = None) -> Solution:
    """Answer a question, each solve within `seconds`. Raises what the mechanisms raise (`procurement.Unsolved`)."""
    problem = question.problem
    if isinstance(problem, UnitProblem):
        award: UnitAward | LotAward = multi_unit.decide(problem, seconds)
    else:
        award = combinatorial.decide(problem, seconds)
    try:
        payments = _payments(problem, award, question.rule, seconds)
    except Unproved:
        if not question.fall_back:
            raise
        return Solution(question.bids, award, _payments(problem, award, "pay_as_bid", seconds), "pay_as_bid")
    return Solution(question.bids, award, payments, question.rule)


def _payments(
    problem: Problem, award: UnitAward | LotAward, rule: SetRule, seconds: float | None
) -> tuple[int, ...]:
    if isinstance(problem, UnitProblem):
        assert isinstance(award, UnitAward)
        assert rule != "core"  # CreateAuction offers it for lots only
        return multi_unit.payments(problem, award, rule, seconds)
    assert isinstance(award, LotAward)
    assert rule != "uniform"
    paid = combinatorial.payments(problem, award, rule, seconds)
    return tuple(paid.get(position, 0) for position in range(len(problem.bids)))
