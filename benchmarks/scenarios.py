"""What happens in a hidden market while it learns: nothing, a change, or somebody who games it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hidden import CAPABILITY, TERMS, Provider, Task, hidden_cost, providers, realised, tasks
from strategies import Strategy, TrackRecord

from market_core.mechanisms.expectation import Claim, expected_score
from market_core.mechanisms.single import decide, ranking
from market_core.mechanisms.track_record import Outcome
from market_core.values import MICRO


class Scenario:
    """Twenty providers that stay as they are. `star`: the place of the one whose fate is watched."""

    def __init__(self, seed: int) -> None:
        self.providers = providers(seed)
        by_hidden = sorted(range(len(self.providers)), key=lambda i: self.usual_cost(self.providers[i]))
        self.star = self.watched(by_hidden)

    def watched(self, by_hidden: Sequence[int]) -> int:
        """Return the place that is watched: of the best."""
        return by_hidden[0]

    def before(self, task: Task, strategy: Strategy) -> None:
        """Let happen what happens before `task`."""

    @staticmethod
    def usual_cost(provider: Provider) -> float:
        """Return the hidden cost of the provider's usual bid."""
        return hidden_cost(provider, Claim(round(provider.cost * 1.1 * MICRO)))

    def change(self, **to: object) -> None:
        """Change the watched provider."""
        self.providers[self.star] = replace(self.providers[self.star], **to)  # type: ignore[arg-type]


class Degrades(Scenario):
    """From task 1,000 on the best provider fails 40 % more often and takes half as long again."""

    AT = 1000

    def before(self, task: Task, strategy: Strategy) -> None:
        if task.number == self.AT:
            star = self.providers[self.star]
            self.change(failure=star.failure + 0.4, time=star.time * 1.5)


class Joins(Scenario):
    """At task 1,000 comes a provider that is cheaper and fails half as often as the best one."""

    AT = 1000

    def before(self, task: Task, strategy: Strategy) -> None:
        if task.number == self.AT:
            best = self.providers[self.star]
            self.star = len(self.providers)
            self.providers.append(replace(best, name="new", cost=best.cost * 0.9, failure=best.failure / 2))


class Promises(Scenario):
    """The provider that is at `place` of twenty says its true time, and in the tasks of `lies` half of it."""

    def __init__(self, seed: int, place: int, lies: range = range(0)) -> None:
        self._place, self._lies = place, lies
        super().__init__(seed)
        self.change(claimed_time=self.providers[self.star].time)

    def watched(self, by_hidden: Sequence[int]) -> int:
        return by_hidden[self._place - 1]

    def before(self, task: Task, strategy: Strategy) -> None:
        time = self.providers[self.star].time
        self.change(claimed_time=time / 2 if task.number in self._lies else time)


class Poor(Scenario):
    """The provider watched is cheap and fails often: it asks 3.3 credits and fails in 45 of 100 tasks."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.change(cost=3, failure=0.45, quality=0.6)


class Whitewashes(Poor):
    """The poor provider takes a new name whenever a newcomer's score would be better than its own."""

    names = 0

    def before(self, task: Task, strategy: Strategy) -> None:
        assert isinstance(strategy, TrackRecord)
        claim = Claim(3 * MICRO, 60 * MICRO, 900_000)
        own = strategy.prediction(self.providers[self.star].name)
        fresh = strategy.prediction("nobody yet")
        if expected_score(claim, TERMS, fresh) < expected_score(claim, TERMS, own):
            self.names += 1
            self.change(name=f"fresh{self.names}")


class Ring(Poor):
    """The poor provider and `others` owners report perfect work to each other every 50 tasks; it costs them nothing."""

    def __init__(self, seed: int, others: int) -> None:
        super().__init__(seed)
        self._others = others

    def before(self, task: Task, strategy: Strategy) -> None:
        if task.number % 50 == 0:
            name = self.providers[self.star].name
            for friend in range(self._others):
                for _ in range(5):
                    strategy.learn(_praise(name, f"friend{friend}", task.at))


def _praise(name: str, buyer: str, at: int) -> Outcome:
    time, good = 60 * MICRO, 900_000
    return Outcome(name, name, buyer, buyer, (CAPABILITY,), at, True, MICRO, time, time, good, good)


@dataclass(frozen=True)
class Step:
    """One task done: what it cost the buyer in all, whether the watched provider did it, and what that one earned."""

    cost: float
    star: bool
    profit: float


def run(scenario: Scenario, seed: int, strategy: Strategy, count: int) -> list[Step]:
    """Return what happened in `count` tasks: bids, a score each, the award of `single`, pay_as_bid, the outcome."""
    steps = []
    for task in tasks(seed, count):
        scenario.before(task, strategy)
        bids = {p: task.claim(i, p) for i, p in enumerate(scenario.providers) if task.free[i]}
        scores = strategy.scores(bids, task)
        costs = [claim.cost for claim in bids.values()]
        decision = decide(costs, scores, ranking(scores, lambda i: f"{i:02}"), "pay_as_bid", None)
        assert decision is not None
        provider = list(bids)[decision.winner]
        outcome = task.outcome(provider, bids[provider], decision.payment)
        strategy.learn(outcome)
        mine = provider == scenario.providers[scenario.star]
        profit = decision.payment / MICRO * (1 - 1 / 1.1) if mine else 0.0
        steps.append(Step(realised(outcome), mine, profit))
    return steps
