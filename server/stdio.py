"""The stdio transport, waiting for its descriptors on the event loop.

The SDK's own hands every line to a thread and back, three times a call, which takes longer than deciding and
storing a bid. What is sent and how it is read stays the SDK's; where a descriptor cannot be waited for (a file,
Windows), the waiting does too.
"""

import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import IO, Any, cast

import anyio
from mcp.server.stdio import stdio_server

if sys.platform != "win32":
    import select

_PIECE = 4096  # bytes that a pipe or socket takes at once when it says it is ready
_READ = 65_536


def stdio_streams() -> AbstractAsyncContextManager[tuple[Any, Any]]:
    """Return the streams of messages from standard input and to standard output, to be entered."""
    waits = sys.platform != "win32" and _can_wait(sys.stdin) and _can_wait(sys.stdout)
    return _on_the_loop() if waits else stdio_server()


@asynccontextmanager
async def _on_the_loop() -> AsyncIterator[tuple[Any, Any]]:
    with _claimed(sys.stdin) as come, _claimed(sys.stdout) as go:
        # The SDK asks of its files only what these two have.
        async with stdio_server(cast("Any", Lines(come)), cast("Any", Texts(go))) as streams:
            yield streams


def _can_wait(stream: IO[str]) -> bool:
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):  # closed, or not a file at all
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()


@contextmanager
def _claimed(stream: IO[str]) -> Iterator[int]:
    """Have a standard stream for ourselves, as a new descriptor.

    What others print meanwhile goes to standard error, and what they read is empty.
    """
    number = stream.fileno()
    ours = os.dup(number)
    instead = os.open(os.devnull, os.O_RDONLY) if stream is sys.stdin else os.dup(sys.stderr.fileno())
    os.dup2(instead, number)
    os.close(instead)
    try:
        yield ours
    finally:
        os.dup2(ours, number)
        os.close(ours)


class Lines:
    """What comes in at a descriptor, line by line, until it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def __aiter__(self) -> AsyncIterator[str]:
        pieces: list[bytes] = []  # of a line that has not ended
        while piece := await self._read():
            pieces.append(piece)
            if b"\n" in piece:
                *lines, rest = b"".join(pieces).split(b"\n")
                pieces = [rest]
                for line in lines:
                    yield line.decode("utf-8", "replace")
        if any(pieces):
            yield b"".join(pieces).decode("utf-8", "replace")

    async def _read(self) -> bytes:
        while True:
            await anyio.wait_readable(self._descriptor)
            try:
                return os.read(self._descriptor, _READ)
            except BlockingIOError:  # taken by another, or never there
                continue
            except ConnectionError:  # the other side went without a word
                return b""


class Texts:
    """What goes out at a descriptor: at once as far as it takes it, the rest when it does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)

    async def write(self, text: str) -> None:
        """Write all of `text`. When the other side is gone, raises ClosedResourceError."""
        data = memoryview(text.encode("utf-8"))
        while data:
            if not self._ready.poll(0):
                await anyio.wait_writable(self._descriptor)
            try:
                data = data[os.write(self._descriptor, data[:_PIECE]) :]
            except BlockingIOError:  # said to be ready, and was not
                await anyio.wait_writable(self._descriptor)
            except ConnectionError:
                raise anyio.ClosedResourceError from None

    async def flush(self) -> None:
        """Do nothing: nothing is held back."""
