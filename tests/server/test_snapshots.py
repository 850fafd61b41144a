"""Recorded by one command, compared by every run: the tool surface, and whole market stories as agents read them."""

import json

import pytest

from market_core.commands import DeclareResource, Lapse
from server.scheduler import _carry_out_due
from tests.server.shell import Shop, market, said
from tests.server.test_tool_surface import surface


async def test_the_tool_surface_is_as_recorded(golden):
    tools = await surface()
    for name, tool in tools.items():
        golden(f"tools/{name}.json", json.dumps(tool, indent=2, ensure_ascii=False) + "\n")
    golden("tools/order.txt", "\n".join(tools) + "\n")


class Story:
    """Writes down every call and the text of its answer."""

    def __init__(self, shop: Shop, title: str) -> None:
        self.shop = shop
        self.lines = [title, "=" * len(title), ""]

    def says(self, text: str) -> None:
        self.lines += [f"-- {text}", ""]

    def waits(self, seconds: float) -> None:
        self.shop.clock.wait(seconds)
        self.says(f"{seconds} seconds pass: it is {self.shop.clock.now():%H:%M:%S}")

    async def does(self, agent: str, tool: str, **arguments) -> None:
        """Let an agent make a call, accepted or refused, and write both down."""
        given = ", ".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
        )
        result = await self.shop.call(tool, **({"agent": agent} if agent else {}), **arguments)
        self.lines += [f"{agent or 'anybody'}> {tool}({given})", *result.content[0].text.splitlines(), ""]

    def text(self) -> str:
        return "\n".join(self.lines)


async def a_review_is_bought(story: Story) -> None:
    skill = {"capabilities": ["code review"]}
    await story.does(
        "ann",
        "register_agent",
        **skill,
        description="Reviews Python.\nFast.",
        attributes={"language": "python"},
    )
    await story.does("bob/reviewer", "register_agent", **skill, attributes={"language": "python"})
    task = {"task": "Review the parser", "description": "Every finding with a line number."}
    terms = {
        "requirements": {**skill, "attributes": {"language": "python"}},
        "max_price": 20,
        "closes_in": 600,
    }
    await story.does("buyer", "create_auction", **task, **terms)
    await story.does("ann", "inbox")
    await story.does("ann", "get_auction", auction_id="auc_t3")
    await story.does("carl", "submit_bid", auction_id="auc_t3", cost=1)
    await story.does("bob/reviewer", "submit_bid", auction_id="auc_t3", cost=25)
    await story.does("bob/reviewer", "submit_bid", auction_id="auc_t3", cost=14.5)
    await story.does("ann", "submit_bid", auction_id="auc_t3", cost=12, note="I know this parser.")
    await story.does("buyer", "inbox")
    await story.does("buyer", "award", auction_id="auc_t3")
    story.waits(600)
    await story.does("ann", "withdraw", id="bid_t3_t7")
    await story.does("buyer", "preview_award", auction_id="auc_t3")
    await story.does("buyer", "award", auction_id="auc_t3")
    await story.does("ann", "inbox")
    await story.does("bob/reviewer", "get_auction", auction_id="auc_t3")
    await story.does(
        "buyer", "report_outcome", auction_id="auc_t3", success=True, actual_time=420, reference="pr/7"
    )
    await story.does("", "get_agent", agent_id="ann")
    await story.does("", "list_auctions")


async def prices_on_time_and_second_price(story: Story) -> None:
    scoring = {
        "time_price": 0.01,
        "quality_price": 4,
        "attribute_bonus": [{"attribute": "signed", "bonus": 1.5}],
    }
    await story.does("", "list_auctions")
    await story.does(
        "buyer",
        "create_auction",
        task="Translate the manual",
        scoring=scoring,
        payment_rule="second_price",
        max_price=30,
    )
    bid = {"auction_id": "auc_t1", "quality": 0.9}
    await story.does("ann", "submit_bid", **bid, cost=10)
    await story.does("ann", "submit_bid", **bid, cost=10, estimated_time=600)
    await story.does("bob", "submit_bid", **bid, cost=11, estimated_time=300, attributes={"signed": True})
    rows = [{**bid, "cost": 31, "estimated_time": 1}, {**bid, "cost": 9, "estimated_time": 900}]
    await story.does("carl", "submit_bids", bids=rows)
    await story.does("ann", "submit_bid", **bid, cost=9.5, estimated_time=600, replaces="bid_t1_t3")
    await story.does("carl", "withdraw", id="bid_t1_t6")
    await story.does("buyer", "preview_award", auction_id="auc_t1")
    await story.does("buyer", "close_auction", auction_id="auc_t1")
    await story.does("buyer", "preview_award", auction_id="auc_t1")
    await story.does("buyer", "award", auction_id="auc_t1")
    await story.does("ann", "get_auction", auction_id="auc_t1")
    await story.does("buyer", "report_outcome", auction_id="auc_t1", success=False, note="never came")
    await story.does("buyer", "create_auction", task="Nobody wants this")
    await story.does("buyer", "award", auction_id="auc_t12")
    await story.does("buyer", "create_auction", task="Changed my mind")
    await story.does("buyer", "withdraw", id="auc_t14")
    await story.does("buyer", "inbox")


