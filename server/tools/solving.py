"""What must be solved before an award or a clearing is decided or previewed: asked of the solver, outside the writer."""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import anyio

from market_core import awards, bundling, outcomes, together
from market_core.auction import Auction, status_at
from market_core.commands import AggregateDemand, AwardAuction, CloseAuction
from market_core.facts import Facts
from market_core.handle import (
    States,
    agent_stream,
    auction_stream,
    based,
    capacity,
    rests_on,
    together_based,
)
from market_core.mechanisms.bundles import BundleProblem
from market_core.mechanisms.procurement import Unsolved
from market_core.mechanisms.solve import Question, SetRule, Solution
from market_core.observation import check_preview
from market_core.rejections import Code, Rejection
from market_core.sets import refusal
from market_core.terms import PaymentRule
from server.asking import asked_by
from server.batch import After, Answer
from server.ports import SolverGone
from server.tools.registry import Call

_T = TypeVar("_T")
_R = TypeVar("_R", bound=str)

_DONE_ALREADY = (Code.AUCTION_CLOSED, Code.AUCTION_AWARDED, Code.AUCTION_UNSOLD)
"""By the same call, made twice: what the award itself says of it is the answer."""
_TOGETHER: tuple[SetRule, ...] = ("pay_as_bid", "vcg")
_EVERY = 1.0  # seconds between two words of progress


async def solved_for_award(ask: AwardAuction, call: Call) -> Solution | None:
    """Return the answer to what the award must solve, None where it is quick or will be refused anyway.

    An open auction in which sets of bids win is closed first, for good: what is solved are its final bids, and a
    refusal that tells something of them comes when nobody can bid any more. Raises the Rejection of closing it, or
    the one that says why there is no answer.
    """
    status, question = await _asked(ask, call)
    if status == "open":
        await _close(ask.agent, ask.auction_id, call)
        _, question = await _asked(ask, call)
    return None if question is None else await _solved(question, call)


async def _close(buyer: str, auction_id: str, call: Call) -> None:
    try:
        await call.service.execute(CloseAuction(agent=buyer, auction_id=auction_id), _nothing_to_say)
    except Rejection as why:
        if why.code not in _DONE_ALREADY:
            raise


def _nothing_to_say(_after: After) -> Answer:
    return Answer("", {})


async def _asked(ask: AwardAuction, call: Call) -> tuple[str, Question | None]:
    def view(auction: Auction, now: datetime) -> tuple[str, Question | None]:
        if ask.instead_of is not None:
            return "", _asked_again(auction, ask, now)
        if auction.created is None or auction.terms.buyer != ask.agent:
            return "", None
        if auction.terms.mechanism not in ("units", "lots"):
            return "", None
        status = status_at(auction, now)
        return status, awards.question(auction, now) if status in ("open", "closed") else None

    return await see_based(ask.auction_id, call, view)


def _asked_again(auction: Auction, ask: AwardAuction, now: datetime) -> Question | None:
    failed = ask.instead_of
    if failed is None or auction.status != "awarded" or auction.terms.buyer != ask.agent:
        return None
    if not outcomes.winners_of(auction, failed):
        return None
    return awards.question(outcomes.remainder(auction, failed), now)


async def see_based(auction_id: str, call: Call, view: Callable[[Auction, datetime], _T]) -> _T:
    """Return what `view` makes of an auction with the scores that an award now would use."""
    stream = auction_stream(auction_id)

    def needed(states: States, now: datetime) -> tuple[str, ...]:
        auction = states[stream]
        assert isinstance(auction, Auction)  # by its stream's name
        return rests_on([auction], now)

    def both(states: States, now: datetime) -> _T:
        auction = states[stream]
        assert isinstance(auction, Auction)  # likewise
        return view(based(states, auction, now), now)

    return await call.service.see((stream, *await call.service.see([stream], needed)), both)


async def solved_for_preview(
    auction_id: str, viewer: str, call: Call
) -> Mapping[PaymentRule, Solution | Rejection]:
    """Return the answers to what a preview must solve, by rule; a Rejection where a rule has none."""

    def view(auction: Auction, now: datetime) -> dict[PaymentRule, Question]:
        check_preview(auction, viewer, now)
        asked = {rule: awards.question(auction, now, rule) for rule in awards.fitting_rules(auction.terms)}
        return {rule: question for rule, question in asked.items() if question is not None}

    return await _solved_each(await see_based(auction_id, call, view), call)


