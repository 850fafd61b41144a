"""A provider's outcomes as running sums: an outcome changes them in constant time, nothing is scanned.

What weighs how much is decided here; what is believed because of it, in `reliability`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, NamedTuple

from pydantic import Field

from market_core.mechanisms.distributions import ONE, ZERO, halved, in_context, ratio
from market_core.values import MICRO


@dataclass(frozen=True, slots=True)
class Rules:
    """What weighs how much in a record; an operator's setting, the same for every record of a market.

    `half_life` (seconds) and `half_life_outcomes` (in outcomes of full weight): an outcome's weight is halved
    by each of them, so that a record follows a provider that changes, however often it is asked.
    `half_life_measures` (in outcomes, at most as many): the same for times and qualities, of which each outcome says
    more; so short that who begins to promise too much gains nothing by it before it is found out.
    `full_payment` (micro-credits): an outcome weighs payment / full_payment, at most 1.
    `buyer_cap`: one buyer's outcomes together weigh at most that many full ones, in each record; its times and
    qualities, of which less is remembered, at most `buyer_cap_measures`.
    """

    half_life: int = 90 * 24 * 3600
    half_life_outcomes: int = 100
    half_life_measures: int = 5
    full_payment: int = MICRO
    buyer_cap: int = 3
    buyer_cap_measures: int = 1


RULES = Rules()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How awarded work went. Owners are those of the ids, as `values.owner_of` gives them.

    `at` in seconds since any fixed moment; times in microseconds; `promised_quality`, `quality`, `confidence`
    in millionths; `payment` in micro-credits. None: not claimed or not reported.
    """

    provider: str
    provider_owner: str
    buyer: str
    buyer_owner: str
    capabilities: tuple[str, ...]
    at: int
    success: bool
    payment: int
    estimated_time: int | None = None
    actual_time: int | None = None
    promised_quality: int | None = None
    quality: int | None = None
    confidence: int | None = None


class Sums(NamedTuple):
    """Weighted sums over outcomes: of 1, of success; and where both numbers were given, of 1, x and x squared.

    x is ln(actual time / estimated time), or quality / promised quality. `brier` sums (confidence - success)^2.
    """

    weight: Decimal = ZERO
    success: Decimal = ZERO
    timed: Decimal = ZERO
    log_time: Decimal = ZERO
    log_time_squares: Decimal = ZERO
    rated: Decimal = ZERO
    quality: Decimal = ZERO
    quality_squares: Decimal = ZERO
    confident: Decimal = ZERO
    brier: Decimal = ZERO

    def times(self, factor: Decimal, measures: Decimal = ONE) -> "Sums":
        """Return all sums times `factor`, those of times and qualities also times `measures`."""
        if factor == measures == ONE:
            return self
        both = factor if measures == ONE else factor * measures
        w, s, t, lt, lts, r, q, qs, c, b = self  # written out: this is what an award by record does most
        return Sums(
            w * factor,
            s * factor,
            t * both,
            lt * both,
            lts * both,
            r * both,
            q * both,
            qs * both,
            c * factor,
            b * factor,
        )

    def plus(self, other: "Sums") -> "Sums":
        """Return the sums of both."""
        return Sums(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: "Sums") -> "Sums":
        """Return what is left without `other`, which is part of these sums."""
        return Sums(*(mine - its for mine, its in zip(self, other, strict=True)))


NOTHING = Sums()
LARGEST_TIME_RATIO = Decimal(20)
"""A ratio of times counts as at most this, and at least 1 / this: one absurd report must not decide a record."""
LARGEST_QUALITY_RATIO = Decimal(2)
_FORGOTTEN = 40  # half-lives, after which a share weighs less than a millionth of a millionth


