"""One task, one winner: published numbers, and a brute-force twin in exact fractions."""

from fractions import Fraction
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_core.mechanisms.single import Decision, decide, ranking


def no_ties(position):
    raise AssertionError(f"the tie key of {position} was asked for without a tie")


def decided(costs, rule, max_price=None, scores=None, keys="abcdefgh"):
    scores = costs if scores is None else scores
    order = ranking(scores, lambda i: keys[i])
    return decide(costs, scores, order, rule, max_price)


@pytest.mark.parametrize(
    ("costs", "max_price", "rule", "decision"),
    [
        # the buyer's max_price is its own dummy bid
        ([30], 50, "second_price", Decision(0, 50, None)),
        ([30, 40], 50, "second_price", Decision(0, 40, 1)),
        ([30, 40], None, "second_price", Decision(0, 40, 1)),
        ([40, 30, 35], 50, "second_price", Decision(1, 35, 2)),
        ([30], None, "second_price", Decision(0, 30, None)),
        ([30], 30, "second_price", Decision(0, 30, None)),
        ([30, 30], 50, "second_price", Decision(0, 30, 1)),
        ([0, 0], None, "second_price", Decision(0, 0, 1)),
        ([30], 50, "pay_as_bid", Decision(0, 30, None)),
        ([40, 30], 50, "pay_as_bid", Decision(1, 30, 0)),
        ([], 25, "second_price", None),
        ([], None, "pay_as_bid", None),
    ],
)
def test_the_least_cost_wins_and_is_paid_by_the_rule(costs, max_price, rule, decision):
    assert decided(costs, rule, max_price) == decision


@pytest.mark.parametrize(
    ("max_price", "payment"), [(None, 40), (41, 40), (40, 40), (39, 39), (25, 25)], ids=str
)
def test_a_payment_above_max_price_is_cut_to_it(max_price, payment):
    # 10 + (30 - 0): the winner could ask 40 and still win
    assert decided([10, 20], "second_price", max_price, scores=[0, 30]) == Decision(0, payment, 1)


@pytest.mark.parametrize(
    ("owners", "max_price", "decision"),
    [
        (["x", "y", "z"], 50, Decision(0, 31, 1)),
        (["x", "x", "z"], 50, Decision(0, 45, 2)),
        (["x", "x", "x"], 50, Decision(0, 50, None)),
        (["x", "x", "x"], None, Decision(0, 30, None)),
    ],
    ids=str,
)
def test_only_another_owners_bid_sets_a_payment(owners, max_price, decision):
    costs = [30, 31, 45]
    assert decide(costs, costs, [0, 1, 2], "second_price", max_price, owners) == decision


