"""What an agent may ask the market for. Each model is also the argument list of the tool of that name.

A command that exists holds only valid values (`values`); whether the market agrees is for `decide`.
`agent` is who acts. Descriptions are what a caller reads, so they say unit, range and default.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

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
    Instant,
    LongText,
    Money,
    Name,
    ObjectId,
    PositiveMoney,
    PositiveShare,
    Quantity,
    Scalar,
    Share,
    ShortText,
    ShownName,
    TaskText,
    name_of,
)

PaymentRule = Literal["pay_as_bid", "second_price", "uniform", "vcg", "core"]
Format = Literal["sealed", "open", "dutch"]
Reveal = Literal["payments", "threshold"]
Combine = Literal["xor", "or"]
TierKind = Literal["all_units", "incremental"]
IfUnproved = Literal["refuse", "pay_as_bid"]
MOST_UNITS = 1_000_000
"""Units an auction may ask for."""
_MOST_LOT_TEXT = 18_000  # characters: an answer repeats them
MOST_LOTS = 500
"""Lots an auction may have."""
Units = Annotated[int, Field(ge=1, le=MOST_UNITS)]


class Model(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


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


def _short(value: Any) -> Any:
    """Refuse what would make every answer that repeats it too long."""
    length = len(canonical(value.model_dump() if isinstance(value, BaseModel) else value))
    if length > _MOST_TEXT:
        raise ValueError(f"must have at most {_MOST_TEXT:,} characters in all; it has {length:,}")
    return value


Attributes = Annotated[
    dict[Name, Scalar],
    Field(max_length=50),
    BeforeValidator(_distinct),
    AfterValidator(_short),
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
        Field(strict=False, max_length=50, description="[{attribute, bonus, when}]; when defaults to true"),
    ] = ()


class Extension(Model):
    """How an open auction goes on when its leader changes late, and how much better a bid must be than one's last."""

    by: Annotated[Duration, Field(description="seconds the deadline moves, at most 20 times")]
    within: Annotated[
        Duration, Field(description="seconds before the deadline in which a new leader moves it")
    ]
    min_decrement: Annotated[
        PositiveMoney,
        Field(description="how much lower a revised bid's score must be than your standing one"),
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
        Field(description="credits at which you would rather leave it; Default: bought if at all possible"),
    ] = None


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


class Command(Model):
    """Somebody's request, with who makes it."""

    agent: Annotated[AgentId, Field(description="who acts: your agent id, such as claude or acme/reviewer-2")]


