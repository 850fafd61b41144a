"""What each agent sees of an auction and of another agent, before and after the award."""

from dataclasses import replace
from decimal import Decimal

import pytest

from market_core import Code, Rejection, Scoring
from market_core.events import Winner
from market_core.handle import evolve
from market_core.observation import (
    AuctionSeen,
    OwnBidSeen,
    PreviewSeen,
    RecordSeen,
    RuleSeen,
    WinnerSeen,
    WorkSeen,
    see_agent,
    see_auction,
)
from tests.core.world import NOON, World, later

D = Decimal
VIEWERS = ["", "buyer", "buyer/x", "winner", "loser", "stranger"]


def story(rule="pay_as_bid", **terms):
    """Return a world with an auction: winner asks 30, loser 40, third 45."""
    world = World()
    auction_id = world.create(payment_rule=rule, max_price=50, closes_in=60, **terms)
    for agent, cost in (("loser", 40), ("winner", 30), ("third", 45)):
        world.bid(auction_id, agent, cost, note=f"by {agent}")
    return world, auction_id


def empty_view(seen, **visible):
    """Return a view of the same auction in which only `visible` is seen beside terms and number of bids."""
    nothing = {
        "cancelled_after_closing": False,
        "own_bids": (),
        "unbought": 0,
        "unbought_lots": (),
        "winners": (),
        "ranking": (),
        "ranked": 0,
        "nonce": None,
        "awarded_at": None,
        "runner_up_score": None,
        "invited_only": False,
        "outcomes": (),
        "work": (),
        "mechanism": None,
        "closes_at": seen.terms.closes_at,
        "offered": None,
    }
    return AuctionSeen(**{"terms": seen.terms, "bids": 3, **nothing, **visible})


@pytest.mark.parametrize("status", ["open", "closed"])
@pytest.mark.parametrize("viewer", VIEWERS)
def test_before_the_award_everybody_sees_the_number_of_bids_and_a_bidder_its_own(viewer, status):
    world, auction_id = story()
    if status == "closed":
        world.wait(60)
    seen = world.see(auction_id, viewer)
    own = world.auction(auction_id).bids.get(viewer)
    own_bids = () if own is None else (OwnBidSeen(own, False, None, None, None),)
    assert seen == empty_view(seen, status=status, own_bids=own_bids)
    assert (seen.terms.task, seen.terms.max_price, seen.terms.payment_rule) == ("review", D(50), "pay_as_bid")


@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_nonce_is_nowhere_to_be_seen_before_the_award(viewer):
    world, auction_id = story()
    nonce = world.auction(auction_id).terms.nonce
    assert nonce not in repr(world.see(auction_id, viewer))
    world.wait(60)
    assert nonce not in repr(world.see(auction_id, viewer))
    world.award(auction_id)
    assert world.see(auction_id, viewer).nonce == nonce


def test_the_nonce_is_nowhere_to_be_seen_in_a_preview():
    world, auction_id = story()
    world.wait(60)
    assert world.auction(auction_id).terms.nonce not in repr(world.preview(auction_id))


def test_the_nonce_of_a_cancelled_auction_stays_secret():
    world, auction_id = story()
    world.withdraw("buyer", auction_id)
    assert world.auction(auction_id).terms.nonce not in repr(world.see(auction_id, "buyer"))


def test_after_the_award_the_buyer_sees_the_ranking_a_loser_its_place_and_all_the_winner():
    world, auction_id = story()
    world.wait(60)
    awarded = world.award(auction_id)
    bids = world.auction(auction_id).bids
    public = {
        "status": "awarded",
        "winners": tuple(WinnerSeen(w.agent, w.bid_id, w.payment, w.cost, 1, ()) for w in awarded.winners),
        "ranked": 3,
        "nonce": world.auction(auction_id).terms.nonce,
        "awarded_at": later(60),
        "mechanism": "single/1",
        "work": (WorkSeen("winner", "running", None, None, later(60 + 3600), replaced=False),),
    }
    expected = {
        "": {},
        "stranger": {},
        "buyer/x": {},
        "buyer": {
            "ranking": (bids["winner"], bids["loser"], bids["third"]),
            "runner_up_score": D(40),
        },
        "winner": {"own_bids": (OwnBidSeen(bids["winner"], False, 0, None, None),)},
        "loser": {"own_bids": (OwnBidSeen(bids["loser"], False, 1, D(30), True),)},
        "third": {"own_bids": (OwnBidSeen(bids["third"], False, 2, D(30), True),)},
    }
    for viewer, more in expected.items():
        seen = world.see(auction_id, viewer)
        assert seen == empty_view(seen, **public, **more), viewer


