"""The store in memory: for embedding and tests. Plain dictionaries; everything dies with the process."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import anyio

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
    Summary,
    Transaction,
    keep_those_that_hold,
    lessened,
    unpacked,
)


@dataclass(slots=True)
class MemoryStore:
    """An EventStore that keeps everything in this process."""

    _events: dict[str, list[Recorded]] = field(default_factory=dict)
    _summaries: dict[tuple[str, str], Found] = field(default_factory=dict)
    _notices: list[Notice] = field(default_factory=list)
    _remembered: dict[tuple[str, str], Remembered] = field(default_factory=dict)
    _snapshots: dict[str, Snapshot] = field(default_factory=dict)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def load(self, stream: str, after: int = 0) -> Sequence[Recorded]:
        """Return the events of `stream` above version `after`."""
        return self._events.get(stream, [])[after:]

    async def catch_up(self, known: Mapping[str, int | None]) -> Mapping[str, Sequence[Recorded]]:
        """Return the events of each stream above its version, or from its snapshot's version on."""
        news = {stream: self._tail(stream, version) for stream, version in known.items()}
        return {stream: events for stream, events in news.items() if events}

    def _tail(self, stream: str, version: int | None) -> Sequence[Recorded]:
        events, saved = self._events.get(stream, []), self._snapshots.get(stream)
        if version is None:
            version = saved.version - 1 if saved and saved.version <= len(events) else 0
        return events[version:]

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        """Keep the transactions that hold, in order; return the positions of the others."""
        stale = keep_those_that_hold(batch, self._keep)
        if len(stale) < len(batch):
            self._changed.set()
            self._changed = anyio.Event()
        return stale

    def _holds(self, transaction: Transaction) -> bool:
        versions = [(write.stream, write.expected) for write in transaction.writes]
        known = transaction.remember
        return all(
            len(self._events.get(stream, [])) == version
            for stream, version in (*versions, *transaction.guards)
        ) and (known is None or (known.agent, known.key) not in self._remembered)

    def _keep(self, transaction: Transaction) -> bool:
        if not self._holds(transaction):
            return False
        for write in transaction.writes:
            self._events.setdefault(write.stream, []).extend(write.events)
        for summary in transaction.summaries:
            key = (summary.kind, summary.id)
            known = self._summaries.get(key)
            position = known.position if known else len(self._summaries) + 1
            self._summaries[key] = Found(position, summary, 0)
        for kind, _, lefts in transaction.lessened:
            for some_id, left in json.loads(lefts).items():
                found = self._summaries[kind, some_id]
                summary = found.summary._replace(body=lessened(found.summary.body, left))
                self._summaries[kind, some_id] = replace(found, summary=summary)
        for kind, status, ids in transaction.ended:
            for some_id in ids:
                found = self._summaries[kind, some_id]
                summary = found.summary._replace(parent="", status=status, until=None, tags=(), body="{}")
                self._summaries[kind, some_id] = replace(found, summary=summary)
        for notice in transaction.notices:
            self._notices.extend(unpacked(notice))
        if transaction.remember:
            self._remembered[transaction.remember.agent, transaction.remember.key] = transaction.remember
        return True

    async def find(self, query: Query) -> Page:
        """Return a page of summaries, newest first."""
        matching = [found for found in self._summaries.values() if self._matches(found.summary, query)]
        matching.sort(key=lambda found: -found.position)
        page = [f for f in matching if query.before is None or f.position < query.before][: query.limit]
        return Page(
            tuple(Found(f.position, f.summary, self._children(f.summary.id)) for f in page), len(matching)
        )

    def _children(self, parent: str) -> int:
        return sum(
            f.summary.kind == "bid" and f.summary.parent == parent and f.summary.status == "standing"
            for f in self._summaries.values()
        )

    def _matches(self, summary: Summary, query: Query) -> bool:
        wanted = (("id", query.id), ("owner", query.owner), ("parent", query.parent))
        return (
            summary.kind == query.kind
            and all(not value or getattr(summary, name) == value for name, value in wanted)
            and (not query.tag or query.tag in summary.tags)
            and (not query.status or _status(summary, query.now) in query.status)
            and (not query.parent_status or self._parent_status(summary, query) in query.parent_status)
        )

    def _parent_status(self, summary: Summary, query: Query) -> str:
        parent = self._summaries.get(("auction", summary.parent))
        return _status(parent.summary, query.now) if parent else ""

    async def notices(self, reader: Reader, after: int | None, limit: int) -> Sequence[Posted]:
        """Return notices above `after`, oldest first, or the newest ones."""
        topics = {*reader.topics, *self._followed(reader.follows)}
        mine = [
            Posted(position, notice)
            for position, notice in enumerate(self._notices, 1)
            if notice.topic in topics and (after is None or position > after)
            if not reader.follows or notice.by != reader.follows
        ]
        return mine[-limit:] if after is None else mine[:limit]

    def _followed(self, agent: str) -> Iterable[str]:
        if not agent:
            return ()
        return (
            f.summary.parent
            for f in self._summaries.values()
            if f.summary.kind in ("bid", "demand", "offer", "bundle", "bundle_part")
            and f.summary.owner == agent
        )

    async def posted_after(self, after: int, limit: int) -> Sequence[Posted]:
        """Return notices of all topics above `after`."""
        new = self._notices[after : after + limit]
        return [Posted(position, notice) for position, notice in enumerate(new, after + 1)]

    async def last_position(self) -> int:
        """Return the number of notices."""
        return len(self._notices)

    async def remembered(self, agent: str, key: str) -> Remembered | None:
        """Return the answer kept under an agent's key."""
        return self._remembered.get((agent, key))

    async def due(self, now: int) -> Sequence[str]:
        """Return the streams with something open that has reached its `until`."""
        return sorted({s.stream for s in self._open() if s.until is not None and s.until <= now})

    async def next_until(self) -> int | None:
        """Return the least `until` of anything open."""
        return min((s.until for s in self._open() if s.until is not None), default=None)

    def _open(self) -> Iterable[Summary]:
        return (f.summary for f in self._summaries.values() if f.summary.status == "open")

    async def snapshot(self, stream: str) -> Snapshot | None:
        """Return the stream's snapshot."""
        return self._snapshots.get(stream)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot."""
        self._snapshots[snapshot.stream] = snapshot

    async def streams(self) -> Sequence[str]:
        """Return the names of all streams."""
        return sorted(self._events)

    async def tidy(self, most: int) -> bool:  # noqa: ARG002 - a port's signature
        """Nothing was put off."""
        return False

    async def watch(self) -> None:
        """Wait for the next commit."""
        await self._changed.wait()

    async def close(self) -> None:
        """Nothing to release."""


def _status(summary: Summary, now: int) -> str:
    over = summary.status == "open" and summary.until is not None and summary.until <= now
    return "closed" if over else summary.status
