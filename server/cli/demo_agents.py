"""The agents of the demonstration: what they can do, what it costs them, and how they bid.

Nothing here is random, so every run ends the same. What work truly costs an agent is its secret; the
demonstration, which made it up, may tell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp import Client

Content = dict[str, Any]
REVIEW, INCIDENT = "code-review", "incident-response"


def exact(number: float) -> Decimal:
    """Return a JSON number as the decimal it was written as."""
    return Decimal(repr(number))


def number(amount: Decimal) -> int | float:
    """Return an amount as a JSON number."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


class Refused(Exception):  # noqa: N818 - an answer of the market
    """The market refused a call of an agent."""

    def __init__(self, agent: str, tool: str, content: Content) -> None:
        super().__init__(f"{tool} of {agent} was refused: {content.get('message', 'no reason given')}")
        self.code: str = content.get("code", "")
        self.message: str = content.get("message", "")
        self.next: str = content.get("next", "")
        self.missing: list[str] = content.get("facts", {}).get("missing", [])


@dataclass(frozen=True, slots=True)
class Player:
    """An agent before it meets the market. `bid` makes its cost from its true cost and the auction's terms."""

    name: str
    strategy: str
    capabilities: tuple[str, ...] = ()
    true_cost: Decimal = Decimal(0)
    seconds: int = 0
    quality: Decimal = Decimal(0)
    bid: Callable[[Decimal, Content], Decimal] = lambda true_cost, _: true_cost


def _with_margin(true_cost: Decimal, terms: Content) -> Decimal:
    """Add 30% where one is paid what one asks; elsewhere a margin can only lose."""
    return true_cost * Decimal("1.3") if terms["payment_rule"] == "pay_as_bid" else true_cost


BUYER = Player("ada", "buys the work; never sees a bid before the award")
PROVIDERS = (
    Player("hana-honest", "asks what the work costs it", (REVIEW, INCIDENT), Decimal(4), 900, Decimal("0.6")),
    Player(
        "max-margin",
        "adds 30% where it is paid what it asks",
        (REVIEW,),
        Decimal("3.5"),
        1200,
        Decimal("0.7"),
        _with_margin,
    ),
    Player("quinn-quick", "quick but dear", (REVIEW, INCIDENT), Decimal("6.5"), 240, Decimal("0.75")),
    Player("carla-careful", "slow, careful, dear", (REVIEW, INCIDENT), Decimal(8), 600, Decimal("0.98")),
)
SUPPLIERS = tuple(
    Player(name, "sells GPU hours, takes no less than it asks")
    for name in ("north-gpu", "south-gpu", "west-gpu")
)


class Agent:
    """An agent connected to its own server. Everything it knows of the market it learns through tools.

    `minds_max_price`: it has learned to look at an auction's max_price before it bids.
    """

    def __init__(self, player: Player, client: "Client") -> None:
        self.player = player
        self.name = player.name
        self.minds_max_price = False
        self._client = client
        self._cursor = ""

    async def call(self, tool: str, **arguments: Any) -> Content:
        """Call a tool; return its structured content. Raises Refused."""
        result = await self._client.call_tool(tool, arguments)
        content = result.structured_content or {}
        if result.is_error:
            raise Refused(self.name, tool, content)
        return content

    async def join(self, capabilities: Sequence[str]) -> None:
        """Register with `capabilities`, and read the inbox, so that what comes later is news."""
        await self.call("register_agent", description=self.player.strategy, capabilities=list(capabilities))
        await self.news()

    async def news(self, wait: float = 0) -> list[Content]:
        """Return what is new since the last look; with `wait`, wait up to so many seconds for something."""
        arguments: Content = {"wait": wait, "cursor": self._cursor} if self._cursor else {"wait": wait}
        told = await self.call("inbox", **arguments)
        self._cursor = told["next_cursor"]
        news: list[Content] = told["news"]
        return news

    async def find_work(self) -> Content:
        """Return the terms of the auction that the inbox tells of, else of the newest open one in the list."""
        told = [item["id"] for item in await self.news() if item["what"] == "auction_created"]
        if not told:  # the inbox tells only of work that fits one's capabilities
            listed = await self.call("list_auctions", status="open", limit=1)
            told = [auction["auction_id"] for auction in listed["auctions"]]
        return await self.call("get_auction", auction_id=told[-1])

    async def bid(self, terms: Content) -> Content:
        """Bid as the strategy says. Raises Refused."""
        player = self.player
        return await self.call(
            "submit_bid",
            auction_id=terms["auction_id"],
            cost=number(player.bid(player.true_cost, terms)),
            estimated_time=player.seconds,
            quality=number(player.quality),
        )