class CreateAuction(Command):
    """Post a task as a reverse auction."""

    task: Annotated[TaskText, Field(description="what is bought, one line, at most 200 characters")]
    description: Annotated[
        LongText, Field(description="details and acceptance criteria, at most 4,000 characters")
    ] = ""
    requirements: Annotated[Requirements, AfterValidator(_short), Field(description="who may bid")] = (
        Requirements()
    )
    max_price: Annotated[
        PositiveMoney | None,
        Field(description="the most you pay, credits, per unit where quantity > 1; dearer bids are refused"),
    ] = None
    quantity: Annotated[
        Units,
        Field(
            description="units of the same thing from several winners, less if fewer are offered; costs and max_price are per unit"
        ),
    ] = 1
    lots: Annotated[
        tuple[Lot, ...],
        Field(
            strict=False,
            max_length=MOST_LOTS,
            description="[{id, max_price}]: parts that different bidders may win; bids are for sets of them",
        ),
    ] = ()
    bids_combine: Annotated[
        Combine,
        Field(description="lots only. xor: at most one bid of a bidder wins. or: they add up"),
    ] = "xor"
    constraints: Annotated[
        Constraints,
        Field(description="of quantity or lots: {max_winners, min_winners, max_share, max_spend_share}"),
    ] = NO_CONSTRAINTS
    payment_rule: Annotated[
        PaymentRule,
        Field(
            description="pay_as_bid: winners get their cost. second_price (one winner), vcg: what they would just "
            "still have won at, so the true cost is the best bid. uniform (quantity): every unit the first "
            "rejected cost. core (lots): as near vcg as is safe for you; nearly as honest"
        ),
    ] = "pay_as_bid"
    if_unproved: Annotated[
        IfUnproved,
        Field(description="pay_as_bid: fall back to it where vcg or core cannot be proved in time"),
    ] = "refuse"
    format: Annotated[
        Format,
        Field(
            description="sealed: bids hidden until the award. open: each bidder sees its rank and may go lower. "
            "dutch: the offer rises by schedule until a provider takes it"
        ),
    ] = "sealed"
    extension: Annotated[
        Extension | None, Field(description="open only: {by, within, min_decrement}; needs a deadline")
    ] = None
    schedule: Annotated[
        Schedule | None, Field(description="dutch only: {start, step, every}; rises to max_price")
    ] = None
    scoring: Annotated[
        Scoring,
        AfterValidator(_short),
        Field(
            description="weights in credits (per unit; per bid with lots); the lowest score wins. Default: cost only"
        ),
    ] = Scoring()
    closes_in: Annotated[
        Duration | None, Field(description="seconds until bidding ends. Default: when you say")
    ] = None
    closes_at: Annotated[
        Instant | None, Field(description="or the moment, ISO 8601 with zone: 2026-11-23T12:00:00Z")
    ] = None
    invite: Annotated[AgentIds, Field(description="only these agents may bid. Default: everybody")] = ()
    reveal: Annotated[
        Reveal,
        Field(description="threshold: losers always learn the cost below which they would have won"),
    ] = "payments"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.closes_in is not None and self.closes_at is not None:
            raise ValueError("give closes_in or closes_at, not both")
        self._fits_its_format()
        self._fits_what_is_bought()
        self._fits_its_rule()
        return self

    def _fits_its_format(self) -> None:
        if self.extension is not None and self.format != "open":
            raise wrong("extension", "is for format open only")
        if self.extension is not None and self.closes_in is None and self.closes_at is None:
            raise wrong("extension", "needs a deadline to move: give closes_in or closes_at")
        if (self.schedule is not None) != (self.format == "dutch"):
            raise wrong("schedule", "is required with format dutch, and for it only")
        if self.format != "sealed" and (self.lots or self.quantity > 1):
            raise wrong("format", "must be sealed with quantity or lots: a rank among sets would mislead")
        if self.format == "dutch":
            self._fits_dutch()

    def _fits_dutch(self) -> None:
        if self.max_price is None:
            raise wrong("max_price", "is required with format dutch: the offer rises up to it")
        if self.schedule is not None and self.schedule.start > self.max_price:
            raise wrong("schedule.start", "must not be above max_price")
        if self.scoring != Scoring():
            raise wrong("scoring", "has no meaning with format dutch: the first to take the offer wins")
        if self.payment_rule != "pay_as_bid":
            raise wrong("payment_rule", "has no meaning with format dutch: the schedule sets the payment")

    def _fits_what_is_bought(self) -> None:
        if self.lots and self.quantity > 1:
            raise wrong("quantity", "must be 1 with lots: make a lot of each unit, or ask for units alone")
        if self.lots and self.max_price is not None:
            raise wrong("max_price", "is given per lot: lots=[{id, max_price}]")
        if len({lot.id for lot in self.lots}) < len(self.lots):
            raise wrong("lots", "must have a different id each")
        if (length := len(canonical([lot.model_dump() for lot in self.lots]))) > _MOST_LOT_TEXT:
            raise wrong(
                "lots", f"must have at most {_MOST_LOT_TEXT:,} characters in all; they have {length:,}"
            )
        if self.bids_combine != "xor" and not self.lots:
            raise wrong("bids_combine", "is for lots; without them a bidder has one bid")
        if self.constraints != NO_CONSTRAINTS and not self.lots and self.quantity == 1:
            raise wrong("constraints", "are for several winners: give quantity or lots")
        share = self.constraints.max_share
        if share is not None and share * max(self.quantity, len(self.lots)) < 1:
            raise wrong("constraints.max_share", "is less than one unit or lot, so nobody could win anything")

    def _fits_its_rule(self) -> None:
        several = bool(self.lots) or self.quantity > 1
        fitting: tuple[PaymentRule, ...] = ("pay_as_bid", "second_price", "vcg")
        if several:
            fitting = ("pay_as_bid", "vcg", "core") if self.lots else ("pay_as_bid", "uniform", "vcg")
        if self.payment_rule not in fitting:
            what = "with lots" if self.lots else "with quantity" if several else "with one winner"
            raise wrong("payment_rule", f"must be one of {', '.join(fitting)} {what}")
        if self.constraints.max_spend_share is not None and self.payment_rule != "pay_as_bid":
            raise wrong(
                "constraints.max_spend_share", "is for pay_as_bid only: under other rules it rewards lying"
            )
        if self.payment_rule == "uniform" and (
            self.scoring != Scoring() or self.constraints != NO_CONSTRAINTS
        ):
            raise wrong(
                "payment_rule", "uniform is for cost alone: leave scoring and constraints out, or use vcg"
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


class CloseAuction(Command):
    """End the bidding without deciding."""

    auction_id: Annotated[ObjectId, Field(description="your auction")]


class AwardAuction(Command):
    """Decide an auction, for good."""

    auction_id: Annotated[ObjectId, Field(description="your auction")]


class ReportOutcome(Command):
    """Say how the awarded work went."""

    auction_id: Annotated[ObjectId, Field(description="your awarded auction")]
    provider: Annotated[
        AgentId | None, Field(description="the winner it is about; required where there are several")
    ] = None
    success: Annotated[bool, Field(description="was the work delivered as agreed")]
    actual_time: Annotated[Duration | None, Field(description="seconds it took")] = None
    quality: Annotated[Share | None, Field(description="0 to 1, as received")] = None
    note: Annotated[LongText, Field(description="for people")] = ""
    reference: Annotated[ShortText, Field(description="where the work is: a link or an id")] = ""


class RequestResources(Command):
    """Post demand for a quantity of a resource."""

    resource: Annotated[ShownName, Field(description="its name, such as gpu-hours")]
    quantity: Annotated[Quantity, Field(description="units wanted; less may be allocated")]
    max_unit_price: Annotated[
        PositiveMoney | None, Field(description="the most you pay per unit, credits. Default: any price")
    ] = None
    needed_by: Annotated[Instant | None, Field(description="when the demand lapses, ISO 8601 with zone")] = (
        None
    )


class OfferResources(Command):
    """Post supply of a resource."""

    resource: Annotated[ShownName, Field(description="its name, such as gpu-hours")]
    quantity: Annotated[Quantity, Field(description="units offered; less may be sold")]
    unit_price: Annotated[Money, Field(description="the least you take per unit, credits")]
    available_until: Annotated[
        Instant | None, Field(description="when the offer lapses, ISO 8601 with zone")
    ] = None


class AggregateDemand(Command):
    """Clear the demand for resources against the offers."""

    resources: Annotated[
        tuple[Name, ...],
        Field(strict=False, min_length=1, max_length=20, description="names; each is cleared on its own"),
    ]


class RegisterAgent(Command):
    """Say what one can do; replaces what was said before."""

    description: Annotated[LongText, Field(description="for people and agents who look you up")] = ""
    capabilities: Annotated[
        Names, Field(description="what you can do, such as code-review; auctions match on these")
    ] = ()
    attributes: Annotated[
        Attributes, Field(description="{name: value} that holds for all your bids, such as language")
    ] = Field(default_factory=dict)


class DeclareResource(Model):
    """Fix a resource's unit and whether it is sold in whole units. For the operator of the database."""

    resource: ShownName
    unit: ShortText = ""
    whole: bool = False


class Lapse(Model):
    """Record what time has already done: bidding that ended, demand and offers that lapsed."""

    stream: str


AnyCommand = (
    CreateAuction
    | SubmitBid
    | Withdraw
    | CloseAuction
    | AwardAuction
    | ReportOutcome
    | RequestResources
    | OfferResources
    | AggregateDemand
    | RegisterAgent
    | DeclareResource
    | Lapse
)
