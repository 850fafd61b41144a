"""Providers whose cost, speed, quality and failures nobody sees, and the tasks that show them."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from market_core.mechanisms.expectation import Claim, Terms
from market_core.mechanisms.track_record import Outcome
from market_core.values import MICRO

HOUR = 3600
CAPABILITY = "review"
BUYERS = 40
# What a buyer's time, quality and failures are worth: credits per second, for quality 1, per failure.
TERMS = Terms(time_price=30_000, quality_price=4 * MICRO, failure_price=10 * MICRO)
_MARGIN = 1.1  # of the cost asked over the hidden one
_TIME_SPREAD, _QUALITY_SPREAD, _COST_SPREAD = 0.3, 0.08, 0.1
_FREE = 0.6  # the chance that a provider is free for a task, and bids


@dataclass(frozen=True)
class Provider:
    """`cost` in credits, `time` and `claimed_time` in seconds; `failure` is a chance, quality from 0 to 1."""

    name: str
    cost: float
    time: float
    claimed_time: float
    quality: float
    claimed_quality: float
    failure: float


@dataclass(frozen=True)
class Task:
    """One task: when, for whom, and the luck that whoever does it has (so that strategies share their luck)."""

    number: int
    at: int
    buyer: str
    late: float
    good: float
    luck: float
    asks: Sequence[float]
    free: Sequence[bool]

    def claim(self, position: int, provider: Provider) -> Claim:
        """Return the bid of the provider at `position`."""
        cost = provider.cost * _MARGIN * self.asks[position]
        return Claim(
            round(cost * MICRO), round(provider.claimed_time * MICRO), round(provider.claimed_quality * MICRO)
        )

    def outcome(self, provider: Provider, claim: Claim, payment: int) -> Outcome:
        """Return what happens if `provider` does the task."""
        return Outcome(
            provider.name,
            provider.name,
            self.buyer,
            self.buyer,
            (CAPABILITY,),
            self.at,
            self.luck >= provider.failure,
            payment,
            claim.time,
            round(provider.time * math.exp(self.late) * MICRO),
            claim.quality,
            round(min(1.0, max(0.0, provider.quality + self.good)) * MICRO),
        )


def realised(outcome: Outcome) -> float:
    """Return what an outcome cost the buyer, in credits."""
    assert outcome.actual_time is not None
    assert outcome.quality is not None
    time = TERMS.time_price * outcome.actual_time
    quality = TERMS.quality_price * outcome.quality
    failed = 0 if outcome.success else TERMS.failure_price
    return (outcome.payment + failed + (time - quality) / MICRO) / MICRO


def hidden_cost(provider: Provider, claim: Claim) -> float:
    """Return what a bid costs on average, by who knows the rates."""
    time = provider.time * math.exp(_TIME_SPREAD**2 / 2)
    worth = TERMS.time_price * time - TERMS.quality_price * provider.quality
    return (claim.cost + worth + TERMS.failure_price * provider.failure) / MICRO


def providers(seed: int, count: int = 20) -> list[Provider]:
    """Return providers whose claims are alike and whose work is not: the cheap ones are a little worse."""
    chance = random.Random(f"providers {seed}")
    return [_provider(f"p{i}", chance) for i in range(count)]


def _provider(name: str, chance: random.Random) -> Provider:
    care = chance.random()  # which costs something, and shows in the work
    return Provider(
        name,
        cost=3 + 2 * care + 2 * chance.random(),
        time=60 * math.exp(chance.gauss(0.3 * (1 - care), 0.3)),
        claimed_time=60,
        quality=0.9 * (0.65 + 0.3 * care + 0.1 * chance.random()),
        claimed_quality=0.9,
        failure=0.02 + 0.4 * (1 - care) * chance.random(),
    )


def tasks(seed: int, count: int, bidders: int = 24) -> Iterator[Task]:
    """Return one task an hour."""
    chance = random.Random(f"tasks {seed}")
    for number in range(count):
        yield Task(
            number,
            number * HOUR,
            f"buyer{chance.randrange(BUYERS)}",
            chance.gauss(0, _TIME_SPREAD),
            chance.gauss(0, _QUALITY_SPREAD),
            chance.random(),
            [1 + chance.uniform(-_COST_SPREAD, _COST_SPREAD) for _ in range(bidders)],
            [chance.random() < _FREE for _ in range(bidders)],
        )
