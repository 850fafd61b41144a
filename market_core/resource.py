"""What may be done to a resource's book, by whom and when: each command, and the refusal that applies first."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import singledispatch

from market_core import clearing_events, clearings, standing_clearings
from market_core.agent import Agent
from market_core.book import BundleDemand, Ended, Entry, Resource, Sums, any_free, entry_of, free, live, over
from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Lapse,
    OfferResources,
    RequestBundle,
    RequestResources,
    Withdraw,
)
from market_core.events import (
    BundlePosted,
    ClearingDue,
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Event,
    OfferPosted,
    ResourceDeclared,
)
from market_core.facts import Facts
from market_core.lifecycle import ENTRY_MOVES, EntryStatus
from market_core.mechanisms.solve import Question
from market_core.rejections import Code, Rejection
from market_core.terms import ClearingRule, Policy
from market_core.values import (
    MARKET,
    MICRO,
    TOTAL_LIMIT,
    entry_id_in,
    micros,
    name_of,
    owner_of,
    plain,
    shown,
)

MOST_IN_BOOK = 1_000_000
"""Entries on each side of a resource."""
MOST_BUNDLES = 10_000
"""Demands for bundles in one book."""
MOST_ENTRIES = 100
"""Open entries an owner may have on each side of a resource."""


@singledispatch
def decide(command: object, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    """Return the events that `command` makes in `book`, or raise the Rejection that applies first.

    `owner`: what the operator has granted to whose demand it is; demand alone looks at it.
    """
    raise TypeError(f"{type(command).__name__} is not for a resource")


@decide.register
def _(command: DeclareResource, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    name = name_of(command.resource)
    in_parts = any(entry.left_micros % MICRO for entry in live(book.entries, facts.now)) or any(
        demand.amounts[name] % MICRO or demand.left % MICRO
        for demand in live(book.bundles.values(), facts.now)
    )
    if command.whole and in_parts:
        raise Rejection(Code.RESOURCE_IN_USE)
    if command.every is not None and not facts.clock:
        raise Rejection(Code.NO_CLOCK, field="every")
    return [
        ResourceDeclared(
            facts.now,
            command.resource,
            command.unit,
            command.whole,
            command.policy,
            command.payment_rule,
            command.every,
            command.at_quantity,
            command.bundle_rule,
        )
    ]


@decide.register
def _(command: RequestResources, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    granted = owner or Agent()
    _check_replaces(command, book, facts)
    _check_one_side(command.agent, book, book.offer_sums, facts)
    _check_time(command.needed_by, "needed_by", facts)
    _check_granted(command, granted)
    _check_total(command.quantity, command.max_unit_price or Decimal(0))
    _check_quantity(command.quantity, command.min_quantity, book)
    _check_room(command, book, book.demand_sums, len(book.demand), facts)
    demand_id = entry_id_in("dem", name_of(command.resource), facts.token)
    return [
        DemandPosted(
            facts.now,
            demand_id,
            command.agent,
            command.resource,
            command.quantity,
            command.max_unit_price,
            command.needed_by,
            command.min_quantity or Decimal(0),
            granted.priority if command.priority is None else command.priority,
            granted.weight if command.weight is None else command.weight,
            command.replaces,
        )
    ]


@decide.register
def _(command: OfferResources, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    _check_replaces(command, book, facts)
    _check_one_side(command.agent, book, book.demand_sums, facts)
    if bundle := next(iter(_bundles_of(command.agent, book, facts)), None):
        raise Rejection(Code.BOTH_SIDES, holder=bundle.agent, entry=bundle.bundle_id)
    _check_time(command.available_until, "available_until", facts)
    _check_total(command.quantity, command.unit_price)
    _check_quantity(command.quantity, command.min_quantity, book)
    _check_room(command, book, book.offer_sums, len(book.offers), facts)
    offer_id = entry_id_in("off", name_of(command.resource), facts.token)
    return [
        OfferPosted(
            facts.now,
            offer_id,
            command.agent,
            command.resource,
            command.quantity,
            command.unit_price,
            command.available_until,
            command.min_quantity or Decimal(0),
            command.tiers,
            command.replaces,
        )
    ]


def post_bundle(
    command: RequestBundle, books: Mapping[str, Resource], facts: Facts, owner: Agent
) -> dict[str, list[Event]]:
    """Return the event of a demand for a bundle for each of its books, by the names given; raise the Rejection that applies."""
    for book in books.values():
        _check_one_side(command.agent, book, book.offer_sums, facts)
    _check_time(command.needed_by, "needed_by", facts)
    _check_granted(command, owner)
    _check_total(Decimal(command.tasks), command.max_payment or Decimal(0))
    for name, book in books.items():
        _check_quantity(command.bundle[name], None, book)
        if len(_bundles_of(command.agent, book, facts)) >= MOST_ENTRIES:
            raise Rejection(Code.TOO_MANY_ENTRIES, limit=MOST_ENTRIES)
        if len(book.bundles) >= MOST_BUNDLES:
            raise Rejection(Code.BOOK_FULL, limit=f"{MOST_BUNDLES:,}")
    return {name: [_bundle_event(command, name, facts, owner)] for name in books}


def _bundle_event(command: RequestBundle, name: str, facts: Facts, owner: Agent) -> BundlePosted:
    return BundlePosted(
        facts.now,
        entry_id_in("bun", min(map(name_of, command.bundle)), facts.token),
        command.agent,
        name,
        dict(command.bundle),
        command.max_payment,
        command.per_task,
        command.tasks,
        command.needed_by,
        owner.priority if command.priority is None else command.priority,
        owner.weight if command.weight is None else command.weight,
    )


def _bundles_of(agent: str, book: Resource, facts: Facts) -> list[BundleDemand]:
    """Return the demands for bundles that an owner has in the book."""
    owner = owner_of(agent)
    if owner not in book.bundle_owners:
        return []
    return [demand for demand in live(book.bundles.values(), facts.now) if owner_of(demand.agent) == owner]


Posting = RequestResources | OfferResources


def _check_replaces(command: Posting, book: Resource, facts: Facts) -> None:
    if command.replaces:
        side = "dem" if isinstance(command, RequestResources) else "off"
        if not command.replaces.startswith(f"{side}_"):
            raise Rejection(Code.UNKNOWN_ID)
        _check_mine(command.replaces, command.agent, book, facts, "replace")


def _check_one_side(agent: str, book: Resource, other_side: Sums, facts: Facts) -> None:
    """With demand of its own an owner could raise the price of its offers, and the other way round."""
    owner = owner_of(agent)
    if _open_entries(owner, book, other_side, facts):
        entries = book.demand if other_side is book.demand_sums else book.offers
        one = next(entry for entry in live(entries.values(), facts.now) if owner_of(entry.agent) == owner)
        raise Rejection(Code.BOTH_SIDES, holder=one.agent, entry=one.entry_id)


def _open_entries(owner: str, book: Resource, sums: Sums, facts: Facts) -> int:
    """Return how many entries an owner has on a side, without those whose time is over."""
    count = sums.owners.get(owner, 0)
    if count:
        side = "demand" if sums is book.demand_sums else "offer"
        count -= sum(entry.side == side and owner_of(entry.agent) == owner for entry in over(book, facts.now))
    return count


def _check_time(until: datetime | None, field_name: str, facts: Facts) -> None:
    if until is None:
        return
    if not facts.clock:
        raise Rejection(Code.NO_CLOCK, field=field_name)
    if until <= facts.now:
        raise Rejection(Code.DEADLINE_PASSED, field=field_name, now=shown(facts.now))


def _check_granted(command: RequestResources | RequestBundle, owner: Agent) -> None:
    """A demand may lower what its owner was granted, not raise it."""
    for name, asked, granted in (
        ("priority", command.priority, owner.priority),
        ("weight", command.weight, owner.weight),
    ):
        if asked is not None and asked > granted:
            raise Rejection(Code.ABOVE_GRANT, field=name, granted=plain(Decimal(granted)))


def _check_quantity(quantity: Decimal, minimum: Decimal | None, book: Resource) -> None:
    if micros(quantity) % book.grain or micros(minimum or Decimal(0)) % book.grain:
        raise Rejection(Code.NOT_WHOLE)


def _check_total(quantity: Decimal, unit_price: Decimal) -> None:
    """Checked for what an entry states itself. Sums over entries are exact, and bounded by nothing else."""
    if micros(quantity) * micros(unit_price) >= micros(TOTAL_LIMIT) * MICRO:
        raise Rejection(Code.TOTAL_OUT_OF_RANGE, limit=f"{TOTAL_LIMIT:,}")


def _check_room(command: Posting, book: Resource, sums: Sums, entries: int, facts: Facts) -> None:
    if command.replaces:
        return
    if _open_entries(owner_of(command.agent), book, sums, facts) >= MOST_ENTRIES:
        raise Rejection(Code.TOO_MANY_ENTRIES, limit=MOST_ENTRIES)
    if entries >= MOST_IN_BOOK:
        raise Rejection(Code.BOOK_FULL, limit=f"{MOST_IN_BOOK:,}")


@decide.register
def _(command: Withdraw, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    _check_mine(command.id, command.agent, book, facts, "withdraw")
    return [EntryWithdrawn(facts.now, command.id)]


def _check_mine(entry_id: str, agent: str, book: Resource, facts: Facts, move: str) -> None:
    """Raise the Rejection that applies unless the agent may move this entry."""
    ended = book.ended.get(entry_id)
    entry = entry_of(book, entry_id) or book.bundles.get(entry_id)
    whose = entry.agent if entry else ended.agent if ended else None
    if whose != agent:
        raise Rejection(Code.NOT_YOUR_ENTRY if _told(entry, ended) else Code.UNKNOWN_ID)
    status: EntryStatus = ended.status if ended else "open"
    if entry is not None and entry.until is not None and entry.until <= facts.now:
        status = "lapsed"
    if move not in ENTRY_MOVES[status]:
        raise Rejection(Code.ENTRY_GONE, status=status)
    if entry is None or isinstance(entry, BundleDemand):
        return
    if entry.pool and book.pools[entry.pool].closes_at <= facts.now:
        raise Rejection(Code.POOL_CLOSED, closes_at=shown(book.pools[entry.pool].closes_at))
    if entry.pool and move == "replace":
        raise Rejection(Code.IN_A_POOL, closes_at=shown(book.pools[entry.pool].closes_at))


def _told(entry: Entry | BundleDemand | None, ended: Ended | None) -> bool:
    """Return whether a clearing may have told the id of an entry to everybody."""
    if isinstance(entry, Entry):
        return entry.left != entry.quantity
    return ended is not None and ended.status == "filled"


@decide.register
def _(command: AggregateDemand, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    if not book.name:
        raise Rejection(Code.UNKNOWN_RESOURCE)
    assert command.payment_rule in (None, "uniform", "mcafee")  # the others are for other ways
    policy, rule = chosen(command.policy, command.payment_rule, book)
    return _cleared_now(book, facts, command.agent, policy, rule)


def _cleared_now(book: Resource, facts: Facts, by: str, policy: Policy, rule: ClearingRule) -> list[Event]:
    now = facts.now
    for side, entries in (("demand", book.demand), ("offer", book.offers)):
        if not any_free(entries.values(), now):
            pooled = (
                f"all {side} is in a pool"
                if live(entries.values(), now)
                else f"there is no {side} in the book"
            )
            bundled = "; there is demand for bundles, which via bundles serves" if book.bundles else ""
            raise Rejection(Code.NOTHING_TO_CLEAR, why=f"{pooled}{_cleared(book)}{bundled}")
    made = clearings.clear(book, facts, policy, rule)
    if made is None:
        raise Rejection(Code.NOTHING_TO_CLEAR, why=_why_nothing(book, now, policy))
    return clearing_events.events(made, now, by, policy, rule)


def chosen(policy: Policy | None, rule: ClearingRule | None, book: Resource) -> tuple[Policy, ClearingRule]:
    """Return how to clear a book: as its operator fixed it, else as asked, else efficient and uniform.

    Raises the Rejection `fixed_by_operator` where something else is asked.
    """
    for name, asked, fixed in (("policy", policy, book.policy), ("payment_rule", rule, book.payment_rule)):
        if asked is not None and fixed is not None and asked != fixed:
            raise Rejection(Code.FIXED_BY_OPERATOR, field=name, fixed=fixed)
    return book.policy or policy or "efficient", book.payment_rule or rule or "uniform"


def _cleared(book: Resource) -> str:
    """Return when the book was cleared last: whoever comes second looks there for the result."""
    if not book.recent:
        return ""
    last = book.recent[0]
    price = "" if last.price is None else f" at {plain(last.price)} each"
    return f"; it was last cleared at {shown(last.at)} by {last.by}: {plain(last.quantity)}{price}"


def _why_nothing(book: Resource, now: datetime, policy: Policy) -> str:
    limits = [entry.limit for entry in free(book.demand.values(), now)]
    offers = free(book.offers.values(), now)
    asks = [min([entry.limit or Decimal(0), *(tier.unit_price for tier in entry.tiers)]) for entry in offers]

    def meets(least: Decimal) -> bool:
        return any(limit is None or limit >= least for limit in limits)

    if policy != "efficient" and meets(min(asks)) and not meets(min(e.limit or Decimal(0) for e in offers)):
        return f"without its tiers, which only policy efficient uses, every offer asks more than every limit{_cleared(book)}"
    if meets(min(asks)):
        return f"prices meet, but no quantities that keep every minimum{_cleared(book)}"
    return f"every offer asks more than every demand's limit{_cleared(book)}"


@decide.register
def _(command: Lapse, book: Resource, facts: Facts, owner: Agent | None = None) -> list[Event]:
    """Record the entries whose time is over, and carry out a clearing that is due; else there is nothing to record."""
    bundles = [bundle for bundle in book.bundles.values() if bundle not in live([bundle], facts.now)]
    gone = tuple(
        sorted(
            (
                *(entry.entry_id for entry in over(book, facts.now)),
                *(bundle.bundle_id for bundle in bundles),
            )
        )
    )
    lapsed: list[Event] = [EntriesLapsed(facts.now, gone)] if gone else []
    try:
        return [*lapsed, *_standing(book, facts)]
    except Rejection:
        if not lapsed:
            raise
        return lapsed  # the clearing is still due, of a book that has changed


def _standing(book: Resource, facts: Facts) -> list[Event]:
    """Return what a standing clearing makes, if one is due. Late or twice it makes one, for the newest period.

    Raises the Rejection `busy` where it must be solved first.
    """
    due, now = standing_clearings.next_clearing(book), facts.now
    if due is None or due > now:
        return []
    period = standing_clearings.period_at(book, now)
    try:
        cleared = _cleared_now(book, facts, MARKET, *chosen(None, None, book))
    except Rejection as why:
        if why.code == Code.BUSY:
            raise
        return [ClearingDue(now, period, why.message)]
    return [ClearingDue(now, period, ""), *cleared]


def question(command: AggregateDemand | Lapse, book: Resource, now: datetime) -> Question | None:
    """Return what must be solved to clear a book, as asked or because it is due; None where it is quick."""
    if isinstance(command, Lapse):
        due = standing_clearings.next_clearing(book)
        return None if due is None or due > now else clearings.question(book, now, *chosen(None, None, book))
    assert command.payment_rule in (None, "uniform", "mcafee")  # the others are for other ways
    return clearings.question(book, now, *chosen(command.policy, command.payment_rule, book))
