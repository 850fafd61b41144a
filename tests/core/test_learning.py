"""Awards that go by track records, the gate, exploring, and confidence that is settled: through real commands."""

from copy import deepcopy
from decimal import Decimal

import pytest
from pydantic import ValidationError

from market_core import Code, Scoring
from market_core.awards import awarded as decided
from market_core.capability import MOST_OWNERS, Capability, evolve, observe
from market_core.commands import AwardAuction, CreateAuction, ReportOutcome, SettleDispute, SubmitBid, Vouch
from market_core.events import OwnerObserved, PriorLearned
from market_core.facts import Facts
from market_core.invalid import invalid
from market_core.ledger import Ledger
from market_core.mechanisms.reliability import USUAL
from market_core.terms import Lot
from tests.core.world import NOON, World, later, paid, replayed

D = Decimal
DAY = 24 * 3600
GO = {"capabilities": ["go"]}
BY_RECORD = Scoring(failure_price=10, use_track_record=True)


def learnt(world, provider, outcomes, *, time=None, quality=None, payment=2, number=[0]):  # noqa: B006 - counts on
    """Let a provider do work for ever new buyers, with these outcomes (1 success, 0 failure)."""
    world.register(provider, capabilities=["go"])
    for success in outcomes:
        number[0] += 1
        buyer = f"buyer{number[0]}"
        auction_id = world.create(buyer=buyer, requirements=GO)
        world.bid(auction_id, provider, payment, estimated_time=60, quality="0.9", confidence="0.9")
        world.award(auction_id, agent=buyer)
        world.report(auction_id, agent=buyer, success=bool(success), actual_time=time, quality=quality)


def asked(world, scoring=BY_RECORD, **terms):
    return world.create(requirements=GO, scoring=scoring, **terms)


def expected(award, agent):
    return next(one for one in award.basis.expected if one.agent == agent)


# Scores by record


