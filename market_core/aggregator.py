"""Demand of many agents for a resource, in process: a face of `Market`, as the server's tools are another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from market_core.clearing_events import rows
from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Grant,
    Lapse,
    OfferResources,
    RequestBundle,
    RequestResources,
    Withdraw,
)
from market_core.events import (
    BundlePosted,
    BundlesCleared,
    ClearingContinued,
    DemandPosted,
    Fill,
    LeftOut,
    OfferPosted,
    PoolCleared,
    PoolLapsed,
    PoolOpened,
)
from market_core.handle import Decision, auction_stream, clearings, resource_stream
from market_core.invalid import checked
from market_core.market import Amount, Market
from market_core.observation import ResourceSeen
from market_core.terms import BundleRule, ClearingRule, OfferTier, Policy, PoolRule, Sharing, Threshold
from market_core.values import total


@dataclass(frozen=True)
class Aggregation:
    """A clearing of one resource. `unmet` is the demand left in the book, in units.

    Each fill has its saving against its own limit, and why it is less than it asked; `left_out`: who got nothing
    though the price suits it.
    """

    resource: str
    clearing_price: Decimal
    allocations: tuple[Fill, ...]
    suppliers: tuple[Fill, ...]
    left_out: tuple[LeftOut, ...]
    unmet: Decimal

    @property
    def total_payment(self) -> Decimal:
        """What the demand side pays, which is what the suppliers get."""
        return total(fill.payment for fill in self.allocations)


class DemandAggregator:
    """Demand of many agents for a resource, cleared against offers at one price.

    >>> aggregator = DemandAggregator()
    >>> _ = aggregator.request_resources("claude", "GPU hours", 10, max_unit_price=5)
    >>> _ = aggregator.offer_resources("cluster", "gpu-hours", 4, unit_price=3)
    >>> aggregator.aggregate_demand("gpu hours").clearing_price
    Decimal('5')
    """

    def __init__(self, market: Market | None = None) -> None:
        self.market = market or Market()

    def request_resources(
        self,
        agent: str,
        resource: str,
        quantity: Amount,
        max_unit_price: Amount | None = None,
        *,
        min_quantity: Amount | None = None,
        priority: int | None = None,
        weight: Amount | None = None,
        needed_by: datetime | None = None,
        replaces: str = "",
    ) -> str:
        """Post demand, or replace one's own, and return its id; the fields are those of the tool of this name."""
        command = checked(
            RequestResources,
            agent=agent,
            resource=resource,
            quantity=quantity,
            max_unit_price=max_unit_price,
            min_quantity=min_quantity,
            priority=priority,
            weight=weight,
            needed_by=needed_by,
            replaces=replaces,
        )
        ((event,),) = self.market.execute(command).events.values()
        assert isinstance(event, DemandPosted)  # what a request makes
        return event.demand_id

    def request_bundle(
        self,
        agent: str,
        bundle: Mapping[str, Amount],
        max_payment: Amount | None = None,
        *,
        per_task: bool = False,
        tasks: int = 1,
        priority: int | None = None,
        weight: Amount | None = None,
        needed_by: datetime | None = None,
    ) -> str:
        """Post demand for several resources together and return its id; the fields are those of the tool of this name."""
        command = checked(
            RequestBundle,
            agent=agent,
            bundle=dict(bundle),
            max_payment=max_payment,
            per_task=per_task,
            tasks=tasks,
            priority=priority,
            weight=weight,
            needed_by=needed_by,
        )
        (event,) = next(iter(self.market.execute(command).events.values()))
        assert isinstance(event, BundlePosted)  # what a request makes
        return event.bundle_id

    def offer_resources(
        self,
        agent: str,
        resource: str,
        quantity: Amount,
        unit_price: Amount,
        *,
        tiers: Sequence[OfferTier] = (),
        min_quantity: Amount | None = None,
        available_until: datetime | None = None,
        replaces: str = "",
    ) -> str:
        """Post an offer, or replace one's own, and return its id; the fields are those of the tool of this name."""
        command = checked(
            OfferResources,
            agent=agent,
            resource=resource,
            quantity=quantity,
            unit_price=unit_price,
            tiers=tuple(tiers),
            min_quantity=min_quantity,
            available_until=available_until,
            replaces=replaces,
        )
        ((event,),) = self.market.execute(command).events.values()
        assert isinstance(event, OfferPosted)  # what an offer makes
        return event.offer_id

    def withdraw(self, agent: str, entry_id: str) -> None:
        """Take back what is left of a demand or an offer."""
        self.market.execute(checked(Withdraw, agent=agent, id=entry_id))

    def grant(self, owner: str, priority: int = 0, weight: Amount = 1) -> None:
        """Say, as the operator, how much an owner's demand counts where it is shared."""
        self.market.execute(checked(Grant, owner=owner, priority=priority, weight=weight))

    def declare(
        self,
        resource: str,
        unit: str = "",
        *,
        whole: bool = False,
        policy: Policy | None = None,
        payment_rule: ClearingRule | None = None,
        every: Amount | None = None,
        at_quantity: Amount | None = None,
    ) -> None:
        """Fix, as the operator, how a resource trades, and when `clear_due` clears it.

        `every` so many seconds, which needs a market with a clock, or as soon as so much is asked for.
        """
        self.market.execute(
            checked(
                DeclareResource,
                resource=resource,
                unit=unit,
                whole=whole,
                policy=policy,
                payment_rule=payment_rule,
                every=every,
                at_quantity=at_quantity,
            )
        )

    def clear_due(self, resource: str) -> Aggregation | None:
        """Carry out the standing clearing of a resource if it is due; None where it is not, or nothing trades."""
        decision = self.market.execute(Lapse(stream=resource_stream(resource)))
        return self._made(decision) if clearings(decision) else None

    def aggregate_demand(
        self,
        resource: str,
        agent: str = "aggregator",
        policy: Policy | None = None,
        payment_rule: ClearingRule | None = None,
    ) -> Aggregation:
        """Clear the resource's demand against its offers. Raises `nothing_to_clear` where nothing can trade."""
        command = checked(
            AggregateDemand, agent=agent, resources=(resource,), policy=policy, payment_rule=payment_rule
        )
        return self._made(self.market.execute(command))

    def _made(self, decision: Decision) -> Aggregation:
        ((name, cleared),) = clearings(decision).items()
        more = [e for e in decision.events[resource_stream(name)] if isinstance(e, ClearingContinued)]
        book = self.market.see_resource(name)
        return Aggregation(
            book.name,
            cleared.clearing_price,
            (*cleared.allocations, *(fill for part in more for fill in rows(part.allocations))),
            (*cleared.suppliers, *(fill for part in more for fill in rows(part.suppliers))),
            (*cleared.left_out, *(row for part in more for row in part.left_out)),
            book.demand.quantity,
        )

    def allocate_bundles(
        self,
        resources: Sequence[str],
        agent: str = "aggregator",
        policy: Policy | None = None,
        payment_rule: BundleRule | None = None,
    ) -> BundlesCleared:
        """Serve the demand for bundles of these resources from their offers. Raises `nothing_to_clear` where none can be."""
        command = checked(
            AggregateDemand,
            agent=agent,
            resources=tuple(resources),
            via="bundles",
            policy=policy,
            payment_rule=payment_rule,
        )
        (event,) = next(iter(self.market.execute(command).events.values()))
        assert isinstance(event, BundlesCleared)  # what clearing bundles makes
        return event

    def pool_demand(
        self,
        resource: str,
        closes_in: Amount,
        agent: str = "aggregator",
        *,
        threshold: Threshold | None = None,
        payment_rule: PoolRule | None = None,
        sharing: Sharing | None = None,
    ) -> str:
        """Turn all demand of the resource into one auction, and return its auction_id: bid there with `SubmitBid`.

        Needs a market with a clock. `settle` it when its time is over.
        """
        command = checked(
            AggregateDemand,
            agent=agent,
            resources=(resource,),
            via="auction",
            closes_in=closes_in,
            threshold=threshold,
            payment_rule=payment_rule,
            sharing=sharing,
        )
        (opened,) = self.market.execute(command).events[resource_stream(resource)]
        assert isinstance(opened, PoolOpened)  # what pooling makes
        return opened.auction_id

    def settle(self, auction_id: str) -> PoolCleared | PoolLapsed | None:
        """Return what became of a pool whose time is over, None before."""
        decision = self.market.execute(Lapse(stream=auction_stream(auction_id)))
        for events in decision.events.values():
            for event in events:
                if isinstance(event, PoolCleared | PoolLapsed):
                    return event
        return None

    def see_resource(self, resource: str, agent: str = "") -> ResourceSeen:
        """Return the book as `agent` (default: the public) may see it."""
        return self.market.see_resource(resource, agent)
