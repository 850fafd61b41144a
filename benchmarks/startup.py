"""From the start of the process to the first list of tools over stdio, and the memory then held.

The market (its database file already there, as on all starts but the first) against a bare MCPServer with one tool,
by turns.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from common import ROOT, machine, market, module, table, verdict
from mcp import StdioServerParameters

_CLIENT = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


@dataclass(frozen=True)
class Start:
    """One start: seconds to the list of tools, and MiB resident after it."""

    seconds: float
    memory: float


async def start(server: StdioServerParameters) -> Start:
    """Start a server, ask for its tools, and stop it. No SDK on this side: its work would be in the time."""
    began = perf_counter()
    process = await asyncio.create_subprocess_exec(
        server.command,
        *server.args,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=2**22,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    async def send(message: dict[str, Any]) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await process.stdin.drain()

    await send({"id": 1, "method": "initialize", "params": _CLIENT})
    await process.stdout.readline()
    await send({"method": "notifications/initialized"})
    await send({"id": 2, "method": "tools/list"})
    tools = json.loads(await process.stdout.readline())["result"]["tools"]
    seconds = perf_counter() - began
    assert tools
    memory = _resident(process.pid)
    process.stdin.close()
    await process.wait()
    return Start(seconds, memory)


def _resident(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kib) / 1024


async def measure(times: int) -> None:
    """Start both `times` times by turns and print the table."""
    print(machine())
    starts: dict[str, list[Start]] = {"bare": [], "market": []}
    with tempfile.TemporaryDirectory() as folder:
        servers = {
            "bare": module("benchmarks.noop_server", "--bare"),
            "market": market(Path(folder) / "market.db"),
        }
        for server in servers.values():  # compiles what is not compiled, and makes the database
            await start(server)
        for turn in range(times):
            for name in sorted(servers, reverse=bool(turn % 2)):
                starts[name].append(await start(servers[name]))
    seconds = {name: [one.seconds for one in runs] for name, runs in starts.items()}
    memory = {name: statistics.median(one.memory for one in runs) for name, runs in starts.items()}
    rows = [
        _row("best, s", min(seconds["bare"]), min(seconds["market"]), 1.2),
        _row("median, s", statistics.median(seconds["bare"]), statistics.median(seconds["market"]), 1.2),
        _row("resident memory, MiB", memory["bare"], memory["market"], 1.3),
    ]
    print(table([f"to the first tools/list, {times} starts", "bare", "market", "ratio", "target", ""], rows))


def _row(what: str, bare: float, ours: float, most: float) -> list[str]:
    return [
        what,
        f"{bare:.2f}",
        f"{ours:.2f}",
        f"{ours / bare:.2f}",
        f"<= {most}",
        verdict(ours / bare <= most),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer starts; noisier")
    options = parser.parse_args()
    if not Path("/proc/self/status").exists():
        sys.exit("startup.py reads the memory from /proc, which this system does not have")
    asyncio.run(measure(5 if options.quick else 15))


if __name__ == "__main__":
    main()
