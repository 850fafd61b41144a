"""The store in one SQLite file: the default. Several processes may share it; what is acknowledged is on disk.

One connection does everything. Waiting for the disk happens on the event loop while it is quick, or while a single
caller waits; and on a thread while it is slow (`_SLOW`): handing a quick commit over would cost more than it takes.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from server.ports import (
    Found,
    Notice,
    Page,
    Posted,
    Query,
    Reader,
    Recorded,
    Remembered,
    Snapshot,
    StoreUnavailable,
    Summary,
    Transaction,
    keep_those_that_hold,
)
from server.stores.sqlite_file import PATIENCE, locked, open_file, translated

_SLOW = 0.002  # seconds a commit may take on the event loop
_SLOW_ALONE = 0.01  # the same for a commit that one caller waits for: likely there is nobody else
_POLL = 0.1  # seconds between looks at what other processes wrote, while somebody waits
_T = TypeVar("_T")

# What `Query.status` asks for: an open thing whose time is over counts as closed.
_STATUS_NOW = (
    "CASE WHEN {t}.status = 'open' AND {t}.until IS NOT NULL AND {t}.until <= :now "
    "THEN 'closed' ELSE {t}.status END"
)


class SqliteStore:
    """An EventStore in the SQLite file at `path`, which is created where it is missing.

    Raises StoreBroken for a file that is corrupted, foreign or newer, StoreUnavailable for one that cannot
    be opened or written.
    """

    def __init__(
        self,
        path: str,
        jitter: Callable[[], float] = lambda: 1.0,
        stopwatch: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Open the file.

        `jitter` gives a number from 0 to 1 that keeps waiting processes from waking together; `stopwatch`
        seconds since any moment, by which the disk is judged (without one it counts as quick).
        """
        self.path = path
        self._jitter = jitter
        self._stopwatch = stopwatch
        self._turn = anyio.Lock(fast_acquire=True)
        self._changed = anyio.Event()
        self._seconds = 0.0  # a commit takes, of late
        self._polled = 0.0
        self._connection = open_file(path)
        self._seen = self._data_version()

    # Writing

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        """Make the transactions that hold durable, in order; return the positions of the others."""
        async with self._turn:
            stale = await self._patiently(lambda: self._write(batch))
            try:
                with translated(self.path):
                    await self._commit(alone=len(batch) == 1)
            except BaseException:
                self._roll_back()
                raise
        self._wake()
        return stale

    def _write(self, batch: Sequence[Transaction]) -> frozenset[int]:
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            return keep_those_that_hold(batch, lambda transaction: _keep(db, transaction))
        except BaseException:
            self._roll_back()
            raise

    async def _commit(self, *, alone: bool) -> None:
        """Wait for the disk: here while it is quick, or not too slow for somebody alone, else on a thread."""

        def commit() -> float:
            began = self._stopwatch()
            self._connection.execute("COMMIT")
            return self._stopwatch() - began

        here = self._seconds <= (_SLOW_ALONE if alone else _SLOW)
        seconds = commit() if here else await anyio.to_thread.run_sync(commit)
        self._seconds += 0.2 * (seconds - self._seconds)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    async def _patiently(self, work: Callable[[], _T]) -> _T:
        """Do `work`, in our turn, and again while another process is writing."""
        started = anyio.current_time()
        pause = 0.001
        while True:
            try:
                with translated(self.path):
                    return work()
            except StoreUnavailable as error:
                if not locked(error.__cause__) or anyio.current_time() - started > PATIENCE:
                    raise
            await anyio.sleep(pause * (0.5 + self._jitter()))
            pause = min(2 * pause, 0.005)

    # Reading

    async def load(self, stream: str, after: int = 0) -> Sequence[Recorded]:
        """Return the events of `stream` above version `after`."""
        rows = await self._rows(
            "SELECT version, body, hash FROM events WHERE stream = ? AND version > ? ORDER BY version",
            (stream, after),
        )
        return [Recorded(*row) for row in rows]

    async def catch_up(self, known: Mapping[str, int | None]) -> Mapping[str, Sequence[Recorded]]:
        """Return the events of each stream above its version, or from its snapshot's version on."""
        rows = await self._rows(
            "SELECT e.stream, e.version, e.body, e.hash FROM json_each(?) known "
            "CROSS JOIN events e ON e.stream = known.key AND e.version > coalesce(known.value, "
            "(SELECT s.version - 1 FROM snapshots s JOIN events USING (stream, version) WHERE s.stream = known.key), "
            "0) ORDER BY e.stream, e.version",
            (json.dumps(known),),
        )
        news: dict[str, list[Recorded]] = {}
        for stream, *event in rows:
            news.setdefault(stream, []).append(Recorded(*event))
        return news

    async def find(self, query: Query) -> Page:
        """Return a page of summaries, newest first."""
        source, values = _search(query)
        total = (await self._rows(f"SELECT count(*) {source}", values))[0][0]
        if query.before is not None:
            source, values = f"{source} AND s.position < :before", {**values, "before": query.before}
        rows = await self._rows(
            "SELECT *, (SELECT count(*) FROM summaries b WHERE b.parent = page.id AND b.parent != '' "
            "AND b.kind = 'bid' AND b.status = 'standing') FROM ("
            "SELECT s.position, s.kind, s.id, s.stream, s.owner, s.parent, s.status, s.until, s.tags, s.body "
            f"{source} ORDER BY s.position DESC LIMIT :limit) page ORDER BY page.position DESC",
            {**values, "limit": query.limit},
        )
        return Page(tuple(_found(row) for row in rows), total)

    async def notices(self, reader: Reader, after: int | None, limit: int) -> Sequence[Posted]:
        """Return notices above `after`, oldest first, or the newest ones."""
        marks = ", ".join("?" * len(reader.topics))
        mine = f"""topic IN ({marks}) OR topic IN (
            SELECT parent FROM summaries WHERE owner = ? AND owner != '' AND kind IN ('bid', 'demand', 'offer', 'bundle', 'bundle_part'))"""
        order = "DESC" if after is None else "ASC"
        rows = await self._rows(
            f"SELECT position, topic, kind, ref, by, body FROM notices WHERE ({mine}) AND position > ? "
            f"AND (? = '' OR by != ?) ORDER BY position {order} LIMIT ?",
            (*reader.topics, reader.follows, after or 0, reader.follows, reader.follows, limit),
        )
        posted = [Posted(row[0], Notice(*row[1:])) for row in rows]
        return posted[::-1] if after is None else posted

    async def posted_after(self, after: int, limit: int) -> Sequence[Posted]:
        """Return notices of all topics above `after`."""
        rows = await self._rows(
            "SELECT position, topic, kind, ref, by, body FROM notices WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        )
        return [Posted(row[0], Notice(*row[1:])) for row in rows]

    async def last_position(self) -> int:
        """Return the position of the newest notice."""
        return int((await self._rows("SELECT coalesce(max(position), 0) FROM notices"))[0][0])

    async def remembered(self, agent: str, key: str) -> Remembered | None:
        """Return the answer kept under an agent's key."""
        rows = await self._rows(
            "SELECT agent, key, fingerprint, answer FROM remembered WHERE agent = ? AND key = ?", (agent, key)
        )
        return Remembered(*rows[0]) if rows else None

    async def due(self, now: int) -> Sequence[str]:
        """Return the streams with something open that has reached its `until`."""
        rows = await self._rows(
            "SELECT DISTINCT stream FROM summaries WHERE status = 'open' AND until IS NOT NULL AND until <= ? "
            "ORDER BY stream",
            (now,),
        )
        return [row[0] for row in rows]

    async def next_until(self) -> int | None:
        """Return the least `until` of anything open."""
        until: int | None = (
            await self._rows("SELECT min(until) FROM summaries WHERE status = 'open' AND until IS NOT NULL")
        )[0][0]
        return until

    async def snapshot(self, stream: str) -> Snapshot | None:
        """Return the stream's snapshot."""
        rows = await self._rows(
            "SELECT stream, version, hash, form, body FROM snapshots WHERE stream = ?", (stream,)
        )
        return Snapshot(*rows[0]) if rows else None

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; one that cannot be written now is only a slower start later."""
        values = (snapshot.stream, snapshot.version, snapshot.hash, snapshot.form, snapshot.body)
        with suppress(StoreUnavailable):
            await self._rows("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", values)

    async def streams(self) -> Sequence[str]:
        """Return the names of all streams."""
        return [row[0] for row in await self._rows("SELECT DISTINCT stream FROM events ORDER BY stream")]

    async def _rows(self, sql: str, values: Any = ()) -> list[Any]:
        def read() -> list[Any]:
            return self._connection.execute(sql, values).fetchall()

        if not self._turn.locked():  # the common case, at a third of the cost
            with suppress(sqlite3.Error):
                return read()
        async with self._turn:
            return await self._patiently(read)

    # Waiting

    async def watch(self) -> None:
        """Wait for the next commit of this process or another; others are polled for only here."""
        changed = self._changed
        while not changed.is_set():
            with anyio.move_on_after(_POLL):
                await changed.wait()
            self._poll()

    def _poll(self) -> None:
        """Look, at most once per poll time however many wait, whether another process has written."""
        now = anyio.current_time()
        if self._turn.locked() or now - self._polled < _POLL / 2:
            return
        self._polled = now
        version = self._data_version()
        if version != self._seen:
            self._seen = version
            self._wake()

    def _data_version(self) -> int:
        with translated(self.path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def close(self) -> None:
        """Close the file; the journal is folded into it by the last one who does."""
        self._connection.close()


def _keep(db: sqlite3.Connection, transaction: Transaction) -> bool:
    """Write `transaction` if it holds; return whether it did."""
    versions = [(write.stream, write.expected) for write in transaction.writes]
    for stream, version in (*versions, *transaction.guards):
        row = db.execute("SELECT max(version) FROM events WHERE stream = ?", (stream,)).fetchone()
        if (row[0] or 0) != version:
            return False
    known = transaction.remember
    if known is not None:
        added = db.execute(
            "INSERT OR IGNORE INTO remembered VALUES (?, ?, ?, ?)",
            (known.agent, known.key, known.fingerprint, known.answer),
        )
        if not added.rowcount:
            return False
    for write in transaction.writes:
        db.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?)",
            [(write.stream, event.version, event.body, event.hash) for event in write.events],
        )
    _keep_summaries(db, transaction.summaries)
    db.executemany(
        "INSERT INTO notices (topic, kind, ref, by, body) VALUES (?, ?, ?, ?, ?)",
        transaction.notices,
    )
    return True


def _keep_summaries(db: sqlite3.Connection, summaries: Sequence[Summary]) -> None:
    """Write summaries, each in place of the one of the same kind and id."""
    db.executemany(
        "INSERT INTO summaries (kind, id, stream, owner, parent, status, until, tags, body) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET stream = excluded.stream, "
        "owner = excluded.owner, parent = excluded.parent, status = excluded.status, until = excluded.until, "
        "tags = excluded.tags, body = excluded.body",
        [
            (s.kind, s.id, s.stream, s.owner, s.parent, s.status, s.until, "\n".join(s.tags), s.body)
            for s in summaries
        ],
    )
    position = "(SELECT position FROM summaries WHERE kind = ? AND id = ?)"
    db.executemany(
        f"DELETE FROM tags WHERE position = {position}", [(summary.kind, summary.id) for summary in summaries]
    )
    db.executemany(
        f"INSERT OR IGNORE INTO tags VALUES ({position}, ?)",
        [(summary.kind, summary.id, tag) for summary in summaries for tag in summary.tags],
    )


def _search(query: Query) -> tuple[str, dict[str, object]]:
    """Return the FROM and WHERE of a query (without `before`) and its named values."""
    values: dict[str, object] = {"now": query.now}
    values["kind"] = query.kind
    # A plus keeps the planner from the index by kind where another is the better.
    narrow = query.owner or query.parent or query.tag
    joins, tests = "", ["+s.kind = :kind" if narrow else "s.kind = :kind"]
    if query.kind != "bid":
        tests.append("s.kind != 'bid'")  # true anyway, and lets the partial index serve; likewise below
    for name, value in (("id", query.id), ("owner", query.owner), ("parent", query.parent)):
        if value:
            # The second half is true anyway, and lets the partial index serve.
            tests.append(f"s.{name} = :{name} AND s.{name} != ''")
            values[name] = value
    if query.tag:
        joins += " JOIN tags t ON t.position = s.position AND t.tag = :tag"
        values["tag"] = query.tag
    if query.status:
        tests.append(_one_of("s", "status", query.status, values))
    if query.parent_status:
        joins += " JOIN summaries p ON p.kind = 'auction' AND p.id = s.parent"
        tests.append(_one_of("p", "parent_status", query.parent_status, values))
    return f"FROM summaries s{joins} WHERE {' AND '.join(tests)}", values


def _one_of(table: str, name: str, wanted: Sequence[str], values: dict[str, object]) -> str:
    names = [f"{name}_{i}" for i in range(len(wanted))]
    values.update(zip(names, wanted, strict=True))
    return f"{_STATUS_NOW.format(t=table)} IN ({', '.join(f':{n}' for n in names)})"


def _found(row: Sequence[Any]) -> Found:
    position, kind, some_id, stream, owner, parent, status, until, tags, body, children = row
    summary = Summary(
        kind, some_id, stream, owner, parent, status, until, tuple(tags.split("\n")) if tags else (), body
    )
    return Found(position, summary, children)
