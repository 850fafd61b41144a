"""Several auctions of one buyer decided as one: within what each provider can take on, and recorded as its work."""

from collections import Counter
from decimal import Decimal
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import AuctionRequest, Bid, Code, Market, ReverseAuction, Scoring
from market_core.commands import AwardAuction, RegisterAgent
from market_core.events import AuctionClosed, Together, Winner, WorkWon
from market_core.terms import Lot
from tests.core.world import NOON, World, replayed

D = Decimal


def tasks(world, costs, **terms):
    """Create an auction for each row of {bidder: cost}; return their ids."""
    made = []
    for row in costs:
        made.append(world.create(**terms))
        for bidder, cost in row.items():
            world.bid(made[-1], bidder, cost)
    return made


def award(world, ids, agent="buyer"):
    return world.do(AwardAuction(agent=agent, auction_id=ids[0], together_with=ids[1:]))


def won(world, ids):
    """Return {winner: payment} of each auction, None of one that is not awarded."""
    decided = [world.auction(auction_id).award for auction_id in ids]
    return [made and {winner.agent: winner.payment for winner in made.winners} for made in decided]


def refused(world, ids, agent="buyer"):
    refusal = world.refusal(AwardAuction(agent=agent, auction_id=ids[0], together_with=ids[1:]))
    return refusal.code, refusal.facts


# Who wins


def test_a_provider_wins_no_more_than_it_takes_and_the_total_score_is_least():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = tasks(world, [{"ann": 1, "bob": 5}, {"ann": 2, "bob": 9}])
    award(world, ids)  # ann at 2 and bob at 5, rather than ann at 1 and bob at 9
    assert won(world, ids) == [{"bob": D(5)}, {"ann": D(2)}]


def test_without_a_limit_each_task_goes_to_its_lowest_score():
    world = World()
    ids = tasks(world, [{"ann": 1, "bob": 5}, {"ann": 2, "bob": 9}])
    award(world, ids)
    assert won(world, ids) == [{"ann": D(1)}, {"ann": D(2)}]


def test_work_that_is_running_counts_until_its_outcome_is_reported():
    world = World()
    world.register("ann", max_concurrent=2)
    (before,) = tasks(world, [{"ann": 3}])
    world.award(before)
    first = tasks(world, [{"ann": 1}, {"ann": 2}])
    award(world, first)
    assert won(world, first) == [{"ann": D(1)}, None]
    world.report(before, success=False)
    award(world, first[1:])
    second = tasks(world, [{"ann": 1}, {"ann": 2}])
    award(world, second)
    assert won(world, second) == [None, None]
    for done in first:
        world.report(done)
    award(world, second)
    assert won(world, second) == [{"ann": D(1)}, {"ann": D(2)}]


def test_the_higher_priority_comes_first_where_capacity_is_short():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = [world.create(priority=priority) for priority in (0, 7, -7)]
    for auction_id, cost in zip(ids, (1, 100, 1), strict=True):
        world.bid(auction_id, "ann", cost)
    award(world, ids)
    assert won(world, ids) == [None, {"ann": D(100)}, None]


def test_the_limit_that_counts_is_the_one_when_the_bidding_was_over():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = tasks(world, [{"ann": 1}, {"ann": 2}], closes_in=60)
    world.wait(61)
    world.register("ann", max_concurrent=2)
    award(world, ids)
    assert sorted(map(bool, won(world, ids))) == [False, True]


def test_scores_decide_and_costs_are_paid():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = [world.create(scoring=Scoring(time_price="0.1")) for _ in range(2)]
    for auction_id, cost in zip(ids, (1, 2), strict=True):
        world.bid(auction_id, "ann", cost, estimated_time=10)
        world.bid(auction_id, "bob", cost, estimated_time=1000 * cost)
    award(world, ids)  # bob would be 99 late in the first, 198 in the second
    assert won(world, ids) == [{"bob": D(1)}, {"ann": D(2)}]


def test_vcg_pays_what_the_others_would_cost_more_without_the_owner():
    # Z = 20 + 30. Without a: 30 + 60; without b: 40 + 20.
    world = World()
    for agent in "abc":
        world.register(agent, max_concurrent=1)
    ids = tasks(
        world, [{"a": 10, "b": 30, "c": 40}, {"a": 20, "b": 50, "c": 60}], max_price=100, payment_rule="vcg"
    )
    award(world, ids)
    assert won(world, ids) == [{"b": D(40)}, {"a": D(60)}]


def test_two_agents_of_one_owner_are_paid_as_one():
    world = World()
    ids = tasks(world, [{"acme/a": 10, "b": 50}, {"acme/c": 10, "b": 50}], max_price=100, payment_rule="vcg")
    award(world, ids)
    assert won(world, ids) == [{"acme/a": D(50)}, {"acme/c": D(50)}]


# What is recorded


def test_each_auction_and_each_winner_has_its_part_of_the_decision():
    world = World()
    world.register("ann", max_concurrent=1)
    first, second = tasks(world, [{"ann": 1}, {"ann": 2, "bob": 9}], requirements={"capabilities": []})
    world.bid(second, "bob", 9, estimated_time=60)
    decision = award(world, [first, second])
    closed = AuctionClosed(NOON, "buyer")
    events = decision.events
    assert set(events) == {f"auction/{first}", f"auction/{second}", "agent/ann", "agent/bob"}
    assert set(decision.guards) == {"agent/ann", "agent/bob"}
    assert events[f"auction/{first}"][0] == events[f"auction/{second}"][0] == closed
    made = events[f"auction/{second}"][1]
    bob = Winner("bob", made.winners[0].bid_id, D(9), D(9), D(9))
    assert (made.winners, made.runner_up_score, made.eligible) == ((bob,), D(2), 2)
    assert made.mechanism == "assignment/1"
    assert (made.proof.status, made.proof.bound) == ("optimal", D(10))
    assert made.together == Together((first, second), {"ann": 1})
    assert events["agent/bob"] == [WorkWon(NOON, second, "bob", "buyer", D(9), D(60), ())]


