"""`agent-market auctions` and `agent-market show`: what is in a database, for whoever owns it.

What they show is what the tools show the public: sealed bids stay sealed, others' limits stay unseen.
"""

import argparse
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from server.cli.common import Commands, Stop, add_file, existing_db, onlooker

if TYPE_CHECKING:
    from server.cli.sheet import Sheet
    from server.service import Service

Content = dict[str, Any]
STATUSES = ("open", "closed", "awarded", "unsold", "cancelled")
_PAGE = 100


def add(commands: Commands) -> None:
    """Add the commands."""
    _add_auctions(commands)
    _add_show(commands)


def _add_auctions(commands: Commands) -> None:
    parser = commands.add_parser(
        "auctions",
        help="list the auctions in a database",
        description="List auctions, newest first: what anybody may know of them. Changes nothing.",
    )
    parser.add_argument("--status", choices=STATUSES, help="only these (default: all)")
    parser.add_argument(
        "--limit", type=count, default=50, metavar="N", help="at most so many (default: %(default)s)"
    )
    _add_common(parser)
    parser.set_defaults(run=run_auctions)


def _add_show(commands: Commands) -> None:
    parser = commands.add_parser(
        "show",
        help="show one auction, resource, demand, offer or agent",
        description="Show one thing as anybody may see it: an auction (auc_...), a demand (dem_...) or an offer "
        "(off_...), a resource by its name, an agent by its id. Bids stay sealed until the award. Changes nothing.",
    )
    parser.add_argument("id", metavar="ID", help="such as auc_0123456789, gpu-hours or claude")
    _add_common(parser)
    parser.set_defaults(run=run_show)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")


def count(text: str) -> int:
    """Return a number of rows that an option gives."""
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError("must be a number from 1 up")
    return int(text)


@asynccontextmanager
async def opened(db: str) -> AsyncIterator["Service"]:
    """Open a database to look into it."""
    from server.bootstrap import open_store

    store = open_store(db)
    try:
        yield onlooker(store)
    finally:
        await store.close()


async def ask(service: "Service", tool: str, **arguments: object) -> Content:
    """Return what a reading tool answers to nobody in particular."""
    from server.identity import Identity
    from server.tools import reading
    from server.tools.registry import Call, tools_of

    given = {name: value for name, value in arguments.items() if value is not None}
    return (await tools_of(reading)[tool].run(Call(service, Identity()), given)).content


# Auctions


def run_auctions(options: argparse.Namespace) -> int:
    """List auctions."""
    import anyio

    listed = anyio.run(_auctions, existing_db(options), options.status, options.limit)
    if options.json:
        print(json.dumps(listed, ensure_ascii=False, indent=2))
        return 0
    _print_auctions(listed, options.status)
    return 0


async def _auctions(db: str, status: str | None, limit: int) -> Content:
    rows: list[Content] = []
    cursor: str | None = None
    async with opened(db) as service:
        while True:
            page = await ask(
                service, "list_auctions", status=status, limit=min(_PAGE, limit - len(rows)), cursor=cursor
            )
            rows += page["auctions"]
            cursor = page.get("next_cursor")
            if cursor is None or len(rows) >= limit:
                return {"auctions": rows, "total": page["total"]}


_COLUMNS = ("auction_id", "status", "task", "buyer", "bids", "max_price", "payment_rule", "closes_at")


def _print_auctions(listed: Content, status: str | None) -> None:
    from server.cli.sheet import Sheet

    sheet = Sheet()
    rows, total = listed["auctions"], listed["total"]
    if not rows:
        sheet.say(f"No {status} auctions." if status else "No auctions yet.")
        return
    named = [(name, name) for name in _COLUMNS] + [("winner", "winner"), ("paid", "payment")]
    used = [(head, name) for head, name in named if any(row.get(name) is not None for row in rows)]
    sheet.table(
        [head for head, _ in used],
        ([row.get(name) for _, name in used] for row in rows),
        right=("bids", "max_price", "paid"),
    )
    told = f"{len(rows)} of {total} auctions; --limit {total} shows all." if len(rows) < total else ""
    sheet.say(told or f"{total} auction{'' if total == 1 else 's'}. agent-market show ID shows one whole.")


# One thing


def run_show(options: argparse.Namespace) -> int:
    """Show whatever has the id."""
    import anyio

    found = anyio.run(_find, existing_db(options), options.id)
    if options.json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return 0
    from server.cli.sheet import Sheet

    sheet = Sheet()
    for kind, content in found.items():
        _PRINTED[kind](sheet, content)
    return 0


async def _find(db: str, some_id: str) -> dict[str, Content]:
    """Return what has this id, by kind: a name may be a resource's and an agent's. Raises Stop if nothing has."""
    from pydantic import ValidationError

    from market_core.rejections import Rejection

    if some_id.startswith("bid_"):
        from market_core.values import auction_of

        raise Stop(f"a bid is not shown by itself; its auction is {auction_of(some_id)}")
    if not some_id.strip():
        raise Stop("give the id or the name of what to show", 2)
    found: dict[str, Content] = {}
    async with opened(db) as service:
        for kind, look in _LOOKS.items():
            try:
                found[kind] = await look(service, some_id)
            except (Rejection, ValidationError):
                continue  # nothing of this kind has this id
    if not found:
        raise Stop(
            f"there is no auction, resource, demand, offer or agent {some_id!a} in {db}; "
            "agent-market auctions lists the auctions"
        )
    return found


async def _auction(service: "Service", some_id: str) -> Content:
    return await ask(service, "get_auction", auction_id=some_id)


async def _resource(service: "Service", some_id: str) -> Content:
    return await ask(service, "get_resource", resource=some_id)


