"""A clearing recorded in parts, or computed on columns, is the clearing that it would have been in one piece."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from market_core import Code, DemandAggregator, Rejection, clearing_events, observation
from market_core.clearing_events import rows
from market_core.commands import AggregateDemand, Withdraw
from market_core.events import ClearingContinued, ResourceCleared
from market_core.mechanisms import clearing
from tests.core.test_clearings import books, filled
from tests.core.world import World, replayed

D = Decimal
CLEAR = AggregateDemand(agent="c", resources=["gpu"])


@pytest.fixture
def in_parts(monkeypatch):
    """Let a clearing of more than 2 be recorded in parts of 2, the first of 1."""
    monkeypatch.setattr(clearing_events, "IN_ONE", 2)
    monkeypatch.setattr(clearing_events, "_FIRST", 1)


def crowd(demands: int = 5) -> World:
    world = World()
    for number in range(demands):
        world.request(f"a{number}", 2, 5)
    world.offer("s", 2 * demands - 1, 1)
    return world


def told(events):
    """Return the fills and the entries left out of a clearing, from all its events."""
    first, *more = events
    return (
        (*first.allocations, *(fill for part in more for fill in rows(part.allocations))),
        (*first.suppliers, *(fill for part in more for fill in rows(part.suppliers))),
        (*first.left_out, *(row for part in more for row in part.left_out)),
    )


def test_a_large_clearing_is_one_event_for_the_first_fills_and_more_for_the_others(in_parts):
    (events,) = crowd().do(CLEAR).events.values()
    assert [type(event) for event in events] == [ResourceCleared, ClearingContinued, ClearingContinued]
    assert [(event.part, event.parts) for event in events[1:]] == [(2, 3), (3, 3)]
    assert [fill.agent for fill in events[0].allocations] == ["a0"]
    assert events[1].allocations.agents == ("a1", "a2")
    assert events[2].allocations.quantities == (1_800_000, 1_800_000)
    assert (events[0].suppliers[0].agent, events[1].suppliers.agents) == ("s", ())


def test_a_clearing_that_fits_is_one_event():
    (events,) = crowd().do(CLEAR).events.values()
    assert [type(event) for event in events] == [ResourceCleared]


def test_the_book_sums_up_a_clearing_of_many_parts(in_parts):
    world = crowd()
    world.do(CLEAR)
    (made,) = world.book().recent
    assert (made.buyers, made.sellers, made.quantity, made.payment) == (5, 1, D(9), D(45))
    world.offer("s", 1, 1)
    world.do(CLEAR)
    assert [made.quantity for made in world.book().recent] == [D(1), D(9)]


def test_whose_entry_a_part_has_told_is_no_secret_and_whose_is_over_is_forgotten(in_parts):
    world = World()
    part = world.request("a", 3, 5)
    whole = [world.request(f"b{number}", 1, 9) for number in range(4)]
    untold = world.request("z", 1, 1)
    world.offer("s", 5, 1)
    world.do(CLEAR)
    assert world.refused(Withdraw(agent="x", id=part)) == Code.NOT_YOUR_ENTRY
    assert world.refused(Withdraw(agent="x", id=untold)) == Code.UNKNOWN_ID
    assert (
        world.refused(Withdraw(agent="b3", id=whole[3])) == Code.UNKNOWN_ID
    )  # as of any that ended long ago
    assert set(world.book().demand) == {part, untold}


def test_embedded_callers_get_all_fills(in_parts):
    aggregator = DemandAggregator()
    for number in range(5):
        aggregator.request_resources(f"a{number}", "gpu", 1, 9)
    aggregator.offer_resources("s", "gpu", 4, 1)
    made = aggregator.aggregate_demand("gpu")
    assert [fill.agent for fill in made.allocations] == ["a0", "a1", "a2", "a3", "a4"]
    assert made.total_payment == D(36)
    assert [fill.quantity for fill in made.suppliers] == [D(4)]


def outcome(book, policy):
    """Return what clearing a book tells, and the book after it; None where it is refused."""
    world = filled(book)
    try:
        (events,) = world.do(AggregateDemand(agent="c", resources=["gpu"], policy=policy)).events.values()
    except Rejection:
        return None
    state = world.states["resource/gpu"]
    assert replayed(world.log["resource/gpu"], "resource/gpu") == state
    sides = [(side, sums.owners, sums.micros) for side, sums in (
        (state.demand, state.demand_sums), (state.offers, state.offer_sums))]  # fmt: skip
    price = (events[0].clearing_price, events[0].mechanism, events[0].proof)
    return told(events), price, sides, state.recent, state.clearings


@pytest.mark.parametrize("policy", ["efficient", "fair"])
@given(book=books)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_in_parts_or_in_one_piece_it_is_the_same_clearing(policy, book):
    whole = outcome(book, policy)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clearing_events, "IN_ONE", 2)
        patched.setattr(clearing_events, "_FIRST", 1)
        assert outcome(book, policy) == whole


@given(book=books)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_on_columns_or_entry_by_entry_it_is_the_same_clearing(book):
    plain = [(*row[:4], None, row[5]) for row in book]
    by_entry = outcome(plain, "efficient")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clearing, "LARGE", 1)
        assert outcome(plain, "efficient") == by_entry


def test_a_very_large_book_is_shown_in_sums_alone(monkeypatch):
    world = crowd()
    for agent in "tuv":
        world.offer(agent, 1, 2)
    drawn = world.see_book("a1")
    assert drawn.previews
    assert drawn.curves[0]
    monkeypatch.setattr(observation.books, "MOST_DRAWN", 8)
    sums = world.see_book("a1")
    assert (sums.previews, sums.curves, sums.mean_limits) == ((), ((), ()), (None, None))
    assert (sums.demand, sums.own) == (drawn.demand, drawn.own)
