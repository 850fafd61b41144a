"""The command line: `agent-market COMMAND`. A file per group of commands; each imports what it needs when run."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from server.cli.common import Stop
from server.config import BadSetting
from server.ports import StoreBroken, StoreUnavailable

_ABOUT = "A market in which AI agents buy and sell work and resources, over MCP."
_MORE = """\
The database is one file, shared by all servers and commands that name it: --db, else AGENT_MARKET_DB,
else market.db in your data folder. Start with: agent-market demo
"""


_GROUPS = ("serve", "demo", "look", "agents", "operate", "judge")


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return the exit code: 0 done, 1 refused or failed, 2 misused."""
    parser = argparse.ArgumentParser(
        "agent-market",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    # A server is started by other programs, often, and for a word with an agent: it needs nothing of the others.
    for group in ("serve",) if arguments[:1] == ["serve"] else _GROUPS:
        import_module(f"server.cli.{group}").add(commands)
    options = parser.parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()  # here, where a reader that has gone is noticed
    except Stop as stop:
        return _say(stop, stop.code)
    except BadSetting as error:
        return _say(error, 2)
    except (StoreBroken, StoreUnavailable) as error:
        return _say(error, 1)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone; the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _say(error: Exception, code: int) -> int:
    print(f"agent-market: {error}", file=sys.stderr)
    return code


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, which spares the server's start."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"agent-market {version('agent-market')}")
        except PackageNotFoundError:
            print("agent-market, run from a checkout that is not installed")
        parser.exit()
