"""What every store must do, asked of each of them through the port alone: commits."""

import anyio
import pytest

from server.ports import Notice, Recorded, Remembered, Snapshot, Summary, Transaction, Write
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore
from tests.server.shell import contents


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path):
    opened = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "market.db"))
    yield opened
    await opened.close()


def recorded(stream: str, first: int, count: int = 1, by: str = "") -> tuple[Recorded, ...]:
    """Return events `first`, `first` + 1, ... of a stream, which say so, and who wrote them."""
    return tuple(
        Recorded(version, f'"{stream} {version}{by}"', f"{version:064}")
        for version in range(first, first + count)
    )


def wrote(stream: str, expected: int, count: int = 1, by: str = "", **more) -> Transaction:
    """Return a transaction that adds `count` events to a stream found at version `expected`."""
    return Transaction((Write(stream, expected, recorded(stream, expected + 1, count, by)),), **more)


# Reading


async def test_a_stream_that_nobody_wrote_has_no_events(store):
    assert list(await store.load("auction/a")) == []
    assert list(await store.streams()) == []


async def test_events_come_back_in_order_and_above_the_version_asked_for(store):
    assert await store.commit([wrote("auction/a", 0, 3)]) == frozenset()
    assert await store.commit([wrote("auction/a", 3, 2), wrote("agent/b", 0)]) == frozenset()
    assert list(await store.load("auction/a")) == list(recorded("auction/a", 1, 5))
    assert list(await store.load("auction/a", 3)) == list(recorded("auction/a", 4, 2))
    assert list(await store.load("auction/a", 5)) == []
    assert list(await store.load("agent/b")) == list(recorded("agent/b", 1))


async def test_streams_are_listed_sorted(store):
    names = ["resource/gpu", "auction/b", "agent/é", "agent/z", "auction/a", "agent/Z"]
    await store.commit([wrote(name, 0) for name in names])
    assert list(await store.streams()) == sorted(names)


# Stale writes and guards


async def test_an_empty_batch_changes_nothing(store):
    assert await store.commit([]) == frozenset()
    assert await store.last_position() == 0


@pytest.mark.parametrize("expected", [0, 1, 3, 9])
async def test_a_write_at_another_version_than_the_stream_has_is_stale(store, expected):
    await store.commit([wrote("auction/a", 0, 2)])
    before = await contents(store)
    assert await store.commit([wrote("auction/a", expected)]) == frozenset({0})
    assert await contents(store) == before


async def test_a_stale_transaction_leaves_nothing_of_itself(store):
    await store.commit([wrote("auction/a", 0)])
    before = await contents(store)
    half = Transaction(
        (
            Write("auction/b", 0, recorded("auction/b", 1)),
            Write("auction/a", 0, recorded("auction/a", 1)),
        ),
        summaries=(Summary("auction", "b", "auction/b", status="open"),),
        notices=(Notice("claude", "invited", "b", "buyer"),),
        remember=Remembered("buyer", "key", "print", "{}"),
    )
    assert await store.commit([half]) == frozenset({0})
    assert await contents(store) == before
    assert await store.remembered("buyer", "key") is None


async def test_a_guard_holds_only_at_its_version(store):
    await store.commit([wrote("agent/a", 0, 2)])
    guarded = [
        wrote(f"auction/{version}", 0, guards=(("agent/a", version), ("agent/nobody", 0)))
        for version in range(4)
    ]
    assert await store.commit(guarded) == frozenset({0, 1, 3})
    assert list(await store.streams()) == ["agent/a", "auction/2"]
    assert await store.commit([wrote("auction/x", 0, guards=(("agent/nobody", 1),))]) == frozenset({0})


async def test_transactions_before_it_in_the_batch_count(store):
    batch = [
        wrote("auction/a", 0, 2),
        wrote("auction/a", 2),
        wrote("auction/b", 0, guards=(("auction/a", 3),)),
        wrote("auction/c", 0, guards=(("auction/a", 0),)),
        wrote("auction/a", 0),
    ]
    assert await store.commit(batch) == frozenset({3, 4})
    assert list(await store.load("auction/a")) == list(recorded("auction/a", 1, 3))
    assert list(await store.streams()) == ["auction/a", "auction/b"]


async def test_what_is_built_on_a_stale_transaction_of_the_batch_is_stale_and_the_rest_is_kept(store):
    await store.commit([wrote("auction/a", 0)])
    batch = [
        wrote("auction/b", 0),
        wrote("auction/a", 0),
        wrote("auction/a", 2),
        wrote("auction/c", 0, guards=(("auction/a", 2),)),
        wrote("auction/b", 1),
    ]
    assert await store.commit(batch) == frozenset({1, 2, 3})
    assert list(await store.streams()) == ["auction/a", "auction/b"]


