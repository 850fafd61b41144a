"""The demonstration's last act: agents buy together, in one auction with volume discounts."""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

import anyio

from market_core.values import plain
from server.cli.demo_agents import Agent, Content, exact, number
from server.cli.demo_story import Show

RESOURCE, SECONDS = "tokens-million", 3
MEMBERS: Mapping[str, tuple[int, str]] = {
    "ada": (40, "6"),
    "quinn-quick": (30, "5"),
    "hana-honest": (20, "7"),
    "max-margin": (10, "3"),
    "carla-careful": (20, "9.5"),
}
"""Units wanted and the most paid for one."""
BIDS: Mapping[str, tuple[str, str]] = {
    "north-gpu": ("10", "4"),
    "south-gpu": ("9", "5"),
    "west-gpu": ("8", "7"),
}
"""What a supplier asks for a unit, and for each if it sells 60 or more."""


async def pool(show: Show) -> None:
    """Five agents with different limits, three suppliers with tiers."""
    show.sheet.heading(f"5. Buying together: {RESOURCE}, one auction for all of it")
    async with anyio.create_task_group() as tasks:
        for name, (units, most) in MEMBERS.items():
            tasks.start_soon(_request, show.cast[name], units, most)
    together = {"resources": [RESOURCE], "via": "auction", "closes_in": SECONDS, "threshold": {"owners": 3}}
    opened = (await show.buyer.call("aggregate_demand", **together))["pool"]
    mean = sum((Decimal(small) for small, _ in BIDS.values()), Decimal(0)) / len(BIDS)
    below = sum(Decimal(most) < mean for _, most in MEMBERS.values())
    show.sheet.say(
        f"aggregate_demand via auction pools {opened['quantity']:g} units of {opened['owners']} owners in one auction of "
        f"{SECONDS} seconds. For a small lot the suppliers ask {', '.join(small for small, _ in BIDS.values())}: the mean, "
        f"{plain(mean)}, is above the limits of {below} of the {len(MEMBERS)}."
    )
    async with anyio.create_task_group() as tasks:
        for name in BIDS:
            tasks.start_soon(_supply, show.cast[name], opened["auction_id"])
    receipts = await _receipts(show)
    award = await show.buyer.call("get_auction", auction_id=opened["auction_id"])
    show.sheet.table(
        ["wants", "units", "at most", "its inbox says: allocated"],
        ([name, units, Decimal(most), receipts[name]] for name, (units, most) in MEMBERS.items()),
        right=("units", "at most"),
    )
    show.sheet.table(
        ["asks", "each", "each from 60", "is paid"],
        ([name, Decimal(small), Decimal(low), _paid(award, name)] for name, (small, low) in BIDS.items()),
        right=("each", "each from 60", "is paid"),
    )
    show.sheet.say(
        "Members, quantity, tier and price were chosen together: nobody pays above its limit, and suppliers get exactly "
        "what members pay.",
        "bold",
    )


async def _request(agent: Agent, units: int, most: str) -> None:
    await agent.call("request_resources", resource=RESOURCE, quantity=units, max_unit_price=float(most))
    await agent.news()


async def _supply(agent: Agent, auction_id: str) -> None:
    small, low = (number(Decimal(cost)) for cost in BIDS[agent.name])
    tiers = [{"from_quantity": 60, "cost": low}]
    await agent.call("submit_bid", auction_id=auction_id, cost=small, quantity=120, tiers=tiers)


async def _receipts(show: Show) -> dict[str, str]:
    """Wait until the market has decided; return what each member's inbox says of it."""
    found: dict[str, str] = {}

    async def look(agent: Agent) -> None:
        while agent.name not in found:
            for item in await agent.news(10):
                if item["what"] in ("demand_allocated", "left_out") and item["id"] == RESOURCE:
                    found[agent.name] = re.sub(
                        r"^your demand was allocated: |^.*; | \(dem_.*$", "", item["why"]
                    )

    with anyio.fail_after(math.ceil(SECONDS) + 30):
        async with anyio.create_task_group() as tasks:
            for name in MEMBERS:
                tasks.start_soon(look, show.cast[name])
    return found


def _paid(award: Content, name: str) -> Decimal:
    paid = [exact(row["payment"]) for row in award["winners"] if row["agent"] == name]
    return sum(paid, Decimal(0))
