"""Auctions, resources, agents and the guide as MCP resources, with completions and change notifications."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from mcp.types import Completion, ResourceTemplateReference

from market_core.rejections import Rejection
from server.ports import Posted, Query, StoreBroken, StoreUnavailable
from server.service import Service
from server.tools import reading
from server.tools.guide import GUIDE
from server.tools.registry import Call, tools_of

_COMPLETED = {"auction_id": "auction", "name": "resource", "agent_id": "agent"}
_MOST = 100
log = logging.getLogger("agent_market")
_JSON = "application/json"


class ListenedBus(InMemorySubscriptionBus):
    """A bus that knows whether anybody listens, so that nobody polls for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners = 0
        self.listened = anyio.Event()

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        """Register `listener`; return what takes it off again, which may be called twice."""
        unsubscribe = super().subscribe(listener)
        self.listeners += 1
        self.listened.set()
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self.listeners -= 1
                if not self.listeners:
                    self.listened = anyio.Event()
            unsubscribe()

        return leave


async def publish_changes(service: Service, bus: ListenedBus) -> None:
    """Tell listeners, for ever, which auctions and resources changed, in this process or another."""
    while True:
        await bus.listened.wait()
        try:
            await _publish_while_listened(service, bus)
        except (StoreUnavailable, StoreBroken) as error:
            log.warning("changes cannot be told now: %s", error)
            await anyio.sleep(1)


async def _publish_while_listened(service: Service, bus: ListenedBus) -> None:
    position = await service.store.last_position()
    while bus.listeners:
        with anyio.move_on_after(1):
            await service.store.watch()
        for posted in await service.store.posted_after(position, 1000):
            position = posted.position
            await bus.publish(ResourceUpdated(uri=uri_of(posted)))


def uri_of(posted: Posted) -> str:
    """Return the URI of what a notice is about."""
    ref = posted.notice.ref
    return f"market://{'auctions' if ref.startswith('auc_') else 'resources'}/{ref}"


def add_resources(server: MCPServer[Any], call: Call) -> None:
    """Give `server` the market's resources; what they show is what the tools of the same name answer."""

    @server.resource("market://guide", title="How this market works", mime_type="text/markdown")
    def guide() -> str:
        """The whole guide: buying, selling, payment rules, resources, fairness."""
        return GUIDE

    @server.resource("market://auctions/{auction_id}", title="Auction", mime_type=_JSON)
    async def auction(auction_id: str) -> str:
        """One auction, as get_auction shows it."""
        return await _seen(call, "get_auction", {"auction_id": auction_id})

    @server.resource("market://resources/{name}", title="Resource", mime_type=_JSON)
    async def resource(name: str) -> str:
        """One resource's book, as get_resource shows it."""
        return await _seen(call, "get_resource", {"resource": name})

    @server.resource("market://agents/{+agent_id}", title="Agent", mime_type=_JSON)
    async def agent(agent_id: str) -> str:
        """One agent's card and record, as get_agent shows it."""
        return await _seen(call, "get_agent", {"agent_id": agent_id})

    _add_completions(server, call.service)


async def _seen(call: Call, tool: str, arguments: dict[str, Any]) -> str:
    run: Callable[[Call, dict[str, Any]], Awaitable[Any]] = tools_of(reading)[tool].run
    try:
        answer = await run(call, arguments)
    except Rejection as refusal:
        raise ResourceNotFoundError(f"{refusal.message}. Next: {refusal.next}.") from None
    except ValueError:  # an id that cannot be one
        raise ResourceNotFoundError("there is nothing with this id") from None
    except StoreUnavailable:
        raise ResourceError("the market's database cannot be read now; try again in a moment") from None
    return json.dumps(answer.content, ensure_ascii=False)


def _add_completions(server: MCPServer[Any], service: Service) -> None:
    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]
    async def complete(ref: Any, argument: Any, _context: Any) -> Completion | None:
        kind = _COMPLETED.get(argument.name)
        if kind is None or not isinstance(ref, ResourceTemplateReference):
            return None
        page = await service.store.find(Query(kind, limit=1000))
        ids = [found.summary.id for found in page.found]
        matching = [some_id for some_id in ids if some_id.startswith(argument.value)]
        return Completion(values=matching[:_MOST], total=len(matching), has_more=len(matching) > _MOST)
