"""A market in a file, the same one every time: the clock stands still at the beginning of 2020, ids tell the command."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

from market_core import commands as ask
from market_core.canonical import GENESIS, canonical, chain_hash
from server.batch import Answer
from server.service import Service
from server.stores.sqlite import SqliteStore

NEW_YEAR = datetime(2020, 1, 1, tzinfo=UTC)
SOON, FAR = "2020-01-02T00:00:00Z", "2100-01-01T00:00:00Z"  # over by now, and not for long

AWARDED, OPEN, OVER = "auc_0000000001", "auc_0000000006", "auc_0000000008"
DEMAND, LAPSED, OFFER = "dem_gpu-hours_0000000009", "dem_gpu-hours_0000000010", "off_gpu-hours_0000000011"
SEALED_COST, DEMAND_LIMIT, OFFER_LIMIT = "3.21", "7.77", "9.99"  # what nobody else may see

_REVIEW = {"capabilities": ["code-review"]}
_HISTORY: tuple[ask.AnyCommand, ...] = (
    ask.RegisterAgent(agent="bo", description="reviews code", capabilities=["code-review"]),
    ask.CreateAuction(agent="ada", task="Review a patch", max_price=10),
    ask.SubmitBid(agent="bo", auction_id=AWARDED, cost=4),
    ask.SubmitBid(agent="cy", auction_id=AWARDED, cost=5),
    ask.AwardAuction(agent="ada", auction_id=AWARDED),
    ask.ReportOutcome(agent="ada", auction_id=AWARDED, success=True, actual_time=60, note="fine work"),
    ask.CreateAuction(agent="ada", task="Translate a page", requirements=_REVIEW, closes_at=FAR),
    ask.SubmitBid(agent="bo", auction_id=OPEN, cost=SEALED_COST),
    ask.CreateAuction(agent="ada", task="Paint a shed", closes_at=SOON),
    ask.RequestResources(agent="ada", resource="GPU hours", quantity="10.5", max_unit_price=DEMAND_LIMIT),
    ask.RequestResources(agent="cy", resource="gpu-hours", quantity=4, needed_by=SOON),
    ask.OfferResources(agent="bo", resource="gpu-hours", quantity=6, unit_price=OFFER_LIMIT),
    ask.RegisterAgent(agent="gpu-hours", description="an agent with the name of a resource"),
)


class _NewYear:
    def now(self) -> datetime:
        return NEW_YEAR


class _Numbered:
    """Ids with the number of the command that makes them."""

    number = 0

    def token(self) -> str:
        return f"{self.number:010}"

    def nonce(self) -> str:
        return "5a" * 32


_CROWD = tuple(
    post
    for owner in ("ann", "bea", "cem")
    for post in (
        ask.RequestResources(agent=owner, resource="slots", quantity=2, max_unit_price=5),
        ask.OfferResources(agent=f"s-{owner}", resource="slots", quantity=1, unit_price=3),
    )
)
"""A book that is large enough to show what clearing it would give."""


async def make_crowd(path: Path) -> None:
    """Add a crowded book, cleared once, and demand for a bundle."""
    store, ids = SqliteStore(str(path)), _Numbered()
    service = Service(store, _NewYear(), ids)
    cleared = ask.AggregateDemand(agent="ann", resources=["slots"])
    bundle = ask.RequestBundle(agent="dan", bundle={"slots": 2, "desks": 1}, max_payment=7)
    async with service.running():
        for ids.number, command in enumerate((*_CROWD, cleared, *_CROWD, bundle), 100):
            await service.execute(command, lambda _: Answer("", {}))
    await store.close()


async def make_market(path: Path) -> None:
    store = SqliteStore(str(path))
    ids = _Numbered()
    service = Service(store, _NewYear(), ids)
    async with service.running():
        for ids.number, command in enumerate(_HISTORY):
            await service.execute(command, lambda _: Answer("", {}))
    await store.close()


def market_in(path: Path) -> Path:
    anyio.run(make_market, path)
    return path


# Changes behind the market's back

Row = tuple[str, int, str, str]


def sql(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def events_of(path: Path, stream: str) -> list[Row]:
    with closing(sqlite3.connect(path)) as db:
        query = "SELECT stream, version, body, hash FROM events WHERE stream = ? ORDER BY version"
        return db.execute(query, (stream,)).fetchall()


def forge(path: Path, stream: str, version: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an event and give it and all after it hashes that fit, as a careful forger would."""

    def changed(body: str) -> str:
        fields = json.loads(body)
        made = change(fields)
        return made if isinstance(made, str) else canonical(fields)

    before = GENESIS
    for _, number, body, _ in events_of(path, stream):
        text = changed(body) if number == version else body
        before = chain_hash(before, stream, number, text)
        sql(
            path,
            "UPDATE events SET body = ?, hash = ? WHERE stream = ? AND version = ?",
            text,
            before,
            stream,
            number,
        )
