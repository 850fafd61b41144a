"""The one loop: load, decide, evolve, answer, commit, release.

Commands wait in a queue; one writer takes all that wait, decides each on the result of the one before, and
commits them together. Nothing is answered, told or read before the commit that it depends on. What another
process changed meanwhile comes back as stale and is decided again on fresh state.
"""

import gc
import json
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, KeysView, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.abc import TaskGroup

from market_core.canonical import chain_hash
from market_core.commands import AnyCommand, CreateAuction
from market_core.events import Event
from market_core.facts import Facts, Windows
from market_core.handle import State, States, evolve, handle, streams, takes_long
from market_core.mechanisms.solve import Question, Solution, solve
from market_core.rejections import Code, Rejection
from server import codec
from server.arrivals import Arrivals
from server.batch import After, Answer, Batch, Draft, NoAnswer, Once, Outcome, Waiting
from server.ports import (
    Clock,
    EventStore,
    Ids,
    Recorded,
    Solver,
    StoreBroken,
    StoreUnavailable,
    Transaction,
)
from server.projection import project
from server.streams import Streams

_TRIES = 10
_PAUSE = 0.002  # seconds, at most, before the third try; twice as long before each after it, up to 64 times
_T = TypeVar("_T")


class Inline:
    """Solves here and now: for tests and for markets whose auctions are small."""

    async def solve(self, question: Question) -> Solution:
        """Return the answer."""
        return solve(question)


