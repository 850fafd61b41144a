"""The queue in front of the writer: the more commands one commit carries, the fewer commits there are."""

from collections import deque

import anyio

from server.batch import Waiting

_ENOUGH = 16  # commands in a batch
_TRY_EVERY = 4  # batches, between two tries to find more company; twice as many after each
_TRY_ALONE_EVERY = 64  # that finds none, but not more than this
_LEAST_GAP = 0.0015  # seconds without a new command, after which no more are on their way
_LONGEST_WAIT = 0.02  # seconds, or two commits where they take longer,
_SHARED_WAIT = 0.1  # but not more than this


class Arrivals:
    """Commands that wait for the writer, in order, and what is known of those on their way."""

    def __init__(self) -> None:
        """Begin with none, and with no company expected."""
        self._queue: deque[Waiting] = deque()
        self._awaited = 1  # commands in the queue that wake the writer
        self._arrived = anyio.Event()
        self._last_arrival = 0.0
        self._pace = 0.0  # seconds between two commands, of late
        self._company = 1  # commands in the last batch, as far as they count
        self._try_every = self._try_in = _TRY_EVERY  # batches

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    def add(self, waiting: Waiting) -> None:
        """Put a caller's commands at the end."""
        now = anyio.current_time()
        self._pace += 0.1 * (min(now - self._last_arrival, _LONGEST_WAIT) - self._pace)
        self._last_arrival = now
        self._queue.append(waiting)
        if len(self._queue) >= self._awaited:
            self._arrived.set()

    def take(self) -> list[Waiting]:
        """Return all that wait, and begin anew."""
        batch = list(self._queue)
        self._queue.clear()
        return batch

    async def gather(self, commit_seconds: float) -> None:
        """Wait for a command, and then for more that are on their way; a commit takes `commit_seconds` of late.

        As many are awaited as came last time, and now and then more, to learn whether there are more; they are
        given up when they keep longer away than their pace allows. A caller alone is therefore not kept waiting,
        and callers at once share a commit.
        """
        await self._until_queued(1)
        self._try_in -= 1
        wanted = self._company if self._try_in else _ENOUGH
        gap = max(3 * self._pace, _LEAST_GAP) if self._company > 1 else _LEAST_GAP
        until = anyio.current_time() + max(_LONGEST_WAIT, min(2 * commit_seconds, _SHARED_WAIT))
        while len(self._queue) < wanted:
            patience = min(self._last_arrival + gap, until) - anyio.current_time()
            if patience <= 0:
                break
            with anyio.move_on_after(patience):
                await self._until_queued(wanted)
        if not self._try_in:
            alone = len(self._queue) == 1
            self._try_every = min(2 * self._try_every, _TRY_ALONE_EVERY) if alone else _TRY_EVERY
            self._try_in = self._try_every
        # One pause of the others is no farewell: fewer are awaited step by step.
        self._company = min(max(len(self._queue), self._company // 2), _ENOUGH)

    async def _until_queued(self, number: int) -> None:
        """Wait until so many commands are in the queue."""
        if len(self._queue) < number:
            self._awaited = number
            self._arrived = anyio.Event()
            await self._arrived.wait()
