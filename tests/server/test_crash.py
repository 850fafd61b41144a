"""Processes that race for one file or are killed in the middle of it: what was acknowledged is there, once."""

import json
import os
import random
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.stores.sqlite import SqliteStore
from tests.server.shell import sound
from tests.server.workers import create, services

ROUNDS = range(int(os.environ.get("SOAK_ROUNDS", "2")))
ROOT = Path(__file__).parents[2]


async def new_auction(path: str) -> str:
    store = SqliteStore(path)
    async with services(store) as (service,):
        auction_id = await create(service)
    await store.close()
    return auction_id


@contextmanager
def trader(path: str, auction_id: str, prefix: str, bids: int, together: int = 10):
    """Start a trader; kill it at the end if it is still there."""
    command = [
        sys.executable,
        "-m",
        "tests.server.trader",
        path,
        auction_id,
        prefix,
        str(bids),
        str(together),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def begin(*processes: subprocess.Popen) -> None:
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()


async def check(path: str, auction_id: str, acknowledged: list[str], others: bool) -> None:
    """Every acknowledged bid is there once; others only where the last answers may not have been read."""
    store = SqliteStore(path)
    await sound(store)
    stored = [json.loads(event.body) for event in await store.load(f"auction/{auction_id}")]
    bids = [event["bid_id"] for event in stored if event["type"] == "bid_submitted"]
    assert len(bids) == len(set(bids))
    assert len(acknowledged) == len(set(acknowledged))
    if others:
        assert set(acknowledged) <= set(bids)
    else:
        assert sorted(acknowledged) == sorted(bids)
    told = [posted.notice.kind for posted in await store.posted_after(0, 100_000)]
    assert told == ["bid_submitted"] * len(bids)
    await store.close()


@pytest.mark.soak
@pytest.mark.parametrize("n", ROUNDS)
async def test_two_processes_race_on_one_auction_and_every_acknowledged_bid_is_there_once(n, tmp_path):
    path = str(tmp_path / "market.db")
    auction_id = await new_auction(path)
    # Batches of different sizes, so that the one's fall into the middle of the other's.
    with trader(path, auction_id, "a", 600, 30) as one, trader(path, auction_id, "b", 150, 1) as two:
        begin(one, two)
        acknowledged = [line.strip() for process in (one, two) for line in process.stdout]
        assert (one.wait(), two.wait(), len(acknowledged)) == (0, 0, 750)
    await check(path, auction_id, acknowledged, others=False)


@pytest.mark.soak
@pytest.mark.parametrize("n", ROUNDS)
async def test_after_kill_9_every_acknowledged_bid_is_there_and_no_half_one(n, tmp_path):
    path = str(tmp_path / "market.db")
    auction_id = await new_auction(path)
    with (
        trader(path, auction_id, "a", 90_000, 30) as killed,
        trader(path, auction_id, "b", 100, 1) as other,
    ):
        begin(killed, other)
        acknowledged = [killed.stdout.readline().strip() for _ in range(random.Random(n).randrange(1, 400))]
        killed.kill()
        acknowledged += [line.strip() for line in killed.stdout if line.endswith("\n")]
        other.kill()
        acknowledged += [line.strip() for line in other.stdout if line.endswith("\n")]
    await check(path, auction_id, acknowledged, others=True)
    with trader(path, auction_id, "c", 10) as after:  # the market goes on
        begin(after)
        acknowledged += [line.strip() for line in after.stdout]
        assert after.wait() == 0
    await check(path, auction_id, acknowledged, others=True)


class RawServer:
    """A stdio server spoken to line by line, so that it can be killed between any two."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.sent = 0

    def send(self, method: str, params: dict) -> None:
        self.sent += 1
        self._write({"jsonrpc": "2.0", "id": self.sent, "method": method, "params": params})

    def _write(self, message: dict) -> None:
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def receive(self) -> dict:
        return json.loads(self.process.stdout.readline())["result"]

    def initialize(self) -> None:
        client = {"name": "raw", "version": "0"}
        self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        self.receive()
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def call(self, tool: str, **arguments) -> None:
        self.send("tools/call", {"name": tool, "arguments": arguments})


@contextmanager
def raw_server(path: str):
    command = [sys.executable, "-m", "server", "serve", "--db", path]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            server = RawServer(process)
            server.initialize()
            yield server
        finally:
            process.kill()


@pytest.mark.soak
@pytest.mark.parametrize("n", ROUNDS[:50])
async def test_a_killed_mcp_server_has_kept_every_bid_it_answered(n, tmp_path):
    path = str(tmp_path / "market.db")
    with raw_server(path) as server:
        server.call("create_auction", agent="buyer", task="t")
        auction_id = server.receive()["structuredContent"]["auction_id"]
        for bidder in range(150):
            server.call("submit_bid", agent=f"p{bidder % 7}", auction_id=auction_id, cost=bidder)
        answers = [server.receive() for _ in range(random.Random(n).randrange(1, 120))]
        server.process.kill()
    acknowledged = [answer["structuredContent"]["bid_id"] for answer in answers]
    await check(path, auction_id, acknowledged, others=True)
    with raw_server(path) as server:  # the market goes on
        server.call("submit_bid", agent="late", auction_id=auction_id, cost=1)
        acknowledged.append(server.receive()["structuredContent"]["bid_id"])
    await check(path, auction_id, acknowledged, others=True)


async def test_numbers_that_json_does_not_have_are_refused_on_the_wire(tmp_path):
    with raw_server(str(tmp_path / "market.db")) as server:
        for cost in (float("nan"), float("inf"), float("-inf")):
            server.call("create_auction", agent="buyer", task="t", max_price=cost)
            content = server.receive()["structuredContent"]
            assert content["code"] == "invalid_value"
            assert content["message"].startswith("max_price: must be a finite number")
        server.call("list_auctions")
        assert server.receive()["structuredContent"]["total"] == 0
