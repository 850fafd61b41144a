"""The command line as a whole: help, version, misuse, and a reader that goes away."""

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from server.config import BadSetting, settings
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    ("serve",),
    ("demo",),
    ("auctions",),
    ("show",),
    ("resource",),
    ("resource", "declare"),
    ("grant",),
    ("agents",),
    ("settle",),
    ("vouch",),
    ("verify",),
)


def test_help_names_every_command_and_where_to_start(market: CommandLine) -> None:
    said = market("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"    {command[0]} " in said.out
    assert "Start with: agent-market demo" in said.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_is_for(market: CommandLine, command: tuple[str, ...]) -> None:
    said = market(*command, "--help")
    assert (said.code, said.err) == (0, "")
    usage, _, rest = said.out.partition("\n\n")
    assert usage.startswith(f"usage: agent-market {' '.join(command)} ")
    assert rest[0].isupper()  # a sentence before the options


@pytest.mark.parametrize(
    "misuse",
    [(), ("sell",), ("show",), ("resource",), ("auctions", "--status", "gone"), ("auctions", "--limit", "0")],
)
def test_misuse_gets_the_usage_and_code_2(market: CommandLine, misuse: tuple[str, ...]) -> None:
    said = market(*misuse)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("usage: agent-market")


def test_the_version_is_told(market: CommandLine) -> None:
    said = market("--version")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("agent-market")


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_that_goes_away_is_no_error(db: Path, form: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "server", "auctions", "--db", str(db), *form],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 1


def test_no_command_pays_for_the_imports_of_the_others() -> None:
    code = "import sys, server.cli; print(*{'anyio', 'market_core', 'mcp', 'pydantic', 'rich', 'sqlite3'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


@pytest.mark.parametrize("seconds", ["x", "0", "-1", "nan", "3601"])
def test_a_setting_that_cannot_be_meant_stops_the_server_with_a_sentence(
    market: CommandLine, seconds: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGENT_MARKET_SOLVE_SECONDS", seconds)
    said = market("serve", "--db", ":memory:")
    assert (said.code, said.out) == (2, "")
    assert (
        said.err
        == f"agent-market: AGENT_MARKET_SOLVE_SECONDS is {seconds!r}: it must be a number above 0, up to 3600\n"
    )


def test_the_operators_times_for_outcomes_come_from_the_environment() -> None:
    env = {"AGENT_MARKET_AMEND_FOR": "60", "AGENT_MARKET_DISPUTE_FOR": "120.5"}
    chosen = settings("x.db", None, env)
    assert (chosen.amend_for, chosen.dispute_for, chosen.grace) == (60, Decimal("120.5"), 3600)
    for name in ("AMEND_FOR", "DISPUTE_FOR", "GRACE"):
        for wrong in ("x", "0", "-1", "nan", "inf", "99999999999"):
            with pytest.raises(BadSetting, match=f"AGENT_MARKET_{name} is '{wrong}'"):
                settings("x.db", None, {f"AGENT_MARKET_{name}": wrong})
