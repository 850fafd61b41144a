"""Changing what an agent must not see never changes what it sees."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core import Code, Rejection, Scoring
from market_core.commands import SubmitBid, Withdraw
from market_core.observation import ResourceSeen, SideSeen
from tests.core.world import World, later

D = Decimal

rival_bids = st.fixed_dictionaries(
    {
        "cost": st.decimals(0, 20, places=6),
        "estimated_time": st.decimals("0.000001", 1000, places=6),
        "quality": st.decimals(0, 1, places=6),
        "note": st.text(max_size=5),
        "attributes": st.dictionaries(
            st.sampled_from(["os", "cpu"]), st.integers(0, 9) | st.text("ab", min_size=1)
        ),
    }
)


def eyes_on(bid, *, seconds, replaced=None, valid_for=None):
    """Return all that others see and hear of an auction in which `rival` makes `bid`, before its award."""
    world = World()
    auction_id = world.create(scoring=Scoring(time_price="0.01", quality_price=1), max_price=20, closes_in=60)
    if replaced:
        world.bid(auction_id, "rival", **replaced)
    world.made = 10  # ids tell how many commands there were, not what was in them
    rivals = world.bid(auction_id, "rival", valid_for=valid_for, **bid)
    world.bid(auction_id, "me", 5, estimated_time=1, quality=1)
    world.wait(seconds)
    heard = [
        world.refusal(command)
        for command in (
            Withdraw(agent="me", id=rivals),
            SubmitBid(agent="me", auction_id=auction_id, cost=21, estimated_time=1, quality=1),
            SubmitBid(agent="me", auction_id=auction_id, cost=1, replaces=rivals),
        )
    ]
    with pytest.raises(Rejection) as refused:
        world.preview(auction_id, "me")
    seen = [world.see(auction_id, viewer) for viewer in ("", "me", "buyer", "stranger", "buyer/x")]
    return seen, [(str(r), r.facts) for r in [*heard, refused.value]]


@given(rival_bids, rival_bids, st.sampled_from([0, 60]))
def test_nothing_in_a_rivals_sealed_bid_changes_what_others_see_before_the_award(one, other, seconds):
    assert eyes_on(one, seconds=seconds) == eyes_on(other, seconds=seconds)


@given(rival_bids, rival_bids)
def test_a_replaced_bid_and_a_validity_change_nothing_that_others_see(one, other):
    plain = eyes_on(one, seconds=0)
    assert eyes_on(one, seconds=0, replaced=other) == plain
    assert eyes_on(one, seconds=0, valid_for=5) == plain
    assert eyes_on(one, seconds=60) == eyes_on(one, seconds=60, valid_for=5)


@given(rival_bids, rival_bids)
def test_after_the_award_a_losing_bid_is_seen_by_the_buyer_alone(one, other):
    def seen(bid):
        world = World()
        auction_id = world.create()
        world.bid(auction_id, "winner", 0, estimated_time=1)
        world.bid(auction_id, "loser", **{**bid, "cost": bid["cost"] + 1})
        world.bid(auction_id, "other", 30)
        world.award(auction_id)
        views = [world.see(auction_id, viewer) for viewer in ("", "winner", "stranger", "buyer/x")]
        return views, [(row.bidder, row.note) for row in world.see(auction_id, "buyer").ranking]

    one["note"], other["note"] = "one", "other"
    assert seen(one)[0] == seen(other)[0]
    assert seen(one)[1] != seen(other)[1]


# Books of resources

limits = st.decimals("0.000001", 20, places=6)


def thin_book(limit, ask):
    world = World()
    for agent in ("me", "rival", "rival/x", "Rival"):
        world.request(agent, 1, limit if agent != "me" else 7)
    for agent in ("s", "t", "u", "v"):
        world.offer(agent, 1, ask)
    return world


def but_for_sums(seen):
    """Leave out what is told of three owners or more together (test_curves says how)."""
    return replace(seen, curves=((), ()), mean_limits=(None, None))


@given(limits, limits, st.none() | limits, limits)
def test_in_a_book_of_few_owners_no_limit_of_another_changes_what_is_seen(limit, ask, other_limit, other_ask):
    for viewer in ("", "me", "stranger"):
        one, other = thin_book(limit, ask), thin_book(other_limit, other_ask)
        assert but_for_sums(one.see_book(viewer)) == but_for_sums(other.see_book(viewer))
        assert one.see_book(viewer).curves[0] == ()  # demand of two owners


@given(limits, st.none() | limits)
def test_in_any_book_no_limit_that_does_not_set_the_price_is_seen(one, other):
    def seen(limit):
        world = World()
        for agent in "abc":
            world.request(agent, 1, 100)
            world.offer(f"seller-{agent}", 1, 50)
        world.request("d", 1, limit)  # at most 20, far from the 50 that is asked
        return [but_for_sums(world.see_book(viewer)) for viewer in ("", "a", "seller-a", "x")]

    if other is not None:
        assert seen(one) == seen(other)


@pytest.mark.parametrize(
    ("buyers", "sellers", "shown"),
    [
        (("a", "b", "c"), ("s", "t", "u"), True),
        (("a", "b"), ("s", "t", "u", "v"), False),
        (("a", "b", "c", "d"), ("s", "t"), False),
        (("a", "a/x", "A/y", "b"), ("s", "t", "u"), False),
        (("a", "b", "c"), ("s", "s/x", "S", "t"), False),
        (("a", "b", "c", "c/x"), ("s", "t", "u"), True),
    ],
)
def test_a_price_is_seen_only_with_three_owners_on_each_side(buyers, sellers, shown):
    world = World()
    for agent in buyers:
        world.request(agent, 2, 8)
    for agent in sellers:
        world.offer(agent, 1, 4)
    quantity = D(min(2 * len(buyers), len(sellers)))
    # the demand is rationed, so the price would be its limit
    seen = world.see_book("a")
    assert bool(seen.previews) is shown
    assert replace(but_for_sums(seen), previews=()) == ResourceSeen(
        name="gpu",
        unit="",
        whole=False,
        demand=SideSeen(len(buyers), len({b.split("/")[0].lower() for b in buyers}), D(2 * len(buyers))),
        offers=SideSeen(len(sellers), len({s.split("/")[0].lower() for s in sellers}), D(len(sellers))),
        own=(world.book().demand["dem_gpu_t1"],),
        tradable=quantity if shown else D(0),
        price_now=D(8) if shown else None,
        last_clearing=None,
        clearings=0,
    )


def test_owners_whose_entries_have_lapsed_do_not_count():
    world = World()
    for agent in "abc":
        world.request(agent, 1, 8, needed_by=later(60) if agent == "c" else None)
        world.offer(agent.upper() + "-shop", 1, 4)
    assert world.see_book().price_now == D(6)
    world.wait(60)
    seen = world.see_book("c")
    assert (seen.price_now, seen.tradable, seen.demand, seen.own) == (None, D(0), SideSeen(2, 2, D(2)), ())


def test_an_agent_sees_its_own_entries_and_nobody_elses():
    world = World()
    ids = {
        agent: (world.request(agent, 1, 8), world.request(agent, 2, 7)) for agent in ("acme", "acme/x", "b")
    }
    ids |= {agent: (world.offer(agent, 1, 9),) for agent in ("seller", "seller/x")}
    for viewer, own in {**ids, "": (), "Acme": ()}.items():
        assert tuple(entry.entry_id for entry in world.see_book(viewer).own) == own


def test_a_clearing_shows_the_fills_and_never_a_limit():
    def seen(limit, ask):
        world = World()
        world.request("a", 1, limit)
        world.offer("s", 1, ask)
        world.request("b", 1, 4)
        world.clear()
        return world.see_book("x")

    one, other = seen(8, 4), seen(8, 3)  # the limit of b, left out, is the lower bound of both
    assert one == other
    assert one.last_clearing.clearing_price == D(6)


def test_a_resource_that_nobody_has_named_is_unknown():
    with pytest.raises(Rejection) as refused:
        World().see_book()
    assert (refused.value.code, refused.value.facts) == (Code.UNKNOWN_RESOURCE, {})
