"""The streams that this process has at hand: their states, brought up to date from the store when asked for."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from market_core.canonical import GENESIS
from market_core.handle import State, evolve, new_state
from server import codec
from server.ports import EventStore, Recorded, Snapshot, StoreBroken, StoreUnavailable

_MOST = 2000  # streams kept between turns
_SNAPSHOT_EVERY = 500  # events, or a quarter of the stream where that is more


@dataclass(slots=True)
class Stream:
    """A stream as far as this process knows it."""

    state: State
    version: int = 0
    hash: str = GENESIS


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
            for recorded in events:
                stream.state = evolve(stream.state, codec.decode(recorded.body))
                stream.version, stream.hash = recorded.version, recorded.hash
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
        return Stream(codec.decode_state(name, saved.body), saved.version, saved.hash), rest

    def changed(self, names: Iterable[str]) -> None:
        """Note that events were committed to streams; auctions are short-lived and need no snapshot."""
        self._unsaved.update(name for name in names if not name.startswith("auction/"))

    async def save_snapshots(self) -> None:
        """Save the long-lived streams whose tail since their snapshot has grown long, as far as the store can."""
        with suppress(StoreUnavailable, StoreBroken):  # it is a cache: the next start is slower, no more
            await self._save()
        self._unsaved.clear()

    async def _save(self) -> None:
        for name in self._unsaved:
            stream = self._cache.get(name)
            if stream is None or stream.version < _SNAPSHOT_EVERY:
                continue
            saved = await self._store.snapshot(name)
            tail = stream.version - (saved.version if saved else 0)
            if tail > max(_SNAPSHOT_EVERY, stream.version // 4):
                body = codec.encode_state(stream.state)
                await self._store.save_snapshot(
                    Snapshot(name, stream.version, stream.hash, codec.SNAPSHOT_FORM, body)
                )
