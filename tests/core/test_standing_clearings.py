"""Standing clearings: a resource is cleared by itself, once for a period, if something was posted since."""

from decimal import Decimal

import pytest

from market_core import Code, DemandAggregator, Market
from market_core.commands import AggregateDemand, DeclareResource, Lapse, Withdraw
from market_core.events import ClearingDue, ResourceCleared
from market_core.standing_clearings import next_clearing
from tests.core.world import NOON, World, later, replayed

D = Decimal
BOOK = "resource/gpu"


def standing(**how):
    world = World()
    world.do(DeclareResource(resource="gpu", **how))
    return world


def due(world):
    return next_clearing(world.book())


def carried_out(world):
    """Return what the scheduler would record now."""
    return world.do(Lapse(stream=BOOK)).events[BOOK]


def test_a_book_is_cleared_at_the_end_of_the_period_in_which_something_was_posted():
    world = standing(every=60)
    assert due(world) is None
    world.wait(10)
    world.request("a", 5, 9)
    world.offer("s", 5, 1)
    assert due(world) == later(60)
    world.wait(49)
    assert carried_out(world) == []
    world.wait(1)
    waited, cleared = carried_out(world)
    assert (waited, cleared.by, cleared.clearing_price) == (
        ClearingDue(later(60), later(60), ""),
        "market",
        D(5),
    )
    assert due(world) is None
    assert carried_out(world) == []


def test_a_late_scheduler_clears_once_for_the_newest_period():
    world = standing(every=60)
    world.request("a", 5, 9)
    world.offer("s", 1, 1)
    world.wait(250)
    waited, _ = carried_out(world)
    assert waited.period == later(240)
    assert carried_out(world) == []
    world.offer("s", 1, 1)
    assert due(world) == later(300)


def test_what_is_posted_at_the_beginning_of_a_period_waits_for_its_end():
    world = standing(every=60)
    world.wait(60)
    world.request("a", 5, 9)
    assert due(world) == later(120)


def test_where_nothing_trades_it_says_why_and_waits_for_something_new():
    world = standing(every=60)
    world.request("a", 5, 1)
    world.offer("s", 5, 2)
    world.wait(60)
    (waited,) = carried_out(world)
    assert waited == ClearingDue(later(60), later(60), waited.why)
    assert "every offer asks more than every demand's limit" in waited.why
    assert due(world) is None
    world.wait(100)
    world.offer("s", 5, 1)
    assert due(world) == later(180)
    world.wait(20)
    assert isinstance(carried_out(world)[1], ResourceCleared)


def test_a_book_is_cleared_as_soon_as_so_much_is_asked_for():
    world = standing(at_quantity=10)
    world.offer("s", 50, 1)
    world.request("a", 6, 9)
    assert due(world) is None
    world.wait(3)
    mine = world.request("b", 4, 9)
    assert due(world) == NOON  # since the first posting
    assert carried_out(world)[1].allocations[1].quantity == D(4)
    assert due(world) is None
    assert world.refused(Withdraw(agent="b", id=mine)) == Code.ENTRY_GONE


def test_demand_that_is_withdrawn_or_pooled_does_not_count():
    world = standing(at_quantity=10)
    mine = world.request("a", 6, 9)
    world.request("b", 4, 9)
    assert due(world) == NOON
    world.withdraw("a", mine)
    assert due(world) is None
    assert carried_out(world) == []
    world.request("a", 6, 9)
    world.do(AggregateDemand(agent="c", resources=["gpu"], via="auction", closes_in=60))
    assert due(world) is None


def test_demand_that_comes_back_from_a_pool_counts_again():
    world = standing(at_quantity=10)
    world.request("b", 10, 9)
    opened = world.do(AggregateDemand(agent="c", resources=["gpu"], via="auction", closes_in=60))
    world.wait(60)
    world.do(Lapse(stream=f"auction/{opened.events[BOOK][0].auction_id}"))
    assert due(world) == NOON


def test_both_ways_can_be_set_and_a_new_declaration_ends_them():
    world = standing(every=60, at_quantity=10)
    world.request("a", 6, 9)
    assert due(world) == later(60)
    world.request("b", 4, 9)
    assert due(world) == NOON
    world.do(DeclareResource(resource="gpu"))
    assert due(world) is None


def test_what_is_in_the_book_when_it_is_declared_is_cleared_too():
    world = World()
    world.request("a", 6, 9)
    world.wait(5)
    world.do(DeclareResource(resource="gpu", every=60))
    assert due(world) == later(65)


def test_the_operators_policy_and_rule_are_used():
    world = standing(every=60, policy="fair")
    world.request("a", 6, 9)
    world.request("b", 6, 2)
    world.offer("s", 6, 1)
    world.wait(60)
    _, cleared = carried_out(world)
    assert (cleared.policy, [fill.quantity for fill in cleared.allocations]) == ("fair", [D(3), D(3)])
    assert replayed(world.log[BOOK], BOOK) == world.book()


def test_entries_that_lapse_at_that_moment_are_out():
    world = standing(every=60)
    world.request("a", 6, 9, needed_by=later(60))
    world.offer("s", 6, 1)
    world.wait(60)
    lapsed, waited = carried_out(world)
    assert (len(lapsed.entry_ids), "no demand" in waited.why) == (1, True)


def test_periods_need_a_clock():
    world = World(clock=False)
    assert world.refused(DeclareResource(resource="gpu", every=60)) == Code.NO_CLOCK
    world.do(DeclareResource(resource="gpu", at_quantity=5))
    world.request("a", 6, 9)
    world.offer("s", 6, 1)
    assert isinstance(carried_out(world)[1], ResourceCleared)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"every": -1}, {"at_quantity": 0}])
def test_a_period_or_quantity_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="above 0"):
        DeclareResource(resource="gpu", **wrong)


def test_the_last_ten_clearings_are_shown():
    world = standing(every=60)
    for turn in range(12):
        world.request("a", turn + 1, 9)
        world.offer("s", turn + 1, 1)
        world.wait(60)
        carried_out(world)
    recent = world.see_book().recent
    assert [made.quantity for made in recent] == [D(12 - turn) for turn in range(10)]
    assert (recent[0].price, recent[0].by, recent[0].buyers) == (D(5), "market", 1)


def test_a_program_clears_what_is_due_in_process():
    aggregator = DemandAggregator(Market(now=lambda: moment))
    moment = NOON
    aggregator.declare("GPU", every=60)
    aggregator.request_resources("a", "gpu", 5, 9)
    aggregator.offer_resources("s", "gpu", 3, 1)
    assert aggregator.clear_due("gpu") is None
    moment = later(60)
    made = aggregator.clear_due("gpu")
    assert (made.clearing_price, made.unmet) == (D(9), D(2))
    assert aggregator.clear_due("gpu") is None
