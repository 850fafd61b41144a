"""Auctions, resources, agents and the guide as MCP resources, with completions and change notifications."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.lowlevel
from mcp import MCPError
from mcp.server import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated, ServerEvent
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    ResourceTemplateReference,
    TextResourceContents,
)

from market_core.rejections import Code
from server.batch import Answer
from server.errors import caught
from server.ports import Posted, Query, StoreBroken, StoreUnavailable
from server.service import Service
from server.tools import reading
from server.tools.guide import GUIDE
from server.tools.registry import Call, tools_of

_MOST = 100
log = logging.getLogger("agent_market")
_GUIDE = Resource(
    name="guide",
    uri="market://guide",
    title="How this market works",
    description="The whole guide: buying, selling, payment rules, resources, fairness.",
    mime_type="text/markdown",
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Resources of one kind: what a read-only tool answers about the thing that stands at the URI's end."""

    name: str
    title: str
    description: str
    place: str  # before the thing's id in the URI
    variable: str  # the template's name for the id
    tool: str
    argument: str

    @property
    def template(self) -> ResourceTemplate:
        return ResourceTemplate(
            name=self.name,
            title=self.title,
            description=self.description,
            uri_template=f"{self.place}{{{self.variable}}}",
            mime_type="application/json",
        )


_KINDS = (
    _Kind(
        "auction",
        "Auction",
        "One auction, as get_auction shows it.",
        "market://auctions/",
        "auction_id",
        "get_auction",
        "auction_id",
    ),
    _Kind(
        "resource",
        "Resource",
        "One resource's book, as get_resource shows it.",
        "market://resources/",
        "name",
        "get_resource",
        "resource",
    ),
    _Kind(
        "agent",
        "Agent",
        "One agent's card and record, as get_agent shows it.",
        "market://agents/",
        "+agent_id",  # an agent's id may hold a slash
        "get_agent",
        "agent_id",
    ),
)


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
        page = await service.store.posted_after(position, 1000)
        if not page:
            with anyio.move_on_after(1):
                await service.store.watch()
            continue
        position = page[-1].position
        for uri in dict.fromkeys(map(uri_of, page)):  # a large clearing makes many notices about one thing
            await bus.publish(ResourceUpdated(uri=uri))
        await anyio.lowlevel.checkpoint()


def uri_of(posted: Posted) -> str:
    """Return the URI of what a notice is about."""
    ref = posted.notice.ref
    return f"market://{'auctions' if ref.startswith('auc_') else 'resources'}/{ref}"


class Resources:
    """The handlers for MCP resources; what they show is what the tools of the same name answer."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def list(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """List the guide; the rest are templates."""
        return ListResourcesResult(resources=[_GUIDE])

    async def list_templates(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """List the templates."""
        return ListResourceTemplatesResult(resource_templates=[kind.template for kind in _KINDS])

    async def read(
        self, _context: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        """Return the guide, or what a tool answers."""
        uri = str(params.uri)
        mime, text = ("text/markdown", GUIDE) if uri == _GUIDE.uri else await self._seen(uri)
        return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=mime, text=text)])

    async def _seen(self, uri: str) -> tuple[str, str]:
        kind = next((kind for kind in _KINDS if uri.startswith(kind.place)), None)
        if kind is None:
            raise MCPError(INVALID_PARAMS, "there is nothing of this kind", {"uri": uri})
        given = {kind.argument: unquote(uri.removeprefix(kind.place))}
        answer = await caught(tools_of(reading)[kind.tool].run(self._call, given), uri)
        if isinstance(answer, Answer):
            return "application/json", json.dumps(answer.content, ensure_ascii=False)
        error = answer.structured_content or {}
        ours = error["code"] in ("internal_error", Code.STORE_UNAVAILABLE, Code.STORE_BROKEN)
        then = f"{error['message']}. Next: {error['next']}." if "next" in error else error["message"]
        raise MCPError(INTERNAL_ERROR if ours else INVALID_PARAMS, then, {"uri": uri})

    async def complete(
        self, _context: ServerRequestContext[Any], params: CompleteRequestParams
    ) -> CompleteResult:
        """Complete the id in a template, newest first."""
        kind = next((kind for kind in _KINDS if kind.variable.lstrip("+") == params.argument.name), None)
        if kind is None or not isinstance(params.ref, ResourceTemplateReference):
            return CompleteResult(completion=Completion(values=[]))
        page = await self._call.service.store.find(Query(kind.name, limit=1000))
        ids = [found.summary.id for found in page.found]
        matching = [some_id for some_id in ids if some_id.startswith(params.argument.value)]
        return CompleteResult(
            completion=Completion(
                values=matching[:_MOST], total=len(matching), has_more=len(matching) > _MOST
            )
        )
