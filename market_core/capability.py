"""One capability: what the records of its providers say about the next one. State, and how events change it.

A score needs a prior for whoever has a short record, and that prior is learned from the others. It is learned here, in a
stream of its own, and recorded: an award then reads one number of each kind instead of every record of the market, and
both learn the same from the same events, whoever replays them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from market_core.events import Event, OwnerObserved, PriorLearned, StandingChanged
from market_core.ledger import Ledger, seconds_of
from market_core.mechanisms.capability_prior import learned
from market_core.mechanisms.distributions import halved, ratio
from market_core.mechanisms.reliability import USUAL, BetaPrior, NormalPrior, Prior
from market_core.mechanisms.track_record import RULES, Sums

MOST_OWNERS = 500
"""Owners whose records the prior is learned from: those observed last."""
_OFTEN, _UNTIL = 5, 25  # observations between two priors: few at first, then as many as this
_MILLIONTH = Decimal("0.000001")


@dataclass(slots=True)
class Capability:
    """`owners`: what each one's record weighed when it last changed. `prior` is what was learned last.

    `standing`: the agents with a standing bid for it.
    """

    owners: dict[str, OwnerObserved] = field(default_factory=dict)
    prior: Prior = USUAL
    observed: int = 0
    standing: set[str] = field(default_factory=set)


def observe(known: Capability, name: str, owner: str, record: Ledger, now: datetime) -> list[Event]:
    """Return that an owner's record in the capability is now another, and what is learned of it, if it is time to learn."""
    sums = record.record.tally(name).weighed(seconds_of(now), RULES)
    seen = OwnerObserved(now, name, owner, tuple(_short(x) for x in sums))
    number = known.observed + 1
    if number % (_OFTEN if number < _UNTIL else _UNTIL):
        return [seen]
    others = [each for each in known.owners.values() if each.owner != owner]
    return [seen, _learned(name, (*others[-MOST_OWNERS + 1 :], seen), now)]


def _short(value: Decimal) -> Decimal:
    return value.quantize(_MILLIONTH)


def _learned(name: str, owners: Sequence[OwnerObserved], now: datetime) -> PriorLearned:
    prior = learned(_left(each, now) for each in owners)
    numbers = (
        *(prior.success.mean, prior.success.strength),
        *_numbers(prior.log_time),
        *_numbers(prior.quality),
    )
    return PriorLearned(now, name, len(owners), tuple(_short(number) for number in numbers))


def _numbers(prior: NormalPrior) -> tuple[Decimal, ...]:
    return prior.mean, prior.strength, prior.variance, prior.freedom


def _left(seen: OwnerObserved, now: datetime) -> Sums:
    """Return what time has left of what was observed."""
    passed = max(seconds_of(now) - seconds_of(seen.at), 0)
    return Sums(*seen.sums).times(halved(ratio(Decimal(passed), Decimal(RULES.half_life))))


def evolve(known: Capability, event: Event) -> Capability:
    """Return the capability after `event`."""
    match event:
        case OwnerObserved():
            known.observed += 1
            known.owners.pop(event.owner, None)
            known.owners[event.owner] = event
            while len(known.owners) > MOST_OWNERS:
                del known.owners[next(iter(known.owners))]
        case StandingChanged():
            (known.standing.add if event.stands else known.standing.discard)(event.agent)
        case PriorLearned():
            of = event.numbers
            known.prior = Prior(BetaPrior(*of[:2]), NormalPrior(*of[2:6]), NormalPrior(*of[6:]))
        case _:
            raise TypeError(f"{type(event).__name__} does not belong to a capability")
    return known
