"""What an agent says of itself, and what the operator of the database decides."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import (
    Field,
    model_validator,
)

from market_core.commands.base import Command
from market_core.terms import (
    Attributes,
    BundleRule,
    ClearingRule,
    Model,
    Names,
    Policy,
    Priority,
    StandingBids,
    wrong,
)
from market_core.values import (
    AgentId,
    Duration,
    LongText,
    ObjectId,
    Quantity,
    Share,
    ShortText,
    ShownName,
)


class RegisterAgent(Command):
    """Say what one can do; replaces what was said before."""

    description: Annotated[LongText, Field(description="for people and agents who look you up")] = ""
    capabilities: Annotated[
        Names, Field(description="what you can do, such as code-review; auctions match on these")
    ] = ()
    attributes: Annotated[
        Attributes, Field(description="{name: value} that holds for all your bids, such as language")
    ] = Field(default_factory=dict)
    max_concurrent: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="most works at a time that auctions decided together give you. Default: no limit",
        ),
    ] = None
    standing_bids: Annotated[
        StandingBids,
        Field(
            description="{capability: {cost, estimated_time, quality, max_concurrent}}: bid for you in new auctions that ask for it"
        ),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bids_on_what_it_can(self) -> Self:
        if missing := [name for name in self.standing_bids if name not in self.capabilities]:
            raise wrong("standing_bids", f"must be for capabilities of yours; add {missing[0]!r} to them")
        return self


class DeclareResource(Model):
    """Fix a resource's unit, how it trades, and when it is cleared by itself. For the operator of the database.

    `every` so many seconds, or as soon as so much (`at_quantity`) is asked for: if something was posted since.
    """

    resource: ShownName
    unit: ShortText = ""
    whole: bool = False
    policy: Policy | None = None
    payment_rule: ClearingRule | None = None
    bundle_rule: BundleRule | None = None
    every: Duration | None = None
    at_quantity: Quantity | None = None


class Grant(Model):
    """Say how much an owner's demand counts where it is shared. For the operator of the database."""

    owner: AgentId
    priority: Priority = 0
    weight: Quantity = Decimal(1)


class Vouch(Model):
    """Say that one knows an owner, so that buyers who explore may try it. For the operator of the database."""

    owner: AgentId
    vouched: bool = True


class SettleDispute(Model):
    """Decide what a disputed outcome was; without `success` it counts for nobody. For the operator of the database."""

    auction_id: ObjectId
    provider: AgentId
    success: bool | None = None
    actual_time: Duration | None = None
    quality: Share | None = None


class Lapse(Model):
    """Record what time has already done: bidding that ended, demand and offers that lapsed."""

    stream: str
