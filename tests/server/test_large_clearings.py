"""Large clearings through the service: the same rows as in one piece, beside which others go on."""

import json
import threading
from datetime import timedelta

import anyio
import pytest

from market_core import clearing_events, handle
from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Lapse,
    OfferResources,
    RegisterAgent,
    RequestResources,
)
from market_core.handle import agent_stream, resource_stream
from server import codec, streams
from server.ports import (
    Ended,
    Lessened,
    Notice,
    Query,
    Reader,
    Snapshot,
    StoreUnavailable,
    Summary,
    Transaction,
    packed,
)
from server.stores import sqlite
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore
from tests.server.shell import Hand, contents, market, said, sound
from tests.server.workers import services

CLEAR = AggregateDemand(agent="c", resources=["g 50"])


@pytest.fixture
def in_parts(monkeypatch):
    """Let a clearing of more than 2 be recorded in parts of 2, and be decided on a thread."""
    monkeypatch.setattr(clearing_events, "IN_ONE", 2)
    monkeypatch.setattr(clearing_events, "_FIRST", 1)
    monkeypatch.setattr(handle, "_LONG", 2)
    monkeypatch.setattr(sqlite, "_MANY", 2)


async def posted(service) -> None:
    """Post a book of which some is filled, some filled in part, some left out and some not reached."""
    for at, (quantity, limit) in enumerate([(2, 5), (1, "4.5"), (1, None), (3, 4), (3, 4), (1, "0.5")]):
        ask = RequestResources(
            agent=f"a{at // 2}", resource='"G" 50%', quantity=quantity, max_unit_price=limit
        )
        await service.execute(ask, said)
    whole = RequestResources(agent="w", resource='"g" 50%', quantity=5, min_quantity=5, max_unit_price=4)
    await service.execute(whole, said)
    for at in range(2):
        give = OfferResources(agent=f"s{at}", resource='"g" 50%', quantity="3.25", unit_price=2 + at)
        await service.execute(give, said)


