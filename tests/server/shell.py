"""A small world around the server: the clock is turned by hand, ids count up, every answer is checked."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import jsonschema
from mcp import Client
from mcp.types import Tool

from market_core.canonical import GENESIS, chain_hash
from market_core.handle import evolve, new_state
from server import codec
from server.batch import After, Answer
from server.identity import Identity
from server.ports import EventStore, Query
from server.protocol import build
from server.service import Service
from server.stores.memory import MemoryStore

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KINDS = ("auction", "bid", "award", "demand", "offer", "bundle", "bundle_part", "resource", "agent")
MOST_CHARACTERS = 25_000


class Hand:
    """A clock that moves only when somebody turns it."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        return self.moment

    def wait(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Counted:
    """Ids that count up. Two services on one store need two prefixes."""

    def __init__(self, prefix: str = "t") -> None:
        self.prefix = prefix
        self.made = 0

    def token(self) -> str:
        self.made += 1
        return f"{self.prefix}{self.made}"

    def nonce(self) -> str:
        return hashlib.sha256(f"{self.prefix}{self.made}".encode()).hexdigest()


def said(after: After) -> Answer:
    """Answer with what happened: the streams written, and the types of their events."""
    written = {
        name: [type(event).__name__ for event in events] for name, events in after.decision.events.items()
    }
    return Answer(f"{written}", written)


async def contents(store: EventStore) -> dict[str, object]:
    """Return all that a store holds, apart from remembered answers and snapshots."""
    pages = {kind: (await store.find(Query(kind, limit=100_000))).found for kind in KINDS}
    return {
        "events": {name: list(await store.load(name)) for name in await store.streams()},
        "summaries": pages,
        "notices": list(await store.posted_after(0, 1_000_000)),
    }


async def sound(store: EventStore) -> None:
    """Check every stream: versions without a gap, hashes chained, and rows that agree with the events."""
    bids: set[str] = set()
    for name in await store.streams():
        state, link = new_state(name), GENESIS
        for version, event in enumerate(await store.load(name), 1):
            link = chain_hash(link, name, version, event.body)
            assert (event.version, event.hash) == (version, link), f"{name}: the chain breaks at {version}"
            state = evolve(state, codec.decode(event.body))
        bids |= {bid.bid_id for bid in getattr(state, "bids", {}).values()}
    page = await store.find(Query("bid", status=("standing",), limit=100_000))
    assert {json.loads(found.summary.body)["bid_id"] for found in page.found} == bids


@asynccontextmanager
async def plainly() -> AsyncIterator[None]:
    """Raise what a task group has wrapped as what it is, so that a failed test says why."""
    try:
        yield
    except BaseExceptionGroup as group:
        inner: BaseException = group
        while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
            inner = inner.exceptions[0]
        raise inner from None


class Shop:
    """A market with a connected client. `ask` expects an answer, `refused` a refusal that changes nothing."""

    def __init__(self, client: Client, service: Service, clock: Hand) -> None:
        self.client = client
        self.service = service
        self.store = service.store
        self.clock = clock
        self.tools: dict[str, Tool] = {}

    async def call(self, tool: str, **arguments):
        return await self.client.call_tool(tool, arguments)

    async def both(self, tool: str, **arguments) -> tuple[str, dict]:
        """Return text and content of an accepted call, after checking what holds for every answer."""
        result = await self.call(tool, **arguments)
        text, content = result.content[0].text, result.structured_content
        assert not result.is_error, text
        self.tools = self.tools or {made.name: made for made in (await self.client.list_tools()).tools}
        jsonschema.validate(content, self.tools[tool].output_schema)
        assert not list(nulls(content)), "a null in the answer"
        check_text(text)
        return text, content

    async def ask(self, tool: str, **arguments) -> dict:
        return (await self.both(tool, **arguments))[1]

    async def text(self, tool: str, **arguments) -> str:
        return (await self.both(tool, **arguments))[0]

    async def refusal(self, tool: str, **arguments) -> dict:
        """Return the content of a refusal, after checking its form and that nothing has changed."""
        before = await contents(self.store)
        result = await self.call(tool, **arguments)
        text, content = result.content[0].text, result.structured_content
        assert result.is_error, text
        assert set(content) - {"retry_after"} == {"code", "message", "facts", "next", "transient"}, text
        first, *named, last = text.splitlines()
        assert first == f"Refused ({content['code']}): {content['message']}."
        assert named == [
            f"missing: {json.dumps(names)}" for names in [content["facts"].get("missing")] if names
        ]
        assert last == f"Next: {content['next']}."
        assert await contents(self.store) == before, f"{content['code']} changed something"
        return content

    async def refused(self, tool: str, **arguments) -> str:
        return (await self.refusal(tool, **arguments))["code"]

    # Short ways to say what agents ask for

    async def create(self, agent: str = "buyer", task: str = "Review the parser", **more) -> str:
        return (await self.ask("create_auction", agent=agent, task=task, **more))["auction_id"]

    async def bid(self, auction_id: str, agent: str, cost: object, **more) -> str:
        asked = {"auction_id": auction_id, "agent": agent, "cost": cost, **more}
        return (await self.ask("submit_bid", **asked))["bid_id"]


def check_text(text: str) -> None:
    """A text ends with the one line that says what to do next, and is not too long to read."""
    starts = [line for line in text.splitlines() if line.startswith("Next:")]
    assert starts == text.splitlines()[-1:], f"not one last line with what comes next: {starts}"
    assert len(text) <= MOST_CHARACTERS, f"{len(text)} characters"


def nulls(value: object, path: str = ""):
    """Yield the paths of all nulls in a JSON value."""
    if value is None:
        yield path
    for name, item in value.items() if isinstance(value, dict) else ():
        yield from nulls(item, f"{path}.{name}")
    for position, item in enumerate(value if isinstance(value, list) else ()):
        yield from nulls(item, f"{path}[{position}]")


@asynccontextmanager
async def market(
    mode: str = "auto", *, bound: str = "", store: EventStore | None = None, clock: Hand | None = None
) -> AsyncIterator[Shop]:
    """Run a market and connect a client to it. To be opened inside the test, never in a fixture."""
    hand = clock or Hand()
    async with (
        plainly(),
        Service(store or MemoryStore(), hand, Counted()).running() as service,
        Client(build(service, Identity(bound)), mode=mode) as client,
    ):
        yield Shop(client, service, hand)
