"""Bundles of resources: published auctions, and cases worked by hand."""

from dataclasses import replace

import pytest

from market_core.mechanisms.bundles import (
    BundleAward,
    BundleProblem,
    Offer,
    Request,
    decide,
    payments,
    reasons,
    receipts,
    settle,
)
from market_core.mechanisms.procurement import DoesNotFit, Proof, TooLarge, Unproved

UNIT = 1_000_000
MOST_REQUESTS, MOST_RESOURCES = 10_000, 20


def want(name, bundle, payment, tasks=None, owner=None, head=None):
    """A request for so many units of resources A, B, C, ...; `tasks` makes it per task."""
    amounts = {}
    for letter in bundle:
        place = "ABCDE".index(letter)
        amounts[place] = amounts.get(place, 0) + UNIT
    key = (name.encode().hex() if head is None else f"{head:08x}{name.encode().hex()}").ljust(64, "0")
    return Request(name, owner or name, key, amounts, payment, tasks is not None, tasks or 1)


def offer(name, resource, units, ask=0):
    return Offer(name, "ABCDE".index(resource), units * UNIT, ask)


def market(requests, offers, grain=UNIT):
    return BundleProblem(tuple(requests), tuple(offers), (grain,) * 4)


def free(*requests, units=1):
    """So many units of each resource for nothing."""
    return market(requests, [offer(letter, letter, units) for letter in "ABCD"])


def paid(problem, rule):
    """Return who pays what, of those that are served."""
    award = decide(problem)
    amounts = payments(problem, award, rule)
    return {
        request.bidder: amount
        for request, tasks, amount in zip(problem.requests, award.tasks, amounts, strict=True)
        if tasks
    }


# --- published


def test_vcg_revenue_falls_to_nothing_when_a_bidder_joins_and_the_core_keeps_it():
    # Ausubel and Milgrom (2006), "The lovely but lonely Vickrey auction".
    two = [want("x", "AB", 2), want("y", "A", 2)]
    assert sum(paid(free(*two, want("z", "AB", 0)), "vcg").values()) == 2
    three = free(*two, want("z", "B", 2))
    assert paid(three, "vcg") == {"y": 0, "z": 0}
    assert sum(paid(three, "core").values()) == 2


def test_two_locals_share_what_the_global_bidder_would_pay():
    # Ausubel and Baranov, local-local-global.
    problem = free(want("x", "A", 8), want("y", "B", 6), want("z", "AB", 10))
    assert paid(problem, "vcg") == {"x": 4, "y": 2}
    assert paid(problem, "core") == {"x": 6, "y": 4}


def test_the_example_of_day_and_raghavan():
    # Day and Raghavan (2007), Management Science 53(9).
    bundles = ("AB", 20), ("C", 20), ("D", 20), ("ABC", 28), ("ABD", 26), ("AB", 10), ("C", 10), ("D", 10)
    problem = free(*(want(f"{place}", bundle, value) for place, (bundle, value) in enumerate(bundles, 1)))
    assert decide(problem).surplus == 60 * UNIT
    assert paid(problem, "vcg") == {"1": 10, "2": 10, "3": 10}
    assert paid(problem, "core") == {"1": 16, "2": 12, "3": 10}


def test_no_clearing_price_and_the_one_left_out_is_told_so():
    # mechanisms.md section 3: at any price that y bears, x is left out although it bids more per unit.
    problem = free(want("x", "A", 5), want("y", "AA", 8), units=2)
    result = settle(problem, "pay_as_bid")
    assert (result.served, result.payments, result.reasons) == ((0, UNIT), (0, 8), ("lost", ""))
    assert result.prices == (None,) * 4
    assert result.receipts == (8, 0, 0, 0)


# --- costs, by hand


def test_supply_is_taken_at_its_asks_the_cheapest_first():
    offers = [offer("p", "A", 1, 2), offer("q", "A", 2, 5), offer("r", "B", 9, 1)]
    # The second x would cost 5 + 1 and pays just that; a third would need more than there is.
    problem = market([want("x", "AB", 6, tasks=4), want("y", "A", 9)], offers)
    award = decide(problem)
    assert (award.tasks, award.surplus) == ((2, 1), (9 + 12 - 2 - 10 - 2) * UNIT)
    assert award.sold == (UNIT, 2 * UNIT, 2 * UNIT)


def test_offers_with_one_ask_sell_in_proportion_in_whole_units():
    offers = [offer("q", "A", 5, 3), offer("p", "A", 2, 3), offer("r", "A", 1, 1)]
    problem = market([want("x", "AAAA", 99)], offers)
    # 3 units over offers of 5 and 2: 2 1/7 and 6/7.
    assert decide(problem).sold == (2 * UNIT, UNIT, UNIT)


def test_an_owner_pays_at_least_what_it_adds_to_the_cost_of_supply():
    problem = market([want("x", "A", 20), want("y", "A", 20)], [offer("p", "A", 1, 3), offer("q", "A", 1, 7)])
    # Each alone would leave the other at 3, so each adds 7.
    assert paid(problem, "vcg") == paid(problem, "core") == {"x": 7, "y": 7}
    # 14 come in for 10: what is above goes by quantity x 7, the highest ask accepted.
    assert settle(problem, "vcg").receipts == (5, 9)


