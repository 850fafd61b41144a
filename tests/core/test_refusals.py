"""Every refusal of the core: what brings it about, its facts, and that nothing has changed."""

import ast
from pathlib import Path

import pytest

import market_core
from market_core import Code
from market_core.commands import (
    AggregateDemand,
    AwardAuction,
    CloseAuction,
    CreateAuction,
    DeclareResource,
    Grant,
    OfferResources,
    ReportOutcome,
    RequestResources,
    SettleDispute,
    SubmitBid,
    Withdraw,
)
from market_core.rejections import WORDS, Rejection
from market_core.terms import Constraints, Lot, Schedule, Scoring, Threshold
from tests.core.world import NOON, World, later


def scene(**terms):
    """Return a world with an auction of `buyer` in which `rival` has bid, and the auction's id."""
    world = World()
    auction_id = world.create(**terms)
    world.bid(auction_id, "rival", 8, estimated_time=5, quality=0.5)
    return world, auction_id


def bid(world, auction_id, agent="me", cost=5, **more):
    return world.refusal(SubmitBid(agent=agent, auction_id=auction_id, cost=cost, **more))


def unknown_auction():
    world, _ = scene()
    return bid(world, "auc_none")


def unknown_id():
    world, _ = scene()
    return world.refusal(Withdraw(agent="me", id="dem_gpu_1"))


def unknown_prefix():
    return World().refusal(Withdraw(agent="me", id="task_1"))


def rivals_bid():
    world, auction_id = scene()
    return world.refusal(Withdraw(agent="me", id=world.auction(auction_id).bids["rival"].bid_id))


def rivals_demand():
    world = World()
    return world.refusal(Withdraw(agent="me", id=world.request("rival", 1)))


def replaces_rivals_bid():
    world, auction_id = scene()
    return bid(world, auction_id, replaces=world.auction(auction_id).bids["rival"].bid_id)


def unknown_resource():
    return World().refusal(AggregateDemand(agent="me", resources=("gpu",)))


def not_the_buyer():
    world, auction_id = scene()
    return world.refusal(AwardAuction(agent="buyer/other", auction_id=auction_id))


def own_auction():
    world, auction_id = scene()
    return bid(world, auction_id, agent="Buyer/helper")


def not_your_bid():
    world, auction_id = scene()
    won = world.award(auction_id).winners[0].bid_id
    return world.refusal(Withdraw(agent="me", id=won))


def not_your_entry():
    world = World()
    bought = world.request("a", 1, 5)
    world.offer("s", 1, 3)
    world.clear()
    return world.refusal(Withdraw(agent="me", id=bought))


def both_sides():
    world = World()
    world.offer("acme/a", 1, 1)
    return world.refusal(RequestResources(agent="Acme/b", resource="GPU", quantity=1))


def invited_by_its_own_owner():
    return World().refusal(CreateAuction(agent="acme/a", task="x", invite=("b", "Acme")))


def not_invited():
    world, auction_id = scene(invite=("rival",))
    return bid(world, auction_id)


def cancelled():
    world, auction_id = scene()
    world.withdraw("buyer", auction_id)
    return bid(world, auction_id)


def unsold():
    world = World()
    auction_id = world.create()
    world.award(auction_id)
    return bid(world, auction_id)


def awarded():
    world, auction_id = scene()
    world.award(auction_id)
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id))


def closed():
    world, auction_id = scene()
    world.close(auction_id)
    return bid(world, auction_id)


def still_open():
    world, auction_id = scene()
    with pytest.raises(Rejection) as refused:
        world.preview(auction_id)
    return refused.value


def not_awarded():
    world, auction_id = scene()
    return world.refusal(ReportOutcome(agent="buyer", auction_id=auction_id, success=True))


def reported():
    world, auction_id = scene()
    world.award(auction_id)
    world.report(auction_id)
    world.wait(24 * 3600)
    return world.refusal(ReportOutcome(agent="buyer", auction_id=auction_id, success=False))


