"""The store in one SQLite file: the default. Several processes may share it; what is acknowledged is on disk.

One connection does everything. Waiting for the disk happens on the event loop while it is quick, or while a single
caller waits; and on a thread while it is slow (`_SLOW`): handing a quick commit over would cost more than it takes.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, TypeVar

import anyio
import anyio.to_thread

from server.ports import (
    Found,
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
    lessened,
)
from server.stores.sqlite_file import PATIENCE, locked, open_file, open_reader, translated
from server.stores.sqlite_many import (
    ENDING,
    LEFT,
    forget_left,
    keep_ended,
    keep_lessened,
    keep_notices,
    posted,
    tidy,
)

_SLOW = 0.002  # seconds a commit may take on the event loop
_SLOW_ALONE = 0.01  # the same for a commit that one caller waits for: likely there is nobody else
_MANY = 5_000  # summaries and notices in a commit, from which on it is written on a thread
_LARGE = 1_000_000  # characters of a snapshot, likewise
_POLL = 0.1  # seconds between looks at what other processes wrote, while somebody waits
_T = TypeVar("_T")

# What `Query.status` asks for: an open thing whose time is over counts as closed.
_TAGGED = ("auction", "award", "agent")  # kinds that have tags
_STATUS_NOW = (
    "CASE WHEN {t}.status = 'open' AND {t}.until IS NOT NULL AND {t}.until <= :now "
    "THEN 'closed' ELSE {t}.status END"
)
_AS_IT_STANDS = "s.position, s.kind, s.id, s.stream, s.owner, s.parent, s.status, s.until, s.tags, s.body"
_AS_ENDED = (
    "s.position, s.kind, s.id, s.stream, s.owner, CASE WHEN e.id IS NULL THEN s.parent ELSE '' END parent, "
    "coalesce(e.status, s.status) status, CASE WHEN e.id IS NULL THEN s.until END, s.tags, "
    "CASE WHEN e.id IS NULL THEN s.body ELSE '{}' END"
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
        self._reading_aside = False  # while something long is written
        self._connection = open_file(path)
        self._reader: sqlite3.Connection | None = None
        self._seen = self._data_version()

    # Writing

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        """Make the transactions that hold durable, in order; return the positions of the others."""
        is_long = sum(map(_length, batch)) > _MANY
        async with self._turn, self._letting_read() if is_long else nullcontext():
            stale = await self._patiently(lambda: self._write(batch), aside=is_long)
            try:
                with translated(self.path):
                    await self._commit(alone=len(batch) == 1, aside=is_long)
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

    async def _commit(self, *, alone: bool, aside: bool) -> None:
        """Wait for the disk: here while it is quick, or not too slow for somebody alone, else on a thread (`aside`)."""

        def commit() -> float:
            began = self._stopwatch()
            self._connection.execute("COMMIT")
            return self._stopwatch() - began

        if aside:
            await anyio.to_thread.run_sync(commit)  # it tells nothing about the others
            return
        here = self._seconds <= (_SLOW_ALONE if alone else _SLOW)
        seconds = commit() if here else await anyio.to_thread.run_sync(commit)
        self._seconds += 0.2 * (seconds - self._seconds)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    @asynccontextmanager
    async def _letting_read(self) -> AsyncIterator[None]:
        """Let others read what is committed while something long is written."""
        self._reading_aside = self.path != ":memory:"  # which nobody else can open
        try:
            yield
        finally:
            self._reading_aside = False

    async def _patiently(self, work: Callable[[], _T], *, aside: bool = False) -> _T:
        """Do `work`, in our turn, here or on a thread (`aside`), and again while another process is writing."""
        started = anyio.current_time()
        pause = 0.001
        while True:
            try:
                with translated(self.path):
                    return await anyio.to_thread.run_sync(work) if aside else work()
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
        sql = (
            "SELECT e.stream, e.version, e.body, e.hash FROM json_each(?) known "
            "CROSS JOIN events e ON e.stream = known.key AND e.version > coalesce(known.value, "
            "(SELECT s.version - 1 FROM snapshots s JOIN events USING (stream, version) WHERE s.stream = known.key), "
            "0) ORDER BY e.stream, e.version"
        )
        rows = await self._rows(sql, (json.dumps(known),), long=_may_be_long(known))
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
        left = LEFT if query.kind in ENDING else "NULL"
        rows = await self._rows(
            f"SELECT *, {left}, (SELECT count(*) FROM summaries b WHERE b.parent = page.id AND b.parent != '' "
            "AND b.kind = 'bid' AND b.status = 'standing') FROM ("
            f"SELECT {_AS_ENDED if query.kind in ENDING else _AS_IT_STANDS} {source} ORDER BY s.position DESC LIMIT :limit) page ORDER BY page.position DESC",
            {**values, "limit": query.limit},
        )
        return Page(tuple(_found(row) for row in rows), total)

    async def notices(self, reader: Reader, after: int | None, limit: int) -> Sequence[Posted]:
        """Return notices above `after`, oldest first, or the newest ones."""
        marks = ", ".join("?" * len(reader.topics))
        mine = f"""topic IN ({marks}) OR topic IN (
            SELECT parent FROM summaries s WHERE owner = ? AND owner != '' AND kind IN ('bid', 'demand', 'offer', 'bundle', 'bundle_part')
            AND NOT EXISTS (SELECT 1 FROM ended e WHERE e.kind = s.kind AND e.id = s.id))"""
        order = "DESC" if after is None else "ASC"
        rows = await self._rows(
            f"SELECT position, topic, kind, ref, by, body FROM notices WHERE ({mine}) AND position > ? "
            f"AND (? = '' OR by != ?) ORDER BY position {order} LIMIT ?",
            (*reader.topics, reader.follows, after or 0, reader.follows, reader.follows, limit),
        )
        if after is None:
            return posted(rows[::-1], 0)[-limit:]
        return posted(rows, after)[:limit]

    async def posted_after(self, after: int, limit: int) -> Sequence[Posted]:
        """Return notices of all topics above `after`."""
        rows = await self._rows(
            "SELECT position, topic, kind, ref, by, body FROM notices WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        )
        return posted(rows, after)[:limit]

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
        write = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)"
        with suppress(StoreUnavailable):
            if len(snapshot.body) <= _LARGE:
                await self._rows(write, values)
                return
            async with self._turn, self._letting_read():
                await self._patiently(lambda: self._connection.execute(write, values), aside=True)

    async def streams(self) -> Sequence[str]:
        """Return the names of all streams."""
        return [row[0] for row in await self._rows("SELECT DISTINCT stream FROM events ORDER BY stream")]

    async def tidy(self, most: int) -> bool:
        """Write the end of up to `most` demands and offers into their summaries, and what is left of others."""
        if not await self._rows("SELECT 1 FROM ended UNION ALL SELECT 1 FROM lessened LIMIT 1"):
            return False
        async with self._turn:
            return await self._patiently(lambda: tidy(self._connection, most))

    async def _rows(self, sql: str, values: Any = (), *, long: bool = False) -> list[Any]:
        def read() -> list[Any]:
            return self._connection.execute(sql, values).fetchall()

        if self._reading_aside and sql.startswith("SELECT"):
            return self._read_aside(sql, values)
        if long:
            async with self._turn, self._letting_read():
                return await self._patiently(read, aside=True)
        if not self._turn.locked():  # the common case, at a third of the cost
            with suppress(sqlite3.Error):
                return read()
        async with self._turn:
            return await self._patiently(read)

    def _read_aside(self, sql: str, values: Any) -> list[Any]:
        """Read what is committed, while our connection is writing."""
        with translated(self.path):
            if self._reader is None:
                self._reader = open_reader(self.path)
            return self._reader.execute(sql, values).fetchall()

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
        if self._reader is not None:
            self._reader.close()
        self._connection.close()


def _may_be_long(known: Mapping[str, int | None]) -> bool:
    """Return whether all of a book is to be read, which may be a million events."""
    return any(version is None and stream.startswith("resource/") for stream, version in known.items())


def _length(transaction: Transaction) -> int:
    return sum([notice.many for notice in transaction.notices]) + len(transaction.summaries)


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
    keep_lessened(db, transaction.lessened)
    if transaction.ended:
        keep_ended(db, transaction.ended)
    keep_notices(db, transaction.notices)
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
    forget_left(db, summaries)
    tagged = [summary for summary in summaries if summary.kind in _TAGGED]
    position = "(SELECT position FROM summaries WHERE kind = ? AND id = ?)"
    db.executemany(
        f"DELETE FROM tags WHERE position = {position}", [(summary.kind, summary.id) for summary in tagged]
    )
    db.executemany(
        f"INSERT OR IGNORE INTO tags VALUES ({position}, ?)",
        [(summary.kind, summary.id, tag) for summary in tagged for tag in summary.tags],
    )


def _search(query: Query) -> tuple[str, dict[str, object]]:
    """Return the FROM and WHERE of a query (without `before`) and its named values."""
    values: dict[str, object] = {"now": query.now}
    values["kind"] = query.kind
    # A plus keeps the planner from the index by kind where another is the better.
    narrow = query.owner or query.parent or query.tag
    ending = query.kind in ENDING
    joins = " LEFT JOIN ended e ON e.kind = s.kind AND e.id = s.id" if ending else ""
    tests = ["+s.kind = :kind" if narrow else "s.kind = :kind"]
    if query.kind != "bid":
        tests.append("s.kind != 'bid'")  # true anyway, and lets the partial index serve; likewise below
    for name, value in (("id", query.id), ("owner", query.owner), ("parent", query.parent)):
        if value:
            # The second half is true anyway, and lets the partial index serve.
            tests.append(f"s.{name} = :{name} AND s.{name} != ''")
            tests += ["e.id IS NULL"] if ending and name == "parent" else []
            values[name] = value
    if query.tag:
        joins += " JOIN tags t ON t.position = s.position AND t.tag = :tag"
        values["tag"] = query.tag
    if query.status:
        now = _STATUS_NOW.format(t="s")
        tests.append(_one_of(f"coalesce(e.status, {now})" if ending else now, "status", query.status, values))
    if query.parent_status:
        joins += " JOIN summaries p ON p.kind = 'auction' AND p.id = s.parent"
        tests.append(_one_of(_STATUS_NOW.format(t="p"), "parent_status", query.parent_status, values))
    return f"FROM summaries s{joins} WHERE {' AND '.join(tests)}", values


def _one_of(status: str, name: str, wanted: Sequence[str], values: dict[str, object]) -> str:
    names = [f"{name}_{i}" for i in range(len(wanted))]
    values.update(zip(names, wanted, strict=True))
    return f"{status} IN ({', '.join(f':{n}' for n in names)})"


def _found(row: Sequence[Any]) -> Found:
    position, kind, some_id, stream, owner, parent, status, until, tags, body, left, children = row
    if left is not None:
        body = lessened(body, left)
    summary = Summary(
        kind, some_id, stream, owner, parent, status, until, tuple(tags.split("\n")) if tags else (), body
    )
    return Found(position, summary, children)