async def solved_together(ask: AwardAuction, call: Call) -> Solution | None:
    """Return the answer to what an award of several auctions must solve, None where it is quick or will be refused.

    What takes long is solved on final bids, so the auctions are closed first, for good.
    """
    if await _hard(ask, call) is None:
        return None
    for auction_id in ask.auctions:
        await _close(ask.agent, auction_id, call)
    question = await _hard(ask, call)
    return None if question is None else await _solved(question, call)


async def _hard(ask: AwardAuction, call: Call) -> Question | None:
    def view(auctions: list[Auction], capacity: Mapping[str, int], now: datetime) -> Question | None:
        with suppress(Rejection):  # the award itself says it
            together.ended(auctions, ask, Facts(now))
            question = together.question(auctions, now, capacity)
            return None if together.is_small(question) else question
        return None

    return await see_together(ask.auctions, call, view)


async def see_together(
    auction_ids: Sequence[str],
    call: Call,
    view: Callable[[list[Auction], Mapping[str, int], datetime], _T],
) -> _T:
    """Return what `view` makes of auctions and of what their bidders can still take on."""
    names = tuple(map(auction_stream, auction_ids))

    def auctions(states: States) -> list[Auction]:
        return [state for name in names if isinstance(state := states[name], Auction)]

    def whose(states: States, now: datetime) -> tuple[str, ...]:
        return together.bidders(auctions(states), now)

    def both(states: States, now: datetime) -> _T:
        found = auctions(states)
        known = set(whose(states, now)) <= {name.partition("/")[2] for name in states}
        if not all(auction.created for auction in found) or not known:
            return view(found, {}, now)
        scored = together_based(states, found, now)
        return view(scored, capacity(states, scored, now), now)

    bidders = await call.service.see(names, whose)
    records = await call.service.see(names, lambda states, now: rests_on(auctions(states), now))
    wanted = dict.fromkeys((*names, *map(agent_stream, bidders), *records))
    return await call.service.see(wanted, both)


async def solved_for_preview_together(
    auction_ids: Sequence[str], viewer: str, call: Call
) -> Mapping[SetRule, Solution | Rejection]:
    """Return the answers to what a preview of several auctions must solve, by rule."""

    def view(auctions: list[Auction], capacity: Mapping[str, int], now: datetime) -> dict[SetRule, Question]:
        for auction in auctions:
            check_preview(auction, viewer, now)
        asked: dict[SetRule, Question] = {}
        for rule in _TOGETHER:
            with suppress(Rejection):  # the preview itself says it
                asked[rule] = together.question(auctions, now, capacity, rule)
        return {rule: question for rule, question in asked.items() if not together.is_small(question)}

    return await _solved_each(await see_together(auction_ids, call, view), call)


async def solved_for_clearing(ask: AggregateDemand, call: Call) -> tuple[Solution, ...]:
    """Return the answers to what a clearing must solve, none where it is quick or will be refused."""
    return tuple([await _solved(question, call) for question in await asked_by(call.service, ask)])


async def _solved_each(asked: Mapping[_R, Question], call: Call) -> Mapping[_R, Solution | Rejection]:
    found: dict[_R, Solution | Rejection] = {}
    for rule, question in asked.items():
        try:
            found[rule] = await _solved(question, call)
        except Rejection as why:
            found[rule] = why
    return found


async def _solved(question: Question, call: Call) -> Solution:
    """Ask the solver, and tell the caller meanwhile that it goes on."""
    solution: Solution | Unsolved | SolverGone
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tell, call, f"solving: {len(question.bids)} bids, {question.rule}")
        try:
            solution = await call.service.solver.solve(question)
        except (Unsolved, SolverGone) as why:  # raised below, outside the group, which would wrap it
            solution = why
        tasks.cancel_scope.cancel()
    if isinstance(solution, Unsolved):
        bundled = isinstance(question.problem, BundleProblem)
        raise (bundling.refusal if bundled else refusal)(solution, question.rule)
    if isinstance(solution, SolverGone):
        raise solution
    return solution


async def _tell(call: Call, message: str) -> None:
    """Say every second that the solver is at work. How long it takes nobody knows, so it goes towards 1."""
    seconds = 0
    while True:
        await anyio.sleep(_EVERY)
        seconds += 1
        await call.progress(1 - math.exp(-seconds / 10), 1.0, f"{message}, {seconds} s")
