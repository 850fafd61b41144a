"""`agent-market demo`: the whole market in half a minute, through real MCP clients and servers.

Each agent gets a server process of its own, started as mcp.json says; all share one database file, as a
desktop app, a terminal agent and a script would.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from server.cli.common import Commands, Stop

if TYPE_CHECKING:
    import anyio

    from server.cli.demo_agents import Agent, Player
    from server.cli.sheet import Sheet

_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 30.0  # seconds until a server that does not answer counts as gone
_ABOUT = """\
Play a market through: seven agents and a buyer, each with an MCP server of its own, on one database file.
Shows a first-price, a second-price and a scored auction, the clearing of a resource, and demand bought together,
with every bid, score and payment. Needs no network, no key and no setting; takes about fifteen seconds and leaves nothing behind.
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "demo",
        help="see three auctions, a clearing and a pool, played by real MCP clients",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="keep the market in this new database file, to look around"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Play the demonstration."""
    import anyio

    if options.keep and options.keep.exists():
        raise Stop(f"{options.keep} exists; the demonstration starts a new market: give a new file", 2)
    server = entry(_ROOT)
    with tempfile.TemporaryDirectory(prefix="agent-market-", ignore_cleanup_errors=True) as folder:
        db = options.keep.resolve() if options.keep else Path(folder) / "market.db"
        with (Path(folder) / "servers.log").open("w+", encoding="utf-8", errors="replace") as log:
            try:
                anyio.run(_play, _Stage(server, db, log), options.keep)
            except Exception as failure:
                raise Stop(_explained(failure, log)) from failure
        if options.keep:
            anyio.run(_fold, db)
    return 0


async def _fold(db: Path) -> None:
    """Leave one file: where all servers ended at once, none was the last to fold the journal into it."""
    from server.bootstrap import open_store

    await open_store(str(db)).close()


def _explained(error: BaseException, log: TextIO) -> str:
    """Return why the demonstration stopped, with the last words of the servers."""
    from mcp import MCPError

    from server.cli.demo_agents import Refused

    while isinstance(error, BaseExceptionGroup):  # tasks wrap what went wrong
        error = error.exceptions[0]
    known = isinstance(error, Refused | MCPError | OSError)
    why = str(error) if known else f"{type(error).__name__} {error}"
    log.seek(0)
    said = [f"  {line}" for line in log.read().strip().splitlines()[-10:]]
    return "\n".join(
        [f"the demonstration stopped: {why}", *(["The servers' last words:"] if said else []), *said]
    )


def entry(root: Path) -> tuple[str, list[str], dict[str, str]]:
    """Return command, arguments and environment of a server, as mcp.json in `root` has them.

    Where there is no mcp.json, or its command is not installed there: this Python with this code.
    """
    try:
        told = json.loads((root / "mcp.json").read_text(encoding="utf-8"))
        server: dict[str, Any] = next(iter(told["mcpServers"].values()))
        command = root / server["command"]
        if command.is_file():
            return str(command), list(server.get("args", ())), dict(server.get("env", {}))
    except FileNotFoundError:
        pass  # installed without a checkout
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
        raise Stop(f"{root / 'mcp.json'} does not name a server as MCP clients expect it") from None
    return sys.executable, ["-m", "server", "serve"], {}


@dataclass(slots=True)
class _Stage:
    """Where the agents meet: how their servers are started, and who is connected."""

    entry: tuple[str, list[str], dict[str, str]]
    db: Path
    log: TextIO
    cast: "dict[str, Agent]" = field(default_factory=dict)

    async def enter(self, players: "Sequence[Player]", tasks: "anyio.abc.TaskGroup") -> None:
        """Start a server for each player, all at once, and wait until each has registered."""
        import anyio

        async with anyio.create_task_group() as starting:
            for player in players:
                starting.start_soon(tasks.start, self._stay, player)

    async def _stay(self, player: "Player", *, task_status: "anyio.abc.TaskStatus[None]") -> None:
        """Connect an agent to a server of its own, and stay until cancelled."""
        import anyio
        from mcp import Client, StdioServerParameters
        from mcp.client.stdio import stdio_client

        from server.cli.demo_agents import Agent

        command, arguments, env = self.entry
        server = StdioServerParameters(
            command=command,
            args=[*arguments, "--agent", player.name, "--db", str(self.db)],
            env=env,
            cwd=_ROOT,
        )
        async with Client(stdio_client(server, errlog=self.log), read_timeout_seconds=_PATIENCE) as client:
            agent = Agent(player, client)
            await agent.join(player.capabilities)
            self.cast[player.name] = agent
            task_status.started()
            await anyio.sleep_forever()


async def _play(stage: _Stage, kept: Path | None) -> None:
    import anyio

    from server.cli import demo_agents, demo_pool, demo_story
    from server.cli.sheet import Sheet

    sheet = Sheet(width=100)
    sheet.heading("Agent Market: a demonstration")
    sheet.say(
        "Every agent has an MCP server process of its own, all on one database file, and acts through the tools alone. "
        "Amounts are credits, a unit of account: no money moves."
    )
    command, arguments, _ = stage.entry
    sheet.say(f"Server: {' '.join([command, *arguments])} --agent NAME --db FILE")
    async with anyio.create_task_group() as tasks:
        with _working(sheet, "starting the servers of five agents"):
            await stage.enter((demo_agents.BUYER, *demo_agents.PROVIDERS), tasks)
        async with anyio.create_task_group() as joining:
            joining.start_soon(stage.enter, demo_agents.SUPPLIERS, tasks)  # needed only in the last act
            show = demo_story.Show(sheet, stage.cast)
            for act in (
                demo_story.introduce,
                demo_story.first_price,
                demo_story.second_price,
                demo_story.scored,
            ):
                await act(show)
        await demo_story.clearing(show)
        await demo_pool.pool(show)
        demo_story.conclude(show)
        _say_what_next(sheet, kept)
        tasks.cancel_scope.cancel()


def _working(sheet: "Sheet", what: str) -> AbstractContextManager[object]:
    """Show that something is going on, where somebody watches."""
    return sheet.console.status(what) if sheet.console else nullcontext()


def _say_what_next(sheet: "Sheet", kept: Path | None) -> None:
    sheet.heading("What next")
    look = (
        ("agent-market auctions --db " + str(kept), "the market you just saw; also: show ID, verify")
        if kept
        else ("agent-market demo --keep demo.db", "the same, to look around in: auctions, show ID, verify")
    )
    program = Path(sys.executable).with_name("agent-market")
    add = f"claude mcp add --scope user market -- {program} serve"
    sheet.facts([look, (add, "let your own agent trade; or use mcp.json")])
