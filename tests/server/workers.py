"""Services without a protocol around them: several on one store, as several processes would."""

from contextlib import AsyncExitStack, asynccontextmanager

import anyio

from market_core import Rejection
from market_core.auction import Auction
from market_core.commands import CreateAuction, SubmitBid
from server.batch import Once
from server.service import Service
from tests.server.shell import Counted, Hand, plainly, said


@asynccontextmanager
async def services(store, *prefixes: str, clock: Hand | None = None):
    """Run a service for each prefix of ids, all on one store."""
    made = [Service(store, clock or Hand(), Counted(prefix)) for prefix in prefixes or ("t",)]
    async with plainly(), AsyncExitStack() as stack:
        yield [await stack.enter_async_context(service.running()) for service in made]


async def create(service: Service, **more) -> str:
    (stream,) = (await service.execute(CreateAuction(agent="buyer", task="t", **more), said)).content
    return stream.partition("/")[2]


def bid(auction_id: str, agent: str, cost: object = 5, **more) -> SubmitBid:
    return SubmitBid(agent=agent, auction_id=auction_id, cost=cost, **more)


def bids_in(auction_id: str) -> dict[str, list[str]]:
    """Return what `said` says of a bid."""
    return {f"auction/{auction_id}": ["BidSubmitted"]}


async def together(service: Service, *commands, once: Once | None = None) -> list[object]:
    """Carry out commands that arrive in one moment; return what became of each, in order."""
    outcomes: list[object] = [None] * len(commands)

    async def one(position: int, command) -> None:
        try:
            outcomes[position] = (await service.execute(command, said, once)).content
        except Rejection as refusal:
            outcomes[position] = refusal.code

    async with anyio.create_task_group() as tasks:
        for position, command in enumerate(commands):
            tasks.start_soon(one, position, command)
    return outcomes


async def auction_of(service: Service, auction_id: str) -> Auction:
    """Return the state of an auction as committed."""
    return await service.see([f"auction/{auction_id}"], lambda states, _: states[f"auction/{auction_id}"])


async def bidders(service: Service, auction_id: str) -> set[str]:
    return set((await auction_of(service, auction_id)).bids)