def done(success=False, **said):
    """Return a world in which `rival` has won, the outcome is reported and rival has said something of it."""
    world, auction_id = scene()
    world.award(auction_id)
    world.report(auction_id, success=success)
    if said:
        world.do(ReportOutcome(agent="rival", auction_id=auction_id, **said))
    return world, auction_id


def said_by_a_stranger():
    world, auction_id = done()
    return world.refusal(ReportOutcome(agent="me", auction_id=auction_id, delivered=True))


def nothing_to_dispute():
    world, auction_id = scene()
    world.award(auction_id)
    return world.refusal(ReportOutcome(agent="rival", auction_id=auction_id, dispute=True))


def disputed_twice():
    world, auction_id = done(dispute=True)
    return world.refusal(ReportOutcome(agent="rival", auction_id=auction_id, dispute=True))


def disputed_too_late():
    world, auction_id = done()
    world.wait(3 * 24 * 3600)
    return world.refusal(ReportOutcome(agent="rival", auction_id=auction_id, dispute=True))


def not_disputed():
    world, auction_id = done()
    return world.refusal(SettleDispute(auction_id=auction_id, provider="rival", success=True))


def settled():
    world, auction_id = done(dispute=True)
    world.do(SettleDispute(auction_id=auction_id, provider="rival", success=True))
    return world.refusal(ReportOutcome(agent="buyer", auction_id=auction_id, success=False))


def not_failed():
    world, auction_id = done(success=True)
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id, instead_of="rival"))


def awarded_instead():
    world, auction_id = scene()
    world.bid(auction_id, "me", 9)
    world.award(auction_id)
    world.report(auction_id, success=False)
    again = AwardAuction(agent="buyer", auction_id=auction_id, instead_of="rival")
    world.do(again)
    return world.refusal(again)


def below_min_reliability():
    world = World()
    asked = world.create(min_reliability="0.2")
    return bid(world, asked)


def confidence_required():
    scoring = Scoring(failure_price=10, settle_confidence=5)
    world = World()
    return bid(world, world.create(scoring=scoring))


def nobody_left():
    world, auction_id = done()
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id, instead_of="rival"))


def withdrawn():
    world, auction_id = scene()
    mine = world.bid(auction_id, "me", 7)
    world.withdraw("me", mine)
    return bid(world, auction_id, replaces=mine)


def replaced():
    world, auction_id = scene()
    mine = world.bid(auction_id, "me", 7)
    world.bid(auction_id, "me", 6)
    return world.refusal(Withdraw(agent="me", id=mine))


def entry_gone():
    world = World()
    mine = world.request("me", 1)
    world.withdraw("me", mine)
    return world.refusal(Withdraw(agent="me", id=mine))


def entry_lapsed():
    world = World()
    mine = world.request("me", 1, needed_by=later(5))
    world.wait(5)
    return world.refusal(Withdraw(agent="me", id=mine))


def in_use():
    world = World()
    world.request("me", "1.5")
    return world.refusal(DeclareResource(resource="gpu", whole=True))


def no_demand():
    world = World()
    world.offer("a", 1, 1)
    return world.refusal(AggregateDemand(agent="me", resources=("gpu",)))


def too_dear():
    world = World()
    world.offer("a", 1, 2)
    world.request("b", 1, 1)
    return world.refusal(AggregateDemand(agent="me", resources=("gpu",)))


def ended():
    world, auction_id = scene(closes_in=60)
    world.wait(60)
    return bid(world, auction_id)


def before_deadline():
    world, auction_id = scene(closes_in="60.000001", invite=("rival", "b"))
    return world.refusal(CloseAuction(agent="buyer", auction_id=auction_id))


def no_clock():
    return World(clock=False).refusal(CreateAuction(agent="buyer", task="x", closes_in=60))


def deadline_passed():
    return World().refusal(
        OfferResources(agent="a", resource="x", quantity=1, unit_price=1, available_until=NOON)
    )


