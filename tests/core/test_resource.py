"""One resource: its book, and what a clearing does to it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core import Code, Rejection
from market_core.book import Ended, Entry
from market_core.commands import AggregateDemand, DeclareResource, Lapse, RequestResources, Withdraw
from market_core.events import (
    DemandPosted,
    EntriesLapsed,
    EntryWithdrawn,
    Fill,
    OfferPosted,
    ResourceCleared,
    ResourceDeclared,
)
from tests.core.world import NOON, World, later

D = Decimal


def test_demand_and_offers_are_recorded_as_posted():
    world = World()
    world.request("a", "1.5", "2.50", resource="GPU Hours", needed_by=later(60))
    world.offer("b", 4, 0, resource="gpu-hours")
    assert world.log["resource/gpu-hours"] == [
        DemandPosted(NOON, "dem_gpu-hours_t1", "a", "GPU Hours", D("1.5"), D("2.5"), later(60)),
        OfferPosted(NOON, "off_gpu-hours_t2", "b", "gpu-hours", D(4), D(0), None),
    ]
    book = world.book("gpu-hours")
    assert (book.name, list(book.entries)) == (
        "GPU Hours",
        [
            Entry("dem_gpu-hours_t1", "a", "demand", D("1.5"), 1_500_000, D("2.5"), later(60), NOON),
            Entry("off_gpu-hours_t2", "b", "offer", D(4), 4_000_000, D(0), None, NOON),
        ],
    )


def test_a_clearing_fills_at_one_price_and_leaves_the_rest_in_the_book():
    world = World()
    a, b = world.request("a", 3, 6), world.request("b", 2, 5)
    s, t = world.offer("s", 4, 2), world.offer("t", 4, 9)
    ((cleared,),) = world.clear(agent="anyone").events.values()
    # 3 at 6 and 1 of 2 at 5 against 4 at 2: b is on the margin, so the price is its limit
    assert cleared == ResourceCleared(
        at=NOON,
        by="anyone",
        clearing_price=D(5),
        allocations=(Fill(a, "a", D(3), D(15), "", D(3)), Fill(b, "b", D(1), D(5), "rationed", D(0))),
        suppliers=(Fill(s, "s", D(4), D(20), "", D(12)),),
        mechanism="clearing/1",
    )
    book = world.book()
    assert {entry.entry_id: entry.left for entry in book.entries} == {b: D(1), t: D(4)}
    assert book.ended == {a: Ended("a", "filled"), s: Ended("s", "filled")}
    assert (book.last_clearing, book.clearings) == (cleared, 1)


def test_the_call_market_of_the_nempy_documentation_clears_at_60():
    world = World()
    for agent, quantity, price in [
        ("A", 20, 50), ("A", 20, 60), ("A", 5, 100), ("B", 50, 50), ("B", 30, 55), ("B", 10, 80),
    ]:  # fmt: skip
        world.offer(agent, quantity, price)
    world.request("grid", 115)
    ((cleared,),) = world.clear().events.values()
    sold = {name: sum(f.quantity for f in cleared.suppliers if f.agent == name) for name in "AB"}
    assert (cleared.clearing_price, sold, cleared.allocations[0].payment) == (60, {"A": 35, "B": 80}, 6900)


def test_fills_stand_in_the_order_of_agents_whatever_the_order_of_posting():
    world = World()
    for agent in ("c", "a", "b"):
        world.request(agent, 1, 5)
        world.offer(f"{agent}{agent}", 1, 5)
    ((cleared,),) = world.clear().events.values()
    assert [fill.agent for fill in cleared.allocations] == ["a", "b", "c"]
    assert [fill.agent for fill in cleared.suppliers] == ["aa", "bb", "cc"]


def test_what_has_lapsed_is_not_cleared_and_is_recorded_once():
    world = World()
    gone = world.request("a", 1, 9, needed_by=later(60))
    world.request("b", 1, 5, needed_by=later(61))
    world.offer("s", 1, 5)
    world.wait(60)
    lapsed = [world.do(Lapse(stream="resource/gpu")).events["resource/gpu"] for _ in range(2)]
    assert lapsed == [[EntriesLapsed(later(60), (gone,))], []]
    ((cleared,),) = world.clear().events.values()
    assert [fill.agent for fill in cleared.allocations] == ["b"]


def test_time_alone_ends_an_entry_before_anybody_records_it():
    world = World()
    mine = world.offer("s", 1, 5, available_until=later(60))
    world.request("b", 1, 5)
    world.wait(60)
    refusal = world.refusal(AggregateDemand(agent="x", resources=("gpu",)))
    assert refusal.facts == {"why": "there is no offer in the book"}
    assert world.refusal(Withdraw(agent="s", id=mine)).facts == {"status": "lapsed"}


def test_what_is_withdrawn_is_out_of_the_book():
    world = World()
    mine = world.request("a", 2, 5)
    assert world.only_event(Withdraw(agent="a", id=mine)) == EntryWithdrawn(NOON, mine)
    assert (list(world.book().entries), world.book().ended) == ([], {mine: Ended("a", "withdrawn")})


def test_only_who_posted_it_may_withdraw_an_entry_and_others_hear_that_it_is_unknown():
    world = World()
    theirs = world.request("acme/x", 2, 5)
    world.withdraw("acme/x", ended := world.request("acme/x", 1))
    refusals = [
        world.refusal(Withdraw(agent=agent, id=some_id))
        for agent in ("acme", "me")
        for some_id in (theirs, ended, "dem_gpu_none", "off_none_1", "dem", "off_")
    ]
    assert {(refusal.code, str(refusal)) for refusal in refusals} == {(Code.UNKNOWN_ID, str(refusals[0]))}


def test_a_declared_resource_of_whole_units_takes_and_trades_whole_units_only():
    world = World()
    declared = world.only_event(DeclareResource(resource="Seats", unit="seat", whole=True))
    assert declared == ResourceDeclared(NOON, "Seats", "seat", whole=True)
    fraction = RequestResources(agent="a", resource="seats", quantity="1.5")
    assert world.refused(fraction) == Code.NOT_WHOLE
    for agent in "abc":
        world.request(agent, 1, 5, resource="seats")
    world.offer("s", 2, 5, resource="seats")
    ((cleared,),) = world.clear("seats").events.values()
    assert [(fill.agent, fill.quantity) for fill in cleared.allocations] == [("a", 1), ("b", 1)]


@pytest.mark.parametrize("moment", [later(59), later(60)], ids=["before it lapses", "when it has lapsed"])
def test_fractions_keep_a_resource_from_becoming_whole_only_while_they_are_in_the_book(moment):
    world = World()
    world.request("a", "1.5", needed_by=later(60))
    world.now = moment
    command = DeclareResource(resource="gpu", whole=True)
    if moment < later(60):
        assert world.refused(command) == Code.RESOURCE_IN_USE
    else:
        assert world.only_event(command) == ResourceDeclared(moment, "gpu", "", whole=True)


def test_the_limit_of_entries_is_per_owner_side_and_resource_and_counts_what_is_live():
    world = World()
    for i in range(100):
        world.request(f"Acme/{i}", 1, needed_by=later(60))
    more = RequestResources(agent="acme", resource="gpu", quantity=1)
    assert world.refused(more) == Code.TOO_MANY_ENTRIES
    world.request("acme", 1, resource="cpu")
    world.request("other", 1)
    world.wait(60)
    world.do(more)


def test_each_resource_clears_on_its_own_and_what_cannot_is_told():
    world = World()
    for name in ("cpu", "gpu"):
        world.request("a", 1, 5, resource=name)
    world.offer("s", 1, 3, resource="gpu")
    decision = world.clear("cpu", "GPU", "gpu", "none")
    assert [type(event) for (event,) in decision.events.values()] == [ResourceCleared]
    assert (set(decision.events), {stream: r.code for stream, r in decision.refused.items()}) == (
        {"resource/gpu"},
        {"resource/cpu": Code.NOTHING_TO_CLEAR, "resource/none": Code.UNKNOWN_RESOURCE},
    )


def test_a_resource_remembers_how_the_last_thousand_entries_ended():
    world = World()
    ids = [world.request("a", 1) for _ in range(2)]
    for mine in ids:
        world.withdraw("a", mine)
    for _ in range(999):
        world.withdraw("a", world.request("a", 1))
    world.request("b", 1)
    assert [world.refused(Withdraw(agent="a", id=mine)) for mine in ids] == [Code.UNKNOWN_ID, Code.ENTRY_GONE]


@pytest.mark.parametrize(("quantity", "price"), [(2000, 499_999_999), ("1999.999999", 500_000_000)])
def test_a_total_just_below_the_limit_of_totals_is_traded_exactly(quantity, price):
    world = World()
    world.request("a", quantity, price)
    world.offer("s", quantity, price)
    ((cleared,),) = world.clear().events.values()
    assert cleared.allocations[0].payment == D(quantity) * D(price)


def test_entries_in_range_one_by_one_clear_together_however_much_they_sum_to():
    world = World()
    for i in range(2):
        world.request(f"a{i}", 1500, 500_000_000)
        world.offer(f"s{i}", 1500, 500_000_000)
    ((cleared,),) = world.clear().events.values()
    assert [fill.payment for fill in cleared.allocations] == [Decimal(750_000_000_000)] * 2


def test_nobody_can_stop_a_book_from_clearing_with_absurd_entries():
    world = World()
    world.request("a", 1, 5)
    world.offer("s", 1, 3)
    world.offer("x", 999, 999_999_999)
    world.request("y", 5000)
    ((cleared,),) = world.clear().events.values()
    assert [(fill.agent, fill.quantity) for fill in cleared.allocations] == [("y", 1000)]


entry = st.tuples(
    st.sampled_from("abc"), st.decimals("0.000001", 20, places=6), st.decimals("0.000001", 9, places=6)
)


@given(st.lists(entry, min_size=1, max_size=5), st.lists(entry, min_size=1, max_size=5))
def test_a_clearing_moves_every_unit_and_every_credit_from_one_side_to_the_other(demand, offers):
    world = World()
    for agent, quantity, limit in demand:
        world.request(agent, quantity, limit)
    for agent, quantity, price in offers:
        world.offer(f"seller-{agent}", quantity, price)
    before = {entry.entry_id: entry.left for entry in world.book().entries}
    try:
        ((cleared,),) = world.clear().events.values()
    except Rejection:
        return
    fills = (*cleared.allocations, *cleared.suppliers)
    after = {entry.entry_id: entry.left for entry in world.book().entries}
    assert sum(f.quantity for f in cleared.allocations) == sum(f.quantity for f in cleared.suppliers)
    assert sum(f.payment for f in cleared.allocations) == sum(f.payment for f in cleared.suppliers)
    filled = {fill.entry_id: fill.quantity for fill in fills}
    assert before == {key: after.get(key, 0) + filled.get(key, 0) for key in before}
    assert set(world.book().ended) == set(before) - set(after)


def test_a_tier_that_only_policy_efficient_uses_is_named_where_another_policy_finds_no_price():
    world = World()
    world.offer("s", 100, 5, resource="gpu", tiers=[{"from_quantity": 50, "unit_price": 3}])
    world.request("a", 60, 4, resource="gpu")
    refusal = world.refusal(AggregateDemand(agent="x", resources=["gpu"], policy="fair"))
    assert refusal.code == Code.NOTHING_TO_CLEAR
    assert refusal.facts["why"] == (
        "without its tiers, which only policy efficient uses, every offer asks more than every limit"
    )
