"""`agent-market auctions` and `agent-market show`: the public view of what is in a database."""

import hashlib
import json
import os
import sys
from pathlib import Path

import anyio
import pytest

from server.cli.sheet import word
from tests.cli.conftest import CommandLine
from tests.cli.made import (
    AWARDED,
    DEMAND,
    DEMAND_LIMIT,
    LAPSED,
    OFFER,
    OFFER_LIMIT,
    OPEN,
    OVER,
    SEALED_COST,
    make_crowd,
)

ROOT = Path(__file__).resolve().parents[2]


def test_auctions_are_listed_newest_first_in_aligned_columns(market: CommandLine, db: Path) -> None:
    said = market("auctions", "--db", db)
    assert (said.code, said.err) == (0, "")
    assert (
        said.out
        == """\

auction_id      status   task              buyer  bids  max_price  payment_rule  closes_at             winner  paid
--------------  -------  ----------------  -----  ----  ---------  ------------  --------------------  ------  ----
auc_0000000008  closed   Paint a shed      ada       0          -  pay_as_bid    2020-01-02T00:00:00Z  -          -
auc_0000000006  open     Translate a page  ada       1          -  pay_as_bid    2100-01-01T00:00:00Z  -          -
auc_0000000001  awarded  Review a patch    ada       2         10  pay_as_bid    -                     bo         4

3 auctions. agent-market show ID shows one whole.
"""
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [("open", [OPEN]), ("closed", [OVER]), ("awarded", [AWARDED]), ("unsold", []), ("cancelled", [])],
)
def test_auctions_can_be_asked_for_by_status(
    market: CommandLine, db: Path, status: str, expected: list[str]
) -> None:
    listed = json.loads(market("auctions", "--db", db, "--status", status, "--json").out)
    assert [row["auction_id"] for row in listed["auctions"]] == expected
    assert listed["total"] == len(expected)


def test_columns_that_say_nothing_are_left_out(market: CommandLine, db: Path) -> None:
    heads = market("auctions", "--db", db, "--status", "open").out.splitlines()[1].split()
    assert heads == ["auction_id", "status", "task", "buyer", "bids", "payment_rule", "closes_at"]


def test_a_list_without_rows_says_so(market: CommandLine, db: Path) -> None:
    assert market("auctions", "--db", db, "--status", "unsold").out == "No unsold auctions.\n"


def test_a_shortened_list_says_how_to_get_the_rest(market: CommandLine, db: Path) -> None:
    said = market("auctions", "--db", db, "--limit", 1)
    assert OVER in said.out
    assert OPEN not in said.out
    assert "1 of 3 auctions; --limit 3 shows all." in said.out