def missing_capability():
    world = World()
    auction_id = world.create(requirements={"capabilities": ["Rust", "go", "sql"]})
    world.register("me", capabilities=["go"])
    return bid(world, auction_id)


def missing_attribute():
    world = World()
    auction_id = world.create(requirements={"attributes": {"Region": "eu", "cores": {"min": 4}, "os": "any"}})
    return bid(world, auction_id, attributes={"cores": 2, "os": "ANY"})


def time_required():
    world, auction_id = scene(scoring=Scoring(time_price="0.1"))
    return bid(world, auction_id)


def quality_required():
    world, auction_id = scene(scoring=Scoring(quality_price=1))
    return bid(world, auction_id)


def above_max_price():
    world, auction_id = scene(max_price="9.50")
    return bid(world, auction_id, cost="9.500001")


def score_out_of_range():
    world, auction_id = scene(scoring=Scoring(time_price=100_000_000))
    return bid(world, auction_id, estimated_time=10_000, cost=0)


def total_out_of_range():
    return World().refusal(OfferResources(agent="me", resource="gpu", quantity=999_999_999, unit_price=1_001))


def not_whole():
    world = World()
    world.do(DeclareResource(resource="gpu", whole=True))
    return world.refusal(RequestResources(agent="me", resource="GPU", quantity="1.5"))


def too_many_entries():
    world = World()
    for i in range(100):
        world.request(f"acme/{i}", 1)
    return world.refusal(RequestResources(agent="Acme", resource="gpu", quantity=1))


def book_full():
    world = World()
    world.offer("s", 1, 1)
    offers = world.book().offers
    (entry,) = offers.values()
    offers.update(dict.fromkeys(map(str, range(999_999)), entry))
    return world.refusal(OfferResources(agent="me", resource="gpu", quantity=1, unit_price=1))


def too_many_bids():
    world, auction_id = scene()
    auction = world.auction(auction_id)
    auction.bids.update(dict.fromkeys(map(str, range(199_999)), auction.bids["rival"]))
    return bid(world, auction_id)


def total_too_large():
    return World().refusal(OfferResources(agent="a", resource="x", quantity=2000, unit_price=500_000_000))


def already_taken():
    world, auction_id = dutch()
    world.do(SubmitBid(agent="rival", auction_id=auction_id, take=True))
    return world.refusal(SubmitBid(agent="me", auction_id=auction_id, take=True))


def already_yours():
    world, auction_id = dutch()
    world.do(SubmitBid(agent="me", auction_id=auction_id, take=True))
    return world.refusal(SubmitBid(agent="me", auction_id=auction_id, take=True))


def take_required():
    world, auction_id = dutch()
    return bid(world, auction_id)


def nothing_to_take():
    world, auction_id = scene()
    return world.refusal(SubmitBid(agent="me", auction_id=auction_id, take=True))


def must_bind():
    world, auction_id = scene(format="open")
    return bid(world, auction_id, valid_for=5)


def offer_too_low():
    world, auction_id = dutch()
    return world.refusal(SubmitBid(agent="me", auction_id=auction_id, take=True, at_least=5))


def not_improved():
    world, auction_id = scene(format="open")
    return bid(world, auction_id, agent="rival", cost=8, estimated_time=5, quality=0.5)


def leading():
    world, auction_id = scene(format="open")
    return world.refusal(Withdraw(agent="rival", id=world.auction(auction_id).bids["rival"].bid_id))


def dutch():
    world = World()
    rule = Schedule(start=1, step="0.5", every=10)
    return world, world.create(format="dutch", max_price=9, schedule=rule)


def for_lots(**terms):
    world = World()
    return world, world.create(lots=(Lot(id="roof"), Lot(id="walls", max_price=9)), **terms)


def field_does_not_fit():
    world, auction_id = scene()
    return bid(world, auction_id, quantity=2)


def far_beyond():
    world, auction_id = scene(quantity=3)
    return bid(world, auction_id, min_quantity=31)


