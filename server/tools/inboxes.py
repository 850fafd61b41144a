"""The inbox: where an agent stands, and what is new for it."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import anyio
from pydantic import BaseModel, Field

from market_core.agent import Agent
from market_core.handle import States, agent_stream
from market_core.rejections import Code, Rejection
from market_core.terms import Model
from market_core.values import owner_of, plain, total
from server.ports import Found, Posted, Query, Reader
from server.projection import epoch
from server.tools import answers
from server.tools.answers import numbers
from server.tools.book_texts import because_of, because_of_bundle
from server.tools.reading import CursorField, auction_row, position
from server.tools.registry import Call, reading


class GetInbox(Model):
    """Arguments of inbox."""

    cursor: CursorField = ""
    wait: Annotated[float, Field(ge=0, le=50, description="seconds to wait for news, at most 50")] = 0
    agent: str = ""


_NEWS: dict[str, tuple[str, str]] = {
    "auction_created": ("a new auction asks for a capability of yours", "get_auction, then submit_bid"),
    "invited": ("you are invited to bid", "get_auction, then submit_bid"),
    "all_invited_bid": ("every invited agent has bid", "award decides now, before the deadline"),
    "bid_submitted": ("a bid came in", "get_auction shows the number of bids; award decides"),
    "standing_bid_entered": (
        "a standing bid of yours entered this new auction",
        "nothing; submit_bid changes it, withdraw takes it back",
    ),
    "outbid": (
        "another took the lead in an open auction of yours",
        "submit_bid with a lower cost, or leave it",
    ),
    "deadline_extended": (
        "the leader changed late, so the deadline moved",
        "get_auction shows it",
    ),
    "offer_taken": (
        "a provider took your Dutch auction's offer: it is awarded",
        "get_auction shows who; after delivery report_outcome",
    ),
    "bid_withdrawn": ("a bid was withdrawn", "get_auction shows the number of bids"),
    "auction_closed": ("bidding has ended in an auction you bid on", "wait for the award"),
    "auction_to_award": ("bidding in your auction has ended", "preview_award to look, award to decide"),
    "auction_cancelled": ("an auction you bid on was cancelled", "list_auctions shows others"),
    "auction_awarded": (
        "the auction is awarded, and your bids did not win",
        "get_auction shows winner, payment and your rank",
    ),
    "auction_unsold": ("an auction you bid on ended unsold", "list_auctions shows others"),
    "bid_won": (
        "your bid won: deliver the work to the buyer, outside this market",
        "get_auction shows the task",
    ),
    "outcome_reported": (
        "the buyer reported how your work went",
        "get_auction shows the report, and until when you can dispute it: report_outcome with dispute: true if it is wrong",
    ),
    "work_delivered": ("a provider says that your work is done", "look at it, then report_outcome"),
    "work_overdue": (
        "the time for this work is over, and nobody has reported on it: so far it counts for nobody",
        "provider: report_outcome with delivered: true once it is done; buyer: report_outcome with success",
    ),
    "outcome_disputed": (
        "the provider says that your report is wrong; it counts for nobody until that is settled",
        "get_auction shows why; report_outcome again if it is right, else the operator settles it",
    ),
    "outcome_settled": ("a disputed outcome is settled, for good", "get_auction shows it"),
    "resource_declared": ("the operator declared a resource you trade in", "get_resource shows it"),
    "demand_posted": ("new demand for a resource you trade in", "get_resource, or aggregate_demand"),
    "bundle_posted": (
        "new demand for a bundle with a resource you trade in",
        "get_resource, or aggregate_demand via bundles",
    ),
    "offer_posted": ("a new offer of a resource you trade in", "get_resource, or aggregate_demand"),
    "entry_withdrawn": ("somebody withdrew from a book you trade in", "get_resource shows what is left"),
    "demand_lapsed": ("your demand lapsed", "request_resources posts it again"),
    "offer_lapsed": ("your offer lapsed", "offer_resources posts it again"),
    "demand_allocated": ("your demand was allocated", "get_resource shows what is left of it"),
    "bundle_allocated": (
        "your demand for a bundle was allocated",
        "get_resource shows what is left of it",
    ),
    "bundle_lapsed": ("your demand for a bundle lapsed", "request_bundle posts it again"),
    "offer_sold": ("your offer sold", "get_resource shows what is left of it"),
    "pool_supply": ("your bid supplies a pool", "get_auction shows what you are paid"),
    "pool_bought": ("your pool has bought", "nothing; demand_allocated says what you pay"),
    "demand_pooled": (
        "your demand is in a pool: one auction for all of it; nobody pays above its limit",
        "nothing; withdraw your demand to leave before it closes. Your owner cannot supply it",
    ),
    "pool_opened": (
        "demand for a resource you trade in is bought in one auction",
        "get_auction, then submit_bid",
    ),
    "pool_unsold": ("a pool that you bid to supply ended without buying", "list_auctions shows others"),
    "pool_lapsed": (
        "a pool you were in ended without buying; your demand is in the book as before",
        "aggregate_demand",
    ),
    "left_out": (
        "your entry was left out of a clearing",
        "get_resource shows the book; replace it, or withdraw it and post it with other bounds",
    ),
    "granted": (
        "the operator granted your owner another priority or weight",
        "nothing; what you post from now on has it, what stands keeps what it had",
    ),
    "vouched": (
        "the operator vouches for your owner: buyers who explore may try it",
        "nothing; bid as before",
    ),
    "no_longer_vouched": ("the operator no longer vouches for your owner", "nothing; bid as before"),
    "resource_cleared": ("a resource you trade in was cleared", "get_resource shows price and rest"),
}
"""What each kind of notice says to the agent that reads it, and the call that makes sense then."""
_ROWS = 20
_MOST_SAID = 600  # characters of one piece of news: a receipt names who delivers to whom
_NOTICES = 1000  # looked through for one answer: many bids in one auction are one piece of news


@reading("Inbox", GetInbox, answers.Inbox)
async def inbox(ask: GetInbox, call: Call) -> tuple[BaseModel, str]:
    """Show where you stand and what is new: your auctions, bids, demand, offers, work to deliver or to report.

    With wait it returns as soon as there is news above cursor (without one: from now on), or when the time is over.
    Pass next_cursor the next time to get only what came since. Changes nothing.
    """
    if not ask.agent:
        raise Rejection(Code.AGENT_REQUIRED)
    after = position(ask.cursor)
    if ask.wait:
        with anyio.move_on_after(ask.wait):
            await _until_news(ask.agent, after, call)
    return await _inbox(ask.agent, after, call)


async def _until_news(agent: str, after: int | None, call: Call) -> None:
    """Return once there is news above `after`; without a cursor, news from now on."""
    store = call.service.store
    since = await store.last_position() if after is None else after
    reader = await _reader(agent, call)
    while not await store.notices(reader, since, 1):
        await store.watch()
        reader = await _reader(agent, call)


async def _reader(agent: str, call: Call) -> Reader:
    def view(states: States, _now: datetime) -> Reader:
        card = states[agent_stream(agent)]
        assert isinstance(card, Agent)  # by its stream's name
        topics = (agent, f"owner:{owner_of(agent)}", *(f"cap:{name}" for name in sorted(card.capabilities)))
        return Reader(topics, agent)

    return await call.service.see([agent_stream(agent)], view)


async def _inbox(agent: str, after: int | None, call: Call) -> tuple[BaseModel, str]:
    store, now = call.service.store, epoch(call.service.clock.now())
    latest = await store.last_position()
    reader = await _reader(agent, call)
    news, last = _news(await store.notices(reader, after, _NOTICES), agent, newest=after is None)
    totals: dict[str, int] = {}

    async def rows(
        name: str, kind: str, make: Callable[[Found], dict[str, Any]], limit: int = _ROWS, **more: Any
    ) -> list[dict[str, Any]]:
        page = await store.find(Query(kind, now=now, limit=limit, **more))
        totals[name] = page.total
        return [make(found) for found in page.found]

    live: tuple[str, ...] = ("open", "closed")
    undelivered = ("to_deliver",)
    due: list[Decimal] = []
    owed: list[Decimal] = []

    def counted(amounts: list[Decimal]) -> Callable[[Found], dict[str, Any]]:
        def row(found: Found) -> dict[str, Any]:
            amounts.append(Decimal(json.loads(found.summary.body)["payment"]))
            return _award_row(found)

        return row

    to_deliver = await rows("to_deliver", "award", counted(due), _NOTICES, owner=agent, status=undelivered)
    to_report = await rows(
        "to_report", "award", counted(owed), _NOTICES, tag=f"buyer:{agent}", status=undelivered
    )
    made = answers.Inbox(
        agent=agent,
        auctions=await rows("auctions", "auction", lambda f: _own_auction(f, now), owner=agent, status=live),
        bids=await rows("bids", "bid", _bid_row, owner=agent, status=("standing",), parent_status=live),
        to_deliver=to_deliver[:_ROWS],
        to_report=to_report[:_ROWS],
        demand=await rows("demand", "demand", _entry_row, owner=agent, status=("open",)),
        bundles=await rows("bundles", "bundle", _entry_row, owner=agent, status=("open",)) or None,
        offers=await rows("offers", "offer", _entry_row, owner=agent, status=("open",)),
        credits_promised=total(owed),
        credits_due=total(due),
        news=news,
        next_cursor=str(latest if last is None or after is None else last),
    )
    known = any(topic.startswith("cap:") for topic in reader.topics) or any(totals.values()) or bool(news)
    return made, _inbox_text(made, totals, more=last is not None and after is not None, known=known)


def _own_auction(found: Found, now: int) -> dict[str, Any]:
    row = auction_row(found, now)
    return {"auction_id": row.auction_id, "status": row.status, "bids": row.bids, "task": row.task}


def _bid_row(found: Found) -> dict[str, Any]:
    body = json.loads(found.summary.body)
    cost = numbers(Decimal(body["cost"]))
    return {
        "bid_id": body["bid_id"],
        "auction_id": found.summary.parent,
        "cost": cost,
        "task": answers.cell(body["task"]),
    }


def _award_row(found: Found) -> dict[str, Any]:
    body = json.loads(found.summary.body)
    return {
        "auction_id": found.summary.parent,
        "provider": found.summary.owner,
        "buyer": body["buyer"],
        "payment": numbers(Decimal(body["payment"])),
        "task": answers.cell(body["task"]),
    } | {
        name: body[name]
        for name in ("won", "state")
        if body.get(name) and not (name == "state" and body[name] == "running")
    }


def _entry_row(found: Found) -> dict[str, Any]:
    body = json.loads(found.summary.body)
    row = {"id": found.summary.id, "resource": body["resource"], "left": numbers(Decimal(body["left"]))}
    return row | ({} if body["limit"] is None else {"limit": numbers(Decimal(body["limit"]))})


def _news(posted: Sequence[Posted], agent: str, *, newest: bool) -> tuple[list[answers.News], int | None]:
    """Return notices as news, each thing told once, and the position to go on from if there is more.

    Of several of one kind about one thing the newest stands, except where each has amounts of its own; who
    won need not hear of the award again, nor a pool's member that it could supply it, nor who has a bid in it of an auction. The newest rows, or else the oldest.
    """
    last = {_same(item): item for item in posted}
    pooled = {item.notice.ref for item in posted if item.notice.kind == "demand_pooled"}
    entered = {item.notice.ref for item in posted if item.notice.kind == "standing_bid_entered"}
    told = [
        item
        for item in sorted(last.values(), key=lambda item: item.position)
        if not (item.notice.kind == "auction_awarded" and agent in json.loads(item.notice.body)["winners"])
        and not (item.notice.kind == "pool_opened" and item.notice.ref in pooled)
        and not (item.notice.kind == "auction_created" and item.notice.ref in entered)
    ]
    more = len(told) > _ROWS or len(posted) == _NOTICES
    told = told[-_ROWS:] if newest else told[:_ROWS]
    rows = []
    for item in told:
        body = json.loads(item.notice.body)
        why, then = _NEWS[item.notice.kind]
        at = datetime.fromisoformat(body["at"])
        what = item.notice.kind
        said = why + _amounts(body, seller=what == "offer_sold")
        rows.append(answers.News(at=at, what=what, id=item.notice.ref, why=said, next=then))
    return rows, told[-1].position if more else None


def _same(item: Posted) -> tuple[str, str, int]:
    own_amounts = item.notice.kind in (
        "demand_allocated",
        "bundle_allocated",
        "offer_sold",
        "left_out",
        "demand_lapsed",
        "offer_lapsed",
        "bundle_lapsed",
        "pool_supply",
        "pool_bought",
    )
    return item.notice.kind, item.notice.ref, item.position if own_amounts else 0


def _amounts(body: dict[str, Any], *, seller: bool) -> str:
    """Return what a receipt says: quantity, payment, saving, and why it is less than was asked."""
    if "weight" in body:
        return f": priority {body['priority']}, weight {body['weight']}"
    because = f"; {_because(body, seller=seller)}" if body.get("reason") else ""
    of = f" ({body['entry']})" if body.get("entry") else ""
    if "quantity" not in body:
        return f": {body['why']}" if body.get("why") else of + because
    told = f": {body['quantity']} for {body['payment']} credits"
    if body.get("unit_price"):
        told += f" ({body['unit_price']} each)"
    if body.get("saving"):
        told += f", {body['saving']} better than your limit"
    whom = f"; {body['whom']}" if body.get("whom") else ""
    return told + of + whom + because


def _because(body: dict[str, Any], *, seller: bool) -> str:
    if "price" in body:
        return f"its limit does not reach {body['price']} a unit, by which a pool's members are chosen"
    if body.get("entry", "").startswith("bun_"):
        return because_of_bundle(body["reason"])
    return because_of(body["reason"], seller=seller)


_TITLES = {
    "auctions": "Your auctions",
    "bids": "Your bids",
    "to_deliver": "You are to deliver",
    "to_report": "You are to report (report_outcome)",
    "demand": "Your demand",
    "bundles": "Your demand for bundles",
    "offers": "Your offers",
}


def _inbox_text(made: answers.Inbox, totals: dict[str, int], *, more: bool, known: bool) -> str:
    heads = ["at", "what", "id", "why", "next"]
    news = ([answers.cell(getattr(row, name), _MOST_SAID) for name in heads] for row in made.news)
    parts = [f"News:\n{answers.columns(heads, news)}" if made.news else "No news."]
    for name, title in _TITLES.items():
        listed = getattr(made, name)
        if listed:
            cut = f", {len(listed)} of {totals[name]}" if totals[name] > len(listed) else ""
            columns = list(
                dict.fromkeys(column for row in listed for column in row)
            )  # some have more than others
            rows = ([row.get(column) for column in columns] for row in listed)
            parts.append(f"{title}{cut}:\n{answers.table(columns, rows)}")
    if made.credits_promised:
        parts.append(f"You promised {plain(made.credits_promised)} credits under awards not yet reported.")
    if made.credits_due:
        parts.append(f"You are promised {plain(made.credits_due)} credits for work not yet reported.")
    then = "there is more news" if more else "wait for what comes"
    then = f"inbox with cursor={made.next_cursor}: {then}."
    if not known:
        then = f"register_agent if you want to hear of work; list_auctions shows it. {then}"
    return "\n\n".join(parts) + f"\nNext: {then}"
