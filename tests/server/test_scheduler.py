"""What time has done is recorded at the deadline, once, however many schedulers there are."""

import json

import anyio

from market_core.commands import (
    AwardAuction,
    DeclareResource,
    OfferResources,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from server.scheduler import _carry_out_due, keep_time
from server.stores.memory import MemoryStore
from tests.server.shell import Hand, contents, said, sound
from tests.server.stores import Failing
from tests.server.workers import create, services


async def events(store, auction_id: str) -> list[str]:
    return [json.loads(event.body)["type"] for event in await store.load(f"auction/{auction_id}")]


async def test_an_auction_is_recorded_as_closed_at_its_deadline_and_not_before():
    clock = Hand()
    async with services(store := MemoryStore(), clock=clock) as (service,):
        auction_id = await create(service, closes_in=60)
        clock.wait(59.999)
        assert await _carry_out_due(service) == 0.01  # never busy waiting
        assert await events(store, auction_id) == ["auction_created"]
        clock.wait(0.001)
        await _carry_out_due(service)
        assert await events(store, auction_id) == ["auction_created", "auction_closed"]


async def test_it_says_how_long_there_is_nothing_to_do():
    clock = Hand()
    async with services(MemoryStore(), clock=clock) as (service,):
        assert await _carry_out_due(service) == 30
        await create(service, closes_in=12.5)
        assert await _carry_out_due(service) == 12.5
        clock.wait(12.5)
        assert await _carry_out_due(service) == 30


async def test_twice_and_by_two_processes_is_harmless():
    clock = Hand()
    async with services(store := MemoryStore(), "a", "b", clock=clock) as (mine, other):
        auction_id = await create(mine, closes_in=60)
        clock.wait(3600)
        async with anyio.create_task_group() as tasks:
            for service in (mine, other, mine, other):
                tasks.start_soon(_carry_out_due, service)
        after = await contents(store)
        await _carry_out_due(mine)
        assert await contents(store) == after
        assert await events(store, auction_id) == ["auction_created", "auction_closed"]
        await sound(store)


async def test_work_that_nobody_reports_on_is_told_to_both_sides_when_it_is_overdue():
    clock = Hand()
    async with services(store := MemoryStore(), clock=clock) as (service,):
        auction_id = await create(service)
        await service.execute(SubmitBid(agent="ann", auction_id=auction_id, cost=5, estimated_time=60), said)
        await service.execute(AwardAuction(agent="buyer", auction_id=auction_id), said)
        assert await _carry_out_due(service) == 30
        clock.wait(60 + 3600)
        await _carry_out_due(service)
        assert (await events(store, auction_id))[-1] == "work_overdue"
        told = [row.notice for row in await store.posted_after(0, 100) if row.notice.kind == "work_overdue"]
        assert sorted(notice.topic for notice in told) == ["ann", "buyer"]
        assert await _carry_out_due(service) == 30  # it is told once


async def test_what_lapsed_leaves_the_book():
    clock = Hand()
    async with services(store := MemoryStore(), clock=clock) as (service,):
        until = "2026-11-23T12:01:00Z"
        for unit_price in (1, 2):
            offer = OfferResources(
                agent="p", resource="gpu", quantity=1, unit_price=unit_price, available_until=until
            )
            await service.execute(offer, said)
        clock.wait(60)
        await _carry_out_due(service)
        left = await service.see(["resource/gpu"], lambda states, _: len(states["resource/gpu"].offers))
        assert left == 0
        assert len(await store.load("resource/gpu")) == 3
        assert await store.next_until() is None


async def test_it_wakes_for_a_deadline_set_meanwhile_and_goes_on_after_a_failure(caplog):
    clock = Hand()
    async with services(store := Failing(), clock=clock) as (service,):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, service)
            auction_id = await create(service, closes_in=60)
            store.broken = {"due"}
            await create(service, closes_in=1000)  # a new deadline wakes it
            for _ in range(20):
                await anyio.lowlevel.checkpoint()
            store.broken = set()
            clock.wait(60)
            await create(service, closes_in=1000)
            with anyio.fail_after(5):
                while len(await events(store, auction_id)) < 2:
                    await store.watch()
            tasks.cancel_scope.cancel()
        assert await events(store, auction_id) == ["auction_created", "auction_closed"]
        assert "deadlines cannot be recorded now" in caplog.text


async def test_a_standing_clearing_is_made_once_however_many_schedulers_there_are():
    clock, store = Hand(), MemoryStore()
    async with services(store, "t", "u", clock=clock) as (one, other):
        await one.execute(DeclareResource(resource="gpu", every=60, at_quantity=50), said)
        await one.execute(RequestResources(agent="a", resource="gpu", quantity=5, max_unit_price=9), said)
        await one.execute(OfferResources(agent="s", resource="gpu", quantity=5, unit_price=1), said)
        assert await _carry_out_due(one) == 30  # it looks again before the 60 seconds are over
        clock.wait(60)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_carry_out_due, one)
            tasks.start_soon(_carry_out_due, other)
        kinds = [json.loads(event.body)["type"] for event in await store.load("resource/gpu")]
        assert kinds[-2:] == ["clearing_due", "resource_cleared"]
        assert kinds.count("resource_cleared") == 1
        assert await store.next_until() is None
        await one.execute(RequestResources(agent="b", resource="gpu", quantity=50, max_unit_price=9), said)
        assert await _carry_out_due(other) == 30  # nothing to buy: tried, recorded, and not tried again
        assert await store.next_until() is None
        mine = (await store.load("resource/gpu"))[-1]
        assert json.loads(mine.body)["why"].startswith("nothing changed: there is no offer")
        await sound(store)


async def test_a_standing_clearing_that_is_no_longer_due_does_not_keep_the_scheduler_busy():
    clock, store = Hand(), MemoryStore()
    async with services(store, clock=clock) as (service,):
        await service.execute(DeclareResource(resource="gpu", at_quantity=5), said)
        await service.execute(RequestResources(agent="a", resource="gpu", quantity=5), said)
        assert await store.next_until() is not None
        demand_id = json.loads((await store.load("resource/gpu"))[-1].body)["demand_id"]
        await service.execute(Withdraw(agent="a", id=demand_id), said)
        assert await store.next_until() is None
