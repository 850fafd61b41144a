"""A process of its own on a database file: it bids as fast as it can and prints each bid that was acknowledged.

    python -m tests.server.trader FILE AUCTION PREFIX BIDS TOGETHER

Bids go out TOGETHER at a time: they are one batch, as calls that arrive in one moment are. A refusal `busy` is no acknowledgement: that bid is made again.
"""

import sys

import anyio

from market_core import Code, Rejection
from market_core.commands import SubmitBid
from server.batch import After, Answer
from server.clock import RandomIds, SystemClock, jitter
from server.service import Service
from server.stores.sqlite import SqliteStore


def bid_id(after: After) -> Answer:
    ((event,),) = after.decision.events.values()
    return Answer(event.bid_id, {})


async def trade(path: str, auction_id: str, prefix: str, bids: int, together: int) -> None:
    store = SqliteStore(path, jitter)
    async with Service(store, SystemClock(), RandomIds()).running() as service:

        async def bid(bidder: int, cost: int) -> None:
            command = SubmitBid(agent=f"{prefix}{bidder}", auction_id=auction_id, cost=cost)
            while True:
                try:
                    answer = await service.execute(command, bid_id)
                except Rejection as refusal:
                    if refusal.code != Code.BUSY:
                        raise
                else:
                    sys.stdout.write(f"{answer.text}\n")
                    sys.stdout.flush()
                    return

        sys.stdin.readline()  # all start together
        for cost in range(1, bids // together + 1):
            async with anyio.create_task_group() as tasks:
                for bidder in range(together):
                    tasks.start_soon(bid, bidder, cost)
    await store.close()


if __name__ == "__main__":
    anyio.run(trade, *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]))