def test_what_is_above_the_asks_is_shared_by_quantity_times_the_highest_ask_of_the_resource():
    offers = [offer("q", "A", 1, 2), offer("p", "A", 2, 1), offer("r", "B", 3, 6)]
    problem = market([want("x", "AAABBB", 46)], offers)
    # Asks 2 + 2 + 18; the other 24 by 2 x 2, 1 x 2, 3 x 6.
    assert settle(problem, "pay_as_bid").receipts == (2 + 2, 2 + 4, 18 + 18)


def test_where_all_asks_are_0_each_resource_has_an_equal_part():
    offers = [offer("p", "A", 1), offer("q", "A", 3), offer("r", "B", 2)]
    problem = market([want("x", "AAAABB", 24)], offers)
    assert settle(problem, "pay_as_bid").receipts == (3, 9, 12)


def test_payments_that_do_not_cover_the_asks_are_refused_naming_the_gap():
    problem = market([want("x", "A", 9)], [offer("p", "A", 1, 5)])
    with pytest.raises(DoesNotFit, match="3 micro-credits short"):
        receipts(problem, (UNIT,), (2,))
    assert receipts(problem, (UNIT,), (5,)) == (5,)


def test_costs_below_a_micro_credit_count_and_payments_are_rounded_up():
    # A third of a unit at 1 micro-credit: the surplus is 1 less a third, vcg a third, rounded up.
    request = Request("x", "x", "a" * 64, {0: 333_333}, 1)
    problem = BundleProblem((request,), (Offer("p", 0, UNIT, 1),), (1,))
    award = decide(problem)
    assert (award.surplus, award.proof.bound) == (666_667, 1)
    assert payments(problem, award, "vcg") == payments(problem, award, "core") == (1,)
    assert receipts(problem, award.sold, (1,)) == (1,)


# --- owners, tasks, ties


def test_requests_of_one_owner_are_charged_together_in_proportion_to_their_limits():
    mine = [want("x", "A", 30, owner="o"), want("y", "B", 10, owner="o")]
    problem = free(*mine, want("z", "AB", 16))
    # Without o only z: o pays 16, over 30 and 10. Posing as two it would pay 6 and nothing.
    assert paid(problem, "vcg") == paid(problem, "core") == {"x": 12, "y": 4}
    assert paid(free(want("x", "A", 30), want("y", "B", 10), want("z", "AB", 16)), "vcg") == {"x": 6, "y": 0}


def test_what_an_owner_keeps_is_counted_once_in_a_coalition():
    # p alone would take all for 20, so q and r, who keep 10 each under vcg, keep 10 together.
    mine = [want("p", "A", 10), want("p2", "AAA", 10, owner="p")]
    problem = free(*mine, want("q", "A", 10), want("r", "A", 10), units=4)
    assert paid(problem, "vcg") == {"p": 0, "q": 0, "r": 0}
    assert paid(problem, "core") == {"p": 0, "q": 5, "r": 5}


def test_the_least_total_comes_before_nearness():
    # Best 644. p and q without r and s: 643, so r + s keep 1; q and s: 536, so p + r keep 108. Where r keeps nothing
    # they keep 109 in all, and nowhere else.
    mine = [want("p", "AA", 215), want("p2", "A", 107, owner="p")]
    rivals = [want("r", "AA", 214), want("s", "AA", 215), want("q", "AAA", 321)]
    problem = free(*mine, *rivals, units=6)
    assert paid(problem, "vcg") == {"p": 107, "r": 213, "s": 214}
    assert paid(problem, "core") == {"p": 107, "r": 214, "s": 214}


def test_a_coalition_that_fractions_of_a_micro_credit_keep_out_counts():
    # Under vcg a, b and c keep 3, 3 and 5; t bounds the three by 7, which is nearest at 5/3, 5/3 and 11/3; then s
    # bounds a and b by 3, though it has nothing against 1 and 1: so 3/2, 3/2 and 4, rounded down.
    single = [want("a", "A", 10), want("b", "B", 10), want("c", "C", 10)]
    problem = free(*single, want("r", "C", 5), want("s", "AB", 17), want("t", "ABC", 23))
    assert paid(problem, "vcg") == {"a": 7, "b": 7, "c": 5}
    assert paid(problem, "core") == {"a": 9, "b": 9, "c": 6}


def test_per_task_a_request_may_be_served_in_part_and_pays_for_what_it_gets():
    problem = free(want("x", "AB", 5, tasks=3), want("y", "A", 4, tasks=9), units=4)
    result = settle(problem, "core")
    assert result.served == (3 * UNIT, UNIT)
    assert result.taken == ({0: 3 * UNIT, 1: 3 * UNIT}, {0: UNIT})
    # Without x, y would have had 3 more.
    assert (result.payments, result.reasons) == ((12, 0), ("", "rationed"))


