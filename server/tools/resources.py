"""The tools for resources: request, offer, aggregate."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic import BaseModel

from market_core import events
from market_core.book import Resource
from market_core.commands import AggregateDemand, OfferResources, RequestBundle, RequestResources
from market_core.handle import clearings, resource_stream
from market_core.observation import SideSeen, see_depth
from market_core.pools import terms_of
from market_core.values import from_micros, name_of, plain, shown
from server.asking import solved_again
from server.batch import After, Answer, once
from server.projection import bundle_text
from server.tools import answers
from server.tools.book_texts import because_of, book_of
from server.tools.bundle_views import cleared, posted_text
from server.tools.registry import Call, acting, custom, reply
from server.tools.solving import solved_for_clearing


def side(seen: SideSeen, mean_limit: Decimal | None = None) -> answers.Side:
    """Return one side of a book as part of an answer."""
    return answers.Side(
        entries=seen.entries, owners=seen.owners, quantity=seen.quantity, mean_limit=mean_limit
    )


def _depth(book: Resource, demand: SideSeen, offers: SideSeen) -> str:
    unit = f" {book.unit}" if book.unit else ""
    asked = len(book.bundles)
    bundled = (
        f"; {answers.count(asked, 'bundle')} with it, which aggregate_demand via bundles serves"
        if asked
        else ""
    )
    return (
        f"The book now: demand {plain(demand.quantity)}{unit} of {answers.count(demand.owners, 'owner')}, "
        f"offers {plain(offers.quantity)}{unit} of {answers.count(offers.owners, 'owner')}{bundled}."
    )


@acting("Request resources", RequestResources, answers.DemandPosted)
def request_resources(ask: RequestResources, after: After) -> tuple[BaseModel, str]:
    """Post demand for a quantity of a resource (GPU hours, tokens, review slots), with the most you pay per unit.

    Returns demand_id and the depth of the book. Changes: your demand stands in the book until it is allocated,
    withdrawn, or needed_by passes. It is allocated when somebody calls aggregate_demand.
    """
    ((event,),) = after.decision.events.values()
    assert isinstance(event, events.DemandPosted)  # what a request makes
    book = book_of(after.states, ask.resource)
    demand, offers = see_depth(book, after.now)
    made = answers.DemandPosted(
        demand_id=event.demand_id,
        resource=book.name,
        quantity=event.quantity,
        priority=event.priority or None,
        weight=None if event.weight == 1 else event.weight,
        replaced=event.replaced or None,
        demand=side(demand),
        offers=side(offers),
    )
    limit = (
        f"up to {answers.credits_text(event.max_unit_price)} each" if event.max_unit_price else "at any price"
    )
    if event.min_quantity:
        all_of_it = event.min_quantity == event.quantity
        limit += ", all or nothing" if all_of_it else f", at least {plain(event.min_quantity)}"
    text = f"Demand {event.demand_id}: {plain(event.quantity)} of {name_of(book.name)}, {limit}."
    late = "".join(
        f" A pool of demand is open until {shown(pool.closes_at)} (auction {pool.auction_id}): this came after it."
        for pool in list(book.pools.values())[:1]
    )
    return made, f"{text} {_depth(book, demand, offers)}{late}\nNext: {_then(demand, offers)}"


def _then(demand: SideSeen, offers: SideSeen) -> str:
    if demand.entries and offers.entries:
        return "aggregate_demand trades now; or wait for more, inbox tells."
    if demand.entries:
        return "wait for offers, inbox with wait tells; or buy in one auction: aggregate_demand via auction."
    return "wait for demand; inbox with wait tells when it comes."


@acting("Offer resources", OfferResources, answers.OfferPosted)
def offer_resources(ask: OfferResources, after: After) -> tuple[BaseModel, str]:
    """Post supply of a resource, with the least you take per unit.

    Returns offer_id and the depth of the book. Changes: your offer stands in the book until it is sold, withdrawn,
    or available_until passes. It is sold when somebody calls aggregate_demand, at one price for all, never below yours.
    """
    ((event,),) = after.decision.events.values()
    assert isinstance(event, events.OfferPosted)  # what an offer makes
    book = book_of(after.states, ask.resource)
    demand, offers = see_depth(book, after.now)
    made = answers.OfferPosted(
        offer_id=event.offer_id,
        resource=book.name,
        quantity=event.quantity,
        replaced=event.replaced or None,
        demand=side(demand),
        offers=side(offers),
    )
    price = f"{answers.credits_text(event.unit_price)} each or more"
    price += "".join(f", {plain(t.unit_price)} from {plain(t.from_quantity)}" for t in event.tiers)
    if event.min_quantity:
        price += f"; at least {plain(event.min_quantity)} at once"
    text = f"Offer {event.offer_id}: {plain(event.quantity)} of {name_of(book.name)} at {price}."
    return made, f"{text} {_depth(book, demand, offers)}\nNext: {_then(demand, offers)}"


@acting("Request a bundle", RequestBundle, answers.BundlePosted)
def request_bundle(ask: RequestBundle, after: After) -> tuple[BaseModel, str]:
    """Post demand for several resources that you need together, with the most you pay for all of it.

    Use request_resources where one resource is of use alone. What you pay is set by the payment_rule of whoever
    aggregates (default vcg), never above max_payment. Returns demand_id. Changes: it stands in the book of each
    resource until it is allocated (aggregate_demand via bundles), withdrawn, or needed_by passes.
    """
    event = next(iter(after.decision.events.values()))[0]
    assert isinstance(event, events.BundlePosted)  # what a request makes
    made = answers.BundlePosted(
        demand_id=event.bundle_id,
        bundle={name: answers.numbers(quantity) for name, quantity in event.bundle.items()},
        tasks=event.tasks if event.per_task else None,
        priority=event.priority or None,
        weight=None if event.weight == 1 else event.weight,
    )
    limit = f"up to {answers.credits_text(event.max_payment)}" if event.max_payment else "at any price"
    limit += " each" if event.per_task and event.tasks > 1 else ""
    how = f"each of {answers.count(event.tasks, 'task')}" if event.per_task else "all or nothing"
    text = f"Demand {event.bundle_id}: {bundle_text(event.bundle)} together, {how}, {limit}."
    names = ", ".join(map(name_of, event.bundle))
    policy = "" if event.max_payment else " and policy fair or priority (efficient goes by max_payment)"
    then = f"aggregate_demand via bundles{policy}, with all these resources ({names}), serves it; or wait, inbox tells."
    return made, f"{text} {posted_text(after.states, made)}.\nNext: {then}"


@custom("Aggregate demand", AggregateDemand, answers.Aggregated)
async def aggregate_demand(ask: AggregateDemand, call: Call) -> Answer:
    """Pool demand for a resource and allocate it against offers at one price.

    Nobody beyond its limit; payments in = payments out. Returns who got and sold what, or a pool's auction_id.
    Changes: entries are filled or pooled. Anybody may call it.
    """
    key = once(ask.agent, call.key, "aggregate_demand", ask.model_dump)
    if ask.via != "auction" and (known := await call.service.recalled(key)) is not None:
        return known

    def answer(after: After) -> Answer:
        return reply(*(cleared(after) if ask.via == "bundles" else _aggregated(ask, after)))

    return await solved_again(
        lambda: solved_for_clearing(ask, call),
        lambda solutions: call.service.execute(ask, answer, key, solutions),
    )


def _aggregated(ask: AggregateDemand, after: After) -> tuple[BaseModel, str]:
    if ask.via == "auction":
        return _pooled(ask, after)
    made = answers.Aggregated(
        clearings=[
            _clearing(book_of(after.states, name), event, answers.MOST_ROWS // len(ask.resources))
            for name, event in clearings(after.decision).items()
        ],
        not_cleared=[
            {"resource": stream.partition("/")[2], "code": why.code.value, "message": why.message}
            for stream, why in after.decision.refused.items()
        ],
    )
    parts = [_clearing_text(clearing) for clearing in made.clearings]
    parts += [f"Not cleared, {row['resource']}: {row['message']}." for row in made.not_cleared]
    return made, "\n\n".join(
        parts
    ) + "\nNext: inbox tells each agent its part; get_resource shows what is left."


def pool_row(pool: events.PoolOpened) -> answers.Object:
    """Return a pool as everybody may see it."""
    return {
        "pool_id": pool.pool_id,
        "auction_id": pool.auction_id,
        "closes_at": shown(pool.closes_at),
        "quantity": answers.numbers(pool.quantity),
        "owners": pool.owners,
        "sharing": pool.sharing,
        "threshold": pool.threshold.model_dump(mode="json", exclude_none=True),
    }


def _pooled(ask: AggregateDemand, after: After) -> tuple[BaseModel, str]:
    book = book_of(after.states, ask.resources[0])
    (opened,) = after.decision.events[resource_stream(ask.resources[0])]
    assert isinstance(opened, events.PoolOpened)  # what pooling makes
    made = answers.Aggregated(
        clearings=[],
        not_cleared=[],
        auction_id=opened.auction_id,
        pool=pool_row(opened),
    )
    text = (
        f"Pooled {plain(opened.quantity)} of {name_of(book.name)} of {answers.count(opened.owners, 'owner')} in auction "
        f"{opened.auction_id}, open for bids until {shown(opened.closes_at)}. Then members, quantity, tier and price are "
        f"chosen together: nobody pays above its limit, and suppliers get exactly what members pay. {terms_of(opened)}"
    )
    return (
        made,
        f"{text}\nNext: suppliers submit_bid (cost per unit, quantity, tiers); inbox tells what came of it.",
    )


def _clearing(book: Resource, event: events.ResourceCleared, rows: int) -> answers.Clearing:
    """Return a clearing with the first `rows` of each side; every agent's inbox has its own part."""
    left, sums = from_micros(book.demand_sums.micros), book.recent[0]
    return answers.Clearing(
        resource=book.name,
        clearing_price=event.clearing_price,
        quantity=sums.quantity,
        total_payment=sums.payment,
        allocated=sums.buyers,
        allocations=[_fill_row(fill, "demand_id") for fill in event.allocations[:rows]],
        sold=sums.sellers,
        suppliers=[_fill_row(fill, "offer_id") for fill in event.suppliers[:rows]],
        left_out=[
            {"agent": row.agent, "id": row.entry_id, "reason": row.reason} for row in event.left_out[:rows]
        ]
        or None,
        unmet=left,
        policy=event.policy,
        payment_rule=event.payment_rule,
        offer_price=event.offer_price,
        market_surplus=event.market_surplus or None,
        proof=_proof(event),
    )


