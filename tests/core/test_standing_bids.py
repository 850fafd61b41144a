"""Standing bids: rates for capabilities, entered in auctions when they are created, within capacity."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from market_core import Scoring
from market_core.commands import AwardAuction, CreateAuction, RegisterAgent, ReportOutcome
from market_core.events import BidSubmitted, StandingChanged
from market_core.handle import Decision
from market_core.invalid import invalid
from market_core.observation import see_auction
from market_core.terms import Lot, Schedule
from tests.core.world import NOON, World, replayed

D = Decimal


def stands(world, agent, *, capabilities=("go",), card=None, **rates):
    """Register an agent with standing bids for capabilities, each given by what it says, or by its cost."""
    said = {name: rate if isinstance(rate, dict) else {"cost": rate} for name, rate in rates.items()}
    world.register(agent, capabilities=list(capabilities), standing_bids=said, **(card or {}))


def created(world, *asked, **terms) -> tuple[str, Decision]:
    command = CreateAuction(
        agent=terms.pop("buyer", "buyer"),
        task="x",
        requirements={"capabilities": list(asked or ("go",)), **terms.pop("requirements", {})},
        **terms,
    )
    decision = world.do(command)
    (stream,) = decision.events
    return stream.partition("/")[2], decision


def entered(world, *asked, **terms) -> dict[str, Decimal]:
    """Return the costs of the bids that a new auction has at once, by bidder."""
    auction_id, _ = created(world, *asked, **terms)
    return {bid.bidder: bid.cost for bid in world.auction(auction_id).bids.values()}


def test_a_standing_bid_enters_a_new_auction_as_an_ordinary_bid():
    world = World()
    stands(world, "ann", go={"cost": 5, "estimated_time": 60, "quality": "0.9"})
    auction_id, decision = created(world, scoring=Scoring(time_price="0.1"))
    _, bid = decision.events[f"auction/{auction_id}"]
    assert bid == BidSubmitted(
        NOON, bid.bid_id, "ann", D(5), D(60), D("0.9"), {}, "", None, D(11), "", standing=("go",)
    )
    assert decision.guards == ("agent/ann",)
    assert see_auction(world.auction(auction_id), "ann", world.now).own_bids[0].bid == bid
    lower = world.bid(auction_id, "ann", 4, estimated_time=60)
    world.withdraw("ann", lower)
    assert world.auction(auction_id).bids == {}


def test_it_enters_what_asks_for_its_capability_and_nothing_else():
    world = World()
    stands(world, "ann", capabilities=("go", "rust"), go=5)
    assert entered(world, "go") == {"ann": 5}
    assert entered(world, "rust") == {}
    assert entered(world, "go", "rust") == {}  # a rate for one is none for both
    assert entered(world, "go", buyer="ann/x") == {}


def test_for_several_capabilities_the_worst_of_the_rates_stands():
    world = World()
    rates = {
        "go": {"cost": 5, "estimated_time": 60, "quality": "0.9"},
        "rust": {"cost": 7, "estimated_time": 30, "quality": "0.8"},
    }
    stands(world, "ann", capabilities=("go", "rust"), **rates)
    auction_id, _ = created(world, "rust", "go")
    (bid,) = world.auction(auction_id).bids.values()
    assert (bid.cost, bid.estimated_time, bid.quality) == (7, 60, D("0.8"))


@pytest.mark.parametrize(
    ("terms", "costs"),
    [
        ({}, {"ann": 5, "bob": 6}),
        ({"max_price": 5}, {"ann": 5}),
        ({"invite": ("bob",)}, {"bob": 6}),
        ({"requirements": {"attributes": {"os": "linux"}}}, {"bob": 6}),
        ({"scoring": Scoring(time_price=1)}, {"bob": 6}),
        ({"scoring": Scoring(failure_price=5, settle_confidence=5)}, {}),
        ({"min_reliability": "0.5"}, {}),
        ({"quantity": 2}, {}),
        ({"lots": (Lot(id="a"),)}, {}),
        ({"format": "dutch", "schedule": Schedule(start=1, step=1, every=1), "max_price": 9}, {}),
        ({"format": "open"}, {"ann": 5, "bob": 6}),
    ],
    ids=str,
)
def test_it_enters_only_where_an_ordinary_bid_would_be_taken(terms, costs):
    world = World()
    stands(world, "ann", go=5)
    stands(world, "bob", go={"cost": 6, "estimated_time": 9}, card={"attributes": {"os": "linux"}})
    assert entered(world, **terms) == costs


def test_it_is_changed_and_withdrawn_with_the_card():
    world = World()
    stands(world, "ann", go=5)
    stands(world, "ann", go=4)
    assert entered(world) == {"ann": 4}
    world.register("ann", capabilities=["go"])
    assert entered(world) == {}
    changes = [(e.agent, e.stands) for e in world.log["capability/go"] if isinstance(e, StandingChanged)]
    assert changes == [("ann", True), ("ann", False)]
    assert world.states["capability/go"] == replayed(world.log["capability/go"], "capability/go")


def test_saying_the_same_again_is_no_event():
    world = World()
    stands(world, "ann", go=5)
    again = RegisterAgent(agent="ann", capabilities=["go"], standing_bids={"go": {"cost": 5}})
    assert world.do(again).events == {"agent/ann": []}


@pytest.mark.parametrize("limit", ["its own", "of all work"])
def test_without_capacity_it_does_not_enter(limit):
    world = World()
    rate = {"cost": 5} | ({"max_concurrent": 1} if limit == "its own" else {})
    stands(world, "ann", go=rate, card={} if limit == "its own" else {"max_concurrent": 1})
    first, _ = created(world)
    world.award(first)
    assert entered(world) == {}
    world.do(ReportOutcome(agent="ann", auction_id=first, delivered=True))
    assert entered(world) == {"ann": 5}


def test_it_wins_no_more_than_its_capacity_though_it_entered_more():
    world = World()
    stands(world, "ann", go={"cost": 5, "max_concurrent": 1})
    (first, _), (second, _), (third, _) = created(world), created(world), created(world)
    world.register("bob", capabilities=["go"])
    world.bid(second, "bob", 9)
    assert world.award(first).winners[0].agent == "ann"
    award = world.award(second)
    assert (award.winners[0].agent, award.basis.at_capacity) == ("bob", ("ann",))
    assert world.award(third).winners == ()  # nobody else
    assert world.auction(second) == replayed(world.log[f"auction/{second}"], f"auction/{second}")
    assert [bid.bidder for bid in world.see(second, "buyer").ranking] == ["bob"]


def test_without_a_limit_it_wins_whatever_runs_already():
    world = World()
    stands(world, "ann", go=5)
    for _ in range(3):
        auction_id, _ = created(world)
        assert world.award(auction_id).winners[0].agent == "ann"


def test_a_bid_of_its_own_counts_whatever_its_standing_bids_would_take():
    world = World()
    stands(world, "ann", go={"cost": 5, "max_concurrent": 1})
    (first, _), (second, _) = created(world), created(world)
    world.award(first)
    world.bid(second, "ann", 4)
    assert world.award(second).winners[0].agent == "ann"


def test_an_award_guards_the_capacity_that_it_counted_on():
    world = World()
    stands(world, "ann", go=5)
    stands(world, "bob", go=6)
    auction_id, _ = created(world)
    decision = world.do(AwardAuction(agent="buyer", auction_id=auction_id))
    assert set(decision.guards) == {"agent/ann", "agent/bob"}


@pytest.mark.parametrize(
    ("rates", "field"),
    [
        ({"rust": {"cost": 1}}, "standing_bids"),
        ({"go": {"cost": -1}}, "standing_bids.go.cost"),
        ({"go": {}}, "standing_bids.go.cost"),
        ({"go": {"cost": 1, "speed": 2}}, "standing_bids.go.speed"),
        ({"go": {"cost": 1, "max_concurrent": 0}}, "standing_bids.go.max_concurrent"),
    ],
    ids=str,
)
def test_a_standing_bid_that_cannot_be_meant_is_refused(rates, field):
    with pytest.raises(ValidationError) as refused:
        RegisterAgent(agent="ann", capabilities=["go"], standing_bids=rates)
    assert invalid(refused.value).facts["field"] == field
