"""A book cleared as a whole command: from the book to receipts on disk, in one commit; and posting into a large book.

The book is filled in large transactions, as the service would have recorded it. Then the tool is called in this process:
decide, record, project, store. While it runs, another caller looks at another resource every few milliseconds.
"""

import argparse
import asyncio
import gc
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import anyio
from clearing import arrays
from common import file_system, machine, table, verdict

from market_core.book import Resource
from market_core.canonical import GENESIS, chain_hash
from market_core.events import DemandPosted, Event, OfferPosted
from market_core.handle import evolve, resource_stream
from market_core.values import from_micros
from server import codec
from server.bootstrap import GARBAGE, open_store, running
from server.clock import RandomIds
from server.identity import Identity
from server.ports import EventStore, Notice, Recorded, Transaction, Write
from server.projection import project
from server.service import Service
from server.tools import resources
from server.tools.registry import Call, tools_of

POSTS = 300
IN_ONE = 20_000  # events in a transaction that fills a book
TOOLS = tools_of(resources)
BEGAN = datetime.now(UTC) - timedelta(days=1)


def posted(name: str, demands: int, offers: int, seed: int, limits: int) -> Iterator[Event]:
    """Return the events of a book: `limits` different limits; an agent has 10 entries, an owner one agent."""
    asked, limit, offered, ask = (column.tolist() for column in arrays(seed, demands, offers, 1, limits, 10))
    token = RandomIds().token
    for at, (quantity, price) in enumerate(zip(asked, limit, strict=True)):
        yield DemandPosted(
            BEGAN + timedelta(milliseconds=at),
            f"dem_{name}_{token()}",
            f"buyer-{at // 10}",
            name,
            from_micros(quantity),
            from_micros(price),
            None,
        )
    for at, (quantity, price) in enumerate(zip(offered, ask, strict=True)):
        yield OfferPosted(
            BEGAN + timedelta(milliseconds=demands + at),
            f"off_{name}_{token()}",
            f"seller-{at // 10}",
            name,
            from_micros(quantity),
            from_micros(price),
            None,
        )


async def fill(store: EventStore, name: str, events: Iterator[Event]) -> None:
    """Store the events of a book as the service would have, but many in a transaction."""
    stream, book, version, before = resource_stream(name), Resource(), 0, GENESIS
    while some := list(islice(events, IN_ONE)):
        recorded, summaries, notices = [], {}, []
        for event in some:
            body, version = codec.encode(event), version + 1
            before = chain_hash(before, stream, version, body)
            recorded.append(Recorded(version, body, before))
            evolve(book, event)
        for row in project(book, some):
            if isinstance(row, Notice):
                notices.append(row)
            else:
                summaries[row.kind, row.id] = row
        write = Write(stream, version - len(some), tuple(recorded))
        await store.commit([Transaction((write,), (), tuple(summaries.values()), tuple(notices))])


@asynccontextmanager
async def market(folder: Path, books: dict[str, Iterator[Event]]) -> AsyncIterator[Call]:
    """Run a market on a new file with these books."""
    path = str(folder / f"{'-'.join(books)}.db")
    store = open_store(path)
    for name, events in books.items():
        await fill(store, name, events)
    await store.close()
    async with running(open_store(path)) as service:
        gc.freeze()  # as the server does
        gc.set_threshold(GARBAGE)
        yield Call(service, Identity())


async def call(to: Call, tool: str, **arguments: Any) -> dict[str, Any]:
    return (await TOOLS[tool].run(to, arguments)).content


async def seconds(work: Any) -> float:
    began = perf_counter()
    await work
    return perf_counter() - began