def test_a_threshold_is_the_cost_that_would_have_tied_for_the_time_and_quality_claimed():
    world = World()
    auction_id = world.create(scoring=Scoring(time_price=1))
    world.bid(auction_id, "winner", 30, estimated_time=5)
    world.bid(auction_id, "loser", 28, estimated_time=10)
    world.bid(auction_id, "hopeless", 0, estimated_time=50)
    world.award(auction_id)
    thresholds = {
        agent: world.own(auction_id, agent).winning_threshold for agent in ("winner", "loser", "hopeless")
    }
    assert thresholds == {"winner": None, "loser": D(25), "hopeless": D(0)}


def test_no_threshold_is_told_where_the_payment_is_not_the_cost():
    world, auction_id = story("second_price")
    world.wait(60)
    world.award(auction_id)
    seen = [world.own(auction_id, viewer).winning_threshold for viewer in ("winner", "loser", "third")]
    assert seen == [None] * 3


@pytest.mark.parametrize("viewer", ["", "stranger", "loser", "third", "buyer/x"])
def test_under_second_price_nobody_but_buyer_and_winner_learns_what_the_winner_asked(viewer):
    def seen(cost):
        world = World()
        auction_id = world.create(payment_rule="second_price")
        for agent, asked in (("loser", 40), ("winner", cost), ("third", 45)):
            world.bid(auction_id, agent, asked)
        world.award(auction_id)
        return world.see(auction_id, viewer)

    assert seen(30) == seen(31)


def test_a_bidder_sees_when_its_own_bid_has_lapsed():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "brief", 5, valid_for=60)
    world.bid(auction_id, "firm", 5)
    lapsed = []
    for seconds in (0, 59, 1):
        world.wait(seconds)
        lapsed.append({viewer: world.own(auction_id, viewer).lapsed for viewer in ("brief", "firm")})
    nobody = {"brief": False, "firm": False}
    assert lapsed == [nobody, nobody, {**nobody, "brief": True}]


def test_under_second_price_the_cost_of_the_winner_is_told_to_buyer_and_winner():
    world, auction_id = story("second_price")
    world.wait(60)
    world.award(auction_id)
    won = world.auction(auction_id).bids["winner"].bid_id
    told = {viewer: world.see(auction_id, viewer).winners for viewer in [*VIEWERS, "third"]}
    costs = {"buyer": D(30), "winner": D(30)}
    assert told == {
        viewer: (WinnerSeen("winner", won, payment=D(40), cost=costs.get(viewer), quantity=1, lots=()),)
        for viewer in told
    }


def test_the_ranking_is_seen_in_pages_of_twenty():
    world = World()
    auction_id = world.create()
    for i in range(45):
        world.bid(auction_id, f"a{i:02}", i)
    world.award(auction_id)
    state = world.auction(auction_id)
    pages = [[b.cost for b in see_auction(state, "buyer", NOON, first).ranking] for first in (0, 20, 40, 60)]
    assert pages == [list(range(20)), list(range(20, 40)), list(range(40, 45)), []]


def test_everybody_sees_that_an_auction_was_called_off_after_closing():
    world, auction_id = story()
    world.wait(60)
    world.withdraw("buyer", auction_id)
    seen = world.see(auction_id)
    assert seen == empty_view(seen, status="cancelled", cancelled_after_closing=True)


def test_an_unsold_auction_shows_its_nonce_and_no_winner():
    world = World()
    auction_id = world.create()
    world.award(auction_id)
    seen = world.see(auction_id, "buyer")
    nonce = world.auction(auction_id).terms.nonce
    assert seen == empty_view(
        seen, status="unsold", bids=0, nonce=nonce, awarded_at=NOON, mechanism="single/1"
    )


