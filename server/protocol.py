"""The MCP server: our tools and resources on the SDK's server, strict arguments, refusals in our form."""

import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import anyio
from mcp.server import CacheHint, MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import Field
from pydantic.fields import FieldInfo

from server import errors
from server.identity import Identity
from server.mcp_resources import ListenedBus, add_resources, publish_changes
from server.service import Service
from server.tools import bidding, buying, inboxes, reading, resources
from server.tools.guide import INSTRUCTIONS
from server.tools.registry import AgentArgument, Call, KeyArgument, Tool, tools_of

TOOLS: Mapping[str, Tool] = tools_of(buying, bidding, resources, reading, inboxes)
"""All tools by name, in the order in which they are listed."""
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


class MarketServer(MCPServer[Any]):
    """The SDK's server with our manner of refusing: unknown names and bad values answered like all else."""

    def __init__(self, service: Service, identity: Identity) -> None:
        call = Call(service, identity)
        self.service = service
        self.bus = ListenedBus()
        super().__init__(
            "agent-market",
            title="Agent Market",
            version=_version(),
            instructions=INSTRUCTIONS,
            log_level="ERROR",
            tools=[_sdk_tool(tool, call) for tool in TOOLS.values()],
            subscriptions=self.bus,
            cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000, scope="public")},
        )
        self._arguments = {tool.name: list(_parameters(tool)) for tool in TOOLS.values()}
        add_resources(self, call)

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool. Arguments that are null count as left out; unknown ones are refused."""
        allowed = self._arguments.get(name)
        if allowed is None:
            return errors.refusal(errors.unknown_tool(name, self._arguments))
        given = {key: value for key, value in arguments.items() if value is not None}
        if (unknown := errors.unknown_arguments(given, allowed)) is not None:
            return errors.refusal(unknown)
        try:
            return await super().call_tool(name, given, context)
        except ToolError as error:
            cause = error.__cause__
            return errors.failure(cause if isinstance(cause, Exception) else error, name)


def _version() -> str:
    try:
        return version("agent-market")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"


def _parameters(tool: Tool) -> dict[str, inspect.Parameter]:
    """Return a tool's parameters: its model's fields, then who acts and the idempotency key."""
    fields = {
        name: inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty
            if field.is_required()
            else field.get_default(call_default_factory=True),
            annotation=Annotated[
                field.annotation, *field.metadata, Field(description=field.description, strict=_strict(field))
            ],
        )
        for name, field in tool.arguments.model_fields.items()
        if name != "agent"
    }
    extra = {"agent": AgentArgument} | ({"idempotency_key": KeyArgument} if tool.hints != "read" else {})
    return fields | {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=annotation)
        for name, annotation in extra.items()
    }


def _strict(field: FieldInfo) -> bool | None:
    """A plain `int` would take true as 1, and a plain `bool` "yes" as true."""
    return True if field.annotation in (bool, int, float, str) else None


def _sdk_tool(tool: Tool, call: Call) -> SdkTool:
    parameters = _parameters(tool)

    async def run(**given: Any) -> CallToolResult:
        key = given.pop("idempotency_key", "")
        try:
            answer = await tool.run(Call(call.service, call.identity, key), given)
        except Exception as error:  # noqa: BLE001 - translated, and logged where it is ours
            return errors.failure(error, tool.name)
        return CallToolResult(content=[TextContent(text=answer.text)], structured_content=answer.content)

    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        list(parameters.values()), return_annotation=Annotated[CallToolResult, tool.answer]
    )
    made = SdkTool.from_function(
        run, name=tool.name, title=tool.title, description=tool.description, annotations=_HINTS[tool.hints]
    )
    made.parameters = _slim(made.parameters) | {"additionalProperties": False}
    made.fn_metadata.output_schema = _bare(_slim(made.fn_metadata.output_schema or {}))
    return made


def _slim(schema: Any) -> Any:
    """Return a JSON schema without what tells a model nothing: titles, nulls, defaults that are empty."""
    if isinstance(schema, list):
        return [_slim(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _slim({**choices[0], **rest})
    return {
        key: {name: _slim(sub) for name, sub in value.items()}
        if key in ("properties", "$defs")
        else _slim(value)
        for key, value in schema.items()
        if not (
            key == "title"
            or (key == "default" and (not value or isinstance(value, dict | list) or value == "0"))
        )
    }


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an output schema without what its parts' field names say already, which keeps the list of tools short."""
    parts = {
        name: {key: value for key, value in part.items() if key not in ("description", "required")}
        for name, part in schema.get("$defs", {}).items()
    }
    return {**schema, "$defs": parts} if parts else schema


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
