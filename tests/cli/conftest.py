"""The command line as a person uses it: arguments in; text, errors and an exit code out."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.cli import run
from tests.cli.made import market_in


@dataclass(frozen=True)
class Said:
    """What a command did: its exit code, standard output, standard error."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs `agent-market` in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: object) -> Said:
        self._capture.readouterr()
        try:
            code = run([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        out, err = self._capture.readouterr()
        return Said(code, out, err)


@pytest.fixture
def market(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """The command `agent-market`."""
    return CommandLine(capsys)


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market_in(tmp_path_factory.mktemp("made") / "market.db")


@pytest.fixture
def db(_made: Path, tmp_path: Path) -> Path:
    """A database with a small market in it, of one's own."""
    return Path(shutil.copy(_made, tmp_path / "market.db"))