class Service:
    """The market of one process. Use it inside `running()`."""

    def __init__(
        self,
        store: EventStore,
        clock: Clock,
        ids: Ids,
        solver: Solver | None = None,
        windows: Windows | None = None,
    ) -> None:
        """Make a service; without a `solver` it answers long questions itself, while everybody waits.

        `windows`: the operator's times for outcomes.
        """
        self._windows = windows or Windows()
        self.store = store
        self.clock = clock
        self.solver = solver or Inline()
        self._ids = ids
        self._tasks: TaskGroup  # while it runs
        self._arrivals = Arrivals()
        self._turn = anyio.Lock(fast_acquire=True)
        self._looking = anyio.Lock(fast_acquire=True)  # at what the writer does not hold
        self._held: KeysView[str] | None = None  # streams; None but while the writer does something long
        self._streams = Streams(store)
        self._commit_seconds = 0.0  # of late
        self.new_deadline = anyio.Event()
        """Set, and replaced, when this process commits something that ends by itself."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Service"]:
        """Run the writer; on leaving, carry out what is queued, then stop."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            tasks.start_soon(self._write_forever)
            try:
                yield self
            finally:
                with anyio.CancelScope(shield=True):
                    while self._arrivals:
                        await self._carry_out(self._arrivals.take())
                tasks.cancel_scope.cancel()

    # Asking

    async def execute(
        self,
        command: AnyCommand,
        answer: Callable[[After], Answer],
        idempotency: Once | None = None,
        solutions: Sequence[Solution] = (),
    ) -> Answer:
        """Carry out `command` durably and return what `answer` makes of its result.

        `solutions` are the answers to what an award or a clearing must solve, where that takes long.
        Raises the core's Rejection, `busy`, or StoreUnavailable, with nothing changed. Cancelling the call
        stops the waiting, not the command.
        """

        def of_one(outcomes: list[Outcome]) -> Answer:
            (outcome,) = outcomes
            assert isinstance(outcome, After)  # a refusal was raised
            return answer(outcome)

        return await self._wait(
            Waiting((command,), of_one, idempotency, all_or_nothing=True, solutions=tuple(solutions))
        )

    async def execute_each(
        self,
        commands: Sequence[AnyCommand],
        answer: Callable[[list[Outcome]], Answer],
        idempotency: Once | None = None,
    ) -> Answer:
        """Carry out each command on the result of the one before, in one transaction; each is judged alone.

        `answer` gets an After or a Rejection for each. Raises as `execute`, but no Rejection of a command.
        """
        return await self._wait(Waiting(commands, answer, idempotency, all_or_nothing=False))

    async def _wait(self, waiting: Waiting) -> Answer:
        self._arrivals.add(waiting)
        await waiting.done.wait()
        if waiting.failure is not None:
            raise waiting.failure
        assert waiting.result is not None  # done without a failure
        return waiting.result

    async def see(self, names: Iterable[str], view: Callable[[States, datetime], _T]) -> _T:
        """Return what `view` makes of the states of the streams `names`, as committed at this moment."""
        wanted = tuple(names)
        if self._is_free(wanted):
            async with self._looking:
                if self._is_free(wanted):  # still
                    return await self._seen(wanted, view)
        async with self._turn:
            seen = await self._seen(wanted, view)
            self._streams.trim()
            return seen

    async def _seen(self, wanted: Sequence[str], view: Callable[[States, datetime], _T]) -> _T:
        await self._streams.load(wanted)
        return view({name: self._streams[name].state for name in wanted}, self.clock.now())

    def _is_free(self, wanted: Iterable[str]) -> bool:
        """Return whether the writer does something long that has nothing to do with these streams."""
        return self._held is not None and self._held.isdisjoint(wanted)

    @asynccontextmanager
    async def _holding(self, batch: Batch) -> AsyncIterator[None]:
        """Do something long in the writer's turn, while others may see the streams that the batch does not hold."""
        self._held = batch.states.keys()
        try:
            yield
        finally:
            async with self._looking:
                self._held = None

    # Writing

    async def _write_forever(self) -> None:
        while True:
            await self._arrivals.gather(self._commit_seconds)
            with anyio.CancelScope(shield=True):
                await self._carry_out(self._arrivals.take())

    async def _carry_out(self, pending: list[Waiting]) -> None:
        tries = 0
        async with self._turn:
            while pending and tries < _TRIES:
                if tries > 1:  # others are at it too: by chance, so that not all come back at once
                    pause = _PAUSE * min(2 ** (tries - 2), 64)
                    await anyio.sleep(random.uniform(0, pause))  # noqa: S311 - it guards no secret
                left = await self._attempt(pending)
                tries += len(left) == len(pending)  # a try that settled something does not count
                pending = left
            for waiting in pending:
                waiting.failure = Rejection(Code.BUSY)
                waiting.done.set()
            if self._streams.due():
                for save in self._streams.large():
                    self._tasks.start_soon(save)
                await anyio.lowlevel.checkpoint()  # whoever waits for an answer has it first
                await self._streams.save_snapshots()
            self._streams.trim()

    async def _attempt(self, pending: list[Waiting]) -> list[Waiting]:
        """Decide and commit; release what is settled and return, in order, what must be decided again."""
        batch = Batch(pending)
        try:
            left = await self._decide_all(pending, batch)
            if batch.is_long:
                async with self._holding(batch):
                    stale = await self._commit(batch.transactions)
            else:
                stale = await self._commit(batch.transactions)
        except Exception as failure:  # handed to the callers: nothing was written
            self._streams.forget(batch.states)
            for waiting in pending:
                waiting.failure = failure
                waiting.done.set()
            return []
        return self._settle(batch, stale, left)

    async def _commit(self, transactions: Sequence[Transaction]) -> frozenset[int]:
        if not transactions:
            return frozenset()
        began = anyio.current_time()
        stale = await self.store.commit(transactions)
        self._commit_seconds += 0.2 * (anyio.current_time() - began - self._commit_seconds)
        return stale

    async def _decide_all(self, pending: list[Waiting], batch: Batch) -> list[Waiting]:
        """Decide each on the result of the one before; return those that must wait for a clean state."""
        now = self.clock.now()
        for waiting in pending:
            waiting.begin([self._facts(command, now, waiting.solutions) for command in waiting.commands])
        for position, waiting in enumerate(pending):
            if waiting.once and (waiting.once.agent, waiting.once.key) in batch.keys:
                return pending[position:]  # its twin is in this batch: look again once that is committed
            try:
                waiting.result = await self.recalled(waiting.once)
                if waiting.result is None:
                    await self._decide(waiting, batch)
                    continue
            except Rejection as refusal:
                waiting.failure = refusal
            except (StoreUnavailable, StoreBroken):
                raise
            except Exception as bug:  # handed to the caller, whose fault it is not
                waiting.failure = bug.failure if isinstance(bug, NoAnswer) else bug
                batch.settled.append(waiting)
                self._streams.forget(waiting.streams)  # they may hold what was not recorded
                return pending[position + 1 :]
            batch.settled.append(waiting)
        return []

    async def _read(self, batch: Batch) -> None:
        """Bring what all the commands name up to date at once: one may lack it now, the others will soon."""
        unread = batch.unread()
        await self._streams.load(unread)
        batch.states.update((name, self._streams[name].state) for name in unread)

    def _facts(self, command: AnyCommand, now: datetime, solutions: tuple[Solution, ...]) -> Facts:
        """Return what the world tells a command; solving is for the solver, not for the writer."""
        token = self._ids.token()
        nonce = self._ids.nonce() if isinstance(command, CreateAuction) else ""  # nothing else takes chance
        return Facts(now, token, nonce, solutions=solutions, may_solve=False, windows=self._windows)

    async def recalled(self, idempotency: Once | None) -> Answer | None:
        """Return the first answer to a repeated request, None if it is new; refuse other content under its key."""
        if idempotency is None:
            return None
        known = await self.store.remembered(idempotency.agent, idempotency.key)
        if known is None:
            return None
        if known.fingerprint != idempotency.fingerprint:
            raise Rejection(Code.IDEMPOTENCY_KEY_REUSED)
        return Answer(**json.loads(known.answer))

    async def _decide(self, waiting: Waiting, batch: Batch) -> None:
        draft = Draft()
        outcomes: list[Outcome] = []
        for command, facts in zip(waiting.commands, waiting.facts, strict=True):
            try:
                outcomes.append(await self._decide_one(command, facts, waiting, batch, draft))
            except Rejection as refusal:
                if waiting.all_or_nothing:
                    raise
                outcomes.append(refusal)
        try:
            waiting.result = waiting.answer(outcomes)
        except Exception as failure:
            raise NoAnswer(failure) from failure
        accepted = any(isinstance(outcome, After) for outcome in outcomes)
        if not draft.recorded and (waiting.once is None or not accepted):
            batch.settled.append(waiting)  # a refusal is not kept: asked again, it is decided again
            return
        batch.written.update(draft.recorded)
        batch.owners.append(waiting)
        batch.transactions.append(draft.transaction(waiting))
        if waiting.once:
            batch.keys.add((waiting.once.agent, waiting.once.key))

    async def _decide_one(
        self, command: AnyCommand, facts: Facts, waiting: Waiting, batch: Batch, draft: Draft
    ) -> After:
        names = streams(command, batch.states, facts)
        while not batch.states.keys() >= set(names):
            await self._read(batch)
            names = streams(command, batch.states, facts)
        waiting.streams.update(names)
        found = {name: batch.states[name] for name in names}
        if not takes_long(found, command):
            return self._apply(found, command, facts, batch, draft)
        batch.is_long = True
        async with self._holding(batch):
            with _no_search_for_garbage():
                return await anyio.to_thread.run_sync(self._apply, found, command, facts, batch, draft)

    def _apply(
        self, found: dict[str, State], command: AnyCommand, facts: Facts, batch: Batch, draft: Draft
    ) -> After:
        """Decide, and change the streams here and in the draft. It may run beside the event loop: only the writer does so."""
        decision = handle(found, command, facts)
        # What was read and is not on disk yet must get there, or this decision was built on sand.
        for name in (*decision.guards, *batch.written.intersection(found)):
            draft.guards.setdefault(name, draft.expected.get(name, self._streams[name].version))
        for name, events in decision.events.items():
            if events:
                found[name] = batch.states[name] = self._record(name, events, draft)
        return After(decision, found, facts.now)

    def _record(self, name: str, events: Sequence[Event], draft: Draft) -> State:
        """Add events to a stream here and to the draft, chained to what is there; return the new state."""
        stream = self._streams[name]
        draft.expected.setdefault(name, stream.version)
        recorded = draft.recorded.setdefault(name, [])
        for event in events:
            body = codec.encode(event)
            stream.state = evolve(stream.state, event)
            stream.version += 1
            stream.hash = chain_hash(stream.hash, name, stream.version, body)
            recorded.append(Recorded(stream.version, body, stream.hash))
        for row in project(stream.state, events):
            draft.add(row)
        return stream.state

    def _settle(self, batch: Batch, stale: frozenset[int], left: list[Waiting]) -> list[Waiting]:
        """Release what was decided on committed ground; return the rest, and `left`, to be decided again."""
        again = [waiting for position, waiting in enumerate(batch.owners) if position in stale]
        shaky = {name for waiting in again for name in waiting.streams}
        self._streams.forget(shaky)
        again += [waiting for waiting in batch.settled if shaky & waiting.streams]
        redo = set(again)
        for waiting in (*batch.owners, *batch.settled):
            if waiting not in redo:
                waiting.done.set()
        if len(stale) < len(batch.owners):
            self._streams.changed(batch.written)
            if any(row.until is not None for made in batch.transactions for row in made.summaries):
                self.new_deadline.set()
                self.new_deadline = anyio.Event()
        return again + left


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """What is long makes many things and no garbage: to look for some among them would take as long again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
