"""Demand bought together: one auction for all of it, split back so that nobody pays above its own limit."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import Code, Rejection
from market_core.commands import AggregateDemand, Lapse, RequestResources, SubmitBid, Withdraw
from market_core.events import AuctionAwarded, Fill, PoolCleared, PoolLapsed, PoolOpened
from market_core.terms import Threshold, Tier
from tests.core.world import NOON, World, later, replayed

D = Decimal


def pooled(world, **how):
    """Pool the demand for gpu; return the auction's id."""
    asked = {"agent": "anyone", "resources": ["gpu"], "via": "auction", "closes_in": 60, **how}
    return world.do(AggregateDemand(**asked)).events["resource/gpu"][0].auction_id


def settled(world, auction_id):
    """Let the time for bids pass, and return what became of the pool."""
    world.wait(60)
    decision = world.do(Lapse(stream=f"auction/{auction_id}"))
    (event,) = decision.events["resource/gpu"]
    assert isinstance(decision.events[f"auction/{auction_id}"][-1], AuctionAwarded)
    return event


def story():
    """Five members with different limits, three suppliers with tiers."""
    world = World()
    for agent, quantity, limit in (
        ("ann", 40, 6), ("bea", 30, 5), ("cem", 20, 7), ("dan", 10, 3), ("eve", 20, 8),
    ):  # fmt: skip
        world.request(agent, quantity, limit)
    auction_id = pooled(world)
    for agent, cost, low in (("s", 10, 4), ("t", 9, 5), ("u", 8, 7)):
        tiers = [Tier(from_quantity=60, cost=low)]
        world.bid(auction_id, agent, cost, quantity=110, tiers=tiers)
    return world, auction_id


def test_members_and_tier_are_chosen_together_and_nobody_pays_above_its_limit():
    # The mean of the asked prices is 9: above four of five limits, and of all but none would trade alone.
    # Together 110 units come at 4 from s; dan's limit of 3 is left out, as with it nothing is cheaper.
    world, auction_id = story()
    event = settled(world, auction_id)
    paid = {fill.agent: (fill.quantity, fill.payment, fill.saving) for fill in event.allocations}
    assert event.price == D(4)
    assert paid == {
        "ann": (D(40), D(160), D(80)),
        "bea": (D(30), D(120), D(30)),
        "cem": (D(20), D(80), D(60)),
        "eve": (D(20), D(80), D(80)),
    }
    assert [(row.agent, row.reason) for row in event.left_out] == [("dan", "out_of_price")]
    auction = world.auction(auction_id)
    (winner,) = auction.award.winners
    assert (winner.agent, winner.quantity, winner.payment) == ("s", 110, D(440))
    assert (auction.status, auction.award.unbought, auction.award.mechanism) == ("awarded", 10, "pooling/1")
    assert {e.agent: (e.left, e.pool) for e in world.book().demand.values()} == {"dan": (D(10), "")}
    assert sum(fill.payment for fill in event.allocations) == event.total == winner.payment
    assert world.states.get("agent/s") is None or not world.states["agent/s"].running


def test_what_a_pool_is_stands_in_both_streams():
    world = World()
    mine = world.request("a", "2.5", 9)
    decision = world.do(
        AggregateDemand(
            agent="c", resources=["GPU"], via="auction", closes_in=60, payment_rule="uniform",
            threshold=Threshold(owners=1, quantity=2), sharing="proportional",
        )
    )  # fmt: skip
    (opened,), (created,) = decision.events["resource/gpu"], decision.events["auction/auc_t2"]
    assert opened == PoolOpened(
        NOON, "pool_gpu_t2", "auc_t2", "c", later(60), (mine,), 1, D("2.5"),
        Threshold(owners=1, quantity=2), "uniform", "proportional",
    )  # fmt: skip
    assert (created.buyer, created.quantity, created.payment_rule) == ("market/pool_gpu_t2", 3, "uniform")
    assert (created.max_price, created.closes_at, created.excluded) == (None, later(60), ("a",))
    assert world.see("auc_t2").terms.excluded == ()


