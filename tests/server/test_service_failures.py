"""The one loop when something goes wrong: a bug, a store that fails, a caller who leaves, a market that stops."""

import anyio
import pytest

from market_core import Code, Rejection
from market_core.commands import RegisterAgent
from server.batch import Answer, Once
from server.ports import StoreUnavailable
from server.service import Service
from server.stores.memory import MemoryStore
from tests.server.shell import Counted, Hand, contents, said, sound
from tests.server.stores import Counting, Failing, Held
from tests.server.workers import bid, bidders, bids_in, create, services, together

# Failures


ONCE = Once("p", "key", "print")


def with_a_bug(_after) -> Answer:
    raise ZeroDivisionError("a bug in an answer")


async def test_a_bug_in_an_answer_reaches_only_its_caller_and_loses_nothing_of_others():
    async with services(store := Counting()) as (service,):
        auction_id = await create(service)
        done = {}

        async def ask(who: str, answer) -> None:
            try:
                done[who] = (await service.execute(bid(auction_id, who), answer)).content
            except ZeroDivisionError as bug:
                done[who] = str(bug)

        async with anyio.create_task_group() as tasks:
            for who, answer in [("p", said), ("q", with_a_bug), ("r", said)]:
                tasks.start_soon(ask, who, answer)
        assert done == {"p": bids_in(auction_id), "q": "a bug in an answer", "r": bids_in(auction_id)}
        assert await bidders(service, auction_id) == {"p", "r"}
        await sound(store)


async def test_a_refusal_raised_while_the_answer_is_made_leaves_nothing_behind():
    async with services(store := MemoryStore()) as (service,):
        auction_id = await create(service)
        before = await contents(store)

        def refuses(_after) -> Answer:
            raise Rejection(Code.UNKNOWN_RESOURCE)

        with pytest.raises((Rejection, RuntimeError)):
            await service.execute(bid(auction_id, "p"), refuses)
        assert await contents(store) == before
        assert await bidders(service, auction_id) == set()


@pytest.mark.parametrize("method", ["commit", "catch_up", "remembered"])
async def test_when_the_store_fails_nothing_is_changed_and_later_commands_work(method):
    async with services(store := Failing()) as (service,):
        auction_id = await create(service)
        before = await contents(store)
        store.broken = {method}
        with pytest.raises(StoreUnavailable, match=f"no {method} today"):
            await service.execute(bid(auction_id, "p"), said, ONCE)
        store.broken = set()
        assert await contents(store) == before
        assert await bidders(service, auction_id) == set()
        assert (await service.execute(bid(auction_id, "p"), said, ONCE)).content == bids_in(auction_id)
        await sound(store)


async def test_a_failure_to_save_a_snapshot_does_not_stop_the_market():
    async with services(store := Failing()) as (service,):
        rows = [RegisterAgent(agent="p", description=f"version {n}") for n in range(600)]
        await service.execute(RegisterAgent(agent="p", description="first"), said)
        store.broken = {"save_snapshot"}
        await service.execute_each(rows, lambda outcomes: Answer(str(len(outcomes)), {}))
        store.broken = set()
        with anyio.fail_after(5):
            await service.execute(RegisterAgent(agent="q"), said)


# Waiting, cancelling, seeing


async def test_nothing_is_seen_or_found_or_answered_before_its_commit():
    async with services(store := Held()) as (service,):
        auction_id = await create(service)
        before = await contents(store)
        order = []

        async def ask() -> None:
            await service.execute(bid(auction_id, "p"), said)
            order.append("answered")

        async def look() -> None:
            order.append(await bidders(service, auction_id))

        async with anyio.create_task_group() as tasks:
            with store.holding():
                tasks.start_soon(ask)
                await store.reached.wait()
                tasks.start_soon(look)
                for _ in range(50):
                    await anyio.lowlevel.checkpoint()
                assert order == []
                assert await contents(store) == before
        assert sorted(map(str, order)) == ["answered", "{'p'}"]


async def test_cancelling_a_call_stops_the_waiting_and_not_the_command():
    async with services(store := Held()) as (service,):
        auction_id = await create(service)
        with store.holding():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(service.execute, bid(auction_id, "p"), said)
                await store.reached.wait()
                tasks.start_soon(service.execute, bid(auction_id, "q"), said)  # still in the queue
                await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        assert await together(service, bid(auction_id, "r")) == [bids_in(auction_id)]
        assert await bidders(service, auction_id) == {"p", "q", "r"}
        await sound(store)


async def test_when_the_market_stops_what_is_queued_is_still_carried_out():
    service = Service(store := Held(), Hand(), Counted())
    with anyio.fail_after(5):
        async with anyio.create_task_group() as callers, service.running():
            auction_id = await create(service)
            with store.holding():
                callers.start_soon(service.execute, bid(auction_id, "p"), said)
                await store.reached.wait()
                callers.start_soon(service.execute, bid(auction_id, "q"), said)
                await anyio.lowlevel.checkpoint()
    async with services(store, "b") as (again,):
        assert await bidders(again, auction_id) == {"p", "q"}
    await sound(store)


async def test_a_commit_that_has_begun_is_finished_though_the_market_is_cancelled():
    service = Service(store := Held(), Hand(), Counted())

    async def run_a_market() -> None:
        async with service.running():
            await service.execute(bid(await create(service), "p"), said)

    async with anyio.create_task_group() as tasks:
        with store.holding(after=1):
            tasks.start_soon(run_a_market)
            await store.reached.wait()
            tasks.cancel_scope.cancel()
    assert len(await store.load("auction/auc_t1")) == 2
    await sound(store)
