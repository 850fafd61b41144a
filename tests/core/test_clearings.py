"""Clearing a book: by policy, with minimums and tiers, with what the operator granted, and a receipt for everybody."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import Code, Rejection
from market_core.book import over
from market_core.commands import AggregateDemand, DeclareResource, Grant, OfferResources, RequestResources
from market_core.events import Fill, LeftOut
from market_core.observation import SideSeen, see_depth
from market_core.terms import OfferTier
from tests.core.world import World, later, replayed

D = Decimal


def cleared(world, **how):
    ((event,),) = world.do(AggregateDemand(agent="c", resources=["gpu"], **how)).events.values()
    return event


def got(event):
    return {fill.agent: (fill.quantity, fill.payment) for fill in (*event.allocations, *event.suppliers)}


# Minimums and tiers


def test_all_or_nothing_demand_is_served_whole_or_not_at_all_and_told_why():
    # 2 units: b wants both or nothing at 4 each, a wants 1 at 5. At any price that b bears, a is left out.
    world = World()
    a = world.request("a", 1, 5)
    world.request("b", 2, 4, min_quantity=2)
    world.offer("s", 2, 0)
    event = cleared(world)
    assert got(event) == {"b": (D(2), D(4)), "s": (D(2), D(4))}
    assert event.left_out == (LeftOut(a, "a", "minimum"),)
    assert (event.mechanism, event.proof.status) == ("clearing/2", "optimal")


def test_a_tier_that_all_together_reach_is_reached():
    # 40 + 60 reach the price of 6 from 100 on; each alone would find only 10.
    world = World()
    world.request("a", 40, 7)
    world.request("b", 60, 8)
    world.offer("s", 100, 10, tiers=[OfferTier(from_quantity=100, unit_price=6)])
    event = cleared(world)
    assert event.clearing_price == D("6.5")
    assert got(event) == {"a": (D(40), D(260)), "b": (D(60), D(390)), "s": (D(100), D(650))}


def test_a_minimum_is_met_once_and_what_is_left_takes_any_part():
    world = World()
    mine = world.request("a", 10, 5, min_quantity=6)
    world.offer("s", 5, 1)
    assert world.refusal(AggregateDemand(agent="c", resources=["gpu"])).facts == {
        "why": "prices meet, but no quantities that keep every minimum"
    }
    world.offer("t", 2, 1)
    assert got(cleared(world))["a"] == (D(7), D(35))
    world.offer("s", 1, 1)
    assert got(cleared(world))["a"] == (D(1), D(5))
    assert world.book().demand[mine].left == D(2)


def test_tiers_beyond_what_is_left_are_gone():
    world = World()
    world.request("a", 8, 9)
    offer = world.offer("s", 10, 9, tiers=[OfferTier(from_quantity=5, unit_price=2)])
    cleared(world)
    assert (world.book().offers[offer].left, world.book().offers[offer].tiers) == (D(2), ())


# Policies


def test_fair_shares_what_is_offered_equally_among_owners_who_bear_the_price():
    world = World()
    for agent, quantity in (("a", 2), ("b", 5), ("c/x", 3), ("c/y", 2)):
        world.request(agent, quantity, 9)
    world.request("poor", 5, 2)
    world.offer("s", 10, 3)
    event = cleared(world, policy="fair")
    assert (event.clearing_price, event.policy, event.mechanism) == (D(3), "fair", "fair_share/1")
    # Max-min of 10 over 2, 5 and 5 is 2, 4, 4; c's 4 go to its entries in proportion.
    assert got(event) == {
        "a": (D(2), D(6)), "b": (D(4), D(12)), "c/x": (D("2.4"), D("7.2")), "c/y": (D("1.6"), D("4.8")),
        "s": (D(10), D(30)),
    }  # fmt: skip


def test_priority_and_weight_are_granted_to_owners_and_demand_may_only_lower_them():
    world = World()
    world.do(Grant(owner="acme", priority=5, weight=3))
    first = world.request("acme/a", 6, 9)
    lower = world.request("acme/b", 6, 9, priority=-1, weight="0.5")
    entries = world.book().demand
    assert [(entries[e].priority, entries[e].weight) for e in (first, lower)] == [(5, D(3)), (-1, D("0.5"))]
    world.request("b", 6, 9)
    world.offer("s", 10, 1)
    assert got(cleared(world, policy="priority"))["b"] == (D(4), D(4))


def test_mcafee_keeps_what_it_does_not_pass_on():
    world = World()
    for name, limits in (("b", (9, 8)), ("s", (1, 4))):
        for number, limit in enumerate(limits):
            post = world.request if name == "b" else world.offer
            post(f"{name}{number}", 1, limit)
    event = cleared(world, payment_rule="mcafee")
    assert (event.clearing_price, event.offer_price, event.market_surplus) == (D(8), D(4), D(4))
    assert got(event) == {"b0": (D(1), D(8)), "s0": (D(1), D(4))}


def test_what_the_operator_fixed_binds_whoever_clears():
    world = World()
    world.do(DeclareResource(resource="GPU", policy="priority"))
    world.request("a", 1, 5)
    world.offer("s", 1, 1)
    refusal = world.refusal(AggregateDemand(agent="c", resources=["gpu"], policy="fair"))
    assert (refusal.code, refusal.facts) == (Code.FIXED_BY_OPERATOR, {"field": "policy", "fixed": "priority"})
    assert cleared(world).policy == "priority"


# The life of an entry


def test_a_replaced_entry_gives_its_place_to_the_new_one():
    world = World()
    old = world.request("a", 3, 5)
    new = world.request("a", 4, 6, replaces=old)
    assert set(world.book().demand) == {new}
    again = RequestResources(agent="a", resource="gpu", quantity=1, replaces=old)
    assert world.refusal(again).facts == {"status": "replaced"}
    theirs = RequestResources(agent="b", resource="gpu", quantity=1, replaces=new)
    assert world.refused(theirs) == Code.UNKNOWN_ID
    offer = world.offer("s", 1, 1)
    wrong_side = OfferResources(agent="a", resource="gpu", quantity=1, unit_price=1, replaces=new)
    assert world.refused(wrong_side) == Code.UNKNOWN_ID
    assert set(world.book().offers) == {offer}


def test_a_clearing_may_end_more_entries_than_are_remembered():
    world = World()
    for number in range(1100):
        world.request(f"a{number}", 1, 5)
    world.offer("s", 1100, 1)
    cleared(world)
    assert len(world.book().ended) == 1101
    world.request("b", 1, 5)
    assert len(world.book().ended) == 1000


def test_a_receipt_has_the_saving_against_the_own_limit():
    world = World()
    a = world.request("a", 3, "6.333333")
    world.request("any", 1)
    s = world.offer("s", 4, 2)
    event = cleared(world)
    assert event.clearing_price == D("4.166666")  # half-even of 4.1666665
    assert event.allocations[0] == Fill(a, "a", D(3), D("12.499998"), "", D("6.500001"))
    assert event.allocations[1].saving is None
    assert event.suppliers == (Fill(s, "s", D(4), D("16.666664"), "", D("8.666664")),)


# For all books

books = st.lists(
    st.tuples(
        st.sampled_from(["request", "offer"]),
        st.sampled_from(["a", "b/x", "b/y", "c"]),
        st.integers(1, 5),
        st.integers(0, 6),
        st.sampled_from([None, 1, 3, 99]),
        st.sampled_from([None, 10, 20]),
    ),
    max_size=12,
)


def filled(book):
    """Return a world with these entries; owners keep to one side each."""
    world = World()
    for kind, agent, quantity, limit, minimum, span in book:
        name = f"{kind[0]}{agent}"
        bounds = {"min_quantity": min(minimum, quantity)} if minimum else {}
        if kind == "request":
            world.request(name, quantity, limit or None, needed_by=span and later(span), **bounds)
        else:
            world.offer(name, quantity, limit, available_until=span and later(span), **bounds)
    return world


@pytest.mark.parametrize("policy", ["efficient", "fair", "priority"])
@given(book=books, wait=st.sampled_from([0, 10, 15]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_clearing_keeps_its_promises(policy, book, wait):
    world = filled(book)
    world.wait(wait)
    before = {entry.entry_id: entry for entry in world.book().entries} if book else {}
    try:
        event = cleared(world, policy=policy)
    except Rejection:
        return  # nothing trades
    price = event.clearing_price
    assert sum(f.payment for f in event.allocations) == sum(f.payment for f in event.suppliers)
    assert sum(f.quantity for f in event.allocations) == sum(f.quantity for f in event.suppliers)
    for fill in (*event.allocations, *event.suppliers):
        entry = before[fill.entry_id]
        assert entry.minimum <= fill.quantity <= entry.left
        assert entry.until is None or entry.until > world.now
        if entry.limit is not None:
            assert price <= entry.limit if entry.side == "demand" else price >= entry.limit
        assert abs(fill.payment - price * fill.quantity) < D("0.000001")
        assert (fill.reason == "") == (fill.quantity == entry.left)
    assert replayed(world.log["resource/gpu"], "resource/gpu") == world.states["resource/gpu"]


@given(book=books, wait=st.sampled_from([0, 10, 15, 20]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_sums_of_a_book_are_those_of_its_entries(book, wait):
    world = filled(book)
    world.wait(wait)
    if not book:
        return
    sides = [
        [e for e in entries.values() if e.until is None or e.until > world.now]
        for entries in (world.book().demand, world.book().offers)
    ]
    expected = tuple(
        SideSeen(len(side), len({e.agent.split("/")[0] for e in side}), sum((e.left for e in side), D(0)))
        for side in sides
    )
    assert see_depth(world.book(), world.now) == expected
    live = {e.entry_id for side in sides for e in side}
    gone = {e.entry_id for e in over(world.book(), world.now)}
    assert gone == {e.entry_id for e in world.book().entries} - live
