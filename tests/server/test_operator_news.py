"""What agents hear of what the operator does, and of the pool that buys for them."""

from datetime import timedelta

from market_core.commands import Grant, Lapse
from server.batch import Answer
from tests.server.shell import market


async def test_every_agent_of_an_owner_hears_what_its_owner_was_granted():
    async with market() as shop:
        await shop.service.execute(Grant(owner="acme", priority=2, weight=3), lambda _: Answer("", {}))
        news = {
            agent: (await shop.ask("inbox", agent=agent))["news"] for agent in ("acme/a", "acme/b", "bob")
        }
    told = "the operator granted your owner another priority or weight: priority 2, weight 3"
    assert {agent: [row["why"] for row in rows] for agent, rows in news.items()} == {
        "acme/a": [told],
        "acme/b": [told],
        "bob": [],
    }


async def test_a_member_is_told_that_the_auction_buys_for_it_and_a_stranger_that_it_may_bid():
    async with market() as shop:
        await shop.ask("request_resources", agent="acme/a", resource="gpu", quantity=1, max_unit_price=3)
        made = await shop.ask("aggregate_demand", agent="x", resources=["gpu"], via="auction", closes_in=60)
        said = {
            agent: (await shop.text("get_auction", agent=agent, auction_id=made["auction_id"])).splitlines()[
                -1
            ]
            for agent in ("acme/b", "s")
        }
    assert said == {
        "acme/b": "Next: nothing: it buys for the pool that your owner's demand is in; withdraw the demand to leave.",
        "s": "Next: submit_bid to take part or to change your bid.",
    }


async def test_each_demand_that_lapses_is_told_by_its_id():
    async with market() as shop:
        until = (shop.clock.now() + timedelta(seconds=60)).isoformat()
        ids = [
            (await shop.ask("request_resources", agent="a", resource="gpu", quantity=1, needed_by=until))[
                "demand_id"
            ]
            for _ in range(2)
        ]
        shop.clock.wait(61)
        await shop.service.execute(Lapse(stream="resource/gpu"), lambda _: Answer("", {}))
        news = (await shop.ask("inbox", agent="a"))["news"]
    assert [row["why"] for row in news if row["what"] == "demand_lapsed"] == [
        f"your demand lapsed ({demand})" for demand in ids
    ]


async def test_a_book_with_demand_alone_says_both_ways_to_serve_it():
    async with market() as shop:
        await shop.ask("request_resources", agent="a", resource="gpu", quantity=1)
        said = await shop.text("get_resource", agent="a", resource="gpu")
    assert said.endswith(
        "Next: offer_resources sells to it, or aggregate_demand via auction buys it in one auction."
    )
