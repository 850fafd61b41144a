"""The market over stdio on a disk whose fsync takes 5 ms longer.

`python -m benchmarks.slow_disk_server DB COUNT`: the number of commits so far stands in the file COUNT, as 8 bytes.
"""

import os
import sqlite3
import sys
import time
from typing import Any

import anyio

from benchmarks.noop_server import DELAY
from server.bootstrap import running
from server.clock import jitter, stopwatch
from server.identity import Identity
from server.protocol import build, serve_stdio
from server.stores.sqlite import SqliteStore


class SlowConnection:
    """A connection whose COMMIT blocks for longer, on whatever thread it runs, and is counted."""

    def __init__(self, real: sqlite3.Connection, count: str) -> None:
        self._real = real
        self._count = os.open(count, os.O_CREAT | os.O_WRONLY)
        self._commits = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute as the real one does; it has really committed when the delay begins."""
        cursor = self._real.execute(sql, *values)
        if sql == "COMMIT":
            time.sleep(DELAY)
            self._commits += 1
            os.pwrite(self._count, self._commits.to_bytes(8, "big"), 0)
        return cursor


class SlowStore(SqliteStore):
    """The market's store on such a connection."""

    def __init__(self, path: str, count: str) -> None:
        super().__init__(path, jitter, stopwatch)
        self._connection: Any = SlowConnection(self._connection, count)


async def serve(path: str, count: str) -> None:
    """Serve until the input ends."""
    async with running(SlowStore(path, count)) as service:
        await serve_stdio(build(service, Identity()))


if __name__ == "__main__":
    anyio.run(serve, *sys.argv[1:])
