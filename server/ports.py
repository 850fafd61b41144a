"""What the shell needs from outside: a store of events, a clock, a source of ids. And how they say no."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:  # commands that solve nothing do not pay for it
    from market_core.mechanisms.solve import Question, Solution


class StoreUnavailable(Exception):  # noqa: N818 - an answer of the outside world, like Conflict and Denied
    """The store cannot do it now: locked for too long, full, read-only, gone. Nothing was written."""


class StoreBroken(Exception):  # noqa: N818
    """The store's file is not one this program can use: corrupted, foreign, or of a newer format."""


class SolverGone(Exception):  # noqa: N818
    """The solver ended, or was ended, before it had an answer."""


class Recorded(NamedTuple):
    """One event as stored: its number in its stream (from 1), canonical JSON, chain hash."""

    version: int
    body: str
    hash: str


@dataclass(frozen=True, slots=True)
class Write:
    """Events for one stream, which must stand at version `expected` (0: not exist) for them to be added."""

    stream: str
    expected: int
    events: tuple[Recorded, ...]


class Summary(NamedTuple):
    """What lists and searches need of one thing: the newest one of a kind and id replaces the one before.

    `kind` is auction, bid, award, watch (of work that may become overdue), demand, offer, resource or agent; `until` the moment (epoch microseconds)
    at which an open thing ends by itself; `tags` what it is searched by, of an auction, an award or an agent; `body`
    JSON for the reader.
    """

    kind: str
    id: str
    stream: str
    owner: str = ""
    parent: str = ""
    status: str = ""
    until: int | None = None
    tags: tuple[str, ...] = ()
    body: str = "{}"


class Ended(NamedTuple):
    """The end of very many demands or offers: their summaries are to say `status`, and nothing else but whose they were.

    It is for good: no summary of that kind and id comes after it.
    """

    kind: str
    status: str
    ids: tuple[str, ...]


class Lessened(NamedTuple):
    """What is left of open demands or offers of one owner: their summaries' bodies are to say so under `left`.

    `left` is a JSON object of amounts by id, in millionths. Otherwise the summaries, which are there, stay as they are.
    """

    kind: str
    owner: str
    left: str


def lessened(body: str, left: int) -> str:
    """Return the body of a summary with another `left`, which is given in millionths."""
    return _json({**json.loads(body), "left": _text(left)})


class Notice(NamedTuple):
    """Something worth knowing, for those who read `topic`. `by` caused it and is not told.

    With `many` it is so many notices in one, with a body that `packed` wrote. Readers get them one by one.
    """

    topic: str
    kind: str
    ref: str
    by: str
    body: str = "{}"
    many: int = 1


def packed(common: str, names: str, rows: Sequence[str]) -> str:
    """Return the body of many notices in one: each says `common` and, under `names`, what its row has.

    All are given as JSON: an object, a list of names, and lists as long, in which a number is an amount in millionths.

    >>> body = packed('{"x":"a"}', '["y","z"]', ['["b",2500000]', '["c",null]'])
    >>> [notice.body for notice in unpacked(Notice("topic", "kind", "ref", "by", body, 2))]
    ['{"x":"a","y":"b","z":"2.5"}', '{"x":"a","y":"c","z":null}']
    """
    return f"[{common},{names},{','.join(rows)}]"


def unpacked(notice: Notice) -> list[Notice]:
    """Return the notices that are in one, in order; that there are many its body tells."""
    if not notice.body.startswith("["):
        return [notice]
    common, names, *rows = json.loads(notice.body)
    return [
        notice._replace(body=_json(common | dict(zip(names, map(_text, row), strict=True))), many=1)
        for row in rows
    ]


def _text(value: str | int | None) -> str | None:
    if not isinstance(value, int):
        return value
    text = f"{value // 10**6}.{value % 10**6:06}".rstrip("0")
    return text.removesuffix(".")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Remembered:
    """The answer to an accepted command, kept so that its repetition gets the same one."""

    agent: str
    key: str
    fingerprint: str
    answer: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """All that one command changes, in one piece.

    `guards` are streams only read, with their versions; `summaries` hold each kind and id once; `ended` and
    `lessened` are of what has a summary already.
    """

    writes: tuple[Write, ...]
    guards: tuple[tuple[str, int], ...] = ()
    summaries: tuple[Summary, ...] = ()
    notices: tuple[Notice, ...] = ()
    remember: Remembered | None = None
    ended: tuple[Ended, ...] = ()
    lessened: tuple[Lessened, ...] = ()


