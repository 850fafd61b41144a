"""`agent-market demo`: run once, as a person would, and read."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.cli import demo
from server.cli.common import Stop
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Played:
    """A demonstration that has run: what it wrote, the market it kept, what else it left behind."""

    code: int
    out: str
    err: str
    db: Path
    left: list[str]

    @property
    def told(self) -> str:
        """The text without its line breaks."""
        return " ".join(self.out.split())

    def rows(self, heading: str) -> list[list[str]]:
        """Return the cells of the first table under a heading."""
        _, _, rest = self.out.partition(f"\n{heading}")
        lines = iter(rest.splitlines())
        for line in lines:
            if line.startswith("---") and " " in line:  # the rule under a table's heads
                break
        found = []
        for line in lines:
            if not line:
                break
            found.append([cell for cell in line.split("  ") if cell])
        return [[cell.strip() for cell in row] for row in found]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("demo")
    scratch, db = folder / "scratch", folder / "kept.db"
    scratch.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "server", "demo", "--keep", str(db)],
        check=False,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Played(done.returncode, done.stdout, done.stderr, db, [path.name for path in scratch.iterdir()])


def test_it_ends_well_and_leaves_only_what_it_was_to_keep(played: Played) -> None:
    assert (played.code, played.err, played.left) == (0, "", [])
    assert [path.name for path in played.db.parent.iterdir() if path.is_file()] == ["kept.db"]
    assert "\x1b" not in played.out


def test_it_shows_the_three_payments(played: Played) -> None:
    assert played.rows("What was paid") == [
        ["pay_as_bid", "hana-honest", "4", "4", "3"],
        ["second_price", "max-margin", "3.5", "4", "3"],
        ["second_price, scored", "quinn-quick", "6.5", "10.45", "4"],
    ]


def test_it_shows_the_bids_by_cost_with_the_true_cost_beside(played: Played) -> None:
    assert played.rows("1. Sealed first-price") == [
        ["hana-honest", "4", "4", "wins, paid 4"],
        ["max-margin", "3.5", "4.55", "paid nothing"],
        ["quinn-quick", "6.5", "6.5", "paid nothing"],
    ]
    assert played.rows("2. Second-price")[0] == ["max-margin", "3.5", "3.5", "wins, paid 4"]


def test_it_shows_the_parts_of_each_score(played: Played) -> None:
    rows = played.rows("3. Scored auction")
    assert rows == [
        ["quinn-quick", "6.5", "6.5", "2.4", "3.75", "5.15", "wins, paid 10.45"],
        ["carla-careful", "8", "8", "6", "4.9", "9.1", "paid nothing"],
        ["hana-honest", "4", "4", "9", "3", "10", "paid nothing"],
        ["max-margin", "3.5", "3.5", "12", "3.5", "12", "paid nothing"],
    ]
    for row in rows:
        cost, time, quality, score = (float(cell) for cell in row[2:6])
        assert round(cost + time - quality, 6) == score


def test_it_does_the_sum_of_a_second_price_and_gives_the_market_s_reason(played: Played) -> None:
    assert "The sum: cost 3.5 + (the runner-up's score 4 - its own score 3.5) = 4." in played.told
    assert "The sum: cost 6.5 + (the runner-up's score 9.1 - its own score 5.15) = 10.45." in played.told
    assert "pay_as_bid: it is paid its cost." in played.told
    assert "second_price: it is paid the cost at which its score would equal the runner-up's." in played.told


def test_a_refused_bid_teaches_its_bidder(played: Played) -> None:
    assert "Refused: carla-careful bids 8 (bid_above_max_price)." in played.told
    assert "the cost is above the buyer's max_price of 7 credits; next: bid 7 or less" in played.told
    assert "carla-careful has learned to read max_price first" in played.told
    assert "Refused: max-margin bids 3.5 (missing_capability)." in played.told
    assert "registers incident-response too; its second bid stands." in played.told


def test_a_loser_learns_what_would_have_won(played: Played) -> None:
    assert "max-margin, which asked 4.55, is told that a cost below 4 would have won." in played.told


def test_the_clearing_shows_who_gets_and_pays_what_and_why(played: Played) -> None:
    assert "80 hours at 2.2 credits each" in played.told
    margin = "at the margin: shares what is left in proportion"
    assert played.rows("4. Demand clearing") == [
        ["quinn-quick", "20", "any price", "20", "44", "takes any price"],
        ["hana-honest", "40", "3", "40", "88", "would pay more than 2.2"],
        ["max-margin", "30", "2.2", "15", "33", margin],
        ["carla-careful", "10", "2.2", "5", "11", margin],
        ["ada", "25", "1.2", "0", "0", "pays less than 2.2"],
    ]
    assert "Why 2.2: at this price 80 hours are offered." in played.told
    assert "Payments in 176 = payments out 176." in played.told


def test_the_market_it_kept_is_sound_and_holds_what_was_shown(played: Played, market: CommandLine) -> None:
    assert market("verify", "--db", played.db).code == 0
    listed = json.loads(market("auctions", "--db", played.db, "--json").out)["auctions"]
    assert [(row["status"], row["winner"], row["payment"], row["bids"]) for row in listed] == [
        ("awarded", "north-gpu", 440, 3),
        ("awarded", "quinn-quick", 10.45, 4),
        ("awarded", "max-margin", 4, 3),
        ("awarded", "hana-honest", 4, 3),
    ]


def test_it_does_not_write_into_a_file_that_exists(market: CommandLine, db: Path) -> None:
    before = db.read_bytes()
    said = market("demo", "--keep", db)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"agent-market: {db} exists;")
    assert db.read_bytes() == before


# How a server is started


def _with_entry(root: Path, command: str, **more: object) -> Path:
    told = {"mcpServers": {"market": {"type": "stdio", "command": command, "args": ["serve"], **more}}}
    (root / "mcp.json").write_text(json.dumps(told))
    return root


def test_a_server_is_started_as_mcp_json_says_where_its_command_is_installed(tmp_path: Path) -> None:
    (tmp_path / "market").touch()
    root = _with_entry(tmp_path, "market", env={"AGENT_MARKET_DB": "x.db"})
    assert demo.entry(root) == (str(tmp_path / "market"), ["serve"], {"AGENT_MARKET_DB": "x.db"})


def test_without_that_command_or_without_mcp_json_it_is_this_python(tmp_path: Path) -> None:
    ours = (sys.executable, ["-m", "server", "serve"], {})
    assert demo.entry(tmp_path) == ours
    assert demo.entry(_with_entry(tmp_path, ".venv/bin/not-there")) == ours


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"mcpServers": {}}', '{"mcpServers": {"market": {}}}'])
def test_an_mcp_json_that_names_no_server_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "mcp.json").write_text(text)
    with pytest.raises(Stop, match=r"mcp\.json does not name a server as MCP clients expect it"):
        demo.entry(tmp_path)


def test_the_mcp_json_of_this_checkout_serves() -> None:
    server = json.loads((ROOT / "mcp.json").read_text())["mcpServers"]["market"]
    assert (server["args"], server["type"]) == (["serve"], "stdio")


def test_a_server_that_does_not_start_is_told_with_its_last_words(
    market: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (sys.executable, ["-c", "raise SystemExit('the engine is cold')"], {})
    monkeypatch.setattr(demo, "entry", lambda _root: broken)
    said = market("demo")
    assert said.code == 1
    assert said.err.startswith(
        "agent-market: the demonstration stopped: Connection closed\nThe servers' last words:\n"
    )
    assert "  the engine is cold\n" in said.err


def test_it_shows_a_pool_in_which_nobody_pays_above_its_limit(played: Played) -> None:
    rows = {row[0]: row for row in played.rows("5. Buying together")}
    assert rows["ada"][1:] == [
        "40",
        "6",
        "40 for 160 credits (4 each), 80 better than your limit",
    ]
    assert "its limit does not reach 4 a unit" in rows["max-margin"][-1]
    assert "above the limits of 4 of the 5" in played.told
    assert "north-gpu 10 4 440" in played.told
