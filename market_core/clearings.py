"""What clearing a book gives: its demand and offers, handed to the mechanism that the policy asks for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from market_core.book import Entry, Resource, any_choice, free
from market_core.canonical import canonical, digest
from market_core.facts import Facts
from market_core.mechanisms import clearing, fair_share
from market_core.mechanisms.procurement import DoesNotFit, TooLarge, Unproved
from market_core.mechanisms.procurement import Proof as Proved
from market_core.mechanisms.solve import Question
from market_core.rejections import Code, Rejection
from market_core.terms import ClearingRule, Policy
from market_core.values import MICRO, from_micros, micros, micros_of_each, owner_of

_QUICK = 250
"""Steps of the search among minimums and tiers that are made at once: some 10 ms. Where they do not end it, it is solved
beside the market."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """A clearing of the entries `demand` and `offers`; the numbers stand at their positions, in micros.

    `limits`: -1 for any price. `reasons`: why an entry got less than it asked, "" where it got all.
    """

    demand: tuple[Entry, ...]
    offers: tuple[Entry, ...]
    limits: tuple[Sequence[int], Sequence[int]]
    price: int
    offer_price: int
    quantities: tuple[tuple[int, ...], tuple[int, ...]]
    payments: tuple[tuple[int, ...], tuple[int, ...]]
    reasons: tuple[tuple[str, ...], tuple[str, ...]]
    market_surplus: int
    proof: Proved | None
    mechanism: str

    @property
    def traded(self) -> int:
        """The quantity that changes hands, in micro-units."""
        return sum(self.quantities[0])


def clear(
    book: Resource, facts: Facts, policy: Policy = "efficient", rule: ClearingRule = "uniform"
) -> Cleared | None:
    """Return what clearing `book` gives, None if nothing trades.

    Where minimums and tiers take long to search, `facts.solutions` have the answer to `question`.
    Raises the Rejections `clearing_rule_does_not_fit`, `nothing_to_clear` where a search found none in time, and `busy`
    where there is no such answer.
    """
    now = facts.now
    demand, offers = tuple(free(book.demand.values(), now)), tuple(free(book.offers.values(), now))
    if policy != "efficient":
        if rule != "uniform":
            raise Rejection(
                Code.CLEARING_RULE_DOES_NOT_FIT, rule=rule, why=f"policy {policy} has one price for all"
            )
        return _fair(demand, offers, book.grain, policy)
    try:
        return _efficient(demand, offers, book.grain, rule, facts)
    except DoesNotFit as why:
        raise Rejection(Code.CLEARING_RULE_DOES_NOT_FIT, rule=rule, why=why.why) from None
    except Unproved:
        why_not = "prices meet, but no quantities that keep every minimum were found in the time there is"
        raise Rejection(Code.NOTHING_TO_CLEAR, why=why_not) from None


def question(book: Resource, now: datetime, policy: Policy, rule: ClearingRule) -> Question | None:
    """Return what must be solved to clear a book; None where it is quick."""
    if (policy, rule) != ("efficient", "uniform"):
        return None
    demand, offers = tuple(free(book.demand.values(), now)), tuple(free(book.offers.values(), now))
    if not demand or not offers or not (any_choice(demand) or any_choice(offers)):
        return None
    entries = clearing.Book(_plain(demand), _plain(offers), book.grain)
    return None if entries.searched(_QUICK).settled else _question(entries)


def _question(entries: clearing.Book) -> Question:
    problem = entries.problem()
    ids = tuple(entry.key[1] for side in problem.choices for entry in side)
    return Question(problem, ids, "uniform", besides=digest(canonical(problem)))


def _efficient(
    demand: tuple[Entry, ...], offers: tuple[Entry, ...], grain: int, rule: ClearingRule, facts: Facts
) -> Cleared | None:
    if rule == "uniform" and len(demand) + len(offers) >= clearing.LARGE:
        with suppress(TooLarge, OverflowError):
            return _large(demand, offers, grain)
    bids, asks = _plain(demand), _plain(offers)
    made = clearing.mcafee(bids, asks) if rule == "mcafee" else _chosen(bids, asks, grain, facts)
    if made is None:
        return None
    why = clearing.reasons(bids, asks, made, grain)
    words = (tuple(each or "" for each in why[0]), tuple(each or "" for each in why[1]))
    return _cleared(demand, offers, (_limits(demand), _limits(offers)), made, words)


def _chosen(
    bids: Sequence[clearing.Entry], asks: Sequence[clearing.Entry], grain: int, facts: Facts
) -> clearing.Clearing | None:
    """Search a little; where that is not the end of it, take the solution, or else search on if that is allowed."""
    entries = clearing.Book(bids, asks, grain)
    found = entries.searched(_QUICK)
    if not found.settled:
        solution = facts.answer(_question(entries))
        if solution is not None:
            assert isinstance(solution.award, clearing.Selection)  # as its question
            found = entries.selected(solution.award)
        elif facts.may_solve:
            found = entries.searched()
        else:
            raise Rejection(Code.BUSY)  # the book is another than the one that was solved for
    return entries.cleared(found)


def _limits(entries: tuple[Entry, ...]) -> list[int]:
    return micros_of_each([entry.limit for entry in entries])


def _cleared(
    demand: tuple[Entry, ...],
    offers: tuple[Entry, ...],
    limits: tuple[Sequence[int], Sequence[int]],
    made: clearing.Clearing,
    why: tuple[tuple[str, ...], tuple[str, ...]],
) -> Cleared:
    return Cleared(
        demand,
        offers,
        limits,
        made.price,
        made.offer_price,
        (made.demand, made.offers),
        (made.payments, made.receipts),
        why,
        made.market_surplus,
        made.proof,
        made.mechanism,
    )


def _large(demand: tuple[Entry, ...], offers: tuple[Entry, ...], grain: int) -> Cleared | None:
    """Clear a large book as columns. Raises TooLarge or OverflowError for one that is not plain, or not for arrays."""
    bids, asks = _columns(demand), _columns(offers)
    made, why = clearing.clear_plain(bids, asks, grain)
    return None if made is None else _cleared(demand, offers, (bids.limits, asks.limits), made, why)


def _columns(entries: tuple[Entry, ...]) -> clearing.Plain:
    if any_choice(entries):
        raise TooLarge("columns hold a quantity and a limit of each entry")
    return clearing.Plain(
        [entry.left_micros for entry in entries],
        _limits(entries),
        lambda place: (entries[place].agent, entries[place].entry_id),
    )


def _plain(entries: Sequence[Entry]) -> list[clearing.Entry]:
    return [_plain_entry(entry) for entry in entries]


def _plain_entry(entry: Entry) -> clearing.Entry:
    limit = None if entry.limit is None else micros(entry.limit)
    tiers = tuple((micros(tier.from_quantity), micros(tier.unit_price)) for tier in entry.tiers)
    return clearing.Entry(
        (entry.agent, entry.entry_id), entry.left_micros, limit, micros(entry.minimum), tiers
    )


def _fair(
    demand: tuple[Entry, ...], offers: tuple[Entry, ...], grain: int, policy: fair_share.Policy
) -> Cleared | None:
    """An offer that would sell less than its minimum is left out, and the rest shared again."""
    members = [_member(entry) for entry in demand]
    standing = list(range(len(offers)))
    while True:
        # One price for all is at least every ask served, so a tier, which is lower, is never needed.
        made = fair_share.share(members, [_untiered(offers[place]) for place in standing], policy, grain)
        if made is None:
            return None
        short = {
            place
            for place, sold in zip(standing, made.offers, strict=True)
            if 0 < sold < micros(offers[place].minimum)
        }
        if not short:
            break
        # The one with the largest minimum goes first, so that as few as can be are left out.
        worst = max(
            short, key=lambda place: (offers[place].minimum, offers[place].agent, offers[place].entry_id)
        )
        standing.remove(worst)
    sold, received = [0] * len(offers), [0] * len(offers)
    for place, quantity, receipt in zip(standing, made.offers, made.receipts, strict=True):
        sold[place], received[place] = quantity, receipt
    return Cleared(
        demand,
        offers,
        (_limits(demand), _limits(offers)),
        made.price,
        made.price,
        (made.demand, tuple(sold)),
        (made.payments, tuple(received)),
        (tuple(each or "" for each in made.reasons), _why_unsold(offers, standing, sold, made.price)),
        0,
        None,
        fair_share.MECHANISM,
    )


def _member(entry: Entry) -> fair_share.Member:
    return fair_share.Member(
        (entry.agent, entry.entry_id),
        owner_of(entry.agent),
        entry.left_micros,
        None if entry.limit is None else micros(entry.limit),
        micros(entry.weight),
        entry.priority,
        micros(entry.minimum),
    )


def _untiered(entry: Entry) -> clearing.Entry:
    return clearing.Entry((entry.agent, entry.entry_id), entry.left_micros, micros(entry.limit or Decimal(0)))


def _why_unsold(
    offers: Sequence[Entry], standing: Sequence[int], sold: Sequence[int], price: int
) -> tuple[str, ...]:
    inside = set(standing)

    def why(place: int, entry: Entry) -> str:
        if sold[place] == entry.left_micros:
            return ""
        if place not in inside:
            return "minimum"
        return "out_of_price" if micros(entry.limit or Decimal(0)) > price else "rationed"

    return tuple(why(place, entry) for place, entry in enumerate(offers))


def saving(entry: Entry, quantity: int, payment: int) -> Decimal | None:
    """Return how much better than its limit an entry did, its limit x quantity rounded in its favour; None without one."""
    if entry.limit is None:
        return None
    total = micros(entry.limit) * quantity
    if entry.side == "demand":
        return from_micros(-(-total // MICRO) - payment)
    return from_micros(max(0, payment - total // MICRO))