def keep_those_that_hold(batch: Sequence[Transaction], keep: Callable[[Transaction], bool]) -> frozenset[int]:
    """Do `keep`, which says whether it did, for the transactions in order; return the positions of the stale.

    What was built on a stale one is stale too, even if another writer has meanwhile brought the stream to
    the very version that it expects.
    """
    stale: set[int] = set()
    lost: set[str] = set()
    for position, transaction in enumerate(batch):
        written = {write.stream for write in transaction.writes}
        read = {stream for stream, _ in transaction.guards}
        if lost & (written | read) or not keep(transaction):
            stale.add(position)
            lost |= written
    return frozenset(stale)


@dataclass(frozen=True, slots=True)
class Query:
    """A search of the summaries, newest first. Empty fields ask for nothing.

    `status` counts a thing as closed once its `until` is not after `now` (epoch microseconds);
    `parent_status` asks for things whose parent auction is so. `before` is a Found's `position`.
    """

    kind: str
    now: int = 0
    id: str = ""
    owner: str = ""
    parent: str = ""
    tag: str = ""
    status: tuple[str, ...] = ()
    parent_status: tuple[str, ...] = ()
    before: int | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Found:
    """A summary found; `position` is its place in the order of first appearance, `children` its standing bids."""

    position: int
    summary: Summary
    children: int


@dataclass(frozen=True, slots=True)
class Page:
    """The summaries of one page and how many there are in all."""

    found: tuple[Found, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose news to read: topics, and every auction and resource in which `follows` has something."""

    topics: tuple[str, ...]
    follows: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """A notice with its position; positions only grow, and become visible in order."""

    position: int
    notice: Notice


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state saved at a version, to load faster. A cache: one that does not match its stream is ignored."""

    stream: str
    version: int
    hash: str
    form: str
    body: str


class EventStore(Protocol):
    """The market's memory. Every method raises StoreUnavailable where the store cannot answer now."""

    async def load(self, stream: str, after: int = 0) -> Sequence[Recorded]:
        """Return the events of `stream` with a version above `after`, in order."""
        ...

    async def catch_up(self, known: Mapping[str, int | None]) -> Mapping[str, Sequence[Recorded]]:
        """Return the events of each stream above the version at which it is `known`, in order.

        Where that is None: the events from its snapshot's version on, all if it has no such event. Streams
        with nothing to return are left out.
        """
        ...

    async def commit(self, batch: Sequence[Transaction]) -> frozenset[int]:
        """Make durable, in order, the transactions that hold; return the positions of those that do not.

        One holds if every write finds its expected version, every guard its version, and its idempotency
        key is new; the transactions before it in the batch count. When this returns, it is on disk.
        """
        ...

    async def find(self, query: Query) -> Page:
        """Return a page of summaries, newest first."""
        ...

    async def notices(self, reader: Reader, after: int | None, limit: int) -> Sequence[Posted]:
        """Return up to `limit` notices above position `after`, oldest first; without one the newest, likewise."""
        ...

    async def posted_after(self, after: int, limit: int) -> Sequence[Posted]:
        """Return up to `limit` notices of all topics above position `after`, oldest first."""
        ...

    async def last_position(self) -> int:
        """Return the position of the newest notice of all, 0 if there is none."""
        ...

    async def remembered(self, agent: str, key: str) -> Remembered | None:
        """Return the answer kept under an agent's idempotency key."""
        ...

    async def due(self, now: int) -> Sequence[str]:
        """Return the streams in which something open has reached its `until`."""
        ...

    async def next_until(self) -> int | None:
        """Return the least `until` of anything open."""
        ...

    async def snapshot(self, stream: str) -> Snapshot | None:
        """Return the stream's snapshot, if there is one."""
        ...

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the stream's earlier one."""
        ...

    async def streams(self) -> Sequence[str]:
        """Return the names of all streams, sorted."""
        ...

    async def tidy(self, most: int) -> bool:
        """Do up to `most` pieces of work that commits have put off, which nobody sees; return whether there is more."""
        ...

    async def watch(self) -> None:
        """Return once something was committed after this call, by this process or another."""
        ...

    async def close(self) -> None:
        """Release what the store holds. What was committed stays."""
        ...


class Solver(Protocol):
    """Who answers the questions that take long."""

    async def solve(self, question: "Question") -> "Solution":
        """Return the answer. Raises what the mechanism raises (`procurement.Unsolved`), or SolverGone."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        ...


class Ids(Protocol):
    """Chance: what must not be guessed or repeated."""

    def token(self) -> str:
        """Return the unguessable part of a new id."""
        ...

    def nonce(self) -> str:
        """Return 32 random bytes as 64 hex digits."""
        ...