def test_demand_in_a_pool_is_for_no_offer_and_may_leave_until_it_closes():
    world = World()
    mine, other = world.request("a", 2, 5), world.request("b", 2, 5)
    auction_id = pooled(world)
    world.offer("s", 4, 1)
    assert world.refused(AggregateDemand(agent="c", resources=["gpu"])) == Code.NOTHING_TO_CLEAR
    world.withdraw("a", mine)
    world.bid(auction_id, "t", 2)
    world.wait(60)
    refusal = world.refusal(Withdraw(agent="b", id=other))
    assert (refusal.code, refusal.facts) == (Code.POOL_CLOSED, {"closes_at": "2026-11-23T12:01:00Z"})
    world.do(Lapse(stream=f"auction/{auction_id}"))
    assert world.book().ended[other].status == "filled"


@pytest.mark.parametrize(
    ("bid", "threshold", "why"),
    [
        (None, None, "nobody offered to supply"),
        (6, None, "no quantity costs less than its members pay"),
        (1, Threshold(owners=2), "too few members were left"),
        (1, Threshold(quantity=4), "too few members were left"),
    ],
)
def test_a_pool_that_cannot_buy_lapses_and_its_demand_is_as_before(bid, threshold, why):
    world = World()
    mine, gone = world.request("a", 2, 5), world.request("b", 2, 5)
    before = world.book().demand[mine]
    auction_id = pooled(world, threshold=threshold)
    if bid is not None:
        world.bid(auction_id, "s", bid)
    world.withdraw("b", gone)
    world.wait(60)
    decision = world.do(Lapse(stream=f"auction/{auction_id}"))
    (event,) = decision.events["resource/gpu"]
    assert event == PoolLapsed(later(60), "pool_gpu_t3", auction_id, why, (mine,))
    assert world.auction(auction_id).status == "unsold"
    assert world.book().demand[mine] == before
    assert world.book().pools == {}
    assert world.do(Lapse(stream=f"auction/{auction_id}")).events == {f"auction/{auction_id}": []}


def test_owners_of_members_do_not_supply_their_own_pool():
    world = World()
    world.request("acme/a", 2, 5)
    auction_id = pooled(world)
    assert world.refused(SubmitBid(agent="acme/b", auction_id=auction_id, cost=1)) == Code.POOL_MEMBER


def test_pooled_demand_is_withdrawn_not_replaced_and_a_look_shows_who_is_left():
    world = World()
    mine, _ = world.request("a", 2, 5), world.request("b", 3, 5)
    pooled(world)
    again = RequestResources(agent="a", resource="gpu", quantity=1, replaces=mine)
    assert world.refused(again) == Code.IN_A_POOL
    world.withdraw("a", mine)
    (pool,) = world.see_book().pools
    assert (pool.quantity, pool.owners, pool.members) == (D(3), 1, ())


def test_less_than_a_unit_is_bought_as_one_and_the_rest_is_told():
    world = World()
    world.request("a", "0.5", 9)
    auction_id = pooled(world)
    world.bid(auction_id, "s", 4, quantity=10)
    event = settled(world, auction_id)
    assert (event.allocations[0].payment, event.surplus_quantity) == (D(4), D("0.5"))
    assert [(fill.agent, fill.quantity, fill.payment) for fill in event.suppliers] == [("s", D(1), D(4))]


def test_what_cannot_be_pooled_is_refused():
    world = World()
    ask = {"agent": "c", "resources": ["gpu"], "via": "auction", "closes_in": 60}
    assert world.refused(AggregateDemand(**ask)) == Code.UNKNOWN_RESOURCE
    world.request("a", 2, 5, needed_by=later(30))
    assert world.refused(AggregateDemand(**ask)) == Code.NOTHING_TO_CLEAR
    world.request("b", 2, 5)
    refusal = world.refusal(AggregateDemand(**ask, threshold=Threshold(owners=2)))
    assert (refusal.code, refusal.facts) == (Code.THRESHOLD_NOT_MET, {"quantity": "2", "owners": 1})
    pooled(world)
    assert world.refused(AggregateDemand(**ask)) == Code.NOTHING_TO_CLEAR  # all of it is in a pool
    world.clock = False
    assert world.refused(AggregateDemand(**ask)) == Code.NO_CLOCK


