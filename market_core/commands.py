"""What an agent may ask the market for. Each model is also the argument list of the tool of that name.

A command that exists holds only valid values (`values`); whether the market agrees is for `decide`.
`agent` is who acts. Descriptions are what a caller reads, so they say unit, range and default.
"""

from decimal import Decimal
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
    Quantity,
    Scalar,
    Share,
    ShortText,
    ShownName,
    TaskText,
    name_of,
)

PaymentRule = Literal["pay_as_bid", "second_price"]
Format = Literal["sealed", "open", "dutch"]
Reveal = Literal["payments", "threshold"]


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
        PositiveMoney | None, Field(description="the most you pay, credits; dearer bids are refused")
    ] = None
    payment_rule: Annotated[
        PaymentRule,
        Field(
            description="pay_as_bid: the winner gets its cost. second_price: the cost at which it would "
            "just still have won, so bidders do best to bid their true cost"
        ),
    ] = "pay_as_bid"
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
        Field(description="weights in credits; the bid with the lowest score wins. Default: cost only"),
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
    def _one_deadline(self) -> Self:
        if self.closes_in is not None and self.closes_at is not None:
            raise ValueError("give closes_in or closes_at, not both")
        return self

    @model_validator(mode="after")
    def _fits_its_format(self) -> Self:
        if self.extension is not None and self.format != "open":
            raise wrong("extension", "is for format open only")
        if self.extension is not None and self.closes_in is None and self.closes_at is None:
            raise wrong("extension", "needs a deadline to move: give closes_in or closes_at")
        if (self.schedule is not None) != (self.format == "dutch"):
            raise wrong("schedule", "is required with format dutch, and for it only")
        if self.format == "dutch":
            self._fits_dutch()
        return self

    def _fits_dutch(self) -> None:
        if self.max_price is None:
            raise wrong("max_price", "is required with format dutch: the offer rises up to it")
        if self.schedule is not None and self.schedule.start > self.max_price:
            raise wrong("schedule.start", "must not be above max_price")
        if self.scoring != Scoring():
            raise wrong("scoring", "has no meaning with format dutch: the first to take the offer wins")
        if self.payment_rule != "pay_as_bid":
            raise wrong("payment_rule", "has no meaning with format dutch: the schedule sets the payment")


class SubmitBid(Command):
    """Make a binding offer in an auction, or replace one's own."""

    auction_id: Annotated[ObjectId, Field(description="from list_auctions or inbox")]
    cost: Annotated[
        Money | None, Field(description="what you ask for the whole task, credits; required, except to take")
    ] = None
    take: Annotated[bool, Field(description="true: take what a Dutch auction offers now")] = False
    at_least: Annotated[
        Money | None, Field(description="with take: refused if the offer is below this, credits")
    ] = None
    estimated_time: Annotated[
        Duration | None, Field(description="seconds; required where the auction prices time")
    ] = None
    quality: Annotated[
        Share | None, Field(description="0 to 1; required where the auction prices quality")
    ] = None
    attributes: Annotated[
        Attributes, Field(description="{name: value} the auction asks for; your agent card's are the default")
    ] = Field(default_factory=dict)
    note: Annotated[LongText, Field(description="for people; never decides")] = ""
    valid_for: Annotated[
        Duration | None, Field(description="seconds this bid binds you. Default: until the award")
    ] = None
    replaces: Annotated[
        str, Field(max_length=128, description="bid_id you mean to replace; refused if it no longer stands")
    ] = ""

    @model_validator(mode="after")
    def _asks_or_takes(self) -> Self:
        if not self.take and self.cost is None:
            raise wrong("cost", "is required; to take what a Dutch auction offers, give take: true instead")
        if self.take and self.cost is not None:
            raise wrong("cost", "is not given with take: the schedule sets it; at_least protects you")
        if not self.take and self.at_least is not None:
            raise wrong("at_least", "is for take: true; a bid says its cost")
        if self.take and self.replaces:
            raise wrong("replaces", "has no meaning with take")
        return self


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
