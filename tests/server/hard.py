"""Books and solvers for clearings that take long: others go on meanwhile, and what they change is noticed."""

import anyio

from market_core.commands import OfferResources, RequestResources
from market_core.mechanisms.solve import solve
from server.ports import SolverGone
from tests.server.shell import said

SIZES = (149, 197, 153, 105, 133, 165, 162, 151, 200)
LIMITS = ("5.09", "5.15", "5.11", "5.18", "5.06", "5.16", "5.04", "5.09", "5.04")
OFFERS = ((472, 4), (480, "4.001"))
"""Nine demands and two offers, all or nothing each: which of them fit together takes some search."""


class Gate:
    """A solver that answers when the gate is opened; `asked` is set as soon as there is a question."""

    def __init__(self) -> None:
        self.questions = []
        self.asked, self.opened = anyio.Event(), anyio.Event()

    async def solve(self, question):
        self.questions.append(question)
        self.asked.set()
        await self.opened.wait()
        return solve(question)


class Gone:
    """A solver that ends before it has an answer, so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.questions = times, []

    async def solve(self, question):
        self.questions.append(question)
        if len(self.questions) <= self.times:
            raise SolverGone("killed")
        return solve(question)


async def a_hard_book(service, resource: str = "gpu") -> None:
    """Post a book of which the search does not end at once."""
    for at, (size, limit) in enumerate(zip(SIZES, LIMITS, strict=True)):
        wanted = {"quantity": size, "min_quantity": size, "max_unit_price": limit}
        await service.execute(RequestResources(agent=f"a{at}", resource=resource, **wanted), said)
    for at, (size, ask) in enumerate(OFFERS):
        offered = {"quantity": size, "min_quantity": size, "unit_price": ask}
        await service.execute(OfferResources(agent=f"s{at}", resource=resource, **offered), said)