@pytest.mark.parametrize(
    ("requests", "served"),
    [
        # the most tasks: two of 4 before one of 8
        ([want("x", "AB", 8, head=1), want("y", "A", 4, head=9), want("z", "B", 4, head=9)], "yz"),
        # the least sum of 32 bits, each of its own resource
        (
            [want(n, "A", 1, head=h) for n, h in (("u", 1), ("v", 3))]
            + [want("w", "B", 1, head=4), want("x", "B", 1, head=3)],
            "ux",
        ),
        # then the list of keys: (1, 4) before (2, 3), which are the only ways
        (
            [
                want(n, b, 1, head=h)
                for n, b, h in (("p", "AC", 2), ("q", "BD", 3), ("r", "AB", 1), ("s", "CD", 4))
            ],
            "rs",
        ),
        # as often as it is served: (1, 1, 3) before (1, 2, 2), which fill 8 units
        (
            [want("x", "AA", 2, 2, head=1), want("y", "AAA", 3, 2, head=2), want("z", "AAAA", 4, 1, head=3)],
            "xz",
        ),
        # nothing is gained, and yet it is served
        ([want("x", "A", 0)], "x"),
    ],
)
def test_ties_go_by_tasks_then_by_the_sum_of_32_bits_then_by_the_list_of_keys(requests, served):
    for each in (requests, requests[::-1]):
        problem = free(*each, units=8 if served == "xz" else 1)
        award = decide(problem)
        names = [r.bidder for r, tasks in zip(problem.requests, award.tasks, strict=True) if tasks]
        assert "".join(sorted(names)) == served


def test_of_many_requests_that_are_alike_the_least_keys_are_served():
    requests = [want(f"{place:03}", "AB"[place % 2], 7, head=1000 - place) for place in range(200)]
    award = decide(free(*requests, units=20))
    assert award.proof.status == "optimal"
    assert [place for place, tasks in enumerate(award.tasks) if tasks] == list(range(160, 200))


def test_why_a_request_gets_less():
    problem = market(
        [
            want("a", "AA", 9),
            want("b", "AA", 9),
            want("c", "A", 1),
            want("d", "AAAA", 99),
            want("e", "AAB", 13),
            want("f", "C", 99),
        ],
        [offer("p", "A", 3, 2), offer("q", "B", 1, 5)],
    )
    award = decide(problem)
    assert award.tasks == (1, 0, 0, 0, 0, 0)
    assert reasons(problem, award) == ("", "rationed", "out_of_price", "no_supply", "lost", "no_supply")


# --- proofs and refusals


def test_what_is_not_proved_brings_no_vcg_or_core_payments():
    problem = free(want("x", "A", 5))
    award = replace(decide(problem), proof=Proof("feasible", 3, 8, "another"))
    for rule in ("vcg", "core"):
        with pytest.raises(Unproved) as refused:
            payments(problem, award, rule)
        assert refused.value.gap == 3
    assert payments(problem, award, "pay_as_bid") == (5,)


def test_without_time_something_allowed_is_served_and_the_gap_is_told():
    requests = [want(f"{i}", "ABCD"[i % 3 : i % 3 + 2], 70 + i * i % 31, tasks=1 + i % 3) for i in range(60)]
    problem = free(*requests, units=13)
    award = decide(problem, seconds=0.0)
    best = decide(problem)
    assert best.proof.gap == 0
    assert award.surplus <= best.surplus <= award.proof.bound * UNIT
    assert award.proof.gap == award.proof.bound - award.surplus // UNIT


def test_nothing_asked_or_offered_serves_nothing():
    assert decide(market([], [])) == BundleAward((), (), 0, Proof("optimal", 0, 0, "order"))
    problem = market([want("x", "A", 5)], [])
    assert settle(problem, "core").reasons == ("no_supply",)


def test_too_much_is_refused_and_the_limits_are_not():
    requests = [Request("x", "x", f"{place:064x}", {0: UNIT}, 1) for place in range(MOST_REQUESTS + 1)]
    with pytest.raises(TooLarge, match="10,000 requests"):
        decide(market(requests, []))
    assert not any(decide(market(requests[:-1], [])).tasks)
    with pytest.raises(TooLarge, match="20 resources"):
        decide(BundleProblem((), (), (1,) * (MOST_RESOURCES + 1)))


@pytest.mark.parametrize(
    "problem",
    [
        free(want("x", "A", 1), want("x", "B", 1)),
        market([], [offer("p", "A", 1), offer("p", "B", 1)]),
        market([], [replace(offer("p", "A", 1), resource=-1)]),
        market([], [replace(offer("p", "A", 1), quantity=0)]),
        market([], [offer("p", "A", 1, -1)]),
        free(replace(want("x", "A", 1), bundle={})),
        free(replace(want("x", "A", 1), bundle={7: 1})),
        free(replace(want("x", "A", 1), bundle={0: 0})),
        free(replace(want("x", "A", 1), tasks=2)),
        free(replace(want("x", "A", 1), max_payment=-1)),
    ],
)
def test_what_the_caller_should_not_let_in_is_an_error(problem):
    with pytest.raises(ValueError, match=r"key|offer|bundle|task"):
        decide(problem)
