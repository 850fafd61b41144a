"""`agent-market agents`: who is in a database, and what their track records say."""

import argparse
import json
from typing import Any

from server.cli.common import Commands, add_file, existing_db
from server.cli.look import Content, ask, count, opened, ranged


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "agents",
        help="list the agents in a database with their track records",
        description="List registered agents, newest first, with what buyers' reports say of them: the chance of success, the "
        "time taken over the time estimated, the quality over the quality promised, each with its 90 %% "
        "interval. Without outcomes it is what is believed of any newcomer. Changes nothing.",
    )
    parser.add_argument("--capability", metavar="NAME", help="only those that have it, judged in it")
    parser.add_argument(
        "--limit", type=count, default=50, metavar="N", help="at most so many (default: %(default)s)"
    )
    add_file(parser)
    parser.add_argument("--json", action="store_true", help="write JSON, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List the agents."""
    import anyio

    listed = anyio.run(_agents, existing_db(options), options.capability, options.limit)
    if options.json:
        print(json.dumps(listed, ensure_ascii=False, indent=2))
        return 0
    _print(listed, options.capability)
    return 0


async def _agents(db: str, capability: str | None, limit: int) -> Content:
    rows: list[Content] = []
    cursor: str | None = None
    async with opened(db) as service:
        while True:
            page = await ask(service, "get_agent", capability=capability, cursor=cursor)
            names = [row["agent"] for row in page["agents"]][: limit - len(rows)]
            rows += [await ask(service, "get_agent", agent_id=name) for name in names]
            cursor = page.get("next_cursor")
            if cursor is None or len(rows) >= limit:
                return {"agents": rows, "total": page["total"]}


def _print(listed: Content, capability: str | None) -> None:
    from market_core.values import name_of
    from server.cli.sheet import Sheet

    sheet = Sheet()
    rows, total = listed["agents"], listed["total"]
    if not rows:
        sheet.say(f"No agents with the capability {capability}." if capability else "No agents yet.")
        return
    wanted = name_of(capability) if capability else None
    sheet.table(
        [
            "agent",
            "awards",
            "successes",
            "failures",
            "success",
            "time ratio",
            "quality ratio",
            "capabilities",
        ],
        (_row(seen, wanted) for seen in rows),
        right=("awards", "successes", "failures"),
    )
    told = f"{len(rows)} of {total} agents; --limit {total} shows all." if len(rows) < total else ""
    sheet.say(told or f"{total} agent{'' if total == 1 else 's'}. agent-market show ID shows one whole.")


def _row(seen: Content, capability: str | None) -> list[Any]:
    estimates = seen["record"]["estimates"]
    made = next((row for row in estimates if row.get("capability") == capability), None)
    if made is None:
        return [seen["agent"], 0, 0, 0, "-", "-", "-", ", ".join(seen["capabilities"])]
    counts = [made["awards"], made["successes"], made["failures"]]
    measures = [ranged(made[name]) for name in ("success", "time_ratio", "quality_ratio")]
    return [seen["agent"], *counts, *measures, ", ".join(seen["capabilities"])]
