"""The only place that chooses a store, a clock and a transport."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from market_core.facts import Windows
from server.clock import RandomIds, SystemClock, jitter, stopwatch
from server.config import MEMORY, Settings
from server.ports import EventStore
from server.scheduler import keep_tidy, keep_time
from server.service import Service
from server.solver import ProcessSolver

GARBAGE = 20_000
"""Objects more than before at which garbage is looked for: a call leaves next to none, a long one makes thousands."""


def open_store(db: str) -> EventStore:
    """Return the store that a setting names. Raises StoreBroken and StoreUnavailable."""
    if db == MEMORY:
        from server.stores.memory import MemoryStore  # noqa: PLC0415 - only the one that is used

        return MemoryStore()
    from server.stores.sqlite import SqliteStore  # noqa: PLC0415 - only the one that is used

    return SqliteStore(db, jitter, stopwatch)


@asynccontextmanager
async def running(
    store: EventStore, solve_seconds: float = 10.0, windows: Windows | None = None
) -> AsyncIterator[Service]:
    """Run a market on `store`: its writer, its scheduler and its solver; close the store at the end."""
    service = Service(store, SystemClock(), RandomIds(), ProcessSolver(solve_seconds), windows)
    try:
        async with service.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, service)
            tasks.start_soon(keep_tidy, store)
            yield service
            tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await store.close()


async def serve_stdio(settings: Settings) -> None:
    """Serve the market over standard input and output until the input ends."""
    windows = Windows(settings.amend_for, settings.dispute_for, settings.grace)
    from server import protocol  # noqa: PLC0415 - the SDK takes a second to import
    from server.identity import Identity  # noqa: PLC0415

    async with running(open_store(settings.db), settings.solve_seconds, windows) as service:
        server = protocol.build(service, Identity(settings.agent))
        gc.freeze()  # what is here by now stays: no need to look through it for garbage again and again
        gc.set_threshold(GARBAGE)
        gc.enable()
        await protocol.serve_stdio(server)
