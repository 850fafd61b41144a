"""A pool from the demand to the receipts, as agents and the clock make it happen."""

import anyio

from market_core.commands import Lapse
from server.scheduler import keep_time
from tests.server.shell import Shop, market, said, sound


async def five_members(shop: Shop) -> dict:
    for agent, quantity, limit in (
        ("ann", 40, 6),
        ("bea", 30, 5),
        ("cem", 20, 7),
        ("dan", 10, 3),
        ("eve", 20, 8),
    ):
        asked = {"agent": agent, "resource": "GPU hours", "quantity": quantity, "max_unit_price": limit}
        await shop.ask("request_resources", **asked)
    await shop.ask("offer_resources", agent="s", resource="gpu-hours", quantity=1, unit_price=20)
    pool = {"resources": ["gpu hours"], "via": "auction", "closes_in": 60, "threshold": {"owners": 3}}
    return (await shop.ask("aggregate_demand", agent="ann", **pool))["pool"]


async def bids(shop: Shop, auction_id: str) -> None:
    for agent, cost, low in (("s", 10, 4), ("t", 9, 5), ("u", 8, 7)):
        tiers = [{"from_quantity": 60, "cost": low}]
        await shop.bid(auction_id, agent, cost, quantity=110, tiers=tiers)


async def test_five_members_buy_together_and_everybody_has_a_receipt():
    async with market() as shop:
        pool = await five_members(shop)
        assert (pool["quantity"], pool["owners"], pool["closes_at"]) == (120, 5, "2026-11-23T12:01:00Z")
        text, seen = await shop.both("get_resource", resource="gpu-hours")
        assert seen["pools"][0]["auction_id"] == pool["auction_id"]
        assert f"120 of 5 owners, auction {pool['auction_id']}" in text
        news = {row["what"] for row in (await shop.ask("inbox", agent="s"))["news"]}
        assert "pool_opened" in news
        await bids(shop, pool["auction_id"])
        seen = await shop.ask("get_auction", agent="s", auction_id=pool["auction_id"])
        assert (seen["buyer"], seen["quantity"], "max_price" in seen) == (
            "market/" + pool["pool_id"],
            120,
            False,
        )
        assert (
            await shop.refused("submit_bid", agent="ann/x", auction_id=pool["auction_id"], cost=1)
            == "pool_member"
        )
        shop.clock.wait(60)
        await shop.service.execute(Lapse(stream=f"auction/{pool['auction_id']}"), said)
        seen = await shop.ask("get_auction", agent="s", auction_id=pool["auction_id"])
        assert (seen["status"], seen["winners"][0]["agent"], seen["winners"][0]["payment"]) == (
            "awarded",
            "s",
            440,
        )
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="ann"))["news"]}
        assert (
            told["demand_allocated"]
            == "your demand was allocated: 40 for 160 credits (4 each), 80 better than your limit (dem_gpu-hours_t1)"
        )
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="dan"))["news"]}
        assert (
            told["left_out"]
            == "your entry was left out of a clearing (dem_gpu-hours_t4); its limit does not reach 4 a unit, by which a pool's members are chosen"
        )
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="ann"))["news"]}
        assert told["pool_bought"] == "your pool has bought: from s 40"
        inbox = await shop.ask("inbox", agent="s")
        told = {row["what"]: row["why"] for row in inbox["news"]}
        assert told["pool_supply"] == "your bid supplies a pool: to ann 40, bea 30, cem 20, eve 20"
        assert (inbox["to_deliver"], inbox.get("credits_due", 0)) == ([], 0)
        text = await shop.text("get_auction", agent="t", auction_id=pool["auction_id"])
        assert "what would have won was not computed" in text
        assert "rank" not in text.partition("your bid")[2]  # tiers decide, of which no order of bids is made
        assert "pools" not in await shop.ask("get_resource", resource="gpu-hours")
        await sound(shop.store)


async def test_a_pool_without_bids_lapses_and_its_members_hear_why():
    async with market() as shop:
        pool = await five_members(shop)
        shop.clock.wait(60)
        await shop.service.execute(Lapse(stream=f"auction/{pool['auction_id']}"), said)
        assert (await shop.ask("get_auction", auction_id=pool["auction_id"]))["status"] == "unsold"
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="ann"))["news"]}
        assert told["pool_lapsed"].endswith("your demand is in the book as before: nobody offered to supply")
        assert (await shop.ask("get_resource", resource="gpu-hours"))["demand"]["quantity"] == 120


async def test_the_scheduler_settles_a_pool_and_twice_is_once():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)
        cursor = (await shop.ask("inbox", agent="ann"))["next_cursor"]
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(keep_time, shop.service)
            news = (await shop.ask("inbox", agent="ann", cursor=cursor, wait=20))["news"]
            tasks.cancel_scope.cancel()
        assert "demand_allocated" in {row["what"] for row in news}
        events = await shop.store.load("resource/gpu-hours")
        assert sum('"pool_cleared"' in event.body for event in events) == 1
        await sound(shop.store)


async def test_what_is_for_the_other_way_of_aggregating_is_refused():
    async with market() as shop:
        await five_members(shop)
        for wrong in (
            {"via": "auction"},
            {"via": "auction", "closes_in": 60, "policy": "fair"},
            {"via": "auction", "closes_in": 60, "payment_rule": "mcafee"},
            {"closes_in": 60},
            {"payment_rule": "pay_as_bid"},
            {"sharing": "shapley"},
        ):
            asked = {"agent": "ann", "resources": ["gpu-hours"], **wrong}
            assert await shop.refused("aggregate_demand", **asked) == "invalid_value"
