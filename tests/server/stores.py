"""Stores with something of their own, made of the real ones: they count, they wait, others meddle, they fail."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import anyio

from server.ports import Recorded, Snapshot, StoreUnavailable, Transaction
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore


class Counting(MemoryStore):
    """Keeps the size of every batch that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        self.batches.append(len(batch))
        return await super().commit(batch)


class Meddled(Counting):
    """Before each commit, what stands in `meddling` happens, one after another: another process was quicker."""

    def __init__(self) -> None:
        super().__init__()
        self.meddling: list[Callable[[], Awaitable[object]]] = []
        self._busy = False

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        if self.meddling and not self._busy:
            self._busy = True
            await self.meddling.pop(0)()
            self._busy = False
        return await super().commit(batch)


class Held(Counting):
    """While one is `holding` it, a commit says that it was `reached` and waits."""

    def __init__(self) -> None:
        super().__init__()
        self._after: int | None = None
        self.reached = anyio.Event()
        self._go = anyio.Event()

    @contextmanager
    def holding(self, after: int = 0) -> Iterator[None]:
        """Hold the commits after the next so many, until the block ends, however it ends."""
        self._after = len(self.batches) + after
        try:
            yield
        finally:
            self._after = None
            self._go.set()

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        if self._after is not None and len(self.batches) >= self._after:
            self.reached.set()
            await self._go.wait()
        return await super().commit(batch)


class Failing(MemoryStore):
    """Fails in the methods named in `broken`."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()

    def _check(self, method: str) -> None:
        if method in self.broken:
            raise StoreUnavailable(f"no {method} today")

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        self._check("commit")
        return await super().commit(batch)

    async def load(self, stream: str, after: int = 0) -> Sequence[Recorded]:
        self._check("load")
        return await super().load(stream, after)

    async def catch_up(self, known: Mapping[str, int | None]) -> Mapping[str, Sequence[Recorded]]:
        self._check("catch_up")
        return await super().catch_up(known)

    async def remembered(self, agent: str, key: str):
        self._check("remembered")
        return await super().remembered(agent, key)

    async def snapshot(self, stream: str):
        self._check("snapshot")
        return await super().snapshot(stream)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        self._check("save_snapshot")
        await super().save_snapshot(snapshot)

    async def due(self, now: int):
        self._check("due")
        return await super().due(now)


class CountingSqlite(SqliteStore):
    """Counts the events it has loaded."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.loaded = 0

    async def load(self, stream: str, after: int = 0) -> Sequence[Recorded]:
        events = await super().load(stream, after)
        self.loaded += len(events)
        return events

    async def catch_up(self, known: Mapping[str, int | None]) -> Mapping[str, Sequence[Recorded]]:
        news = await super().catch_up(known)
        self.loaded += sum(len(events) for events in news.values())
        return news