def test_the_winner_matches_the_second_score_with_its_own_quality():
    # Worth of quality q: 2 sqrt(q); costs theta q. Theta 1 offers q 1 at 1, theta 2 offers q 1/4 at 1/2:
    # scores cost - worth are -1 and -1/2, so the winner may ask 1/2 more than its cost.
    million = 1_000_000
    costs, worth = [million, million // 2], [2 * million, million]
    scores = [cost - value for cost, value in zip(costs, worth, strict=True)]
    assert decided(costs, "second_price", scores=scores) == Decision(0, 1_500_000, 1)
    assert decided(costs, "pay_as_bid", scores=scores) == Decision(0, 1_000_000, 1)


def test_the_buyer_of_a_scored_task_under_second_price_expects_the_published_utility():
    # Che (1993), theta uniform on [1, 2], n = 2: 2 (1 - ln 2) = 0.613706. The best bid of theta offers quality
    # 1/theta^2 at the cost 1/theta, worth 2/theta; the midpoints of a grid stand for the distribution.
    one_half, other_half = ([1 + Fraction(2 * i + 1, 2 * n) for i in range(n)] for n in (60, 61))
    kept = Fraction(0)
    for thetas in product(one_half, other_half):
        costs, worth = [1 / theta for theta in thetas], [2 / theta for theta in thetas]
        scores = [cost - value for cost, value in zip(costs, worth, strict=True)]
        result = decided(costs, "second_price", scores=scores)
        kept += worth[result.winner] - result.payment
    assert abs(kept / (60 * 61) - Fraction("0.613706")) < Fraction("0.0001")


@pytest.mark.parametrize(("bidders", "payment"), [(2, "2/3"), (3, "1/2"), (5, "1/3"), (10, "2/11")])
def test_truthful_bidders_with_uniform_costs_are_paid_the_published_expectation(bidders, payment):
    # The second of n uniform costs is 2/(n+1) on average; the n expected order statistics stand for them.
    costs = [Fraction(i + 1, bidders + 1) for i in range(bidders)]
    assert decided(costs, "second_price", keys=range(bidders)).payment == Fraction(payment)


def test_a_losing_bid_never_changes_who_wins():
    # Weighted and normalised, adding the third bid would have moved the award from the first to the second.
    # Cost less 3 credits a point of quality: 100 - 210, 150 - 270, 300 - 180.
    costs, quality = [100, 150, 300], [70, 90, 60]
    scores = [cost - 3 * q for cost, q in zip(costs, quality, strict=True)]
    assert ranking(scores[:2], no_ties) == [1, 0]
    assert ranking(scores, no_ties) == [1, 0, 2]


credits_ = st.integers(0, 12)


@st.composite
def auctions(draw, least=1):
    """Costs within a max_price (or none), scores that are or are not the costs, and distinct tie keys."""
    costs = draw(st.lists(credits_, min_size=least, max_size=6))
    terms = draw(st.lists(st.integers(-6, 6), min_size=len(costs), max_size=len(costs)))
    keys = draw(st.permutations("uvwxyz"[: len(costs)]))
    max_price = draw(st.none() | st.integers(max(costs), 15))
    return costs, [cost + term for cost, term in zip(costs, terms, strict=True)], keys, max_price


def by_brute_force(costs, scores, keys, max_price, rule):
    """Return winner and payment by the definition: the dearest cost at which the winner still wins."""

    def wins(i, score):
        rivals = [j for j in range(len(costs)) if j != i]
        return all((score, keys[i]) < (scores[j], keys[j]) for j in rivals)

    (winner,) = [i for i in range(len(costs)) if wins(i, scores[i])]
    if rule == "pay_as_bid":
        return winner, Fraction(costs[winner])
    rivals = [scores[j] for j in range(len(costs)) if j != winner]
    if not rivals:
        return winner, Fraction(costs[winner] if max_price is None else max_price)
    # Every lower cost wins for sure; at the bound itself the tie key would decide.
    bound = Fraction(costs[winner] - scores[winner] + min(rivals))
    step = Fraction(1, 1000)
    assert wins(winner, scores[winner] + bound - costs[winner] - step)
    assert not wins(winner, scores[winner] + bound - costs[winner] + step)
    return winner, bound if max_price is None else min(bound, Fraction(max_price))


@given(auctions(), st.sampled_from(["pay_as_bid", "second_price"]))
def test_the_decision_is_the_brute_force_one(auction, rule):
    costs, scores, keys, max_price = auction
    result = decided(costs, rule, max_price, scores, keys)
    assert (result.winner, result.payment) == by_brute_force(costs, scores, keys, max_price, rule)


@given(auctions(), st.sampled_from(["pay_as_bid", "second_price"]), st.randoms(use_true_random=False))
def test_the_order_of_bids_changes_nothing(auction, rule, random):
    costs, scores, keys, max_price = auction
    moved = list(range(len(costs)))
    random.shuffle(moved)
    straight = decided(costs, rule, max_price, scores, keys)
    result = decided(
        [costs[i] for i in moved], rule, max_price, [scores[i] for i in moved], [keys[i] for i in moved]
    )
    runner_up = None if result.runner_up is None else moved[result.runner_up]
    assert Decision(moved[result.winner], result.payment, runner_up) == straight


@given(auctions(), st.sampled_from(["pay_as_bid", "second_price"]))
def test_a_winner_is_paid_at_least_its_cost_and_at_most_max_price(auction, rule):
    costs, scores, keys, max_price = auction
    result = decided(costs, rule, max_price, scores, keys)
    assert costs[result.winner] <= result.payment
    assert max_price is None or result.payment <= max_price


@given(auctions(), st.integers(0, 5))
def test_under_second_price_no_misreport_of_cost_ever_gains(auction, who):
    costs, scores, keys, max_price = auction
    who %= len(costs)
    others = [cost - score for cost, score in zip(costs, scores, strict=True)]
    if max_price is None and len(costs) == 1:
        return  # alone and without max_price a bidder names its own payment

    def gain(report):
        told, told_scores = list(costs), list(scores)
        told[who], told_scores[who] = report, report - others[who]
        result = decided(told, "second_price", max_price, told_scores, keys)
        return result.payment - costs[who] if result.winner == who else 0

    most = 25 if max_price is None else max_price
    assert all(gain(report) <= gain(costs[who]) for report in range(most + 1))


@given(auctions(least=2))
def test_withdrawing_a_losing_bid_keeps_the_winner(auction):
    costs, scores, keys, max_price = auction
    winner = decided(costs, "second_price", max_price, scores, keys).winner
    for loser in set(range(len(costs))) - {winner}:
        rest = [i for i in range(len(costs)) if i != loser]
        without = decided(
            [costs[i] for i in rest],
            "second_price",
            max_price,
            [scores[i] for i in rest],
            [keys[i] for i in rest],
        )
        assert rest[without.winner] == winner


def test_equal_scores_fall_by_ascending_tie_key_and_keys_are_asked_for_only_then():
    keys = {0: "c", 2: "a", 3: "b"}
    assert ranking([5, 4, 5, 5], keys.__getitem__) == [1, 2, 3, 0]
    assert ranking([3, 1, 2], no_ties) == [1, 2, 0]
    assert ranking([], no_ties) == []


def test_every_order_of_three_equal_bids_has_the_same_winner():
    keys = ["k2", "k1", "k3"]
    winners = {
        order[ranking([7, 7, 7], lambda i, order=order: keys[order[i]])[0]]
        for order in permutations(range(3))
    }
    assert winners == {1}


def test_amounts_beyond_any_float_are_decided_exactly():
    huge = 10**15 * 10**6
    assert decided([huge + 1, huge], "second_price", huge + 1) == Decision(1, huge + 1, 0)
