"""100,000 bids into one auction through the core alone: what a bid and an award cost, without I/O.

A bid here is what the service does of it: the streams it needs, the decision, the new state.
"""

import argparse
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter

from common import machine, table, verdict

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.commands import AwardAuction, CreateAuction, SubmitBid
from market_core.facts import Facts
from market_core.handle import State, agent_stream, auction_stream, evolve, handle, streams

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARKS = (1_000, 10_000, 100_000)
SLICE = 1_000  # bids over which the cost at a mark is taken
AUCTION = "auc_1"


@dataclass(frozen=True)
class Run:
    """One auction filled and awarded: microseconds of each slice of bids, and seconds of the award."""

    slices: list[float]
    award: float

    @property
    def rate(self) -> float:
        """Bids per second over all."""
        return 1_000_000 / statistics.mean(self.slices)


def run(bids: int, cost: Callable[[], Decimal]) -> Run:
    """Fill one auction with `bids` bids of as many agents, and award it."""
    create = CreateAuction(agent="buyer", task="Summarise a report", max_price=Decimal(1000))
    facts = Facts(NOW, "1", "5a" * 32)
    stream = auction_stream(AUCTION)
    (created,) = handle({stream: Auction()}, create, facts).events[stream]
    auction: State = evolve(Auction(), created)
    commands = [SubmitBid(agent=f"bidder-{n}", auction_id=AUCTION, cost=cost()) for n in range(bids)]
    slices = []
    for first in range(0, bids, SLICE):
        began = perf_counter()
        for number, command in enumerate(commands[first : first + SLICE], first):
            auction = _submit(auction, command, Facts(NOW, f"t{number}", ""))
        slices.append((perf_counter() - began) * 1_000_000 / SLICE)
    award = AwardAuction(agent="buyer", auction_id=AUCTION)
    began = perf_counter()
    for event in handle({stream: auction}, award, Facts(NOW, "award", "")).events[stream]:
        auction = evolve(auction, event)
    seconds = perf_counter() - began
    assert isinstance(auction, Auction)
    assert auction.status == "awarded"
    return Run(slices, seconds)


def _submit(auction: State, command: SubmitBid, facts: Facts) -> State:
    found: dict[str, State] = {auction_stream(AUCTION): auction, agent_stream(command.agent): Agent()}
    streams(command, found, facts)
    for name, events in handle(found, command, facts).events.items():
        for event in events:
            found[name] = evolve(found[name], event)
    return found[auction_stream(AUCTION)]


def at(mark: int, runs: Sequence[Run]) -> float:
    """Return the microseconds per bid in the slices up to `mark`: the median over them and the runs."""
    last = mark // SLICE
    return statistics.median(cost for one in runs for cost in one.slices[max(0, last - 5) : last])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="10,000 bids, once")
    options = parser.parse_args()
    marks = MARKS[:2] if options.quick else MARKS
    times = 1 if options.quick else 5
    print(machine())
    random.seed(1)
    run(marks[0], lambda: Decimal("12.5"))  # the first bids of a process are slower than any later ones
    mixed = [run(marks[-1], lambda: Decimal(random.randrange(1, 10**9)).scaleb(-6)) for _ in range(times)]
    tied = [run(marks[-1], lambda: Decimal("12.5")) for _ in range(times)]
    base = at(marks[0], mixed)
    rate = statistics.median(one.rate for one in mixed)
    rows = [["bids decided and applied per second", f"{rate:,.0f}", ">= 50,000", verdict(rate >= 50_000)]]
    for mark in marks:
        cost = at(mark, mixed)
        held = abs(cost / base - 1) <= 0.2
        rows.append(
            [
                f"a bid when there are {mark:,}, microseconds",
                f"{cost:.1f} ({cost / base:.2f} x)",
                "flat within 20%",
                verdict(held),
            ]
        )
    for what, runs in (("random costs", mixed), ("all tied", tied)):
        seconds = statistics.median(one.award for one in runs)
        rows.append(
            [f"the award over {marks[-1]:,} bids, {what}, s", f"{seconds:.2f}", "< 1", verdict(seconds < 1)]
        )
    print(table([f"core alone, {times} runs", "median", "target", ""], rows))


if __name__ == "__main__":
    main()
