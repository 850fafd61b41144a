"""`agent-market resource declare` and `grant`: what a resource is measured in, and whose demand counts for how much."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.made import events_of, sql


def _shown(market: CommandLine, db: Path, name: str) -> dict[str, object]:
    resource: dict[str, object] = json.loads(market("show", name, "--json", "--db", db).out)["resource"]
    return resource


def test_a_declared_resource_has_its_unit_and_trades_whole(market: CommandLine, db: Path) -> None:
    said = market("resource", "declare", "Review Slots", "--unit", "slot", "--whole", "--db", db)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"Review Slots: unit slot, whole units only, in {db}\n"
    seen = _shown(market, db, "review-slots")
    assert (seen["resource"], seen["unit"], seen["whole"]) == ("Review Slots", "slot", True)


def test_a_resource_can_be_cleared_by_itself(market: CommandLine, db: Path) -> None:
    said = market("resource", "declare", "slots", "--every", "60", "--at-quantity", "2.5", "--db", db)
    assert (
        said.out
        == f"slots: no unit, fractions allowed, cleared every 60 seconds, cleared once 2.5 is asked for, in {db}\n"
    )
    assert _shown(market, db, "slots")["standing"] == {"every": 60, "at_quantity": 2.5}
    assert market("resource", "declare", "slots", "--every", "0", "--db", db).code == 2


def test_declaring_again_replaces_what_was_said(market: CommandLine, db: Path) -> None:
    market("resource", "declare", "tokens", "--unit", "token", "--whole", "--db", db)
    said = market("resource", "declare", "tokens", "--db", db)
    assert said.out == f"tokens: no unit, fractions allowed, in {db}\n"
    assert _shown(market, db, "tokens")["whole"] is False


def test_a_resource_with_fractions_in_its_book_cannot_become_whole(market: CommandLine, db: Path) -> None:
    said = market("resource", "declare", "gpu-hours", "--whole", "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("agent-market: ")
    assert "Next: " in said.err
    assert _shown(market, db, "gpu-hours")["whole"] is False


def test_a_resource_can_be_declared_before_any_server_has_run(market: CommandLine, tmp_path: Path) -> None:
    new = tmp_path / "folder" / "new.db"
    assert market("resource", "declare", "tokens", "--whole", "--db", new).code == 0
    assert _shown(market, new, "tokens")["whole"] is True


@pytest.mark.parametrize("name", ["...", "x" * 65])
def test_a_name_that_is_none_is_refused_before_a_database_is_made(
    market: CommandLine, tmp_path: Path, name: str
) -> None:
    said = market("resource", "declare", name, "--db", tmp_path / "new.db")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("agent-market: resource: must have")
    assert not list(tmp_path.iterdir())


def test_a_failure_of_the_store_in_the_middle_is_told_in_one_line(market: CommandLine, db: Path) -> None:
    sql(db, "DROP TABLE notices")
    said = market("resource", "declare", "tokens", "--db", db)
    assert (said.code, said.out) == (1, "")
    assert said.err == f"agent-market: {db}: no such table: notices\n"


def test_what_is_declared_of_clearing_binds_whoever_clears(market: CommandLine, db: Path) -> None:
    said = market(
        "resource", "declare", "tokens", "--policy", "fair", "--payment-rule", "uniform", "--db", db
    )
    assert said.out == f"tokens: no unit, fractions allowed, policy fair, payment_rule uniform, in {db}\n"
    assert _shown(market, db, "tokens")["policy"] == "fair"


def test_an_owner_is_granted_a_priority_and_a_weight(market: CommandLine, db: Path) -> None:
    said = market("grant", "acme/x", "--priority", "3", "--weight", "2.5", "--db", db)
    assert (said.code, said.out) == (0, f"acme: priority 3, weight 2.5, in {db}\n")
    (granted,) = events_of(db, "agent/acme")
    assert json.loads(granted[2])["type"] == "granted"


@pytest.mark.parametrize("wrong", [("--weight", "0"), ("--priority", "1001"), ("--weight", "much")])
def test_a_grant_that_means_nothing_is_refused(market: CommandLine, db: Path, wrong: tuple[str, str]) -> None:
    said = market("grant", "acme", *wrong, "--db", db)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"agent-market: {wrong[0].removeprefix('--')}: must be")
