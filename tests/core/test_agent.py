"""One agent: its card, and what it may say again."""

import pytest

from market_core import Code, Rejection
from market_core.commands import RegisterAgent, Vouch
from market_core.events import AgentRegistered, OutcomeReported, Vouched
from market_core.mechanisms.reliability import Range
from market_core.observation import AgentSeen, RecordSeen, see_agent, see_estimates
from tests.core.world import NOON, World

CARD = {
    "description": "reviews",
    "capabilities": ["Go", "go", "C++"],
    "attributes": {"OS": "linux", "cpu": 8},
}


def test_a_card_is_recorded_as_said():
    event = World().only_event(RegisterAgent(agent="acme/x", **CARD))
    assert event == AgentRegistered(NOON, "acme/x", "reviews", ("go", "c++"), {"os": "linux", "cpu": 8})


def test_saying_the_same_again_is_no_event():
    world = World()
    world.register("a", **CARD)
    assert world.do(RegisterAgent(agent="a", **CARD)).events == {"agent/a": []}


@pytest.mark.parametrize(
    "other",
    [
        {"description": "reviews more"},
        {"capabilities": ["go"]},
        {"capabilities": ["c++", "go"]},
        {"attributes": {"os": "linux"}},
        {"attributes": {"os": "mac", "cpu": 8}},
        {"attributes": {"os": "linux", "cpu": 9}},
        {},
    ],
    ids=str,
)
def test_a_new_card_replaces_the_one_before(other):
    world = World()
    world.register("a", **CARD)
    said = {**CARD, **other} if other else {}
    (event,) = world.do(RegisterAgent(agent="a", **said)).events["agent/a"]
    assert world.states["agent/a"].registered == event
    assert see_agent("a", world.states["agent/a"]).description == said.get("description", "")


@pytest.mark.parametrize(("before", "now"), [(1, True), (0, False), (True, 1)])
def test_a_truth_in_place_of_a_number_is_another_card(before, now):
    world = World()
    world.register("a", attributes={"certified": before})
    world.register("a", attributes={"certified": now})
    said = world.states["agent/a"].attributes["certified"]
    assert (said, type(said)) == (now, type(now))


def outcome(world, buyer, provider, success):
    auction_id = world.create(buyer=buyer)
    world.bid(auction_id, provider, 1)
    world.award(auction_id, agent=buyer)
    world.report(auction_id, agent=buyer, success=success)


def test_a_record_counts_the_outcomes_of_others_and_shows_the_last_five():
    world = World()
    for success in (True, False, True, True, True, True):
        outcome(world, "buyer", "acme/x", success)
    seen = see_agent("acme/x", world.states["agent/acme/x"])
    outcomes = tuple(event for event in world.log["agent/acme/x"] if isinstance(event, OutcomeReported))
    assert seen == AgentSeen("acme/x", "", (), {}, RecordSeen(6, 5, 1), outcomes[1:])


def test_what_a_record_says_is_seen_over_everything_and_by_capability():
    world = World()
    for name in ("go", "rust"):
        for success in (True, False) if name == "go" else (True,):
            auction_id = world.create(requirements={"capabilities": [name]})
            world.register("a", capabilities=["go", "rust"])
            world.bid(auction_id, "a", 1)
            world.award(auction_id)
            world.report(auction_id, success=success)
    seen = see_estimates(world.states["agent/a"], world.now)
    told = [(one.capability, one.estimate.awards, one.estimate.success.mean) for one in seen]
    assert told == [
        ("", 3, 599_726),  # 3 of 5, but for what the later outcomes let one forget of the first
        ("go", 2, 499_135),
        ("rust", 1, 666_667),
    ]


def test_a_newcomer_has_the_prior_and_it_is_called_so():
    world = World()
    world.register("a")
    ((name, estimate),) = [
        (one.capability, one.estimate) for one in see_estimates(world.states["agent/a"], world.now)
    ]
    assert (name, estimate.is_prior, estimate.success) == ("", True, Range(500_000, 50_000, 950_000))


def test_an_owner_is_vouched_for_until_it_is_not():
    world = World()
    assert world.only_event(Vouch(owner="Acme/x")) == Vouched(NOON, "acme", vouched=True)
    assert world.do(Vouch(owner="acme")).events == {"agent/acme": []}
    world.do(Vouch(owner="acme", vouched=False))
    assert world.states["agent/acme"].vouched is False


def test_what_is_seen_of_an_agent_cannot_change_it():
    world = World()
    world.register("a", **CARD)
    see_agent("a", world.states["agent/a"]).attributes["os"] = "mac"
    assert world.states["agent/a"].attributes == {"os": "linux", "cpu": 8}


def test_an_agent_that_nobody_has_heard_of_is_unknown():
    world = World()
    world.register("a")
    world.create(buyer="b")
    with pytest.raises(Rejection) as refused:
        see_agent("b", world.states.get("agent/b") or type(world.states["agent/a"])())
    assert (refused.value.code, refused.value.facts) == (Code.UNKNOWN_AGENT, {})
