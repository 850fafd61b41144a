"""Demand for several resources together, from the request to the receipts, through the tools."""

from market_core.commands import Lapse
from tests.server.shell import Shop, market, said, sound

BOTH = ["gpu-hours", "memory-gb"]


async def four_bundles(shop: Shop) -> dict[str, str]:
    await shop.ask("offer_resources", agent="s", resource="GPU hours", quantity=8, unit_price=1)
    await shop.ask("offer_resources", agent="t", resource="Memory GB", quantity=64, unit_price=0.1)
    ids = {}
    for agent, gpu, memory, pays, more in (
        ("ann", 4, 32, 12, {}),
        ("bea", 8, 32, 20, {}),
        ("cem", 4, 16, 9, {}),
        ("dan", 1, 1, 5, {"per_task": True, "tasks": 3}),
    ):
        bundle = {"GPU Hours": gpu, "memory-gb": memory}
        made = await shop.ask("request_bundle", agent=agent, bundle=bundle, max_payment=pays, **more)
        ids[agent] = made["demand_id"]
    return ids


async def test_bundles_are_served_and_everybody_has_a_receipt():
    # Supply costs 1 and 0.1. Worth: ann 4.8, bea 8.8, cem 3.4, dan 3.9 a task; 8 gpus. Best: ann and 3 tasks of dan,
    # 16.5. Without ann cem and dan make 15.1, without dan bea 8.8: they pay 12 - 1.4 and 15 - 7.7.
    async with market() as shop:
        ids = await four_bundles(shop)
        text, seen = await shop.both("get_resource", agent="ann", resource="gpu-hours")
        assert seen["bundles"] == {"entries": 4, "owners": 4, "quantity": 19}
        assert seen["own"][0]["id"] == ids["ann"]
        assert "aggregate_demand via bundles" in text
        text, answer = await shop.both(
            "aggregate_demand", agent="x", resources=BOTH, via="bundles", payment_rule="vcg"
        )
        made = answer["bundles"]
        assert {row["agent"]: row["payment"] for row in made["allocations"]} == {"ann": 10.6, "dan": 7.3}
        assert {row["agent"]: row["reason"] for row in made["left_out"]} == {"bea": "lost", "cem": "lost"}
        assert (made["total_payment"], made["proof"]["status"]) == (17.9, "optimal")
        assert "ann | 1 | 4 gpu-hours, 32 memory-gb | 10.6 | -" in text
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="ann"))["news"]}
        assert "4 gpu-hours, 32 memory-gb for 10.6 credits, 1.4 better" in told["bundle_allocated"]
        news = (await shop.ask("inbox", agent="bea"))["news"]
        assert "left_out" in {row["what"] for row in news}
        told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent="s"))["news"]}
        assert "7 for 11.933333 credits" in told["offer_sold"]
        await sound(shop.store)


async def test_a_bundle_can_be_withdrawn_or_lapses():
    async with market() as shop:
        ids = await four_bundles(shop)
        assert (await shop.ask("withdraw", agent="bea", id=ids["bea"]))["status"] == "withdrawn"
        assert not (await shop.ask("inbox", agent="bea")).get("bundles")
        made = await shop.ask(
            "request_bundle", agent="eve", bundle={"memory-gb": 1, "a": 1}, needed_by="2026-11-23T12:01:00Z"
        )
        (row,) = (await shop.ask("inbox", agent="eve"))["bundles"]
        assert row == {"id": made["demand_id"], "resource": "1 a, 1 memory-gb", "left": 1}
        shop.clock.wait(60)
        (stream,) = await shop.service.store.due(2**62)
        await shop.service.execute(Lapse(stream=stream), said)
        inbox = await shop.ask("inbox", agent="eve")
        assert [row["what"] for row in inbox["news"]] == ["bundle_lapsed"]
        assert "bundles" not in inbox
        await sound(shop.store)


async def test_many_bundles_are_solved_outside_the_writer():
    async with market() as shop:
        await shop.ask("offer_resources", agent="s", resource="gpu", quantity=5, unit_price=1)
        for place in range(13):
            await shop.ask("request_bundle", agent=f"a{place}", bundle={"gpu": 1}, max_payment=place + 2)
        how = {"agent": "x", "resources": ["gpu"], "via": "bundles", "payment_rule": "vcg"}
        answer = await shop.ask("aggregate_demand", **how, idempotency_key="k")
        assert {row["payment"] for row in answer["bundles"]["allocations"]} == {9}
        assert await shop.ask("aggregate_demand", **how, idempotency_key="k") == answer
        assert await shop.refused("aggregate_demand", **how) == "nothing_to_clear"


async def test_who_asks_for_plain_demand_is_told_of_bundles():
    async with market() as shop:
        await four_bundles(shop)
        why = await shop.refusal("aggregate_demand", agent="x", resources=["gpu-hours"])
        assert "via bundles" in why["message"]


async def test_who_waits_for_a_bundle_hears_of_offers_of_each_of_its_resources():
    async with market() as shop:
        made = await shop.ask("request_bundle", agent="ann", bundle={"a": 1, "b": 1}, max_payment=5)
        text = await shop.text("offer_resources", agent="s", resource="b", quantity=1, unit_price=1)
        assert "1 bundle with it, which aggregate_demand via bundles serves" in text
        assert [row["id"] for row in (await shop.ask("inbox", agent="ann"))["news"]] == ["b"]
        text = await shop.text("get_resource", resource="b")
        assert "1 of it is wanted together with a, in 1 bundle of 1 owner:" in text
        refusal = await shop.refusal("aggregate_demand", agent="x", resources=["b"], via="bundles")
        assert refusal["facts"]["missing"] == ["a"]
        await shop.ask("withdraw", agent="ann", id=made["demand_id"])
        await shop.ask("offer_resources", agent="t", resource="b", quantity=1, unit_price=1)
        assert not (await shop.ask("inbox", agent="ann"))["news"]
        await sound(shop.store)
