"""What takes long with resources, beside the writer: what a command needs solved before its turn, and looks at large books."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import anyio.to_thread

from market_core.book import Resource, Sums
from market_core.commands import AggregateDemand, Lapse
from market_core.facts import Facts
from market_core.handle import State, States, resource_stream, streams, takes_long
from market_core.mechanisms.solve import Question, Solution
from market_core.questions import questions
from market_core.rejections import Code, Rejection
from server.batch import Answer
from server.service import Service

_TRIES = 4
_MANY = 500
"""Entries of a book from which on a look at it takes more than some 20 ms."""
_T = TypeVar("_T")


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


async def looked_at(service: Service, name: str, view: Callable[[Resource, datetime], _T]) -> _T:
    """Return what `view` makes of a resource's book as committed at this moment; of a large one beside the event loop."""

    def now_or_later(states: States, now: datetime) -> Callable[[], _T]:
        book = states[resource_stream(name)]
        assert isinstance(book, Resource)  # by its stream's name
        if len(book.demand) + len(book.offers) + len(book.bundles) > _MANY:
            return partial(view, _copied(book), now)
        made = view(book, now)
        return lambda: made

    seen = await service.see([resource_stream(name)], now_or_later)
    return await anyio.to_thread.run_sync(seen) if isinstance(seen, partial) else seen()


def _copy(state: State) -> State:
    return _copied(state) if isinstance(state, Resource) else state


def _copied(book: Resource) -> Resource:
    """Return a book that stays as it is while the market goes on; entries never change."""
    return replace(
        book,
        demand=dict(book.demand),
        offers=dict(book.offers),
        bundles=dict(book.bundles),
        bundle_owners=dict(book.bundle_owners),
        ended={},
        demand_sums=_sums(book.demand_sums),
        offer_sums=_sums(book.offer_sums),
        deadlines=list(book.deadlines),
        pools=dict(book.pools),
    )


def _sums(sums: Sums) -> Sums:
    return replace(sums, owners=dict(sums.owners))


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
