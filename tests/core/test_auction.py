"""One reverse auction, from creation to award."""

import hashlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core import Code, Scoring
from market_core.commands import AwardAuction, CloseAuction, CreateAuction, Lapse, SubmitBid
from market_core.events import (
    AuctionAwarded,
    AuctionCancelled,
    AuctionClosed,
    AuctionCreated,
    BidSubmitted,
    OutcomeReported,
    Winner,
)
from market_core.terms import Bonus
from tests.core.world import NOON, World, later, paid

D = Decimal


def test_an_auction_is_created_with_everything_it_promises():
    world = World()
    created = world.only_event(
        CreateAuction(
            agent="acme/buyer",
            task=" review\nthis ",
            description="a\nb",
            requirements={"capabilities": ["Code Review"]},
            max_price=10,
            payment_rule="second_price",
            closes_in="90.5",
            invite=["a", "b", "a"],
        )
    )
    nonce = created.nonce
    assert created == AuctionCreated(
        at=NOON,
        auction_id="auc_t1",
        buyer="acme/buyer",
        task="review this",
        description="a\nb",
        requirements=created.requirements,
        max_price=D(10),
        payment_rule="second_price",
        scoring=Scoring(),
        closes_at=later(90.5),
        invite=("a", "b"),
        nonce=nonce,
        commitment=hashlib.sha256(b"tieauc_t1" + bytes.fromhex(nonce)).hexdigest(),
    )
    assert created.requirements.capabilities == ("code-review",)
    assert len(bytes.fromhex(nonce)) == 32


def test_a_bid_is_recorded_as_made_and_a_new_one_replaces_it():
    world = World()
    auction_id = world.create(scoring=Scoring(time_price="0.01"))
    first = world.bid(auction_id, "a", 7, estimated_time=100)
    second = world.only_event(
        SubmitBid(
            agent="a", auction_id=auction_id, cost="6.50", estimated_time=50, quality="0.9",
            attributes={"OS": "linux"}, note=" quick ", valid_for=30, replaces=first,
        )
    )  # fmt: skip
    assert second == BidSubmitted(
        at=NOON,
        bid_id="bid_t1_t3",
        bidder="a",
        cost=D("6.5"),
        estimated_time=D(50),
        quality=D("0.9"),
        attributes={"os": "linux"},
        note="quick",
        valid_until=later(30),
        score=D(7),
        replaced=first,
    )
    assert world.auction(auction_id).bids == {"a": second}


@pytest.mark.parametrize(
    ("costs", "max_price", "rule", "result"),
    [
        # mechanisms.md, one task: 30, 60 under 50 pays 50; 30, 40 pays 40; nothing within 25 is no award
        ([30, 60], 50, "second_price", ("a0", D(50))),
        ([30, 40], 50, "second_price", ("a0", D(40))),
        ([30, 60], 25, "second_price", None),
        ([50, 60], 50, "pay_as_bid", ("a0", D(50))),  # max_price itself is within it
        ([40, 30], None, "second_price", ("a1", D(40))),
        ([30], None, "second_price", ("a0", D(30))),
        ([30], 50, "second_price", ("a0", D(50))),
        ([30, 40], 50, "pay_as_bid", ("a0", D(30))),
        (["0.000001", "0.000002"], None, "second_price", ("a0", D("0.000002"))),
    ],
)
def test_the_award_pays_by_the_rule(costs, max_price, rule, result):
    world = World()
    auction_id = world.create(max_price=max_price, payment_rule=rule)
    for i, cost in enumerate(costs):
        command = SubmitBid(agent=f"a{i}", auction_id=auction_id, cost=cost)
        if max_price is not None and cost > max_price:
            assert world.refused(command) == Code.BID_ABOVE_MAX_PRICE
        else:
            world.do(command)
    assert paid(world.award(auction_id)) == result


def test_the_winner_of_a_scored_auction_is_paid_up_to_the_runner_ups_score():
    world = World()
    scoring = Scoring(
        time_price="0.1", quality_price=20, attribute_bonus=(Bonus(attribute="local", bonus="1.5"),)
    )
    auction_id = world.create(payment_rule="second_price", scoring=scoring)
    dear = world.bid(auction_id, "dear", 30, estimated_time=60, quality="0.9", attributes={"local": True})
    cheap = world.bid(auction_id, "cheap", 20, estimated_time=100, quality="0.2", attributes={"local": "yes"})
    awarded = world.award(auction_id)
    # dear: 30 + 6 - 18 - 1.5 = 16.5; cheap: 20 + 10 - 4 = 26; dear may ask 9.5 more than its cost
    ranking = f'[["{dear}","16.5"],["{cheap}","26"]]'
    assert awarded == AuctionAwarded(
        at=NOON,
        winners=(Winner("dear", dear, cost=D(30), payment=D("39.5"), score=D("16.5")),),
        runner_up_score=D(26),
        eligible=2,
        ranking_digest=hashlib.sha256(ranking.encode()).hexdigest(),
        mechanism="single/1",
        grace=D(3600),
    )