def test_an_auction_without_capacity_only_closes_and_one_without_bids_is_unsold():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = tasks(world, [{"ann": 1}, {"ann": 2}, {}])
    decision = award(world, ids)
    assert decision.events[f"auction/{ids[1]}"] == [AuctionClosed(NOON, "buyer")]
    assert [world.auction(auction_id).status for auction_id in ids] == ["awarded", "closed", "unsold"]


def test_a_single_award_is_work_too_and_so_is_what_was_taken():
    world = World()
    (auction_id,) = tasks(world, [{"ann": 3}])
    assert [
        type(event)
        for event in world.do(AwardAuction(agent="buyer", auction_id=auction_id)).events["agent/ann"]
    ] == [WorkWon]
    lots = world.create(lots=[Lot(id="roof"), Lot(id="walls")], bids_combine="or")
    world.bid(lots, "ann", 1, lots=["roof"], estimated_time=5)
    world.bid(lots, "ann", 2, lots=["walls"], estimated_time=9)
    decision = world.do(AwardAuction(agent="buyer", auction_id=lots))
    assert decision.events["agent/ann"] == [WorkWon(NOON, lots, "ann", "buyer", D(3), D(9), ())]


def test_no_threshold_is_told_where_others_decided_too():
    world = World()
    world.register("ann", max_concurrent=1)
    ids = tasks(world, [{"ann": 1, "bob": 5}, {"ann": 2, "bob": 9}])
    award(world, ids)
    (own,) = world.see(ids[0], "ann").own_bids
    assert (own.position, own.winning_threshold, own.lower_cost_would_have_won) == (1, None, None)


# Refusals


def test_what_cannot_be_decided_together_is_told():
    world = World()
    one, dear = tasks(world, [{"ann": 1}, {"ann": 1}])
    lots = world.create(lots=[Lot(id="roof")])
    vcg = world.create(payment_rule="vcg", max_price=5)
    unpriced = world.create(payment_rule="vcg")
    urgent = world.create(payment_rule="vcg", max_price=5, priority=1)
    assert refused(world, [one, lots]) == (
        Code.NOT_TOGETHER,
        {"why": f"{lots} is not for one task with one winner, chosen by score"},
    )
    assert refused(world, [one, vcg])[0] == Code.NOT_TOGETHER
    assert refused(world, [vcg, unpriced]) == (
        Code.NOT_TOGETHER,
        {"why": "vcg needs a max_price on each of them"},
    )
    assert refused(world, [vcg, urgent])[1] == {"why": "vcg needs the same priority for all of them"}
    world.award(dear)
    assert refused(world, [one, dear]) == (Code.AUCTION_AWARDED, {"about": dear})
    other = world.create(buyer="other")
    assert refused(world, [one, dear, other]) == (Code.NOT_THE_BUYER, {"about": other})
    assert refused(world, [one, "auc_nowhere", other]) == (Code.UNKNOWN_AUCTION, {"about": "auc_nowhere"})


def test_a_deadline_that_was_promised_holds_here_too():
    world = World()
    late = world.create(closes_in=60)
    (one,) = tasks(world, [{"ann": 1}])
    code, facts = refused(world, [one, late])
    assert (code, facts["about"]) == (Code.BEFORE_DEADLINE, late)


def test_naming_an_auction_twice_means_it_once():
    world = World()
    (one,) = tasks(world, [{"ann": 1}])
    world.do(AwardAuction(agent="buyer", auction_id=one, together_with=[one, one]))
    assert won(world, [one]) == [{"ann": D(1)}]
    assert world.auction(one).award.together is None


# For all markets


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 6), max_size=3), min_size=2, max_size=4),
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 2)),
    st.integers(0, 10**6),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_decision_is_the_best_by_brute_force_and_replays(costs, limits, salt):
    world = World(salt=str(salt))
    for agent, most in limits.items():
        world.register(agent, max_concurrent=most)
    ids = tasks(world, costs)
    award(world, ids)
    chosen = won(world, ids)
    winners = [next(iter(made), None) if made else None for made in chosen]
    best = min(
        (
            -sum(name is not None for name in choice),
            sum(row[name] for row, name in zip(costs, choice, strict=True) if name),
        )
        for choice in product(*([None, *row] for row in costs))
        if all(Counter(choice)[agent] <= most for agent, most in limits.items())
    )
    assert best == (
        -sum(name is not None for name in winners),
        sum(row[name] for row, name in zip(costs, winners, strict=True) if name),
    )
    live = {stream: world.states[stream] for stream in world.log}
    assert {stream: replayed(events, stream) for stream, events in world.log.items()} == live
    taken = Counter(name for name in winners if name)
    assert {agent: len(world.states[f"agent/{agent}"].running) for agent in taken} == taken


# In process


def test_a_program_awards_requests_together():
    market = Market()
    market.execute(RegisterAgent(agent="claude", max_concurrent=1))
    auction = ReverseAuction(market)
    urgent = AuctionRequest(task="fix the build", priority=5)
    later_on = AuctionRequest(task="tidy up")
    for request, cost in ((urgent, 9), (later_on, 1)):
        auction.submit_bid(request, Bid(agent="claude", cost=cost))
    first, second = auction.award_together(urgent, later_on)
    assert (first.winner.agent, first.payment, second) == ("claude", D(9), None)
