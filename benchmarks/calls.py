"""Durable submit_bid over MCP against a tool of the same signature that does nothing, in one run.

Rounds of both alternate, so that what else the machine does falls on both; the ratio is the median over the rounds.
Every bid is a new agent's, all in one auction.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from time import perf_counter

import anyio
import noop_server
from common import call, file_system, machine, market, module, table, verdict
from mcp import Client

from server.bootstrap import open_store, running
from server.identity import Identity
from server.protocol import build

AT_ONCE = 32
ROWS = 100
DELAY_MS = 5  # as in slow_disk_server


@dataclass(frozen=True)
class Size:
    """How much is measured: calls in a round, one after another and at once, and rounds."""

    sequential: int
    at_once: int
    rounds: int


FULL = Size(sequential=100, at_once=480, rounds=15)
QUICK = Size(sequential=50, at_once=320, rounds=5)


@dataclass(frozen=True)
class Side:
    """One server: its client, the auction to bid in, and a source of fresh bidders."""

    client: Client
    auction_id: str
    bidders: Iterator[int]

    async def bid(self) -> None:
        """Make one bid of a new agent."""
        bidder = next(self.bidders)
        await call(
            self.client,
            "submit_bid",
            auction_id=self.auction_id,
            agent=f"bidder-{bidder}",
            cost=round(10 + bidder % 1000 / 100, 2),
        )


@dataclass(frozen=True)
class Rates:
    """Calls per second of each round."""

    noop: list[float]
    market: list[float]

    @property
    def ratio(self) -> float:
        """The market's rate as a part of the no-op's."""
        return statistics.median(m / n for n, m in zip(self.noop, self.market, strict=True))

    def row(self, what: str, target: float | None) -> list[str]:
        """Return the row of the table."""
        noop, ours = statistics.median(self.noop), statistics.median(self.market)
        told = ["-", "reported"] if target is None else [f">= {target:.2f}", verdict(self.ratio >= target)]
        return [what, f"{noop:,.0f}", f"{ours:,.0f}", f"{self.ratio:.2f}", *told]


async def sequential(side: Side, calls: int) -> float:
    """Return calls per second, one after another."""
    began = perf_counter()
    for _ in range(calls):
        await side.bid()
    return calls / (perf_counter() - began)


async def at_once(side: Side, calls: int) -> float:
    """Return calls per second with AT_ONCE of them always under way."""
    left = count(calls, -1)

    async def caller() -> None:
        while next(left) > 0:
            await side.bid()

    began = perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(caller)
    return calls / (perf_counter() - began)


async def compare(
    noop: Side, ours: Side, measure: Callable[[Side, int], object], calls: int, rounds: int
) -> Rates:
    """Measure both, alternating which goes first, after a warm-up round."""
    rates: dict[int, list[float]] = {0: [], 1: []}
    for turn in range(rounds + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            rate = await measure((noop, ours)[which], calls if turn else max(calls // 4, 50))  # type: ignore[misc]
            if turn:
                rates[which].append(rate)
    return Rates(rates[0], rates[1])


async def _side(client: Client, auction_id: str = "") -> Side:
    await client.list_tools()
    if not auction_id:
        made = await call(client, "create_auction", agent="buyer", task="Summarise a report")
        auction_id = str(made["auction_id"])
    return Side(client, auction_id, count(1))


async def batches(side: Side, calls: int) -> float:
    """Return bids per second through submit_bids with ROWS rows a call."""
    began = perf_counter()
    for _ in range(calls):
        rows = [
            {"auction_id": side.auction_id, "agent": f"bidder-{next(side.bidders)}", "cost": 12.5}
            for _ in range(ROWS)
        ]
        made = await call(side.client, "submit_bids", agent="bidder-0", bids=rows)
        if made["refused"]:
            raise RuntimeError(f"refused: {made}")
    return calls * ROWS / (perf_counter() - began)


async def over_stdio(folder: Path, size: Size) -> list[list[str]]:
    """Return the rows for both servers as subprocesses."""
    async with AsyncExitStack() as stack:
        noop = await _side(
            await stack.enter_async_context(Client(module("benchmarks.noop_server"))), "auc_0123456789"
        )
        ours = await _side(await stack.enter_async_context(Client(market(folder / "stdio.db"))))
        one = await compare(noop, ours, sequential, size.sequential, size.rounds)
        many = await compare(noop, ours, at_once, size.at_once, size.rounds)
        singles, rows = [], []
        for _ in range(size.rounds):
            singles.append(await sequential(ours, size.sequential))
            rows.append(await batches(ours, 5))
    gain = statistics.median(b / a for a, b in zip(singles, rows, strict=True))
    return [
        one.row("stdio, one after another", 0.65),
        many.row(f"stdio, {AT_ONCE} at once", 0.80),
        [
            f"bids in submit_bids of {ROWS}, against single ones",
            f"{statistics.median(singles):,.0f}",
            f"{statistics.median(rows):,.0f}",
            f"{gain:.1f}",
            ">= 20",
            verdict(gain >= 20),
        ],
    ]


async def in_memory(folder: Path, size: Size) -> list[list[str]]:
    """Return the rows for both servers in this process, without a transport; the market's store is on disk."""
    async with (
        running(open_store(str(folder / "memory.db"))) as service,
        Client(noop_server.same_signature()) as idle,
        Client(build(service, Identity())) as busy,
    ):
        noop, ours = await _side(idle, "auc_0123456789"), await _side(busy)
        one = await compare(noop, ours, sequential, size.sequential, size.rounds)
        many = await compare(noop, ours, at_once, size.at_once, size.rounds)
    return [one.row("in memory, one after another", None), many.row(f"in memory, {AT_ONCE} at once", None)]


