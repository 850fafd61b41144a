"""What is kept of very many at once: notices in one row, and what is put off until there is time (`tidy`).

What has ended, and what is left of what has not, comes before what the summaries say until it is written there.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any

from server.ports import Ended, Lessened, Notice, Posted, Summary, lessened, unpacked

ENDING = ("demand", "offer")
"""Kinds of which something may be put off."""
LEFT = (
    "CASE WHEN status = 'open' THEN (SELECT json_extract(lefts, '$.\"' || page.id || '\"') FROM lessened l "
    "WHERE l.kind = page.kind AND l.owner = page.owner) END"
)
"""What is left of a row of `page`, where that is not in its summary yet."""


def keep_notices(db: sqlite3.Connection, notices: Sequence[Notice]) -> None:
    """Write notices; many in one take as many positions, of which the row has the last."""
    if all(notice.many == 1 for notice in notices):
        db.executemany(
            "INSERT INTO notices (topic, kind, ref, by, body) VALUES (?, ?, ?, ?, ?)",
            [notice[:5] for notice in notices],
        )
        return
    last = db.execute("SELECT coalesce(max(position), 0) FROM notices").fetchone()[0]
    positions = accumulate([notice.many for notice in notices], initial=last)
    next(positions)
    db.executemany(
        "INSERT INTO notices VALUES (?, ?, ?, ?, ?, ?)",
        [(position, *notice[:5]) for position, notice in zip(positions, notices, strict=True)],
    )


def posted(rows: Sequence[Sequence[Any]], after: int) -> list[Posted]:
    """Return the notices of rows, one by one, that are above `after`."""
    found: list[Posted] = []
    for last, *columns in rows:
        notices = unpacked(Notice(*columns))
        begin = last - len(notices) + 1
        found += [
            Posted(position, notice) for position, notice in enumerate(notices, begin) if position > after
        ]
    return found


def keep_lessened(db: sqlite3.Connection, rows: Sequence[Lessened]) -> None:
    """Note what is left of entries; their summaries follow later."""
    db.executemany(
        "INSERT INTO lessened VALUES (?, ?, ?) "
        "ON CONFLICT (kind, owner) DO UPDATE SET lefts = json_patch(lefts, excluded.lefts)",
        rows,
    )


def forget_left(db: sqlite3.Connection, summaries: Sequence[Summary]) -> None:
    """Forget what was left of entries of which there are newer summaries."""
    newer = [(row.id, row.kind, row.owner) for row in summaries if row.kind in ENDING]
    if newer and db.execute("SELECT 1 FROM lessened LIMIT 1").fetchone():
        db.executemany(
            "UPDATE lessened SET lefts = json_remove(lefts, '$.\"' || ? || '\"') WHERE kind = ? AND owner = ?",
            newer,
        )


def keep_ended(db: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    """Note what has ended; its summaries follow later (`tidy`), but for what wakes the scheduler."""
    ids: dict[tuple[str, str], list[str]] = {}
    for kind, status, some in ended:
        ids.setdefault((kind, status), []).extend(some)
    for (kind, status), together in ids.items():  # one statement takes a quarter of the time of many
        db.execute(
            "INSERT OR REPLACE INTO ended SELECT ?, value, ? FROM json_each(?)",
            (kind, status, json.dumps(sorted(together))),  # in the order of the table
        )
    db.execute(
        "UPDATE summaries SET until = NULL WHERE status = 'open' AND until IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM ended e WHERE e.kind = summaries.kind AND e.id = summaries.id)"
    )


def tidy(db: sqlite3.Connection, most: int) -> bool:
    """Move what was put off of about so many entries into their summaries; return whether there may be more."""
    db.execute("BEGIN IMMEDIATE")
    try:
        done = _write_lessened(db, most)  # before the end of any, which comes after it
        if done < most:
            done += _write_ended(db, most - done)
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    return done >= most


def _write_ended(db: sqlite3.Connection, most: int) -> int:
    ended = db.execute("SELECT status, kind, id FROM ended LIMIT ?", (most,)).fetchall()
    db.executemany(
        "UPDATE summaries SET parent = '', status = ?, until = NULL, tags = '', body = '{}' WHERE kind = ? AND id = ?",
        ended,
    )
    db.executemany("DELETE FROM ended WHERE kind = ? AND id = ?", [row[1:] for row in ended])
    return len(ended)


def _write_lessened(db: sqlite3.Connection, most: int) -> int:
    owners, ids = [], []
    for kind, owner, lefts in db.execute("SELECT kind, owner, lefts FROM lessened LIMIT ?", (most,)):
        owners.append((kind, owner))
        ids += [(left, kind, some_id) for some_id, left in json.loads(lefts).items()]
        if len(ids) >= most:
            break
    read = "SELECT body FROM summaries WHERE kind = ? AND id = ?"
    bodies = [db.execute(read, (kind, some_id)).fetchone()[0] for _, kind, some_id in ids]
    db.executemany(
        "UPDATE summaries SET body = ? WHERE kind = ? AND id = ?",
        [
            (lessened(body, left), kind, some_id)
            for body, (left, kind, some_id) in zip(bodies, ids, strict=True)
        ],
    )
    db.executemany("DELETE FROM lessened WHERE kind = ? AND owner = ?", owners)
    return max(len(owners), len(ids))
