"""Golden files: compared by every run, written by `pytest --rewrite-golden`, reviewed as a diff."""

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare a text with the golden file of that name beside the test; with --rewrite-golden, write it."""
    folder = Path(request.path).parent / "golden"
    rewrite = request.config.getoption("--rewrite-golden")

    def compare(name: str, text: str) -> None:
        path = folder / name
        if rewrite:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        kept = path.read_text(encoding="utf-8") if path.exists() else "(there is no such file)"
        assert text == kept, f"{name} changed; if that is meant: pytest --rewrite-golden"

    return compare
