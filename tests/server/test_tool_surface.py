"""What a client reads before it calls anything: names, hints, descriptions, schemas, and how long all that is."""

import json

import pytest

from server.protocol import TOOLS
from server.tools.schemas import WRITTEN, made_schemas
from tests.server.shell import market

READERS = {
    "plan_auction",
    "preview_award",
    "get_auction",
    "list_auctions",
    "get_resource",
    "get_agent",
    "inbox",
}
FINAL = {"award", "close_auction", "withdraw"}
WRITERS = {
    "create_auction",
    "submit_bid",
    "submit_bids",
    "report_outcome",
    "request_resources",
    "request_bundle",
    "offer_resources",
    "aggregate_demand",
    "register_agent",
}


async def surface(mode: str = "auto") -> dict[str, dict]:
    async with market(mode) as shop:
        tools = (await shop.client.list_tools()).tools
        return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools}


def tokens(tool: dict) -> float:
    """Return about how many tokens a model reads of a tool: characters / 4."""
    read = {name: tool[name] for name in ("name", "title", "description", "inputSchema", "outputSchema")}
    return len(json.dumps(read, ensure_ascii=False, separators=(",", ":"))) / 4


async def test_the_tools_are_the_promised_ones_in_both_eras():
    modern, legacy = await surface("auto"), await surface("legacy")
    assert set(modern) == READERS | FINAL | WRITERS
    assert modern == legacy


def test_the_schemas_that_are_listed_are_those_of_the_models():
    assert WRITTEN.read_text(encoding="utf-8") == made_schemas(TOOLS), "run `make docs`"


async def test_every_tool_has_a_title_and_all_four_hints():
    hints = {
        "read": {
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
        },
        "final": {
            "readOnlyHint": False,
            "destructiveHint": True,
            "idempotentHint": False,
            "openWorldHint": False,
        },
        "write": {
            "readOnlyHint": False,
            "destructiveHint": False,
            "idempotentHint": False,
            "openWorldHint": False,
        },
    }
    for name, tool in (await surface()).items():
        kind = "read" if name in READERS else "final" if name in FINAL else "write"
        assert tool["title"], name
        assert tool["annotations"] == hints[kind], name


async def test_every_description_is_short_and_says_what_changes():
    for name, tool in (await surface()).items():
        assert 100 < len(tool["description"].encode()) < 2048, name
        assert ("Changes nothing." in tool["description"]) == (name in READERS), name
        assert "Returns" in tool["description"] or name in READERS, name


async def test_every_schema_is_closed_described_and_without_nulls():
    for name, tool in (await surface()).items():
        inputs, outputs = tool["inputSchema"], tool["outputSchema"]
        assert inputs["type"] == outputs["type"] == "object"
        assert inputs["additionalProperties"] is False
        assert "agent" in inputs["properties"], name
        assert ("idempotency_key" in inputs["properties"]) == (name not in READERS), name
        assert '"null"' not in json.dumps(tool), name
        undescribed = {field for field, part in inputs["properties"].items() if "description" not in part}
        assert undescribed <= {"auction_id", "limit"}, name


async def test_the_whole_tool_list_and_each_tool_stay_within_their_budgets():
    sizes = {name: tokens(tool) for name, tool in (await surface()).items()}
    assert sum(sizes.values()) <= 10_000, sizes
    large = {name: f"{size:.0f} tokens" for name, size in sizes.items() if size > _most(name)}
    assert large == {}, "shorten a description: a model has the whole list in its context"


def _most(tool: str) -> int:
    return 1_500 if tool == "create_auction" else 600


async def test_the_instructions_are_short_and_name_only_tools_that_exist():
    async with market() as shop:
        text = shop.client.instructions
    assert len(text) <= 2048
    named = {word.strip("(),.:") for word in text.replace("(", " ").split() if "_" in word}
    fields = {"max_price", "pay_as_bid", "second_price", "idempotency_key"}
    assert named <= (READERS | FINAL | WRITERS | fields), named


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_server_says_who_it_is(mode):
    async with market(mode) as shop:
        info = shop.client.server_info
        assert (info.name, info.title) == ("agent-market", "Agent Market")