def lots_do_not_fit():
    world, auction_id = scene(quantity=3)
    return bid(world, auction_id, lots=["roof"])


def lots_required():
    world, auction_id = for_lots()
    return bid(world, auction_id)


def unknown_lot():
    world, auction_id = for_lots()
    return bid(world, auction_id, lots=["roof", "door"])


def above_the_lots_max_price():
    world, auction_id = for_lots()
    return bid(world, auction_id, cost="9.5", lots=["walls"])


def provider_required():
    world, auction_id = for_lots()
    world.bid(auction_id, "a", 1, lots=["roof"])
    world.bid(auction_id, "b", 1, lots=["walls"])
    world.award(auction_id)
    refusal = world.refusal(ReportOutcome(agent="buyer", auction_id=auction_id, success=True))
    refusal.facts["winners"].sort()  # they stand in the order of their tie keys
    return refusal


def not_a_winner():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "a", 1)
    world.award(auction_id)
    return world.refusal(ReportOutcome(agent="buyer", auction_id=auction_id, success=True, provider="b"))


def only_the_constraints():
    world = World()
    auction_id = world.create(quantity=10, max_price=5, constraints=Constraints(max_share="0.6"))
    world.bid(auction_id, "a", 3)
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id))


def not_together():
    world = World()
    first = world.create()
    second = world.create(payment_rule="second_price")
    return world.refusal(AwardAuction(agent="buyer", auction_id=first, together_with=[second]))


def clearing_rule_does_not_fit():
    world = World()
    world.request("a", 2, 5)
    world.offer("b", 1, 1)
    return world.refusal(AggregateDemand(agent="c", resources=["gpu"], payment_rule="mcafee"))


def above_grant():
    world = World()
    world.do(Grant(owner="acme", priority=3))
    asked = RequestResources(agent="acme/x", resource="gpu", quantity=1, priority=4)
    return world.refusal(asked)


def fixed_by_operator():
    world = World()
    world.do(DeclareResource(resource="gpu", policy="fair"))
    return world.refusal(AggregateDemand(agent="c", resources=["gpu"], policy="efficient"))


def threshold_not_met():
    world = World()
    world.request("a", 2)
    asked = {"agent": "c", "resources": ["gpu"], "via": "auction", "closes_in": 9}
    return world.refusal(AggregateDemand(**asked, threshold=Threshold(owners=2)))


def pool_closed():
    world = World()
    mine = world.request("a", 2)
    world.do(AggregateDemand(agent="c", resources=["gpu"], via="auction", closes_in=60))
    world.wait(60)
    return world.refusal(Withdraw(agent="a", id=mine))


def a_pool():
    world = World()
    mine = world.request("a/x", 2)
    asked = AggregateDemand(agent="c", resources=["gpu"], via="auction", closes_in=60)
    return world, mine, world.do(asked).events["resource/gpu"][0].auction_id


def in_a_pool():
    world, mine, _ = a_pool()
    return world.refusal(RequestResources(agent="a/x", resource="gpu", quantity=1, replaces=mine))


def pool_decides():
    world, _, auction_id = a_pool()
    return world.refusal(AwardAuction(agent="c", auction_id=auction_id))


def pool_not_reported():
    world, _, auction_id = a_pool()
    for command in (
        ReportOutcome(agent="c", auction_id=auction_id, success=True),
        ReportOutcome(agent="s", auction_id=auction_id, delivered=True),
    ):
        refusal = world.refusal(command)
    return refusal


def pool_member():
    world, _, auction_id = a_pool()
    return world.refusal(SubmitBid(agent="a/y", auction_id=auction_id, cost=1))


def owner_bids_already():
    world, auction_id = for_lots()
    world.bid(auction_id, "acme/a", 1, lots=["roof"])
    return bid(world, auction_id, agent="acme/b", lots=["walls"])


