"""What several commands share: the --db option, how they stop, and a market to look into."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.config import MEMORY, settings

if TYPE_CHECKING:
    from server.ports import EventStore
    from server.service import Service

Commands = Any  # argparse keeps the type of its sub-parsers to itself


class Stop(Exception):  # noqa: N818 - the end of a command, not a fault of ours
    """The command ends here: its text goes to standard error, `code` (1 failed, 2 misused) to the shell."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def add_db(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the database."""
    parser.add_argument(
        "--db", metavar="PATH", help="the database file, or :memory: (default: see agent-market --help)"
    )


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the database, for commands that need one that outlives them."""
    parser.add_argument("--db", metavar="PATH", help="the database file (default: see agent-market --help)")


def db_of(options: argparse.Namespace) -> str:
    """Return the database file that a command line means. Raises Stop for one that is not a file."""
    db = settings(options.db, None).db
    if db == MEMORY:
        raise Stop(f"{MEMORY} lives and dies with its own process; name a database file", 2)
    return db


def existing_db(options: argparse.Namespace) -> str:
    """Return the database file that a command line means. Raises Stop where there is nothing to look into."""
    db = db_of(options)
    path = Path(db)
    if not path.exists():
        raise Stop(
            f"there is no database at {db}; a server makes one when it starts, or name yours with --db"
        )
    if path.is_file() and not path.stat().st_size:
        raise Stop(f"{db} is empty: no market has used it yet")
    return db


def onlooker(store: "EventStore") -> "Service":
    """Return a market on `store` that is only looked at: without a writer or a scheduler, nothing changes."""
    from server.clock import RandomIds, SystemClock
    from server.service import Service

    return Service(store, SystemClock(), RandomIds())
