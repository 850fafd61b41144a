"""What agents hear of what the operator does, and of the pool that buys for them."""

from market_core.commands import Grant
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
