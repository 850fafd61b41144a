"""Ways to choose among bids: by cost, by claims, by stars, by the market's track record, by hidden knowledge."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from hidden import CAPABILITY, TERMS, Provider, Task, hidden_cost

from market_core import Market, Scoring
from market_core.commands import AwardAuction, CreateAuction, RegisterAgent, ReportOutcome, SubmitBid, Vouch
from market_core.mechanisms.capability_prior import learned
from market_core.mechanisms.expectation import Bidder, Claim, Prediction, expected_score, predicted
from market_core.mechanisms.reliability import USUAL, Means
from market_core.mechanisms.track_record import RULES, Outcome, Record
from market_core.terms import Requirements
from market_core.values import MICRO, from_micros, micros

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
Bids = Mapping[Provider, Claim]


class Strategy(Protocol):
    """Gives each bid a score (lower is better), then learns how the winner's work went."""

    def scores(self, bids: Bids, task: Task) -> Sequence[int]: ...
    def learn(self, outcome: Outcome) -> None: ...


class LowestCost:
    """The cheapest bid."""

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        return [claim.cost for claim in bids.values()]

    def learn(self, outcome: Outcome) -> None:
        pass


class Claims(LowestCost):
    """The least score, with claims believed and no record."""

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        sure = Means(MICRO, MICRO, MICRO)
        return [expected_score(claim, TERMS, Prediction(sure, sure)) for claim in bids.values()]


class Oracle(LowestCost):
    """The least hidden cost."""

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        return [round(hidden_cost(provider, claim) * MICRO) for provider, claim in bids.items()]


class Stars:
    """The lowest cost per star: 1 star for a failure, else 1 + 4 x quality; without stars, the mean of all."""

    def __init__(self) -> None:
        self._stars: dict[str, list[float]] = {}

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        everybody = [star for stars in self._stars.values() for star in stars[-1:]]
        usual = [sum(everybody) / len(everybody)] if everybody else [3.0]
        average = {p: self._stars.get(p.name, usual) for p in bids}
        return [round(claim.cost * len(average[p]) / sum(average[p])) for p, claim in bids.items()]

    def learn(self, outcome: Outcome) -> None:
        assert outcome.quality is not None
        stars = 1 + 4 * outcome.quality / MICRO if outcome.success else 1.0
        self._stars.setdefault(outcome.provider, []).append(stars)


class InMarket:
    """The market itself: each task is an auction, each bid and each outcome a command; every provider is vouched for."""

    def __init__(self, explore: int = 0) -> None:
        self._now = _EPOCH
        self._market = Market(now=lambda: self._now)
        self._known: set[str] = set()
        self._auction = ""
        self._scoring = Scoring(
            time_price=from_micros(TERMS.time_price),
            quality_price=from_micros(TERMS.quality_price),
            failure_price=from_micros(TERMS.failure_price),
            use_track_record=True,
            explore=from_micros(explore),
        )

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        self._now = _EPOCH + timedelta(seconds=task.at)
        asked = Requirements(capabilities=(CAPABILITY,))
        create = CreateAuction(agent=task.buyer, task="review", requirements=asked, scoring=self._scoring)
        (stream,) = self._market.execute(create).events
        self._auction = stream.partition("/")[2]
        for provider, claim in bids.items():
            self._bid(provider.name, claim)
        self._market.execute(AwardAuction(agent=task.buyer, auction_id=self._auction))
        ranking = self._market.see_auction(
            self._auction, task.buyer
        ).ranking  # twenty at most, which is enough
        scores = {bid.bidder: micros(bid.score) for bid in ranking}
        last = max(scores.values())
        return [scores.get(provider.name, last) for provider in bids]

    def _bid(self, name: str, claim: Claim) -> None:
        if name not in self._known:
            self._known.add(name)
            self._market.execute(RegisterAgent(agent=name, capabilities=[CAPABILITY]))
            self._market.execute(Vouch(owner=name))
        self._market.execute(
            SubmitBid(
                agent=name,
                auction_id=self._auction,
                cost=from_micros(claim.cost),
                estimated_time=from_micros(claim.time),
                quality=from_micros(claim.quality),
            )
        )

    def learn(self, outcome: Outcome) -> None:
        assert outcome.actual_time is not None
        assert outcome.quality is not None
        self._market.execute(
            ReportOutcome(
                agent=outcome.buyer,
                auction_id=self._auction,
                success=outcome.success,
                actual_time=from_micros(outcome.actual_time),
                quality=from_micros(outcome.quality),
            )
        )


class TrackRecord:
    """The market's own: expected scores, with a prior learned anew every 25 tasks.

    A prediction is made anew when its provider has an outcome, and with the prior: some hours of forgetting.
    """

    _EVERY = 25

    def __init__(self, explore: int = 0, unvouched: str = "fresh") -> None:
        """`unvouched`: how the names begin of those that no operator vouched for."""
        self._explore = explore
        self._unvouched = unvouched
        self._records: dict[str, Record] = {}
        self._predictions: dict[str, Prediction] = {}
        self._prior = USUAL
        self._now = 0

    def scores(self, bids: Bids, task: Task) -> Sequence[int]:
        self._now = task.at
        if task.number % self._EVERY == 0:
            self._predictions.clear()
            self._prior = learned(
                record.tally(CAPABILITY).weighed(task.at, RULES) for record in self._records.values()
            )
        return [expected_score(claim, TERMS, self.prediction(p.name)) for p, claim in bids.items()]

    def prediction(self, name: str) -> Prediction:
        """Return what is expected of a provider now."""
        if name not in self._predictions:
            record = self._records.get(name, Record())
            bidder = Bidder(record, [record], not name.startswith(self._unvouched))
            self._predictions[name] = predicted(
                bidder, self._now, (CAPABILITY,), {CAPABILITY: self._prior}, self._explore
            )
        return self._predictions[name]

    def learn(self, outcome: Outcome) -> None:
        self._records[outcome.provider] = self._records.get(outcome.provider, Record()).after(outcome)
        self._predictions.pop(outcome.provider, None)
