"""What an auction asks and how it is decided: the parts of its terms, each valid by itself.

Whether they fit together is for the command that creates the auction (`commands`).
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeGuard, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from market_core.canonical import canonical
from market_core.values import (
    AgentId,
    Duration,
    Money,
    Name,
    PositiveMoney,
    PositiveShare,
    Quantity,
    Scalar,
    Share,
    name_of,
)

PaymentRule = Literal["pay_as_bid", "second_price", "uniform", "vcg", "core"]
OneWinnerRule = Literal["pay_as_bid", "second_price"]
"""Payment rules of the mechanism that orders the bids by score and takes the first."""
Format = Literal["sealed", "open", "dutch"]
Reveal = Literal["payments", "threshold"]
Combine = Literal["xor", "or"]
TierKind = Literal["all_units", "incremental"]
Policy = Literal["efficient", "fair", "priority"]
ClearingRule = Literal["uniform", "mcafee"]
PoolRule = Literal["pay_as_bid", "uniform"]
BundleRule = Literal["pay_as_bid", "vcg", "core", "uniform"]
Sharing = Literal["uniform", "proportional", "shapley"]
IfUnproved = Literal["refuse", "pay_as_bid"]
MOST_UNITS = 1_000_000
"""Units an auction may ask for."""
MOST_LOT_TEXT = 18_000
"""Characters of all lots of an auction: answers repeat them."""
MOST_LOTS = 500
"""Lots an auction may have."""
Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]
Priority = Annotated[int, Field(ge=-1000, le=1000)]


class Model(BaseModel):
    """A frozen value that refuses unknown fields. Its validator is built when it is first used: there are many."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def wrong(field: str, rule: str) -> PydanticCustomError:
    """Return the error of a field that does not fit the others: it names the field, as a field's own error does."""
    return PydanticCustomError("value_error", "{error}", {"error": rule, "field": field})


class Condition(Model):
    """What one attribute must be. With `optional`, a bidder that does not state it passes."""

    equals: Scalar | None = None
    min: Scalar | None = None
    max: Scalar | None = None
    any_of: Annotated[tuple[Scalar, ...], Field(strict=False, max_length=20)] = ()
    optional: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        ways = [self.equals is not None, self.min is not None or self.max is not None, bool(self.any_of)]
        if sum(ways) != 1:
            raise ValueError("must have exactly one of: equals, any_of, or min and/or max")
        for bound in (self.min, self.max):
            if bound is not None and (isinstance(bound, bool | str)):
                raise ValueError("min and max must be numbers")
        if isinstance(self.min, int | float) and isinstance(self.max, int | float) and self.min > self.max:
            raise ValueError("min must not be above max")
        return self


def _condition(value: object) -> object:
    """Read a bare value as `equals`: {"language": "python"} says what it means."""
    return {"equals": value} if isinstance(value, bool | int | float | str) else value


ConditionField = Annotated[Condition, BeforeValidator(_condition)]


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


Names = Annotated[tuple[Name, ...], Field(strict=False, max_length=50)]
AgentIds = Annotated[tuple[AgentId, ...], Field(strict=False, max_length=100)]
_MOST_TEXT = 4000  # characters of all requirements, of all weights, of all attributes: answers repeat them


def _distinct(value: object) -> object:
    """Refuse two names that mean the same: one would silently take the place of the other."""
    if isinstance(value, dict):
        names = [name_of(name) for name in value if isinstance(name, str)]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"has a name twice, written in two ways: {twice[:64]}")
    return value


def short_enough(value: Any) -> Any:
    """Refuse what would make every answer that repeats it too long."""
    length = len(canonical(value.model_dump() if isinstance(value, BaseModel) else value))
    if length > _MOST_TEXT:
        raise ValueError(f"must have at most {_MOST_TEXT:,} characters in all; it has {length:,}")
    return value


Attributes = Annotated[
    dict[Name, Scalar],
    Field(max_length=50),
    BeforeValidator(_distinct),
    AfterValidator(short_enough),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
]


