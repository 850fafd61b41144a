"""What an agent may ask the market for. Each model is also the argument list of the tool of that name.

A command that exists holds only valid values (`values`); whether the market agrees is for `decide`.
`agent` is who acts. Descriptions are what a caller reads, so they say unit, range and default.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    WithJsonSchema,
    model_validator,
)

from market_core.canonical import canonical
from market_core.terms import (
    MOST_LOT_TEXT,
    MOST_LOTS,
    NO_CONSTRAINTS,
    AgentIds,
    Attributes,
    BundleRule,
    ClearingRule,
    Combine,
    Constraints,
    Extension,
    Format,
    IfUnproved,
    Lot,
    Model,
    Names,
    OfferTier,
    PaymentRule,
    Policy,
    Priority,
    Requirements,
    Reveal,
    Schedule,
    Scoring,
    Sharing,
    StandingBids,
    Threshold,
    Tier,
    TierKind,
    Units,
    short_enough,
    wrong,
)
from market_core.values import (
    AMOUNT_LIMIT,
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
    Share,
    ShortText,
    ShownName,
    TaskText,
    name_of,
)


class Command(Model):
    """Somebody's request, with who makes it."""

    agent: Annotated[AgentId, Field(description="who acts: your agent id, such as claude or acme/reviewer-2")]


class CreateAuction(Command):
    """Post a task as a reverse auction."""

    task: Annotated[TaskText, Field(description="what is bought, one line")]
    description: Annotated[LongText, Field(description="details and acceptance criteria")] = ""
    requirements: Annotated[Requirements, AfterValidator(short_enough), Field(description="who may bid")] = (
        Requirements()
    )
    max_price: Annotated[
        PositiveMoney | None,
        Field(description="the most you pay, credits; dearer bids are refused"),
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
            description="parts that different bidders may win; bids are for sets of them",
        ),
    ] = ()
    bids_combine: Annotated[
        Combine,
        Field(description="lots only. xor: at most one bid of a bidder wins. or: they add up"),
    ] = "xor"
    constraints: Annotated[
        Constraints,
        Field(description="of quantity or lots"),
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
    extension: Annotated[Extension | None, Field(description="open only; needs a deadline")] = None
    schedule: Annotated[Schedule | None, Field(description="dutch only; rises to max_price")] = None
    scoring: Annotated[
        Scoring,
        AfterValidator(short_enough),
        Field(
            description="weights in credits (per unit; per bid with lots); the lowest score wins. Default: cost only"
        ),
    ] = Scoring()
    min_reliability: Annotated[
        PositiveShare | None,
        Field(description="0 to 1: only bidders whose chance of success is above it, 95 % sure"),
    ] = None
    closes_in: Annotated[
        Duration | None, Field(description="seconds until bidding ends. Default: when you say")
    ] = None
    closes_at: Annotated[Instant | None, Field(description="or the moment: 2026-11-23T12:00:00Z")] = None
    invite: Annotated[AgentIds, Field(description="only these agents may bid. Default: everybody")] = ()
    reveal: Annotated[
        Reveal,
        Field(description="threshold: losers always learn the cost below which they would have won"),
    ] = "payments"
    priority: Annotated[Priority, Field(description="higher comes first in award with together_with")] = 0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.closes_in is not None and self.closes_at is not None:
            raise ValueError("give closes_in or closes_at, not both")
        self._fits_its_format()
        self._fits_what_is_learned()
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

    def _fits_what_is_learned(self) -> None:
        weights = self.scoring
        several = bool(self.lots) or self.quantity > 1
        if weights.use_track_record:
            if not (weights.time_price or weights.quality_price or weights.failure_price):
                raise wrong("scoring.use_track_record", "needs a time_price, quality_price or failure_price")
            if self.format != "sealed":
                raise wrong(
                    "scoring.use_track_record", "is for sealed auctions: a rank by claims would mislead"
                )
        elif weights.explore:
            raise wrong("scoring.explore", "needs use_track_record: true")
        if weights.failure_price and not (weights.use_track_record or weights.settle_confidence):
            raise wrong("scoring.failure_price", "needs use_track_record: true, or settle_confidence")
        if weights.explore and (several or weights.settle_confidence):
            raise wrong("scoring.explore", "is for one winner, and not with settle_confidence")
        if weights.settle_confidence > weights.failure_price:
            raise wrong("scoring.settle_confidence", "must be at most failure_price")
        if weights.settle_confidence and (several or self.payment_rule == "vcg"):
            raise wrong("scoring.settle_confidence", "is for one winner, with pay_as_bid or second_price")

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
        if (length := len(canonical([lot.model_dump() for lot in self.lots]))) > MOST_LOT_TEXT:
            raise wrong(
                "lots", f"must have at most {MOST_LOT_TEXT:,} characters in all; they have {length:,}"
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


class CloseAuction(Command):
    """End the bidding without deciding."""

    auction_id: Annotated[ObjectId, Field(description="your auction")]


MOST_TOGETHER = 500
"""Auctions that are decided in one award."""
Others = Annotated[
    tuple[ObjectId, ...],
    Field(
        strict=False,
        max_length=MOST_TOGETHER - 1,
        description="more of your one-winner auctions, decided as one, within max_concurrent",
    ),
]


class AwardAuction(Command):
    """Decide an auction, or several together, for good."""

    auction_id: Annotated[ObjectId, Field(description="your auction")]
    together_with: Others = ()
    instead_of: Annotated[AgentId | None, Field(description="a failed winner: award its part again")] = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.instead_of is not None and self.together_with:
            raise wrong("instead_of", "is for one auction: leave together_with out")
        return self

    @property
    def auctions(self) -> tuple[str, ...]:
        """All auctions to decide, each once."""
        return tuple(dict.fromkeys((self.auction_id, *self.together_with)))


class ReportOutcome(Command):
    """Say how the awarded work went: the buyer by `success`, a winner that it has `delivered` or does `dispute` a report."""

    auction_id: ObjectId
    provider: Annotated[
        AgentId | None, Field(description="buyer: the winner it is about, where there are several")
    ] = None
    success: Annotated[bool | None, Field(description="buyer: was the work delivered as agreed")] = None
    delivered: Annotated[bool, Field(description="winner: your work is done")] = False
    dispute: Annotated[
        bool | None, Field(description="winner: true: the report is wrong (note says why); false: accept it")
    ] = None
    actual_time: Annotated[Duration | None, Field(description="seconds it took")] = None
    quality: Annotated[Share | None, Field(description="buyer: 0 to 1, as received")] = None
    note: Annotated[LongText, Field(description="for people")] = ""
    reference: Annotated[ShortText, Field(description="where the work is: a link or an id")] = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        said = (self.success is not None) + self.delivered + (self.dispute is not None)
        if said == 0:
            raise wrong("success", "is required of the buyer; a winner gives delivered: true, or dispute")
        if said > 1:
            raise wrong("success", "is the buyer's, delivered and dispute a winner's: give one of them")
        if self.success is None:
            for name in ("provider", "quality"):
                if getattr(self, name) is not None:
                    raise wrong(name, "is for the buyer to say, with success")
        if self.dispute is not None and self.actual_time is not None:
            raise wrong("actual_time", "has no place in a dispute: say it in note")
        return self


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


AnyCommand = (
    CreateAuction
    | SubmitBid
    | Withdraw
    | CloseAuction
    | AwardAuction
    | ReportOutcome
    | RequestResources
    | RequestBundle
    | OfferResources
    | AggregateDemand
    | RegisterAgent
    | DeclareResource
    | Grant
    | Vouch
    | SettleDispute
    | Lapse
)