async def cleared(store) -> dict[str, object]:
    """Clear that book on a store; return what the store then has, without the events and the order of notices."""
    async with services(store) as (service,):
        await posted(service)
        await service.execute(CLEAR, said)
    await sound(store)
    held = await contents(store)
    notices = sorted(posted.notice for posted in held["notices"])
    return {"summaries": held["summaries"], "notices": notices}


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_rows_and_receipts_of_parts_are_those_of_one_piece(kind, tmp_path, request, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("server.partners.MOST_FILLS", 0)  # of a large clearing nobody is told partners
        whole = await cleared(MemoryStore())
    request.getfixturevalue("in_parts")
    store = MemoryStore() if kind == "memory" else SqliteStore(str(tmp_path / "market.db"))
    assert await cleared(store) == whole
    told = [json.loads(notice.body) for notice in whole["notices"] if notice.kind == "demand_allocated"]
    assert {row["entry"]: row["quantity"] for row in told}["dem_g-50_t3"] == "1"
    await store.close()


@pytest.mark.parametrize("most", [1, 100])
async def test_tidying_changes_nothing_that_anybody_sees(in_parts, tmp_path, most):
    store = SqliteStore(str(tmp_path / "market.db"))
    before = await cleared(store)
    ended = (await store._rows("SELECT count(*) FROM ended"))[0][0]
    lessened = (await store._rows("SELECT count(*) FROM lessened, json_each(lefts)"))[0][0]
    assert ended > 2
    assert lessened > 1
    more = 0
    while await store.tidy(most):
        more += 1
    assert ended <= more <= ended + lessened if most == 1 else more == 0
    assert await store._rows("SELECT 1 FROM ended UNION ALL SELECT 1 FROM lessened") == []
    held = await contents(store)
    assert held["summaries"] == before["summaries"]
    assert sorted(posted.notice for posted in held["notices"]) == before["notices"]
    await store.close()


async def test_an_agent_sees_its_part_of_a_large_clearing_and_the_sums_of_all(in_parts):
    async with market() as shop:
        for at in range(5):
            await shop.ask("request_resources", agent=f"a{at}", resource="gpu", quantity=2, max_unit_price=5)
        await shop.ask("offer_resources", agent="s", resource="gpu", quantity=9, unit_price=1)
        answer = (await shop.ask("aggregate_demand", agent="c", resources=["gpu"]))["clearings"][0]
        sums = {"quantity": 9, "total_payment": 45, "allocated": 5, "sold": 1, "unmet": 1}
        assert {name: answer[name] for name in sums} == sums
        assert [row["agent"] for row in answer["allocations"]] == ["a0"]
        (news,) = [
            row for row in (await shop.ask("inbox", agent="a4"))["news"] if row["what"] == "demand_allocated"
        ]
        assert ": 1.8 for 9 credits (5 each)" in news["why"]
        seen = await shop.ask("get_resource", resource="gpu")
        assert seen["last_clearings"][0]["quantity"] == 9


# The store's side


async def entries(store) -> None:
    rows = [
        Summary("demand", f"d{n}", "resource/r", "ann", "resource/r", "open", n or None, (), '{"n": 1}')
        for n in range(4)
    ]
    await store.commit([Transaction((), summaries=tuple(rows))])


@pytest.fixture(params=["memory", "sqlite", "tidied"])
async def store_and_wait(request, tmp_path):
    """Return a store, and what lets it do what it has put off, or nothing."""
    opened = MemoryStore() if request.param == "memory" else SqliteStore(str(tmp_path / "market.db"))

    async def wait() -> None:
        if request.param == "tidied":
            assert not await opened.tidy(10)

    yield opened, wait
    await opened.close()


async def test_what_has_ended_is_neither_open_nor_due(store_and_wait):
    store, wait = store_and_wait
    await entries(store)
    ended = (Ended("demand", "filled", ("d0", "d1", "d3")),)
    less = (Lessened("demand", "ann", '{"d2":2000000}'),)
    await store.commit([Transaction((), ended=ended, lessened=less)])
    await wait()
    found = {status: (await store.find(Query("demand", status=status, owner="ann"))).found
             for status in ((), ("open",), ("filled",))}  # fmt: skip
    assert [f.summary.id for f in found["open",]] == ["d2"]
    assert found["open",][0].summary.body == '{"n":1,"left":"2"}'
    assert [f.summary.id for f in found["filled",]] == ["d3", "d1", "d0"]
    assert {f.summary[3:] for f in found["filled",]} == {("ann", "", "filled", None, (), "{}")}
    assert len(found[()]) == 4
    under = await store.find(Query("demand", parent="resource/r"))
    assert [f.summary.id for f in under.found] == ["d2"]
    assert await store.next_until() == 2
    assert list(await store.due(1)) == []


async def lefts(store) -> dict[str, str]:
    """Return the bodies of the entries by id."""
    page = await store.find(Query("demand", owner="ann"))
    return {found.summary.id: found.summary.body for found in page.found}


async def test_the_newest_word_on_what_is_left_counts(store_and_wait):
    store, wait = store_and_wait
    await entries(store)

    async def lessened(left: str) -> None:
        await store.commit([Transaction((), lessened=(Lessened("demand", "ann", left),))])

    await lessened('{"d0":7000000,"d1":6,"d2":5000000}')
    await lessened('{"d1":4000000,"d3":3000000}')
    await wait()
    left = {
        name: f'{{"n":1,"left":"{number}"}}'
        for name, number in zip(("d0", "d1", "d2", "d3"), "7453", strict=True)
    }
    assert await lefts(store) == left
    told = Summary("demand", "d0", "resource/r", "ann", "resource/r", "open", None, (), '{"left":"2"}')
    gone = told._replace(id="d1", parent="", status="withdrawn", body="{}")
    await lessened('{"d0":6,"d1":3,"d2":4}')
    await store.commit([Transaction((), summaries=(told, gone))])
    await store.commit([Transaction((), ended=(Ended("demand", "filled", ("d2",)),))])
    left = {"d0": '{"left":"2"}', "d1": "{}", "d2": "{}", "d3": left["d3"]}
    assert await lefts(store) == left
    await wait()
    assert await lefts(store) == left


def receipts(topic: str, *numbers: int) -> Notice:
    """Return so many notices in one."""
    rows = [f'["{topic}{number}",{number},null]' for number in numbers]
    return Notice(
        topic, "k", "r", "market", packed('{"at":"now"}', '["id","left","why"]', rows), len(numbers)
    )


async def test_many_notices_in_one_are_read_one_by_one(store_and_wait):
    store, _ = store_and_wait
    one = Notice("ann", "k", "r", "bob", '{"one":1}')
    told = (receipts("ann", 5, 1_500_000, 2_000_000), one, receipts("bob", 20_000_000), receipts("ann", 0, 9))
    await store.commit(
        [Transaction((), notices=(one,)), Transaction((), notices=told), Transaction((), notices=(one,))]
    )
    every = await store.posted_after(0, 100)
    assert [posted.position for posted in every] == list(range(1, 10))
    assert await store.last_position() == 9
    bodies = [json.loads(posted.notice.body) for posted in every]
    assert [body.get("left") for body in bodies] == [
        None,
        "0.000005",
        "1.5",
        "2",
        None,
        "20",
        "0",
        "0.000009",
        None,
    ]
    assert every[1].notice == Notice(
        "ann", "k", "r", "market", '{"at":"now","id":"ann5","left":"0.000005","why":null}'
    )
    own = [posted for posted in every if posted.notice.topic == "ann"]
    for limit in range(1, 10):
        for after in range(10):
            assert list(await store.posted_after(after, limit)) == every[after : after + limit]
            above = [posted for posted in own if posted.position > after][:limit]
            assert list(await store.notices(Reader(("ann",)), after, limit)) == above
        assert list(await store.notices(Reader(("ann",)), None, limit)) == own[-limit:]


async def test_whose_entries_have_all_ended_hears_no_more_of_the_resource(store_and_wait):
    store, wait = store_and_wait
    await entries(store)
    await store.commit([Transaction((), notices=(Notice("resource/r", "k", "r", "bob"),))])
    assert len(await store.notices(Reader((), "ann"), None, 10)) == 1
    ended = (Ended("demand", "filled", ("d0", "d1", "d2", "d3")),)
    await store.commit([Transaction((), ended=ended)])
    await wait()
    assert list(await store.notices(Reader((), "ann"), None, 10)) == []


class Gate:
    """Keeps a thread waiting at what it is about to do, until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.opened.wait(10)

    async def wait(self) -> None:
        assert await anyio.to_thread.run_sync(self.reached.wait, 10)


async def test_while_a_large_clearing_is_written_the_file_is_read_as_it_was(in_parts, tmp_path, monkeypatch):
    gate, keep = Gate(), sqlite._keep
    store = SqliteStore(str(tmp_path / "market.db"))
    async with services(store) as (service,):
        await posted(service)
        before = await contents(store)

        def slowly(db, transaction):
            gate()
            return keep(db, transaction)

        monkeypatch.setattr(sqlite, "_keep", slowly)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.execute, CLEAR, said)
            await gate.wait()
            assert await contents(store) == before
            gate.opened.set()
        assert await contents(store) != before
    await store.close()


async def test_while_a_large_clearing_is_decided_others_see_everything_else(in_parts, monkeypatch):
    gate, decide = Gate(), handle.handle
    async with services(MemoryStore()) as (service,):
        await posted(service)
        await service.execute(RegisterAgent(agent="p", description="here"), said)

        def slowly(states, command, facts):
            gate()
            return decide(states, command, facts)

        monkeypatch.setattr("server.service.handle", slowly)
        seen = []

        async def look() -> None:
            name = resource_stream("g 50")
            seen.append(await service.see([name], lambda states, _: states[name].clearings))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.execute, CLEAR, said)
            await gate.wait()
            with anyio.fail_after(5):
                agent = await service.see([agent_stream("p")], lambda states, _: states["agent/p"])
            assert agent.registered.description == "here"
            tasks.start_soon(look)
            await anyio.lowlevel.checkpoint()
            assert seen == []  # what is being cleared is seen before or after, not in between
            gate.opened.set()
        assert seen == [1]


async def test_a_large_clearing_that_cannot_be_stored_leaves_nothing(in_parts):
    class Full(MemoryStore):
        full = False

        async def commit(self, batch):
            if self.full:
                raise StoreUnavailable("full")
            return await super().commit(batch)

    async with services(store := Full()) as (service,):
        await posted(service)
        before = await contents(store)
        store.full = True
        with pytest.raises(StoreUnavailable, match="full"):
            await service.execute(CLEAR, said)
        store.full = False
        assert await contents(store) == before
        await service.execute(CLEAR, said)
        await sound(store)


# Snapshots of large books


class Told(SqliteStore):
    """A store that tells when a snapshot is saved."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.saved = anyio.Event()

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await super().save_snapshot(snapshot)
        self.saved.set()


async def test_a_large_state_is_saved_beside_the_market_and_read_again(monkeypatch, tmp_path):
    monkeypatch.setattr(streams, "_SNAPSHOT_EVERY", 3)
    monkeypatch.setattr(streams, "_AT_ONCE", 0)
    monkeypatch.setattr(codec, "_IN_PART", 2)
    monkeypatch.setattr(sqlite, "_LARGE", 0)
    store, stream = Told(str(tmp_path / "market.db")), resource_stream("g 50")
    async with services(store) as (service,):
        await posted(service)
        await service.execute(CLEAR, said)
        for quantity in (1, 2, 3):
            await service.execute(RequestResources(agent="z", resource="g 50", quantity=quantity), said)
        with anyio.fail_after(5):
            await store.saved.wait()
        state = await service.see([stream], lambda states, _: states[stream])
        assert codec.encode_state(state) == "".join(codec.state_parts(state))
    saved = await store.snapshot(stream)
    read = codec.decode_state(stream, saved.body)
    events = [codec.decode(event.body) for event in await store.load(stream)][: saved.version]
    again = handle.new_state(stream)
    for event in events:
        again = handle.evolve(again, event)
    assert read == again
    await store.close()


async def test_a_book_that_only_grows_needs_no_snapshot(monkeypatch):
    monkeypatch.setattr(streams, "_SNAPSHOT_EVERY", 2)
    async with services(store := MemoryStore()) as (service,):
        await posted(service)
        assert await store.snapshot(resource_stream("g 50")) is None


async def test_a_thousand_may_lapse_in_the_moment_of_a_standing_clearing():
    clock = Hand()
    async with services(store := MemoryStore(), clock=clock) as (service,):
        await service.execute(DeclareResource(resource="gpu", every=60), said)
        until = clock.now() + timedelta(seconds=60)
        for at in range(1100):
            ask = RequestResources(agent=f"a{at}", resource="gpu", quantity=1, needed_by=until)
            await service.execute(ask, said)
        await service.execute(RequestResources(agent="b", resource="gpu", quantity=1), said)
        await service.execute(OfferResources(agent="s", resource="gpu", quantity=1, unit_price=1), said)
        clock.wait(60)
        made = (await service.execute(Lapse(stream="resource/gpu"), said)).content
        assert made == {"resource/gpu": ["EntriesLapsed", "ClearingDue", "ResourceCleared"]}
        assert (await store.find(Query("demand", status=("lapsed",)))).total == 1100


async def test_a_long_stream_is_replayed_beside_the_event_loop(monkeypatch, tmp_path):
    path = str(tmp_path / "market.db")
    async with services(store := SqliteStore(path)) as (service,):
        await posted(service)
        await service.execute(RegisterAgent(agent="p", description="here"), said)
    await store.close()
    monkeypatch.setattr(streams, "_AT_ONCE", 2)
    gate, decode = Gate(), codec.decode

    def slowly(body):
        gate()
        return decode(body)

    async with services(store := SqliteStore(path)) as (service,):
        monkeypatch.setattr(codec, "decode", slowly)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.see, [resource_stream("g 50")], lambda states, _: seen.append(states))
            seen = []
            await gate.wait()
            assert (await store.find(Query("agent"))).total == 1
            assert seen == []
            gate.opened.set()
        (states,) = seen
        assert len(states["resource/g-50"].demand) == 7
    await store.close()
