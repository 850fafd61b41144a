"""An idempotency key: the same request again does nothing and gets the first answer; another is refused."""

import pytest

from market_core import Code
from server.batch import Answer, Once
from server.service import Service
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore
from tests.server.shell import Counted, Hand, contents, market, said, sound
from tests.server.stores import Counting, Meddled
from tests.server.workers import bid, bidders, bids_in, create, services, together

ONCE = Once("p", "key", "print")
OTHER = Once("p", "key", "another print")


async def test_the_same_key_and_content_get_the_first_answer_and_nothing_is_done():
    async with services(store := Counting()) as (service,):
        auction_id = await create(service)
        first = await service.execute(bid(auction_id, "p"), lambda _: Answer("first", {"n": 1}), ONCE)
        before = await contents(store)
        again = await service.execute(bid(auction_id, "p"), lambda _: Answer("again", {"n": 2}), ONCE)
        assert (first, again) == (Answer("first", {"n": 1}), Answer("first", {"n": 1}))
        assert await contents(store) == before
        assert store.batches == [1, 1]


async def test_the_same_key_with_other_content_is_refused_and_nothing_is_done():
    async with services(store := MemoryStore()) as (service,):
        auction_id = await create(service)
        await together(service, bid(auction_id, "p"), once=ONCE)
        before = await contents(store)
        assert await together(service, bid(auction_id, "p", 4), once=OTHER) == [Code.IDEMPOTENCY_KEY_REUSED]
        assert await contents(store) == before


async def test_a_key_is_the_agents_own():
    async with services(MemoryStore()) as (service,):
        auction_id = await create(service)
        for who in ("p", "q"):
            done = await together(service, bid(auction_id, who), once=Once(who, "key", who))
            assert done == [bids_in(auction_id)]
        assert await bidders(service, auction_id) == {"p", "q"}


async def test_twice_in_one_batch_is_done_once_and_answered_twice():
    async with services(store := Counting()) as (service,):
        auction_id = await create(service)
        done = await together(service, *(bid(auction_id, "p") for _ in range(3)), once=ONCE)
        assert done == [bids_in(auction_id)] * 3
        assert len(await store.load(f"auction/{auction_id}")) == 2
        assert store.batches == [1, 1]
        await sound(store)


async def test_twice_in_one_batch_with_others_between_keeps_the_order_of_all():
    async with services(store := MemoryStore()) as (service,):
        auction_id = await create(service)
        order = []

        def note(name: str):
            return lambda _: order.append(name) or Answer(name, {})

        import anyio

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(service.execute, bid(auction_id, "p"), note("first"), ONCE)
            tasks.start_soon(service.execute, bid(auction_id, "p"), note("twin"), ONCE)
            tasks.start_soon(service.execute, bid(auction_id, "q"), note("last"))
        assert order == ["first", "last"]
        assert len(await store.load(f"auction/{auction_id}")) == 3
        await sound(store)


async def test_a_refused_request_is_not_kept_and_may_be_made_again_with_its_key():
    async with services(MemoryStore()) as (service,):
        auction_id = await create(service, max_price=4)
        assert await together(service, bid(auction_id, "p"), once=ONCE) == [Code.BID_ABOVE_MAX_PRICE]
        assert await together(service, bid(auction_id, "p", 3), once=OTHER) == [bids_in(auction_id)]


async def test_an_accepted_request_that_changes_nothing_is_kept_too():
    from market_core.commands import RegisterAgent

    async with services(store := MemoryStore()) as (service,):
        card = RegisterAgent(agent="p", capabilities=["review"])
        await together(service, card)
        assert await together(service, card, once=ONCE) == [{"agent/p": []}]
        assert (await store.remembered("p", "key")).fingerprint == "print"


async def test_the_first_answer_survives_a_restart(tmp_path):
    path = str(tmp_path / "market.db")
    for n, expected in enumerate(["answer 0", "answer 0"]):
        store = SqliteStore(path)
        async with Service(store, Hand(), Counted(f"run{n}")).running() as service:
            auction_id = await create(service) if n == 0 else (await store.streams())[0].partition("/")[2]
            answer = await service.execute(
                bid(auction_id, "p"), lambda _, n=n: Answer(f"answer {n}", {"é": [n]}), ONCE
            )
            assert answer == Answer(expected, {"é": [0]})
        await store.close()


async def test_in_two_processes_at_once_the_second_gets_the_answer_of_the_first():
    async with services(store := Meddled(), "a", "b") as (mine, other):
        auction_id = await create(mine)
        store.meddling = [
            lambda: other.execute(bid(auction_id, "p"), lambda _: Answer("the other's", {}), ONCE)
        ]
        assert await mine.execute(bid(auction_id, "p"), said, ONCE) == Answer("the other's", {})
        assert len(await store.load(f"auction/{auction_id}")) == 2
        store.meddling = [lambda: other.execute(bid(auction_id, "q"), said, Once("q", "k", "x"))]
        assert await together(mine, bid(auction_id, "q", 9), once=Once("q", "k", "y")) == [
            Code.IDEMPOTENCY_KEY_REUSED
        ]
        await sound(store)


CALLS = {
    "create_auction": ({"task": "t", "max_price": 5}, {"task": "t", "max_price": 6}),
    "register_agent": ({"capabilities": ["a"]}, {"capabilities": ["b"]}),
    "request_resources": ({"resource": "gpu", "quantity": 2}, {"resource": "gpu", "quantity": 3}),
    "offer_resources": (
        {"resource": "gpu", "quantity": 2, "unit_price": 1},
        {"resource": "gpu", "quantity": 2, "unit_price": 2},
    ),
}


@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_repeated_call_gets_the_same_text_and_content_and_a_changed_one_a_refusal(tool, mode):
    same, other = CALLS[tool]
    async with market(mode) as shop:
        key = {"agent": "a", "idempotency_key": "k"}
        first = await shop.both(tool, **same, **key)
        before = await contents(shop.store)
        assert await shop.both(tool, **same, **key) == first
        assert await contents(shop.store) == before
        assert await shop.refused(tool, **other, **key) == "idempotency_key_reused"
        assert await shop.refused("close_auction", auction_id="auc_1", **key) == "idempotency_key_reused"
        await shop.ask(tool, **same, agent="b", idempotency_key="k")


async def test_a_value_written_in_another_way_is_the_same_request():
    async with market() as shop:
        first = await shop.both("create_auction", task=" t ", max_price=5, agent="a", idempotency_key="k")
        assert (
            await shop.both("create_auction", task="t", max_price="5.0", agent="a", idempotency_key="k")
            == first
        )


async def test_an_agent_id_with_space_around_it_is_the_same_agent():
    async with market() as shop:
        first = await shop.both("create_auction", task="t", agent="a", idempotency_key="k")
        assert await shop.both("create_auction", task="t", agent=" a ", idempotency_key="k") == first
