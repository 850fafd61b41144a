"""Every setting, its default and its meaning, read once at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEMORY = ":memory:"
"""The database that lives and dies with the process."""


class BadSetting(Exception):  # noqa: N818 - the message says what to change
    """A setting that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with.

    `db`: the database file, or `:memory:`. `agent`: the only agent this server acts for; empty for any.
    `solve_seconds`: the most that one solve of an award may take.
    """

    db: str
    agent: str = ""
    solve_seconds: float = 10.0


def default_db(env: Mapping[str, str] = os.environ) -> str:
    """Return the database of this user: AGENT_MARKET_DB, else market.db in the user's data folder."""
    if named := env.get("AGENT_MARKET_DB", ""):
        return named
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed where the file is named

    return str(user_data_path("agent-market", appauthor=False) / "market.db")


def settings(db: str | None, agent: str | None, env: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a command line: its options, else the environment, else the defaults."""
    chosen = db or default_db(env)
    path = chosen if chosen == MEMORY else str(Path(chosen).expanduser())
    seconds = env.get("AGENT_MARKET_SOLVE_SECONDS", "10")
    try:
        limit = float(seconds)
    except ValueError:
        limit = 0
    if not 0 < limit <= 3600:
        raise BadSetting(
            f"AGENT_MARKET_SOLVE_SECONDS is {seconds!r}: it must be a number above 0, up to 3600"
        )
    return Settings(path, agent or env.get("AGENT_MARKET_AGENT", ""), limit)
