"""Core payments for lots: hand-worked auctions, and every coalition asked whether it could do better."""

from dataclasses import replace
from fractions import Fraction
from itertools import chain, combinations
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.combinatorial import LotBid, LotProblem, decide, payments
from market_core.mechanisms.combinatorial_nearest import Nearest
from market_core.mechanisms.procurement import Limits, NoCompetition

HIGHS = Limits(max_winners=99)
"""Binds nobody in a small auction, and sends it to the solver."""


def bid(bidder, lots, cost, key="", extra=0):
    return LotBid(bidder, (key or bidder.encode().hex()).ljust(64, "0"), frozenset(lots), cost, extra)


def auction(*bids, prices=(None, None), combine="xor", limits=HIGHS):
    return LotProblem(prices, bids, combine, limits=limits)


def paid(problem, rule):
    """Return what each bidder is paid, by the table and by the solver."""
    answers = []
    for limits in (Limits(), HIGHS):
        asked = replace(problem, limits=limits)
        totals = {}
        for position, payment in payments(asked, decide(asked), rule).items():
            name = asked.bids[position].bidder
            totals[name] = totals.get(name, 0) + payment
        answers.append(totals)
    assert answers[0] == answers[1]
    return answers[0]


# --- by hand


def test_the_core_mends_the_overpayment_of_vcg():
    problem = auction(bid("a", [0], 10), bid("b", [1], 10), bid("c", [0, 1], 100))
    # Source: mechanisms.md section 3: vcg 180, core 100, nearest to vcg (50, 50).
    assert paid(problem, "vcg") == {"a": 90, "b": 90}
    assert paid(problem, "core") == {"a": 50, "b": 50}


def test_two_local_bidders_share_what_the_global_one_leaves():
    problem = auction(bid("a", [0], 4), bid("b", [1], 2), bid("c", [0, 1], 10), prices=(9, 9))
    # 6 in all, 10 without either: 4 + 4 and 2 + 4. Together at most 10: each gives up 2.
    assert paid(problem, "vcg") == {"a": 8, "b": 6}
    assert paid(problem, "core") == {"a": 6, "b": 4}


@pytest.mark.parametrize(
    ("whole", "pair", "expected"),
    [
        (24, 12, {"a": 6, "b": 6, "c": 12}),  # only a + b <= 12 binds: surplus (2, 2, 8)
        (22, 12, {"a": 6, "b": 6, "c": 10}),  # a + b + c <= 22: each gives up 2 of (4, 4, 8)
        (21, 12, {"a": 5, "b": 5, "c": 9}),  # each gives up 7/3: (5 2/3, 5 2/3, 9 2/3), rounded down
        (18, 12, {"a": 5, "b": 5, "c": 7}),  # each gives up 8/3 of (4, 4, 6): (5 1/3, 5 1/3, 7 1/3)
        (15, 12, {"a": 5, "b": 5, "c": 5}),  # each gives up 2 of 3
        # Of (3, 3, 8) each would give up 4/3; but a and b give up 3 between them, so c only 1: (5 1/2, 5 1/2, 11).
        (22, 11, {"a": 5, "b": 5, "c": 11}),
    ],
)
def test_three_winners_under_two_coalitions(whole, pair, expected):
    singles = [bid(name, [lot], 4) for lot, name in enumerate("abc")]
    rivals = [bid("p", [0], 14), bid("q", [1], 14), bid("r", [2], 12), bid("s", [0, 1], pair)]
    problem = auction(*singles, *rivals, bid("t", [0, 1, 2], whole), prices=(None,) * 3)
    vcg = {"a": min(pair - 4, whole - 8), "b": min(pair - 4, whole - 8), "c": min(12, whole - 8)}
    assert paid(problem, "vcg") == vcg
    assert paid(problem, "core") == expected


