"""Write what is generated: the schemas of the tools, the README's tool table and story, and docs/reference.md.

`make docs` writes them; `--check` only says whether they are up to date (exit 1 if not).
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.types import Tool

from market_core.lifecycle import AUCTION_MOVES, ENTRY_MOVES
from market_core.rejections import WORDS
from server.identity import Identity
from server.protocol import TOOLS, build
from server.service import Service
from server.stores.memory import MemoryStore
from server.tools.registry import tools_of
from server.tools.schemas import WRITTEN, made_schemas

ROOT = Path(__file__).parent.parent


class _Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment it shows."""
        return self.moment


class _Ids:
    """Ids that count up, so that the story is the same each time."""

    def __init__(self) -> None:
        self._count = 0

    def token(self) -> str:
        """Return the next number."""
        self._count += 1
        return f"{self._count:03}"

    def nonce(self) -> str:
        """Return no chance at all."""
        return "5e" * 32


_STORY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "A reviewer says what it can do.",
        "register_agent",
        {
            "agent": "claude",
            "capabilities": ["Code review"],
            "attributes": {"language": "python"},
        },
    ),
    (
        "Another does, of another owner.",
        "register_agent",
        {
            "agent": "acme/reviewer-2",
            "capabilities": ["code-review"],
            "attributes": {"language": "python"},
        },
    ),
    (
        "A buyer posts a task. A second is worth 0.001 credits to it, and it wants the lowest true cost.",
        "create_auction",
        {
            "agent": "maria",
            "task": "Review the storage layer",
            "max_price": 5,
            "payment_rule": "second_price",
            "requirements": {"capabilities": ["code review"], "attributes": {"language": "Python"}},
            "scoring": {"time_price": 0.001},
            "closes_in": 600,
        },
    ),
    (
        "A bid without what the buyer prices is refused, and says what is missing.",
        "submit_bid",
        {
            "agent": "claude",
            "auction_id": "auc_003",
            "cost": 2,
        },
    ),
    (
        "So the reviewer says it.",
        "submit_bid",
        {
            "agent": "claude",
            "auction_id": "auc_003",
            "cost": 2,
            "estimated_time": 900,
        },
    ),
    (
        "The other one is quicker, but dearer.",
        "submit_bid",
        {
            "agent": "acme/reviewer-2",
            "auction_id": "auc_003",
            "cost": 3,
            "estimated_time": 300,
        },
    ),
    ("Before the deadline nothing can be decided.", "award", {"agent": "maria", "auction_id": "auc_003"}),
    ("After it the mechanism decides.", "award", {"agent": "maria", "auction_id": "auc_003"}),
    (
        "The work comes back, and its outcome joins the record.",
        "report_outcome",
        {
            "agent": "maria",
            "auction_id": "auc_003",
            "success": True,
            "actual_time": 840,
        },
    ),
)


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    result = await client.call_tool(tool, arguments)
    return "".join(block.text for block in result.content if block.type == "text")


async def _recorded() -> tuple[list[Tool], str]:
    """Return the tools, and the story told by a real client of a real server."""
    clock = _Clock()
    service = Service(MemoryStore(), clock, _Ids())
    async with service.running(), Client(build(service, Identity())) as client:
        tools = (await client.list_tools()).tools
        lines = []
        for said, tool, arguments in _STORY:
            if said.startswith("After"):
                clock.moment += timedelta(minutes=10)
            given = ", ".join(f"{name}={json.dumps(value)}" for name, value in arguments.items())
            lines.append(f"{said}\n\n```text\n> {tool}({given})\n{await _call(client, tool, arguments)}\n```")
    return tools, "\n\n".join(lines)


_GROUPS = {
    "Buying": ("buying", "planning", "reporting"),
    "Bidding": ("bidding",),
    "Resources": ("resources",),
    "Looking": ("reading", "inboxes"),
}


def _tool_table(tools: list[Tool]) -> str:
    said = {tool.name: _first_sentence(tool) for tool in tools}
    rows = []
    for group, modules in _GROUPS.items():
        names = tools_of(*(import_module(f"server.tools.{module}") for module in modules))
        rows += [f"| {group} | [`{name}`](docs/reference.md#{name}) | {said.pop(name)} |" for name in names]
    assert not said, f"in no group: {said}"
    return "\n".join(["| | tool | does |", "|---|---|---|", *rows])


def _first_sentence(tool: Tool) -> str:
    return re.split(r"(?<=\.)\s", tool.description or "", maxsplit=1)[0]


def _inputs(tool: Tool) -> str:
    names = list(tool.input_schema["properties"])
    required = tool.input_schema.get("required", [])
    listed = [f"**{name}**" for name in required] + [name for name in names if name not in required]
    return ", ".join(listed)


def _reference(tools: list[Tool]) -> Iterator[str]:
    yield "# Reference\n\nThis page is generated (`make docs`).\n\n## Tools\n"
    for tool in tools:
        yield f"### {tool.name}\n\n{tool.description}\n"
        yield "| argument | type | meaning |\n|---|---|---|"
        for name, schema in tool.input_schema["properties"].items():
            mark = " (required)" if name in tool.input_schema.get("required", []) else ""
            yield f"| `{name}`{mark} | {_type(schema)} | {schema.get('description', '')} |"
        yield ""
    yield "## Refusals\n\nIn order of precedence: where several apply, the first is given.\n"
    yield "| code | message | next | waiting helps |\n|---|---|---|---|"
    for code, words in WORDS.items():
        yield f"| `{code}` | {words.message} | {words.next} | {'yes' if words.transient else 'no'} |"
    yield "\n## Lifecycles\n\nEach line: status, move, status after it. Every other move is refused.\n"
    yield from _moves("auction", AUCTION_MOVES)
    yield from _moves("demand and offer", ENTRY_MOVES)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " / ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "object")
    return " / ".join(kind) if isinstance(kind, list) else str(kind)


def _moves(title: str, table: Mapping[Any, Mapping[Any, Any]]) -> Iterator[str]:
    yield f"### {title}\n\n| status | move | then |\n|---|---|---|"
    for status, moves in table.items():
        for move, then in moves.items():
            yield f"| {status} | {move} | {then} |"
        if not moves:
            yield f"| {status} | none | final |"
    yield ""


def _between(text: str, name: str, content: str) -> str:
    """Return `text` with what stands between the marks of `name` replaced."""
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n{end}{after}"


def _written() -> Iterator[tuple[Path, str]]:
    """Yield each file and its text; the schemas first, for the rest shows what is listed of them."""
    yield WRITTEN, made_schemas(TOOLS)
    tools, story = anyio.run(_recorded)
    readme = ROOT / "README.md"
    text = _between(readme.read_text(encoding="utf-8"), "tools", _tool_table(tools))
    yield readme, _between(text, "story", story)
    yield ROOT / "docs" / "reference.md", "\n".join(_reference(tools)).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the generated parts, or with --check compare them; return the exit code."""
    stale = 0
    for path, text in _written():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make docs`\n")
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