def two_bids_for_one():
    world, auction_id = for_lots()
    roof = world.bid(auction_id, "me", 1, lots=["roof"])
    world.bid(auction_id, "me", 1, lots=["walls"])
    return bid(world, auction_id, lots=["walls"], replaces=roof)


def no_competition():
    world, auction_id = for_lots(payment_rule="vcg")
    world.bid(auction_id, "a", 1, lots=["roof"])
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id))


def rule_does_not_fit():
    world = World()
    auction_id = world.create(quantity=3)
    world.bid(auction_id, "a", 1, min_quantity=2)
    world.close(auction_id)
    (refused,) = [rule.refused for rule in world.preview(auction_id).rules if rule.payment_rule == "uniform"]
    return refused


def units_tied_together():
    world, auction_id = scene(quantity=3, payment_rule="uniform")
    return bid(world, auction_id, min_quantity=2)


def falling_tiers():
    world, auction_id = scene(quantity=3, payment_rule="uniform")
    return bid(world, auction_id, tiers=[{"from_quantity": 2, "cost": 1}])


def constraints_conflict():
    world, auction_id = for_lots(constraints=Constraints(min_winners=2))
    world.bid(auction_id, "a", 1, lots=["roof"])
    return world.refusal(AwardAuction(agent="buyer", auction_id=auction_id))


def too_many_own_bids():
    world = World()
    auction_id = world.create(lots=tuple(Lot(id=f"l{n}") for n in range(51)))
    for n in range(50):
        world.bid(auction_id, "me", 1, lots=[f"l{n}"])
    return bid(world, auction_id, lots=["l50"])


