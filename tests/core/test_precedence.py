"""When several refusals apply, the first in the order of the codes is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any

import pytest

from market_core import Code, Scoring
from market_core.commands import (
    AggregateDemand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    OfferResources,
    ReportOutcome,
    RequestResources,
    SubmitBid,
    Withdraw,
)
from tests.core.world import World, later

ORDER = list(Code)


def first_of(codes):
    return min(codes, key=ORDER.index)


# A bid with several faults


@dataclass
class Scene:
    """An auction that asks for everything, in which `me` has bid well; faults spoil the next bid."""

    world: World = field(default_factory=World)
    terms: dict[str, Any] = field(default_factory=dict)
    after: list[Callable[["Scene"], None]] = field(default_factory=list)
    bid: dict[str, Any] = field(default_factory=dict)
    auction_id: str = ""
    first_bid: str = ""
    rivals_bid: str = ""

    def refused(self) -> Code:
        for agent in ("me", "stranger", "buyer/x", "rival"):
            self.world.register(agent, capabilities=["go"])
        self.auction_id = self.world.create(
            **{
                "requirements": {"capabilities": ["go"], "attributes": {"os": "linux"}},
                "scoring": Scoring(time_price=100_000_000, quality_price=1),
                "max_price": 10,
                "invite": ("me", "rival"),
                **self.terms,
            }
        )
        good = {"cost": 5, "estimated_time": 1, "quality": 1, "attributes": {"os": "linux"}}
        self.first_bid = self.world.bid(self.auction_id, "me", **good)
        self.rivals_bid = self.world.bid(self.auction_id, "rival", **{**good, "cost": 6})
        for step in self.after:
            step(self)
        faulty = {"agent": "me", "auction_id": self.auction_id, **good, **self.bid}
        return self.world.refused(SubmitBid(**{k: v(self) if callable(v) else v for k, v in faulty.items()}))


def withdraw_all(scene):
    for bidder, bid in list(scene.world.auction(scene.auction_id).bids.items()):
        scene.world.withdraw(bidder, bid.bid_id)


def bid_again(scene):
    scene.world.bid(scene.auction_id, "me", 4, estimated_time=1, quality=1, attributes={"os": "linux"})


def change(**bid):
    return lambda scene: scene.bid.update(bid)


def then(step, **bid):
    def spoil(scene):
        scene.after.append(step)
        scene.bid.update(bid)

    return spoil


def first_bid(scene):
    return scene.first_bid


def end(scene):
    scene.terms["closes_in"] = 60
    scene.after.append(lambda s: s.world.wait(60))


def stop_the_clock(scene):
    scene.world.clock = False


# In the order in which their steps can follow one another.
FAULTS: dict[Code, Callable[[Scene], Any]] = {
    Code.UNKNOWN_AUCTION: change(auction_id="auc_none"),
    Code.UNKNOWN_ID: change(replaces=lambda scene: scene.rivals_bid),
    Code.OWN_AUCTION: change(agent="buyer/x"),
    Code.NOT_INVITED: change(agent="stranger"),
    Code.BID_REPLACED: then(bid_again, replaces=first_bid),
    Code.BID_WITHDRAWN: then(lambda s: s.world.withdraw("me", s.first_bid), replaces=first_bid),
    Code.AUCTION_UNSOLD: then(withdraw_all),
    Code.BIDDING_ENDED: end,
    Code.AUCTION_CANCELLED: then(lambda s: s.world.withdraw("buyer", s.auction_id)),
    Code.AUCTION_AWARDED: then(lambda s: s.world.award(s.auction_id)),
    Code.AUCTION_CLOSED: then(lambda s: s.world.close(s.auction_id)),
    Code.NO_CLOCK: then(stop_the_clock, valid_for=5),
    Code.MISSING_CAPABILITY: then(lambda s: s.world.register(s.bid.get("agent", "me"), capabilities=["sql"])),
    Code.MISSING_ATTRIBUTE: change(attributes={"os": "mac"}),
    Code.ESTIMATED_TIME_REQUIRED: change(estimated_time=None),
    Code.QUALITY_REQUIRED: change(quality=None),
    Code.BID_ABOVE_MAX_PRICE: change(cost="10.000001"),
    Code.SCORE_OUT_OF_RANGE: change(estimated_time=10_001),
}

TOGETHER_IMPOSSIBLE = [
    {Code.UNKNOWN_ID, Code.BID_REPLACED, Code.BID_WITHDRAWN},  # a bid names one other
    {Code.OWN_AUCTION, Code.NOT_INVITED},  # made below
    {Code.AUCTION_CANCELLED, Code.AUCTION_AWARDED, Code.AUCTION_CLOSED, Code.AUCTION_UNSOLD},
    {Code.AUCTION_CLOSED, Code.BIDDING_ENDED},  # late is late: see the next test
    {Code.ESTIMATED_TIME_REQUIRED, Code.SCORE_OUT_OF_RANGE},
    {Code.OWN_AUCTION, Code.BID_REPLACED, Code.BID_WITHDRAWN},  # the bid named is not this agent's
    {Code.NOT_INVITED, Code.BID_REPLACED, Code.BID_WITHDRAWN},
]


def can_be_together(one, other):
    return not any({one, other} <= group for group in TOGETHER_IMPOSSIBLE)


def spoiled(*codes):
    scene = Scene()
    for code, spoil in FAULTS.items():
        if code in codes:
            spoil(scene)
    if Code.AUCTION_UNSOLD in codes:
        scene.after.append(lambda s: s.world.award(s.auction_id))
    if Code.NO_CLOCK in codes:
        scene.after.sort(key=lambda step: step is stop_the_clock)
    return scene


@pytest.mark.parametrize("code", FAULTS)
def test_a_bid_with_one_fault_is_refused_for_it(code):
    assert spoiled(code).refused() == code


@pytest.mark.parametrize(
    "faults", [pair for pair in combinations(FAULTS, 2) if can_be_together(*pair)], ids="+".join
)
def test_a_bid_with_two_faults_is_refused_for_the_first(faults):
    assert spoiled(*faults).refused() == first_of(faults)


def test_an_agent_of_the_buyers_owner_that_is_not_invited_hears_the_first_of_both():
    world = World()
    auction_id = world.create(invite=("me",))
    refused = world.refused(SubmitBid(agent="buyer/y", auction_id=auction_id, cost=1))
    assert refused == first_of({Code.OWN_AUCTION, Code.NOT_INVITED})


def test_a_late_bid_is_late_whether_the_closing_is_recorded_or_not():
    world = World()
    auction_id = world.create(closes_in=60)
    bid = SubmitBid(agent="me", auction_id=auction_id, cost=1)
    world.wait(61)
    before = world.refusal(bid)
    world.lapse(f"auction/{auction_id}")
    after = world.refusal(bid)
    assert (after.code, after.facts) == (before.code, before.facts)
    assert before.code == Code.BIDDING_ENDED


@pytest.mark.parametrize("other", [Code.NO_CLOCK, Code.BID_ABOVE_MAX_PRICE, Code.SCORE_OUT_OF_RANGE])
def test_a_full_auction_is_the_last_reason_to_refuse_a_bid(other):
    def fill(scene):
        auction = scene.world.auction(scene.auction_id)
        auction.bids.pop("me")
        auction.bids.update(dict.fromkeys(map(str, range(199_999)), auction.bids["rival"]))

    scene = spoiled(other)
    scene.after.append(fill)
    assert scene.refused() == other


# What a buyer asks of its auction


def auction_in(status, **terms):
    world = World()
    auction_id = world.create(**terms)
    if status != "unsold":
        world.bid(auction_id, "a", 1)
    {
        "open": lambda: None,
        "closed": lambda: world.close(auction_id),
        "awarded": lambda: world.award(auction_id),
        "unsold": lambda: world.award(auction_id),
        "cancelled": lambda: world.withdraw("buyer", auction_id),
    }[status]()
    return world, auction_id


def buyers_commands(agent, auction_id):
    return [
        CloseAuction(agent=agent, auction_id=auction_id),
        AwardAuction(agent=agent, auction_id=auction_id),
        ReportOutcome(agent=agent, auction_id=auction_id, success=True),
        Withdraw(agent=agent, id=auction_id),
    ]


@pytest.mark.parametrize("status", ["open", "closed", "awarded", "unsold", "cancelled"])
def test_whoever_is_not_the_buyer_hears_that_before_the_state(status):
    world, auction_id = auction_in(status)
    for agent in ("a", "buyer/x", "Buyer"):
        assert {world.refused(c) for c in buyers_commands(agent, auction_id)} == {Code.NOT_THE_BUYER}


def test_an_unknown_auction_is_unknown_before_anything_else():
    world = World()
    assert {world.refused(c) for c in buyers_commands("a", "auc_none")} == {Code.UNKNOWN_AUCTION}


def test_the_state_of_an_auction_comes_before_its_deadline():
    for status in ("awarded", "closed", "cancelled"):
        world, auction_id = auction_in("open", closes_in=60, invite=("a",))  # all invited have bid
        if status == "cancelled":
            world.withdraw("buyer", auction_id)
        elif status == "closed":
            world.close(auction_id)
        else:
            world.award(auction_id)
        refused = world.refused(CloseAuction(agent="buyer", auction_id=auction_id))
        assert refused == Code[f"AUCTION_{status.upper()}"]


def test_an_outcome_reported_twice_hears_that_it_was_reported():
    world, auction_id = auction_in("awarded", closes_in=60, invite=("a",))
    world.report(auction_id)
    world.wait(24 * 3600)
    again = ReportOutcome(agent="buyer", auction_id=auction_id, success=True)
    assert world.refused(again) == Code.OUTCOME_REPORTED


def test_taking_back_a_bid_that_was_taken_back_hears_the_first_reason():
    world = World()
    auction_id = world.create(closes_in=60)
    mine = world.bid(auction_id, "me", 1)
    world.withdraw("me", mine)
    assert world.refused(Withdraw(agent="me", id=mine)) == Code.BID_WITHDRAWN
    assert world.refused(Withdraw(agent="rival", id=mine)) == Code.UNKNOWN_ID
    world.wait(60)
    assert world.refused(Withdraw(agent="me", id=mine)) == first_of({Code.BID_WITHDRAWN, Code.BIDDING_ENDED})


# Resources

ENTRY_FAULTS = {
    Code.BOTH_SIDES: {"agent": "across/x"},
    Code.NO_CLOCK: {"until": later(-1)},
    Code.DEADLINE_PASSED: {"until": later(-1)},
    Code.TOTAL_OUT_OF_RANGE: {"price": 999_999_999},
    Code.NOT_WHOLE: {"quantity": "5000.5"},
    Code.TOO_MANY_ENTRIES: {"agent": "full/x"},
}


@pytest.mark.parametrize("side", ["demand", "offer"])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_an_entry_with_several_faults_is_refused_for_the_first(side, number):
    for faults in combinations(ENTRY_FAULTS, number):
        if {Code.BOTH_SIDES, Code.TOO_MANY_ENTRIES} <= set(faults):
            continue  # an owner has entries on one side only
        world = World()
        world.do(DeclareResource(resource="gpu", whole=True))
        for _ in range(100 if Code.TOO_MANY_ENTRIES in faults else 0):
            world.request("full", 1) if side == "demand" else world.offer("full", 1, 1)
        if Code.BOTH_SIDES in faults:
            world.offer("across", 1, 1) if side == "demand" else world.request("across", 1)
        world.clock = Code.NO_CLOCK not in faults
        said = {"agent": "me", "quantity": 5000, "price": 1, "until": None}
        for fault in faults:
            said |= ENTRY_FAULTS[fault]
        until, price = said.pop("until"), said.pop("price")
        if side == "demand":
            command = RequestResources(resource="gpu", max_unit_price=price, needed_by=until, **said)
        else:
            command = OfferResources(resource="gpu", unit_price=price, available_until=until, **said)
        assert world.refused(command) == first_of(faults)


def test_of_several_resources_that_do_not_clear_the_first_reason_is_given():
    world = World()
    world.request("a", 1, resource="idle")
    for names in permutations(["idle", "nobody-named-it"]):
        refused = world.refused(AggregateDemand(agent="me", resources=names))
        assert refused == first_of({Code.UNKNOWN_RESOURCE, Code.NOTHING_TO_CLEAR})


def test_inviting_ones_own_owner_is_refused_before_a_wrong_deadline():
    command = CreateAuction(agent="buyer", task="x", closes_at=later(-1), invite=("buyer/x",))
    assert World().refused(command) == first_of({Code.OWN_AUCTION, Code.DEADLINE_PASSED})
    assert World(clock=False).refused(command) == first_of({Code.OWN_AUCTION, Code.NO_CLOCK})


def test_without_a_clock_a_moment_in_the_past_means_nothing_rather_than_too_late():
    command = CreateAuction(agent="buyer", task="x", closes_at=later(-1))
    assert World(clock=False).refused(command) == Code.NO_CLOCK
    assert World().refused(command) == Code.DEADLINE_PASSED
