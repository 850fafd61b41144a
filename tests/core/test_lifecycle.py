"""Every move in every status, by real commands, against the tables."""

from copy import deepcopy
from typing import get_args

import pytest

from market_core import Code, Rejection
from market_core.auction import status_at
from market_core.commands import AwardAuction
from market_core.lifecycle import (
    AUCTION_MOVES,
    ENTRY_MOVES,
    REFUSED_IN,
    AuctionMove,
    AuctionStatus,
    EntryStatus,
)
from tests.core.world import World, later

MOVES = get_args(AuctionMove)


def auction_in(status, empty):
    """Return a world and the id of an auction that is `status`; `empty`: without standing bids."""
    world = World()
    auction_id = world.create()
    mine = world.bid(auction_id, "me", 5)
    if not empty and status == "awarded":
        world.bid(auction_id, "other", 6)
    if empty or status == "unsold":
        world.withdraw("me", mine)
    match status:
        case "closed":
            world.close(auction_id)
        case "awarded" | "unsold":
            world.award(auction_id)
        case "cancelled":
            world.withdraw("buyer", auction_id)
    assert world.auction(auction_id).status == status
    return world, auction_id, mine


def make(move, world, auction_id, mine):
    match move:
        case "bid":
            world.bid(auction_id, "you", 6)
        case "withdraw_bid":
            world.withdraw("me", mine)
        case "close":
            world.close(auction_id)
        case "award" | "fail_to_award":
            world.award(auction_id)
        case "cancel":
            world.withdraw("buyer", auction_id)
        case "preview":
            world.preview(auction_id)
        case "report":
            world.report(auction_id)
        case "award_again":
            if world.auction(auction_id).status == "awarded":
                world.report(auction_id, success=False)
            world.do(AwardAuction(agent="buyer", auction_id=auction_id, instead_of="me"))


@pytest.mark.parametrize("status", AUCTION_MOVES)
@pytest.mark.parametrize("move", MOVES)
def test_an_auction_moves_as_its_table_says_and_otherwise_stays_as_it_is(status, move):
    world, auction_id, mine = auction_in(status, empty=move == "fail_to_award" and status != "awarded")
    before = deepcopy(world.auction(auction_id))
    if move in AUCTION_MOVES[status]:
        make(move, world, auction_id, mine)
        assert world.auction(auction_id).status == AUCTION_MOVES[status][move]
        assert (world.auction(auction_id) == before) is (move == "preview")
    else:
        with pytest.raises(Rejection) as refused:
            make(move, world, auction_id, mine)
        no_award_yet = move in {"report", "award_again"} and status in {"open", "closed"}
        assert refused.value.code == (Code.NOT_AWARDED if no_award_yet else REFUSED_IN[status])
        assert world.auction(auction_id) == before


def test_the_tables_name_every_status_and_every_move():
    statuses = set(get_args(AuctionStatus))
    assert set(AUCTION_MOVES) == set(REFUSED_IN) == statuses
    assert {move for row in AUCTION_MOVES.values() for move in row} == set(MOVES)
    assert {after for row in AUCTION_MOVES.values() for after in row.values()} == statuses
    assert set(ENTRY_MOVES) == set(get_args(EntryStatus))
    assert [status for status, row in AUCTION_MOVES.items() if not row] == ["unsold", "cancelled"]


def test_a_deadline_closes_by_itself_at_its_moment_and_not_before():
    world = World()
    auction_id = world.create(closes_in=60)
    auction = world.auction(auction_id)
    moments = [later(-1), later(59.999999), later(60), later(1e6)]
    assert [status_at(auction, moment) for moment in moments] == ["open", "open", "closed", "closed"]
    assert auction.status == "open"


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
@pytest.mark.parametrize("move", MOVES)
def test_after_its_deadline_an_auction_moves_like_a_closed_one(move, recorded):
    world = World()
    auction_id = world.create(closes_in=60)
    mine = world.bid(auction_id, "me", 5, **({"valid_for": 30} if move == "fail_to_award" else {}))
    world.wait(60)
    if recorded:
        world.lapse(f"auction/{auction_id}")
    if move in AUCTION_MOVES["closed"]:
        make(move, world, auction_id, mine)
        now = status_at(world.auction(auction_id), world.now)
        assert now == AUCTION_MOVES["closed"][move]
    else:
        with pytest.raises(Rejection) as refused:
            make(move, world, auction_id, mine)
        late = move in {"bid", "withdraw_bid"}
        expected = Code.BIDDING_ENDED if late else REFUSED_IN["closed"]
        assert refused.value.code == (Code.NOT_AWARDED if move in {"report", "award_again"} else expected)


def entry_in(status, side):
    """Return a world and the id of an entry of `me` that is `status`."""
    world = World()
    until = {"needed_by": later(60)} if side == "demand" else {"available_until": later(60)}
    mine = world.request("me", 4, 5, **until) if side == "demand" else world.offer("me", 4, 5, **until)

    def other_side(quantity):
        return world.offer("you", quantity, 5) if side == "demand" else world.request("you", quantity, 5)

    def fill(quantity):
        other_side(quantity)
        world.clear()

    def lapse():
        world.wait(60)
        world.lapse("resource/gpu")

    def replace():
        again = {**until, "replaces": mine}
        world.request("me", 4, 1, **again) if side == "demand" else world.offer("me", 4, 9, **again)

    steps = {
        "open": lambda: None,
        "filled": lambda: fill(4),
        "withdrawn": lambda: world.withdraw("me", mine),
        "replaced": replace,
        "lapsed": lapse,
    }
    steps[status]()
    moves = {
        "fill_partly": lambda: fill(1),
        "fill": lambda: fill(4),
        "withdraw": lambda: world.withdraw("me", mine),
        "replace": replace,
        "lapse": lapse,
    }
    return world, mine, moves


def status_of(world, entry_id):
    book = world.book()
    return "open" if entry_id in {*book.demand, *book.offers} else book.ended[entry_id].status


@pytest.mark.parametrize("side", ["demand", "offer"])
@pytest.mark.parametrize("status", ENTRY_MOVES)
@pytest.mark.parametrize("move", ENTRY_MOVES["open"])
def test_an_entry_moves_as_its_table_says_and_otherwise_stays_as_it_is(side, status, move):
    world, mine, moves = entry_in(status, side)
    if move in ENTRY_MOVES[status]:
        moves[move]()
        assert status_of(world, mine) == ENTRY_MOVES[status][move]
        return
    if move == "lapse":
        moves[move]()  # there is nothing to record
    else:
        with pytest.raises(Rejection) as refused:
            moves[move]()
        gone = refused.value.code, refused.value.facts.get("status")
        assert gone == (
            (Code.ENTRY_GONE, status) if move in {"withdraw", "replace"} else (Code.NOTHING_TO_CLEAR, None)
        )
    assert status_of(world, mine) == status
