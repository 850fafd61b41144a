"""The market over stdio on a disk whose fsync takes 5 ms longer.

`python -m benchmarks.slow_disk_server DB COUNT`: the number of commits so far stands in the file COUNT, as 8 bytes.
"""

import os
import sys
import time
from collections.abc import Sequence

import anyio

from server.bootstrap import running
from server.clock import jitter
from server.identity import Identity
from server.ports import Transaction
from server.protocol import build, publishing
from server.stores.sqlite import SqliteStore

DELAY = 0.005


class SlowStore(SqliteStore):
    """A store that blocks after each commit, on whatever thread it commits, and counts."""

    def __init__(self, path: str, count: str) -> None:
        super().__init__(path, jitter)
        self._count = os.open(count, os.O_CREAT | os.O_WRONLY)
        self._commits = 0

    def _commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        stale = super()._commit(batch)
        time.sleep(DELAY)
        self._commits += 1
        os.pwrite(self._count, self._commits.to_bytes(8, "big"), 0)
        return stale


async def serve(path: str, count: str) -> None:
    """Serve until the input ends."""
    async with running(SlowStore(path, count)) as service:
        server = build(service, Identity())
        async with publishing(server):
            await server.run_stdio_async()


if __name__ == "__main__":
    anyio.run(serve, *sys.argv[1:])