def _proof(event: events.ResourceCleared) -> answers.Proof | None:
    """Return how far a clearing with minimums or tiers is proved best; not its surplus, which would tell limits."""
    made = event.proof
    return None if made is None else answers.Proof(status=made.status, gap=made.gap, solver=made.solver)


def _fill_row(fill: events.Fill, name: str) -> answers.Object:
    """Return what one entry got, for everybody: without its saving, which tells its limit."""
    row = {"agent": fill.agent, name: fill.entry_id}
    row |= {"quantity": answers.numbers(fill.quantity), "payment": answers.numbers(fill.payment)}
    return row | ({"reason": fill.reason} if fill.reason else {})


def _fill_table(heads: list[str], rows: Sequence[answers.Object], *, seller: bool = False) -> str:
    return answers.table(
        heads,
        (
            [r["agent"], r["quantity"], r["payment"], because_of(str(r.get("reason", "")), seller=seller)]
            for r in rows
        ),
    )


def _clearing_text(made: answers.Clearing) -> str:
    head = (
        f"Cleared {name_of(made.resource)}: {plain(made.quantity)} allocated at {answers.credits_text(made.clearing_price)} each, "
        f"{plain(made.total_payment)} in all; unmet demand {plain(made.unmet)}."
    )
    gets = _fill_table(["gets", "quantity", "pays", "got less because"], made.allocations)
    sells = _fill_table(["sells", "quantity", "receives", "sold less because"], made.suppliers, seller=True)
    cut = made.allocated > len(made.allocations) or made.sold > len(made.suppliers)
    more = f"\nShown: {len(made.allocations)} of {made.allocated} demands, {len(made.suppliers)} of {made.sold} offers."
    out = "".join(
        f"\nLeft out: {row['agent']}, {row['id']}: {because_of(str(row['reason']))}."
        for row in made.left_out or ()
    )
    return (
        f"{head} {_WHY[made.policy]}{_kept(made)}{_proved(made)}\n{gets}\n\n{sells}{more if cut else ''}{out}"
    )


_WHY = {
    "efficient": "efficient: what is worth most together, minimums kept; at the price itself orders share in proportion.",
    "fair": "fair: owners whose limit reaches the price share what is offered up to it, equally by weight.",
    "priority": "priority: the higher priority comes first; within one, equal shares by weight.",
}


def _kept(made: answers.Clearing) -> str:
    if made.market_surplus is None:
        return ""
    paid = f"{plain(made.offer_price)} each" if made.offer_price is not None else "less"
    return f" mcafee: sellers get {paid}; the market keeps {plain(made.market_surplus)}."


def _proved(made: answers.Clearing) -> str:
    """Return what is to be said where minimums and tiers left more to search than there was time for."""
    if made.proof is None or made.proof.status == "optimal":
        return ""
    gap = f"at most {answers.credits_text(made.proof.gap or Decimal(0))} less surplus than the largest"
    return f" feasible: the best found in time, {gap}."
