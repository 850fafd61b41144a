"""The market as MCP resources: read like the tools, completed, and watched."""

import json

import anyio
import pytest
from mcp import MCPError
from mcp.client.subscriptions import ListenNotSupportedError
from mcp.types import ResourceTemplateReference

from server.protocol import publishing
from server.tools.guide import GUIDE
from tests.server.shell import market

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


async def read(shop, uri: str) -> object:
    (content,) = (await shop.client.read_resource(uri)).contents
    assert content.mime_type == "application/json"
    return json.loads(content.text)


@MODES
async def test_a_resource_shows_what_the_tool_of_its_name_answers_the_public(mode):
    async with market(mode) as shop:
        auction_id = await shop.create(max_price=9)
        await shop.bid(auction_id, "acme/x", 5)
        await shop.ask("register_agent", agent="acme/x", capabilities=["review"])
        await shop.ask("request_resources", agent="p", resource="GPU hours", quantity=1)
        seen = await read(shop, f"market://auctions/{auction_id}")
        assert seen == await shop.ask("get_auction", auction_id=auction_id)
        assert "own_bid" not in seen
        assert await read(shop, "market://resources/gpu-hours") == await shop.ask(
            "get_resource", resource="gpu-hours"
        )
        assert await read(shop, "market://agents/acme/x") == await shop.ask("get_agent", agent_id="acme/x")
        (guide,) = (await shop.client.read_resource("market://guide")).contents
        assert (guide.mime_type, guide.text) == ("text/markdown", GUIDE)


@MODES
async def test_a_bound_server_shows_its_agent_what_is_its_own(mode):
    async with market(mode, bound="p") as shop:
        from market_core.commands import CreateAuction
        from tests.server.shell import said

        await shop.service.execute(CreateAuction(agent="buyer", task="t"), said)
        await shop.ask("submit_bid", auction_id="auc_t1", cost=5)
        assert (await read(shop, "market://auctions/auc_t1"))["own_bid"]["cost"] == 5


@MODES
@pytest.mark.parametrize(
    "uri",
    ["market://auctions/auc_none", "market://resources/none", "market://agents/none", "market://nothing/x"],
)
async def test_what_does_not_exist_is_not_found(mode, uri):
    async with market(mode) as shop:
        with pytest.raises(MCPError) as refused:
            await shop.client.read_resource(uri)
        assert refused.value.code == -32602


@MODES
async def test_ids_are_completed(mode):
    async with market(mode) as shop:
        for _ in range(3):
            await shop.create()
        await shop.ask("register_agent", agent="acme/x")
        await shop.ask("request_resources", agent="p", resource="GPU hours", quantity=1)

        async def complete(template: str, name: str, value: str) -> list[str]:
            ref = ResourceTemplateReference(uri=template)
            return (await shop.client.complete(ref, {"name": name, "value": value})).completion.values

        assert await complete("market://auctions/{auction_id}", "auction_id", "auc_") == [
            "auc_t3",
            "auc_t2",
            "auc_t1",
        ]
        assert await complete("market://auctions/{auction_id}", "auction_id", "auc_t2") == ["auc_t2"]
        assert await complete("market://resources/{name}", "name", "g") == ["gpu-hours"]
        assert await complete("market://agents/{+agent_id}", "agent_id", "ac") == ["acme/x"]
        assert await complete("market://agents/{+agent_id}", "agent_id", "zz") == []


async def test_a_listener_hears_of_what_it_asked_for_and_of_nothing_else():
    async with market() as shop:
        mine, other = await shop.create(), await shop.create()
        await shop.ask("request_resources", agent="p", resource="gpu", quantity=1)
        uris = [f"market://auctions/{mine}", "market://resources/gpu"]
        async with publishing(shop.client.server):
            with anyio.fail_after(10):
                async with shop.client.listen(resource_subscriptions=uris) as listening:
                    heard = aiter(listening)
                    await shop.bid(other, "p", 1)
                    await shop.bid(mine, "p", 1)
                    assert (await anext(heard)).uri == uris[0]
                    await shop.ask("offer_resources", agent="q", resource="GPU", quantity=1, unit_price=1)
                    assert (await anext(heard)).uri == uris[1]
                    await shop.ask("award", agent="buyer", auction_id=mine)
                    assert (await anext(heard)).uri == uris[0]


async def test_nobody_polls_while_nobody_listens():
    async with market() as shop:
        bus = shop.client.server.bus
        async with publishing(shop.client.server):
            uri = f"market://auctions/{await shop.create()}"
            for _ in range(2):
                async with shop.client.listen(resource_subscriptions=[uri]):
                    assert (bus.listeners, bus.listened.is_set()) == (1, True)
                with anyio.fail_after(5):
                    while bus.listeners:
                        await anyio.lowlevel.checkpoint()
                assert not bus.listened.is_set()


async def test_an_older_client_is_told_that_it_cannot_listen():
    async with market("legacy") as shop:
        with pytest.raises(ListenNotSupportedError):
            async with shop.client.listen(resource_subscriptions=["market://guide"]):
                pass
