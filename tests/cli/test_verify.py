"""`agent-market verify`: what was changed behind the market's back is found, named and told apart."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from market_core.agent import Agent
from market_core.canonical import canonical
from server import codec
from server.audit import Broken, Head, audit
from server.stores.memory import MemoryStore
from tests.cli.conftest import CommandLine
from tests.cli.made import AWARDED, events_of, forge, sql

STREAM = f"auction/{AWARDED}"  # created, bid, bid, closed, awarded, reported


def test_a_sound_database_is_called_sound(market: CommandLine, db: Path) -> None:
    said = market("verify", "--db", db)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Sound: {db}, 16 events in 6 streams;")


def test_without_a_head_it_says_that_a_cut_end_was_not_looked_for(market: CommandLine, db: Path) -> None:
    said = market("verify", "--db", db)
    assert "Not checked: whether the end of a stream, or a whole stream, was cut off." in said.out
    assert "against a head exported earlier" in said.out


def _edited(db: Path) -> None:
    body = events_of(db, STREAM)[1][2].replace('"cost":"4"', '"cost":"9"')
    sql(db, "UPDATE events SET body = ? WHERE stream = ? AND version = 2", body, STREAM)


def _swapped(db: Path) -> None:
    for to, row in ((3, events_of(db, STREAM)[1]), (2, events_of(db, STREAM)[2])):
        sql(db, "UPDATE events SET body = ?, hash = ? WHERE stream = ? AND version = ?", *row[2:], STREAM, to)


def _missing(db: Path) -> None:
    sql(db, "DELETE FROM events WHERE stream = ? AND version = 3", STREAM)


def _headless(db: Path) -> None:
    sql(db, "DELETE FROM events WHERE stream = ? AND version = 1", STREAM)


def _rehashed(db: Path) -> None:
    sql(db, "UPDATE events SET hash = ? WHERE stream = ? AND version = 4", "0" * 64, STREAM)


def _moved(db: Path) -> None:
    sql(db, "UPDATE events SET stream = 'auction/auc_other' WHERE stream = ?", STREAM)


def _binary(db: Path) -> None:
    sql(db, "UPDATE events SET body = x'00ff' WHERE stream = ? AND version = 2", STREAM)


def _loosely_written(db: Path) -> None:
    forge(db, STREAM, 2, json.dumps)


def _no_json(db: Path) -> None:
    forge(db, STREAM, 2, lambda _: "bid 4 credits")


def _no_event(db: Path) -> None:
    forge(db, STREAM, 2, lambda fields: fields.pop("cost") and None)


def _of_the_future(db: Path) -> None:
    forge(db, STREAM, 2, lambda fields: fields.update(v=99))


def _out_of_place(db: Path) -> None:
    demand = events_of(db, "resource/gpu-hours")[0][2]
    forge(db, STREAM, 2, lambda _: demand)


CHANGES: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "edited": (_edited, 2, "does not match its hash: it, or the one before it, was changed or moved"),
    "swapped": (_swapped, 2, "does not match its hash"),
    "missing": (_missing, 3, "is missing; the next one there is 4"),
    "headless": (_headless, 1, "is missing; the next one there is 2"),
    "rehashed": (_rehashed, 4, "does not match its hash"),
    "binary": (_binary, 2, "is not text"),
    "loosely written": (_loosely_written, 2, "is not in canonical form, so this program did not write it"),
    "no JSON": (_no_json, 2, "is not JSON"),
    "no event": (_no_event, 2, "is no event that this market knows"),
    "of the future": (_of_the_future, 2, "was written by a newer version of agent-market"),
    "out of place": (_out_of_place, 2, "does not follow from the events before it"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_first_broken_event_is_named_with_what_is_wrong(
    market: CommandLine, db: Path, change: str
) -> None:
    make, version, why = CHANGES[change]
    make(db)
    said = market("verify", "--db", db)
    assert said.code == 1
    assert said.out.startswith(f"BROKEN: {db}, ")
    (row,) = [line for line in said.out.splitlines() if line.startswith(STREAM)]
    assert row.split()[1] == str(version)
    assert why[:40] in row


def test_an_event_that_stands_in_another_stream_is_found(market: CommandLine, db: Path) -> None:
    _moved(db)
    said = market("verify", "--db", db)
    assert said.code == 1
    assert "auction/auc_other        1  does not match its hash" in said.out


def test_every_broken_stream_is_named_once(market: CommandLine, db: Path) -> None:
    _edited(db)
    _missing(db)
    sql(db, "UPDATE events SET hash = '' WHERE stream = 'agent/bo'")
    said = market("verify", "--db", db)
    rows = [line.split()[:2] for line in said.out.splitlines() if line.startswith(("agent/", "auction/"))]
    assert rows == [["agent/bo", "1"], [STREAM, "2"]]


def test_a_snapshot_that_the_server_would_believe_must_follow_from_the_events(
    market: CommandLine, db: Path
) -> None:
    (stream, version, _, its_hash) = events_of(db, "agent/bo")[0]
    forged = codec.encode_state(Agent())
    sql(
        db,
        "INSERT INTO snapshots VALUES (?, ?, ?, ?, ?)",
        stream,
        version,
        its_hash,
        codec.SNAPSHOT_FORM,
        forged,
    )
    said = market("verify", "--db", db)
    assert said.code == 1
    assert "agent/bo        1  has a snapshot that is not what" in said.out


def test_a_snapshot_that_the_server_would_ignore_is_nothing_wrong(market: CommandLine, db: Path) -> None:
    sql(db, "INSERT INTO snapshots VALUES ('agent/bo', 1, ?, ?, '{}')", "0" * 64, codec.SNAPSHOT_FORM)
    assert market("verify", "--db", db).code == 0


# Against a head


@pytest.fixture
def head(market: CommandLine, db: Path, tmp_path: Path) -> Path:
    path = tmp_path / "head.json"
    assert market("verify", "--db", db, "--export-head", path).code == 0
    return path


def test_an_exported_head_has_the_last_version_and_hash_of_every_stream(db: Path, head: Path) -> None:
    told = json.loads(head.read_text())
    *_, (_, version, _, its_hash) = events_of(db, STREAM)
    assert told[STREAM] == {"version": version, "hash": its_hash}
    assert sorted(told) == [
        "agent/bo",
        "agent/gpu-hours",
        "auction/auc_0000000001",
        "auction/auc_0000000006",
        "auction/auc_0000000008",
        "resource/gpu-hours",
    ]


def test_an_untouched_database_continues_its_head(market: CommandLine, db: Path, head: Path) -> None:
    said = market("verify", "--db", db, "--head", head)
    assert said.code == 0
    assert f"All that {head} has is still there" in said.out
    assert "Not checked" not in said.out


def test_what_came_after_the_head_was_exported_is_no_fault(market: CommandLine, db: Path, head: Path) -> None:
    assert market("resource", "declare", "gpu-hours", "--unit", "hour", "--db", db).code == 0
    assert market("resource", "declare", "tokens", "--whole", "--db", db).code == 0
    assert market("verify", "--db", db, "--head", head).code == 0


def test_a_cut_end_shows_only_against_the_head(market: CommandLine, db: Path, head: Path) -> None:
    sql(db, "DELETE FROM events WHERE stream = ? AND version >= 5", STREAM)
    assert market("verify", "--db", db).code == 0
    said = market("verify", "--db", db, "--head", head)
    assert said.code == 1
    assert f"{STREAM}        5  is gone, the end is cut off; the head goes to 6" in said.out


def test_a_stream_that_is_gone_as_a_whole_shows_against_the_head(
    market: CommandLine, db: Path, head: Path
) -> None:
    sql(db, "DELETE FROM events WHERE stream = ?", STREAM)
    assert market("verify", "--db", db).code == 0
    said = market("verify", "--db", db, "--head", head)
    assert said.code == 1
    assert f"{STREAM}        1  is gone, with all of its stream; the head goes to 6" in said.out


def test_a_history_that_was_written_anew_shows_against_the_head(
    market: CommandLine, db: Path, head: Path
) -> None:
    forge(db, STREAM, 2, lambda fields: fields.update(cost="3"))
    assert market("verify", "--db", db).code == 0
    said = market("verify", "--db", db, "--head", head)
    assert said.code == 1
    assert f"{STREAM}        6  is another event than the head has" in said.out


def test_a_broken_database_gets_no_head(market: CommandLine, db: Path, tmp_path: Path) -> None:
    _edited(db)
    assert market("verify", "--db", db, "--export-head", tmp_path / "head.json").code == 1
    assert not (tmp_path / "head.json").exists()


def test_an_older_head_is_replaced_only_after_comparing_with_it(
    market: CommandLine, db: Path, head: Path
) -> None:
    sql(db, "DELETE FROM events WHERE stream = ? AND version >= 5", STREAM)
    before = head.read_bytes()
    alone = market("verify", "--db", db, "--export-head", head)
    assert (alone.code, alone.out) == (2, "")
    assert f"{head} exists; to replace it, compare with it first" in alone.err
    assert market("verify", "--db", db, "--head", head, "--export-head", head).code == 1
    assert head.read_bytes() == before


def test_a_head_is_renewed_by_comparing_and_exporting_at_once(
    market: CommandLine, db: Path, head: Path
) -> None:
    assert market("resource", "declare", "tokens", "--db", db).code == 0
    assert market("verify", "--db", db, "--head", head, "--export-head", head).code == 0
    assert json.loads(head.read_text())["resource/tokens"]["version"] == 1


_HASH = "0" * 64


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"a": 1}',
        '{"a": {"version": 1}}',
        '{"a": {"version": 1, "hash": "0"}}',
        f'{{"a": {{"version": 0, "hash": "{_HASH}"}}}}',
        f'{{"a": {{"version": true, "hash": "{_HASH}"}}}}',
    ],
)
def test_a_file_that_is_no_head_is_named_and_nothing_is_called_sound(
    market: CommandLine, db: Path, tmp_path: Path, text: str
) -> None:
    (tmp_path / "no-head.json").write_text(text)
    said = market("verify", "--db", db, "--head", tmp_path / "no-head.json")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err
        == f"agent-market: {tmp_path / 'no-head.json'} is not a head that verify --export-head wrote\n"
    )


def test_a_head_that_is_not_there_is_named(market: CommandLine, db: Path, tmp_path: Path) -> None:
    said = market("verify", "--db", db, "--head", tmp_path / "none.json")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err
        == f"agent-market: cannot read the head {tmp_path / 'none.json'}: No such file or directory\n"
    )


async def test_an_empty_store_is_sound_and_misses_what_a_head_has() -> None:
    store = MemoryStore()
    assert (await audit(store)).sound
    report = await audit(store, {"agent/bo": Head(3, "0" * 64)})
    assert report.broken == (Broken("agent/bo", 1, "is gone, with all of its stream; the head goes to 3"),)


def test_the_head_is_written_in_one_way_only(head: Path) -> None:
    told = json.loads(head.read_text())
    assert head.read_text() == json.dumps(told, indent=1, sort_keys=True) + "\n"
    assert canonical(told)  # plain values only
