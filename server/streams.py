"""The streams that this process has at hand: their states, brought up to date from the store when asked for."""

from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import anyio.lowlevel
import anyio.to_thread

from market_core.book import Resource
from market_core.canonical import GENESIS
from market_core.handle import State, evolve, new_state
from server import codec
from server.ports import EventStore, Recorded, Snapshot, StoreBroken, StoreUnavailable

_MOST = 2000  # streams kept between turns
_AT_ONCE = 5_000  # things in a state, and events, up to which it is saved, and they are replayed, at once
_SNAPSHOT_EVERY = 500  # events, or more in a long stream or for a large state
Saving = Callable[[], Coroutine[None, None, None]]
"""Saves a stream as it was when this was made."""


@dataclass(slots=True)
class Stream:
    """A stream as far as this process knows it."""

    state: State
    version: int = 0
    hash: str = GENESIS
    saved: int = 0  # the version of its snapshot, as far as this process knows


class Streams:
    """A cache of streams. What it holds may run ahead of the store within a turn of the writer, never between."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._cache: dict[str, Stream] = {}
        self._unsaved: set[str] = set()

    def __getitem__(self, name: str) -> Stream:
        return self._cache[name]

    async def load(self, names: Iterable[str]) -> None:
        """Bring streams up to date with the store: those at hand from where they are, others from the start."""
        known = {name: stream.version if (stream := self._cache.get(name)) else None for name in names}
        news = await self._store.catch_up(known)
        for name, version in known.items():
            events = news.get(name, ())
            if version is None:
                stream, events = await self._begun(name, events)
            else:
                stream = self._cache.pop(name)
            if len(events) > _AT_ONCE:
                await anyio.to_thread.run_sync(_replay, stream, events)
            else:
                _replay(stream, events)
            self._cache[name] = stream  # the newest used stands last

    def forget(self, names: Iterable[str]) -> None:
        """Drop streams whose state may hold what was not recorded."""
        for name in names:
            self._cache.pop(name, None)

    def trim(self) -> None:
        """Drop the streams that were not used for longest; only between turns, when all is committed."""
        while len(self._cache) > _MOST:
            del self._cache[next(iter(self._cache))]

    async def _begun(self, name: str, events: Sequence[Recorded]) -> tuple[Stream, Sequence[Recorded]]:
        """Return a stream that is not at hand, from its snapshot if it has a good one, and the events since."""
        new = Stream(new_state(name))
        if not events or events[0].version == 1:
            return new, events
        saved = await self._store.snapshot(name)
        first, *rest = events
        at_it = (codec.SNAPSHOT_FORM, first.version, first.hash)
        if saved is None or (saved.form, saved.version, saved.hash) != at_it:
            return new, await self._store.load(name)  # a snapshot is a cache: what does not match is ignored
        return Stream(codec.decode_state(name, saved.body), saved.version, saved.hash, saved.version), rest

    def changed(self, names: Iterable[str]) -> None:
        """Note that events were committed to streams; auctions are short-lived and need no snapshot."""
        self._unsaved.update(name for name in names if not name.startswith("auction/"))

    def due(self) -> bool:
        """Return whether a stream has changed so much since its snapshot that it should be saved."""
        self._unsaved = {name for name in self._unsaved if _is_due(self._cache.get(name))}
        return bool(self._unsaved)

    async def save_snapshots(self) -> None:
        """Save the streams that are due, as far as the store can."""
        for name in self._unsaved:
            stream = self._cache[name]
            stream.saved = stream.version
            with suppress(StoreUnavailable, StoreBroken):  # it is a cache: the next start is slower, no more
                await self._store.save_snapshot(
                    self._snapshot(name, "".join(codec.state_parts(stream.state)))
                )
        self._unsaved.clear()

    def large(self) -> list[Saving]:
        """Take the streams that are due and so large that nobody should wait; return how to save each as it is now."""
        names = [name for name in self._unsaved if _size(self._cache[name].state) > _AT_ONCE]
        self._unsaved.difference_update(names)
        return [self._saving(name) for name in names]

    def _saving(self, name: str) -> Saving:
        stream = self._cache[name]
        stream.saved = stream.version
        parts, empty = codec.state_parts(stream.state), self._snapshot(name, "")

        async def save() -> None:
            body = []
            for part in parts:
                body.append(part)
                await anyio.lowlevel.checkpoint()
            with suppress(StoreUnavailable, StoreBroken):
                await self._store.save_snapshot(replace(empty, body="".join(body)))

        return save

    def _snapshot(self, name: str, body: str) -> Snapshot:
        stream = self._cache[name]
        return Snapshot(name, stream.version, stream.hash, codec.SNAPSHOT_FORM, body)


def _replay(stream: Stream, events: Iterable[Recorded]) -> None:
    """Bring a stream up to date with what was recorded."""
    for recorded in events:
        stream.state = evolve(stream.state, codec.decode(recorded.body))
        stream.version, stream.hash = recorded.version, recorded.hash


def _is_due(stream: Stream | None) -> bool:
    """Return whether a snapshot would spare the next start more than reading it takes."""
    if stream is None:
        return False
    tail = stream.version - stream.saved
    return tail > _SNAPSHOT_EVERY and tail > max(stream.version // 4, _size(stream.state))


def _size(state: State) -> int:
    """Return about how many things a state holds that each take as long to read as an event."""
    return len(state.demand) + len(state.offers) if isinstance(state, Resource) else 0
