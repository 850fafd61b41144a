"""Demand for several resources together: what it asks of the offers in their books, and what it is given."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from market_core.book import BundleDemand, Entry, Resource, free, live, part_left
from market_core.canonical import canonical, digest
from market_core.clearings import saving
from market_core.commands import AggregateDemand
from market_core.events import BundleFill, BundlesCleared, Fill, LeftOut, Proof
from market_core.facts import Facts
from market_core.mechanisms import bundles, fair_share_priced
from market_core.mechanisms.bundles import BundleProblem, BundleResult, Offer, Request
from market_core.mechanisms.fair_share_bundles import Bundle
from market_core.mechanisms.procurement import DoesNotFit, TooLarge, Unproved, Unsolved
from market_core.mechanisms.procurement import Proof as Proved
from market_core.mechanisms.solve import Question, check, solve
from market_core.rejections import Code, Rejection
from market_core.terms import BundleRule, Policy
from market_core.values import MICRO, from_micros, half_even, micros, owner_of, plain, resource_of

_FEW = 12
"""Requests that are decided at once, without a solver beside."""


@dataclass(frozen=True, slots=True)
class Row:
    """A part of a demand: its whole tasks, or the rest of one. `share` of a task in millionths, `tasks` of them."""

    demand: BundleDemand
    amounts: tuple[int, ...]
    limit: int | None
    share: int
    tasks: int

    @property
    def key(self) -> str:
        """Names it, and orders it among others: ids hold what nobody could guess."""
        return digest(self.demand.bundle_id, str(self.share == MICRO))


@dataclass(frozen=True, slots=True)
class Given:
    """What a clearing gives the `rows`, in micros at their positions, and takes of the `offers`."""

    tasks: Sequence[int]
    amounts: Sequence[Sequence[int]]
    payments: Sequence[int]
    reasons: Sequence[str]
    sold: Sequence[int]
    receipts: Sequence[int]
    prices: Sequence[Fraction | int | None]
    mechanism: str
    proof: Proved | None


@dataclass(frozen=True, slots=True)
class Case:
    """The demand for bundles of `names` alone, as rows, and what is offered of each."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    offers: tuple[Entry, ...]
    grains: tuple[int, ...]
    divisible: bool
    no_limit: tuple[BundleDemand, ...]
    policy: Policy
    rule: BundleRule


def case(books: Mapping[str, Resource], command: AggregateDemand, now: datetime) -> Case:
    """Return what is to be cleared; raise the Rejection that applies first.

    `books` by name. Demand is served where the resources named have all of its bundle. Offers with a minimum take
    no part, and tiers do not count. Without a limit demand is for the policies fair and priority.
    """
    if not all(book.name for book in books.values()):
        unknown = tuple(sorted(name for name, book in books.items() if not book.name))
        raise Rejection(Code.UNKNOWN_RESOURCE, missing=unknown)
    names = tuple(sorted(books))
    asked = [
        demand
        for name in names
        for demand in books[name].bundles.values()
        if resource_of(demand.bundle_id) == name and set(demand.amounts) <= set(names)
    ]
    asked = sorted(live(asked, now), key=lambda demand: demand.bundle_id)
    grains = tuple(books[name].grain for name in names)
    divides = all(
        demand.per_task and all(books[name].grain == 1 for name in demand.amounts) for demand in asked
    )
    policy, rule = _chosen(command, books, divides=divides)
    served = [demand for demand in asked if demand.max_payment is not None or policy != "efficient"]
    offers = [
        entry for name in names for entry in free(books[name].offers.values(), now) if not entry.minimum
    ]
    _check_both(books, asked, served, offers)
    whole = policy == "efficient" and rule != "uniform"
    rows = [row for demand in served for row in _rows(demand, names, parts=divides and not whole)]
    return Case(
        names,
        tuple(rows),
        tuple(offers),
        grains,
        divides,
        tuple(demand for demand in asked if demand not in served),
        policy,
        rule,
    )


def _chosen(
    command: AggregateDemand, books: Mapping[str, Resource], *, divides: bool
) -> tuple[Policy, BundleRule]:
    """Return how to clear: as the operator fixed it for one of the resources, else as asked, else as fits."""
    policy, rule = command.policy, command.payment_rule
    for book in books.values():
        if policy is not None and book.policy not in (None, policy):
            raise Rejection(Code.FIXED_BY_OPERATOR, field="policy", fixed=book.policy)
        if rule is not None and book.bundle_rule not in (None, rule):
            raise Rejection(Code.FIXED_BY_OPERATOR, field="payment_rule", fixed=book.bundle_rule)
        policy, rule = policy or book.policy, rule or book.bundle_rule
    policy = policy or "efficient"
    assert rule != "mcafee"  # AggregateDemand sees to that
    if policy != "efficient":
        if rule not in (None, "uniform"):
            raise Rejection(
                Code.CLEARING_RULE_DOES_NOT_FIT, rule=rule, why=f"policy {policy} has one price for all"
            )
        return policy, "uniform"
    return policy, rule or ("uniform" if divides else "vcg")


