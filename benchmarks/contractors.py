"""33 requests for contractors and 99 contractors through the market, against the published optimum.

Every contractor that sells any of the items bids; those that lack an item or an amenity are refused by the market,
not by this script. The data and its licence: data/README.md.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from common import call, market
from mcp import Client

DATA = Path(__file__).parent / "data" / "contractors_33_99.json"
OPTIMUM = Decimal("23444.27")
_BATCH = 100  # rows that submit_bids takes

Row = dict[str, Any]


@dataclass(frozen=True)
class Replay:
    """What the replay came to. `utility` is the customers' in all; `unsold` the requests without a contractor."""

    utility: Decimal
    unsold: int
    accepted: int
    refused: Counter[str]
    seconds: float


async def replay(customers: Sequence[Row], businesses: Sequence[Row]) -> Replay:
    """Register, post, bid and award, through one MCP client over stdio."""
    with tempfile.TemporaryDirectory() as folder:
        async with Client(market(Path(folder) / "market.db")) as client:
            began = perf_counter()
            for business in businesses:
                await call(
                    client,
                    "register_agent",
                    agent=business["id"],
                    capabilities=list(business["prices"]),
                    attributes=dict.fromkeys(business["amenities"], True),
                )
            auctions = {customer["id"]: await _post(client, customer) for customer in customers}
            accepted, refused = await _bid(client, _bids(customers, businesses, auctions))
            utilities = [await _award(client, customer, auctions[customer["id"]]) for customer in customers]
            return Replay(
                sum((utility for utility in utilities if utility is not None), Decimal(0)),
                utilities.count(None),
                accepted,
                refused,
                perf_counter() - began,
            )


async def _post(client: Client, customer: Row) -> str:
    made = await call(
        client,
        "create_auction",
        agent=customer["id"],
        task=f"{', '.join(customer['items'])} for {customer['id']}"[:200],
        description=customer["request"],
        requirements={
            "capabilities": list(customer["items"]),
            "attributes": dict.fromkeys(customer["amenities"], True),
        },
        payment_rule="pay_as_bid",
    )
    return str(made["auction_id"])


def _bids(customers: Sequence[Row], businesses: Sequence[Row], auctions: dict[str, str]) -> list[Row]:
    """Return a bid of everyone who sells something that is wanted: its prices for what it sells of it."""
    return [
        {"auction_id": auctions[customer["id"]], "agent": business["id"], "cost": str(sum(prices))}
        for customer in customers
        for business in businesses
        if (prices := [business["prices"][item] for item in customer["items"] if item in business["prices"]])
    ]


async def _bid(client: Client, bids: list[Row]) -> tuple[int, Counter[str]]:
    accepted, refused = 0, Counter[str]()
    for first in range(0, len(bids), _BATCH):
        rows = bids[first : first + _BATCH]
        made = await call(client, "submit_bids", agent=rows[0]["agent"], bids=rows)
        accepted += made["accepted"]
        refused.update(row["code"] for row in made["refusals"])
    return accepted, refused


async def _award(client: Client, customer: Row, auction_id: str) -> Decimal | None:
    """Return the customer's utility: 2 x the worth of its items - what it pays; None if nobody may do the work."""
    made = await call(client, "award", agent=customer["id"], auction_id=auction_id)
    if not made["winners"]:
        return None
    return 2 * sum(customer["items"].values(), Decimal(0)) - Decimal(str(made["total_payment"]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="print one line; exit 1 unless it is the optimum"
    )
    options = parser.parse_args()
    data = json.loads(DATA.read_text(encoding="utf-8"), parse_float=Decimal)
    done = asyncio.run(replay(data["customers"], data["businesses"]))
    met = done.utility == OPTIMUM
    print(
        f"contractors: utility {done.utility:,} of {OPTIMUM:,} ({'the optimum' if met else 'NOT the optimum'}), "
        f"{done.seconds:.1f} s"
    )
    if not options.check:
        print(
            f"requests {len(data['customers'])}, of which unsold {done.unsold}; bids accepted {done.accepted}"
        )
        for code, number in done.refused.most_common():
            print(f"refused as {code}: {number}")
    return 0 if met or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
