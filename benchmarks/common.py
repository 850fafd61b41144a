"""What the benchmarks share: servers as subprocesses, checked calls, tables."""

import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters

ROOT = Path(__file__).resolve().parent.parent


def module(name: str, *arguments: str) -> StdioServerParameters:
    """Return how to start `python -m name arguments` as a stdio server, from the repository's root."""
    return StdioServerParameters(command=sys.executable, args=["-m", name, *arguments], cwd=str(ROOT))


def market(db: Path) -> StdioServerParameters:
    """Return how to start the market on the database file `db`."""
    return module("server", "serve", "--db", str(db))


async def call(client: Client, tool: str, **arguments: object) -> dict[str, Any]:
    """Call a tool and return its structured content. Raises RuntimeError for a refusal."""
    result = await client.call_tool(tool, arguments)
    if result.is_error or result.structured_content is None:
        raise RuntimeError(f"{tool}: {result.content}")
    content: dict[str, Any] = result.structured_content
    return content


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [heads, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(w) for cell, w in zip(line, widths, strict=True))} |" for line in lines
    )


def verdict(met: bool) -> str:
    """Return how a figure stands to its target."""
    return "met" if met else "MISSED"


def machine() -> str:
    """Return one line about the machine, with the load (of one minute) that was there before us."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    system = f"{platform.machine()} {platform.system()}"
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {system}, load {load}"


def file_system(path: Path) -> str:
    """Return the type of the file system that holds `path`, or `unknown` where /proc does not say."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    place = path.resolve()
    held = [
        (len(where), kind)
        for _, where, kind, *_ in map(str.split, mounts.read_text().splitlines())
        if place.is_relative_to(where)
    ]
    return max(held)[1]
