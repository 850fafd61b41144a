"""All histories: agents do what they like in any order, time passes, and a second set of books must agree."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from market_core import Scoring
from market_core.commands import (
    AggregateDemand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    Lapse,
    OfferResources,
    ReportOutcome,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from market_core.events import AuctionAwarded
from tests.core.auditor import AuditedAuction, AuditedBid, AuditedBook, AuditedEntry
from tests.core.world import World, replayed

agents = st.sampled_from(["a", "a/x", "b", "c", "d"])
seconds = st.none() | st.sampled_from([10, 30])
amounts = st.sampled_from([Decimal(x) for x in ("0.000001", "1", "2", "2.5", "3", "5", "7.333333")])
resources = st.sampled_from(["gpu", "seats"])


class Histories(RuleBasedStateMachine):
    """The workload; `done` and `refused` hold every request against what the second books expect."""

    auctions = Bundle("auctions")
    bids = Bundle("bids")
    entries = Bundle("entries")

    @initialize()
    def open_the_market(self):
        self.world = World()
        self.audited: dict[str, AuditedAuction] = {}
        self.bidders: dict[str, tuple[str, str]] = {}
        self.books = {"gpu": AuditedBook(), "seats": AuditedBook()}
        self.outcomes: dict[str, dict[str, bool]] = {}
        self.running: dict[str, set[str]] = {}
        self.world.do(DeclareResource(resource="seats", whole=True))

    def attempt(self, command, expected):
        """Carry out what the second books allow, and see the rest refused with nothing changed."""
        if expected:
            return [event for events in self.world.do(command).events.values() for event in events]
        self.world.refusal(command)
        return []

    def ahead(self, span):
        return None if span is None else self.world.now + timedelta(seconds=span)

    # Auctions

    @rule(
        target=auctions,
        buyer=agents,
        max_price=st.none() | st.just(5),
        payment_rule=st.sampled_from(["pay_as_bid", "second_price"]),
        time_price=st.sampled_from([Decimal(0), Decimal("0.05")]),
        quality_price=st.sampled_from([0, 3]),
        closes_in=seconds,
        invite=st.sampled_from([(), ("b", "c")]),
    )
    def create(self, buyer, max_price, payment_rule, time_price, quality_price, closes_in, invite):
        scoring = Scoring(time_price=time_price, quality_price=quality_price)
        command = CreateAuction(
            agent=buyer, task="x", max_price=max_price, payment_rule=payment_rule,
            scoring=scoring, closes_in=closes_in, invite=invite,
        )  # fmt: skip
        own = any(agent.split("/")[0] == buyer.split("/")[0] for agent in invite)
        if not (made := self.attempt(command, not own)):
            return multiple()
        (created,) = made
        self.audited[created.auction_id] = AuditedAuction(
            created.auction_id, buyer, max_price, payment_rule, time_price, quality_price,
            self.ahead(closes_in), invite, created.nonce,
        )  # fmt: skip
        return created.auction_id

    @rule(
        target=bids,
        auction_id=auctions,
        agent=agents,
        cost=amounts,
        time=st.sampled_from([1, 30]),
        quality=st.sampled_from([Decimal("0.5"), Decimal(1)]),
        valid_for=seconds,
    )
    def bid(self, auction_id, agent, cost, time, quality, valid_for):
        auction = self.audited[auction_id]
        allowed = (
            auction.is_open(self.world.now)
            and agent.split("/")[0] != auction.buyer.split("/")[0]
            and (not auction.invite or agent in auction.invite)
            and (auction.max_price is None or cost <= auction.max_price)
        )
        command = SubmitBid(
            agent=agent,
            auction_id=auction_id,
            cost=cost,
            estimated_time=time,
            quality=quality,
            valid_for=valid_for,
        )
        events = self.attempt(command, allowed)
        if not events:
            return multiple()
        audited = AuditedBid(events[0].bid_id, cost, time, quality, self.ahead(valid_for))
        assert Fraction(events[0].score) == auction.score(audited)
        auction.bids[agent] = audited
        self.bidders[audited.bid_id] = (auction_id, agent)
        return audited.bid_id

    @rule(bid_id=bids, other=agents, own=st.booleans())
    def withdraw_bid(self, bid_id, other, own):
        auction_id, bidder = self.bidders[bid_id]
        agent, auction = bidder if own else other, self.audited[auction_id]
        standing = auction.bids.get(bidder)
        allowed = (
            agent == bidder and auction.is_open(self.world.now) and standing and standing.bid_id == bid_id
        )
        if self.attempt(Withdraw(agent=agent, id=bid_id), allowed):
            del auction.bids[bidder]

    @rule(auction_id=auctions, other=agents, own=st.booleans())
    def close(self, auction_id, other, own):
        auction, now = self.audited[auction_id], self.world.now
        agent = auction.buyer if own else other
        allowed = agent == auction.buyer and auction.is_open(now) and auction.may_be_ended(now)
        if self.attempt(CloseAuction(agent=agent, auction_id=auction_id), allowed):
            auction.status = "closed"

    @rule(auction_id=auctions, other=agents, own=st.booleans())
    def cancel(self, auction_id, other, own):
        auction = self.audited[auction_id]
        agent = auction.buyer if own else other
        allowed = agent == auction.buyer and auction.status in {"open", "closed"}
        was_closed = not auction.is_open(self.world.now)
        for event in self.attempt(Withdraw(agent=agent, id=auction_id), allowed):
            assert event.after_closing == was_closed
            auction.status = "cancelled"

    @rule(auction_id=auctions, other=agents, own=st.booleans())
    def award(self, auction_id, other, own):
        auction, now = self.audited[auction_id], self.world.now
        agent = auction.buyer if own else other
        undecided = auction.status == "closed" or (auction.status == "open" and auction.may_be_ended(now))
        allowed = agent == auction.buyer and undecided
        events = self.attempt(AwardAuction(agent=agent, auction_id=auction_id), allowed)
        for event in (event for event in events if isinstance(event, AuctionAwarded)):
            won = [(winner.agent, Fraction(winner.payment)) for winner in event.winners]
            expected = auction.result(now)
            assert won == ([expected] if expected else [])
            auction.status = "awarded" if won else "unsold"
            for winner, _ in won:
                self.running.setdefault(winner, set()).add(auction_id)

    @rule(auction_id=auctions, success=st.booleans())
    def report(self, auction_id, success):
        auction = self.audited[auction_id]
        command = ReportOutcome(agent=auction.buyer, auction_id=auction_id, success=success)
        for event in self.attempt(command, auction.status == "awarded")[:1]:  # again: it is amended
            self.outcomes.setdefault(event.provider, {})[auction_id] = success
            self.running[event.provider].discard(auction_id)

    # Resources

    @rule(
        target=entries,
        agent=agents,
        name=resources,
        quantity=amounts,
        limit=st.none() | amounts,
        span=seconds,
    )
    def request(self, agent, name, quantity, limit, span):
        command = RequestResources(
            agent=agent, resource=name, quantity=quantity, max_unit_price=limit, needed_by=self.ahead(span)
        )
        return self.post(command, AuditedEntry(agent, "demand", quantity, limit, self.ahead(span)))

    @rule(target=entries, agent=agents, name=resources, quantity=amounts, price=amounts, span=seconds)
    def offer(self, agent, name, quantity, price, span):
        command = OfferResources(
            agent=agent, resource=name, quantity=quantity, unit_price=price, available_until=self.ahead(span)
        )
        return self.post(command, AuditedEntry(agent, "offer", quantity, price, self.ahead(span)))

    def post(self, command, entry):
        whole = entry.left == int(entry.left)
        facing = self.books[command.resource].live(
            "offer" if entry.side == "demand" else "demand", self.world.now
        )
        across = any(o.agent.split("/")[0] == entry.agent.split("/")[0] for o in facing.values())
        events = self.attempt(command, (whole or command.resource != "seats") and not across)
        if not events:
            return multiple()
        entry_id = events[0].demand_id if entry.side == "demand" else events[0].offer_id
        self.books[command.resource].entries[entry_id] = entry
        return command.resource, entry_id

    @rule(posted=entries, other=agents, own=st.booleans())
    def withdraw_entry(self, posted, other, own):
        name, entry_id = posted
        book, now = self.books[name], self.world.now
        entry = book.entries[entry_id]
        agent = entry.agent if own else other
        allowed = agent == entry.agent and entry_id not in book.out and entry.is_live(now)
        if self.attempt(Withdraw(agent=agent, id=entry_id), allowed):
            book.out.add(entry_id)

    @rule(name=resources, agent=agents)
    def clear(self, name, agent):
        book, now = self.books[name], self.world.now
        for cleared in self.attempt(AggregateDemand(agent=agent, resources=(name,)), book.tradable(now) > 0):
            book.audit_clearing(cleared, now)

    # Time

    @rule(span=st.sampled_from([1, 9, 10, 30]))
    def wait(self, span):
        self.world.wait(span)

    @rule()
    def record_what_time_has_done(self):
        now = self.world.now
        for auction in self.audited.values():
            self.attempt(Lapse(stream=f"auction/{auction.auction_id}"), True)
            if auction.status == "open" and auction.is_over(now):
                auction.status = "closed"
        for name, book in self.books.items():
            self.attempt(Lapse(stream=f"resource/{name}"), True)
            book.out |= {
                key for key, e in book.entries.items() if e.left and e.until is not None and e.until <= now
            }

    @invariant()
    def both_sets_of_books_agree(self):
        if hasattr(self, "world"):
            assert all(a.agrees_with(self.world.auction(a.auction_id)) for a in self.audited.values())
            assert all(book.agrees_with(self.world.book(name)) for name, book in self.books.items())

    def teardown(self):
        if hasattr(self, "world"):
            live = {stream: self.world.states[stream] for stream in self.world.log}
            assert {stream: replayed(events, stream) for stream, events in self.world.log.items()} == live
            records = {agent: self.world.states[f"agent/{agent}"].own.reports for agent in self.outcomes}
            assert {
                agent: {report.auction_id: report.success for report in reports.values()}
                for agent, reports in records.items()
            } == self.outcomes
            work = {agent: set(self.world.states[f"agent/{agent}"].running) for agent in self.running}
            assert work == self.running


TestHistories = Histories.TestCase
# Shrinking a long history takes minutes; as found, it is short enough to read.
TestHistories.settings = settings(
    max_examples=150, stateful_step_count=40, phases=[Phase.explicit, Phase.generate]
)
