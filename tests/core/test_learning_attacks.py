"""What somebody may try against outcomes, records, exploring, capacity and further awards: and what comes of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from market_core import Code, Scoring
from market_core.awards import awarded as decided
from market_core.commands import AwardAuction, CreateAuction, ReportOutcome, SubmitBid, Vouch
from market_core.facts import Facts
from market_core.outcomes import as_decided
from market_core.terms import Lot
from tests.core.test_learning import asked, expected, learnt
from tests.core.world import World, paid, replayed

D = Decimal
DAY = 24 * 3600
EXPLORES = Scoring(failure_price=10, use_track_record=True, explore=5)


def says(world, agent, auction_id, **said):
    return world.do(ReportOutcome(agent=agent, auction_id=auction_id, **said))


def together(world, first, *others):
    return world.do(AwardAuction(agent="buyer", auction_id=first, together_with=list(others)))


def winner(world, auction_id):
    award = world.auction(auction_id).award
    return award.winners[0].agent if award and award.winners else None


def again(world, auction_id, failed):
    command = AwardAuction(agent="buyer", auction_id=auction_id, instead_of=failed)
    return world.do(command).events[f"auction/{auction_id}"][-1]


def assert_decided_alike(world, auction_id, made):
    """Decide each award of an auction again, from the bids and from what it recorded: bit for bit the same."""
    auction = world.auction(auction_id)
    assert list(made) == list(auction.awards)
    for place, award in enumerate(made):
        case = replace(as_decided(auction, place), status="closed", award=None, further=[])
        again = decided(replace(case, basis=award.basis if place == 0 else case.basis), Facts(award.at))
        assert replace(again, instead_of=award.instead_of) == award


def standing(world, agent, **rate):
    world.register(agent, capabilities=["go"], standing_bids={"go": rate})


def create_with_standing(world, **terms):
    command = CreateAuction(agent="buyer", task="x", requirements={"capabilities": ["go"]}, **terms)
    (stream,) = world.do(command).events
    return stream.partition("/")[2]


# Exploring


def test_of_auctions_decided_together_an_owner_is_explored_in_one():
    world = World()
    learnt(world, "known", [1] * 6 + [0] * 9)
    world.do(Vouch(owner="new"))
    world.register("new", capabilities=["go"])
    auctions = [asked(world, EXPLORES) for _ in range(3)]
    for auction_id in auctions:
        world.bid(auction_id, "known", "4.5")
        world.bid(auction_id, "new", 5)
    together(world, *auctions)
    awards = [world.auction(auction_id).award for auction_id in auctions]
    assert sorted(expected(award, "new").bonus for award in awards) == [0, 0, 5]
    assert sum(work.explored for work in world.states["agent/new"].running.values()) <= 1


def test_the_auction_that_explores_does_not_depend_on_how_they_are_named():
    def explored(*order):
        world = World()
        world.do(Vouch(owner="new"))
        world.register("new", capabilities=["go"])
        auctions = [asked(world, EXPLORES) for _ in range(2)]
        for auction_id in auctions:
            world.bid(auction_id, "new", 5)
        together(world, *(auctions[place] for place in order))
        return [expected(world.auction(auction_id).award, "new").bonus for auction_id in auctions]

    assert explored(0, 1) == explored(1, 0)


def test_a_thousand_ids_of_one_owner_are_explored_once():
    world = World()
    world.do(Vouch(owner="acme"))
    auction_id = asked(world, EXPLORES)
    for number in range(1000):
        world.register(f"acme/{number}", capabilities=["go"])
        world.bid(auction_id, f"acme/{number}", 5 + number)
    award = world.award(auction_id)
    assert sum(one.bonus > 0 for one in award.basis.expected) == 1
    second = asked(world, EXPLORES)
    for number in range(1000):
        world.bid(second, f"acme/{number}", 5 + number)
    assert not any(one.bonus for one in world.award(second).basis.expected)  # the first is not reported on


def test_a_buyer_that_stays_silent_does_not_keep_an_owner_from_being_explored():
    world = World()
    world.do(Vouch(owner="new"))
    world.register("new", capabilities=["go"])
    first = asked(world, EXPLORES)
    world.bid(first, "new", 5, estimated_time=60)
    world.award(first)

    def bonus():
        auction_id = asked(world, EXPLORES)
        world.bid(auction_id, "new", 5)
        return expected(world.award(auction_id), "new").bonus

    world.wait(60 + 3600 - 1)
    assert bonus() == 0
    world.wait(1)  # overdue: nobody will learn from it
    assert bonus() == 5
    assert world.states["agent/new"] == replayed(world.log["agent/new"], "agent/new")


# New names


def test_a_new_id_of_a_poor_owner_is_expected_to_be_no_better_than_the_owner():
    world = World()
    learnt(world, "acme/old", [0] * 10, time=120, quality="0.45")
    auction_id = asked(
        world, Scoring(time_price="0.1", quality_price=1, failure_price=10, use_track_record=True)
    )
    world.register("acme/new", capabilities=["go"])
    for agent in ("acme/old", "acme/new"):
        world.bid(auction_id, agent, 5, estimated_time=60, quality="0.9")
    award = world.award(auction_id)
    old, new = expected(award, "acme/old"), expected(award, "acme/new")
    assert new.success <= old.success
    assert new.time_ratio >= old.time_ratio
    assert new.quality_ratio <= old.quality_ratio


def test_a_good_owner_lends_a_new_id_nothing():
    world = World()
    learnt(world, "acme/old", [1] * 10)
    auction_id = asked(world)
    world.register("acme/new", capabilities=["go"])
    world.bid(auction_id, "acme/new", 5)
    award = world.award(auction_id)
    assert expected(award, "acme/new").success <= award.basis.typical.success


# Capacity


@pytest.mark.parametrize("names", [1, 3])
def test_standing_bids_win_no_more_than_their_capacity_where_auctions_are_decided_together(names):
    world = World()
    standing(world, "ann", cost=5, max_concurrent=2)
    auctions = [create_with_standing(world, max_price=9) for _ in range(5)]
    if names == 3:
        world.bid(auctions[0], "ann", 4)  # a bid of its own counts besides
    together(world, *auctions)
    won = [winner(world, auction_id) for auction_id in auctions]
    assert won.count("ann") == 2


def test_standing_bids_run_within_capacity_after_what_runs_already():
    world = World()
    standing(world, "ann", cost=5, max_concurrent=2)
    auctions = [create_with_standing(world, max_price=9) for _ in range(4)]
    world.award(auctions[0])
    together(world, *auctions[1:])
    assert [winner(world, auction_id) for auction_id in auctions].count("ann") == 2


def test_a_standing_bid_does_not_get_what_failed_beyond_its_capacity():
    world = World()
    standing(world, "ann", cost=6, max_concurrent=1)
    first, second = create_with_standing(world), create_with_standing(world)
    for auction_id, agent in ((first, "bob"), (second, "carl")):
        world.register(agent, capabilities=["go"])
        world.bid(auction_id, agent, 5)
        world.award(auction_id)
        world.report(auction_id, success=False)
    assert paid(again(world, first, "bob")) == ("ann", 6)
    command = AwardAuction(agent="buyer", auction_id=second, instead_of="carl")
    assert world.refused(command) == Code.NOBODY_LEFT
    world.do(ReportOutcome(agent="ann", auction_id=first, delivered=True))
    assert paid(again(world, second, "carl")) == ("ann", 6)
    auction = world.auction(second)
    assert auction == replayed(world.log[f"auction/{second}"], f"auction/{second}")
    assert [bid.bidder for bid in as_decided(auction, 1).bids.values()] == ["ann"]
    for auction_id in (first, second):
        assert_decided_alike(world, auction_id, world.auction(auction_id).awards)


def test_who_was_busy_at_the_first_award_may_do_what_failed():
    world = World()
    standing(world, "ann", cost=4, max_concurrent=1)
    first, second = create_with_standing(world), create_with_standing(world)
    world.award(first)
    world.register("bob", capabilities=["go"])
    world.bid(second, "bob", 5)
    assert paid(world.award(second)) == ("bob", 5)
    world.do(ReportOutcome(agent="ann", auction_id=first, delivered=True))
    world.report(second, success=False)
    assert paid(again(world, second, "bob")) == ("ann", 4)
    assert_decided_alike(world, second, world.auction(second).awards)


def test_further_awards_by_record_are_decided_alike_from_what_they_recorded():
    world = World()
    learnt(world, "good", [1] * 8, time=70, quality="0.8")
    learnt(world, "fair", [1, 0, 1, 1, 0, 1], time=90)
    world.do(Vouch(owner="new"))
    scoring = Scoring(time_price="0.03", quality_price=4, failure_price=10, use_track_record=True, explore=2)
    standing(world, "new", cost=6, estimated_time=50, quality="0.9", max_concurrent=1)
    auction_id = create_with_standing(world, scoring=scoring, payment_rule="second_price", max_price=40)
    for agent, cost in (("good", 6), ("fair", 5)):
        world.bid(auction_id, agent, cost, estimated_time=60, quality="0.9")
    world.award(auction_id)
    for _ in range(2):
        failed = world.auction(auction_id).winners[-1].agent
        says(world, "buyer", auction_id, provider=failed, success=False)
        again(world, auction_id, failed)
    world.register("new", capabilities=["go"])  # without its rate
    learnt(world, "good", [0] * 10)
    assert_decided_alike(world, auction_id, world.auction(auction_id).awards)


# Whom a report is about


def test_after_a_further_award_a_report_is_about_whoever_does_it_now():
    world = World()
    auction_id = world.create()
    for agent, cost in (("ann", 4), ("bob", 5), ("carl", 6)):
        world.bid(auction_id, agent, cost)
    world.award(auction_id)
    world.report(auction_id, success=False)
    again(world, auction_id, "ann")
    world.report(auction_id, success=True)
    outcomes = world.auction(auction_id).outcomes
    assert {name: outcome.success for name, outcome in outcomes.items()} == {"ann": False, "bob": True}
    says(world, "buyer", auction_id, provider="ann", success=True)
    assert world.auction(auction_id).outcomes["ann"].success


def test_an_owner_under_another_spelling_is_the_same_owner():
    world = World()
    auction_id = world.create(buyer="acme/a")
    for agent in ("ACME/b", "Acme", "aCmE/c"):
        bid = SubmitBid(agent=agent, auction_id=auction_id, cost=1)
        assert world.refused(bid) == Code.OWN_AUCTION


# The exact moment


def test_a_report_is_changed_and_disputed_until_just_before_its_time_is_over():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "ann", 4)
    world.award(auction_id)
    world.report(auction_id, success=False)
    world.wait(DAY - 0.000001)
    world.report(auction_id, success=True)
    world.wait(0.000001)
    change = ReportOutcome(agent="buyer", auction_id=auction_id, success=False)
    assert world.refused(change) == Code.OUTCOME_REPORTED
    world.wait(3 * DAY - 0.000001)  # three days after the change
    dispute = ReportOutcome(agent="ann", auction_id=auction_id, dispute=True)
    assert world.refused(dispute) == Code.DISPUTE_ENDED
    assert world.states["agent/ann"].record.overall.successes == 1


def test_a_dispute_in_the_last_moment_lets_the_buyer_change_its_report_after_its_time():
    world = World()
    auction_id = world.create(scoring=Scoring(failure_price=10, settle_confidence=10))
    world.bid(auction_id, "ann", 4, confidence="0.9")
    world.award(auction_id)
    world.report(auction_id, success=False)
    world.wait(3 * DAY - 0.000001)
    says(world, "ann", auction_id, dispute=True)
    world.wait(30 * DAY)
    world.report(auction_id, success=True)
    says(world, "ann", auction_id, dispute=False)
    assert world.auction(auction_id).outcomes["ann"].adjustment == D("1.8")
    assert world.states["agent/ann"] == replayed(world.log["agent/ann"], "agent/ann")


# Further awards under every rule


@pytest.mark.parametrize("rule", ["pay_as_bid", "second_price", "vcg"])
def test_what_failed_goes_on_under_each_rule_for_one_winner(rule):
    world = World()
    auction_id = world.create(payment_rule=rule, max_price=20)
    for agent, cost in (("ann", 4), ("bob", 5), ("carl", 7)):
        world.bid(auction_id, agent, cost)
    first = world.award(auction_id)
    world.report(auction_id, success=False)
    second = again(world, auction_id, "ann")
    says(world, "buyer", auction_id, provider="bob", success=False)
    third = again(world, auction_id, "bob")
    payments = [paid(award) for award in (first, second, third)]
    own, rival = [("ann", 4), ("bob", 5), ("carl", 7)], [("ann", 5), ("bob", 7), ("carl", 20)]
    assert payments == (own if rule == "pay_as_bid" else rival)
    assert_decided_alike(world, auction_id, (first, second, third))


@pytest.mark.parametrize("rule", ["pay_as_bid", "uniform", "vcg"])
def test_units_that_failed_go_on_under_each_rule(rule):
    world = World()
    auction_id = world.create(quantity=4, payment_rule=rule, max_price=20)
    for agent, cost in (("ann", 2), ("bob", 3), ("carl", 4), ("dora", 5)):
        world.bid(auction_id, agent, cost, quantity=2)
    world.award(auction_id)
    says(world, "buyer", auction_id, provider="bob", success=False)
    second = again(world, auction_id, "bob")
    assert paid(second) == ("carl", 8 if rule == "pay_as_bid" else 10)
    says(world, "buyer", auction_id, provider="carl", success=False)
    third = again(world, auction_id, "carl")
    assert paid(third) == ("dora", 10 if rule == "pay_as_bid" else 40)
    assert_decided_alike(world, auction_id, world.auction(auction_id).awards)


@pytest.mark.parametrize("rule", ["pay_as_bid", "vcg", "core"])
def test_lots_that_failed_go_on_under_each_rule(rule):
    world = World()
    lots = tuple(Lot(id=name, max_price=20) for name in ("roof", "walls"))
    auction_id = world.create(lots=lots, payment_rule=rule)
    for agent, cost, on in (
        ("ann", 4, ["roof"]),
        ("bob", 5, ["walls"]),
        ("carl", 7, ["roof"]),
        ("dora", 9, ["walls"]),
        ("eve", 8, ["roof"]),
    ):
        world.bid(auction_id, agent, cost, lots=on)
    world.award(auction_id)
    says(world, "buyer", auction_id, provider="ann", success=False)
    assert paid(again(world, auction_id, "ann")) == ("carl", 7 if rule == "pay_as_bid" else 8)
    says(world, "buyer", auction_id, provider="carl", success=False)
    assert paid(again(world, auction_id, "carl")) == ("eve", 8 if rule == "pay_as_bid" else 20)
    assert_decided_alike(world, auction_id, world.auction(auction_id).awards)
    says(world, "buyer", auction_id, provider="eve", success=False)
    command = AwardAuction(agent="buyer", auction_id=auction_id, instead_of="eve")
    assert world.refused(command) == Code.NOBODY_LEFT


def test_without_competition_left_vcg_says_how_to_go_on():
    world = World()
    auction_id = world.create(quantity=2, payment_rule="vcg")
    for agent, cost in (("ann", 2), ("bob", 3), ("carl", 4)):
        world.bid(auction_id, agent, cost, quantity=2)
    world.award(auction_id)
    world.report(auction_id, success=False)
    assert paid(again(world, auction_id, "ann")) == ("bob", 8)
    says(world, "buyer", auction_id, provider="bob", success=False)
    command = AwardAuction(agent="buyer", auction_id=auction_id, instead_of="bob")
    assert world.refused(command) == Code.NO_COMPETITION
