"""The tools that only look: auctions, resources, agents, one's own inbox."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, WithJsonSchema

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.book import Resource
from market_core.handle import States, agent_stream, auction_stream
from market_core.observation import AgentSeen as CardSeen
from market_core.observation import (
    AuctionSeen,
    EstimateSeen,
    ResourceSeen,
    see_agent,
    see_auction,
    see_estimates,
    see_resource,
)
from market_core.rejections import Code, Rejection
from market_core.terms import Model
from market_core.values import Name, ObjectId, owner_of
from server.asking import looked_at
from server.ports import Found, Page, Query
from server.projection import epoch, moment_of
from server.tools import answers
from server.tools.agent_views import card_answer
from server.tools.auction_views import auction_answer
from server.tools.book_views import resource_answer
from server.tools.registry import Call, reading


def _cursor(value: object) -> object:
    """A cursor looks like a number, so it may come as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


CursorField = Annotated[
    str,
    BeforeValidator(_cursor),
    StringConstraints(max_length=40),
    Field(description="next_cursor of the page before"),
    WithJsonSchema({"type": "string"}),
]
Limit = Annotated[int, Field(ge=1, le=100, description="rows a page")]
Status = Literal["open", "closed", "awarded", "unsold", "cancelled"]


def position(cursor: str) -> int | None:
    """Return the position that a cursor stands for, None for an empty one. Raises `invalid_value`."""
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
        raise Rejection(
            Code.INVALID_VALUE, field="cursor", rule="must be a next_cursor from an earlier answer"
        )
    return int(cursor)


def _next(page: Page, shown_rows: int, limit: int) -> str | None:
    """Return the cursor of the page after the rows shown of this one, None at the end."""
    full = shown_rows < len(page.found) or (len(page.found) == limit and page.total > limit)
    return str(page.found[shown_rows - 1].position) if full and shown_rows else None


# Auctions


class GetAuction(Model):
    """Arguments of get_auction."""

    auction_id: ObjectId
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at an auction", GetAuction, answers.AuctionSeen)
async def get_auction(ask: GetAuction, call: Call) -> tuple[BaseModel, str]:
    """Show one auction: the task, what it requires, how it scores and pays, its status, and your own bids.

    After the award: winners and payments; the buyer sees the ranking (20 rows a page), a pay_as_bid loser the cost
    below which it would have won. Changes nothing.
    """
    stream = auction_stream(ask.auction_id)
    first = position(ask.cursor) or 0

    def view(states: States, now: datetime) -> AuctionSeen:
        auction = states[stream]
        assert isinstance(auction, Auction)  # by its stream's name
        return see_auction(auction, ask.agent, now, first)

    seen = await call.service.see([stream], view)
    return auction_answer(seen, ask.agent, first)


class ListAuctions(Model):
    """Arguments of list_auctions."""

    status: Annotated[Status | None, Field(description="Default: all")] = None
    capability: Annotated[Name | None, Field(description="only auctions that require it")] = None
    mine: Annotated[bool, Field(description="only those you created; needs agent")] = False
    limit: Limit = 20
    cursor: CursorField = ""
    agent: str = ""