CASES = [
    (unknown_auction, Code.UNKNOWN_AUCTION, {}),
    (unknown_id, Code.UNKNOWN_ID, {}),
    (unknown_prefix, Code.UNKNOWN_ID, {}),
    (rivals_bid, Code.UNKNOWN_ID, {}),
    (rivals_demand, Code.UNKNOWN_ID, {}),
    (replaces_rivals_bid, Code.UNKNOWN_ID, {}),
    (unknown_resource, Code.UNKNOWN_RESOURCE, {}),
    (not_the_buyer, Code.NOT_THE_BUYER, {}),
    (own_auction, Code.OWN_AUCTION, {}),
    (not_your_bid, Code.NOT_YOUR_BID, {}),
    (not_your_entry, Code.NOT_YOUR_ENTRY, {}),
    (both_sides, Code.BOTH_SIDES, {"holder": "acme/a", "entry": "off_gpu_t1"}),
    (invited_by_its_own_owner, Code.OWN_AUCTION, {}),
    (not_invited, Code.NOT_INVITED, {}),
    (cancelled, Code.AUCTION_CANCELLED, {}),
    (unsold, Code.AUCTION_UNSOLD, {}),
    (already_taken, Code.ALREADY_TAKEN, {}),
    (already_yours, Code.ALREADY_YOURS, {"payment": "1"}),
    (awarded, Code.AUCTION_AWARDED, {}),
    (closed, Code.AUCTION_CLOSED, {}),
    (still_open, Code.AUCTION_OPEN, {}),
    (not_awarded, Code.NOT_AWARDED, {"status": "open"}),
    (reported, Code.OUTCOME_REPORTED, {"until": ", and could be changed until 2026-11-24T12:00:00Z"}),
    (said_by_a_stranger, Code.NOT_THE_PROVIDER, {}),
    (nothing_to_dispute, Code.NOT_REPORTED, {}),
    (disputed_twice, Code.OUTCOME_DISPUTED, {}),
    (disputed_too_late, Code.DISPUTE_ENDED, {"until": "2026-11-26T12:00:00Z"}),
    (not_disputed, Code.NOT_DISPUTED, {}),
    (settled, Code.OUTCOME_SETTLED, {}),
    (not_failed, Code.NOT_FAILED, {"provider": "rival"}),
    (awarded_instead, Code.AWARDED_INSTEAD, {"provider": "rival"}),
    (nobody_left, Code.NOBODY_LEFT, {}),
    (withdrawn, Code.BID_WITHDRAWN, {}),
    (replaced, Code.BID_REPLACED, {}),
    (leading, Code.LEADING_BID, {}),
    (entry_gone, Code.ENTRY_GONE, {"status": "withdrawn"}),
    (entry_lapsed, Code.ENTRY_GONE, {"status": "lapsed"}),
    (in_use, Code.RESOURCE_IN_USE, {}),
    (no_demand, Code.NOTHING_TO_CLEAR, {"why": "there is no demand in the book"}),
    (too_dear, Code.NOTHING_TO_CLEAR, {"why": "every offer asks more than every demand's limit"}),
    (ended, Code.BIDDING_ENDED, {"closes_at": "2026-11-23T12:01:00Z"}),
    (
        before_deadline,
        Code.BEFORE_DEADLINE,
        {
            "closes_at": "2026-11-23T12:01:00.000001Z",
            "seconds": 61,
            "unless": "; sooner only once all invited have bid (1 of 2 have)",
        },
    ),
    (no_clock, Code.NO_CLOCK, {"field": "closes_in"}),
    (deadline_passed, Code.DEADLINE_PASSED, {"field": "available_until", "now": "2026-11-23T12:00:00Z"}),
    (take_required, Code.TAKE_REQUIRED, {"offered": "1"}),
    (nothing_to_take, Code.NOTHING_TO_TAKE, {}),
    (must_bind, Code.MUST_BIND, {}),
    (
        field_does_not_fit,
        Code.FIELD_DOES_NOT_FIT,
        {"field": "quantity", "why": "it is not for units of a quantity"},
    ),
    (
        far_beyond,
        Code.FIELD_DOES_NOT_FIT,
        {"field": "min_quantity", "why": "it begins beyond 10 times the 3 units that are asked for"},
    ),
    (lots_do_not_fit, Code.FIELD_DOES_NOT_FIT, {"field": "lots", "why": "it has no lots"}),
    (
        units_tied_together,
        Code.FIELD_DOES_NOT_FIT,
        {"field": "min_quantity", "why": "uniform prices each unit alone"},
    ),
    (
        falling_tiers,
        Code.FIELD_DOES_NOT_FIT,
        {
            "field": "tiers",
            "why": "uniform prices each unit alone: only incremental tiers whose cost never falls",
        },
    ),
    (lots_required, Code.LOTS_REQUIRED, {}),
    (unknown_lot, Code.UNKNOWN_LOT, {"missing": ["door"]}),
    (above_the_lots_max_price, Code.BID_ABOVE_MAX_PRICE, {"max_price": "9"}),
    (provider_required, Code.PROVIDER_REQUIRED, {"winners": ["a", "b"]}),
    (not_a_winner, Code.NOT_A_WINNER, {"winners": ["a"]}),
    (only_the_constraints, Code.CONSTRAINTS_CONFLICT, {"conflict": ("max_share",)}),
    (owner_bids_already, Code.OWNER_BIDS_ALREADY, {"other": "acme/a"}),
    (two_bids_for_one, Code.TWO_BIDS_FOR_ONE, {}),
    (no_competition, Code.NO_COMPETITION, {"winner": "a", "rule": "vcg"}),
    (
        rule_does_not_fit,
        Code.PAYMENT_RULE_DOES_NOT_FIT,
        {"rule": "uniform", "why": "uniform needs bids without a min_quantity above 1"},
    ),
    (constraints_conflict, Code.CONSTRAINTS_CONFLICT, {"conflict": ("min_winners",)}),
    (
        clearing_rule_does_not_fit,
        Code.CLEARING_RULE_DOES_NOT_FIT,
        {"rule": "mcafee", "why": "mcafee needs entries of one whole unit each"},
    ),
    (threshold_not_met, Code.THRESHOLD_NOT_MET, {"quantity": "2", "owners": 1}),
    (pool_closed, Code.POOL_CLOSED, {"closes_at": "2026-11-23T12:01:00Z"}),
    (in_a_pool, Code.IN_A_POOL, {"closes_at": "2026-11-23T12:01:00Z"}),
    (pool_decides, Code.POOL_DECIDES, {"closes_at": "2026-11-23T12:01:00Z"}),
    (pool_not_reported, Code.POOL_NOT_REPORTED, {}),
    (pool_member, Code.POOL_MEMBER, {}),
    (above_grant, Code.ABOVE_GRANT, {"field": "priority", "granted": "3"}),
    (fixed_by_operator, Code.FIXED_BY_OPERATOR, {"field": "policy", "fixed": "fair"}),
    (
        not_together,
        Code.NOT_TOGETHER,
        {"why": "all must pay_as_bid, or all vcg; they have pay_as_bid, second_price"},
    ),
    (too_many_own_bids, Code.TOO_MANY_OWN_BIDS, {"limit": 50}),
    (missing_capability, Code.MISSING_CAPABILITY, {"missing": ["rust", "sql"]}),
    (missing_attribute, Code.MISSING_ATTRIBUTE, {"missing": ["region", "cores"]}),
    (time_required, Code.ESTIMATED_TIME_REQUIRED, {}),
    (quality_required, Code.QUALITY_REQUIRED, {}),
    (below_min_reliability, Code.BELOW_MIN_RELIABILITY, {"asked": "0.2", "low": "0.05"}),
    (confidence_required, Code.CONFIDENCE_REQUIRED, {}),
    (above_max_price, Code.BID_ABOVE_MAX_PRICE, {"max_price": "9.5"}),
    (score_out_of_range, Code.SCORE_OUT_OF_RANGE, {}),
    (
        not_improved,
        Code.BID_NOT_IMPROVED,
        {"standing": "8", "decrement": "0.000001", "score": "8", "most": "7.999999"},
    ),
    (
        offer_too_low,
        Code.OFFER_TOO_LOW,
        {"offered": "1", "rises": "; it gets there in 80 seconds, at 2026-11-23T12:01:20Z", "seconds": 80},
    ),
    (total_out_of_range, Code.TOTAL_OUT_OF_RANGE, {"limit": "1,000,000,000,000"}),
    (total_too_large, Code.TOTAL_OUT_OF_RANGE, {"limit": "1,000,000,000,000"}),
    (not_whole, Code.NOT_WHOLE, {}),
    (too_many_entries, Code.TOO_MANY_ENTRIES, {"limit": 100}),
    (book_full, Code.BOOK_FULL, {"limit": "1,000,000"}),
    (too_many_bids, Code.TOO_MANY_BIDS, {"limit": 200_000}),
]


@pytest.mark.parametrize(("case", "code", "facts"), CASES, ids=[case.__name__ for case, _, _ in CASES])
def test_a_refusal_has_its_code_facts_and_words_and_changes_nothing(case, code, facts):
    refusal = case()
    assert (refusal.code, refusal.facts) == (code, facts)
    words = refusal.message, refusal.next
    assert not {"{", "}"} & set("".join(words))
    assert str(refusal) == f"{code.value}: {words[0]}. Next: {words[1]}."
    assert refusal.transient is WORDS[code].transient


def raised_in_the_core():
    """Return the codes that some function of the core names, apart from the words about them."""
    folder = Path(market_core.__file__).parent
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py") if path.name != "rejections.py"]
    return {
        Code[node.attr]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code"
    }


def test_the_table_has_every_refusal_that_the_core_can_give():
    elsewhere = {Code.UNKNOWN_AGENT, Code.INVALID_VALUE}  # of a look and of the embedding: see their tests
    elsewhere |= {Code.NOT_PROVED, Code.TOO_LARGE, Code.BUSY}  # of instances too hard for here: test_solving
    assert {code for _, code, _ in CASES} == raised_in_the_core() - elsewhere