async def gpu_hours_are_shared(story: Story) -> None:
    await story.shop.service.execute(DeclareResource(resource="GPU hours", unit="hour"), said)
    story.says("the operator has declared: GPU hours, in hours")
    await story.does("", "get_resource")
    for agent, quantity, limit in [("ann", 10, 4), ("bob", 6, 3), ("carl", 8, 2.5), ("dora", 5, 1)]:
        await story.does(
            agent, "request_resources", resource="gpu-hours", quantity=quantity, max_unit_price=limit
        )
    await story.does("cluster-a", "offer_resources", resource="GPU Hours", quantity=12, unit_price=1.2)
    await story.does("cluster-b", "offer_resources", resource="gpu hours", quantity=7.5, unit_price=2)
    soon = {"unit_price": 3.5, "available_until": "2026-11-23T12:05:00Z"}
    await story.does("cluster-c", "offer_resources", resource="gpu hours", quantity=20, **soon)
    await story.does("ann", "get_resource", resource="gpu-hours")
    await story.does("", "aggregate_demand", resources=["gpu hours"])
    await story.does("operator", "aggregate_demand", resources=["gpu hours", "tokens"])
    await story.does("carl", "inbox")
    await story.does("cluster-b", "inbox")
    story.waits(300)
    await story.does("cluster-c", "withdraw", id="off_gpu-hours_t8")
    await story.does("dora", "withdraw", id="dem_gpu-hours_t5")
    await story.does("", "get_resource", resource="gpu hours")


async def five_agents_buy_together(story: Story) -> None:
    story.says(
        "three suppliers ask 10, 9 and 8 for small lots: the mean, 9, is above four of the five limits below"
    )
    for agent, quantity, limit in [
        ("ann", 40, 6),
        ("bea", 30, 5),
        ("cem", 20, 7),
        ("dan", 10, 3),
        ("eve", 20, 9.5),
    ]:
        await story.does(
            agent, "request_resources", resource="gpu-hours", quantity=quantity, max_unit_price=limit
        )
    together = {"resources": ["gpu-hours"], "via": "auction", "closes_in": 60, "threshold": {"owners": 3}}
    await story.does("ann", "aggregate_demand", **together)
    await story.does("fay", "request_resources", resource="gpu-hours", quantity=5, max_unit_price=6)
    for agent, cost, low in [("s1", 10, 4), ("s2", 9, 5), ("s3", 8, 7)]:
        tiers = [{"from_quantity": 60, "cost": low}]
        await story.does(agent, "submit_bid", auction_id="auc_t6", cost=cost, quantity=110, tiers=tiers)
    await story.does("ann", "submit_bid", auction_id="auc_t6", cost=1)
    await story.does("dan", "award", auction_id="auc_t6")
    story.waits(60)
    await story.shop.service.execute(Lapse(stream="auction/auc_t6"), said)
    for agent in ("ann", "dan", "s1", "s2"):
        await story.does(agent, "inbox")
    await story.does("", "get_auction", auction_id="auc_t6")
    await story.does("dan", "get_resource", resource="gpu-hours")


