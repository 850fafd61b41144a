"""The SQLite store's own promises: its file, its failures, several connections, long journals."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from market_core.canonical import GENESIS, chain_hash
from market_core.commands import RegisterAgent
from market_core.events import AgentRegistered
from server import codec
from server.batch import Answer
from server.bootstrap import running
from server.ports import Recorded, Snapshot, StoreBroken, StoreUnavailable, Summary, Transaction, Write
from server.stores import sqlite_file
from server.stores.sqlite import SqliteStore
from server.stores.sqlite_file import FORMAT
from tests.server.shell import NOON, contents, said, sound
from tests.server.stores import CountingSqlite
from tests.server.workers import bid, bidders, create, services


@pytest.fixture
def path(tmp_path) -> str:
    return str(tmp_path / "market.db")


async def a_market(path: str) -> str:
    """Make a market with an auction and a bid in it; return the auction's id."""
    store = SqliteStore(path)
    async with services(store) as (service,):
        auction_id = await create(service)
        await service.execute(bid(auction_id, "p"), said)
    await store.close()
    return auction_id


def foreign(path: str, *statements: str) -> bytes:
    """Change or make a database with SQLite alone; return the file as it then is."""
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return Path(path).read_bytes()


def file_of(path: str) -> bytes:
    return Path(path).read_bytes()


# Opening


async def test_a_missing_folder_is_made(tmp_path):
    path = str(tmp_path / "new" / "folder" / "market.db")
    await a_market(path)
    assert file_of(path)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path):
    Path(path).write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(StoreBroken, match=r"market\.db: file is not a database"):
        SqliteStore(path)
    assert Path(path).read_bytes() == b"Dear diary, " * 1000


def test_the_database_of_another_program_is_refused_and_left_as_it_was(path):
    before = foreign(path, "CREATE TABLE recipes (name TEXT)", "INSERT INTO recipes VALUES ('soup')")
    with pytest.raises(StoreBroken, match=r"market\.db is a database of another program"):
        SqliteStore(path)
    assert Path(path).read_bytes() == before


async def test_a_file_of_a_newer_format_is_refused_with_what_to_do(path):
    await a_market(path)
    before = foreign(path, f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(StoreBroken, match=f"has format {FORMAT + 1}.* up to {FORMAT}: upgrade it"):
        SqliteStore(path)
    assert file_of(path) == before


@pytest.mark.parametrize("known", [1, 2])
async def test_a_file_of_an_older_format_is_brought_up_to_this_one(path, known):
    auction_id = await a_market(path)
    foreign(path, "DROP TABLE lessened", f"PRAGMA user_version = {known}")
    if known == 1:
        foreign(path, "DROP TABLE ended", "DROP TABLE snapshots",
                "CREATE TABLE snapshots (stream TEXT PRIMARY KEY, version, hash, form, body) WITHOUT ROWID")  # fmt: skip
    store = SqliteStore(path)
    async with services(store) as (service,):
        assert await bidders(service, auction_id) == {"p"}
        assert not await store.tidy(1)
    await sound(store)
    await store.close()
    again = SqliteStore(path)
    assert await again._rows("PRAGMA user_version") == [(FORMAT,)]
    await again.close()


@pytest.mark.parametrize("name", ["", "file/market.db"])
def test_a_path_that_cannot_be_a_file_is_unavailable(tmp_path, name):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="unable to open database file"):
        SqliteStore(str(tmp_path / name))


def test_an_empty_file_is_a_new_market(path):
    Path(path).touch()
    opened = SqliteStore(path)
    anyio.run(opened.close)


class Interrupted(sqlite3.Connection):
    """A connection that lets somebody else act before its n-th statement."""

    before = 0
    act: Callable[[], None]
    said = 0

    def execute(self, *statement: Any) -> sqlite3.Cursor:
        self.said += 1
        if self.said == self.before:
            self.act()
        return super().execute(*statement)


@pytest.mark.parametrize("before", range(1, 40))
def test_two_processes_may_make_a_new_file_at_the_same_time(path, before, monkeypatch):
    """Whatever one does between two statements of the other, both have the market in the end."""
    connect = sqlite3.connect
    others: list[SqliteStore] = []

    def other() -> None:
        monkeypatch.setattr(sqlite3, "connect", connect)
        with monkeypatch.context() as impatient, suppress(StoreUnavailable):
            impatient.setattr(sqlite_file, "PATIENCE", 0.01)  # while it waits for us, we wait for it
            others.append(SqliteStore(path))

    class Ours(Interrupted):
        act = staticmethod(other)

    Ours.before = before
    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=Ours))
    ours = SqliteStore(path)
    for store in (ours, *others):
        anyio.run(a_bid_in, store)


async def a_bid_in(store: SqliteStore) -> None:
    async with services(store) as (service,):
        await service.execute(bid(await create(service), "p"), said)
    await store.close()


def corrupt(path: str) -> None:
    """Overwrite all but the first page of a file."""
    data = file_of(path)
    Path(path).write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


async def test_a_corrupted_file_is_broken_and_says_so(path):
    await a_market(path)
    corrupt(path)
    store = SqliteStore(path)
    with pytest.raises(StoreBroken, match=r"market\.db: database disk image is malformed"):
        await contents(store)
    await store.close()


# Failing while it runs


