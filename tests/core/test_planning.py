"""Advice from the market's own history: which auctions count, what they say, what is unclear in a task."""

from decimal import Decimal

import pytest

from market_core import Scoring
from market_core.commands import CreateAuction
from market_core.mechanisms.order_statistics import Span
from market_core.planning import Standing, amount, counts, plan, standing_now, unclear
from tests.core.world import World

D = Decimal
GO = {"capabilities": ["go"]}


def held(world, costs, *, wait=30, award=True, report=None, **terms):
    """Hold an auction in which these costs are asked, `wait` seconds after its creation."""
    auction_id = world.create(requirements=terms.pop("requirements", GO), **terms)
    world.wait(wait)
    for number, cost in enumerate(costs):
        world.register(f"p{number}", capabilities=["go", "rust"])
        world.bid(auction_id, f"p{number}", cost, estimated_time=60)
    if award:
        world.award(auction_id)
    if report is not None:
        world.report(auction_id, success=True, actual_time=report)
    return world.auction(auction_id)


def test_enough_auctions_give_bidders_payments_and_a_max_price():
    world = World()
    auctions = [held(world, [10, 20, 30, 40], payment_rule="second_price") for _ in range(5)]
    made = plan(auctions, standing(15, 25), D(60), [])
    advice = made.advice
    assert (advice.auctions, advice.bids, advice.thin) == (5, 20, False)
    assert (advice.bidders.mean, made.standing) == (4, 2)
    # as the mechanism's own doctest: four draws of (10, 20, 30, 40), of which the second lowest is paid
    assert amount(advice.second_price) == (D("21.015625"), 10, 40)
    assert advice.max_price == 30_000_000


def standing(*costs, owners=None):
    return [Standing(f"s{n % (owners or len(costs))}", cost * 1_000_000) for n, cost in enumerate(costs)]


def test_standing_bids_of_three_owners_count_with_their_costs_and_all_as_bidders():
    world = World()
    auctions = [held(world, [10, 20, 30, 40]) for _ in range(5)]
    without = plan(auctions, [], None, [])
    # of two owners the advice could tell what one asks: only that they bid is counted
    few = plan(auctions, standing(*[1] * 6, owners=2), None, [])
    assert (few.standing, few.standing_counted, few.advice.bidders.mean) == (6, False, 6)
    assert few.advice.pay_as_bid.mean < without.advice.pay_as_bid.mean
    assert few.advice.pay_as_bid.low == 10_000_000
    many = plan(auctions, standing(*[1] * 6, owners=3), None, [])
    assert (many.standing_counted, many.advice.pay_as_bid.low) == (True, 1_000_000)
    assert plan(auctions[:4], standing(*[1] * 30), None, []).advice.thin


def test_a_standing_bid_counts_where_it_would_enter_now():
    world = World()
    rates = {"go": {"cost": 5, "max_concurrent": 1}, "rust": {"cost": 7}}
    for agent in ("ann", "bob"):
        world.register(agent, capabilities=["go", "rust"], standing_bids=rates)

    def found(*asked, buyer="buyer"):
        return standing_now([world.states["agent/ann"], world.states["agent/bob"]], asked, buyer)

    both = [Standing("ann", 5_000_000), Standing("bob", 5_000_000)]
    assert found("go") == both
    assert [each.cost for each in found("go", "rust")] == [7_000_000] * 2
    assert found("sql") == found() == []
    assert found("go", buyer="Ann/x") == both[1:]
    (stream,) = world.do(CreateAuction(agent="buyer", task="x", requirements=GO)).events
    winner = world.award(stream.partition("/")[2]).winners[0].agent
    assert [each.owner for each in found("go")] == [{"ann": "bob", "bob": "ann"}[winner]]


@pytest.mark.parametrize("auctions", [4, 6])
def test_too_short_a_history_is_called_thin(auctions):
    world = World()
    made = plan([held(world, [10, 20, 30]) for _ in range(auctions)], [], None, ["x"])
    assert made.advice.thin  # too few auctions, or too few bids
    assert (made.closes_in, made.scoring, made.warnings) == (None, None, ("x",))


def test_the_deadline_is_when_nine_of_ten_auctions_had_their_last_bid():
    world = World()
    auctions = [held(world, [1, 2], wait=wait) for wait in (5, 70, 80, 90, 100, 110, 120, 130, 140, 9999)]
    assert plan(auctions, [], None, []).closes_in == 140


def test_bids_that_stood_before_the_auction_say_nothing_of_how_long_bidding_takes():
    world = World()
    world.register("eve", capabilities=["go"], standing_bids={"go": {"cost": 3}})
    auctions = []
    for _ in range(20):
        (stream,) = world.do(CreateAuction(agent="buyer", task="x", requirements=GO)).events
        world.award(stream.partition("/")[2])
        auctions.append(world.states[stream])
    auctions += [held(world, [1, 2], wait=wait, requirements={}) for wait in (70, 90)]
    made = plan(auctions, [], None, [])
    assert (made.advice.thin, made.closes_in) == (False, 90)


def test_weights_come_from_the_payment_and_the_usual_time():
    world = World()
    auctions = [held(world, [10, 10, 10, 10], report=report) for report in (50, 100, 100, 100, 400)]
    assert plan(auctions, [], None, []).scoring == Scoring(
        failure_price=10, quality_price=5, time_price="0.01", use_track_record=True
    )


def test_only_decided_one_winner_auctions_for_the_same_capabilities_count():
    world = World()
    both = {"capabilities": ["go", "rust"]}
    cases = {
        "alike": held(world, [1]),
        "asks for more": held(world, [1], requirements=both),
        "open still": held(world, [1], award=False),
        "for units": held(world, [1], quantity=2),
        "for nothing": held(world, [1], requirements={}),
        "unsold": held(world, []),
    }
    assert {name for name, auction in cases.items() if counts(auction, ("go",))} == {
        "alike",
        "asks for more",
        "unsold",
    }
    assert {name for name, auction in cases.items() if counts(auction, ("go", "rust"))} == {"asks for more"}
    assert {name for name, auction in cases.items() if counts(auction, ())} == {"for nothing"}


@pytest.mark.parametrize(
    ("description", "deadline", "quality", "found"),
    [
        ("", True, False, ["no description"]),
        ("Look at it.", True, False, ["no acceptance criteria"]),
        ("All tests must pass.", True, False, []),
        ("All tests must pass.", False, False, ["no deadline"]),
        ("It must be nice.", True, True, ["quality has a price"]),
        ("It must score 0.9 in the rubric.", True, True, []),
        ("", False, True, ["no description", "no deadline", "quality has a price"]),
    ],
)
def test_what_is_unclear_is_named(description, deadline, quality, found):
    told = unclear(description, deadline=deadline, quality_priced=quality)
    assert [one[: len(begins)] for one, begins in zip(told, found, strict=True)] == found


def test_an_amount_is_rounded_to_a_micro_credit():
    assert amount(Span(D("0"), 1, 2)) == (0, D("0.000001"), D("0.000002"))
