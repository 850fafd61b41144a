"""The core embedded: its two short faces, and the market behind them."""

import decimal
from decimal import Decimal

import pytest

from market_core import (
    Aggregation,
    AuctionRequest,
    Award,
    Bid,
    Code,
    Condition,
    DemandAggregator,
    Lot,
    Market,
    OfferTier,
    Rejection,
    Requirements,
    ReverseAuction,
    Scoring,
    Threshold,
    Tier,
)
from market_core.auction import Auction
from market_core.commands import AwardAuction, CreateAuction, Lapse, RegisterAgent, SubmitBid
from market_core.events import Fill, Winner
from tests.core.world import NOON, later

D = Decimal


def refused(call, *args, **kwargs):
    """Return code and facts of the Rejection that a call raises."""
    with pytest.raises(Rejection) as refusal:
        call(*args, **kwargs)
    return refusal.value.code, refusal.value.facts


def test_the_example_of_the_readme():
    auction = ReverseAuction()
    request = AuctionRequest(task="code_review", requirements={"language": "python"})
    auction.submit_bid(request, Bid(agent="claude", cost=0.5, estimated_time=60))
    auction.submit_bid(request, Bid(agent="gpt", cost=0.4, estimated_time=90))
    award = auction.award(request)
    assert award.winner.agent == "gpt"
    assert award == Award(
        auction_id="auc_1",
        winners=(Winner("gpt", "bid_1_3", cost=D("0.4"), payment=D("0.4"), score=D("0.4")),),
        ranking=award.ranking,
        nonce=award.nonce,
    )
    assert [(bid.bidder, bid.cost) for bid in award.ranking] == [("gpt", D("0.4")), ("claude", D("0.5"))]
    assert (award.payment, len(award.nonce)) == (D("0.4"), 64)


def test_an_award_is_for_good():
    auction, request = ReverseAuction(), AuctionRequest(task="x")
    auction.submit_bid(request, Bid(agent="a", cost=1))
    auction.award(request)
    assert refused(auction.award, request) == (Code.AUCTION_AWARDED, {})
    assert refused(auction.submit_bid, request, Bid(agent="b", cost=1)) == (Code.AUCTION_AWARDED, {})


def test_requests_of_the_same_content_are_two_auctions():
    auction = ReverseAuction()
    one, other = AuctionRequest(task="x"), AuctionRequest(task="x")
    auction.submit_bid(one, Bid(agent="a", cost=1))
    auction.submit_bid(other, Bid(agent="b", cost=2))
    assert (auction.award(one).winner.agent, auction.award(other).winner.agent) == ("a", "b")
    assert auction.auction_id(one) == auction.auction_id(one) != auction.auction_id(other)


@pytest.mark.parametrize(
    ("wanted", "stated", "passes"),
    [
        ({"language": "python"}, {}, True),
        ({"language": "python"}, {"Language": "Python"}, True),
        ({"language": "python"}, {"language": "rust"}, False),
        ({"cores": {"min": 4}}, {}, True),
        ({"cores": {"min": 4}}, {"cores": 8}, True),
        ({"cores": {"min": 4}}, {"cores": 2}, False),
        ({"cores": {"min": 4}}, {"cores": "8"}, False),
        ({"cores": {"min": 4, "optional": False}}, {}, False),
        ({"cores": Condition(min=4)}, {}, False),
        ({"cores": Condition(any_of=(4, 8))}, {"cores": 8}, True),
    ],
    ids=str,
)
def test_a_missing_attribute_passes_and_a_wrong_one_is_refused(wanted, stated, passes):
    auction, request = ReverseAuction(), AuctionRequest(task="x", requirements=wanted)
    bid = Bid(agent="a", cost=1, attributes=stated)
    if passes:
        assert auction.submit_bid(request, bid).bidder == "a"
    else:
        assert refused(auction.submit_bid, request, bid) == (
            Code.MISSING_ATTRIBUTE,
            {"missing": list(wanted)},
        )
        assert auction.award(request).winners == ()


def test_a_capability_must_be_registered():
    market = Market()
    auction, request = ReverseAuction(market), AuctionRequest(task="x", capabilities=("Code Review",))
    bid = Bid(agent="a", cost=1)
    assert refused(auction.submit_bid, request, bid) == (
        Code.MISSING_CAPABILITY,
        {"missing": ["code-review"]},
    )
    market.execute(RegisterAgent(agent="a", capabilities=["code_review"]))
    assert auction.submit_bid(request, bid).cost == D(1)