async def machines_are_needed_whole(story: Story) -> None:
    await story.does("s", "offer_resources", resource="GPU hours", quantity=8, unit_price=1)
    await story.does("t", "offer_resources", resource="Memory GB", quantity=64, unit_price=0.1)
    for agent, gpu, memory, pays in [("ann", 4, 32, 12), ("bea", 8, 32, 20), ("cem", 4, 16, 9)]:
        bundle = {"gpu-hours": gpu, "memory-gb": memory}
        await story.does(agent, "request_bundle", bundle=bundle, max_payment=pays)
    task = {"bundle": {"gpu-hours": 1, "memory-gb": 1}, "max_payment": 5, "per_task": True, "tasks": 3}
    await story.does("dan", "request_bundle", **task)
    await story.does("ann", "request_bundle", bundle={"GPU hours": 1, "gpu-hours": 2})
    await story.does("s", "request_bundle", bundle={"gpu-hours": 1})
    await story.does("ann", "get_resource", resource="gpu-hours")
    await story.does("ann", "aggregate_demand", resources=["gpu-hours"])
    both = {"resources": ["gpu-hours", "memory-gb"], "via": "bundles"}
    await story.does("ann", "aggregate_demand", resources=["gpu-hours"], via="bundles")
    await story.does("ann", "aggregate_demand", **both, payment_rule="vcg")
    for agent in ("ann", "bea", "s"):
        await story.does(agent, "inbox")
    await story.does("bea", "withdraw", id="bun_gpu-hours_t4")
    await story.does("ann", "aggregate_demand", **both, policy="fair")


async def a_market_learns(story: Story) -> None:
    skill = {"capabilities": ["code review"]}
    rate = {"code review": {"cost": 6, "estimated_time": 300, "quality": 0.9, "max_concurrent": 1}}
    await story.does("ann", "register_agent", **skill, standing_bids=rate)
    await story.does("bob", "register_agent", **skill)
    asked = {"task": "Review the parser", "requirements": skill}
    await story.does("buyer", "plan_auction", **skill, description="Look at it.", quality_price=3)
    await story.does("buyer", "create_auction", **asked)
    await story.does("ann", "inbox")
    await story.does("bob", "submit_bid", auction_id="auc_t3", cost=5, estimated_time=200, quality=0.9)
    await story.does("buyer", "award", auction_id="auc_t3")
    await story.does(
        "bob", "report_outcome", auction_id="auc_t3", delivered=True, actual_time=400, reference="pr/7"
    )
    await story.does("buyer", "inbox")
    await story.does("buyer", "report_outcome", auction_id="auc_t3", success=False, note="It does not build.")
    await story.does("bob", "report_outcome", auction_id="auc_t3", dispute=True, note="It does, with make.")
    await story.does("buyer", "get_auction", auction_id="auc_t3")
    await story.does("bob", "report_outcome", auction_id="auc_t3", dispute=False)
    await story.does("buyer", "award", auction_id="auc_t3", instead_of="bob")
    story.waits(300 + 3600)
    await _carry_out_due(story.shop.service)
    await story.does("ann", "inbox")
    await story.does(
        "buyer", "report_outcome", auction_id="auc_t3", provider="ann", success=True, quality=0.9
    )
    await story.does("", "get_agent", agent_id="bob")
    scoring = {"failure_price": 20, "use_track_record": True}
    await story.does("buyer", "create_auction", **asked, scoring=scoring)
    await story.does("bob", "submit_bid", auction_id="auc_t13", cost=5)
    await story.does("buyer", "award", auction_id="auc_t13")
    settled = {"failure_price": 10, "settle_confidence": 10}
    await story.does("buyer", "create_auction", task="Mend it", scoring=settled)
    await story.does("bob", "submit_bid", auction_id="auc_t16", cost=5, confidence=0.9)
    await story.does("buyer", "award", auction_id="auc_t16")
    await story.does("buyer", "report_outcome", auction_id="auc_t16", success=True)
    await story.does("bob", "get_auction", auction_id="auc_t16")


STORIES = {
    "a_market_learns": a_market_learns,
    "a_review_is_bought": a_review_is_bought,
    "prices_on_time_and_second_price": prices_on_time_and_second_price,
    "gpu_hours_are_shared": gpu_hours_are_shared,
    "five_agents_buy_together": five_agents_buy_together,
    "machines_are_needed_whole": machines_are_needed_whole,
}


@pytest.mark.parametrize("name", STORIES)
async def test_a_market_story_reads_as_recorded(name, golden):
    told = []
    for mode in ("auto", "legacy"):
        async with market(mode) as shop:
            story = Story(shop, name.replace("_", " ").capitalize())
            await STORIES[name](story)
            told.append(story.text())
    assert told[0] == told[1]
    golden(f"stories/{name}.txt", told[0])
