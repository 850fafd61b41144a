"""The tool that advises before an auction is published."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.capability import Capability
from market_core.handle import States, agent_stream, auction_stream, capability_stream
from market_core.mechanisms.advice import LEAST_AUCTIONS, LEAST_BIDS, MOST_BIDS
from market_core.mechanisms.order_statistics import Span
from market_core.planning import MOST_AUCTIONS, Plan, amount, counts, plan, standing_now, unclear
from market_core.standing_bids import MOST_STANDING
from market_core.terms import Model, Names
from market_core.values import Duration, LongText, Money, PositiveMoney, from_micros, plain
from server.ports import Query
from server.tools import answers
from server.tools.answers import numbers
from server.tools.registry import Call, reading


class PlanAuction(Model):
    """Arguments of plan_auction."""

    capabilities: Annotated[Names, Field(description="what the task needs")] = ()
    description: Annotated[LongText, Field(description="as you would publish it")] = ""
    closes_in: Annotated[Duration | None, Field(description="if you have a deadline, seconds")] = None
    quality_price: Annotated[Money, Field(description="if you price quality")] = Decimal(0)
    value: Annotated[PositiveMoney | None, Field(description="what the work is worth to you, credits")] = None
    agent: str = ""


@reading("Plan an auction", PlanAuction, answers.Plan)
async def plan_auction(ask: PlanAuction, call: Call) -> tuple[BaseModel, str]:
    """Advise on a task before you publish it, from decided auctions for its capabilities and from standing bids.

    Returns bidders and payment to expect under each rule with 90 % intervals, a suggested max_price, deadline and scoring,
    and what is unclear in the task; or that the history is too thin to advise. Changes nothing.
    """
    asked = tuple(dict.fromkeys(ask.capabilities))
    warnings = unclear(
        ask.description, deadline=ask.closes_in is not None, quality_priced=bool(ask.quality_price)
    )
    warnings += await _without_providers(asked, call)
    streams = [auction_stream(name) for name in await _latest(asked, call)]
    standing = await _standing(asked, call)

    def view(states: States, _now: datetime) -> Plan:
        auctions = [state for name in streams if isinstance(state := states[name], Auction)]
        able = [state for name in standing if isinstance(state := states[name], Agent)]
        bids = standing_now(able, asked, ask.agent)
        return plan([each for each in auctions if counts(each, asked)], bids, ask.value, warnings)

    made = await call.service.see([*streams, *standing], view)
    return _answer(made, ask), _text(made, asked, given=ask.closes_in is not None)


async def _latest(asked: Sequence[str], call: Call) -> list[str]:
    """Return the latest decided auctions for a capability, oldest first, as many as have bids enough."""
    tag = f"cap:{asked[0]}" if asked else ""
    query = Query("auction", tag=tag, status=("awarded", "unsold"), limit=MOST_AUCTIONS)
    found, bids = [], 0
    for row in (await call.service.store.find(query)).found:
        if bids >= MOST_BIDS:
            break
        if bids + row.children <= 10 * MOST_BIDS:  # one huge auction would take long to read
            found.append(row.summary.id)
            bids += row.children
    return found[::-1]


async def _standing(asked: Sequence[str], call: Call) -> list[str]:
    """Return the streams of the agents with a standing bid for each of the capabilities."""
    known = [capability_stream(name) for name in asked]

    def view(states: States, _now: datetime) -> list[str]:
        sets = [state.standing for name in known if isinstance(state := states[name], Capability)]
        return sorted(set.intersection(*sets))[:MOST_STANDING] if sets else []

    return [agent_stream(name) for name in await call.service.see(known, view)]


async def _without_providers(asked: Sequence[str], call: Call) -> list[str]:
    missing = [
        name
        for name in asked
        if not (await call.service.store.find(Query("agent", tag=f"cap:{name}", limit=1))).total
    ]
    return [f"no registered provider has: {', '.join(missing)}"] if missing else []


def _answer(made: Plan, ask: PlanAuction) -> answers.Plan:
    advice = made.advice
    rules = (("pay_as_bid", advice.pay_as_bid), ("second_price", advice.second_price))
    return answers.Plan(
        auctions=advice.auctions,
        bids=advice.bids,
        thin=advice.thin,
        standing_bids=made.standing,
        asked_under=advice.asked_under,
        bidders=_numbers(advice.bidders),
        payments=[
            {"payment_rule": rule, "expected": numbers(list(amount(span)))} for rule, span in rules if span
        ]
        or None,
        max_price=None if advice.max_price is None else from_micros(advice.max_price),
        awarded=None if advice.awarded is None else from_micros(advice.awarded),
        closes_in=None if ask.closes_in is not None else made.closes_in,
        scoring=answers.compact(made.scoring) if made.scoring else None,
        warnings=list(made.warnings) or None,
    )


def _numbers(span: Span | None) -> list[float] | None:
    return None if span is None else [round(float(span.mean), 2), span.low, span.high]


def _text(made: Plan, asked: Sequence[str], *, given: bool) -> str:
    """Return advice as a text; `given`: the buyer has a deadline already."""
    advice = made.advice
    what = ", ".join(asked) or "tasks that ask for no capability"
    first = f"From {answers.count(advice.auctions, 'decided auction')} for {what}, with {answers.count(advice.bids, 'bid')}."
    if advice.thin:
        first += f" Too little to advise: it takes {LEAST_AUCTIONS} under one rule, with {LEAST_BIDS} bids."
    elif advice.asked_under == "second_price":
        first += " Costs as asked under second_price, where the true cost is best."
    else:
        first += " Costs as asked under pay_as_bid, which have a margin in them."
    lines = [first]
    counted = " Their costs count in this, and that they bid." if made.standing_counted else ""
    lines.append(f"Standing bids that would enter at once, if they fit: {made.standing}.{counted}")
    if advice.bidders:
        mean, low, high = _numbers(advice.bidders) or (0, 0, 0)
        lines.append(f"Bidders to expect: {mean:g} ({low:g} to {high:g}, in 9 of 10 auctions).")
    lines += _payments(made)
    if made.closes_in and not given:
        lines.append(
            f"closes_in: {made.closes_in} seconds; by then 9 of 10 such auctions had their last bid."
        )
    if made.scoring:
        lines.append(_scoring_text(made))
    if made.warnings:
        lines.append("Unclear:\n" + "\n".join(f"- {warning}" for warning in made.warnings))
    then = "create_auction, with what you take over of this."
    if advice.thin:
        then = (
            "create_auction with the max_price that the work is worth to you; its bids are the first history."
        )
    return "\n".join(lines) + f"\nNext: {then}"


def _payments(made: Plan) -> list[str]:
    advice, lines = made.advice, []
    for rule, span in (("pay_as_bid", advice.pay_as_bid), ("second_price", advice.second_price)):
        if span:
            mean, low, high = map(plain, amount(span))
            lines.append(f"{rule}: expect to pay {mean} credits ({low} to {high}, in 9 of 10).")
    if advice.max_price is not None and advice.awarded is not None:
        chance = round(100 * from_micros(advice.awarded))
        lines.append(
            f"max_price: {plain(from_micros(advice.max_price))} credits; the chance that somebody asks no more is {chance} %."
        )
    return lines


def _scoring_text(made: Plan) -> str:
    weights = made.scoring
    assert weights is not None  # asked where there are some
    told = [f"failure_price {plain(weights.failure_price)} (doing it again)"]
    told.append(f"quality_price {plain(weights.quality_price)} (half the payment if it is useless)")
    if weights.time_price:
        told.append(
            f"time_price {plain(weights.time_price)} (a tenth of the payment for twice the usual time)"
        )
    return f"scoring with use_track_record, to be set to what they are worth to you: {'; '.join(told)}."
