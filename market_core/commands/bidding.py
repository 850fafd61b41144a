"""What a bidder may ask for: a bid, and to take back what one posted."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import (
    Field,
    WithJsonSchema,
    model_validator,
)

from market_core.commands.base import Command
from market_core.terms import (
    MOST_LOTS,
    Attributes,
    Tier,
    TierKind,
    Units,
    wrong,
)
from market_core.values import (
    Duration,
    LongText,
    Money,
    Name,
    ObjectId,
    Share,
)


class SubmitBid(Command):
    """Make a binding offer in an auction, or replace one's own."""

    auction_id: ObjectId
    cost: Annotated[
        Money | None,
        Field(description="credits asked: for all, or per unit; required except to take"),
    ] = None
    quantity: Annotated[Units | None, Field(description="most units you sell. Default: all")] = None
    min_quantity: Annotated[Units, Field(description="none, or so many")] = 1
    tiers: Annotated[
        tuple[Tier, ...],
        Field(strict=False, max_length=20, description="[{from_quantity, cost}]: unit costs from there on"),
        WithJsonSchema({"type": "array", "items": {"type": "object"}}),
    ] = ()
    tier_kind: Annotated[TierKind, Field(description="a tier prices all units, or its own")] = "all_units"
    lots: Annotated[
        tuple[Name, ...],
        Field(strict=False, max_length=MOST_LOTS, description="lots the cost is for, together"),
    ] = ()
    at_most: Annotated[int | None, Field(ge=1, le=MOST_LOTS, description="most lots in all your bids")] = None
    take: Annotated[bool, Field(description="take a Dutch auction's offer")] = False
    at_least: Annotated[Money | None, Field(description="least to take")] = None
    estimated_time: Annotated[Duration | None, Field(description="seconds; required if priced")] = None
    quality: Annotated[Share | None, Field(description="0 to 1; required if priced")] = None
    confidence: Annotated[Share | None, Field(description="0 to 1: your chance of success")] = None
    attributes: Annotated[
        Attributes,
        Field(description="{name: value}; your card's are the default"),
        WithJsonSchema({"type": "object"}),
    ] = Field(default_factory=dict)
    note: Annotated[LongText, Field(description="never decides")] = ""
    valid_for: Annotated[Duration | None, Field(description="seconds it binds. Default: until the award")] = (
        None
    )
    replaces: Annotated[str, Field(max_length=128, description="bid_id that must still stand")] = ""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.take or self.cost is None or self.at_least is not None:
            self._asks_or_takes()
        if self.tiers or self.lots or self.quantity is not None:
            self._tiers_go_on()
        return self

    def _tiers_go_on(self) -> None:
        starts = [tier.from_quantity for tier in self.tiers]
        if any(later <= sooner for sooner, later in pairwise(starts)):
            raise wrong("tiers", "must have strictly increasing from_quantity")
        costs = [self.cost, *(tier.cost for tier in self.tiers)]
        if self.tier_kind == "all_units" and any(
            later >= sooner for sooner, later in pairwise(costs) if sooner is not None and later is not None
        ):
            raise wrong(
                "tiers", "of all_units must fall: a dearer tier would be bought around; or use incremental"
            )
        if len(set(self.lots)) < len(self.lots):
            raise wrong("lots", "must not name a lot twice")
        if self.quantity is not None and self.min_quantity > self.quantity:
            raise wrong("min_quantity", "must not be above quantity")
        if self.quantity is not None and starts and starts[-1] > self.quantity:
            raise wrong("tiers", "must begin within your quantity")

    def _asks_or_takes(self) -> None:
        if not self.take and self.cost is None:
            raise wrong("cost", "is required; to take what a Dutch auction offers, give take: true instead")
        if self.take and self.cost is not None:
            raise wrong("cost", "is not given with take: the schedule sets it; at_least protects you")
        if not self.take and self.at_least is not None:
            raise wrong("at_least", "is for take: true; a bid says its cost")
        if self.take and self.replaces:
            raise wrong("replaces", "has no meaning with take")


class Withdraw(Command):
    """Take back what one posted."""

    id: Annotated[
        ObjectId, Field(description="of your bid, demand or offer, or of your auction to cancel it")
    ]