async def on_a_slow_disk(folder: Path, size: Size) -> tuple[list[list[str]], list[list[str]]]:
    """Return the rows for a market whose every commit takes DELAY_MS longer: throughput, and the rest."""
    counter = folder / "commits"
    slow = module("benchmarks.slow_disk_server", str(folder / "slow.db"), str(counter))
    async with AsyncExitStack() as stack:
        noop = await _side(
            await stack.enter_async_context(Client(module("benchmarks.noop_server"))), "auc_0123456789"
        )
        syncs = await _side(
            await stack.enter_async_context(
                Client(module("benchmarks.noop_server", "--sync", str(folder / "synced")))
            ),
            "auc_0123456789",
        )
        ours = await _side(await stack.enter_async_context(Client(slow)))
        one = await compare(noop, ours, sequential, size.sequential // 2, size.rounds)
        same = await compare(syncs, ours, sequential, size.sequential // 2, size.rounds)
        before, bidders = _number(counter), next(ours.bidders)
        many = await compare(noop, ours, at_once, size.at_once, size.rounds)
        per_commit = (next(ours.bidders) - bidders - 1) / (_number(counter) - before)
    rest = [
        _extra("one call on the slow disk, ms", one, "no-op", DELAY_MS + 1),
        _extra("against a no-op with the same fsync, ms", same, "that", 1),
        [f"bids per commit, {AT_ONCE} at once", f"{per_commit:.1f}", ">= 8", verdict(per_commit >= 8)],
    ]
    return [many.row(f"stdio, {AT_ONCE} at once, fsync + {DELAY_MS} ms", 0.70)], rest


def _extra(what: str, rates: Rates, of: str, most: float) -> list[str]:
    """Return the row of how many milliseconds a call takes more than the no-op's."""
    theirs, ours = (1000 / statistics.median(side) for side in (rates.noop, rates.market))
    extra = statistics.median(1000 / m - 1000 / n for n, m in zip(rates.noop, rates.market, strict=True))
    return [what, f"{theirs:.2f} + {extra:.2f} = {ours:.2f}", f"{of} + {most}", verdict(extra <= most)]


def _number(path: Path) -> int:
    return int.from_bytes(path.read_bytes(), "big")


def commit_ms(folder: Path) -> float:
    """Return the median time of a write and fsync of 4 KiB here, in milliseconds."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(200):
            began = perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append(perf_counter() - began)
    return 1000 * statistics.median(times)


async def measure(size: Size, place: Path) -> None:
    """Measure all and print it."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        print(
            f"{machine()}; database on {file_system(folder)}, fsync of 4 KiB {commit_ms(folder):.2f} ms (median)"
        )
        rows = await over_stdio(folder, size)
        rows += await in_memory(folder, size)
        more, rest = await on_a_slow_disk(folder, size)
    print(table(["calls per second", "no-op", "market", "ratio", "target", ""], rows + more))
    print()
    print(table(["", "measured", "target", ""], rest))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls; noisier")
    parser.add_argument(
        "--in", dest="place", type=Path, default=Path.cwd(), help="folder for the databases (default: here)"
    )
    options = parser.parse_args()
    asyncio.run(measure(QUICK if options.quick else FULL, options.place))


if __name__ == "__main__":
    main()
