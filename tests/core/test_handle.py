"""One command over the streams it touches: which they are, and that a decision changes none of them."""

from copy import deepcopy

import pytest

from market_core import Code, Rejection
from market_core.commands import (
    AggregateDemand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    Lapse,
    OfferResources,
    RegisterAgent,
    ReportOutcome,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from market_core.events import ResourceCleared
from market_core.facts import Facts
from market_core.handle import clearings, handle, new_state, resource_stream, streams
from tests.core.world import NOON, World, replayed

FACTS = Facts(NOON, "7", "ab" * 32)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (CreateAuction(agent="a", task="x"), ("auction/auc_7",)),
        (SubmitBid(agent="acme/a", auction_id="auc_1", cost=1), ("auction/auc_1",)),
        (CloseAuction(agent="a", auction_id="auc_1"), ("auction/auc_1",)),
        (AwardAuction(agent="a", auction_id="auc_1"), ("auction/auc_1",)),
        (ReportOutcome(agent="a", auction_id="auc_1", success=True), ("auction/auc_1",)),
        (Withdraw(agent="a", id="auc_1"), ("auction/auc_1",)),
        (Withdraw(agent="a", id="bid_1_2"), ("auction/auc_1",)),
        (Withdraw(agent="a", id="dem_gpu-hours_2"), ("resource/gpu-hours",)),
        (Withdraw(agent="a", id="off_gpu-hours_2"), ("resource/gpu-hours",)),
        (RequestResources(agent="a/x", resource="GPU Hours", quantity=1), ("resource/gpu-hours", "agent/a")),
        (OfferResources(agent="a", resource="GPU_hours", quantity=1, unit_price=1), ("resource/gpu-hours",)),
        (DeclareResource(resource="GPU hours"), ("resource/gpu-hours",)),
        (AggregateDemand(agent="a", resources=["b", "A", "B"]), ("resource/b", "resource/a")),
        (RegisterAgent(agent="acme/a"), ("agent/acme/a",)),
        (Lapse(stream="resource/x"), ("resource/x",)),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, tuple) else None,
)
def test_a_command_touches_these_streams(command, names):
    assert streams(command, {}, FACTS) == names


@pytest.mark.parametrize(
    "asked",
    [
        {"requirements": {"capabilities": ["go"]}},
        {"requirements": {"attributes": {"os": "linux"}}},
        {"scoring": {"attribute_bonus": [{"attribute": "gpu", "bonus": 1}]}},
    ],
    ids=str,
)
def test_a_bid_also_touches_the_card_of_its_bidder_once_the_auction_is_known_to_ask_for_it(asked):
    world = World()
    plain, choosy = (SubmitBid(agent="a", auction_id=world.create(**terms), cost=1) for terms in ({}, asked))
    assert streams(plain, world.states, FACTS) == (f"auction/{plain.auction_id}",)
    assert streams(choosy, world.states, FACTS) == (f"auction/{choosy.auction_id}", "agent/a")


def test_an_outcome_also_touches_the_record_of_the_winner_once_the_auction_is_known():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "acme/a", 1)
    report = ReportOutcome(agent="buyer", auction_id=auction_id, success=True)
    assert streams(report, world.states, FACTS) == (f"auction/{auction_id}",)
    world.award(auction_id)
    assert streams(report, world.states, FACTS) == (f"auction/{auction_id}", "agent/acme/a", "agent/acme")


@pytest.mark.parametrize("some_id", ["x", "pool_1", "auction_1", "_", "agent/a"])
def test_an_id_of_no_known_kind_is_unknown(some_id):
    with pytest.raises(Rejection) as refused:
        streams(Withdraw(agent="a", id=some_id), {}, FACTS)
    assert refused.value.code == Code.UNKNOWN_ID


def test_a_stream_of_no_known_kind_is_an_error():
    with pytest.raises(ValueError, match="no such kind of stream"):
        new_state("pool/1")
    assert resource_stream(" C++  Hours") == "resource/c++-hours"


def busy_world():
    """Return a world with an auction, a book and agents in it, and commands that would be carried out."""
    world = World()
    world.register("a", capabilities=["go"], attributes={"os": "linux"})
    auction_id = world.create(requirements={"capabilities": ["go"], "attributes": {"os": "linux"}})
    mine = world.bid(auction_id, "a", 5)
    done = world.create()
    world.bid(done, "a", 3)
    world.award(done)
    demand, offer = world.request("a", 2, 5), world.offer("b", 1, 3)
    return world, [
        SubmitBid(agent="a", auction_id=auction_id, cost=4, replaces=mine),
        Withdraw(agent="a", id=mine),
        Withdraw(agent="buyer", id=auction_id),
        CloseAuction(agent="buyer", auction_id=auction_id),
        AwardAuction(agent="buyer", auction_id=auction_id),
        ReportOutcome(agent="buyer", auction_id=done, success=True),
        RequestResources(agent="a", resource="gpu", quantity=1),
        OfferResources(agent="b", resource="gpu", quantity=1, unit_price=1),
        Withdraw(agent="a", id=demand),
        Withdraw(agent="b", id=offer),
        AggregateDemand(agent="a", resources=["gpu"]),
        DeclareResource(resource="gpu", whole=True),
        RegisterAgent(agent="a"),
        CreateAuction(agent="a", task="x"),
    ]


def test_deciding_changes_no_state_and_decides_the_same_again():
    world, commands = busy_world()
    for command in commands:
        found = {}
        while missing := [n for n in streams(command, found, FACTS) if n not in found]:
            found.update((name, world.states.get(name) or new_state(name)) for name in missing)
        before = deepcopy(found)
        first, second = handle(found, command, FACTS), handle(found, command, FACTS)
        assert found == before
        assert first == second
        assert all(first.events.values())


def test_every_state_is_what_its_events_make():
    world, commands = busy_world()
    for command in commands:
        try:
            world.do(command)
        except Rejection:
            continue
    assert {stream: replayed(events, stream) for stream, events in world.log.items()} == world.states


def test_the_clearings_of_a_decision_stand_by_resource():
    world = World()
    for name in ("cpu", "gpu"):
        world.request("a", 1, 5, resource=name)
        world.offer("b", 1, 3, resource=name)
    found = clearings(world.clear("gpu", "cpu"))
    assert {name: type(event) for name, event in found.items()} == {
        "cpu": ResourceCleared,
        "gpu": ResourceCleared,
    }
