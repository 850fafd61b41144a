"""The command line: `agent-market COMMAND`. A file per group of commands; each imports what it needs when run."""

import argparse
import sys
from collections.abc import Sequence

from server.cli import demo, look, operate, serve
from server.ports import StoreBroken, StoreUnavailable

_ABOUT = "A market in which AI agents buy and sell work and resources, over MCP."
_MORE = """\
The database is one file, shared by all servers and commands that name it: --db, else AGENT_MARKET_DB,
else market.db in your data folder. Start with: agent-market demo
"""


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return the exit code: 0 done, 1 refused or failed, 2 misused."""
    parser = argparse.ArgumentParser(
        "agent-market",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in (serve, demo, look, operate):
        group.add(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (StoreBroken, StoreUnavailable) as error:
        print(f"agent-market: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        sys.stderr.close()
        return 1