def test_another_id_of_the_winners_owner_does_not_set_its_payment():
    world = World()
    auction_id = world.create(payment_rule="second_price", max_price=50)
    for agent, cost in (("shop/a", 30), ("Shop/b", 31), ("other", 45)):
        world.bid(auction_id, agent, cost)
    awarded = world.award(auction_id)
    assert (paid(awarded), awarded.runner_up_score, awarded.eligible) == (("shop/a", D(45)), D(45), 3)


def test_adding_a_losing_bid_does_not_change_who_wins():
    # With weights 0.6 and 0.4 normalised over the bids, A wins against B until C comes; absolute scores do not.
    bids = {"A": (100, "0.70"), "B": (150, "0.90"), "C": (300, "0.60")}

    def winner(names):
        world = World()
        auction_id = world.create(scoring=Scoring(quality_price=200))
        for name in names:
            cost, quality = bids[name]
            world.bid(auction_id, name, cost, quality=quality)
        return paid(world.award(auction_id))

    assert winner("AB") == winner("ABC") == winner("CBA") == ("A", D(100))


def test_a_tie_falls_by_the_committed_nonce_recomputed_by_hand():
    world = World()
    auction_id = world.create()
    agents = [f"agent-{i}" for i in range(20)]
    for agent in agents:
        world.bid(auction_id, agent, "1.50", attributes={"b": True, "a": "é"}, note=f"free text of {agent}")
    nonce = bytes.fromhex(world.auction(auction_id).terms.nonce)
    content = '{"attributes":{"a":"é","b":true},"cost":"1.5","estimated_time":null,"quality":null}'

    def key(agent):
        return hashlib.sha256(b"\0".join([nonce, b"auc_t1", agent.encode(), content.encode()])).hexdigest()

    assert paid(world.award(auction_id)) == (min(agents, key=key), D("1.5"))
    assert [bid.bidder for bid in world.see(auction_id, "buyer").ranking] == sorted(agents, key=key)


@given(st.permutations(range(5)), st.lists(st.text(max_size=5), min_size=5, max_size=5))
def test_neither_the_order_of_bids_nor_their_notes_move_an_award(order, notes):
    def outcome(order, notes):
        world = World()
        auction_id = world.create(payment_rule="second_price")
        for i in order:
            world.bid(auction_id, f"a{i}", 5 + i % 2, note=notes[i])
            world.wait(1)
        return paid(world.award(auction_id))

    assert outcome(order, notes) == outcome(range(5), [""] * 5)


def test_a_bid_counts_until_its_validity_ends():
    world = World()
    auction_id = world.create(payment_rule="second_price")
    world.bid(auction_id, "brief", 1, valid_for=60)
    world.bid(auction_id, "firm", 5)
    world.wait(59)
    world.close(auction_id)
    assert [bid.bidder for bid in world.preview(auction_id).ranking] == ["brief", "firm"]
    world.wait(1)
    awarded = world.award(auction_id)
    assert (paid(awarded), awarded.eligible, awarded.runner_up_score) == (("firm", D(5)), 1, None)


def test_a_withdrawn_bid_does_not_count_and_its_bidder_may_bid_again():
    world = World()
    auction_id = world.create()
    world.withdraw("a", world.bid(auction_id, "a", 1))
    world.bid(auction_id, "b", 5)
    world.bid(auction_id, "a", 4)
    assert paid(world.award(auction_id)) == ("a", D(4))


def test_an_auction_with_a_deadline_is_decided_early_only_when_everybody_invited_has_bid():
    world = World()
    auction_id = world.create(closes_in=60, invite=("a", "b"))
    world.bid(auction_id, "a", 3)
    for command in (AwardAuction, CloseAuction):
        assert world.refused(command(agent="buyer", auction_id=auction_id)) == Code.BEFORE_DEADLINE
    world.bid(auction_id, "b", 2)
    decision = world.do(AwardAuction(agent="buyer", auction_id=auction_id))
    closed, awarded = decision.events[f"auction/{auction_id}"]
    assert (closed, paid(awarded)) == (AuctionClosed(NOON, "buyer"), ("b", D(2)))