async def test_a_full_disk_refuses_the_change_keeps_what_was_acknowledged_and_may_be_cleared(path):
    store = SqliteStore(path)
    async with services(store) as (service,):
        auction_id = await create(service)
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        acknowledged = set()

        async def fill_up() -> None:
            while True:
                big = bid(auction_id, f"q{len(acknowledged)}", note="x" * 4000)
                await service.execute(big, said)
                acknowledged.add(big.agent)

        with pytest.raises(StoreUnavailable, match="database or disk is full"):
            await fill_up()
        assert await bidders(service, auction_id) == acknowledged
        await sound(store)
        store._connection.execute("PRAGMA max_page_count = 1073741823")
        await service.execute(bid(auction_id, "r"), said)
        assert await bidders(service, auction_id) == {*acknowledged, "r"}
        await sound(store)
    await store.close()


async def test_a_file_that_became_read_only_refuses_changes_and_still_answers(path):
    store = SqliteStore(path)
    async with services(store) as (service,):
        auction_id = await create(service)
        before = await contents(store)
        store._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(StoreUnavailable, match="attempt to write a readonly database"):
            await service.execute(bid(auction_id, "p"), said)
        assert await bidders(service, auction_id) == set()
        assert await contents(store) == before
    await store.close()


async def test_another_process_that_writes_is_waited_for_without_holding_up_the_event_loop(path):
    auction_id = await a_market(path)
    store, other = SqliteStore(path), sqlite3.connect(path, isolation_level=None)
    async with services(store, "b") as (service,):
        other.execute("BEGIN IMMEDIATE")
        order = []

        async def ask() -> None:
            await service.execute(bid(auction_id, "q"), said)
            order.append("bid")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            for _ in range(500):  # the loop turns while the bid waits for the file
                await anyio.lowlevel.checkpoint()
            order.append("the other is done")
            other.execute("ROLLBACK")
        assert order == ["the other is done", "bid"]
        assert await bidders(service, auction_id) == {"p", "q"}
    other.close()
    await store.close()


async def test_what_another_connection_commits_wakes_who_watches(path):
    mine, other = SqliteStore(path), SqliteStore(path)
    woken = anyio.Event()

    async def watch() -> None:
        await mine.watch()
        woken.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await anyio.lowlevel.checkpoint()
        await other.commit([Transaction((), summaries=(Summary("auction", "a", "auction/a"),))])
        with anyio.fail_after(5):
            await woken.wait()
    await mine.close()
    await other.close()


# Long journals


def journal(stream: str, count: int) -> tuple[Recorded, ...]:
    """Return `count` chained registrations of an agent."""
    link, made = GENESIS, []
    for version in range(1, count + 1):
        body = codec.encode(AgentRegistered(NOON, "p", f"version {version}", ("review",), {}))
        link = chain_hash(link, stream, version, body)
        made.append(Recorded(version, body, link))
    return tuple(made)


async def test_opening_a_market_of_100_000_events_and_acting_in_it_loads_only_what_is_acted_on(path):
    big = SqliteStore(path)
    events = journal("agent/x", 100)
    for thousand in range(10):
        names = [f"agent/a{n}" for n in range(thousand * 100, thousand * 100 + 100)]
        batch = [
            Transaction(
                (Write(name, 0, events),), summaries=(Summary("agent", name[6:], name, tags=("cap:x",)),)
            )
            for name in names
        ]
        assert await big.commit(batch) == frozenset()
    await big.close()
    auction_id = await a_market(path)
    store = CountingSqlite(path)
    async with running(store) as service:
        await service.execute(bid(auction_id, "p"), said)
        assert await bidders(service, auction_id) == {"p"}
        assert store.loaded == 2  # the creation and the first bid
        await service.execute(RegisterAgent(agent="a7"), said)
        assert store.loaded == 102  # and the agent's own stream


async def a_long_stream(path: str, count: int = 700) -> SqliteStore:
    """Return the store of a market in which `p` has registered `count` times, in several commits."""
    store = SqliteStore(path)
    async with services(store) as (service,):
        for first in range(0, count, 100):
            rows = [RegisterAgent(agent="p", description=f"version {n}") for n in range(first, first + 100)]
            await service.execute_each(rows, lambda outcomes: Answer("", {}))
    await store.close()
    return CountingSqlite(path)


async def description(store) -> str:
    async with services(store) as (service,):
        return await service.see(["agent/p"], lambda states, _: states["agent/p"].registered.description)


async def test_a_long_stream_is_loaded_from_its_snapshot_and_tail_as_from_all_its_events(path):
    store = await a_long_stream(path)
    kept = await store.snapshot("agent/p")
    assert (kept.version, kept.form) == (600, codec.SNAPSHOT_FORM)
    assert await description(store) == "version 699"
    assert store.loaded < 200
    store._connection.execute("DELETE FROM snapshots")
    store.loaded = 0
    assert await description(store) == "version 699"
    assert store.loaded == 700
    await store.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"form": "0"},
        {"hash": "0" * 64},
        {"version": 599},
        {"version": 9999},
    ],
)
async def test_a_snapshot_that_does_not_match_its_stream_is_ignored(path, wrong):
    store = await a_long_stream(path)
    kept = await store.snapshot("agent/p")
    fields = {"version": kept.version, "hash": kept.hash, "form": kept.form, **wrong}
    await store.save_snapshot(Snapshot("agent/p", body='{"registered": null, "outcomes": []}', **fields))
    store.loaded = 0
    assert await description(store) == "version 699"
    assert store.loaded >= 700  # all of them were read
    await store.close()
