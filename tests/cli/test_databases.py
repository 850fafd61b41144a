"""A database that cannot be used: every command says so in one line, fails, and leaves the file as it is."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.made import AWARDED, sql

LOOKING = {"auctions": ("auctions",), "show": ("show", AWARDED), "verify": ("verify",)}
WRITING = {"declare": ("resource", "declare", "tokens"), "serve": ("serve",)}


def _corrupt(path: Path) -> None:
    path.write_bytes(b"this is a letter, not a database\n" * 200)


def _damaged(path: Path) -> None:
    """The beginning is sound, the pages after it are not."""
    sound = path.read_bytes()
    path.write_bytes(sound[:4096] + b"\xff" * (len(sound) - 4096))


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE recipes (name TEXT)")


def _newer(path: Path) -> None:
    sql(path, "PRAGMA user_version = 99")


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "corrupt": (_corrupt, "file is not a database"),
    "damaged": (_damaged, "malformed"),
    "foreign": (_foreign, "is a database of another program"),
    "newer": (_newer, "has format 99; this version of agent-market reads formats up to 3: upgrade it"),
}


@pytest.mark.parametrize(
    ("command", "way"),
    [
        (command, way)
        for command in (*LOOKING, *WRITING)
        for way in SPOILT
        if (command, way) != ("serve", "damaged")  # a server answers what it still can read
    ],
)
def test_a_spoilt_database_is_named_and_left_as_it_is(
    market: CommandLine, db: Path, command: str, way: str
) -> None:
    spoil, why = SPOILT[way]
    spoil(db)
    before = db.read_bytes()
    said = market(*(LOOKING | WRITING)[command], "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"agent-market: {db}")
    assert why in said.err
    assert said.err.count("\n") == 1
    assert db.read_bytes() == before


@pytest.mark.parametrize("command", LOOKING)
def test_a_database_that_is_not_there_is_not_made(market: CommandLine, tmp_path: Path, command: str) -> None:
    missing = tmp_path / "folder" / "none.db"
    said = market(*LOOKING[command], "--db", missing)
    assert (said.code, said.out) == (1, "")
    assert said.err == (
        f"agent-market: there is no database at {missing}; a server makes one when it starts, or name yours with --db\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", LOOKING)
def test_an_empty_file_is_not_turned_into_a_market(market: CommandLine, tmp_path: Path, command: str) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    said = market(*LOOKING[command], "--db", empty)
    assert (said.code, said.out, said.err) == (
        1,
        "",
        f"agent-market: {empty} is empty: no market has used it yet\n",
    )
    assert not empty.read_bytes()


@pytest.mark.parametrize("command", [*LOOKING, *WRITING])
def test_a_folder_is_not_a_database(market: CommandLine, tmp_path: Path, command: str) -> None:
    said = market(*(LOOKING | WRITING)[command], "--db", tmp_path)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"agent-market: {tmp_path}: unable to open database file\n"


@pytest.mark.parametrize("command", WRITING)
def test_a_place_where_no_file_can_be_made_is_named(
    market: CommandLine, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    nowhere = tmp_path / "file" / "market.db"
    said = market(*WRITING[command], "--db", nowhere)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"agent-market: {nowhere}: unable to open database file\n"


def _made_read_only(path: Path) -> None:
    path.chmod(path.stat().st_mode & ~0o222)
    if os.access(path, os.W_OK):
        pytest.skip("this user, root perhaps, may write to what is read-only")


@pytest.mark.parametrize("command", LOOKING)
def test_a_read_only_database_can_be_looked_into(market: CommandLine, db: Path, command: str) -> None:
    before = db.read_bytes()
    _made_read_only(db)
    said = market(*LOOKING[command], "--db", db)
    assert (said.code, said.err) == (0, "")
    assert db.read_bytes() == before


def test_a_read_only_database_takes_no_change_and_says_so(market: CommandLine, db: Path) -> None:
    before = db.read_bytes()
    _made_read_only(db)
    said = market("resource", "declare", "tokens", "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"agent-market: {db}: attempt to write a readonly database\n"
    assert db.read_bytes() == before


@pytest.mark.parametrize("command", [*LOOKING, "declare"])
def test_a_database_in_a_read_only_folder_is_named(market: CommandLine, db: Path, command: str) -> None:
    """The journal needs a file beside the database."""
    _made_read_only(db)
    _made_read_only(db.parent)
    try:
        said = market(*(LOOKING | WRITING)[command], "--db", db)
    finally:
        db.parent.chmod(0o755)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(f"agent-market: {db}: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("command", LOOKING)
def test_a_database_in_memory_cannot_be_looked_into(market: CommandLine, command: str) -> None:
    said = market(*LOOKING[command], "--db", ":memory:")
    assert (said.code, said.out) == (2, "")
    assert said.err == "agent-market: :memory: lives and dies with its own process; name a database file\n"
