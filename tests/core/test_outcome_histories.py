"""All histories after an award: reports, deliveries, disputes, lateness, further awards, against second books."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from market_core.commands import AwardAuction, Lapse, ReportOutcome, SettleDispute
from market_core.ledger import outcome_of
from market_core.mechanisms.track_record import Record
from tests.core.world import World, replayed

PROVIDERS = ("acme/a", "ann", "acme/b", "bob", "carl")
AMEND, DISPUTE, GRACE = (timedelta(seconds=seconds) for seconds in (24 * 3600, 72 * 3600, 3600 + 60))
providers = st.sampled_from(PROVIDERS)


@dataclass
class Work:
    """What the second books know of one winner's work."""

    won_at: object
    reported_at: object = None
    latest_at: object = None
    success: bool | None = None
    disputed: bool = False
    settled: bool = False
    void: bool = False
    delivered: bool = False
    overdue: bool = False
    replaced: bool = False

    @property
    def counts(self):
        return self.success is not None and not self.disputed and not self.void


class Outcomes(RuleBasedStateMachine):
    """Bids of 1, 2, 3, ... in the order of PROVIDERS, so that who comes next is plain."""

    auctions = Bundle("auctions")

    @initialize()
    def open_the_market(self):
        self.world = World()
        self.books: dict[str, dict[str, Work]] = {}
        for agent in PROVIDERS:
            self.world.register(agent, capabilities=["go"])

    def attempt(self, command, allowed):
        if allowed:
            self.world.do(command)
        else:
            self.world.refusal(command)
        return allowed

    @rule(target=auctions)
    def award(self):
        auction_id = self.world.create(requirements={"capabilities": ["go"]})
        for cost, agent in enumerate(PROVIDERS, 1):
            self.world.bid(auction_id, agent, cost, estimated_time=60, confidence="0.9")
        self.world.award(auction_id)
        self.books[auction_id] = {PROVIDERS[0]: Work(self.world.now)}
        return auction_id

    @rule(auction_id=auctions, provider=providers, success=st.booleans())
    def report(self, auction_id, provider, success):
        work, now = self.books[auction_id].get(provider), self.world.now
        allowed = work is not None and not work.settled
        if allowed and work.reported_at is not None and not work.disputed:
            allowed = now < work.reported_at + AMEND
        command = ReportOutcome(
            agent="buyer", auction_id=auction_id, provider=provider, success=success, actual_time=90
        )
        if self.attempt(command, allowed):
            work.reported_at = work.reported_at or now
            work.latest_at, work.success = now, success

    @rule(auction_id=auctions, provider=providers)
    def deliver(self, auction_id, provider):
        work = self.books[auction_id].get(provider)
        allowed = work is not None and work.success is None
        if self.attempt(ReportOutcome(agent=provider, auction_id=auction_id, delivered=True), allowed):
            work.delivered = True

    @rule(auction_id=auctions, provider=providers)
    def dispute(self, auction_id, provider):
        work = self.books[auction_id].get(provider)
        allowed = work is not None and work.success is not None and not (work.settled or work.disputed)
        allowed = allowed and self.world.now < work.latest_at + DISPUTE
        if self.attempt(ReportOutcome(agent=provider, auction_id=auction_id, dispute=True), allowed):
            work.disputed = True

    @rule(auction_id=auctions, provider=providers)
    def accept(self, auction_id, provider):
        work = self.books[auction_id].get(provider)
        allowed = work is not None and work.disputed
        if self.attempt(ReportOutcome(agent=provider, auction_id=auction_id, dispute=False), allowed):
            work.disputed, work.settled = False, True

    @rule(auction_id=auctions, provider=providers, success=st.none() | st.booleans())
    def settle(self, auction_id, provider, success):
        work = self.books[auction_id].get(provider)
        allowed = work is not None and work.disputed
        command = SettleDispute(auction_id=auction_id, provider=provider, success=success)
        if self.attempt(command, allowed):
            work.disputed, work.settled, work.void = False, True, success is None
            work.success = work.success if success is None else success

    @rule(auction_id=auctions, failed=providers)
    def award_again(self, auction_id, failed):
        books = self.books[auction_id]
        work = books.get(failed)
        owners = {agent.partition("/")[0] for agent in books}
        left = [agent for agent in PROVIDERS if agent.partition("/")[0] not in owners]
        allowed = work is not None and work.success is False and not work.void and not work.replaced
        command = AwardAuction(agent="buyer", auction_id=auction_id, instead_of=failed)
        if self.attempt(command, allowed and bool(left)):
            work.replaced = True
            books[left[0]] = Work(self.world.now)
            assert self.world.auction(auction_id).further[-1].winners[0].agent == left[0]

    @rule(hours=st.sampled_from([0.5, 1, 12, 24, 48]))
    def wait(self, hours):
        self.world.wait(hours * 3600)

    @rule()
    def record_what_time_has_done(self):
        for auction_id, books in self.books.items():
            self.world.do(Lapse(stream=f"auction/{auction_id}"))
            for work in books.values():
                late = self.world.now >= work.won_at + GRACE
                work.overdue = work.overdue or (late and work.success is None)

    @invariant()
    def records_count_what_stands(self):
        if not hasattr(self, "world"):
            return
        for agent in PROVIDERS:
            mine = [books[agent] for books in self.books.values() if agent in books]
            state = self.world.states[f"agent/{agent}"]
            tally = state.record.by_capability.get("go", Record().overall)
            said = [work.success for work in mine if work.counts]
            assert (tally.awards, tally.successes, tally.failures) == (
                len(mine),
                sum(said),
                len(said) - sum(said),
            )
            idle = sum(work.delivered or work.success is not None for work in mine)
            assert len(state.running) == len(mine) - idle
        for auction_id, books in self.books.items():
            auction = self.world.auction(auction_id)
            assert auction.overdue == {agent for agent, work in books.items() if work.overdue}
            assert set(auction.disputes) == {agent for agent, work in books.items() if work.disputed}

    def teardown(self):
        if not hasattr(self, "world"):
            return
        for stream, events in self.world.log.items():
            assert replayed(events, stream) == self.world.states[stream]
        for agent in PROVIDERS:
            ledger = self.world.states[f"agent/{agent}"].own
            record = ledger.final
            for key, report in ledger.reports.items():
                if key not in ledger.left_out:
                    record = record.after(outcome_of(report))
            assert record == ledger.record
            seen = self.world.states.get("capability/go")
            observed = seen.owners.get(agent.partition("/")[0]) if seen else None
            if observed is not None:
                assert all(x >= 0 for x in observed.sums[:2])


TestOutcomes = Outcomes.TestCase
TestOutcomes.settings = settings(
    max_examples=100, stateful_step_count=40, phases=[Phase.explicit, Phase.generate], deadline=None
)