async def longest_pause(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds that `work` takes, and the longest for which nothing else could run meanwhile."""
    pauses = [0.0]

    async def tick() -> None:
        while True:
            began = perf_counter()
            try:
                await anyio.sleep(0.005)
            finally:
                pauses.append(perf_counter() - began - 0.005)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await anyio.sleep(0.02)
        pauses.clear()
        took = await seconds(work())
        tasks.cancel_scope.cancel()
    return took, max(pauses, default=0.0)


async def look(service: Service, name: str) -> None:
    await service.see([resource_stream(name)], lambda *_: None)


async def cleared(to: Call, name: str) -> tuple[list[str], float]:
    """Clear a book that is at hand; return the figures and the seconds."""
    made: dict[str, Any] = {}

    async def work() -> None:
        made.update(await call(to, "aggregate_demand", agent="clearer", resources=[name]))

    began = process_time()
    took, pause = await longest_pause(work)
    busy = process_time() - began
    (clearing,) = made["clearings"]
    served = f"{clearing['allocated']:,} + {clearing['sold']:,}"
    return [served, f"{took:.3f}", f"{busy:.3f}", f"{pause * 1000:.0f}"], took


async def small(folder: Path, demands: int, times: int) -> list[list[str]]:
    """Return the rows of a book of some thousands, the median of several."""
    rows = []
    for limits, what in ((10**7, "any limit"), (1, "one limit for all")):
        names = [f"small{limits}x{at}" for at in range(times)]
        books = {name: posted(name, demands, demands // 10, at, limits) for at, name in enumerate(names)}
        figures = []
        async with market(folder, books) as to:
            for name in names:
                await look(to.service, name)
                figures.append(await cleared(to, name))
        figures.sort(key=lambda figure: figure[1])
        row, took = figures[len(figures) // 2]
        rows.append([f"{demands:,} + {demands // 10:,}, {what}", *row, "< 0.1", verdict(took < 0.1)])
    return rows


async def large(
    folder: Path, demands: int, limits: int, what: str
) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows of clearing a large book, and those of posting into it before that."""
    events = posted("large", demands - POSTS - 20, demands // 10, 1, limits)
    async with market(folder, {"large": events}) as to:
        reading = await seconds(look(to.service, "large"))
        posting = await post(to, demands)
        row, took = await cleared(to, "large")
    target = ["< 10", verdict(took < 10)] if demands == 1_000_000 else ["-", "reported"]
    rows = [[f"{demands:,} + {demands // 10:,}, {what}", *row, *target]]
    rows.append(["the same book read from the file", "-", f"{reading:.3f}", "-", "-", "-", "reported"])
    return rows, posting


async def post(to: Call, demands: int) -> list[list[str]]:
    """Return the rows of posting into a large and an empty book in turns."""
    took: dict[str, list[float]] = {"large": [], "empty": []}
    for at in range(POSTS + 10):
        for name in ("large", "empty") if at % 2 else ("empty", "large"):
            ask = call(
                to, "request_resources", agent=f"new-{at}", resource=name, quantity=1, max_unit_price=0.5
            )
            took[name].append(await seconds(ask))
    empty, full = (statistics.median(took[name][10:]) * 1000 for name in ("empty", "large"))
    worst = [max(took[name][10:]) * 1000 for name in ("empty", "large")]
    return [
        ["an empty book", f"{empty:.2f}", f"{worst[0]:.1f}", "-", ""],
        [
            f"a book of {demands:,} demands",
            f"{full:.2f}",
            f"{worst[1]:.1f}",
            "<= 1.1 x",
            verdict(full <= 1.1 * empty),
        ],
    ]


async def run(folder: Path, quick: bool) -> None:
    demands = 100_000 if quick else 1_000_000
    print(f"{machine()}, {file_system(folder)}", flush=True)
    rows = await small(folder, 10_000, 5)
    more, posting = await large(folder, demands, 10**7, "any limit")
    rows += more
    rows += (await large(folder / "all", demands, 1, "one limit for all"))[0]
    heads = [
        "clearing, demands + offers",
        "receipts",
        "whole command, s",
        "processor, s",
        "longest pause, ms",
        "target, s",
        "",
    ]
    print(table(heads, rows), end="\n\n")
    print(table(["posting into", "median, ms", "worst, ms", "target", ""], posting))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 demands")
    parser.add_argument(
        "--in", dest="folder", type=Path, help="where the databases go (default: a temporary folder)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(run(Path(folder), options.quick))


if __name__ == "__main__":
    main()