def test_a_long_list_is_read_page_by_page(
    market: CommandLine, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.cli.look._PAGE", 1)
    listed = json.loads(market("auctions", "--db", db, "--json").out)
    assert [row["auction_id"] for row in listed["auctions"]] == [OVER, OPEN, AWARDED]


def test_an_awarded_auction_is_shown_with_winner_payment_and_outcome(market: CommandLine, db: Path) -> None:
    said = market("show", AWARDED, "--db", db)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[1:7] == [
        f"Auction {AWARDED}: awarded",
        "-------------------------------",
        "task          Review a patch",
        "buyer         ada",
        "max_price     10",
        "payment_rule  pay_as_bid",
    ]
    assert "Awarded to bo, paid 4, its cost 4." in said.out
    assert "success      yes" in said.out
    assert f"nonce       {'5a' * 32}" in said.out


def test_the_operator_sees_of_an_award_what_everybody_sees(market: CommandLine, db: Path) -> None:
    """Not the ranking, which is the buyer's, and no bid but the winner's."""
    seen = json.loads(market("show", AWARDED, "--json", "--db", db).out)["auction"]
    assert [winner["agent"] for winner in seen["winners"]] == ["bo"]
    assert not {"ranking", "own_bid"} & seen.keys()


@pytest.mark.parametrize("arguments", [("show", OPEN), ("show", OPEN, "--json"), ("auctions", "--json")])
def test_a_sealed_bid_is_shown_to_nobody(market: CommandLine, db: Path, arguments: tuple[str, ...]) -> None:
    said = market(*arguments, "--db", db)
    assert said.code == 0
    assert OPEN in said.out
    assert SEALED_COST not in said.out
    assert "5a5a" not in market("show", OPEN, "--json", "--db", db).out  # the nonce


def test_a_bid_is_not_shown_by_itself(market: CommandLine, db: Path) -> None:
    said = market("show", "bid_0000000006_0000000007", "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"agent-market: a bid is not shown by itself; its auction is {OPEN}\n"


def test_a_resource_and_an_agent_of_one_name_are_both_shown(market: CommandLine, db: Path) -> None:
    said = market("show", "GPU hours", "--db", db)
    assert "Resource GPU hours" in said.out
    assert "Agent" not in said.out  # no agent can have a space in its id
    both = market("show", "gpu-hours", "--db", db)
    assert "Resource GPU hours" in both.out
    assert "Agent gpu-hours" in both.out
    assert list(json.loads(market("show", "gpu-hours", "--json", "--db", db).out)) == ["resource", "agent"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (DEMAND, {"demand": {"status": "open", "agent": "ada", "left": 10.5}}),
        (LAPSED, {"demand": {"status": "lapsed", "agent": "cy", "left": 4}}),
        (OFFER, {"offer": {"status": "open", "agent": "bo", "left": 6}}),
    ],
)
def test_demand_and_offers_are_shown_without_their_limit(
    market: CommandLine, db: Path, entry: str, expected: dict[str, dict[str, object]]
) -> None:
    ((kind, row),) = expected.items()
    said = market("show", entry, "--json", "--db", db)
    assert json.loads(said.out) == {kind: {f"{kind}_id": entry, "resource": "gpu-hours", **row}}
    text = market("show", entry, "--db", db).out
    assert text.splitlines()[1] == f"{kind.capitalize()} {entry}: {row['status']}"
    for shown in (said.out, text, market("show", "gpu-hours", "--db", db).out):
        assert DEMAND_LIMIT not in shown
        assert OFFER_LIMIT not in shown


def test_an_agent_is_shown_with_its_record(market: CommandLine, db: Path) -> None:
    assert (
        market("show", "bo", "--db", db).out
        == """\

Agent bo
--------
description   reviews code
capabilities  code-review
outcomes reported  1
of them successes  1

in        awards  success              time ratio           quality ratio
--------  ------  -------------------  -------------------  -------------------
all work       1  0.50 (0.05 to 0.95)  1.00 (0.46 to 2.17)  1.00 (0.70 to 1.30)

Expected, and in brackets its 90 % interval.
"""
    )


@pytest.mark.parametrize("some_id", ["auc_nothere", "dem_x_1", "nobody", "...", "x" * 500, "\x1b[31mred"])
def test_what_is_not_there_is_said_to_be_so(market: CommandLine, db: Path, some_id: str) -> None:
    said = market("show", some_id, "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        f"agent-market: there is no auction, resource, demand, offer or agent {some_id!a} in"
    )


def test_nothing_is_shown_for_an_empty_id(market: CommandLine, db: Path) -> None:
    said = market("show", " ", "--db", db)
    assert (said.code, said.out) == (2, "")


@pytest.mark.parametrize("command", [("auctions",), ("show", OVER), ("show", "gpu-hours"), ("verify",)])
def test_looking_changes_nothing(market: CommandLine, db: Path, command: tuple[str, ...]) -> None:
    """Not even what time has done is recorded: a deadline has passed and a demand has lapsed."""
    before = hashlib.sha256(db.read_bytes()).hexdigest()
    assert market(*command, "--db", db).code == 0
    assert hashlib.sha256(db.read_bytes()).hexdigest() == before
    assert [path.name for path in db.parent.iterdir()] == [db.name]


def test_output_that_is_not_a_terminal_has_no_escape_codes(market: CommandLine, db: Path) -> None:
    for command in (("auctions",), ("show", AWARDED), ("show", "gpu-hours"), ("verify",)):
        assert "\x1b" not in market(*command, "--db", db).out


def test_on_a_terminal_the_tables_are_drawn_and_coloured(db: Path) -> None:
    pty = pytest.importorskip("pty", reason="pseudo-terminals need POSIX")
    import subprocess

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "server", "show", AWARDED, "--db", str(db)],
        check=False,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "\x1b[1;36mAuction auc_0000000001: awarded" in shown
    assert "\x1b[32mAwarded to bo, paid 4, its cost 4." in shown


def test_a_cell_is_one_line_that_cannot_steer_a_terminal() -> None:
    assert word("\x1b[31mred\u202e\nand more") == "[31mred and more"
    assert word({"a": [1, 0.5, None], "b": {"c": True}}) == "a: 1, 0.5, -, b: c: yes"
    assert word(1e-06) == "0.000001"


def test_a_crowded_book_shows_what_clearing_it_would_give_and_gave(market: CommandLine, db: Path) -> None:
    anyio.run(make_crowd, db)
    market("resource", "declare", "slots", "--every", "60", "--at-quantity", "100", "--db", db)
    text = market("show", "slots", "--db", db).out
    for row in ("clearing now", "last cleared", "efficient", "fair", "priority"):
        assert row in text
    assert "cleared by itself, every" in text
    seen = json.loads(market("show", "slots", "--json", "--db", db).out)["resource"]
    assert [row["quantity"] for row in seen["preview"]] == [3, 3, 3]
    assert seen["last_clearings"][0]["quantity"] == 3
    assert seen["standing"].keys() == {"every", "at_quantity", "next"}


def test_demand_for_a_bundle_is_shown_without_its_limit(market: CommandLine, db: Path) -> None:
    anyio.run(make_crowd, db)
    bundle = "bun_desks_0000000113"
    seen = json.loads(market("show", bundle, "--json", "--db", db).out)["bundle"]
    assert seen == {
        "bundle_id": bundle,
        "status": "open",
        "agent": "dan",
        "resource": "1 desks, 2 slots",
        "left": 1,
    }
    assert f"Bundle {bundle}: open" in market("show", bundle, "--db", db).out


def test_agents_are_listed_with_what_their_records_say(market: CommandLine, db: Path) -> None:
    listed = json.loads(market("agents", "--json", "--db", db).out)
    assert listed["total"] == len(listed["agents"])
    (bo,) = (row for row in listed["agents"] if row["agent"] == "bo")
    # the outcome of years ago is forgotten: what is left is the neutral prior
    assert bo["record"]["estimates"][0]["success"] == [0.5, 0.05, 0.95]
    text = market("agents", "--capability", "Code Review", "--db", db).out
    assert "bo" in text
    assert "1 agent." in text
    assert market("agents", "--capability", "none", "--db", db).out == "No agents with the capability none.\n"