@dataclass(frozen=True, slots=True)
class Share:
    """All that one buyer's owner reported: `sums` as of `age` and `worn`, not capped."""

    age: Decimal
    worn: Decimal
    sums: Sums


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcomes of one provider, in one capability or in all. Weights are those at `at` (None: no outcome yet).

    `age` counts half-lives, by time and by outcomes, and `worn` those by outcomes alone. `totals` has each
    buyer's share, cut to the cap when its latest outcome came in and forgotten since then like everything else.
    Counts are plain, and never forgotten. `seen` remembers what `weighed` made of `totals` for a viewer.
    """

    awards: int = 0
    successes: int = 0
    failures: int = 0
    at: int | None = None
    age: Decimal = ZERO
    worn: Decimal = ZERO
    totals: Sums = NOTHING
    shares: Mapping[str, Share] = field(default_factory=dict)
    seen: Annotated[dict[tuple[str, Rules], Sums], Field(exclude=True)] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @in_context
    def weighed(self, now: int, rules: Rules, viewer: str | None = None) -> Sums:
        """Return the sums at `now`; those of the owner `viewer` are not capped, for nobody deceives itself."""
        if self.at is None:
            return NOTHING
        return self._totals(viewer, rules).times(_kept(now - self.at, rules.half_life))

    @in_context
    def weight(self, now: int, rules: Rules, viewer: str | None = None) -> Decimal:
        """Return `weighed(...).weight` by itself."""
        if self.at is None:
            return ZERO
        return self._totals(viewer, rules).weight * _kept(now - self.at, rules.half_life)

    def _totals(self, viewer: str | None, rules: Rules) -> Sums:
        """Return the sums at `at`. They are worked out once for a viewer: they stay until the next outcome."""
        own = None if viewer is None else self.shares.get(viewer)
        if viewer is None or own is None or _cuts(own.sums, rules) == (ONE, ONE):
            return self.totals
        key = viewer, rules
        if key not in self.seen:
            faster = _worn_by(self.worn - own.worn, rules)
            above_the_cap = own.sums.minus(own.sums.times(*_cuts(own.sums, rules)))
            self.seen[key] = self.totals.plus(above_the_cap.times(halved(self.age - own.age), faster))
        return self.seen[key]

    def after(self, outcome: Outcome, observed: Sums, rules: Rules) -> "Tally":
        """Return the tally with one more outcome, as `_observed`; a late one weighs what it would have kept."""
        at = outcome.at if self.at is None else max(self.at, outcome.at)
        new = observed.times(halved(_half_lives(at - outcome.at, rules)))
        passed = ZERO if self.at is None else _half_lives(at - self.at, rules)
        old = self.shares.get(outcome.buyer_owner, Share(self.age, self.worn, NOTHING))
        before = self._left(old, passed, rules)
        counted = before.times(*_cuts(old.sums, rules))
        sums = _worn(before, _outcomes(new.weight, rules), rules).plus(new)
        counts = sums.times(*_cuts(sums, rules))
        # The others forget by what is really new: a capped buyer that reports on cannot wear them out.
        wear = _outcomes(max(counts.weight - counted.weight, ZERO), rules)
        age, worn = self.age + passed + wear, self.worn + wear
        others = self.totals.times(halved(passed)).minus(counted)
        return Tally(
            self.awards,
            self.successes + outcome.success,
            self.failures + (not outcome.success),
            at,
            age,
            worn,
            _worn(others, wear, rules).plus(counts),
            {**self._remembered(age), outcome.buyer_owner: Share(age, worn, sums)},
        )

    def _left(self, share: Share, passed: Decimal, rules: Rules) -> Sums:
        """Return what is left of a share when `passed` half-lives more have passed."""
        worn = self.worn - share.worn
        return _worn(share.sums.times(halved(self.age + passed - share.age - worn)), worn, rules)

    def _remembered(self, age: Decimal) -> dict[str, Share]:
        return {buyer: share for buyer, share in self.shares.items() if age - share.age < _FORGOTTEN}


EMPTY = Tally()


@dataclass(frozen=True, slots=True)
class Record:
    """A provider's running record: over everything, and for each capability. Begins as `Record()`."""

    overall: Tally = EMPTY
    by_capability: Mapping[str, Tally] = field(default_factory=dict)

    @in_context
    def after(self, outcome: Outcome, rules: Rules = RULES) -> "Record":
        """Return the record with one more outcome, which counts for each of its capabilities.

        An outcome between ids of one owner changes nothing: an owner cannot praise itself.

        >>> work = Outcome("p", "p", "b", "b", ("review",), at=0, success=True, payment=500_000)
        >>> Record().after(work).by_capability["review"].totals.weight.normalize()
        Decimal('0.5')
        """
        if outcome.provider_owner == outcome.buyer_owner:
            return self
        new = _observed(outcome, rules)
        changed = {name: self.tally(name).after(outcome, new, rules) for name in outcome.capabilities}
        return Record(self.overall.after(outcome, new, rules), {**self.by_capability, **changed})

    def awarded(self, capabilities: Iterable[str]) -> "Record":
        """Return the record with one more award, whose outcome may or may not be reported later."""
        changed = {name: _awarded(self.tally(name)) for name in capabilities}
        return Record(_awarded(self.overall), {**self.by_capability, **changed})

    def tally(self, capability: str | None) -> Tally:
        """Return the outcomes in one capability, or all of them for None."""
        return self.overall if capability is None else self.by_capability.get(capability, EMPTY)


