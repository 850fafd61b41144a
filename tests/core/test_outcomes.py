"""After an award: reports, deliveries, disputes, lateness, and who does what failed."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from market_core import Code
from market_core.commands import AwardAuction, ReportOutcome, SettleDispute
from market_core.events import OutcomeSettled, WorkDelivered, WorkOverdue
from market_core.invalid import invalid
from market_core.mechanisms.track_record import Record
from market_core.terms import Lot
from tests.core.world import World, later, paid, replayed

D = Decimal
DAY = 24 * 3600


def awarded(**terms):
    """Return a world and an auction that `ann` has won; `bob` and `carl` came after her."""
    world = World()
    auction_id = world.create(requirements={"capabilities": ["go"]}, **terms)
    for agent, cost in (("ann", 4), ("bob", 5), ("carl", 7)):
        world.register(agent, capabilities=["go"])
        world.bid(auction_id, agent, cost, estimated_time=60)
    world.award(auction_id)
    return world, auction_id


def says(world, agent, auction_id, **said):
    return world.do(ReportOutcome(agent=agent, auction_id=auction_id, **said))


def counted(world, agent="ann"):
    record = world.states[f"agent/{agent}"].record.overall
    return record.awards, record.successes, record.failures


def work(world, auction_id, provider="ann"):
    return next(work for work in world.see(auction_id).work if work.provider == provider)


def again(auction_id, failed="ann", buyer="buyer"):
    return AwardAuction(agent=buyer, auction_id=auction_id, instead_of=failed)


def decided_again(world, auction_id, failed="ann"):
    return world.do(again(auction_id, failed)).events[f"auction/{auction_id}"][-1]


# The buyer's report


def test_a_report_may_be_changed_until_its_time_is_over_and_counts_as_it_stands():
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=False)
    assert counted(world) == (1, 0, 1)
    world.wait(DAY - 1)
    says(world, "buyer", auction_id, success=True, actual_time=90)
    assert counted(world) == (1, 1, 0)
    assert [o.success for o in world.see(auction_id).outcomes] == [True]
    world.wait(1)  # a day after the first report, whenever it was changed
    late = ReportOutcome(agent="buyer", auction_id=auction_id, success=False)
    assert world.refused(late) == Code.OUTCOME_REPORTED


def test_a_changed_report_leaves_the_record_as_if_it_had_been_made_so():
    def record(*reports):
        world, auction_id = awarded()
        for report in reports:
            says(world, "buyer", auction_id, **report)
        return world.states["agent/ann"].record

    good = {"success": True, "actual_time": 90, "quality": "0.5"}
    assert record({"success": False}, good) == record(good)


def test_an_outcome_counts_for_the_provider_and_its_owner():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "acme/x", 1)
    world.award(auction_id)
    says(world, "buyer", auction_id, success=True)
    own, family = world.states["agent/acme/x"], world.states["agent/acme"]
    assert own.record == family.family.record
    assert (family.record, own.family.record) == (Record(), Record())
    assert own.record.overall.successes == 1


def test_an_agent_that_is_its_own_owner_has_one_record_twice():
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=True)
    ann = world.states["agent/ann"]
    assert ann.own == ann.family
    assert ann.record.overall.successes == 1


def test_only_a_buyer_reports_success_and_only_a_winner_delivers():
    world, auction_id = awarded()
    for agent in ("bob", "stranger", "ann", "buyer/x"):
        report = ReportOutcome(agent=agent, auction_id=auction_id, success=True)
        assert world.refused(report) == Code.NOT_THE_BUYER
    for agent in ("bob", "stranger", "buyer"):
        for said in ({"delivered": True}, {"dispute": True}, {"dispute": False}):
            refused = world.refused(ReportOutcome(agent=agent, auction_id=auction_id, **said))
            assert refused == Code.NOT_THE_PROVIDER
    loser = ReportOutcome(agent="buyer", auction_id=auction_id, success=True, provider="bob")
    assert world.refused(loser) == Code.NOT_A_WINNER


def test_before_the_award_there_is_nothing_to_say():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "ann", 1)
    for agent, said in (
        ("buyer", {"success": True}),
        ("ann", {"delivered": True}),
        ("bob", {"dispute": True}),
    ):
        report = ReportOutcome(agent=agent, auction_id=auction_id, **said)
        assert world.refused(report) == Code.NOT_AWARDED


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "success"),
        ({"success": True, "delivered": True}, "success"),
        ({"delivered": True, "dispute": True}, "success"),
        ({"delivered": True, "quality": 1}, "quality"),
        ({"delivered": True, "provider": "ann"}, "provider"),
        ({"dispute": True, "actual_time": 1}, "actual_time"),
        ({"success": True, "actual_time": -1}, "actual_time"),
        ({"success": True, "actual_time": 0}, "actual_time"),
        ({"success": True, "actual_time": 10**9}, "actual_time"),
        ({"success": True, "quality": "1.01"}, "quality"),
        ({"success": True, "quality": -1}, "quality"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_not_a_report(said, field):
    with pytest.raises(ValidationError) as refused:
        ReportOutcome(agent="buyer", auction_id="auc_1", **said)
    assert invalid(refused.value).facts["field"] == field


# Delivery and lateness


def test_a_delivery_is_told_and_ends_the_running_work_but_counts_for_nobody():
    world, auction_id = awarded()
    assert len(world.states["agent/ann"].running) == 1
    says(world, "ann", auction_id, delivered=True, actual_time=55, note="done", reference="pr/7")
    delivery = WorkDelivered(later(0), auction_id, "buyer", "ann", D(55), "done", "pr/7")
    assert (work(world, auction_id).state, work(world, auction_id).delivered) == ("delivered", delivery)
    assert world.states["agent/ann"].running == {}
    assert counted(world) == (1, 0, 0)


def test_work_without_a_report_is_overdue_after_its_time_and_the_grace():
    world, auction_id = awarded()
    stream = f"auction/{auction_id}"
    assert work(world, auction_id).overdue_at == later(60 + 3600)
    world.wait(3659)
    world.lapse(stream)
    assert work(world, auction_id).state == "running"
    world.wait(1)
    world.lapse(stream)
    world.lapse(stream)
    assert world.log[stream][-1] == WorkOverdue(later(3660), auction_id, "buyer", ("ann",))
    assert [type(event) for event in world.log[stream]].count(WorkOverdue) == 1
    assert work(world, auction_id).state == "overdue"
    assert counted(world) == (1, 0, 0)
    says(world, "buyer", auction_id, success=True)
    assert work(world, auction_id).state == "reported"


def test_reported_work_is_never_overdue():
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=True)
    world.wait(DAY)
    world.lapse(f"auction/{auction_id}")
    assert work(world, auction_id).state == "reported"


# Disputes


def test_a_disputed_outcome_counts_for_nobody_until_the_provider_accepts_it():
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=False, note="never came")
    says(world, "ann", auction_id, dispute=True, note="it is in pr/7")
    assert (work(world, auction_id).state, work(world, auction_id).dispute) == ("disputed", "it is in pr/7")
    assert counted(world) == (1, 0, 0)
    world.wait(10 * DAY)
    says(world, "buyer", auction_id, success=True, note="found it")  # as long as it is disputed
    assert counted(world) == (1, 0, 0)
    says(world, "ann", auction_id, dispute=False)
    assert counted(world) == (1, 1, 0)
    assert work(world, auction_id).state == "settled"
    for agent, said in (("buyer", {"success": False}), ("ann", {"dispute": True})):
        report = ReportOutcome(agent=agent, auction_id=auction_id, **said)
        assert world.refused(report) == Code.OUTCOME_SETTLED


@pytest.mark.parametrize(
    ("decision", "count", "state"),
    [
        ({"success": True}, (1, 1, 0), "settled"),
        ({"success": False}, (1, 0, 1), "settled"),
        ({}, (1, 0, 0), "void"),
    ],
    ids=str,
)
def test_the_operator_settles_a_dispute(decision, count, state):
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=False, actual_time=70, quality="0.2")
    says(world, "ann", auction_id, dispute=True)
    world.do(SettleDispute(auction_id=auction_id, provider="ann", **decision))
    assert (counted(world), work(world, auction_id).state) == (count, state)
    event = world.log["agent/ann"][-1]
    assert isinstance(event, OutcomeSettled)
    assert (event.by, event.actual_time, event.quality) == ("market", 70, D("0.2"))
    assert world.states["agent/ann"].own == replayed(world.log["agent/ann"], "agent/ann").own


def test_a_report_can_be_disputed_for_three_days_after_it_was_last_changed():
    world, auction_id = awarded()
    says(world, "buyer", auction_id, success=True)
    world.wait(DAY - 1)
    says(world, "buyer", auction_id, success=False)
    world.wait(3 * DAY - 1)
    says(world, "ann", auction_id, dispute=True)
    assert counted(world) == (1, 0, 0)


def test_outcomes_that_are_final_keep_counting_beside_those_that_may_change():
    world = World()
    for number in range(8):
        auction_id = world.create()
        world.bid(auction_id, "ann", 1)
        world.award(auction_id)
        says(world, "buyer", auction_id, success=number % 2 == 0)
        if number == 1:
            says(world, "ann", auction_id, dispute=True)
        world.wait(DAY)
    ann = world.states["agent/ann"]
    assert counted(world) == (8, 4, 3)
    assert len(ann.own.reports) == 4  # one in dispute, and those of the last three days
    assert ann == replayed(world.log["agent/ann"], "agent/ann")


# Who does it instead


def test_what_failed_is_awarded_again_to_the_next_under_the_same_rule_and_recorded_beside_the_first():
    world, auction_id = awarded(payment_rule="second_price", max_price=20)
    says(world, "buyer", auction_id, success=False)
    first = world.auction(auction_id).award
    second = decided_again(world, auction_id)
    assert (paid(first), paid(second)) == (("ann", 5), ("bob", 7))
    assert (second.instead_of, second.mechanism, second.eligible) == ("ann", "single/1", 2)
    auction = world.auction(auction_id)
    assert (auction.award, auction.further) == (first, [second])
    assert auction_id in world.states["agent/bob"].running
    assert auction == replayed(world.log[f"auction/{auction_id}"], f"auction/{auction_id}")
    assert [(w.agent, w.instead_of) for w in world.see(auction_id).winners] == [("ann", ""), ("bob", "ann")]


def test_each_failure_goes_to_the_next_until_nobody_is_left():
    world, auction_id = awarded()
    won = []
    for failed in ("ann", "bob"):
        world.do(ReportOutcome(agent="buyer", auction_id=auction_id, provider=failed, success=False))
        won.append(paid(decided_again(world, auction_id, failed)))
    assert won == [("bob", 5), ("carl", 7)]
    world.do(ReportOutcome(agent="buyer", auction_id=auction_id, provider="carl", success=False))
    assert world.refused(again(auction_id, "carl")) == Code.NOBODY_LEFT
    assert world.refused(again(auction_id, "ann")) == Code.AWARDED_INSTEAD


def test_no_further_award_without_a_failure_or_to_the_same_owner():
    world = World()
    auction_id = world.create()
    for agent, cost in (("acme/a", 4), ("acme/b", 5)):
        world.bid(auction_id, agent, cost)
    world.award(auction_id)
    assert world.refused(again(auction_id, "acme/a")) == Code.NOT_FAILED
    assert world.refused(again(auction_id, "acme/b")) == Code.NOT_A_WINNER
    assert world.refused(again(auction_id, "acme/a", buyer="acme/b")) == Code.NOT_THE_BUYER
    says(world, "buyer", auction_id, success=False)
    assert world.refused(again(auction_id, "acme/a")) == Code.NOBODY_LEFT


def test_a_bid_that_no_longer_binds_is_not_next():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "ann", 4)
    world.bid(auction_id, "bob", 5, valid_for=60)
    world.bid(auction_id, "carl", 7)
    world.award(auction_id)
    says(world, "buyer", auction_id, success=False)
    world.wait(60)
    assert paid(decided_again(world, auction_id)) == ("carl", 7)


def test_of_lots_those_that_failed_are_awarded_again():
    world = World()
    auction_id = world.create(lots=tuple(Lot(id=name) for name in ("roof", "walls")))
    for agent, cost, lots in (
        ("ann", 4, ["roof"]),
        ("bob", 5, ["walls"]),
        ("carl", 7, ["roof"]),
        ("dora", 12, ["roof", "walls"]),
    ):
        world.bid(auction_id, agent, cost, lots=lots)
    dora = world.bid(auction_id, "dora", 6, lots=["roof"])
    world.award(auction_id)
    world.do(ReportOutcome(agent="buyer", auction_id=auction_id, provider="ann", success=False))
    (winner,) = decided_again(world, auction_id).winners
    assert (winner.bid_id, winner.lots, winner.payment) == (dora, ("roof",), 6)


@pytest.mark.parametrize("rule", ["pay_as_bid", "uniform"])
@pytest.mark.parametrize("quantity", [1, 3])
def test_of_units_as_many_as_failed_are_awarded_again(rule, quantity):
    world = World()
    auction_id = world.create(quantity=5, payment_rule=rule)
    world.bid(auction_id, "ann", 2, quantity=5 - quantity)
    world.bid(auction_id, "bob", 3, quantity=quantity)
    world.bid(auction_id, "carl", 4, quantity=9)
    world.bid(auction_id, "dora", 6, quantity=9)
    world.award(auction_id)
    world.do(ReportOutcome(agent="buyer", auction_id=auction_id, provider="bob", success=False))
    (winner,) = decided_again(world, auction_id, "bob").winners
    unit = 4  # for uniform the first rejected unit is carl's own
    assert (winner.agent, winner.quantity, winner.payment) == ("carl", quantity, unit * quantity)


def test_instead_of_is_for_one_auction():
    with pytest.raises(ValueError, match="instead_of"):
        AwardAuction(agent="buyer", auction_id="auc_1", together_with=["auc_2"], instead_of="ann")
