"""What one may ask of the book of a resource."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    WithJsonSchema,
    model_validator,
)

from market_core.commands.base import Command
from market_core.terms import (
    OfferTier,
    Policy,
    Priority,
    Sharing,
    Threshold,
    wrong,
)
from market_core.values import (
    AMOUNT_LIMIT,
    Duration,
    Instant,
    Money,
    Name,
    PositiveMoney,
    Quantity,
    ShownName,
    name_of,
)


class RequestResources(Command):
    """Post demand for a quantity of a resource."""

    resource: Annotated[ShownName, Field(description="its name, such as gpu-hours")]
    quantity: Annotated[Quantity, Field(description="units wanted; less may be allocated")]
    max_unit_price: Annotated[
        PositiveMoney | None, Field(description="the most you pay per unit, credits. Default: any price")
    ] = None
    min_quantity: Annotated[
        Quantity | None, Field(description="the least that is of use; equal to quantity: all or nothing")
    ] = None
    priority: Annotated[
        Priority | None,
        Field(description="for policy priority: at most what the operator granted, the default"),
    ] = None
    weight: Annotated[Quantity | None, Field(description="for policies fair and priority: likewise")] = None
    needed_by: Annotated[Instant | None, Field(description="when the demand lapses, ISO 8601 with zone")] = (
        None
    )
    replaces: Annotated[str, Field(max_length=128, description="a demand_id of yours that it replaces")] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.min_quantity is not None and self.min_quantity > self.quantity:
            raise wrong("min_quantity", "must not be above quantity")
        return self


MOST_RESOURCES = 20
"""Resources in a bundle, or in one aggregation."""


class RequestBundle(Command):
    """Post demand for several resources together."""

    bundle: Annotated[
        dict[ShownName, Quantity],
        Field(
            min_length=1,
            max_length=MOST_RESOURCES,
            description='{resource: quantity} needed together, such as {"gpu-hours": 8, "memory-gb": 64}',
        ),
    ]
    max_payment: Annotated[
        PositiveMoney | None,
        Field(
            description="the most you pay for one bundle, credits. Default: any price, which only the policies "
            "fair and priority can serve"
        ),
    ] = None
    per_task: Annotated[
        bool,
        Field(
            description="true: one bundle is what one task needs; serve some tasks, or part of one where the "
            "resources divide. Default: all or nothing"
        ),
    ] = False
    tasks: Annotated[int, Field(ge=1, le=1_000_000, description="with per_task: how many are of use")] = 1
    priority: Annotated[
        Priority | None,
        Field(description="for policy priority: at most what the operator granted, the default"),
    ] = None
    weight: Annotated[Quantity | None, Field(description="for policies fair and priority: likewise")] = None
    needed_by: Annotated[Instant | None, Field(description="when the demand lapses, ISO 8601 with zone")] = (
        None
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len({name_of(name) for name in self.bundle}) < len(self.bundle):
            raise wrong("bundle", "names a resource twice")
        if self.tasks > 1 and not self.per_task:
            raise wrong("tasks", "works with per_task: true only; else a bundle is all or nothing")
        if any(quantity * self.tasks >= AMOUNT_LIMIT for quantity in self.bundle.values()):
            raise wrong("tasks", f"times a quantity reaches {AMOUNT_LIMIT:,}")
        return self


class OfferResources(Command):
    """Post supply of a resource."""

    resource: Annotated[ShownName, Field(description="its name, such as gpu-hours")]
    quantity: Annotated[Quantity, Field(description="units offered; less may be sold")]
    unit_price: Annotated[Money, Field(description="the least you take per unit, credits")]
    tiers: Annotated[
        tuple[OfferTier, ...],
        Field(
            strict=False,
            max_length=20,
            description="[{from_quantity, unit_price}]: a lower least price once so much is sold; for policy efficient",
        ),
        WithJsonSchema({"type": "array", "items": {"type": "object"}}),
    ] = ()
    min_quantity: Annotated[Quantity | None, Field(description="the least you sell at once")] = None
    available_until: Annotated[
        Instant | None, Field(description="when the offer lapses, ISO 8601 with zone")
    ] = None
    replaces: Annotated[str, Field(max_length=128, description="an offer_id of yours that it replaces")] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.min_quantity is not None and self.min_quantity > self.quantity:
            raise wrong("min_quantity", "must not be above quantity")
        starts = [tier.from_quantity for tier in self.tiers]
        if any(later <= sooner for sooner, later in pairwise(starts)):
            raise wrong("tiers", "must have strictly increasing from_quantity")
        prices = [self.unit_price, *(tier.unit_price for tier in self.tiers)]
        if any(later >= sooner for sooner, later in pairwise(prices)):
            raise wrong(
                "tiers", "must fall: each unit_price below the one before, the first below the offer's own"
            )
        if starts and starts[-1] > self.quantity:
            raise wrong("tiers", "must begin within your quantity")
        return self


class AggregateDemand(Command):
    """Clear the demand for resources against the offers."""

    resources: Annotated[
        tuple[Name, ...],
        Field(strict=False, min_length=1, max_length=MOST_RESOURCES, description="their names"),
    ]
    policy: Annotated[
        Policy | None,
        Field(description="efficient (default): to whom it is worth most. fair: equal by weight"),
    ] = None
    via: Annotated[
        Literal["offers", "bundles", "auction"],
        Field(description="bundles: serve request_bundle. auction: buy together in one"),
    ] = "offers"
    payment_rule: Annotated[
        Literal["uniform", "mcafee", "pay_as_bid", "vcg", "core"] | None,
        Field(
            description="offers: uniform or mcafee (truthful, single units). bundles: pay_as_bid, vcg, core; "
            "uniform where tasks divide. auction: pay_as_bid or uniform"
        ),
    ] = None
    closes_in: Annotated[Duration | None, Field(description="auction: seconds")] = None
    threshold: Annotated[
        Threshold | None,
        Field(description="auction: {owners, quantity}, or it lapses"),
        WithJsonSchema({"type": "object"}),
    ] = None
    sharing: Annotated[Sharing | None, Field(description="auction: of the savings. uniform: one price")] = (
        None
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.via != "auction":
            for name in ("closes_in", "threshold", "sharing"):
                if getattr(self, name) is not None:
                    raise wrong(name, "works with via auction only")
            if self.via == "offers" and self.payment_rule in ("pay_as_bid", "vcg", "core"):
                raise wrong("payment_rule", "must be uniform or mcafee via offers")
            if self.via == "bundles" and self.payment_rule == "mcafee":
                raise wrong("payment_rule", "must be pay_as_bid, vcg, core or uniform via bundles")
            shared = self.via == "bundles" and self.policy in ("fair", "priority")
            if shared and self.payment_rule not in (None, "uniform"):
                raise wrong("payment_rule", f"must be uniform with policy {self.policy}: one price for all")
            return self
        if len(self.resources) != 1:
            raise wrong("resources", "must be exactly one via auction")
        if self.closes_in is None:
            raise wrong("closes_in", "is required via auction: suppliers need time to bid")
        if self.policy is not None:
            raise wrong(
                "policy",
                "works with via offers or bundles only; an auction serves those to whom it is worth most",
            )
        if self.payment_rule not in (None, "pay_as_bid", "uniform"):
            raise wrong("payment_rule", "must be pay_as_bid or uniform via auction")
        return self
