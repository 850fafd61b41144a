"""`agent-market serve`: the MCP server on standard input and output."""

import argparse
import gc
import logging
import sys
from dataclasses import replace

from server.cli.common import Commands, add_db
from server.config import settings


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "serve",
        help="serve the market to an MCP client over stdio",
        description="Serve the market to one MCP client over standard input and output.",
    )
    add_db(parser)
    parser.add_argument(
        "--agent", metavar="ID", help="act for this agent only (default: for whichever a call names)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until the client closes our input."""
    gc.disable()  # importing makes no garbage worth looking for; serving looks for it again
    import anyio

    from server.bootstrap import serve_stdio

    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="agent-market: %(levelname)s %(message)s"
    )
    chosen = settings(options.db, options.agent)
    if chosen.agent:
        chosen = replace(chosen, agent=_checked(chosen.agent))
    anyio.run(serve_stdio, chosen)
    return 0


def _checked(agent: str) -> str:
    from market_core.values import agent_id

    try:
        return agent_id(agent)
    except ValueError as error:
        sys.exit(f"agent-market: --agent {error}")
