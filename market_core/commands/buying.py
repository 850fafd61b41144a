"""What a buyer may ask for: an auction, its end, its award, and what became of the work."""

from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)

from market_core.canonical import canonical
from market_core.commands.base import Command
from market_core.terms import (
    MOST_LOT_TEXT,
    MOST_LOTS,
    NO_CONSTRAINTS,
    AgentIds,
    Combine,
    Constraints,
    Extension,
    Format,
    IfUnproved,
    Lot,
    PaymentRule,
    Priority,
    Requirements,
    Reveal,
    Schedule,
    Scoring,
    Units,
    pays_one,
    rules_for,
    short_enough,
    wrong,
)
from market_core.values import (
    AgentId,
    Duration,
    Instant,
    LongText,
    ObjectId,
    PositiveMoney,
    PositiveShare,
    Share,
    ShortText,
    TaskText,
)


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
        if weights.settle_confidence and (several or not pays_one(self.payment_rule)):
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
        fitting = rules_for(self.quantity, self.lots)
        if self.payment_rule not in fitting:
            what = "with lots" if self.lots else "with quantity" if self.quantity > 1 else "with one winner"
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
