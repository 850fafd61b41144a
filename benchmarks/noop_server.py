"""The yardstick: a bare MCPServer over stdio with one tool that does nothing.

`python -m benchmarks.noop_server` has submit_bid's arguments and answer; with `--sync FILE` it syncs
that file to the slow disk before it answers; with `--bare` the tool is a plain one and nothing of the market is imported
(for startup.py).
"""

import inspect
import os
import sys
import time
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.types import CallToolResult, TextContent
from pydantic import Field

DELAY = 0.005  # seconds that the slow disk takes longer


def bare() -> MCPServer:
    """Return a server with the smallest tool there is."""
    server = MCPServer("noop", log_level="ERROR")

    @server.tool()
    async def noop(text: str = "") -> str:
        """Return what was given."""
        return text

    return server


def synced(path: str) -> None:
    """Write 4 KiB to a file, as durably as the slow disk does it, and as slowly."""
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.write(file, bytes(4096))
    os.fsync(file)
    os.close(file)
    time.sleep(DELAY)


def same_signature(sync: str = "") -> MCPServer:
    """Return a server whose submit_bid takes and answers what the market's does, and does nothing.

    With `sync` it syncs that file first.
    """
    from market_core.commands import SubmitBid  # noqa: PLC0415 - not in the bare server
    from server.tools.answers import BidReceipt  # noqa: PLC0415

    async def submit_bid(**given: Any) -> CallToolResult:
        """Answer as if the bid stood."""
        if sync:
            synced(sync)
        cost = given["cost"]
        receipt = BidReceipt(
            bid_id="bid_0123456789_0123456789",
            auction_id=given["auction_id"],
            status="standing",
            cost=cost,
            score=cost,
        )
        text = (
            f"Bid {receipt.bid_id} stands: cost {cost}, score {cost} (lowest wins).\nNext: inbox with wait says "
            "whether you won; submit_bid again to change it, withdraw to leave."
        )
        return CallToolResult(
            content=[TextContent(text=text)],
            structured_content=receipt.model_dump(mode="json", exclude_none=True),
        )

    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if field.is_required()
            else field.get_default(call_default_factory=True),
            annotation=Annotated[field.annotation, *field.metadata, Field(description=field.description)],
        )
        for name, field in SubmitBid.model_fields.items()
    ]
    key = inspect.Parameter("idempotency_key", inspect.Parameter.KEYWORD_ONLY, default="", annotation=str)
    submit_bid.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*parameters, key], return_annotation=Annotated[CallToolResult, BidReceipt]
    )
    server = MCPServer("noop", log_level="ERROR")
    server.tool()(submit_bid)
    return server


if __name__ == "__main__":
    (bare() if "--bare" in sys.argv else same_signature(sys.argv[-1] if "--sync" in sys.argv else "")).run()
