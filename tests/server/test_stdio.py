"""A real server process, spoken to as a client does: over its standard input and output."""

import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

from server.stores.sqlite import SqliteStore
from tests.server.shell import plainly, sound

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def started(parameters: StdioServerParameters, mode: str = "auto") -> AsyncIterator[Client]:
    async with plainly(), Client(parameters, mode=mode) as client:
        yield client


def serve(path: str, *options: str) -> StdioServerParameters:
    """Return how to start this checkout's server on a database file."""
    arguments = ["-m", "server", "serve", "--db", path, *options]
    return StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT)


def as_mcp_json_says(path: str) -> StdioServerParameters:
    """Return how mcp.json starts the server, relative to the repository; skip where it is not installed."""
    said = json.loads((ROOT / "mcp.json").read_text())["mcpServers"]["market"]
    assert said["type"] == "stdio"
    command = ROOT / said["command"]
    if not command.exists():
        pytest.skip(f"{said['command']} is missing: run make test, which installs it")
    env = {**said["env"], "AGENT_MARKET_DB": path}
    return StdioServerParameters(command=str(command), args=said["args"], env=env, cwd=ROOT)


async def ask(client: Client, tool: str, **arguments) -> dict:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content[0].text
    return result.structured_content


async def a_market_survives_a_restart(parameters: StdioServerParameters, path: str, mode: str) -> None:
    async with started(parameters, mode) as client:
        auction_id = (await ask(client, "create_auction", agent="buyer", task="t", max_price=9))["auction_id"]
        for agent, cost in [("p", 5), ("q", 4.5)]:
            await ask(client, "submit_bid", agent=agent, auction_id=auction_id, cost=cost)
        awarded = await ask(client, "award", agent="buyer", auction_id=auction_id)
        before = await ask(client, "get_auction", agent="buyer", auction_id=auction_id)
        demand = await ask(client, "request_resources", agent="p", resource="gpu", quantity=2)
    assert [(winner["agent"], winner["payment"]) for winner in awarded["winners"]] == [("q", 4.5)]
    async with started(parameters, mode) as client:
        assert await ask(client, "get_auction", agent="buyer", auction_id=auction_id) == before
        inbox = await ask(client, "inbox", agent="p")
        assert [row["id"] for row in inbox["demand"]] == [demand["demand_id"]]
        assert (await ask(client, "list_auctions"))["total"] == 1
    store = SqliteStore(path)
    await sound(store)
    await store.close()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_mcp_json_starts_keeps_the_market_over_a_restart(mode, tmp_path):
    path = str(tmp_path / "market.db")
    await a_market_survives_a_restart(as_mcp_json_says(path), path, mode)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_server_of_this_checkout_keeps_the_market_over_a_restart(mode, tmp_path):
    path = str(tmp_path / "market.db")
    await a_market_survives_a_restart(serve(path), path, mode)


async def test_a_server_bound_to_an_agent_acts_for_it(tmp_path):
    async with started(serve(str(tmp_path / "market.db"), "--agent", "acme/a")) as client:
        auction_id = (await ask(client, "create_auction", task="t"))["auction_id"]
        assert (await ask(client, "get_auction", auction_id=auction_id))["buyer"] == "acme/a"
        refused = await client.call_tool("create_auction", {"task": "t", "agent": "q"})
        assert refused.structured_content["code"] == "not_your_agent"


async def test_two_servers_on_one_file_are_one_market_and_wake_each_other(tmp_path):
    path = str(tmp_path / "market.db")
    async with started(serve(path)) as buyer, started(serve(path), "legacy") as provider:
        auction_id = (await ask(buyer, "create_auction", agent="buyer", task="t"))["auction_id"]
        cursor = (await ask(buyer, "inbox", agent="buyer"))["next_cursor"]
        heard = {}

        async def wait() -> None:
            heard.update(await ask(buyer, "inbox", agent="buyer", cursor=cursor, wait=50))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await ask(provider, "submit_bid", agent="p", auction_id=auction_id, cost=5)
        assert [(news["what"], news["id"]) for news in heard["news"]] == [("bid_submitted", auction_id)]
        await ask(buyer, "award", agent="buyer", auction_id=auction_id)
        assert (await ask(provider, "get_auction", auction_id=auction_id))["status"] == "awarded"


async def test_a_deadline_passes_by_itself_and_whoever_waits_is_told(tmp_path):
    path = str(tmp_path / "market.db")
    async with started(serve(path)) as client, started(serve(path)) as other:
        auction_id = (await ask(client, "create_auction", agent="buyer", task="t", closes_in=0.5))[
            "auction_id"
        ]
        with anyio.fail_after(20):
            news = (await ask(other, "inbox", agent="buyer", cursor="0", wait=50))["news"]
        assert [item["what"] for item in news] == ["auction_to_award"]
        assert (await ask(client, "get_auction", auction_id=auction_id))["status"] == "closed"
    store = SqliteStore(path)
    written = [json.loads(event.body)["type"] for event in await store.load(f"auction/{auction_id}")]
    assert written == ["auction_created", "auction_closed"]  # once, though both servers keep time
    await store.close()


async def test_a_listener_hears_of_changes_made_by_another_process(tmp_path):
    path = str(tmp_path / "market.db")
    async with started(serve(path)) as mine, started(serve(path)) as other:
        auction_id = (await ask(mine, "create_auction", agent="buyer", task="t"))["auction_id"]
        uri = f"market://auctions/{auction_id}"
        with anyio.fail_after(20):
            async with mine.listen(resource_subscriptions=[uri]) as listening:
                assert listening.honored.resource_subscriptions == [uri]
                await ask(other, "submit_bid", agent="p", auction_id=auction_id, cost=5)
                event = await anext(aiter(listening))
        assert event.uri == uri
        assert json.loads((await mine.read_resource(uri)).contents[0].text)["bids"] == 1


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "unable to open database file"),
        (lambda path: path.write_bytes(b"Dear diary, " * 1000), "file is not a database"),
    ],
)
async def test_a_server_that_cannot_open_its_file_says_why_and_leaves(make, says, tmp_path):
    path = tmp_path / "market.db"
    make(path)
    command = [sys.executable, "-m", "server", "serve", "--db", str(path)]
    ended = await anyio.run_process(command, check=False, cwd=ROOT, input=b"")
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert ended.stderr.decode() == f"agent-market: {path}: {says}\n"


async def test_standard_output_belongs_to_the_protocol_and_an_ended_input_ends_the_server(tmp_path):
    command = [sys.executable, "-m", "server", "serve", "--db", str(tmp_path / "market.db")]
    ended = await anyio.run_process(command, check=False, cwd=ROOT, input=b"", env={**os.environ})
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
