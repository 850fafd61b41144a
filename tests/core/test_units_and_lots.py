"""Auctions with several winners, from the commands to the award: units of a quantity, and lots with bundles."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from market_core import Code, Scoring
from market_core.commands import AwardAuction, CreateAuction, ReportOutcome, SubmitBid
from market_core.events import UnitTerms
from market_core.terms import Constraints, Lot, Tier
from tests.core.world import World

D = Decimal


def units(quantity=10, **terms):
    world = World()
    return world, world.create(quantity=quantity, **terms)


def house(world=None, **terms):
    world = world or World()
    lots = (Lot(id="Roof", max_price=60), Lot(id="walls", max_price=60), Lot(id="garden"))
    return world, world.create(lots=lots, **terms)


def won(award):
    """Return what each winner won and is paid."""
    return {w.agent: (w.quantity if not w.lots else set(w.lots), w.cost, w.payment) for w in award.winners}


# Units


def test_the_cheapest_units_win_and_each_winner_is_paid_its_cost():
    world, auction_id = units()
    world.bid(auction_id, "ann", 3, quantity=6)
    world.bid(auction_id, "bob", 5, quantity=6)
    world.bid(auction_id, "carl", 4, quantity=3)
    award = world.award(auction_id)
    assert won(award) == {"ann": (6, 18, 18), "carl": (3, 12, 12), "bob": (1, 5, 5)}
    assert (award.mechanism, award.proof.status, award.proof.gap, award.unbought) == (
        "multi_unit/1",
        "optimal",
        0,
        0,
    )


def test_under_uniform_every_unit_is_paid_the_first_rejected_cost():
    world, auction_id = units(payment_rule="uniform", max_price=9)
    for agent, cost, quantity in (("ann", 3, 6), ("bob", 5, 6), ("carl", 4, 3)):
        world.bid(auction_id, agent, cost, quantity=quantity)
    assert won(world.award(auction_id)) == {"ann": (6, 18, 30), "carl": (3, 12, 15), "bob": (1, 5, 5)}


def test_under_vcg_each_is_paid_what_the_others_would_cost_more_without_it():
    world, auction_id = units(payment_rule="vcg", max_price=9)
    for agent, cost, quantity in (("ann", 3, 6), ("bob", 5, 6), ("carl", 4, 3)):
        world.bid(auction_id, agent, cost, quantity=quantity)
    # Without ann: 5 more of bob's at 5 and one unbought at 9; without carl 3 more of bob's; without bob one unbought.
    assert won(world.award(auction_id)) == {"ann": (6, 18, 34), "carl": (3, 12, 15), "bob": (1, 5, 9)}


def test_more_units_than_asked_are_bought_where_that_is_cheaper():
    world, auction_id = units(95)
    world.bid(auction_id, "ann", 100, quantity=200, tiers=[{"from_quantity": 101, "cost": 90}])
    assert won(world.award(auction_id)) == {"ann": (101, 9090, 9090)}


def test_incremental_tiers_price_each_unit_at_its_own_tier():
    for kind, cost in (("all_units", 13_500), ("incremental", 14_500)):
        world, auction_id = units(150)
        tiers = [{"from_quantity": 101, "cost": 90}]
        world.bid(auction_id, "ann", 100, quantity=200, tiers=tiers, tier_kind=kind)
        assert won(world.award(auction_id)) == {"ann": (150, cost, cost)}


def test_what_nobody_sells_stays_unbought():
    world, auction_id = units(max_price=9)
    world.bid(auction_id, "ann", 3, quantity=6)
    award = world.award(auction_id)
    assert (won(award), award.unbought) == ({"ann": (6, 18, 18)}, 4)


def test_a_bid_without_a_quantity_sells_all_that_is_asked():
    world, auction_id = units(7)
    world.bid(auction_id, "ann", 3)
    assert world.auction(auction_id).bids["ann"].units == UnitTerms(7, 1, (), "all_units")


def test_the_score_of_a_unit_decides_and_its_cost_is_paid():
    world, auction_id = units(2, scoring=Scoring(time_price=1))
    world.bid(auction_id, "slow", 3, estimated_time=5)
    world.bid(auction_id, "quick", 6, estimated_time=1)
    award = world.award(auction_id)
    assert (won(award), award.winners[0].score) == ({"quick": (2, 12, 12)}, 14)


def test_constraints_limit_the_winners():
    world, auction_id = units(constraints=Constraints(max_share="0.5"))
    world.bid(auction_id, "ann", 3)
    world.bid(auction_id, "bob", 5)
    assert won(world.award(auction_id)) == {"ann": (5, 15, 15), "bob": (5, 25, 25)}


def test_with_one_winner_vcg_is_the_second_price_with_max_price_as_the_buyers_own_bid():
    world = World()
    auction_id = world.create(payment_rule="vcg", max_price=50)
    world.bid(auction_id, "ann", 30)
    world.bid(auction_id, "bob", 40)
    assert won(world.award(auction_id)) == {"ann": (1, 30, 40)}
    alone = world.create(payment_rule="vcg", max_price=50)
    world.bid(alone, "ann", 30)
    assert won(world.award(alone)) == {"ann": (1, 30, 50)}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(range(5)), st.integers(2, 8))
def test_the_order_of_bids_changes_nothing(order, quantity):
    awards = []
    for turn in (range(5), order):
        world, auction_id = units(quantity, payment_rule="vcg", max_price=9)
        for n in turn:
            world.bid(auction_id, f"a{n}", 2 + n // 2, quantity=1 + n % 3)
        awards.append(won(world.award(auction_id)))
    assert awards[0] == awards[1]


# Lots


def test_bids_on_sets_of_lots_win_together_where_that_is_cheapest():
    world, auction_id = house()
    world.bid(auction_id, "ann", 20, lots=["roof"])
    world.bid(auction_id, "bob", 25, lots=["Walls", "garden"])
    world.bid(auction_id, "carl", 50, lots=["roof", "walls", "garden"])
    award = world.award(auction_id)
    assert won(award) == {"ann": ({"roof"}, 20, 20), "bob": ({"walls", "garden"}, 25, 25)}
    assert (award.mechanism, award.unbought_lots, award.proof.status) == ("combinatorial/1", (), "optimal")


def test_a_lot_that_nobody_covers_or_that_costs_more_than_its_max_price_stays_unbought():
    world, auction_id = house()
    world.bid(auction_id, "ann", 20, lots=["roof"])
    award = world.award(auction_id)
    assert (won(award), award.unbought_lots) == ({"ann": ({"roof"}, 20, 20)}, ("walls", "garden"))


def test_the_overpayment_of_vcg_and_its_cure_by_core():
    """Lots A, B; bids A@10, B@10, AB@100: VCG pays 90 + 90, the core point nearest to it 50 + 50."""
    paid = {}
    for rule in ("pay_as_bid", "vcg", "core"):
        world = World()
        auction_id = world.create(lots=(Lot(id="a"), Lot(id="b")), payment_rule=rule)
        world.bid(auction_id, "ann", 10, lots=["a"])
        world.bid(auction_id, "bob", 10, lots=["b"])
        world.bid(auction_id, "carl", 100, lots=["a", "b"])
        paid[rule] = [w.payment for w in world.award(auction_id).winners]
    assert paid == {"pay_as_bid": [10, 10], "vcg": [90, 90], "core": [50, 50]}


def test_a_bidders_bids_are_alternatives_unless_they_add_up():
    bought = {}
    for combine in ("xor", "or"):
        world, auction_id = house(bids_combine=combine)
        for lot in ("roof", "walls", "garden"):
            world.bid(auction_id, "ann", 10, lots=[lot])
        bought[combine] = sorted(lot for w in world.award(auction_id).winners for lot in w.lots)
    assert bought["or"] == ["garden", "roof", "walls"]
    assert bought["xor"] == ["garden"]  # a lot without max_price is bought first


def test_a_bidder_limits_its_lots():
    world, auction_id = house(bids_combine="or")
    for lot in ("roof", "walls", "garden"):
        world.bid(auction_id, "ann", 10, lots=[lot], at_most=2)
    assert len(world.award(auction_id).winners) == 2


def test_a_bid_on_the_same_lots_replaces_and_one_on_others_is_added():
    world, auction_id = house()
    first = world.bid(auction_id, "ann", 20, lots=["roof", "walls"])
    second = world.bid(auction_id, "ann", 30, lots=["walls", "roof"])
    third = world.bid(auction_id, "ann", 9, lots=["garden"])
    standing = [own.bid.bid_id for own in world.see(auction_id, "ann").own_bids]
    assert (standing, world.see(auction_id).bids) == ([second, third], 2)
    fourth = world.bid(auction_id, "ann", 8, lots=["roof"], replaces=third)
    assert {own.bid.bid_id for own in world.see(auction_id, "ann").own_bids} == {second, fourth}
    world.withdraw("ann", second)
    assert {own.bid.bid_id for own in world.see(auction_id, "ann").own_bids} == {fourth}
    for gone, code in ((first, Code.BID_REPLACED), (second, Code.BID_WITHDRAWN)):
        bid = SubmitBid(agent="ann", auction_id=auction_id, cost=1, lots=["roof"], replaces=gone)
        assert world.refused(bid) == code


def test_a_loser_learns_the_cost_below_which_it_would_have_won():
    world, auction_id = house()
    world.bid(auction_id, "ann", 20, lots=["roof"])
    world.bid(auction_id, "bob", 25, lots=["walls", "garden"])
    world.bid(auction_id, "carl", 50, lots=["roof", "walls", "garden"])
    world.award(auction_id)
    assert world.own(auction_id, "carl").winning_threshold == 45
    assert world.own(auction_id, "ann").winning_threshold is None


def test_each_winner_is_reported_on_alone():
    world, auction_id = house()
    world.bid(auction_id, "ann", 20, lots=["roof"], estimated_time=60)
    world.bid(auction_id, "bob", 25, lots=["walls", "garden"])
    world.award(auction_id)
    report = {"agent": "buyer", "auction_id": auction_id, "success": True}
    assert world.refused(ReportOutcome(**report)) == Code.PROVIDER_REQUIRED
    assert world.refused(ReportOutcome(**report, provider="carl")) == Code.NOT_A_WINNER
    world.do(ReportOutcome(**report, provider="ann"))
    world.wait(24 * 3600)
    assert world.refused(ReportOutcome(**report, provider="ann")) == Code.OUTCOME_REPORTED
    world.do(ReportOutcome(**{**report, "success": False}, provider="bob"))
    seen = world.see(auction_id).outcomes
    assert [(o.provider, o.success, o.payment, o.estimated_time) for o in seen] == [
        ("ann", True, 20, 60),
        ("bob", False, 25, None),
    ]


def test_a_preview_compares_the_rules_and_says_why_one_is_refused():
    world, auction_id = house()
    world.bid(auction_id, "ann", 20, lots=["roof"])
    world.bid(auction_id, "bob", 25, lots=["walls", "garden"])
    world.bid(auction_id, "carl", 58, lots=["roof"])
    world.close(auction_id)
    rules = {rule.payment_rule: rule for rule in world.preview(auction_id).rules}
    assert list(rules) == ["pay_as_bid", "core", "vcg"]
    assert (rules["pay_as_bid"].payment, rules["pay_as_bid"].premium) == (45, 0)
    assert rules["vcg"].refused.code == Code.NO_COMPETITION
    assert rules["vcg"].refused.facts == {"winner": "bob", "rule": "vcg"}


# What does not fit


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"lots": [{"id": "a"}], "quantity": 2}, "quantity"),
        ({"lots": [{"id": "a"}], "max_price": 5}, "max_price"),
        ({"lots": [{"id": "a b"}, {"id": "A-B"}]}, "lots"),
        ({"lots": [{"id": f"{n:03}{'x' * 60}"} for n in range(300)]}, "lots"),
        ({"bids_combine": "or"}, "bids_combine"),
        ({"constraints": {"max_winners": 1}}, "constraints"),
        ({"quantity": 2, "constraints": {"max_winners": 1, "min_winners": 2}}, "min_winners"),
        ({"quantity": 9, "constraints": {"max_winners": 3, "max_share": 0.3}}, "max_share"),
        ({"quantity": 9, "constraints": {"max_share": 0.1}}, "constraints.max_share"),
        ({"quantity": 2, "format": "open"}, "format"),
        ({"quantity": 2, "payment_rule": "core"}, "payment_rule"),
        ({"quantity": 2, "payment_rule": "second_price"}, "payment_rule"),
        ({"lots": [{"id": "a"}], "payment_rule": "uniform"}, "payment_rule"),
        ({"payment_rule": "core"}, "payment_rule"),
        ({"quantity": 2, "payment_rule": "uniform", "scoring": {"time_price": 1}}, "payment_rule"),
        (
            {"quantity": 2, "payment_rule": "vcg", "constraints": {"max_spend_share": 0.5}},
            "constraints.max_spend_share",
        ),
    ],
)
def test_terms_that_do_not_fit_together_are_refused_with_the_field_to_change(terms, field):
    with pytest.raises(ValidationError) as refused:
        CreateAuction(agent="b", task="t", **terms)
    assert [error["ctx"]["field"] for error in refused.value.errors()] == [field]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"lots": [{"id": ""}]}, "lots"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 1_000_001}, "quantity"),
        ({"quantity": 2.5}, "quantity"),
        ({"quantity": 2, "constraints": {"max_share": 0}}, "constraints"),
        ({"quantity": 2, "constraints": {"max_share": 1.1}}, "constraints"),
        ({"lots": [{"id": f"l{n}"} for n in range(501)]}, "lots"),
    ],
)
def test_values_that_cannot_be_are_refused(terms, field):
    with pytest.raises(ValidationError) as refused:
        CreateAuction(agent="b", task="t", **terms)
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize(
    ("bid", "field"),
    [
        ({"tiers": [Tier(from_quantity=5, cost=1), Tier(from_quantity=5, cost="0.5")]}, "tiers"),
        ({"tiers": [Tier(from_quantity=5, cost=2)]}, "tiers"),
        ({"tiers": [Tier(from_quantity=5, cost=1)], "quantity": 4}, "tiers"),
        ({"lots": ["a", "A"]}, "lots"),
        ({"quantity": 2, "min_quantity": 3}, "min_quantity"),
    ],
)
def test_a_bid_that_contradicts_itself_is_refused(bid, field):
    with pytest.raises(ValidationError) as refused:
        SubmitBid(agent="a", auction_id="auc_1", cost=2, **bid)
    assert [error["ctx"]["field"] for error in refused.value.errors()] == [field]


def test_incremental_tiers_may_rise():
    SubmitBid(
        agent="a", auction_id="x", cost=2, tiers=[Tier(from_quantity=5, cost=3)], tier_kind="incremental"
    )


def test_an_award_that_is_refused_leaves_the_auction_to_be_awarded_or_cancelled():
    world, auction_id = house(payment_rule="vcg")
    world.bid(auction_id, "ann", 20, lots=["garden"])
    assert world.refused(AwardAuction(agent="buyer", auction_id=auction_id)) == Code.NO_COMPETITION
    world.bid(auction_id, "bob", 25, lots=["garden"])
    assert won(world.award(auction_id)) == {"ann": ({"garden"}, 20, 25)}


def test_scores_as_large_as_can_be_are_awarded_too():
    weights = Scoring(time_price="999999999.999999")
    world, auction_id = house(scoring=weights, constraints=Constraints(max_winners=2))
    for agent, time, lots in (
        ("ann", 1, ["roof"]),
        ("bob", 2, ["walls", "garden"]),
        ("carl", 50, ["garden"]),
    ):
        world.bid(auction_id, agent, 5, lots=lots, estimated_time=time)
    assert set(won(world.award(auction_id))) == {"bob"}  # a lot without max_price is bought, at any score


def test_two_agents_of_one_owner_do_not_compete_with_each_other():
    world = World()
    auction_id = world.create(payment_rule="vcg")
    world.bid(auction_id, "acme/a", 10)
    rival = SubmitBid(agent="acme/b", auction_id=auction_id, cost=1_000_000)
    assert world.refused(rival) == Code.OWNER_BIDS_ALREADY
    world.withdraw("acme/a", world.auction(auction_id).bids["acme/a"].bid_id)
    world.bid(auction_id, "acme/b", 12)
    world.bid(auction_id, "zoe", 50)
    assert won(world.award(auction_id)) == {"acme/b": (1, 12, 50)}


def test_a_bid_that_must_sell_many_more_than_asked_is_bounded_by_its_total():
    world, auction_id = units(2)
    huge = SubmitBid(agent="ann", auction_id=auction_id, cost="999999999.999999", min_quantity=20)
    world.do(huge)
    world, auction_id = units(200)
    huge = SubmitBid(agent="ann", auction_id=auction_id, cost="999999999.999999", min_quantity=2000)
    assert world.refused(huge) == Code.TOTAL_OUT_OF_RANGE
