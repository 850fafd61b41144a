"""Turns passed deadlines into commands: bidding that ended, demand and offers that lapsed.

What time has done holds whether or not it was recorded, so a late scheduler is harmless, and so are several:
the first to record wins, the others find nothing to do. What must be solved first is solved beside the other
deadlines, and tried again as long as it is due.
"""

import logging
from contextlib import suppress

import anyio
from anyio.abc import TaskGroup

from market_core.commands import Lapse
from market_core.mechanisms.solve import Solution
from market_core.rejections import Rejection
from server.asking import asked_by, solved_again
from server.batch import Answer
from server.ports import EventStore, SolverGone, StoreBroken, StoreUnavailable
from server.projection import epoch
from server.service import Service

log = logging.getLogger("agent_market")
_TIDY = 200  # pieces of work at once,
_TIDY_PAUSE = 0.05  # seconds apart: what others ask for comes between
_TRY_AGAIN = 1.0  # seconds after a solver was gone; twice as many after each that follows, up to
_LOOK_AGAIN = 30.0  # seconds; another process may have set a deadline that it did not live to see


async def keep_time(service: Service) -> None:
    """Carry out what is due, for ever."""
    async with anyio.create_task_group() as tasks:
        solving = _Solving(service, tasks)
        while True:
            changed = service.new_deadline
            try:
                pause = await _carry_out_due(service, solving)
            except (StoreUnavailable, StoreBroken) as error:
                log.warning("deadlines cannot be recorded now: %s", error)
                pause = _LOOK_AGAIN
            except Exception:
                log.exception("the scheduler failed; it goes on")
                pause = _LOOK_AGAIN
            with anyio.move_on_after(pause):
                await changed.wait()


async def _carry_out_due(service: Service, solving: "_Solving | None" = None) -> float:
    """Record what is due; return the seconds until the next deadline. What takes long is left to `solving`."""
    least = 0.01
    for stream in await service.store.due(epoch(service.clock.now())):
        try:
            if solving is None or not await solving.takes(stream):
                await _carry_out(service, stream)
            else:
                least = 1.0  # it is still due
        except (StoreUnavailable, StoreBroken):
            raise
        except Exception:  # one bad stream must not stop the others
            log.exception("could not record the deadline of %s", stream)
            least = 1.0  # it is still due, and may fail again
    until = await service.store.next_until()
    if until is None:
        return _LOOK_AGAIN
    return min(max((until - epoch(service.clock.now())) / 1_000_000, least), _LOOK_AGAIN)


async def _carry_out(service: Service, stream: str) -> None:
    """Record what is due in a stream, after solving what must be solved."""
    command = Lapse(stream=stream)

    async def solve() -> list[Solution]:
        return [await service.solver.solve(each) for each in await asked_by(service, command)]

    await solved_again(
        solve, lambda solutions: service.execute(command, lambda _: Answer("", {}), solutions=solutions)
    )


class _Solving:
    """What is due and takes long: one task for each stream, beside the other deadlines, until it is carried out."""

    def __init__(self, service: Service, tasks: TaskGroup) -> None:
        self._service, self._tasks = service, tasks
        self._streams: set[str] = set()

    async def takes(self, stream: str) -> bool:
        """Return whether something must be solved for the stream, which is then under way."""
        if stream in self._streams:
            return True
        if not await asked_by(self._service, Lapse(stream=stream)):
            return False
        self._streams.add(stream)
        self._tasks.start_soon(self._until_carried_out, stream)
        return True

    async def _until_carried_out(self, stream: str) -> None:
        pause = _TRY_AGAIN
        try:
            while not await self._is_carried_out(stream):
                await anyio.sleep(pause)
                pause = min(2 * pause, _LOOK_AGAIN)
        finally:
            self._streams.discard(stream)

    async def _is_carried_out(self, stream: str) -> bool:
        try:
            await _carry_out(self._service, stream)
        except (SolverGone, StoreUnavailable, StoreBroken, Rejection) as why:
            log.warning("what is due in %s could not be solved now: %s", stream, why)
            return False
        except Exception:
            log.exception("what is due in %s could not be carried out", stream)
            return False
        return True


async def keep_tidy(store: EventStore) -> None:
    """Do what commits have put off, for ever, a little at a time."""
    while True:
        more = False
        with suppress(StoreUnavailable, StoreBroken):  # there is time
            more = await store.tidy(_TIDY)
        await anyio.sleep(_TIDY_PAUSE if more else _LOOK_AGAIN)
