"""Standard input and output on the event loop: whole lines in, whole texts out, nobody kept waiting."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from server.stdio import Lines, Texts

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the SDK's own streams serve Windows")


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for end in ends:
        with suppress(OSError):  # the test has closed it
            os.close(end)


async def lines_of(pieces: list[bytes], pipe) -> list[str]:
    come, go = pipe
    read: list[str] = []

    async def reader() -> None:
        read.extend([line async for line in Lines(come)])

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader)
            for piece in pieces:
                await anyio.to_thread.run_sync(os.write, go, piece)
                await anyio.sleep(0.01)
            os.close(go)
    return read


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"o", b"ne\nt", b"wo", b"\n"], ["one", "two"]),
        ([b"one\n\ntwo\n"], ["one", "", "two"]),
        ([b"no end"], ["no end"]),
        ([], []),
        ([b"\xff\n", "é".encode()[:1], "é\n".encode()[1:]], ["\ufffd", "é"]),
        ([b"x" * 60_000, b"x" * 60_000, b"\ny\n"], ["x" * 120_000, "y"]),
    ],
)
async def test_lines_are_whole_however_they_come(pieces, lines, pipe):
    assert await lines_of(pieces, pipe) == lines


@pytest.mark.parametrize("blocking", [True, False])
async def test_a_text_longer_than_the_pipe_goes_out_whole_and_others_run_meanwhile(blocking, pipe):
    come, go = pipe
    os.set_blocking(go, blocking)
    text, got, turns = "é" * 500_000 + "\n", bytearray(), 0

    async def write() -> None:
        await Texts(go).write(text)
        os.close(go)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            for _ in range(20):  # nobody reads yet, and the loop turns all the same
                await anyio.sleep(0.001)
                turns += 1
            while piece := await anyio.to_thread.run_sync(os.read, come, 65_536):
                got += piece
    assert turns == 20
    assert got.decode() == text


async def test_a_reader_that_has_left_is_no_crash(pipe):
    come, go = pipe
    os.close(come)
    with pytest.raises(anyio.ClosedResourceError):
        await Texts(go).write("anybody?\n")


async def test_a_client_that_resets_its_socket_is_an_end_and_no_crash():
    ours, theirs = socket.socketpair()
    theirs.sendall(b"one\n")
    ours.sendall(b"never read")
    theirs.close()  # with something unread: the other side's read fails with a reset
    with ours, anyio.fail_after(10):
        assert [line async for line in Lines(ours.fileno())] == ["one"]


def test_what_cannot_be_waited_for_is_left_to_the_sdk(tmp_path):
    asked = tmp_path / "asked"
    asked.write_bytes(b"")
    command = [sys.executable, "-m", "server", "serve", "--db", ":memory:"]
    with asked.open("rb") as come, (tmp_path / "told").open("wb") as go:
        ended = subprocess.run(
            command, cwd=ROOT, stdin=come, stdout=go, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (ended.returncode, ended.stderr, (tmp_path / "told").read_bytes()) == (0, b"", b"")


def test_what_others_print_does_not_reach_the_client_and_the_streams_come_back():
    script = (
        "import anyio, os, sys\n"
        "from server.stdio import stdio_streams\n"
        "async def main():\n"
        "    async with stdio_streams() as (read, write):\n"
        "        print('to standard error', flush=True)\n"
        "        os.system('echo a child too')\n"
        "        assert sys.stdin.read() == ''\n"
        "        await write.aclose()\n"
        "anyio.run(main)\n"
        "print('back', flush=True)\n"
        "print(os.read(0, 9).decode(), flush=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, input=b"", capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout.split()) == (0, [b"back"]), ended.stderr
    assert ended.stderr.split(b"\n")[:2] == [b"to standard error", b"a child too"]
