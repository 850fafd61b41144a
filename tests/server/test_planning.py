"""plan_auction as agents call it."""

from tests.server.shell import market

GO = {"requirements": {"capabilities": ["go"]}}


async def history(shop, auctions: int) -> None:
    for agent in ("ann", "bob", "carl", "dora"):
        await shop.ask("register_agent", agent=agent, capabilities=["go"])
    for _ in range(auctions):
        auction_id = await shop.create(**GO)
        shop.clock.wait(90)
        for cost, agent in enumerate(("ann", "bob", "carl", "dora"), 10):
            await shop.bid(auction_id, agent, cost)
        await shop.ask("award", agent="buyer", auction_id=auction_id)


async def test_a_task_is_planned_from_what_was_asked_before():
    async with market() as shop:
        await history(shop, 5)
        await shop.ask("register_agent", agent="eve", capabilities=["go"], standing_bids={"go": {"cost": 12}})
        made = await shop.ask("plan_auction", capabilities=["Go"], description="Tests must pass.", value=30)
        assert made == {
            "auctions": 5,
            "bids": 20,
            "thin": False,
            "standing_bids": 1,
            "asked_under": "pay_as_bid",
            "bidders": [4, 4, 4],
            "payments": made["payments"],
            "max_price": made["max_price"],
            "awarded": made["awarded"],
            "closes_in": 90,
            "scoring": made["scoring"],
            "warnings": ["no deadline: bidders do not know when it is decided; give closes_in"],
        }
        assert [row["payment_rule"] for row in made["payments"]] == ["pay_as_bid", "second_price"]
        assert all(10 <= row["expected"][0] <= 13 for row in made["payments"])
        assert made["max_price"] in (10, 11, 12, 13)


async def test_a_standing_bid_is_expected_where_it_is_for_all_that_is_asked():
    async with market() as shop:
        rates = {"go": {"cost": 12}, "rust": {"cost": 20}}
        await shop.ask("register_agent", agent="eve", capabilities=["go", "rust"], standing_bids=rates)
        await shop.ask("register_agent", agent="ann", capabilities=["go"], standing_bids={"go": {"cost": 9}})
        counts = [
            (await shop.ask("plan_auction", capabilities=asked))["standing_bids"]
            for asked in (["go"], ["rust"], ["go", "rust"], ["go", "sql"], [])
        ]
        assert counts == [2, 1, 1, 0, 0]


async def test_without_history_it_says_so_and_still_tells_what_is_unclear():
    async with market() as shop:
        text, made = await shop.both("plan_auction", capabilities=["rust"], quality_price=5)
        assert (made["thin"], made["auctions"], made["standing_bids"]) == (True, 0, 0)
        assert [warning.partition(":")[0] for warning in made["warnings"]] == [
            "no description",
            "no deadline",
            "quality has a price, but the description does not say how it is measured",
            "no registered provider has",
        ]
        assert "Too little to advise" in text


async def test_open_auctions_and_their_sealed_bids_are_no_part_of_advice():
    async with market() as shop:
        await history(shop, 5)
        before = await shop.ask("plan_auction", capabilities=["go"])
        auction_id = await shop.create(**GO)
        await shop.bid(auction_id, "ann", 1)
        await shop.ask("close_auction", agent="buyer", auction_id=auction_id)
        assert await shop.ask("plan_auction", capabilities=["go"]) == before
