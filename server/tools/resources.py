"""The tools for resources: request, offer, aggregate."""

from pydantic import BaseModel

from market_core import events
from market_core.commands import AggregateDemand, OfferResources, RequestResources
from market_core.handle import States, clearings, resource_stream
from market_core.observation import ResourceSeen, SideSeen, see_resource
from market_core.resource import Resource
from market_core.values import name_of, plain, total
from server.service import After
from server.tools import answers
from server.tools.registry import acting


def book_of(states: States, name: str) -> Resource:
    """Return the book of a resource out of loaded states."""
    book = states[resource_stream(name)]
    assert isinstance(book, Resource)  # by its stream's name
    return book


def side(seen: SideSeen) -> answers.Side:
    """Return one side of a book as part of an answer."""
    return answers.Side(entries=seen.entries, owners=seen.owners, quantity=seen.quantity)


def _depth(seen: ResourceSeen) -> str:
    unit = f" {seen.unit}" if seen.unit else ""
    return (
        f"The book now: demand {plain(seen.demand.quantity)}{unit} of {answers.count(seen.demand.owners, 'owner')}, "
        f"offers {plain(seen.offers.quantity)}{unit} of {answers.count(seen.offers.owners, 'owner')}."
    )


@acting("Request resources", RequestResources, answers.DemandPosted)
def request_resources(ask: RequestResources, after: After) -> tuple[BaseModel, str]:
    """Post demand for a quantity of a resource (GPU hours, tokens, review slots), with the most you pay per unit.

    Returns demand_id and the depth of the book. Changes: your demand stands in the book until it is allocated,
    withdrawn, or needed_by passes. It is allocated when somebody calls aggregate_demand.
    """
    ((event,),) = after.decision.events.values()
    assert isinstance(event, events.DemandPosted)  # what a request makes
    seen = see_resource(book_of(after.states, ask.resource), ask.agent, after.now)
    made = answers.DemandPosted(
        demand_id=event.demand_id,
        resource=seen.name,
        quantity=event.quantity,
        demand=side(seen.demand),
        offers=side(seen.offers),
    )
    limit = (
        f"up to {answers.credits_text(event.max_unit_price)} each" if event.max_unit_price else "at any price"
    )
    text = (
        f"Demand {event.demand_id}: {plain(event.quantity)} of {name_of(seen.name)}, {limit}. {_depth(seen)}"
    )
    return made, f"{text}\nNext: {_then(seen)}"


def _then(seen: ResourceSeen) -> str:
    if seen.demand.entries and seen.offers.entries:
        return "aggregate_demand trades now; or wait for more, inbox tells."
    return "wait for the other side; inbox with wait tells when it comes."


@acting("Offer resources", OfferResources, answers.OfferPosted)
def offer_resources(ask: OfferResources, after: After) -> tuple[BaseModel, str]:
    """Post supply of a resource, with the least you take per unit.

    Returns offer_id and the depth of the book. Changes: your offer stands in the book until it is sold, withdrawn,
    or available_until passes. It is sold when somebody calls aggregate_demand, at one price for all, never below yours.
    """
    ((event,),) = after.decision.events.values()
    assert isinstance(event, events.OfferPosted)  # what an offer makes
    seen = see_resource(book_of(after.states, ask.resource), ask.agent, after.now)
    made = answers.OfferPosted(
        offer_id=event.offer_id,
        resource=seen.name,
        quantity=event.quantity,
        demand=side(seen.demand),
        offers=side(seen.offers),
    )
    price = answers.credits_text(event.unit_price)
    text = f"Offer {event.offer_id}: {plain(event.quantity)} of {name_of(seen.name)} at {price} each or more. {_depth(seen)}"
    return made, f"{text}\nNext: {_then(seen)}"


@acting("Aggregate demand", AggregateDemand, answers.Aggregated, "write")
def aggregate_demand(ask: AggregateDemand, after: After) -> tuple[BaseModel, str]:
    """Pool all demand for a resource and allocate it against the offers, at one price.

    Largest surplus, everybody within its limit; the price is the middle of what limits and asking prices allow; orders
    at the price share in proportion; payments in equal payments out.
    Returns who got and who sold how much, for what. Changes: those entries are filled; the rest stays in the book.
    Anybody may call it, for up to 20 resources, each cleared on its own.
    """
    made = answers.Aggregated(
        clearings=[
            _clearing(book_of(after.states, name), event, answers.MOST_ROWS // len(ask.resources))
            for name, event in clearings(after.decision).items()
        ],
        not_cleared=[
            answers.NotCleared(resource=stream.partition("/")[2], code=why.code.value, message=why.message)
            for stream, why in after.decision.refused.items()
        ],
    )
    parts = [_clearing_text(clearing) for clearing in made.clearings]
    parts += [f"Not cleared, {row.resource}: {row.message}." for row in made.not_cleared]
    return made, "\n\n".join(
        parts
    ) + "\nNext: inbox tells each agent its part; get_resource shows what is left."


def _clearing(book: Resource, event: events.ResourceCleared, rows: int) -> answers.Clearing:
    """Return a clearing with the first `rows` of each side; every agent's inbox has its own part."""
    left = total(entry.left for entry in book.demand.values())
    return answers.Clearing(
        resource=book.name,
        clearing_price=event.clearing_price,
        quantity=total(fill.quantity for fill in event.allocations),
        total_payment=total(fill.payment for fill in event.allocations),
        allocated=len(event.allocations),
        allocations=[
            answers.AllocationRow(agent=f.agent, demand_id=f.entry_id, quantity=f.quantity, payment=f.payment)
            for f in event.allocations[:rows]
        ],
        sold=len(event.suppliers),
        suppliers=[
            answers.SupplierRow(agent=f.agent, offer_id=f.entry_id, quantity=f.quantity, payment=f.payment)
            for f in event.suppliers[:rows]
        ],
        unmet=left,
    )


def _clearing_text(made: answers.Clearing) -> str:
    head = (
        f"Cleared {name_of(made.resource)}: {plain(made.quantity)} allocated at {answers.credits_text(made.clearing_price)} each, "
        f"{plain(made.total_payment)} in all; unmet demand {plain(made.unmet)}."
    )
    gets = answers.table(
        ["gets", "quantity", "pays"], ([row.agent, row.quantity, row.payment] for row in made.allocations)
    )
    sells = answers.table(
        ["sells", "quantity", "receives"], ([row.agent, row.quantity, row.payment] for row in made.suppliers)
    )
    cut = made.allocated > len(made.allocations) or made.sold > len(made.suppliers)
    more = f"\nShown: {len(made.allocations)} of {made.allocated} demands, {len(made.suppliers)} of {made.sold} offers."
    why = "Limits above the price are served in full, those at it in proportion, those below it not; asks likewise."
    return f"{head} {why}\n{gets}\n\n{sells}{more if cut else ''}"
