"""What several commands share: the --db option, and a market to look into."""

import argparse
from typing import Any

from server.config import settings

Commands = Any  # argparse keeps the type of its sub-parsers to itself


def add_db(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the database."""
    parser.add_argument(
        "--db", metavar="PATH", help="the database file, or :memory: (default: see agent-market --help)"
    )


def db_of(options: argparse.Namespace) -> str:
    """Return the database that a command line means."""
    return settings(options.db, None).db
