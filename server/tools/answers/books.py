"""What tools give back of resources: entries, clearings, pools, the book."""

from decimal import Decimal
from typing import Annotated

from pydantic import WithJsonSchema

from server.tools.answers.texts import Moment, Number, Object, Part


class Proof(Part):
    """How far the award is proved best: no decision has a total score below `bound`."""

    status: str = "optimal"
    gap: Number = Decimal(0)
    bound: Number | None = None
    solver: str | None = None


class Side(Part):
    """One side of a book."""

    entries: int
    owners: int
    quantity: Number
    mean_limit: Number | None = None


class DemandPosted(Part):
    """Demand in the book."""

    demand_id: str
    resource: str
    quantity: Number
    priority: int | None = None
    weight: Number | None = None
    replaced: str | None = None
    demand: Side
    offers: Side


class BundlePosted(Part):
    """Demand for several resources together, in the book of each."""

    demand_id: str
    bundle: Object
    tasks: int | None = None
    priority: int | None = None
    weight: Number | None = None


class OfferPosted(Part):
    """An offer in the book."""

    offer_id: str
    resource: str
    quantity: Number
    replaced: str | None = None
    demand: Side
    offers: Side


class Clearing(Part):
    """`allocated` and `sold` count all; long lists are cut. `unmet`: demand left."""

    resource: str
    clearing_price: Number
    quantity: Number
    total_payment: Number
    allocated: int
    allocations: list[Object]
    sold: int
    suppliers: list[Object]
    left_out: list[Object] | None = None
    unmet: Number
    policy: str
    payment_rule: str
    offer_price: Number | None = None
    market_surplus: Number | None = None
    proof: Annotated[Proof | None, WithJsonSchema({"type": "object"})] = None


class BundleClearing(Part):
    """The clearing of demand for bundles. `prices` per unit, where the rule has them; `tasks` as served."""

    resources: list[str]
    policy: str
    payment_rule: str
    total_payment: Number
    prices: Object | None = None
    allocated: int
    allocations: list[Object]
    sold: int
    suppliers: list[Object]
    left_out: list[Object] | None = None
    proof: Proof | None = None


class Aggregated(Part):
    """The clearings made, and the rest."""

    clearings: list[Clearing]
    not_cleared: list[Object]
    bundles: Annotated[BundleClearing | None, WithJsonSchema({"type": "object"})] = None
    auction_id: str | None = None
    pool: Object | None = None


class EntryRow(Part):
    """A demand or an offer of one's own. `limit` in credits per unit; `left` units."""

    id: str
    kind: str
    left: Number
    limit: Number | None = None
    minimum: Number | None = None
    until: Moment | None = None


class BookRow(Part):
    """A resource in a list."""

    resource: str
    unit: str | None = None
    whole: bool


class ResourceSeen(Part):
    """A resource's book, or the list of resources."""

    resource: str | None = None
    unit: str | None = None
    whole: bool | None = None
    policy: str | None = None
    payment_rule: str | None = None
    demand: Side | None = None
    offers: Side | None = None
    bundles: Side | None = None
    own: list[EntryRow] | None = None
    pools: list[Object] | None = None
    demand_curve: list[Object] | None = None
    offer_curve: list[Object] | None = None
    preview: list[Object] | None = None
    unmet: Number | None = None
    last_clearings: list[Object] | None = None
    standing: Object | None = None
    resources: list[BookRow] | None = None
    total: int | None = None
    next_cursor: str | None = None
