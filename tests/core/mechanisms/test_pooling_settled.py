"""A pool settled as one problem: at once or apart it is the same, and what cannot be is not believed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import pooling_settled
from market_core.mechanisms.multi_unit_bids import UnitBid
from market_core.mechanisms.pooling import Member, PoolProblem
from market_core.mechanisms.pooling_settled import PoolCase, quick, settle, wrong
from market_core.mechanisms.pooling_shares import Shares

U = 1_000_000
NONCE = "ab" * 32


@st.composite
def cases(draw) -> PoolCase:
    rule = draw(st.sampled_from(["pay_as_bid", "uniform"]))
    grain = draw(st.sampled_from([1, U]))
    members = []
    for number in range(draw(st.integers(1, 7))):
        quantity = draw(st.integers(1, 6)) * (U if grain == U else U // 2)
        minimum = draw(st.sampled_from([0, 0, quantity]))
        limit = draw(st.one_of(st.none(), st.integers(1, 12)))
        members.append(Member(f"o{number}", f"{number}", quantity, limit, minimum))
    bids = []
    for number in range(draw(st.integers(1, 3))):
        most, ask = draw(st.integers(1, 12)), draw(st.integers(1, 12))
        tiers = ((1, ask),)
        if rule == "pay_as_bid" and most > 2 and ask > 1:
            tiers += ((draw(st.integers(2, most)), draw(st.integers(0, ask - 1))),)
        bids.append(UnitBid(f"s{number}", f"{number}", most, 1, tiers))
    sharing = draw(st.sampled_from(["uniform", "proportional", "shapley"]))
    return PoolCase(PoolProblem(tuple(members), tuple(bids), grain, rule), sharing, NONCE)


@settings(max_examples=300, deadline=None)
@given(cases())
def test_what_is_settled_is_believed_and_at_once_it_is_the_same(case):
    made = settle(case)
    assert wrong(case, made) == ""
    assert quick(case) in (None, made)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_out_of_nodes_it_is_feasible_and_believed_and_says_so(case):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pooling_settled, "_A_SECOND", 1)
        made = settle(case, 1)
    assert wrong(case, made) == ""
    best = settle(case)
    if any(member.limit is None for member in case.problem.members):
        return  # nobody knows what they are worth, so the gap is in no unit
    assert made.award.surplus <= best.award.surplus <= made.award.surplus + made.award.proof.gap
    if made.award.proof.gap:
        assert made.award.proof.status == "feasible"
        assert made.award.quantity or made.why.endswith("found in the time there is")
        assert made.shares is None or made.sharing != "shapley"


def a_case(sharing="proportional") -> PoolCase:
    """Return two who want 2 and 1 units for 9 and 6, bought of one who asks 6, from the third unit on 4."""
    members = (Member("a", "a", 2 * U, 9), Member("b", "b", U, 6), Member("c", "c", U, 1))
    bids = (UnitBid("s", "0", 3, 1, ((1, 6), (3, 4))), UnitBid("t", "1", 3, 1, ((1, 20),)))
    return PoolCase(PoolProblem(members, bids), sharing, NONCE)


def test_everything_that_is_claimed_is_checked():
    made = settle(a_case())
    assert (made.award.served, made.award.units, made.award.total) == ((2 * U, U, 0), (3, 0), 12)
    assert made.shares.payments == (9, 3, 0)
    assert wrong(a_case(), made) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"served": (2 * U, U)}, "other members"),
        ({"units": (3,)}, "other bids"),
        ({"served": (3 * U, 0, 0)}, "not asked for"),
        ({"served": (2 * U, 0, U)}, "not asked for"),
        ({"served": (2 * U, 2 * U, -U)}, "not asked for"),
        ({"reasons": ("minimum", "", "out_of_price")}, "not asked for"),
        ({"served": (2 * U, U, U), "reasons": ("", "", "")}, "above a limit"),
        ({"served": (2 * U, 0, 0), "reasons": ("", "minimum", "out_of_price")}, "sums"),
        ({"surplus": 13 * U}, "sums"),
        ({"quantity": 4 * U}, "sums"),
        ({"surplus_quantity": 1}, "sums"),
        ({"bought": 2, "surplus_quantity": -U}, "not bought"),
        ({"units": (2, 0)}, "sums"),
        ({"units": (0, 3)}, "not paid"),
        ({"units": (4, -1)}, "not offered"),
        ({"supplier_payments": (11, 1)}, "not paid"),
        ({"total": 11, "surplus": 13 * U}, "sums"),
        ({"price": 5}, "price"),
        ({"payments": (6, 6, 0)}, "price"),
    ],
)
def test_an_award_that_cannot_be_is_not_believed(change, why):
    made = settle(a_case())
    assert why in wrong(a_case(), replace(made, award=replace(made.award, **change)))


def test_shares_that_cannot_be_are_not_believed():
    for sharing in ("uniform", "proportional"):
        made = settle(a_case(sharing))
        for paid in ((10, 2, 0), (9, 4, 0), (12, 0, 0)):
            assert (
                wrong(a_case(sharing), replace(made, shares=Shares(paid, (0, 0, 0))))
                == "it is shared by another rule"
            )
    case = a_case("shapley")
    made = settle(case)
    assert wrong(case, replace(made, shares=Shares((5, 7, 0), (0, 0, 0)))) == "a payment is out of bounds"
    assert wrong(case, replace(made, shares=Shares((13, -1, 0), (0, 0, 0)))) == "a payment is out of bounds"
    assert (
        wrong(case, replace(made, shares=Shares((9, 4, 0), (0, 0, 0)))) == "payments in are not payments out"
    )
    assert wrong(case, replace(made, sharing="proportional")) == "it is shared by another rule"
    assert wrong(case, replace(made, shares=None)) == "it is shared by another rule"
    assert wrong(case, replace(made, award=None)) == "it gives no reason"


def test_uniform_payments_are_those_of_the_merit_order():
    members = (Member("a", "a", 2 * U, 9),)
    bids = (UnitBid("s", "0", 2, 1, ((1, 3),)), UnitBid("t", "1", 2, 1, ((1, 5),)))
    case = PoolCase(PoolProblem(members, bids, 1, "uniform"), "uniform", NONCE)
    made = settle(case)
    assert made.award.supplier_payments == (10, 0)
    lower = {"supplier_payments": (6, 0), "total": 6, "price": 3, "payments": (6,), "surplus": 12 * U}
    assert "merit order" in wrong(case, replace(made, award=replace(made.award, **lower)))


def test_what_cannot_be_decided_says_why_and_is_believed():
    weighted = UnitBid("s", "0", 3, 1, ((1, 6),), extra=1)
    case = replace(a_case(), problem=replace(a_case().problem, bids=(weighted,)))
    made = settle(case)
    assert made.why.startswith("it could not be decided: a pool compares costs")
    assert (wrong(case, made), quick(case)) == ("", made)


def test_what_is_too_much_at_once_is_left_to_the_solver():
    bids = tuple(UnitBid(f"s{n}", f"{n:03}", 400, 1, ((1, 6),)) for n in range(60))
    members = tuple(Member(f"m{n}", f"{n}", 50 * U, 7) for n in range(8))
    assert quick(PoolCase(PoolProblem(members, bids), "uniform", NONCE)) is None
    tight = tuple(Member(f"m{n}", f"{n}", (50 + 7 * n) * U, 9, (50 + 7 * n) * U) for n in range(8))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pooling_settled, "_FEW_NODES", 3)
        hard = PoolCase(PoolProblem(tight, (UnitBid("s", "0", 333, 1, ((1, 6),)),)), "uniform", NONCE)
        assert (quick(hard), settle(hard).award.proof.status) == (None, "optimal")
    few = PoolProblem(members, bids[:2])
    assert quick(PoolCase(few, "uniform", NONCE)) is not None
    assert quick(PoolCase(few, "shapley", NONCE)) is None