def test_an_unknown_auction_is_refused_to_every_eye():
    world = World()
    for look in (lambda: world.see("auc_none"), lambda: world.preview("auc_none")):
        with pytest.raises(Rejection) as refused:
            look()
        assert refused.value.code == Code.UNKNOWN_AUCTION


# Preview


@pytest.mark.parametrize(
    ("rule", "rules"),
    [
        ("pay_as_bid", (("pay_as_bid", D(30), D(0)), ("second_price", D(40), D(10)))),
        ("second_price", (("second_price", D(40), D(10)), ("pay_as_bid", D(30), D(0)))),
    ],
)
def test_a_preview_shows_the_buyer_the_ranking_and_every_rule_its_own_first(rule, rules):
    world, auction_id = story(rule)
    world.wait(60)
    bids = world.auction(auction_id).bids
    seen = world.preview(auction_id)
    won = bids["winner"]
    made = tuple(
        RuleSeen(rule, (Winner("winner", won.bid_id, won.cost, payment, won.score),), payment, premium)
        for rule, payment, premium in rules
    )
    assert seen == PreviewSeen(seen.terms, (won, bids["loser"], bids["third"]), 3, made)
    assert world.award(auction_id).winners[0].payment == rules[0][1]


def test_a_preview_without_bids_pays_nothing():
    world = World()
    auction_id = world.create()
    world.close(auction_id)
    seen = world.preview(auction_id)
    rules = (RuleSeen("pay_as_bid", (), None, None), RuleSeen("second_price", (), None, None))
    assert seen == PreviewSeen(seen.terms, (), 0, rules)


@pytest.mark.parametrize("viewer", ["", "buyer/x", "winner", "stranger"])
@pytest.mark.parametrize("seconds", [0, 60], ids=["open", "closed"])
def test_a_preview_is_only_for_the_buyer(viewer, seconds):
    world, auction_id = story()
    world.wait(seconds)
    with pytest.raises(Rejection) as refused:
        world.preview(auction_id, viewer)
    assert refused.value.code == Code.NOT_THE_BUYER


def test_a_preview_of_an_open_auction_is_refused_to_its_buyer():
    world, auction_id = story()
    with pytest.raises(Rejection) as refused:
        world.preview(auction_id)
    assert refused.value.code == Code.AUCTION_OPEN


def test_outcomes_between_agents_of_one_owner_do_not_count():
    world = World()
    auction_id = world.create()
    world.bid(auction_id, "shop/x", 1)
    world.award(auction_id)
    world.report(auction_id)
    (theirs,) = world.states["agent/shop/x"].last.values()
    own = replace(theirs, auction_id="auc_own", buyer="Shop/y", success=False)
    agent = evolve(world.states["agent/shop/x"], own)
    seen = see_agent("shop/x", agent)
    assert (seen.record, seen.last_outcomes) == (RecordSeen(1, 1, 0), (theirs,))


def test_under_second_price_a_loser_learns_only_whether_a_lower_cost_would_have_won():
    world = World()
    auction_id = world.create(payment_rule="second_price", scoring=Scoring(time_price=1))
    world.bid(auction_id, "winner", 30, estimated_time=5)
    world.bid(auction_id, "loser", 28, estimated_time=10)
    world.bid(auction_id, "hopeless", 0, estimated_time=50)
    world.award(auction_id)
    seen = {agent: world.own(auction_id, agent) for agent in ("winner", "loser", "hopeless")}
    told = {agent: (s.winning_threshold, s.lower_cost_would_have_won) for agent, s in seen.items()}
    assert told == {
        "winner": (None, None),
        "loser": (None, True),
        "hopeless": (None, False),
    }


def test_who_is_invited_is_seen_by_the_buyer_and_the_invited_alone():
    world = World()
    auction_id = world.create(invite=("a", "b"))
    seen = {viewer: world.see(auction_id, viewer) for viewer in ("", "buyer", "a", "c")}
    assert {viewer: (s.invited_only, s.terms.invite) for viewer, s in seen.items()} == {
        "": (True, ()),
        "buyer": (True, ("a", "b")),
        "a": (True, ("a", "b")),
        "c": (True, ()),
    }