def test_a_deadline_needs_a_clock():
    request = AuctionRequest(task="x", closes_in=60)
    assert refused(ReverseAuction().award, request) == (Code.NO_CLOCK, {"field": "closes_in"})
    moment = [NOON]
    auction = ReverseAuction(Market(now=lambda: moment[0]))
    auction.submit_bid(request, Bid(agent="a", cost=1))
    assert refused(auction.award, request) == (
        Code.BEFORE_DEADLINE,
        {"closes_at": "2026-11-23T12:01:00Z", "seconds": 60, "unless": ""},
    )
    moment[0] = later(60)
    late = Bid(agent="b", cost=0)
    assert refused(auction.submit_bid, request, late) == (
        Code.BIDDING_ENDED,
        {"closes_at": "2026-11-23T12:01:00Z"},
    )
    assert auction.award(request).winner.agent == "a"


def test_an_unsold_auction_has_no_winner_and_says_why():
    award = ReverseAuction().award(AuctionRequest(task="x"))
    assert (award.winners, award.ranking, award.payment) == ((), (), D(0))
    with pytest.raises(ValueError, match="no eligible bid was submitted"):
        _ = award.winner


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"task": ""}, "task", "must not be empty"),
        ({"task": "x" * 201}, "task", "must have at most 200 characters; it has 201"),
        ({"max_price": float("nan")}, "max_price", "must be a finite number"),
        ({"max_price": 0}, "max_price", "must be above 0"),
        ({"max_price": True}, "max_price", "must be a number, not true or false"),
        ({"capabilities": ("!",)}, "capabilities.0", "must have a letter or a digit"),
        ({"invite": ("a b",)}, "invite.0", None),
        ({"payment_rule": "uniform"}, "payment_rule", None),
    ],
    ids=str,
)
def test_a_wrong_value_of_a_request_is_refused_with_its_field(wrong, field, rule):
    market = Market()
    auction = ReverseAuction(market)
    code, facts = refused(auction.award, AuctionRequest(**{"task": "x", **wrong}))
    assert (code, facts["field"]) == (Code.INVALID_VALUE, field)
    assert rule is None or facts["rule"] == rule
    assert "pydantic" not in facts["rule"]
    assert refused(market.see_auction, "auc_1") == (Code.UNKNOWN_AUCTION, {})


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"cost": float("inf")}, "cost", "must be a finite number"),
        ({"cost": -1}, "cost", "must be 0 or more"),
        ({"cost": "1.0000001"}, "cost", "must have at most 6 decimal places; the nearest is 1"),
        ({"cost": 1e9}, "cost", "must be below 1,000,000,000"),
        ({"cost": None}, "cost", "is required; to take what a Dutch auction offers, give take: true instead"),
        ({"estimated_time": 0}, "estimated_time", "must be above 0"),
        ({"quality": 2}, "quality", "must be at most 1"),
        ({"attributes": {"a": float("nan")}}, "attributes.a", "must be true, false, a finite number or text"),
        ({"note": "x" * 4001}, "note", "must have at most 4,000 characters; it has 4,001"),
        ({"agent": "market"}, "agent", "must not be 'market': the market itself acts under that name"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_value_of_a_bid_is_refused_with_its_field(wrong, field, rule):
    auction, request = ReverseAuction(), AuctionRequest(task="x")
    bid = Bid(**{"agent": "a", "cost": 1, **wrong})
    assert refused(auction.submit_bid, request, bid) == (Code.INVALID_VALUE, {"field": field, "rule": rule})
    assert auction.award(request).winners == ()


def test_a_bid_may_be_replaced_and_withdrawn():
    auction, request = ReverseAuction(), AuctionRequest(task="x", payment_rule="second_price", max_price=9)
    auction.submit_bid(request, Bid(agent="a", cost=1))
    second = auction.submit_bid(request, Bid(agent="a", cost=2))
    auction.submit_bid(request, Bid(agent="b", cost=3))
    auction.withdraw(second)
    assert refused(auction.withdraw, second) == (Code.BID_WITHDRAWN, {})
    award = auction.award(request)
    assert (award.winner.agent, award.payment) == ("b", D(9))


def test_time_and_quality_count_as_the_request_prices_them():
    scoring = Scoring(time_price="0.01", quality_price=2)
    auction, request = ReverseAuction(), AuctionRequest(task="x", scoring=scoring)
    auction.submit_bid(request, Bid(agent="slow", cost=1, estimated_time=300, quality=1))
    fast = auction.submit_bid(request, Bid(agent="fast", cost=2, estimated_time=60, quality="0.5"))
    assert (fast.score, auction.award(request).winner.agent) == (D("1.6"), "fast")


def test_the_decimal_context_of_the_host_does_not_change_a_payment():
    with decimal.localcontext() as context:
        context.prec = 6
        auction, request = ReverseAuction(), AuctionRequest(task="x")
        auction.submit_bid(request, Bid(agent="a", cost="1234567.89"))
        payment = auction.award(request).winner.payment
    assert payment == D("1234567.89")


# Demand for resources


def test_demand_is_aggregated_and_cleared():
    aggregator = DemandAggregator()
    a = aggregator.request_resources("claude", "GPU hours", 10, max_unit_price=5)
    b = aggregator.request_resources("gpt", "gpu_hours", "2.5")
    s = aggregator.offer_resources("cluster", "gpu-hours", 5, unit_price=3)
    result = aggregator.aggregate_demand("Gpu Hours")
    # gpt takes its 2.5 at any price, claude is on the margin, so the price is its limit
    fills = (
        Fill(a, "claude", D("2.5"), D("12.5"), "rationed", D(0)),
        Fill(b, "gpt", D("2.5"), D("12.5")),
    )
    assert result == Aggregation(
        "GPU hours", D(5), fills, (Fill(s, "cluster", D(5), D(25), "", D(10)),), left_out=(), unmet=D("7.5")
    )
    assert result.total_payment == D(25)
    seen = aggregator.see_resource("gpu hours", "claude")
    assert [(entry.entry_id, entry.left) for entry in seen.own] == [(a, D("7.5"))]


def test_what_cannot_clear_is_refused():
    aggregator = DemandAggregator()
    assert refused(aggregator.aggregate_demand, "gpu") == (Code.UNKNOWN_RESOURCE, {})
    mine = aggregator.request_resources("a", "gpu", 1, 2)
    offer = aggregator.offer_resources("s", "gpu", 1, 3)
    assert refused(aggregator.aggregate_demand, "gpu")[0] == Code.NOTHING_TO_CLEAR
    aggregator.withdraw("s", offer)
    assert refused(aggregator.withdraw, "s", mine) == (Code.UNKNOWN_ID, {})
    assert refused(aggregator.withdraw, "s", offer) == (Code.ENTRY_GONE, {"status": "withdrawn"})
    assert aggregator.see_resource("gpu").demand.quantity == D(1)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda a: a.request_resources("a", "gpu", 0), "quantity"),
        (lambda a: a.request_resources("a", "?", 1), "resource"),
        (lambda a: a.request_resources("a", "gpu", 1, float("nan")), "max_unit_price"),
        (lambda a: a.offer_resources("a", "gpu", 1, -1), "unit_price"),
        (lambda a: a.offer_resources("a b", "gpu", 1, 1), "agent"),
    ],
)
def test_a_wrong_value_of_an_entry_is_refused_with_its_field(call, field):
    code, facts = refused(call, DemandAggregator())
    assert (code, facts["field"]) == (Code.INVALID_VALUE, field)