def _check_both(
    books: Mapping[str, Resource],
    asked: Sequence[object],
    served: Sequence[object],
    offers: Sequence[object],
) -> None:
    which = ", ".join(sorted(books))
    if not asked:
        others = {
            name for book in books.values() for bundle in book.bundles.values() for name in bundle.amounts
        }
        why = f"no demand for bundles asks for {which} alone"
        if missing := tuple(sorted(others - set(books))[:20]):
            why += ": name all resources of a bundle, here also those listed as missing"
            raise Rejection(Code.NOTHING_TO_CLEAR, why=why, missing=missing)
        raise Rejection(Code.NOTHING_TO_CLEAR, why=why)
    if not served:
        why = "no demand for these bundles has a max_payment, which policy efficient goes by"
        raise Rejection(Code.NOTHING_TO_CLEAR, why=why)
    if not offers:
        raise Rejection(Code.NOTHING_TO_CLEAR, why=f"there is no offer without a minimum of {which}")


def _rows(demand: BundleDemand, names: Sequence[str], *, parts: bool) -> Iterable[Row]:
    amounts = tuple(demand.amounts.get(name, 0) for name in names)
    limit = None if demand.max_payment is None else micros(demand.max_payment)
    whole, rest = divmod(demand.left, MICRO)
    if whole:
        yield Row(demand, amounts, limit, MICRO, whole)
    of_rest = tuple(amount * rest // MICRO for amount in amounts)
    if parts and any(of_rest):
        yield Row(demand, of_rest, None if limit is None else limit * rest // MICRO, rest, 1)


# The question, and its answer


def question(asked: Case) -> Question | None:
    """Return what must be solved to clear; None where it is quick."""
    if asked.policy != "efficient":
        return None
    problem = BundleProblem(
        tuple(_request(row, asked.divisible) for row in asked.rows),
        _offers(asked),
        asked.grains,
    )
    body = [
        [[entry.entry_id, entry.left, entry.limit] for entry in asked.offers],
        list(asked.names),
        asked.grains,
    ]
    rows = [f"{row.demand.bundle_id}/{row.demand.left}" for row in asked.rows]
    return Question(problem, tuple(rows), asked.rule, besides=digest(canonical(body)))


def is_small(asked: Question) -> bool:
    """Return whether a question is answered at once."""
    return len(asked.bids) <= _FEW


def _request(row: Row, divisible: bool) -> Request:
    bundle = {place: amount for place, amount in enumerate(row.amounts) if amount}
    demand = row.demand
    assert row.limit is not None  # else the demand is left out
    return Request(
        demand.agent,
        owner_of(demand.agent),
        row.key,
        bundle,
        row.limit,
        demand.per_task or divisible,
        row.tasks,
    )


def _offers(asked: Case) -> tuple[Offer, ...]:
    return tuple(
        Offer(
            entry.entry_id,
            asked.names.index(resource_of(entry.entry_id)),
            entry.left_micros,
            micros(entry.limit or Decimal(0)),
        )
        for entry in asked.offers
    )


def refusal(why: Unsolved, rule: str) -> Rejection:
    """Return the refusal of a clearing that the mechanism cannot make."""
    match why:
        case DoesNotFit(why=reason):
            return Rejection(Code.CLEARING_RULE_DOES_NOT_FIT, rule=rule, why=reason)
        case Unproved(gap=gap):
            return Rejection(Code.NOT_PROVED, rule=rule, gap=plain(from_micros(gap)))
        case TooLarge(limit=limit):
            return Rejection(Code.TOO_LARGE, limit=limit)
    raise TypeError(f"{type(why).__name__} has no refusal")


def clear(books: Mapping[str, Resource], command: AggregateDemand, facts: Facts) -> BundlesCleared:
    """Return the clearing of the demand for bundles of these resources, which is recorded in the book of each.

    Raises the Rejection that applies first.
    """
    asked = case(books, command, facts.now)
    try:
        given = _efficient(asked, facts) if asked.policy == "efficient" else _fair(asked)
    except Unsolved as why:
        raise refusal(why, asked.rule) from None
    if given is None or not any(given.tasks):
        raise Rejection(
            Code.NOTHING_TO_CLEAR,
            why="for each of these bundles what is offered is too little, or asks too much",
        )
    return _event(asked, given, command.agent, facts.now)


def _efficient(asked: Case, facts: Facts) -> Given:
    to_solve = question(asked)
    assert to_solve is not None  # policy efficient asks one
    solution = facts.answer(to_solve)
    if solution is None:
        if not (facts.may_solve or is_small(to_solve)):
            raise Rejection(Code.BUSY)  # the books are others than those that were solved for
        solution = solve(to_solve)
    check(to_solve, solution)
    made = solution.award
    assert isinstance(made, BundleResult)  # as its problem
    return Given(
        made.served,
        [[taken.get(place, 0) for place in range(len(asked.names))] for taken in made.taken],
        made.payments,
        made.reasons,
        made.sold,
        made.receipts,
        made.prices,
        bundles.MECHANISM,
        made.proof,
    )


def _fair(asked: Case) -> Given | None:
    ties: dict[str, str] = {}  # no name comes first by being what it is: ids hold what nobody could guess
    for row in asked.rows:
        ties.setdefault(owner_of(row.demand.agent), row.key)
    demand = [
        Bundle(
            (row.key, ""),
            ties[owner_of(row.demand.agent)],
            row.amounts,
            row.tasks,
            micros(row.demand.weight),
            row.demand.priority,
        )
        for row in asked.rows
    ]
    filling: Literal["divisible", "whole"] = "divisible" if asked.divisible else "whole"
    assert asked.policy != "efficient"
    made = fair_share_priced.share_priced(
        demand, [row.limit for row in asked.rows], _offers(asked), asked.grains, asked.policy, filling
    )
    if made is None:
        return None
    return Given(
        made.tasks,
        made.amounts,
        made.payments,
        made.reasons,
        made.sold,
        made.receipts,
        made.prices,
        fair_share_priced.MECHANISM,
        None,
    )


# As an event


def _event(asked: Case, given: Given, by: str, at: datetime) -> BundlesCleared:
    fills, left_out = _allocated(asked, given)
    left_out += [LeftOut(demand.bundle_id, demand.agent, "no_limit") for demand in asked.no_limit]
    made = given.proof
    return BundlesCleared(
        at,
        by,
        asked.names,
        asked.policy,
        asked.rule,
        {
            name: from_micros(half_even(Fraction(price).numerator, Fraction(price).denominator))
            for name, price in zip(asked.names, given.prices, strict=True)
            if price is not None
        },
        tuple(sorted(fills, key=lambda fill: (fill.agent, fill.bundle_id))),
        _supplied(asked, given),
        tuple(sorted(left_out, key=lambda row: (row.agent, row.entry_id))),
        from_micros(sum(given.payments)),
        given.mechanism,
        None
        if made is None
        else Proof(made.status, from_micros(made.gap), from_micros(made.bound), made.solver),
    )


def _allocated(asked: Case, given: Given) -> tuple[list[BundleFill], list[LeftOut]]:
    """Return what each demand gets, its rows together, and who gets nothing and why."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(asked.rows):
        places.setdefault(row.demand.bundle_id, []).append(place)
    fills: list[BundleFill] = []
    left_out: list[LeftOut] = []
    for own in places.values():
        demand = asked.rows[own[0]].demand
        reason = next((given.reasons[place] for place in own if given.reasons[place]), "")
        tasks = sum(given.tasks[place] * asked.rows[place].share // MICRO for place in own)
        amounts = [sum(given.amounts[place][r] for place in own) for r in range(len(asked.names))]
        paid = sum(given.payments[place] for place in own)
        if not any(amounts):
            left_out.append(LeftOut(demand.bundle_id, demand.agent, reason))
            continue
        quantities = {
            name: from_micros(amount) for name, amount in zip(asked.names, amounts, strict=True) if amount
        }
        # All that was asked is served, even where the rest of a task was too small to count.
        tasks = demand.left if not reason or not part_left(demand, tasks) else tasks
        fills.append(
            BundleFill(
                demand.bundle_id,
                demand.agent,
                from_micros(tasks),
                quantities,
                from_micros(paid),
                reason,
                _saving(demand, tasks, paid),
            )
        )
    return fills, left_out


def _saving(demand: BundleDemand, tasks: int, paid: int) -> Decimal | None:
    if demand.max_payment is None:
        return None
    return from_micros(-(-micros(demand.max_payment) * tasks // MICRO) - paid)


def _supplied(asked: Case, given: Given) -> tuple[Fill, ...]:
    fills = (
        Fill(
            entry.entry_id,
            entry.agent,
            from_micros(quantity),
            from_micros(receipt),
            "" if quantity == entry.left_micros else "rationed",
            saving(entry, quantity, receipt),
        )
        for entry, quantity, receipt in zip(asked.offers, given.sold, given.receipts, strict=True)
        if quantity
    )
    return tuple(sorted(fills, key=lambda fill: (fill.agent, fill.entry_id)))