@pytest.mark.parametrize("sharing", ["uniform", "proportional", "shapley"])
def test_the_saving_is_shared_as_asked_and_every_cent_is_the_suppliers(sharing):
    world = World()
    world.request("a", 2, 9)
    world.request("b", 2, 5)
    auction_id = pooled(world, sharing=sharing)
    world.bid(auction_id, "s", 6, tiers=[Tier(from_quantity=4, cost=4)])
    event = settled(world, auction_id)
    # v(a) = 6, v(b) = 0, v(ab) = 12: phi = 9 and 3. Worth 18 and 10, cost 16.
    expected = {"uniform": (8, 8), "proportional": (D("10.285714"), D("5.714286")), "shapley": (9, 7)}
    assert tuple(fill.payment for fill in event.allocations) == expected[sharing]
    assert event.sharing == sharing


def test_a_member_at_any_price_is_shared_by_one_price_and_the_record_says_so():
    world = World()
    world.request("a", 2)
    auction_id = pooled(world, sharing="shapley")
    world.bid(auction_id, "s", 6)
    event = settled(world, auction_id)
    assert (event.sharing, event.allocations[0].payment) == ("uniform", D(12))


members = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(1, 5), st.integers(0, 8), st.booleans()),
    min_size=1,
    max_size=6,
)
suppliers = st.lists(
    st.tuples(st.sampled_from("stu"), st.integers(1, 8), st.integers(0, 9), st.integers(2, 9)), max_size=4
)


@given(
    members, suppliers, st.sampled_from(["pay_as_bid", "uniform"]), st.sampled_from(["uniform", "shapley"])
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_every_pool_keeps_its_promises(demand, bids, rule, sharing):
    world = World()
    for agent, quantity, limit, whole in demand:
        bounds = {"min_quantity": quantity} if whole else {}
        world.request(agent, quantity, limit or None, **bounds)
    before = dict(world.book().demand)
    auction_id = pooled(world, payment_rule=rule, sharing=sharing)
    for agent, quantity, cost, start in bids:
        tiers = (
            [Tier(from_quantity=start, cost=cost - 1)]
            if cost and start <= quantity and rule != "uniform"
            else []
        )
        world.bid(auction_id, agent, cost, quantity=quantity, tiers=tiers)
    event = settled(world, auction_id)
    award = world.auction(auction_id).award
    if isinstance(event, PoolLapsed):
        assert world.book().demand == before
        assert award.winners == ()
    else:
        assert isinstance(event, PoolCleared)
        for fill in event.allocations:
            entry = before[fill.entry_id]
            assert isinstance(fill, Fill)
            assert entry.minimum <= fill.quantity <= entry.left
            assert entry.limit is None or fill.payment <= entry.limit * fill.quantity
        assert (
            sum(f.payment for f in event.allocations) == sum(w.payment for w in award.winners) == event.total
        )
        bought = sum(w.quantity for w in award.winners)
        assert sum(f.quantity for f in event.allocations) + event.surplus_quantity == bought
        assert all(winner.payment >= winner.cost for winner in award.winners)
    for stream, events in world.log.items():
        assert replayed(events, stream) == world.states[stream]


def test_a_pool_closes_even_where_nobody_may_decide_it():
    world = World()
    world.request("a", 2, 5)
    auction_id = pooled(world)
    with pytest.raises(Rejection) as refused:
        world.award(auction_id, agent="a")
    assert (refused.value.code, refused.value.facts) == (
        Code.POOL_DECIDES,
        {"closes_at": "2026-11-23T12:01:00Z"},
    )