async def test_a_write_built_on_a_stale_one_is_stale_though_another_writer_brought_the_stream_to_that_version(
    store,
):
    await store.commit([wrote("auction/a", 0, 5)])
    await store.commit([wrote("auction/a", 5, by=" by another")])
    mine = [wrote("auction/a", 5, by=" by me"), wrote("auction/a", 6, by=" by me, on mine")]
    assert await store.commit(mine) == frozenset({0, 1})
    assert list(await store.load("auction/a", 5)) == list(recorded("auction/a", 6, by=" by another"))


async def test_a_guard_on_a_stale_write_of_the_batch_fails_though_another_writer_brought_it_to_that_version(
    store,
):
    await store.commit([wrote("agent/a", 0, by=" by another")])
    mine = [wrote("agent/a", 0, by=" by me"), wrote("auction/b", 0, guards=(("agent/a", 1),))]
    assert await store.commit(mine) == frozenset({0, 1})
    assert list(await store.streams()) == ["agent/a"]


# Idempotency


async def test_a_key_is_kept_once_for_each_agent(store):
    first = Remembered("claude", "k", "print", '{"text": "first"}')
    other = Remembered("gpt", "k", "print", '{"text": "other"}')
    assert await store.remembered("claude", "k") is None
    assert await store.commit([wrote("auction/a", 0, remember=first)]) == frozenset()
    before = await contents(store)
    again = wrote("auction/b", 0, remember=Remembered("claude", "k", "print", '{"text": "second"}'))
    assert await store.commit([again]) == frozenset({0})
    assert await contents(store) == before
    assert await store.commit([Transaction((), remember=other)]) == frozenset()
    assert [await store.remembered(agent, "k") for agent in ("claude", "gpt")] == [first, other]


async def test_a_key_twice_in_one_batch_is_stale_the_second_time(store):
    first, second = (Remembered("claude", "k", "print", f'{{"text": "{n}"}}') for n in (1, 2))
    batch = [wrote("auction/a", 0, remember=first), wrote("auction/b", 0, remember=second)]
    assert await store.commit(batch) == frozenset({1})
    assert await store.remembered("claude", "k") == first
    assert list(await store.streams()) == ["auction/a"]


async def test_a_key_of_a_stale_transaction_is_free(store):
    kept = Remembered("claude", "k", "print", '{"text": "kept"}')
    batch = [
        wrote("auction/a", 7, remember=Remembered("claude", "k", "print", '{"text": "stale"}')),
        wrote("auction/b", 0, remember=kept),
    ]
    assert await store.commit(batch) == frozenset({0})
    assert await store.remembered("claude", "k") == kept


# Snapshots


async def test_a_snapshot_is_kept_until_the_next_one(store):
    assert await store.snapshot("agent/a") is None
    for version in (500, 1000):
        await store.save_snapshot(Snapshot("agent/a", version, "h", "1", f'{{"v": {version}}}'))
    await store.save_snapshot(Snapshot("agent/b", 1, "h", "1", "{}"))
    assert await store.snapshot("agent/a") == Snapshot("agent/a", 1000, "h", "1", '{"v": 1000}')
    assert list(await store.streams()) == []


async def test_what_is_known_is_caught_up_and_what_is_not_begins_at_its_snapshot(store):
    await store.commit([wrote("agent/a", 0, 5)])
    await store.commit([wrote("agent/c", 0, 2)])
    known = {"agent/a": 3, "agent/b": None, "agent/c": None, "agent/d": 0}
    assert {stream: list(events) for stream, events in (await store.catch_up(known)).items()} == {
        "agent/a": list(recorded("agent/a", 4, 2)),
        "agent/c": list(recorded("agent/c", 1, 2)),
    }
    assert dict(await store.catch_up({"agent/a": 5, "agent/c": 2})) == {}
    assert dict(await store.catch_up({})) == {}
    for version, tail in [(1, (1, 5)), (3, (3, 3)), (5, (5, 1)), (6, (1, 5))]:
        await store.save_snapshot(Snapshot("agent/a", version, "h", "1", "{}"))
        news = await store.catch_up({"agent/a": None, "agent/c": 1})
        assert list(news["agent/a"]) == list(recorded("agent/a", *tail))
        assert list(news["agent/c"]) == list(recorded("agent/c", 2, 1))


# Waiting


async def test_who_watches_is_woken_by_the_next_commit(store):
    woken = []

    async def watch(name: str, started: anyio.Event) -> None:
        started.set()
        await store.watch()
        woken.append(name)

    await store.commit([wrote("auction/a", 0)])
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for name in ("first", "second"):
                started = anyio.Event()
                tasks.start_soon(watch, name, started)
                await started.wait()
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            assert woken == []  # the commit before does not count
            await store.commit([wrote("auction/a", 1)])
    assert sorted(woken) == ["first", "second"]
