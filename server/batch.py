"""What callers wait for, and what one turn of the writer makes of it: a transaction for each caller."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import anyio.to_thread

from market_core.canonical import canonical, digest
from market_core.commands import AnyCommand
from market_core.facts import Facts
from market_core.handle import Decision, State, States, streams
from market_core.mechanisms.solve import Solution
from market_core.rejections import Rejection
from server.ports import (
    Ended,
    Lessened,
    Notice,
    Recorded,
    Remembered,
    Summary,
    Transaction,
    Write,
)
from server.projection import Projected


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool answers: a text for the model and the same as structured content."""

    text: str
    content: dict[str, Any]


class After(NamedTuple):
    """What an answer is made from: what was decided, and the states and the time after it."""

    decision: Decision
    states: States
    now: datetime


Outcome = After | Rejection
"""What became of one command."""


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key of an agent, with the fingerprint of the request it stands for."""

    agent: str
    key: str
    fingerprint: str


def once(agent: str, key: str, tool: str, content: Callable[[], object]) -> Once | None:
    """Return the idempotency of a request, or None without a key; only with one its `content` is asked for."""
    if not key:
        return None
    return Once(agent, key, digest(tool, "\0", canonical(content())))


class NoAnswer(Exception):  # noqa: N818 - carries the failure to where the streams are put right
    """The answer could not be made, so what was decided must not be recorded."""

    def __init__(self, failure: Exception) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(slots=True, eq=False)
class Waiting:
    """Commands in the queue that are one transaction, and the answer or failure that their caller waits for."""

    commands: Sequence[AnyCommand]
    answer: Callable[[list[Outcome]], Answer]
    once: Once | None
    all_or_nothing: bool
    done: anyio.Event = field(default_factory=anyio.Event)
    facts: Sequence[Facts] = ()  # one for each command
    result: Answer | None = None
    failure: Exception | None = None
    streams: set[str] = field(default_factory=set)
    solutions: tuple[Solution, ...] = ()

    def begin(self, facts: Sequence[Facts]) -> None:
        """Start a new try, forgetting an earlier one."""
        self.facts = facts
        self.result = self.failure = None
        self.streams = set()

    def names(self, found: States) -> set[str]:
        """Return the streams that the commands name, as far as `found` tells."""
        asked = zip(self.commands, self.facts, strict=True)
        return {name for command, facts in asked for name in _named(command, found, facts)}


def _named(command: AnyCommand, found: States, facts: Facts) -> tuple[str, ...]:
    try:
        return streams(command, found, facts)
    except Rejection:  # of an id that names none: its turn will come
        return ()


@dataclass(slots=True)
class Batch:
    """What one turn of the writer is to decide, and has decided so far."""

    pending: Sequence[Waiting]
    transactions: list[Transaction] = field(default_factory=list)
    owners: list[Waiting] = field(default_factory=list)  # whose the transactions are
    settled: list[Waiting] = field(default_factory=list)  # decided without a transaction
    keys: set[tuple[str, str]] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)  # of the streams read in this turn, as they stand
    written: set[str] = field(default_factory=set)
    is_long: bool = False  # something in it takes seconds

    def unread(self) -> set[str]:
        """Return the streams that the commands name, as far as can be told by now, and that were not read."""
        return {name for waiting in self.pending for name in waiting.names(self.states)} - self.states.keys()


@dataclass(slots=True)
class Draft:
    """What the commands of one caller have changed so far: the transaction in the making."""

    expected: dict[str, int] = field(default_factory=dict)
    recorded: dict[str, list[Recorded]] = field(default_factory=dict)
    guards: dict[str, int] = field(default_factory=dict)
    summaries: dict[tuple[str, str], Summary] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    lessened: list[Lessened] = field(default_factory=list)

    def add(self, row: Projected) -> None:
        """Add a row of a list or a notice; of two rows of one thing the later counts."""
        match row:
            case Notice():
                self.notices.append(row)
            case Ended():
                self.ended.append(row)
            case Lessened():
                self.lessened.append(row)
            case _:
                self.summaries[row.kind, row.id] = row

    def transaction(self, waiting: Waiting) -> Transaction:
        """Return what is to be committed for a caller, with its answer where it gave an idempotency key."""
        writes = tuple(
            Write(name, self.expected[name], tuple(recorded)) for name, recorded in self.recorded.items()
        )
        guards = tuple((name, version) for name, version in self.guards.items() if name not in self.recorded)
        return Transaction(
            writes,
            guards,
            tuple(self.summaries.values()),
            tuple(self.notices),
            _remember(waiting),
            tuple(self.ended),
            tuple(self.lessened),
        )


def _remember(waiting: Waiting) -> Remembered | None:
    if waiting.once is None:
        return None
    assert waiting.result is not None  # decided
    answer = json.dumps({"text": waiting.result.text, "content": waiting.result.content})
    return Remembered(waiting.once.agent, waiting.once.key, waiting.once.fingerprint, answer)