def test_a_reliable_provider_wins_over_a_cheaper_one_that_fails():
    world = World()
    learnt(world, "good", [1] * 10)
    learnt(world, "bad", [1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    by_claims, by_record = asked(world, Scoring()), asked(world)
    for auction_id in (by_claims, by_record):
        world.bid(auction_id, "good", 6)
        world.bid(auction_id, "bad", 5)
    assert paid(world.award(by_claims)) == ("bad", 5)
    award = world.award(by_record)
    assert paid(award) == ("good", 6)
    assert expected(award, "good").success > D("0.85") > D("0.4") > expected(award, "bad").success
    (winner,) = award.winners
    assert winner.score == 6 + 10 * (1 - expected(award, "good").success)


def test_late_delivery_and_poor_quality_cost_what_the_buyer_prices_them_at():
    world = World()
    learnt(world, "late", [1] * 8, time=120, quality="0.9")
    learnt(world, "poor", [1] * 8, time=60, quality="0.45")
    learnt(world, "true", [1] * 8, time=60, quality="0.9")
    auction_id = asked(world, Scoring(time_price="0.1", quality_price=10, use_track_record=True))
    for agent in ("late", "poor", "true"):
        world.bid(auction_id, agent, 5, estimated_time=60, quality="0.9")
    award = world.award(auction_id)
    assert paid(award) == ("true", 5)
    assert expected(award, "late").time_ratio > D("1.9")
    assert expected(award, "poor").quality_ratio < D("0.55")


def test_a_newcomer_is_expected_to_be_at_the_20th_percentile_of_the_prior():
    world = World()
    auction_id = asked(world)
    world.register("new", capabilities=["go"])
    world.bid(auction_id, "new", 5)
    award = world.award(auction_id)
    new = expected(award, "new")
    assert (new.newcomer, new.success) == (True, D("0.66874"))  # 0.2 ** (1 / 4)
    assert award.basis.typical.success == D("0.8")
    assert award.winners[0].score == 5 + 10 * (1 - new.success)


def test_a_new_name_of_a_known_owner_is_no_newcomer():
    world = World()
    learnt(world, "acme/old", [1] * 8)
    auction_id = asked(world)
    world.register("acme/new", capabilities=["go"])
    world.bid(auction_id, "acme/new", 5)
    assert expected(world.award(auction_id), "acme/new").newcomer is False


def test_second_price_goes_by_expected_scores():
    world = World()
    learnt(world, "good", [1] * 10)
    learnt(world, "bad", [0] * 10)
    auction_id = asked(world, payment_rule="second_price", max_price=50)
    world.bid(auction_id, "good", 6)
    world.bid(auction_id, "bad", 5)
    award = world.award(auction_id)
    chances = expected(award, "good").success - expected(award, "bad").success
    assert paid(award) == ("good", 5 + 10 * chances)


def test_units_and_lots_and_several_auctions_go_by_records_too():
    world = World()
    learnt(world, "good", [1] * 10)
    learnt(world, "bad", [0] * 10)
    of_units = asked(world, quantity=2)
    of_lots = asked(world, lots=(Lot(id="x"), Lot(id="y")))
    together = [asked(world, priority=place) for place in (1, 0)]
    for agent, cost in (("good", 6), ("bad", 5)):
        world.bid(of_units, agent, cost)
        world.bid(of_lots, agent, cost, lots=["x", "y"])
        for auction_id in together:
            world.bid(auction_id, agent, cost)
    assert [paid(world.award(auction_id)) for auction_id in (of_units, of_lots)] == [
        ("good", 12),
        ("good", 6),
    ]
    world.do(AwardAuction(agent="buyer", auction_id=together[0], together_with=[together[1]]))
    for auction_id in together:
        award = world.auction(auction_id).award
        assert (paid(award), {one.agent for one in award.basis.expected}) == (("good", 6), {"good", "bad"})


def test_an_award_replays_bit_for_bit_from_what_it_recorded():
    world = World()
    learnt(world, "good", [1] * 6 + [0], time=70, quality="0.8")
    learnt(world, "bad", [1, 0, 0], time=100)
    scoring = Scoring(time_price="0.03", quality_price=4, failure_price=10, use_track_record=True, explore=2)
    auction_id = asked(world, scoring, payment_rule="second_price", max_price=40)
    world.do(Vouch(owner="new"))
    world.register("new", capabilities=["go"])
    for agent, cost in (("good", 6), ("bad", 5), ("new", "5.5")):
        world.bid(auction_id, agent, cost, estimated_time=60, quality="0.9")
    award = world.award(auction_id)
    learnt(world, "good", [0] * 10)  # what happens later changes nothing
    stream = f"auction/{auction_id}"
    before = replayed(world.log[stream][:-1], stream)
    before.basis = deepcopy(award.basis)
    assert decided(before, Facts(award.at)) == award
    after = replayed(world.log[stream], stream)
    assert after == world.auction(auction_id)
    assert [bid.score for bid in world.see(auction_id, "buyer").ranking] == sorted(
        bid.score for bid in world.see(auction_id, "buyer").ranking
    )


def test_a_loser_learns_what_would_have_won_by_the_scores_that_were_used():
    world = World()
    learnt(world, "good", [1] * 10)
    learnt(world, "bad", [0] * 10)
    auction_id = asked(world)
    world.bid(auction_id, "good", 6)
    world.bid(auction_id, "bad", 5)
    award = world.award(auction_id)
    own = world.own(auction_id, "bad")
    gap = expected(award, "good").success - expected(award, "bad").success
    assert own.bid.score == 5 + 10 * (1 - expected(award, "bad").success)
    assert own.winning_threshold == max(6 - 10 * gap, 0)


def test_the_record_that_counts_is_that_of_when_the_bidding_was_over():
    def award(wait):
        world = World()
        learnt(world, "good", [1] * 8)
        auction_id = asked(world, closes_in=60)
        world.bid(auction_id, "good", 6)
        world.wait(wait)
        return world.award(auction_id)

    assert award(60).basis == award(60 + 300 * DAY).basis


def test_what_failed_goes_to_the_next_by_the_numbers_of_the_first_award():
    world = World()
    learnt(world, "good", [1] * 10)
    learnt(world, "fair", [1] * 4 + [0] * 2)
    learnt(world, "bad", [0] * 10)
    auction_id = asked(world)
    for agent, cost in (("good", 6), ("fair", 6), ("bad", 4)):
        world.bid(auction_id, agent, cost)
    first = world.award(auction_id)
    world.report(auction_id, success=False)
    again = AwardAuction(agent="buyer", auction_id=auction_id, instead_of="good")
    second = world.do(again).events[f"auction/{auction_id}"][-1]
    assert (paid(first), paid(second), second.basis) == (("good", 6), ("fair", 6), first.basis)


def test_a_buyers_own_outcomes_count_in_full_for_itself_and_up_to_three_for_others():
    world = World()
    world.register("ann", capabilities=["go"])
    for _ in range(12):
        auction_id = world.create(buyer="acme/x", requirements=GO)
        world.bid(auction_id, "ann", 2)
        world.award(auction_id, agent="acme/x")
        world.report(auction_id, agent="acme/x")
    mine, theirs = asked(world, buyer="acme/y"), asked(world, buyer="other")
    for auction_id in (mine, theirs):
        world.bid(auction_id, "ann", 5)
    own = expected(world.award(mine, agent="acme/y"), "ann")
    others = expected(world.award(theirs, agent="other"), "ann")
    assert (own.newcomer, others.newcomer) == (False, True)
    assert own.success > D("0.9") > others.success
    world.bid(asked(world, buyer="acme/y", min_reliability="0.75"), "ann", 5)
    gated = asked(world, buyer="other", min_reliability="0.75")
    assert world.refused(SubmitBid(agent="ann", auction_id=gated, cost=5)) == Code.BELOW_MIN_RELIABILITY


# The gate


def test_min_reliability_lets_in_who_is_above_it_with_95_per_cent():
    world = World()
    learnt(world, "good", [1] * 10)
    auction_id = asked(world, min_reliability="0.75")  # 0.05 ** (1 / 11) is 0.7616, less what is forgotten
    world.bid(auction_id, "good", 6)
    higher = asked(world, min_reliability="0.77")
    refusal = world.refusal(SubmitBid(agent="good", auction_id=higher, cost=6))
    assert refusal.code == Code.BELOW_MIN_RELIABILITY
    assert D("0.755") < D(refusal.facts["low"]) < D("0.762")


# Exploring


def test_exploring_lets_a_vouched_newcomer_win_once_until_its_outcome_is_known():
    world = World()
    learnt(world, "known", [1] * 6 + [0] * 9)
    world.register("new", capabilities=["go"])
    world.register("stranger", capabilities=["go"])
    world.do(Vouch(owner="new"))
    scoring = Scoring(failure_price=10, use_track_record=True, explore=5)

    def award():
        auction_id = asked(world, scoring)
        for agent, cost in (("known", 5), ("new", 5), ("stranger", "4.9")):
            world.bid(auction_id, agent, cost)
        return auction_id, world.award(auction_id)

    first_id, first = award()
    assert expected(first, "new").bonus == 5
    assert expected(first, "stranger").bonus == 0
    # lifted to the mean of the capability, not above it
    new = next(bid for bid in world.see(first_id, "buyer").ranking if bid.bidder == "new")
    assert new.score == 5 + 10 * (1 - first.basis.typical.success)
    assert paid(first) == ("new", 5)
    assert world.log["agent/new"][-1].explored
    _, second = award()
    assert expected(second, "new").bonus == 0  # nobody knows yet how the first went
    world.report(first_id, success=True)
    _, third = award()
    assert expected(third, "new").bonus == D("2.5")


def test_of_one_owners_bids_one_is_explored():
    world = World()
    world.do(Vouch(owner="acme"))
    auction_id = asked(world, Scoring(failure_price=10, use_track_record=True, explore=5))
    for agent, cost in (("acme/a", 6), ("acme/b", 5)):
        world.register(agent, capabilities=["go"])
        world.bid(auction_id, agent, cost)
    award = world.award(auction_id)
    assert [(one.agent, one.bonus) for one in award.basis.expected] == [("acme/a", 0), ("acme/b", 5)]


# The prior of a capability


def test_what_providers_of_a_capability_have_in_common_is_learned_and_used():
    world = World()
    for number in range(12):
        learnt(world, f"p{number}", [1, 0, 0, 0, 0])
    events = world.log["capability/go"]
    assert [type(event) for event in events[:7]] == [OwnerObserved] * 5 + [PriorLearned, OwnerObserved]
    known = world.states["capability/go"]
    assert known == replayed(events, "capability/go")
    assert known.prior.success.mean < USUAL.success.mean
    assert [event.owners for event in events if isinstance(event, PriorLearned)] == [1, 2, 3, 4, 5, 10]
    auction_id = asked(world)
    world.register("new", capabilities=["go"])
    world.bid(auction_id, "new", 5)
    award = world.award(auction_id)
    assert award.basis.typical.success < D("0.6")
    assert expected(award, "new").success < award.basis.typical.success


def test_a_disputed_outcome_is_taken_back_from_what_is_learned():
    world = World()
    learnt(world, "ann", [])
    auction_id = world.create(requirements=GO)
    world.bid(auction_id, "ann", 2)
    world.award(auction_id)
    world.report(auction_id, success=False)
    assert world.states["capability/go"].owners["ann"].sums[0] == 1
    world.do(ReportOutcome(agent="ann", auction_id=auction_id, dispute=True))
    assert world.states["capability/go"].owners["ann"].sums[0] == 0
    world.do(SettleDispute(auction_id=auction_id, provider="ann", success=True))
    assert world.states["capability/go"].owners["ann"].sums[:2] == (1, 1)


def test_a_capability_remembers_the_owners_observed_last():
    known = Capability()
    for number in range(MOST_OWNERS + 1):
        (seen, *_) = observe(known, "go", f"p{number}", Ledger(), later(number))
        known = evolve(known, seen)
    assert len(known.owners) == MOST_OWNERS
    assert "p0" not in known.owners
    assert seen.at == later(MOST_OWNERS)
    assert later(0) == NOON


# Confidence


def test_confidence_by_default_is_recorded_and_decides_nothing():
    def award(said):
        world = World(salt="x")
        auction_id = world.create()
        for agent in ("ann", "bob"):
            world.bid(auction_id, agent, 5, confidence=said if agent == "ann" else None)
        return world, auction_id, world.award(auction_id)

    outcomes = {paid(award(said)[2]) for said in (None, 0, "0.5", 1)}
    assert len(outcomes) == 1
    world, auction_id, made = award("0.75")
    winner = made.winners[0].agent
    world.report(auction_id, success=False)
    report = world.auction(auction_id).outcomes[winner]
    assert report.adjustment is None
    assert report.confidence == (D("0.75") if winner == "ann" else None)


SETTLED = Scoring(failure_price=10, settle_confidence=10)


@pytest.mark.parametrize(("success", "adjustment"), [(True, "1.8"), (False, "-16.2")])
def test_settled_confidence_enters_the_score_and_the_outcome_adjusts_the_payment(success, adjustment):
    world = World()
    auction_id = world.create(scoring=SETTLED)
    world.bid(auction_id, "ann", 5, confidence="0.9")
    assert world.auction(auction_id).bids["ann"].score == 5 + D("1.9")  # 10 x 0.1 + 10 x 0.09
    world.award(auction_id)
    world.report(auction_id, success=success)
    assert world.auction(auction_id).outcomes["ann"].adjustment == D(adjustment)


def test_the_surer_bid_wins_where_confidence_is_settled():
    world = World()
    auction_id = world.create(scoring=SETTLED)
    world.bid(auction_id, "sure", 6, confidence="0.95")
    world.bid(auction_id, "cheap", 5, confidence="0.5")
    assert paid(world.award(auction_id)) == ("sure", 6)


def test_a_disputed_outcome_is_settled_with_its_own_adjustment():
    world = World()
    auction_id = world.create(scoring=SETTLED)
    world.bid(auction_id, "ann", 5, confidence="0.9")
    world.award(auction_id)
    world.report(auction_id, success=False)
    world.do(ReportOutcome(agent="ann", auction_id=auction_id, dispute=True))
    world.do(SettleDispute(auction_id=auction_id, provider="ann", success=True))
    assert world.auction(auction_id).outcomes["ann"].adjustment == D("1.8")


def test_with_a_record_and_settled_confidence_the_failure_term_is_the_bidders_own():
    world = World()
    learnt(world, "late", [1] * 8, time=120)
    scoring = Scoring(time_price="0.1", failure_price=10, settle_confidence=10, use_track_record=True)
    auction_id = asked(world, scoring)
    world.bid(auction_id, "late", 5, estimated_time=60, confidence="0.9")
    award = world.award(auction_id)
    ratio = expected(award, "late").time_ratio
    assert award.winners[0].score == 5 + D("0.1") * 60 * ratio + D("1.9")


# What does not fit


@pytest.mark.parametrize(
    ("scoring", "more", "field"),
    [
        ({"failure_price": 1}, {}, "scoring.failure_price"),
        ({"explore": 1}, {}, "scoring.explore"),
        ({"use_track_record": True}, {}, "scoring.use_track_record"),
        ({"use_track_record": True, "time_price": 1}, {"format": "open"}, "scoring.use_track_record"),
        ({"use_track_record": True, "time_price": 1, "explore": 1}, {"quantity": 2}, "scoring.explore"),
        ({"failure_price": 1, "settle_confidence": 2}, {}, "scoring.settle_confidence"),
        ({"failure_price": 1, "settle_confidence": 1}, {"quantity": 2}, "scoring.settle_confidence"),
        ({"failure_price": 1, "settle_confidence": 1}, {"payment_rule": "vcg"}, "scoring.settle_confidence"),
    ],
    ids=str,
)
def test_weights_that_do_not_fit_are_refused(scoring, more, field):
    with pytest.raises(ValidationError) as refused:
        CreateAuction(agent="b", task="x", scoring=scoring, **more)
    assert invalid(refused.value).facts["field"] == field


def test_a_time_that_a_record_could_stretch_beyond_what_the_market_holds_is_refused():
    world = World()
    auction_id = asked(world, Scoring(time_price=1000, use_track_record=True))
    world.register("ann", capabilities=["go"])
    bid = {"agent": "ann", "auction_id": auction_id, "cost": 1}
    assert world.refused(SubmitBid(**bid, estimated_time=5_000_000)) == Code.SCORE_OUT_OF_RANGE
    world.bid(auction_id, "ann", 1, estimated_time=4_900_000)