def test_an_award_after_the_deadline_records_that_the_market_closed_the_bidding_once():
    world = World()
    auction_id = world.create(closes_in=60)
    world.wait(60)
    first = world.do(Lapse(stream=f"auction/{auction_id}"))
    again = world.do(Lapse(stream=f"auction/{auction_id}"))
    assert list(first.events.values()) == [[AuctionClosed(later(60), "market")]]
    assert list(again.events.values()) == [[]]
    unrecorded = world.create(closes_in=60)
    world.wait(60)
    decision = world.do(AwardAuction(agent="buyer", auction_id=unrecorded))
    closed, awarded = decision.events[f"auction/{unrecorded}"]
    assert (closed, paid(awarded)) == (AuctionClosed(later(120), "market"), None)


def test_an_auction_called_off_after_closing_says_so():
    world = World()
    before, after = world.create(), world.create()
    world.close(after)
    for auction_id in (before, after):
        world.withdraw("buyer", auction_id)
    ends = [world.log[f"auction/{auction_id}"][-1] for auction_id in (before, after)]
    assert ends == [AuctionCancelled(NOON, after_closing=False), AuctionCancelled(NOON, after_closing=True)]


def test_an_outcome_stands_in_the_auction_and_in_the_providers_record():
    world = World()
    auction_id = world.create(requirements={"capabilities": ["go"]}, payment_rule="second_price", max_price=9)
    world.register("a", capabilities=["go"])
    world.bid(auction_id, "a", 5, estimated_time=60, quality="0.8")
    world.award(auction_id)
    world.wait(5)
    world.report(auction_id, success=False, actual_time=90, quality="0.5", note="late", reference="pr/1")
    outcome = OutcomeReported(
        later(5), auction_id, "buyer", "a", success=False, actual_time=D(90), quality=D("0.5"), note="late",
        reference="pr/1", payment=D(9), estimated_time=D(60), promised_quality=D("0.8"), capabilities=("go",),
        amend_until=later(5 + 24 * 3600), dispute_until=later(5 + 3 * 24 * 3600),
    )  # fmt: skip
    assert list(world.auction(auction_id).outcomes.values()) == [outcome]
    assert world.states["agent/a"].last == {auction_id: outcome}
    assert world.log[f"auction/{auction_id}"][-1] == world.log["agent/a"][-1] == outcome


@pytest.mark.parametrize(
    ("card", "own", "relied_on"),
    [
        ({"os": "linux", "secret": "x"}, {}, {"os": "linux"}),
        ({"os": "mac"}, {"os": "Linux"}, {"os": "Linux"}),
        ({"os": "linux", "cpu": 8}, {"more": True}, {"os": "linux", "cpu": 8, "more": True}),
    ],
)
def test_a_bid_rests_on_its_own_attributes_before_those_of_the_card_that_are_asked_for(card, own, relied_on):
    world = World()
    scoring = Scoring(attribute_bonus=(Bonus(attribute="cpu", bonus=1, when={"min": 4}),))
    auction_id = world.create(requirements={"attributes": {"os": "linux"}}, scoring=scoring)
    world.register("a", attributes=card)
    world.bid(auction_id, "a", 5, attributes=own)
    bid = world.auction(auction_id).bids["a"]
    assert (bid.attributes, bid.score) == (relied_on, D(4) if "cpu" in relied_on else D(5))


def test_a_card_that_changes_later_does_not_change_a_bid():
    world = World()
    auction_id = world.create(requirements={"capabilities": ["go"], "attributes": {"os": "linux"}})
    world.register("a", capabilities=["go"], attributes={"os": "linux"})
    world.bid(auction_id, "a", 5)
    world.register("a")
    assert paid(world.award(auction_id)) == ("a", D(5))
    assert world.refused(
        SubmitBid(agent="a", auction_id=world.create(requirements={"capabilities": ["go"]}), cost=1)
    ) == (Code.MISSING_CAPABILITY)


def test_a_bid_after_an_early_close_is_told_that_it_was_closed_even_once_the_deadline_has_passed():
    world = World()
    auction_id = world.create(closes_in=60, invite=("a",))
    world.bid(auction_id, "a", 1)
    world.do(CloseAuction(agent="buyer", auction_id=auction_id))
    late = SubmitBid(agent="a", auction_id=auction_id, cost=1)
    assert world.refused(late) == Code.AUCTION_CLOSED
    world.wait(61)
    assert world.refused(late) == Code.AUCTION_CLOSED


def test_another_agent_of_the_winners_owner_does_not_set_the_payment():
    world = World()
    auction_id = world.create(payment_rule="second_price", max_price=50)
    for agent, cost in (("acme/a", 10), ("acme/b", 30), ("other", 20)):
        world.bid(auction_id, agent, cost)
    awarded = world.award(auction_id)
    assert [(w.agent, w.payment) for w in awarded.winners] == [("acme/a", Decimal(20))]
    assert awarded.runner_up_score == Decimal(20)
