"""Every setting, its default and its meaning, read once at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

MEMORY = ":memory:"
"""The database that lives and dies with the process."""


class BadSetting(Exception):  # noqa: N818 - the message says what to change
    """A setting that cannot be meant."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server is started with.

    `db`: the database file, or `:memory:`. `agent`: the only agent this server acts for; empty for any.
    `solve_seconds`: the most that one solve of an award or a clearing may take. `amend_for`, `dispute_for`: seconds in which a report
    on an outcome may be changed, and disputed; `grace`: those after the estimated time until work is overdue.
    """

    db: str
    agent: str = ""
    solve_seconds: float = 10.0
    amend_for: Decimal = Decimal(24 * 3600)
    dispute_for: Decimal = Decimal(3 * 24 * 3600)
    grace: Decimal = Decimal(3600)


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
    usual = Settings(path)
    return Settings(
        path,
        agent or env.get("AGENT_MARKET_AGENT", ""),
        float(_seconds(env, "SOLVE_SECONDS", Decimal(10), 3600)),
        _seconds(env, "AMEND_FOR", usual.amend_for, _YEAR),
        _seconds(env, "DISPUTE_FOR", usual.dispute_for, _YEAR),
        _seconds(env, "GRACE", usual.grace, _YEAR),
    )


_YEAR = 365 * 24 * 3600


def _seconds(env: Mapping[str, str], name: str, usual: Decimal, most: int) -> Decimal:
    """Return a number of seconds from the environment."""
    text = env.get(f"AGENT_MARKET_{name}", "")
    try:
        seconds = round(Decimal(text), 6) if text else usual
    except InvalidOperation:
        seconds = Decimal(0)
    if not (seconds.is_finite() and 0 < seconds <= most):
        raise BadSetting(f"AGENT_MARKET_{name} is {text!r}: it must be a number above 0, up to {most}")
    return seconds
