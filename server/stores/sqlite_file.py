"""The file of the SQLite store: its tables, whose file it is, and what may go wrong with it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server.ports import StoreBroken, StoreUnavailable

FORMAT = 3
"""The version of the tables below, kept in the file (user_version)."""
_APPLICATION = 0x41674D6B  # "AgMk": says whose file it is
PATIENCE = 10.0  # seconds to wait for another process's write
_CACHE = 65_536  # KiB of the file kept in memory, at most

_TABLES = """
CREATE TABLE events (
    stream TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (stream, version)
) WITHOUT ROWID;
CREATE TABLE summaries (
    position INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, stream TEXT NOT NULL,
    owner TEXT NOT NULL, parent TEXT NOT NULL, status TEXT NOT NULL, until INTEGER,
    tags TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id)
);
CREATE INDEX summaries_by_owner ON summaries (owner, kind, status) WHERE owner != '';
CREATE INDEX summaries_by_parent ON summaries (parent, kind, status) WHERE parent != '';
CREATE INDEX summaries_by_until ON summaries (until) WHERE status = 'open' AND until IS NOT NULL;
CREATE INDEX summaries_by_kind ON summaries (kind, position) WHERE kind != 'bid';
CREATE TABLE tags (position INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (position, tag)) WITHOUT ROWID;
CREATE INDEX tags_by_tag ON tags (tag, position);
CREATE TABLE notices (
    position INTEGER PRIMARY KEY, topic TEXT NOT NULL, kind TEXT NOT NULL, ref TEXT NOT NULL,
    by TEXT NOT NULL, body TEXT NOT NULL
);
CREATE INDEX notices_by_topic ON notices (topic, position);
CREATE TABLE remembered (
    agent TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY (agent, key)
) WITHOUT ROWID;
"""
# What format 2 has added or made anew. Snapshots have rows of their own: to find one, no other is read. What `ended`
# says of a summary comes before what stands there, until it is written there too: that takes longer.
_SINCE_1 = """
CREATE TABLE ended (kind TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
DROP TABLE IF EXISTS snapshots;
CREATE TABLE snapshots (
    stream TEXT PRIMARY KEY, version INTEGER NOT NULL, hash TEXT NOT NULL, form TEXT NOT NULL, body TEXT NOT NULL
);
"""
# What format 3 has added: what is left of an owner's entries (a JSON object by id), which comes before what the
# summaries say, until it is written there too. Since then a row of notices may be many in one, too.
_SINCE_2 = """
CREATE TABLE lessened (kind TEXT NOT NULL, owner TEXT NOT NULL, lefts TEXT NOT NULL, PRIMARY KEY (kind, owner)) WITHOUT ROWID
"""


def open_file(path: str) -> sqlite3.Connection:
    """Return a connection to the market's file, which is made where it is missing.

    Raises StoreBroken for a file that is corrupted, foreign or newer, StoreUnavailable for one that cannot
    be opened or written.
    """
    with suppress(OSError):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    with translated(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    return db


def open_reader(path: str) -> sqlite3.Connection:
    """Return a connection that only reads, to a file that is open."""
    return sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, check_same_thread=False)


def _prepare(db: sqlite3.Connection, path: str) -> None:
    """Check whose file it is, make the tables in a new one, and set the connection up."""
    with _transaction(db, "DEFERRED"):  # one look: another process may be making the file between two
        _check_ours(db, path)  # before anything is written
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA cache_size = -{_CACHE}")
    with _transaction(db, "IMMEDIATE"):
        known = 0 if _check_ours(db, path) else _format(db)
        if known < FORMAT:
            for statement in ";".join((_TABLES, _SINCE_1, _SINCE_2)[known:]).split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id = {_APPLICATION}")
            db.execute(f"PRAGMA user_version = {FORMAT}")
    db.execute("PRAGMA busy_timeout = 0")  # from here on we wait without holding up the event loop


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    db.execute(f"BEGIN {kind}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def _check_ours(db: sqlite3.Connection, path: str) -> bool:
    """Return whether the file is empty; raise StoreBroken for one of another program or a newer format."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = _format(db)
    if application == 0 and not db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return True
    if application != _APPLICATION:
        raise StoreBroken(f"{path} is a database of another program")
    if version > FORMAT:
        raise StoreBroken(
            f"{path} has format {version}; this version of agent-market reads formats up to {FORMAT}: upgrade it"
        )
    return False


def _format(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn SQLite's errors into the two that callers know."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreBroken(f"{path}: {error}") from error


def locked(error: BaseException | None) -> bool:
    """Return whether another process holds the file, which passes."""
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )
