"""Auctions that are not sealed: bidders see their rank and go lower, or an offer rises until somebody takes it."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from market_core import Code, Scoring
from market_core.commands import CreateAuction, Lapse, SubmitBid
from market_core.events import AuctionAwarded, AuctionClosed, BidSubmitted, DeadlineExtended, Winner
from market_core.mechanisms import dutch
from market_core.terms import Extension, Schedule
from tests.core.world import World, later

D = Decimal
LATE = Extension(by=30, within=10, min_decrement="0.5")


def opened(**terms):
    world = World()
    return world, world.create(format="open", **terms)


# Open


def test_each_bidder_sees_its_rank_and_nobody_another_cost():
    world, auction_id = opened()
    for agent, cost in (("ann", 8), ("bob", 6), ("carl", 7)):
        world.bid(auction_id, agent, cost)
    places = {agent: world.own(auction_id, agent).position for agent in ("bob", "carl", "ann")}
    assert places == {"bob": 0, "carl": 1, "ann": 2}
    for viewer in ("", "buyer", "stranger"):
        seen = world.see(auction_id, viewer)
        assert (seen.own_bids, seen.ranking, seen.winners, seen.bids) == ((), (), (), 3)


def test_while_a_sealed_auction_is_open_nobody_sees_a_rank():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "ann", 8)
    assert world.own(auction_id, "ann").position is None


def test_in_an_open_auction_one_goes_down_by_the_decrement_or_more():
    world, auction_id = opened(closes_in=100, extension=LATE)
    world.bid(auction_id, "ann", 8)
    for cost in (8, 9, "7.51"):
        assert (
            world.refused(SubmitBid(agent="ann", auction_id=auction_id, cost=cost)) == Code.BID_NOT_IMPROVED
        )
    world.bid(auction_id, "ann", "7.5")
    world.bid(auction_id, "bob", "7.4")  # the decrement is against one's own bid
    assert world.auction(auction_id).bids["ann"].cost == D("7.5")


def test_what_must_go_down_is_the_score():
    world, auction_id = opened(scoring=Scoring(time_price=1))
    world.bid(auction_id, "ann", 8, estimated_time=10)
    world.bid(auction_id, "ann", 9, estimated_time=8)
    dearer = SubmitBid(agent="ann", auction_id=auction_id, cost=8, estimated_time=9)
    assert world.refused(dearer) == Code.BID_NOT_IMPROVED


def test_who_leads_cannot_leave_and_others_can():
    world, auction_id = opened()
    first = world.bid(auction_id, "ann", 8)
    world.bid(auction_id, "bob", 7)
    world.withdraw("ann", first)
    assert set(world.auction(auction_id).bids) == {"bob"}


def test_a_late_change_of_the_leader_moves_the_deadline_and_a_late_bid_behind_it_does_not():
    world, auction_id = opened(closes_in=100, extension=LATE)
    world.bid(auction_id, "ann", 8)
    world.wait(89)
    world.bid(auction_id, "bob", 7)  # 11 seconds before the end
    world.wait(1)
    world.bid(auction_id, "carl", 9)  # late, but behind
    world.bid(auction_id, "bob", 6)  # late, but it led before
    assert world.see(auction_id).closes_at == later(100)
    ((bid, moved),) = world.do(SubmitBid(agent="ann", auction_id=auction_id, cost=5)).events.values()
    assert (bid.displaced, moved) == ("bob", DeadlineExtended(later(90), later(130)))
    assert world.see(auction_id).closes_at == later(130)
    world.wait(35)
    assert world.see(auction_id).status == "open"
    world.bid(auction_id, "carl", 8)
    world.wait(5)
    assert world.refused(SubmitBid(agent="carl", auction_id=auction_id, cost=1)) == Code.BIDDING_ENDED
    assert world.award(auction_id).winners[0].agent == "ann"


def test_the_first_bid_in_the_last_seconds_gives_the_others_time_too():
    world, auction_id = opened(closes_in=5, extension=LATE)
    made = world.do(SubmitBid(agent="ann", auction_id=auction_id, cost=5)).events[f"auction/{auction_id}"]
    assert [type(event) for event in made] == [BidSubmitted, DeadlineExtended]


def test_the_deadline_moves_at_most_20_times():
    world, auction_id = opened(closes_in=10, extension=Extension(by=1, within=1000, min_decrement="0.1"))
    for n in range(30):
        world.do(SubmitBid(agent="ann" if n % 2 else "bob", auction_id=auction_id, cost=100 - n))
    assert world.see(auction_id).closes_at == later(30)


def test_the_market_closes_at_the_moved_deadline_and_not_before():
    world, auction_id = opened(closes_in=5, extension=LATE)
    world.do(SubmitBid(agent="ann", auction_id=auction_id, cost=5))
    world.wait(34)
    assert world.do(Lapse(stream=f"auction/{auction_id}")).events == {f"auction/{auction_id}": []}
    world.wait(1)
    assert world.only_event(Lapse(stream=f"auction/{auction_id}")) == AuctionClosed(later(35), "market")


def test_open_bidding_goes_on_to_its_deadline_though_all_invited_have_bid():
    world, auction_id = opened(closes_in=60, invite=("ann",))
    world.bid(auction_id, "ann", 5)
    world.wait(59)
    assert world.see(auction_id).status == "open"
    with pytest.raises(
        Exception, match=r"before_deadline: bidders were promised until [^;]*cannot be closed"
    ):
        world.award(auction_id)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 8)), max_size=25))
def test_the_rank_is_the_place_in_the_ranking_that_the_award_makes(bids):
    world, auction_id = opened()
    for agent, cost in bids:
        standing = world.auction(auction_id).bids.get(agent)
        if standing is None or cost < standing.cost:
            world.bid(auction_id, agent, cost)
    places = {agent: world.own(auction_id, agent).position for agent in {agent for agent, _ in bids}}
    world.award(auction_id)
    ranking = [bid.bidder for bid in world.see(auction_id, "buyer").ranking]
    assert places == {agent: ranking.index(agent) for agent in places}


# Dutch


RULE = Schedule(start=2, step="1.5", every=10)


def dutch_one(**terms):
    world = World()
    return world, world.create(format="dutch", max_price=6, schedule=RULE, **terms)


def test_the_offer_rises_by_its_schedule_to_the_max_price_and_no_further():
    world, auction_id = dutch_one()
    offers = []
    for _ in range(6):
        offers.append(world.see(auction_id).offered)
        world.wait(7)
    assert offers == [2, 2, D("3.5"), 5, 5, 6]
    world.wait(10_000)
    assert world.see(auction_id).offered == 6


def test_the_first_to_take_the_offer_wins_what_it_is_at_that_moment():
    world, auction_id = dutch_one()
    world.wait(20)
    take = SubmitBid(agent="ann", auction_id=auction_id, take=True, at_least="4.99")
    bid, closed, award = world.do(take).events[f"auction/{auction_id}"]
    assert (bid.bidder, bid.cost, bid.score) == ("ann", 5, 5)
    assert closed == AuctionClosed(later(20), "ann")
    assert isinstance(award, AuctionAwarded)
    assert award.winners == (Winner("ann", bid.bid_id, D(5), D(5), D(5)),)
    assert (award.mechanism, award.runner_up_score, award.eligible) == ("dutch/1", None, 1)
    seen = world.see(auction_id, "buyer")
    assert (seen.status, seen.offered, [w.payment for w in seen.winners]) == ("awarded", None, [5])
    assert seen.ranking[0].bid_id == bid.bid_id
    world.report(auction_id)


def test_a_taker_must_be_eligible_like_any_bidder():
    world, auction_id = dutch_one(requirements={"capabilities": ["go"]}, invite=("ann", "bob"))
    for agent, code in (
        ("ann", Code.MISSING_CAPABILITY),
        ("carl", Code.NOT_INVITED),
        ("buyer/x", Code.OWN_AUCTION),
    ):
        assert world.refused(SubmitBid(agent=agent, auction_id=auction_id, take=True)) == code
    world.register("ann", capabilities=["go"])
    world.do(SubmitBid(agent="ann", auction_id=auction_id, take=True))
    assert world.see(auction_id).winners[0].agent == "ann"


def test_a_take_has_no_validity_and_no_quantity():
    world, auction_id = dutch_one()
    for more, field in (
        ({"valid_for": 5}, "valid_for"),
        ({"quantity": 2}, "quantity"),
        ({"lots": ["a"]}, "lots"),
    ):
        refusal = world.refusal(SubmitBid(agent="ann", auction_id=auction_id, take=True, **more))
        assert (refusal.code, refusal.facts["field"]) == (Code.FIELD_DOES_NOT_FIT, field)


def test_an_offer_that_never_gets_there_says_so():
    world, auction_id = dutch_one()
    refusal = world.refusal(SubmitBid(agent="ann", auction_id=auction_id, take=True, at_least=7))
    assert "it never gets there" in refusal.message


def test_what_nobody_takes_is_cancelled_or_ends_unsold():
    world, auction_id = dutch_one()
    world.withdraw("buyer", auction_id)
    assert world.see(auction_id).status == "cancelled"
    other = world.create(format="dutch", max_price=6, schedule=RULE, closes_in=60)
    world.wait(60)
    assert world.refused(SubmitBid(agent="ann", auction_id=other, take=True)) == Code.BIDDING_ENDED
    assert world.award(other).winners == ()
    assert world.see(other).status == "unsold"


def test_a_market_without_a_clock_has_no_dutch_auctions():
    world = World(clock=False)
    create = CreateAuction(agent="b", task="t", format="dutch", max_price=6, schedule=RULE)
    assert world.refused(create) == Code.NO_CLOCK


@settings(max_examples=200, deadline=None, derandomize=True)
@given(*[st.integers(0, 50)] * 2, st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_the_offer_is_first_enough_at_the_moment_that_is_told(start, more, step, every, wanted):
    most = start + more
    moment = dutch.reached(start, step, every, most, wanted)
    offers = [dutch.offer(start, step, every, most, passed) for passed in range(600)]
    assert offers == sorted(offers)
    assert moment == next((passed for passed, offer in enumerate(offers) if offer >= wanted), None)


# What does not fit together


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"extension": LATE, "closes_in": 60}, "extension"),
        ({"format": "open", "extension": LATE}, "extension"),
        ({"format": "dutch", "max_price": 5}, "schedule"),
        ({"schedule": RULE}, "schedule"),
        ({"format": "dutch", "schedule": RULE}, "max_price"),
        ({"format": "dutch", "schedule": RULE, "max_price": 1}, "schedule.start"),
        ({"format": "dutch", "schedule": RULE, "max_price": 5, "scoring": {"time_price": 1}}, "scoring"),
        (
            {"format": "dutch", "schedule": RULE, "max_price": 5, "payment_rule": "second_price"},
            "payment_rule",
        ),
    ],
)
def test_terms_that_do_not_fit_the_format_are_refused_with_the_field_to_change(terms, field):
    with pytest.raises(ValidationError) as refused:
        CreateAuction(agent="b", task="t", **terms)
    assert [error["ctx"]["field"] for error in refused.value.errors()] == [field]


@pytest.mark.parametrize(
    ("bid", "field"),
    [
        ({}, "cost"),
        ({"cost": 1, "take": True}, "cost"),
        ({"cost": 1, "at_least": 1}, "at_least"),
        ({"take": True, "replaces": "bid_1_2"}, "replaces"),
    ],
)
def test_a_bid_asks_or_takes(bid, field):
    with pytest.raises(ValidationError) as refused:
        SubmitBid(agent="a", auction_id="auc_1", **bid)
    assert [error["ctx"]["field"] for error in refused.value.errors()] == [field]