async def _agent(service: "Service", some_id: str) -> Content:
    return await ask(service, "get_agent", agent_id=some_id)


def _entry(kind: str) -> Callable[["Service", str], Awaitable[Content]]:
    """Return the look at a demand or an offer: all but its limit, which is nobody's but its agent's."""

    async def look(service: "Service", some_id: str) -> Content:
        from market_core.rejections import Code, Rejection
        from market_core.values import resource_of
        from server.ports import Query
        from server.projection import epoch

        page = await service.store.find(Query(kind, id=some_id))
        if not page.found:
            raise Rejection(Code.UNKNOWN_ID)
        summary = page.found[0].summary
        over = summary.until is not None and summary.until <= epoch(service.clock.now())
        shown: Content = {
            f"{kind}_id": some_id,
            "status": "lapsed" if summary.status == "open" and over else summary.status,
            "agent": summary.owner,
            "resource": resource_of(some_id),
        }
        body = json.loads(summary.body)
        if kind == "bundle" and "resource" in body:
            shown["resource"] = body["resource"]
        left = body.get("left")
        return shown | ({} if left is None else {"left": _number(left)})

    return look


def _number(text: str) -> int | float:
    amount = Decimal(text)
    return int(amount) if amount == amount.to_integral_value() else float(amount)


_LOOKS: Mapping[str, Callable[["Service", str], Awaitable[Content]]] = {
    "auction": _auction,
    "demand": _entry("demand"),
    "offer": _entry("offer"),
    "bundle": _entry("bundle"),
    "resource": _resource,
    "agent": _agent,
}
"""How to look for each kind of thing; each raises where nothing of its kind has the id."""


def _print_auction(sheet: "Sheet", seen: Content) -> None:
    sheet.heading(f"Auction {seen['auction_id']}: {seen['status']}")
    terms = ("task", "buyer", "description", "requirements", "max_price", "quantity", "lots", "bids_combine")
    rules = ("constraints", "payment_rule", "scoring", "format", "extension", "schedule", "offered")
    sheet.facts((name, seen.get(name)) for name in (*terms, *rules, "closes_at", "invite", "bids"))
    if seen["status"] in ("open", "closed") and "format" not in seen:
        sheet.say("The bids are sealed until the award; until then only their number is shown.")
    for winner in seen.get("winners", ()):
        cost = f", its cost {winner['cost']:g}" if "cost" in winner else ""
        what = f" {winner['quantity']} units" if "quantity" in winner else ""
        what = f" {', '.join(winner['lots'])}" if "lots" in winner else what
        sheet.say(f"Awarded{what} to {winner['agent']}, paid {winner['payment']:g}{cost}.", "green")
    for outcome in [seen["outcome"]] if "outcome" in seen else seen.get("outcomes", ()):
        sheet.heading("Outcome, as the buyer reported")
        sheet.facts(outcome.items())
    sheet.heading("To check the tie-break")
    sheet.facts([("commitment", seen["tie_break_commitment"]), ("nonce", seen.get("nonce"))])


def _print_entry(sheet: "Sheet", seen: Content) -> None:
    kind = next(kind for kind in ("demand", "offer", "bundle") if f"{kind}_id" in seen)
    sheet.heading(f"{kind.capitalize()} {seen[f'{kind}_id']}: {seen['status']}")
    sheet.facts((name, seen.get(name)) for name in ("resource", "agent", "left"))
    sheet.say("Its limit is shown only to its agent.")


def _print_resource(sheet: "Sheet", seen: Content) -> None:
    sheet.heading(f"Resource {seen['resource']}")
    sheet.facts([("unit", seen.get("unit")), ("whole units", seen["whole"])])
    rows = ([side, seen[side]["quantity"], seen[side]["entries"], seen[side]["owners"]] for side in _SIDES)
    sheet.table(["side", "quantity", "entries", "owners"], rows, right=("quantity", "entries", "owners"))
    amounts = ("quantity", "clearing_price")
    if "preview" in seen:
        rows = ([row["policy"], *(row.get(name) for name in amounts)] for row in seen["preview"])
        sheet.table(["clearing now", *amounts], rows, right=amounts)
    sheet.facts((f"cleared by itself, {name}", value) for name, value in seen.get("standing", {}).items())
    if "last_clearings" in seen:
        rows = (
            [row["at"], row["policy"], *(row.get(name) for name in amounts)] for row in seen["last_clearings"]
        )
        sheet.table(["last cleared", "policy", *amounts], rows, right=amounts)


_SIDES = ("demand", "offers")


def _print_agent(sheet: "Sheet", seen: Content) -> None:
    sheet.heading(f"Agent {seen['agent']}")
    sheet.facts((name, seen.get(name)) for name in ("description", "capabilities", "attributes"))
    record = seen["record"]
    sheet.facts([("outcomes reported", record["reported"]), ("of them successes", record["successes"])])
    sheet.table(
        ["in", "awards", "success", "time ratio", "quality ratio"],
        (
            [
                row.get("capability", "all work"),
                row["awards"],
                *(ranged(row[name]) for name in ("success", "time_ratio", "quality_ratio")),
            ]
            for row in record["estimates"]
        ),
        right=("awards",),
    )
    sheet.say("Expected, and in brackets its 90 % interval.")


def ranged(estimated: list[float]) -> str:
    """Return an estimate and its interval as text."""
    mean, low, high = estimated
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


_PRINTED: Mapping[str, Callable[["Sheet", Content], None]] = {
    "auction": _print_auction,
    "demand": _print_entry,
    "offer": _print_entry,
    "bundle": _print_entry,
    "resource": _print_resource,
    "agent": _print_agent,
}