# The market itself


def test_two_markets_given_the_same_calls_make_the_same_award():
    def award():
        auction, request = ReverseAuction(), AuctionRequest(task="x")
        for i in range(10):
            auction.submit_bid(request, Bid(agent=f"a{i}", cost=1))
        return auction.award(request)

    assert award() == award()


def test_a_market_takes_its_ids_and_nonces_from_its_host():
    market = Market(ids=iter(["x", "y"]).__next__, nonce=lambda: "ab" * 32)
    (created,) = market.execute(CreateAuction(agent="buyer", task="x")).events["auction/auc_x"]
    (bid,) = market.execute(SubmitBid(agent="a", auction_id="auc_x", cost=1)).events["auction/auc_x"]
    assert (created.auction_id, created.nonce, bid.bid_id) == ("auc_x", "ab" * 32, "bid_x_y")


def test_a_refused_command_leaves_the_market_as_it_was():
    market = Market()
    market.execute(CreateAuction(agent="buyer", task="x"))
    before = market.state("auction/auc_1")
    assert refused(market.execute, AwardAuction(agent="a", auction_id="auc_1")) == (Code.NOT_THE_BUYER, {})
    assert market.state("auction/auc_1") == before
    assert market.state("auction/none") == Auction()


def test_a_state_taken_out_of_a_market_cannot_change_it():
    market = Market()
    market.execute(CreateAuction(agent="buyer", task="x"))
    state = market.state("auction/auc_1")
    assert isinstance(state, Auction)
    state.status = "cancelled"
    state.bids["a"] = None
    assert market.see_auction("auc_1").status == "open"
    market.execute(Lapse(stream="auction/auc_1"))
    assert market.see_auction("auc_1").bids == 0


