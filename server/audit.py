"""Checks what is stored: what was edited, swapped or taken out after it was recorded.

Each event carries a hash over itself and the hash before it, so a change shows from there on. Whoever cuts
off the end of a stream leaves a sound beginning: that shows only against a head that was noted earlier.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from market_core.book import Resource
from market_core.canonical import GENESIS, canonical, chain_hash
from market_core.handle import State, evolve, new_state
from server import codec
from server.ports import EventStore, Recorded, Snapshot

_NOT_AN_EVENT = (codec.UnknownForm, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading or replaying something that is no event of its stream may raise."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last event of a stream: its version and its hash, which covers everything before it."""

    version: int
    hash: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing wrong in a stream: at which version, and what."""

    stream: str
    version: int
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found. `heads` of all streams that are there, `broken` one row per stream that is not sound."""

    events: int
    heads: Mapping[str, Head]
    broken: tuple[Broken, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken


async def audit(store: EventStore, known: Mapping[str, Head] | None = None) -> Report:
    """Return what is wrong with the streams of `store`, compared with the heads `known` from earlier.

    Raises StoreUnavailable and StoreBroken as the store does. Changes nothing.
    """
    earlier = known or {}
    heads: dict[str, Head] = {}
    broken: list[Broken] = []
    events = 0
    there = await store.streams()
    for stream in there:
        recorded = await store.load(stream)
        if recorded:
            heads[stream] = Head(recorded[-1].version, recorded[-1].hash)
        events += len(recorded)
        wrong = _wrong_in(stream, recorded, await store.snapshot(stream), earlier.get(stream))
        if wrong is not None:
            broken.append(wrong)
    broken += [
        Broken(stream, 1, f"is gone, with all of its stream; the head goes to {earlier[stream].version}")
        for stream in sorted(earlier.keys() - set(there))
    ]
    return Report(events, heads, tuple(broken))


def _wrong_in(
    stream: str, recorded: Sequence[Recorded], snapshot: Snapshot | None, earlier: Head | None
) -> Broken | None:
    """Return the first thing wrong in a stream."""
    before = GENESIS
    try:
        state = new_state(stream)
    except ValueError as error:
        return Broken(stream, 1, str(error))
    for version, event in enumerate(recorded, 1):
        why = _wrong_with(stream, version, before, event)
        if why is None:
            state, why = _replayed(state, event)
        if why is None and snapshot is not None and snapshot.version == version:
            why = _wrong_snapshot(snapshot, event, state)
        if why is None and earlier is not None and earlier.version == version and earlier.hash != event.hash:
            why = "is another event than the head has: the stream was written anew"
        if why is not None:
            return Broken(stream, version, why)
        before = event.hash
    if not recorded:
        return Broken(stream, 1, "is missing; the first there is numbered below 1")
    if earlier is not None and earlier.version > len(recorded):
        return Broken(
            stream, len(recorded) + 1, f"is gone, the end is cut off; the head goes to {earlier.version}"
        )
    return None


def _wrong_with(stream: str, version: int, before: str, event: Recorded) -> str | None:
    """Return what is wrong with the event that should be number `version`, after one with the hash `before`."""
    if event.version != version:
        return f"is missing; the next one there is {event.version}"
    if not isinstance(event.body, str):
        return "is not text"
    if chain_hash(before, stream, version, event.body) != event.hash:
        return "does not match its hash: it, or the one before it, was changed or moved"
    try:
        same = canonical(json.loads(event.body)) == event.body
    except _NOT_AN_EVENT:
        return "is not JSON"
    return None if same else "is not in canonical form, so this program did not write it"


def _replayed(state: State, event: Recorded) -> tuple[State, str | None]:
    """Return the state after an event, and what is wrong if there is none."""
    try:
        decoded = codec.decode(event.body)
    except codec.UnknownForm as newer:
        return state, f"was written by a newer version of agent-market ({newer}): verify with that one"
    except _NOT_AN_EVENT:
        return state, "is no event that this market knows"
    try:
        return evolve(state, decoded), None
    except _NOT_AN_EVENT:
        return state, "does not follow from the events before it"


def _wrong_snapshot(snapshot: Snapshot, event: Recorded, state: State) -> str | None:
    """A snapshot that the server would believe must be what the events lead to."""
    if snapshot.form != codec.SNAPSHOT_FORM or snapshot.hash != event.hash:
        return None  # the server ignores it
    try:
        saved = codec.decode_state(snapshot.stream, snapshot.body)
    except _NOT_AN_EVENT:
        return "has a snapshot that cannot be read"
    if _comparable(saved) != _comparable(state):
        return "has a snapshot that is not what the events lead to"
    return None


def _comparable(state: State) -> State:
    """Which finished entries a book still remembers depends on when it was last loaded; it decides nothing."""
    return replace(state, ended={}) if isinstance(state, Resource) else state
