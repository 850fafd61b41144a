"""What a score is made of, as shown to whom it concerns."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from market_core import Scoring
from market_core.eligibility import ScoreParts, score_parts
from market_core.terms import Bonus
from tests.core.world import World

D = Decimal


def scored(cost, time, quality, scoring, **attributes):
    """Return a bid in an auction of that scoring, and the parts of its score."""
    world = World()
    auction_id = world.create(scoring=scoring)
    world.bid(auction_id, "a", cost, estimated_time=time, quality=quality, attributes=attributes)
    auction = world.auction(auction_id)
    return auction.bids["a"], score_parts(auction.bids["a"], auction.terms)


def test_a_score_is_shown_as_cost_and_time_less_quality_and_bonus():
    local, fast = Bonus(attribute="local", bonus="1.5"), Bonus(attribute="cpu", bonus=2, when={"min": 4})
    scoring = Scoring(time_price="0.1", quality_price=20, attribute_bonus=(local, fast))
    bid, parts = scored(30, 60, "0.9", scoring, local=True, cpu=2)
    assert (bid.score, parts) == (
        D("16.5"),
        ScoreParts(time=D(6), quality=D(18), bonus=D("1.5"), failure=D(0)),
    )


def test_what_the_buyer_does_not_price_is_no_part_of_a_score():
    bid, parts = scored(30, 60, "0.9", Scoring(), local=True)
    assert (bid.score, parts) == (D(30), ScoreParts(D(0), D(0), D(0), D(0)))


credits_ = st.decimals(0, 100, places=6)


@given(credits_, st.decimals("0.000001", 100, places=6), st.decimals(0, 1, places=6), credits_, credits_)
def test_the_parts_add_up_to_the_score_but_for_their_own_rounding(
    cost, time, quality, per_second, per_quality
):
    bid, parts = scored(cost, time, quality, Scoring(time_price=per_second, quality_price=per_quality))
    assert abs(bid.score - (cost + parts.time - parts.quality - parts.bonus)) <= D("0.000001")