def test_requirements_can_be_given_to_the_market_whole():
    market = Market()
    wanted = Requirements(attributes={"os": {"any_of": ["linux", "mac"]}})
    market.execute(CreateAuction(agent="buyer", task="x", requirements=wanted))
    command = SubmitBid(agent="a", auction_id="auc_1", cost=1)
    assert refused(market.execute, command) == (Code.MISSING_ATTRIBUTE, {"missing": ["os"]})
    assert refused(market.see_agent, "a") == (Code.UNKNOWN_AGENT, {})
    market.execute(RegisterAgent(agent="a", attributes={"os": "Mac"}))
    market.execute(command)
    assert (market.see_auction("auc_1", "a").own_bids[0].bid.cost, market.see_agent("a").attributes) == (
        1,
        {"os": "Mac"},
    )


def test_lots_and_units_are_bought_in_process_like_over_the_server():
    auction = ReverseAuction()
    house = AuctionRequest(task="a house", lots=(Lot(id="roof"), Lot(id="walls")), payment_rule="core")
    for agent, cost, lots in (
        ("ann", 10, ["roof"]),
        ("bob", 10, ["walls"]),
        ("carl", 100, ["roof", "walls"]),
    ):
        auction.submit_bid(house, Bid(agent=agent, cost=cost, lots=tuple(lots)))
    award = auction.award(house)
    assert [(w.agent, w.lots, w.payment) for w in sorted(award.winners, key=lambda w: w.agent)] == [
        ("ann", ("roof",), 50),
        ("bob", ("walls",), 50),
    ]
    bricks = AuctionRequest(task="bricks", quantity=95)
    tiers = (Tier(from_quantity=101, cost=90),)
    auction.submit_bid(bricks, Bid(agent="ann", cost=100, quantity=200, tiers=tiers))
    made = auction.award(bricks)
    assert (made.winner.quantity, made.payment) == (101, 9090)


def test_a_program_buys_together_when_the_time_has_come():
    now = [NOON]
    aggregator = DemandAggregator(Market(lambda: now[0]))
    for agent, limit in (("a", 6), ("b", 5)):
        aggregator.request_resources(agent, "gpu", 5, limit)
    auction_id = aggregator.pool_demand("GPU", 60, threshold=Threshold(owners=2))
    tiers = (Tier(from_quantity=10, cost=4),)
    aggregator.market.execute(SubmitBid(agent="s", auction_id=auction_id, cost=9, tiers=tiers))
    assert aggregator.settle(auction_id) is None
    now[0] = later(60)
    result = aggregator.settle(auction_id)
    assert [(fill.agent, fill.payment) for fill in result.allocations] == [("a", D(20)), ("b", D(20))]


def test_a_program_shares_what_is_scarce_by_what_it_grants():
    aggregator = DemandAggregator()
    aggregator.grant("ops", priority=1)
    first = aggregator.request_resources("ops/nightly", "gpu", 6, min_quantity=6)
    aggregator.request_resources("dev", "gpu", 6, 4)
    aggregator.offer_resources("cluster", "gpu", 10, 3, tiers=[OfferTier(from_quantity=8, unit_price=2)])
    result = aggregator.aggregate_demand("gpu", policy="priority")
    assert [(fill.agent, fill.quantity) for fill in result.allocations] == [
        ("dev", D(4)),
        ("ops/nightly", D(6)),
    ]
    with pytest.raises(Rejection) as refused:
        aggregator.request_resources("dev", "gpu", 1, replaces=first)
    assert refused.value.code == Code.NOT_YOUR_ENTRY