class Requirements(Model):
    """What a bidder must be able to do and to state."""

    capabilities: Annotated[Names, Field(description="each must be registered by the bidder")] = ()
    attributes: Annotated[
        dict[Name, ConditionField],
        BeforeValidator(_distinct),
        Field(
            max_length=50,
            description="{name: value | {min, max} | {any_of: [...]}}; add optional: true to let silence pass",
        ),
        WithJsonSchema({"type": "object"}),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _each_capability_once(self) -> Self:
        object.__setattr__(self, "capabilities", _unique(self.capabilities))
        return self


class Bonus(Model):
    """Credits taken off the score of a bid whose attribute is as wanted."""

    attribute: Name
    bonus: Money
    when: Annotated[ConditionField, WithJsonSchema({"description": "as in requirements.attributes"})] = (
        Condition(equals=True)
    )


class Scoring(Model):
    """What a bid's time, quality and attributes are worth to the buyer, in credits."""

    time_price: Annotated[Money, Field(description="credits per second of estimated_time")] = Decimal(0)
    quality_price: Annotated[Money, Field(description="credits for quality 1 rather than 0")] = Decimal(0)
    attribute_bonus: Annotated[
        tuple[Bonus, ...],
        Field(strict=False, max_length=50, description="when defaults to true"),
    ] = ()
    failure_price: Annotated[Money, Field(description="credits a failure costs you")] = Decimal(0)
    use_track_record: Annotated[
        bool, Field(description="score by what records predict, not by what bids claim")
    ] = False
    explore: Annotated[Money, Field(description="credits off for owners nobody knows yet")] = Decimal(0)
    settle_confidence: Annotated[
        Money,
        Field(description="up to failure_price: bids state confidence, the outcome adjusts the payment"),
    ] = Decimal(0)


class Extension(Model):
    """How an open auction goes on when its leader changes late, and how much better a bid must be than one's last."""

    by: Annotated[Duration, Field(description="seconds the deadline moves, at most 20 times")]
    within: Annotated[
        Duration, Field(description="seconds before the deadline in which a new leader moves it")
    ]
    min_decrement: Annotated[
        PositiveMoney,
        Field(description="how much a revised bid must lower your score"),
    ]


class Schedule(Model):
    """What a Dutch auction offers: `start`, and `step` more `every` so many seconds, up to max_price."""

    start: Annotated[Money, Field(description="credits offered at first")]
    step: Annotated[PositiveMoney, Field(description="credits added each time")]
    every: Annotated[Duration, Field(description="seconds between steps")]


class Lot(Model):
    """A part of an auction that can be won separately."""

    id: Annotated[Name, Field(description="how bids name it, such as roof")]
    max_price: Annotated[
        PositiveMoney | None,
        Field(description="credits at which you rather leave it. Default: bought if possible"),
    ] = None


def pays_one(rule: PaymentRule) -> TypeGuard[OneWinnerRule]:
    """Return whether `rule` is one of the mechanism that takes the first bid by score."""
    return rule in get_args(OneWinnerRule)


def rules_for(quantity: int, lots: Sequence[Lot]) -> tuple[PaymentRule, ...]:
    """Return the payment rules that fit what an auction buys."""
    if lots:
        return "pay_as_bid", "vcg", "core"
    return ("pay_as_bid", "uniform", "vcg") if quantity > 1 else ("pay_as_bid", "second_price", "vcg")


class Constraints(Model):
    """What the buyer asks of the winners together; they apply to what is bought."""

    max_winners: Annotated[int | None, Field(ge=1, le=10_000)] = None
    min_winners: Annotated[int | None, Field(ge=1, le=10_000)] = None
    max_share: Annotated[
        PositiveShare | None, Field(description="most of what is bought for one bidder, above 0 to 1")
    ] = None
    max_spend_share: Annotated[
        PositiveShare | None, Field(description="most of the total cost for one; pay_as_bid only")
    ] = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.max_winners is not None and (self.min_winners or 0) > self.max_winners:
            raise wrong("min_winners", "must not be above max_winners")
        for name, share in (("max_share", self.max_share), ("max_spend_share", self.max_spend_share)):
            if self.max_winners is not None and share is not None and share * self.max_winners < 1:
                raise wrong(name, "times max_winners is below 1, so the winners together could never get all")
        return self


NO_CONSTRAINTS = Constraints()


class Tier(Model):
    """From which unit on a bid has another unit cost."""

    from_quantity: Annotated[int, Field(ge=2, le=MOST_UNITS, description="the first unit at this cost")]
    cost: Annotated[Money, Field(description="credits per unit")]


class StandingBid(Model):
    """A provider's rate for a capability, entered in the auctions that ask for it while it has capacity for them."""

    cost: Money
    estimated_time: Duration | None = None
    quality: Share | None = None
    max_concurrent: Annotated[int | None, Field(ge=1, le=1_000_000)] = None


StandingBids = Annotated[
    dict[Name, StandingBid],
    BeforeValidator(_distinct),
    Field(max_length=50),
    WithJsonSchema({"type": "object"}),
]


class Threshold(Model):
    """What a pool must still be when it closes; below it, it lapses."""

    owners: Annotated[int, Field(ge=1, le=MOST_UNITS, description="distinct owners")] = 1
    quantity: Annotated[Quantity | None, Field(description="units asked for together")] = None


class OfferTier(Model):
    """From which quantity on an offer has another unit price, for all of what it sells."""

    from_quantity: Annotated[Quantity, Field(description="the quantity from which all units cost this")]
    unit_price: Annotated[Money, Field(description="credits per unit")]
