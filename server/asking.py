"""What a command for resources needs solved before its turn: found out, and solved again where the books have changed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import anyio.to_thread

from market_core.book import Resource
from market_core.commands import AggregateDemand, Lapse
from market_core.facts import Facts
from market_core.handle import State, States, streams, takes_long
from market_core.mechanisms.solve import Question, Solution
from market_core.questions import questions
from market_core.rejections import Code, Rejection
from server.service import Answer, Service

_TRIES = 4


@dataclass(frozen=True, slots=True)
class _Later:
    """States to read the questions from, once the event loop has gone on."""

    states: States
    now: datetime


@dataclass(frozen=True, slots=True)
class _Unread:
    """Streams that are needed besides."""

    names: tuple[str, ...]


async def asked_by(service: Service, command: AggregateDemand | Lapse) -> tuple[Question, ...]:
    """Return what must be solved before `command` can be decided; nothing where it is quick, or will be refused."""

    def view(states: States, now: datetime) -> tuple[Question, ...] | _Later | _Unread:
        names = streams(command, states, Facts(now))
        if not states.keys() >= set(names):
            return _Unread(names)
        if takes_long(dict(states), command):
            return _Later({name: _copy(state) for name, state in states.items()}, now)
        return questions(command, states, now)

    if isinstance(command, AggregateDemand) and command.via == "auction":
        return ()
    seen = await service.see((), view)
    while isinstance(seen, _Unread):
        seen = await service.see(seen.names, view)
    if isinstance(seen, _Later):
        return await anyio.to_thread.run_sync(questions, command, seen.states, seen.now)
    return seen


def _copy(state: State) -> State:
    """Return a state that stays as it is while the market goes on; entries never change."""
    if not isinstance(state, Resource):
        return state
    return replace(state, demand=dict(state.demand), offers=dict(state.offers), bundles=dict(state.bundles))


async def solved_again(
    solve: Callable[[], Awaitable[Sequence[Solution]]],
    carry_out: Callable[[Sequence[Solution]], Awaitable[Answer]],
) -> Answer:
    """Solve and carry out; again if what was solved for has changed meanwhile, so that a busy book is cleared too."""
    for _ in range(_TRIES - 1):
        try:
            return await carry_out(await solve())
        except Rejection as why:
            if why.code != Code.BUSY:
                raise
    return await carry_out(await solve())
