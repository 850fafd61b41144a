"""`agent-market settle`: what the operator decides of disputed work."""

import json
from pathlib import Path

import anyio
import pytest

from market_core.commands import AwardAuction, CreateAuction, ReportOutcome, SubmitBid
from server.bootstrap import open_store, running
from tests.cli.conftest import CommandLine
from tests.cli.made import events_of
from tests.server.shell import said


async def a_dispute(db: Path) -> str:
    """Make a market in which bo disputes that it has failed; return the auction."""
    async with running(open_store(str(db))) as service:
        made = await service.execute(CreateAuction(agent="ada", task="t"), said)
        (stream,) = made.content
        auction_id = stream.partition("/")[2]
        for command in (
            SubmitBid(agent="bo", auction_id=auction_id, cost=4),
            AwardAuction(agent="ada", auction_id=auction_id),
            ReportOutcome(agent="ada", auction_id=auction_id, success=False),
            ReportOutcome(agent="bo", auction_id=auction_id, dispute=True),
        ):
            await service.execute(command, said)
    return auction_id


@pytest.mark.parametrize(("result", "counts"), [("success", True), ("failure", True), ("void", False)])
def test_a_dispute_is_settled_once(market: CommandLine, tmp_path: Path, result: str, counts: bool) -> None:
    db = tmp_path / "market.db"
    auction_id = anyio.run(a_dispute, db)
    told = market("settle", auction_id, "bo", f"--{result}", "--time", "60", "--db", db)
    assert (told.code, told.out) == (0, f"{auction_id}, bo: {result}, settled, in {db}\n")
    settled = json.loads(events_of(db, "agent/bo")[-1][2])
    assert (settled["type"], settled["by"], settled["counts"]) == ("outcome_settled", "market", counts)
    assert settled["success"] == (result == "success")
    again = market("settle", auction_id, "bo", "--success", "--db", db)
    assert (again.code, again.out) == (1, "")
    assert again.err.startswith("agent-market: the outcome is not in dispute")


def test_an_owner_is_vouched_for(market: CommandLine, tmp_path: Path) -> None:
    db = tmp_path / "market.db"
    assert market("vouch", "Acme/x", "--db", db).out == f"acme: vouched for, in {db}\n"
    assert market("vouch", "acme", "--withdraw", "--db", db).out == f"acme: no longer vouched for, in {db}\n"
    told = [json.loads(event[2])["vouched"] for event in events_of(db, "agent/acme")]
    assert told == [True, False]


@pytest.mark.parametrize("wrong", [("--time", "-1"), ("--quality", "2")])
def test_what_cannot_be_meant_is_not_settled(
    market: CommandLine, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    told = market("settle", "auc_1", "bo", "--success", *wrong, "--db", tmp_path / "market.db")
    assert (told.code, told.out) == (2, "")