def test_the_greatest_total_comes_before_nearness():
    singles = [bid(name, [lot], 4) for lot, name in enumerate("abc")]
    problem = auction(*singles, bid("p", [0, 1], 12), bid("q", [0, 2], 12), prices=(None,) * 3)
    # a + b <= 12 and a + c <= 12: surplus (0, 4, 4) sums to 8; (4/3, 8/3, 8/3) is nearer to (4, 4, 4) but less.
    assert paid(problem, "vcg") == {"a": 8, "b": 8, "c": 8}
    assert paid(problem, "core") == {"a": 4, "b": 8, "c": 8}


def test_the_surplus_of_bids_that_add_up_is_counted_once():
    bids = (bid("a", [0], 1, key="1"), bid("a", [1], 1, key="2"), bid("b", [2], 1), bid("c", [0, 1, 2], 12))
    problem = auction(*bids, bid("d", [0], 5), bid("e", [1], 5), prices=(None, None, 11), combine="or")
    # Without a: 5 + 5 + 1 - 3 = 8 more; without b: 12 - 3 = 9 more. Together at most 9 more.
    assert paid(problem, "vcg") == {"a": 10, "b": 10}
    assert paid(problem, "core") == {"a": 2 + 4, "b": 1 + 5}


def test_independent_lots_do_not_share_a_core():
    bids = [bid(name, [lot], cost) for lot in (0, 1) for name, cost in ((f"x{lot}", 3), (f"y{lot}", 7 + lot))]
    assert paid(auction(*bids), "core") == {"x0": 7, "x1": 8}


def test_a_bidder_who_wins_independent_lots_is_paid_for_each():
    bids = (bid("a", [0], 1, key="1"), bid("a", [1], 1, key="2"), bid("b", [0], 5), bid("c", [1], 7))
    assert paid(auction(*bids, combine="or"), "core") == {"a": 12}


# --- against brute force


def subsets(items):
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))


def best(problem, bidders):
    """Return the best (missing, score, tie order) and winning bids of these bidders."""
    return min(
        (worth(problem, each), each)
        for each in subsets([each for each in problem.bids if each.bidder in bidders])
        if problem.combine == "or" or len({one.bidder for one in each}) == len(each)
    )


def worth(problem, chosen):
    left = [price for lot, price in enumerate(problem.lots) if not any(lot in one.lots for one in chosen)]
    score = sum(one.cost + one.extra for one in chosen) + sum(price for price in left if price is not None)
    return left.count(None), score, (len(chosen), sorted(one.key for one in chosen))  # all weights are equal


def core_by_definition(problem):
    """Return the winners, their caps and each coalition's bound on the others' surplus; None without competition."""
    bidders = sorted({each.bidder for each in problem.bids})
    (missing, score, _), chosen = best(problem, bidders)
    winners = sorted({each.bidder for each in chosen})
    bounds = {}
    for coalition in subsets(bidders):
        (left, other, _), _ = best(problem, coalition)
        outside = tuple(place for place, name in enumerate(winners) if name not in coalition)
        if left == missing and outside:
            bounds[outside] = min(other - score, bounds.get(outside, other - score))
    if any((place,) not in bounds for place in range(len(winners))):
        return None
    caps = []
    for place, name in enumerate(winners):
        own = [each for each in chosen if each.bidder == name]
        prices = [problem.lots[lot] for lot in frozenset().union(*(each.lots for each in own))]
        room = 10**9 if None in prices else sum(prices) - sum(each.cost for each in own)
        caps.append(max(min(bounds[place,], room), 0))
    return (
        winners,
        [sum(each.cost for each in chosen if each.bidder == name) for name in winners],
        caps,
        bounds,
    )


def nearest_by_definition(caps, bounds):
    """Return the point of greatest total nearest to caps: the best feasible projection on any set of equal rows."""
    size = len(caps)
    units = [[int(i == j) for j in range(size)] for i in range(size)]
    rows = [(unit, cap) for unit, cap in zip(units, caps, strict=True)]
    rows += [([-x for x in unit], 0) for unit in units]
    rows += [([int(i in places) for i in range(size)], most) for places, most in bounds.items()]
    corners = [point for tight in combinations(rows, size) if (point := projected(caps, tight)) is not None]
    most = max(sum(point) for point in corners if feasible(rows, point))
    points = (projected(caps, [([1] * size, most), *tight]) for tight in subsets(rows) if len(tight) < size)
    return min(
        (point for point in points if point is not None and feasible(rows, point)),
        key=lambda point: sum((x - cap) ** 2 for x, cap in zip(point, caps, strict=True)),
    )


