"""Any history of an auction with units or lots: the events rebuild the state, and every award keeps its promises."""

from contextlib import suppress
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core import Code, Rejection
from market_core.terms import Constraints, Lot
from tests.core.world import World, replayed

D = Decimal
AGENTS = ("ann", "bob", "carl", "acme/x", "acme/y")
LOTS = ("roof", "walls", "garden")

steps = st.lists(
    st.tuples(
        st.sampled_from(["bid", "bid", "bid", "replace", "withdraw", "wait"]),
        st.sampled_from(AGENTS),
        st.integers(0, 12),
        st.sets(st.sampled_from(LOTS), min_size=1),
        st.integers(1, 4),
        st.booleans(),
    ),
    max_size=14,
)


def played(history, terms):
    """Return a world in which the steps were tried, whatever the market said to them."""
    world = World()
    auction_id = world.create(**terms)
    for kind, agent, cost, lots, quantity, brief in history:
        own = [bid for bid in world.auction(auction_id).bids.values() if bid.bidder == agent]
        what = (
            {"lots": sorted(lots)}
            if "lots" in terms
            else {"quantity": quantity, "min_quantity": 1 + quantity // 3}
        )
        more = {"valid_for": 5} if brief else {}
        with suppress(Rejection):
            match kind:
                case "bid":
                    world.bid(auction_id, agent, cost, **what, **more)
                case "replace" if own:
                    world.bid(auction_id, agent, cost, **what, **more, replaces=own[0].bid_id)
                case "withdraw" if own:
                    world.withdraw(agent, own[-1].bid_id)
                case "wait":
                    world.wait(3)
    return world, auction_id


def check(world, auction_id):
    """Check the award: paid at least the cost, nobody above a limit, each bid once, the events rebuild all."""
    auction = world.auction(auction_id)
    assert replayed(world.log[f"auction/{auction_id}"], f"auction/{auction_id}") == auction
    terms, award = auction.terms, auction.award
    if award is None:
        return
    limits = {lot.id: lot.max_price for lot in terms.lots}
    for winner in award.winners:
        bid = auction.bids[auction.slot_of[winner.bid_id]]
        assert bid.bid_id == winner.bid_id
        assert bid.valid_until is None or bid.valid_until > award.at
        assert winner.payment >= winner.cost >= 0
        if terms.lots and all(limits[lot] is not None for lot in winner.lots):
            assert winner.payment <= sum(limits[lot] for lot in winner.lots)
        elif not terms.lots:
            assert winner.cost == winner.quantity * bid.cost
            assert bid.units.min_quantity <= winner.quantity <= bid.units.quantity
            assert terms.max_price is None or winner.payment <= terms.max_price * winner.quantity
    covered = {lot for winner in award.winners for lot in winner.lots}
    assert covered | set(award.unbought_lots) == set(limits)
    assert not covered & set(award.unbought_lots)
    if terms.bids_combine == "xor":
        assert len({winner.agent for winner in award.winners}) == len(award.winners)
    assert award.proof is None or award.proof.status == "optimal"


MAY_BE = (None, Code.NO_COMPETITION, Code.CONSTRAINTS_CONFLICT)


def award(world, auction_id):
    """Award, and return why it was refused if it was."""
    try:
        world.award(auction_id)
    except Rejection as refused:
        return refused.code
    return None


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    steps,
    st.sampled_from(["pay_as_bid", "vcg", "core"]),
    st.sampled_from(["xor", "or"]),
    st.tuples(*[st.none() | st.integers(1, 12)] * 3),
    st.none() | st.integers(1, 2),
)
def test_every_award_of_lots_keeps_its_promises(history, rule, combine, prices, most):
    lots = tuple(Lot(id=name, max_price=price) for name, price in zip(LOTS, prices, strict=True))
    limits = Constraints(max_winners=most)
    world, auction_id = played(
        history, {"lots": lots, "payment_rule": rule, "bids_combine": combine, "constraints": limits}
    )
    assert award(world, auction_id) in MAY_BE
    check(world, auction_id)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    steps,
    st.sampled_from(["pay_as_bid", "vcg", "uniform"]),
    st.none() | st.integers(1, 12),
    st.integers(2, 7),
)
def test_every_award_of_units_keeps_its_promises(history, rule, max_price, quantity):
    world, auction_id = played(history, {"quantity": quantity, "payment_rule": rule, "max_price": max_price})
    assert award(world, auction_id) in MAY_BE
    check(world, auction_id)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(steps, st.sampled_from(AGENTS), st.integers(0, 12))
def test_what_a_rival_bids_on_lots_changes_nothing_that_others_see_before_the_award(history, rival, cost):
    lots = tuple(Lot(id=name) for name in LOTS)
    views = []
    for asked in (cost, 3):
        changed = [(k, a, asked if a == rival else c, *rest) for k, a, c, *rest in history]
        world, auction_id = played(changed, {"lots": lots})
        views.append([world.see(auction_id, viewer) for viewer in ("", "buyer", *AGENTS) if viewer != rival])
        world.close(auction_id)
        views[-1] += [world.see(auction_id, viewer) for viewer in ("", *AGENTS) if viewer != rival]
    assert views[0] == views[1]
