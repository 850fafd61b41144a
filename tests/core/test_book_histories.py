"""All histories of two books: whatever agents post, pool and clear, in any order, no credit and no unit is made or lost."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from market_core import Rejection
from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Grant,
    Lapse,
    OfferResources,
    RequestBundle,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from market_core.events import BundlesCleared, PoolCleared, ResourceCleared
from market_core.values import micros, resource_of
from tests.core.world import World, replayed

TINY = Decimal("0.000001")
BOOKS = ("gpu", "seats")  # seats are whole
buyers = st.sampled_from(["a", "a/x", "b", "c", "s"])
sellers = st.sampled_from(["s", "s/x", "t", "u", "v", "a"])
names = st.sampled_from(BOOKS)
whole = st.sampled_from([Decimal(1), Decimal(2), Decimal(5)])
amounts = st.one_of(whole, whole, st.sampled_from([Decimal("0.000001"), Decimal("2.5"), Decimal("3.333333")]))
limits = st.sampled_from([Decimal(x) for x in ("2", "7", "20", "60")])
prices = st.sampled_from([Decimal(x) for x in ("0.5", "1", "1.333333", "2", "4")])
minimums = st.sampled_from([None, None, None, Decimal(1), Decimal("2.5")])
spans = st.none() | st.none() | st.sampled_from([5, 20])


ways = st.sampled_from(
    [
        {},
        {"payment_rule": "mcafee"},
        {"policy": "fair"},
        {"policy": "priority"},
        {"via": "bundles"},
        {"via": "bundles", "payment_rule": "vcg"},
        {"via": "bundles", "payment_rule": "core"},
        {"via": "bundles", "payment_rule": "uniform"},
        {"via": "bundles", "policy": "fair"},
    ]
)


class Books(RuleBasedStateMachine):
    """The workload; what is cleared is held against what was posted."""

    @initialize(every=st.none() | st.sampled_from([7, 60]), at_quantity=st.none() | whole)
    def open_the_market(self, every, at_quantity):
        self.world = World()
        self.limits: dict[str, Decimal | None] = {}
        self.left: dict[str, Decimal] = {}
        self.tasks: dict[str, tuple[dict[str, Decimal], Decimal | None]] = {}
        self.pools: list[str] = []
        self.world.do(DeclareResource(resource="seats", whole=True, every=every, at_quantity=at_quantity))
        self.world.do(Grant(owner="b", priority=3, weight=Decimal(2)))

    def attempt(self, command):
        """Carry out what is allowed; what is refused changes nothing (`World.refusal` sees to that)."""
        try:
            decision = self.world.do(command)
        except Rejection:
            self.world.refusal(command)
            return []
        events = [event for made in decision.events.values() for event in made]
        for event in events:
            if isinstance(event, ResourceCleared | PoolCleared):
                self.hold(event)
        bundled = [event for event in events if isinstance(event, BundlesCleared)]
        if bundled:
            assert bundled == [bundled[0]] * len(bundled)
            self.hold_bundles(bundled[0])
        return events

    def ahead(self, span):
        return None if span is None else self.world.now + timedelta(seconds=span)

    @rule(
        asked=st.lists(
            st.tuples(buyers, names, amounts, st.none() | prices, minimums, spans), min_size=3, max_size=6
        )
    )
    def request(self, asked):
        for agent, name, quantity, limit, least, span in asked:
            command = RequestResources(
                agent=agent, resource=name, quantity=quantity, max_unit_price=limit,
                min_quantity=least if least and least <= quantity else None, needed_by=self.ahead(span),
            )  # fmt: skip
            for event in self.attempt(command):
                self.limits[event.demand_id], self.left[event.demand_id] = limit, quantity

    @rule(
        offered=st.lists(st.tuples(sellers, names, amounts, prices, minimums, spans), min_size=3, max_size=6)
    )
    def offer(self, offered):
        for agent, name, quantity, price, least, span in offered:
            command = OfferResources(
                agent=agent, resource=name, quantity=quantity, unit_price=price,
                min_quantity=least if least and least <= quantity else None, available_until=self.ahead(span),
            )  # fmt: skip
            for event in self.attempt(command):
                self.limits[event.offer_id], self.left[event.offer_id] = price, quantity

    @rule(
        asked=st.lists(
            st.tuples(
                buyers,
                st.dictionaries(names, amounts, min_size=1),
                st.none() | limits,
                st.none() | st.integers(1, 3),
                spans,
            ),
            min_size=3,
            max_size=6,
        )
    )
    def bundle(self, asked):
        for agent, bundle, pays, tasks, span in asked:
            command = RequestBundle(
                agent=agent, bundle=bundle, max_payment=pays, per_task=tasks is not None, tasks=tasks or 1,
                needed_by=self.ahead(span),
            )  # fmt: skip
            for event in self.attempt(command)[:1]:
                self.tasks[event.bundle_id] = bundle, pays
                self.left[event.bundle_id] = Decimal(tasks or 1)

    @rule(data=st.data())
    def withdraw(self, data):
        if self.left:
            entry = data.draw(st.sampled_from(sorted(self.left)))
            agent = data.draw(st.one_of(buyers, sellers))
            self.attempt(Withdraw(agent=agent, id=entry))

    @rule(
        hows=st.lists(
            st.tuples(st.sampled_from([BOOKS, BOOKS, *((name,) for name in BOOKS)]), ways),
            min_size=2,
            max_size=5,
        )
    )
    def aggregate(self, hows):
        for resources, how in hows:
            self.attempt(AggregateDemand(agent="z", resources=resources, **how))

    @rule(name=names, sharing=st.sampled_from(["uniform", "proportional", "shapley"]))
    def pool(self, name, sharing):
        command = AggregateDemand(agent="z", resources=(name,), via="auction", closes_in=9, sharing=sharing)
        self.pools += [event.auction_id for event in self.attempt(command)[:1]]

    @rule(agent=sellers, cost=prices, quantity=st.integers(1, 9), data=st.data())
    def supply(self, agent, cost, quantity, data):
        if self.pools:
            auction_id = data.draw(st.sampled_from(self.pools))
            self.attempt(SubmitBid(agent=agent, auction_id=auction_id, cost=cost, quantity=quantity))

    @rule(seconds=st.sampled_from([1, 5, 9, 30]))
    def time_passes(self, seconds):
        self.world.wait(seconds)
        for stream in (*(f"auction/{pool}" for pool in self.pools), *(f"resource/{name}" for name in BOOKS)):
            self.attempt(Lapse(stream=stream))

    def hold(self, event):
        """Nobody beyond its limit or its quantity, and payments in are payments out."""
        pool = isinstance(event, PoolCleared)
        paid = sum(fill.payment for fill in event.allocations)
        kept = Decimal(0) if pool else event.market_surplus
        assert paid == sum(fill.payment for fill in event.suppliers) + kept
        bought = sum(fill.quantity for fill in event.allocations)
        spare = event.surplus_quantity if pool else Decimal(0)
        assert bought + spare == sum(fill.quantity for fill in event.suppliers)
        for fill in (*event.allocations, *(() if pool else event.suppliers)):
            assert 0 < fill.quantity <= self.left[fill.entry_id]
            self.left[fill.entry_id] -= fill.quantity
            limit = self.limits[fill.entry_id]
            if limit is not None and fill.entry_id.startswith("dem_"):
                assert fill.payment < limit * fill.quantity + TINY
            if fill.entry_id.startswith("off_"):
                assert fill.payment > limit * fill.quantity - TINY

    def hold_bundles(self, event):
        assert sum(fill.payment for fill in event.allocations) == event.total
        assert sum(fill.payment for fill in event.suppliers) == event.total
        flow = Counter()
        for fill in event.allocations:
            bundle, pays = self.tasks[fill.bundle_id]
            assert 0 < fill.tasks <= self.left[fill.bundle_id]
            self.left[fill.bundle_id] -= fill.tasks
            assert pays is None or fill.payment <= pays * fill.tasks + 4 * TINY
            for name, quantity in fill.quantities.items():
                assert quantity <= bundle[name] * fill.tasks + 4 * TINY
                flow[name] += quantity
        for fill in event.suppliers:
            assert fill.payment > self.limits[fill.entry_id] * fill.quantity - 2 * TINY
            self.left[fill.entry_id] -= fill.quantity
            flow[resource_of(fill.entry_id)] -= fill.quantity
        assert not any(flow.values())

    @invariant()
    def books_hold_what_was_posted_and_not_traded(self):
        for name in BOOKS:
            book = self.world.book(name)
            for entries, sums in ((book.demand, book.demand_sums), (book.offers, book.offer_sums)):
                assert all(self.left[entry.entry_id] == entry.left > 0 for entry in entries.values())
                assert sums.micros == sum(micros(entry.left) for entry in entries.values())
                assert sum(sums.owners.values()) == len(entries)
            for demand in book.bundles.values():
                assert micros(self.left[demand.bundle_id]) == demand.left > 0
                assert all(
                    self.world.book(other).bundles[demand.bundle_id] == demand for other in demand.amounts
                )
            assert sum(book.bundle_owners.values()) == len(book.bundles)

    def teardown(self):
        for stream, events in self.world.log.items():
            assert replayed(events, stream) == self.world.states[stream]


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=120, stateful_step_count=25, phases=[Phase.explicit, Phase.generate], deadline=None
)