def feasible(rows, point):
    return all(sum(a * x for a, x in zip(row, point, strict=True)) <= most for row, most in rows)


def projected(start, equal):
    """Return the nearest point to `start` where these rows are equal, by orthogonal directions; None if nowhere."""
    point, directions = [Fraction(x) for x in start], []
    for row, value in equal:
        way = [Fraction(x) for x in row]
        for other in directions:
            share = dot(way, other) / dot(other, other)
            way = [x - share * y for x, y in zip(way, other, strict=True)]
        short = value - dot(row, point)
        if any(way):
            point = [x + short / dot(way, way) * y for x, y in zip(point, way, strict=True)]
            directions.append(way)
        elif short:
            return None
    return point


def dot(one, other):
    return sum(x * y for x, y in zip(one, other, strict=True))


@st.composite
def auctions(draw, lots=3, bids=7, priced=False):
    count = draw(st.integers(1, lots))
    prices = st.integers(5, 30) if priced else st.none() | st.integers(5, 30)
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abcdef"),
                st.frozensets(st.integers(0, count - 1), min_size=1),
                st.integers(0, 20),
                st.sampled_from([0, 0, 0, -2, 3]),
            ),
            min_size=2,
            max_size=bids,
        )
    )
    bids_ = [
        LotBid(name, f"1{place:063x}", own, cost, extra)
        for place, (name, own, cost, extra) in enumerate(rows)
    ]
    lots_ = tuple(draw(prices) for _ in range(count))
    limits = draw(st.sampled_from([Limits(), HIGHS]))
    return LotProblem(
        lots_, tuple(draw(st.permutations(bids_))), draw(st.sampled_from(["xor", "or"])), {}, limits
    )


@given(auctions())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_coalition_blocks_and_the_winners_get_the_nearest_point_of_greatest_total(problem):
    expected = core_by_definition(problem)
    award = decide(problem)
    if expected is None:
        with pytest.raises(NoCompetition):
            payments(problem, award, "core")
        return
    winners, costs, caps, bounds = expected
    totals = dict.fromkeys(winners, 0)
    for position, payment in payments(problem, award, "core").items():
        assert payment >= problem.bids[position].cost
        totals[problem.bids[position].bidder] += payment
    surplus = [totals[name] - cost for name, cost in zip(winners, costs, strict=True)]
    assert all(sum(surplus[place] for place in places) <= most for places, most in bounds.items())
    if 0 < len(winners) < 4:
        assert surplus == [floor(each) for each in nearest_by_definition(caps, bounds)]


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))
def test_of_two_winners_each_gives_up_half_of_the_excess_while_it_can(first, second, most):
    point = Nearest([first, second])
    point.add([0, 1], most)
    excess = Fraction(max(first + second - most, 0))
    mine = min(max(excess / 2, excess - second), first)
    assert point.point == [first - mine, second - (excess - mine)]


@given(
    st.tuples(*[st.integers(0, 8)] * 3),
    st.dictionaries(st.sampled_from([(0, 1), (0, 2), (1, 2), (0, 1, 2)]), st.integers(0, 14)),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_the_nearest_point_is_the_best_projection_on_any_face(caps, bounds):
    found = Nearest(caps)
    for places, most in bounds.items():
        found.add(places, most)
    assert found.point == nearest_by_definition(caps, bounds)


@given(auctions(priced=True), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_the_order_of_bids_changes_no_payment(problem, random):
    moved = list(problem.bids)
    random.shuffle(moved)
    other = replace(problem, bids=tuple(moved))
    one, two = (
        {each.bids[i].key: payment for i, payment in payments(each, decide(each), "core").items()}
        for each in (problem, other)
    )
    assert one == two
