"""The MCP server: our tools and resources on the SDK's server, with our own schemas, arguments and refusals."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio
from mcp.server import CacheHint, Server, ServerRequestContext
from mcp.server.subscriptions import ListenHandler
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as McpTool

from server import errors
from server.batch import Answer
from server.identity import Identity
from server.mcp_resources import ListenedBus, Resources, publish_changes
from server.service import Service
from server.stdio import stdio_streams
from server.tools import bidding, buying, inboxes, planning, reading, reporting, resources
from server.tools.guide import INSTRUCTIONS
from server.tools.registry import Call, Progress, Tool, quiet, tools_of
from server.tools.schemas import Arguments, Schemas, written_schemas

TOOLS: Mapping[str, Tool] = tools_of(buying, planning, reporting, bidding, resources, reading, inboxes)
"""All tools by name, in the order in which they are listed."""
_ARGUMENTS = {name: Arguments(tool) for name, tool in TOOLS.items()}
_HINTS: Mapping[str, ToolAnnotations] = {
    "read": ToolAnnotations(
        read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
    ),
    "final": ToolAnnotations(
        read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=False
    ),
    "write": ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
    ),
}


class MarketServer(Server[Any]):
    """The MCP server of a running service, for callers of one identity."""

    def __init__(self, service: Service, identity: Identity) -> None:
        self.service = service
        self.bus = ListenedBus()
        self._identity = identity
        shown = Resources(Call(service, identity))
        super().__init__(
            "agent-market",
            title="Agent Market",
            version=_version(),
            instructions=INSTRUCTIONS,
            cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=shown.list,
            on_list_resource_templates=shown.list_templates,
            on_read_resource=shown.read,
            on_completion=shown.complete,
            on_subscriptions_listen=ListenHandler(self.bus),
        )

    async def _list_tools(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        schemas = written_schemas()
        return ListToolsResult(tools=[_listed(tool, schemas[tool.name]) for tool in TOOLS.values()])

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        return await self.call_tool(params.name, params.arguments or {}, context.session.report_progress)

    async def call_tool(
        self, name: str, arguments: Mapping[str, Any], progress: Progress = quiet
    ) -> CallToolResult:
        """Call a tool. Whatever goes wrong comes back as a result that a model can read."""
        answer = await errors.caught(self._answer(name, arguments, progress), name)
        if isinstance(answer, CallToolResult):
            return answer
        return CallToolResult(content=[TextContent(text=answer.text)], structured_content=answer.content)

    async def _answer(self, name: str, arguments: Mapping[str, Any], progress: Progress) -> Answer:
        tool = TOOLS.get(name)
        if tool is None:
            raise errors.unknown_tool(name, TOOLS)
        given, key = _ARGUMENTS[name].read(arguments)
        return await tool.run(Call(self.service, self._identity, key, progress), given)


def _version() -> str:
    try:
        return version("agent-market")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"


def _listed(tool: Tool, schemas: Schemas) -> McpTool:
    return McpTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schemas["input"],
        output_schema=schemas["output"],
        annotations=_HINTS[tool.hints],
    )


def build(service: Service, identity: Identity) -> MarketServer:
    """Return the MCP server of a running service."""
    return MarketServer(service, identity)


@asynccontextmanager
async def publishing(server: MarketServer) -> AsyncIterator[None]:
    """Tell subscribed clients of changed auctions and resources while the block runs."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(publish_changes, server.service, server.bus)
        yield
        tasks.cancel_scope.cancel()


async def serve_stdio(server: MarketServer) -> None:
    """Serve one client over standard input and output until the input ends."""
    async with publishing(server), stdio_streams() as (read, write):
        await server.run(read, write, server.create_initialization_options())