@in_context
def evidence(
    records: Iterable[Record],
    now: int,
    capability: str | None = None,
    rules: Rules = RULES,
    viewer: str | None = None,
) -> Decimal:
    """Return the weight of the outcomes of all ids of one owner, each buyer capped over them together.

    The cap is for the owner, so that more ids do not lift it. `viewer` as in `Tally.weighed`.
    """
    tallies = [record.tally(capability) for record in records]
    if len(tallies) == 1:
        return tallies[0].weight(now, rules, viewer)
    by_buyer: dict[str, Decimal] = {}
    for tally in tallies:
        if tally.at is not None:
            late = _half_lives(now - tally.at, rules)
            for buyer, share in tally.shares.items():
                weight = share.sums.weight * halved(tally.age - share.age + late)
                by_buyer[buyer] = by_buyer.get(buyer, ZERO) + weight
    cap = Decimal(rules.buyer_cap)
    return sum((w if buyer == viewer else min(w, cap) for buyer, w in by_buyer.items()), ZERO)


def _observed(outcome: Outcome, rules: Rules) -> Sums:
    """Return what one outcome adds at its own time."""
    weight = min(ONE, ratio(Decimal(outcome.payment), Decimal(rules.full_payment)))
    sums = Sums(weight=weight, success=weight if outcome.success else ZERO)
    if outcome.actual_time is not None and outcome.estimated_time:
        x = _within(outcome.actual_time, outcome.estimated_time, LARGEST_TIME_RATIO, ONE).ln()
        sums = sums._replace(timed=weight, log_time=weight * x, log_time_squares=weight * x * x)
    if outcome.quality is not None and outcome.promised_quality:
        x = _within(outcome.quality, outcome.promised_quality, LARGEST_QUALITY_RATIO, ZERO)
        sums = sums._replace(rated=weight, quality=weight * x, quality_squares=weight * x * x)
    if outcome.confidence is not None:
        miss = ratio(Decimal(outcome.confidence), Decimal(MICRO)) - int(outcome.success)
        sums = sums._replace(confident=weight, brier=weight * miss * miss)
    return sums


def _within(reported: int, claimed: int, largest: Decimal, least_times: Decimal) -> Decimal:
    """Return reported / claimed between `least_times` / `largest` and `largest`."""
    return max(ratio(least_times, largest), min(largest, ratio(Decimal(reported), Decimal(claimed))))


def _awarded(tally: Tally) -> Tally:
    return replace(tally, awards=tally.awards + 1)


@lru_cache(maxsize=4096)  # an agent's records mostly end with the same outcome
def _kept(seconds: int, half_life: int) -> Decimal:
    """Return what is left of a weight after `seconds`; a clock that went back forgets nothing."""
    return halved(ratio(Decimal(max(seconds, 0)), Decimal(half_life)))


def _half_lives(seconds: int, rules: Rules) -> Decimal:
    """Return how many half-lives `seconds` are; a clock that went back forgets nothing."""
    return ratio(Decimal(max(seconds, 0)), Decimal(rules.half_life))


def _outcomes(weight: Decimal, rules: Rules) -> Decimal:
    """Return how many half-lives new outcomes of `weight` are."""
    return ratio(weight, Decimal(rules.half_life_outcomes))


def _worn(sums: Sums, wear: Decimal, rules: Rules) -> Sums:
    """Return what `wear` half-lives by outcomes leave; times and qualities have shorter ones."""
    return sums.times(halved(wear), _worn_by(wear, rules))


def _worn_by(wear: Decimal, rules: Rules) -> Decimal:
    """Return what `wear` half-lives by outcomes leave of times and qualities beside what they leave of everything."""
    faster = ratio(Decimal(rules.half_life_outcomes), Decimal(rules.half_life_measures))
    return halved(wear * (faster - 1))


def _cuts(sums: Sums, rules: Rules) -> tuple[Decimal, Decimal]:
    """Return the part of one buyer's sums that counts, and of its times and qualities beside that."""
    part = _part(sums.weight, rules.buyer_cap)
    return part, _part(max(sums.timed, sums.rated) * part, rules.buyer_cap_measures)


def _part(weight: Decimal, cap: int) -> Decimal:
    return ratio(Decimal(cap), weight) if weight > cap else ONE