@reading("List auctions", ListAuctions, answers.AuctionList)
async def list_auctions(ask: ListAuctions, call: Call) -> tuple[BaseModel, str]:
    """List auctions, newest first: use status open to find work to bid on, capability for what you can do.

    Returns id, task, number of bids, max_price and deadline of each; winner and payment once awarded. Changes nothing.
    """
    if ask.mine and not ask.agent:
        raise Rejection(Code.AGENT_REQUIRED)
    query = Query(
        "auction",
        now=epoch(call.service.clock.now()),
        owner=ask.agent if ask.mine else "",
        tag=f"cap:{ask.capability}" if ask.capability else "",
        status=(ask.status,) if ask.status else (),
        before=position(ask.cursor),
        limit=ask.limit,
    )
    page = await call.service.store.find(query)
    rows = answers.fitting([auction_row(found, query.now) for found in page.found])
    cursor = _next(page, len(rows), ask.limit)
    made = answers.AuctionList(auctions=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "No such auctions.\nNext: leave filters out, or create_auction to post a task."
    listed = answers.table(
        [
            "auction_id",
            "status",
            "task",
            "asks for",
            "bids",
            "max_price",
            "rule",
            "closes_at",
            "winner",
            "payment",
        ],
        (
            [
                r.auction_id,
                r.status,
                r.task,
                _asks_for(r),
                r.bids,
                r.max_price,
                r.payment_rule,
                r.closes_at,
                r.winner,
                r.payment,
            ]
            for r in rows
        ),
    )
    text = f"{answers.count(page.total, 'auction')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_auction shows one whole; submit_bid bids on an open one."


def _asks_for(row: answers.AuctionRow) -> str:
    asks = list(row.capabilities or ()) + (["an invitation"] if row.invited_only else [])
    return ", ".join(asks)


def auction_row(found: Found, now: int) -> answers.AuctionRow:
    """Return an auction's summary as a row of a list; `now` (epoch microseconds) decides whether it is over."""
    summary = found.summary
    body = json.loads(summary.body)
    over = summary.status == "open" and summary.until is not None and summary.until <= now
    return answers.AuctionRow(
        auction_id=summary.id,
        status="closed" if over else summary.status,
        task=answers.cell(body["task"]),
        buyer=summary.owner,
        bids=found.children,
        max_price=_decimal(body["max_price"]),
        payment_rule=body["payment_rule"],
        format=None if body.get("format", "sealed") == "sealed" else body["format"],
        quantity=body["quantity"] if body.get("quantity", 1) > 1 else None,
        lots=body.get("lots") or None,
        capabilities=body["capabilities"][:3] or None,
        invited_only=body["invited_only"] or None,
        closes_at=None if summary.until is None else moment_of(summary.until),
        winner=body["winner"],
        payment=_decimal(body["payment"]),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


# Resources


class GetResource(Model):
    """Arguments of get_resource."""

    resource: Annotated[Name | None, Field(description="its name; without one, the list of resources")] = None
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at a resource", GetResource, answers.ResourceSeen)
async def get_resource(ask: GetResource, call: Call) -> tuple[BaseModel, str]:
    """Show a resource's book: demand and offers in sums, your own entries, what clearing now would give, the last clearing.

    Without a name: the list of resources. Others' limits are never shown; a price only with 3 owners on each side.
    Changes nothing.
    """
    if ask.resource is None:
        return await _list_resources(ask, call)
    name = ask.resource

    def view(book: Resource, now: datetime) -> ResourceSeen:
        return see_resource(book, ask.agent, now)

    return resource_answer(await looked_at(call.service, name, view))


async def _list_resources(ask: GetResource, call: Call) -> tuple[BaseModel, str]:
    page = await call.service.store.find(Query("resource", before=position(ask.cursor), limit=100))
    bodies = [json.loads(found.summary.body) for found in page.found]
    rows = [answers.BookRow(resource=b["name"], unit=b["unit"] or None, whole=b["whole"]) for b in bodies]
    cursor = _next(page, len(rows), 100)
    made = answers.ResourceSeen(resources=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "Nobody has named a resource yet.\nNext: request_resources or offer_resources."
    listed = answers.table(
        ["sold in", "unit", "resource"],
        (["whole units" if r.whole else "any quantity", r.unit, r.resource] for r in rows),
    )
    text = f"{answers.count(page.total, 'resource')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_resource with a name shows its book."


# Agents


class GetAgent(Model):
    """Arguments of get_agent."""

    agent_id: Annotated[str, Field(max_length=129, description="whose card; without it, find agents")] = ""
    capability: Annotated[Name | None, Field(description="only agents that have it")] = None
    cursor: CursorField = ""
    agent: str = ""


@reading("Look at an agent", GetAgent, answers.AgentSeen)
async def get_agent(ask: GetAgent, call: Call) -> tuple[BaseModel, str]:
    """Show an agent's card (what it says it can do) and its track record; without agent_id, find agents.

    The record is estimated from buyers' reports: chance of success, time taken / estimated, quality / promised, each
    with its 90 % interval, by capability. Of yourself also your standing bids. Changes nothing.
    """
    if not ask.agent_id:
        return await _list_agents(ask, call)
    agent_id = ask.agent_id.strip()
    stream, of_owner = agent_stream(agent_id), agent_stream(owner_of(agent_id))

    def view(states: States, now: datetime) -> tuple[CardSeen, tuple[EstimateSeen, ...]]:
        agent, owner = states[stream], states[of_owner]
        assert isinstance(agent, Agent)  # by their streams' names
        assert isinstance(owner, Agent)
        seen = see_agent(agent_id, agent, ask.agent, owner, now, heard_of=bool(bought))
        return seen, see_estimates(agent, now)

    bought = await _as_buyer(agent_id, call)
    seen, estimates = await call.service.see(dict.fromkeys((stream, of_owner)), view)
    return card_answer(seen, estimates, bought, own=ask.agent == agent_id)


_WORKS = 200  # latest awards of a buyer that are looked at


async def _as_buyer(agent_id: str, call: Call) -> dict[str, int]:
    """Return how many awards an agent gave as a buyer, and how many of them it says nothing of; empty for none."""
    page = await call.service.store.find(Query("award", tag=f"buyer:{agent_id}", limit=_WORKS))
    states = [json.loads(found.summary.body)["state"] for found in page.found]
    if not states:
        return {}
    silent = sum(state in ("delivered", "overdue") for state in states)
    return {"awards": page.total, "looked_at": len(states), "delivered_or_overdue_without_report": silent}


async def _list_agents(ask: GetAgent, call: Call) -> tuple[BaseModel, str]:
    tag = f"cap:{ask.capability}" if ask.capability else ""
    page = await call.service.store.find(Query("agent", tag=tag, before=position(ask.cursor), limit=50))
    bodies = [(found.summary.id, json.loads(found.summary.body)) for found in page.found]
    rows = [
        answers.AgentRow(agent=name, capabilities=body["capabilities"][:5], outcomes=body["outcomes"])
        for name, body in bodies
    ]
    rows = answers.fitting(rows)
    cursor = _next(page, len(rows), 50)
    made = answers.AgentSeen(agents=rows, total=page.total, next_cursor=cursor)
    if not rows:
        return made, "No such agents.\nNext: register_agent makes you known; capability may be left out."
    listed = answers.table(
        ["agent", "outcomes", "capabilities"],
        ([r.agent, r.outcomes, ", ".join(r.capabilities)] for r in rows),
    )
    text = f"{answers.count(page.total, 'agent')}.\n{listed}{answers.paged(len(rows), page.total, cursor)}"
    return made, f"{text}\nNext: get_agent with agent_id shows one whole."
