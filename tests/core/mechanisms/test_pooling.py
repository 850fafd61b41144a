"""Pools worked by hand: who is served, at which price, and how it is shared."""

from dataclasses import replace

import pytest

from market_core.mechanisms.multi_unit import UnitBid, cost
from market_core.mechanisms.pooling import (
    MOST_EXACT,
    MOST_MEMBERS,
    Member,
    PoolProblem,
    decide,
    share,
    threshold_met,
)
from market_core.mechanisms.procurement import DoesNotFit, Proof, TooLarge, Unproved

M = 1_000_000


def member(name, units, limit=None, minimum=0):
    """Units and minimum in units, the limit in credits."""
    return Member(
        name, name, round(units * M), None if limit is None else round(limit * M), round(minimum * M)
    )


def bid(name, quantity, *tiers, least=1):
    """Tiers in credits per unit; the first starts at unit 1."""
    made = tuple((start, round(unit_cost * M)) for start, unit_cost in tiers)
    return UnitBid(name, name.encode().hex().ljust(64, "0"), quantity, least, made)


def outcome(problem):
    """Return, in units and credits, who is served, what is bought from whom, and the price."""
    award = decide(problem)
    served = {m.key: part / M for m, part in zip(problem.members, award.served, strict=True) if part}
    units = {b.bidder: each for b, each in zip(problem.bids, award.units, strict=True) if each}
    return served, units, award.price / M


def why(problem):
    return {
        m.key: reason for m, reason in zip(problem.members, decide(problem).reasons, strict=True) if reason
    }


def paid(problem, rule="uniform"):
    shares = share(problem, decide(problem), rule).payments
    return {m.key: amount / M for m, amount in zip(problem.members, shares, strict=True) if amount}


# The story: five agents, three suppliers, one price that breaks nobody's limit.

STORY = PoolProblem(
    tuple(member(name, 20, limit) for name, limit in zip("abcde", (20, 7, 6, 5, 4.9), strict=True)),
    (
        bid("north", 40, (1, 6), (30, 4)),
        bid("south", 40, (1, 6), (30, 4.5)),
        bid("west", 100, (1, 30), (50, 25)),
    ),
    grain=M,
)


def test_a_price_for_everybody_would_break_four_of_five_limits():
    # All 100 units: north 40 at 4, south 40 at 4.5, west 20 at 30, that is 160 + 180 + 600 = 940, or 9.40 a unit.
    everybody = sum(m.quantity for m in STORY.members) // M
    total = sum(cost(b, units) for b, units in zip(STORY.bids, (40, 40, 20), strict=True))
    mean = total // everybody
    assert mean == 9_400_000
    assert [m.key for m in STORY.members if m.limit < mean] == ["b", "c", "d", "e"]


def test_the_pool_chooses_members_tiers_and_price_together_and_breaks_no_limit():
    # Four members take 80 units: north 160 + south 180 = 340, or 4.25 a unit, with both tiers reached. Their limits
    # are worth 400 + 140 + 120 + 100 = 760, so 420 is saved. With three: 30 units of each, 120 + 135 = 255, saves
    # 660 - 255 = 405. With two: north alone, 540 - 160 = 380. With e the next units cost 30 each.
    award = decide(STORY)
    assert award.served == (20 * M, 20 * M, 20 * M, 20 * M, 0)
    assert award.payments == (85 * M, 85 * M, 85 * M, 85 * M, 0)
    assert (award.units, award.tiers) == ((40, 40, 0), (30, 30, 0))
    assert award.supplier_payments == (160 * M, 180 * M, 0)
    assert (award.bought, award.quantity, award.surplus_quantity) == (80, 80 * M, 0)
    assert (award.total, award.price, award.surplus) == (340 * M, 4_250_000, 420 * M * M)
    assert award.proof == Proof("optimal", 0, -420 * M * M, "branch and bound")
    assert award.reasons == ("", "", "", "", "cost_of_more")


def test_the_same_story_shared_by_what_each_would_pay():
    # 340 of 760: everybody pays 340/760 of its limits.
    assert paid(STORY, "proportional") == {"a": 178.947368, "b": 62.631579, "c": 53.684211, "d": 44.736842}


# Who is served


def test_a_member_whose_limit_is_below_the_price_is_left_out_though_its_own_unit_costs_less():
    # b's unit costs 3, but with it the price is (3 x 4 + 3) / 4 = 3.75.
    sellers = bid("s", 3, (1, 4), least=3), bid("t", 1, (1, 3))
    problem = PoolProblem((member("a", 3, 8), member("b", 1, 3.1)), sellers)
    assert outcome(problem) == ({"a": 3}, {"s": 3}, 4)
    assert why(problem) == {"b": "out_of_price"}
    assert outcome(replace(problem, members=(member("a", 3, 8), member("b", 1, 3.75))))[0] == {"a": 3, "b": 1}


def test_among_equal_limits_what_is_short_is_shared_in_proportion():
    problem = PoolProblem((member("a", 4, 9), member("b", 4, 5), member("c", 8, 5)), (bid("s", 10, (1, 3)),))
    assert outcome(problem) == ({"a": 4, "b": 2, "c": 4}, {"s": 10}, 3)
    assert why(problem) == {"b": "rationed", "c": "rationed"}
    whole = PoolProblem((member("b", 1, 5), member("a", 1, 5), member("c", 1, 5)), (bid("s", 2, (1, 3)),), M)
    assert outcome(whole) == ({"a": 1, "b": 1}, {"s": 2}, 3)  # the remainder goes by key


def test_who_shares_gets_its_minimum_or_more():
    problem = PoolProblem((member("a", 4, 5, 3), member("b", 4, 5)), (bid("s", 4, (1, 3)),))
    assert outcome(problem)[0] == {"a": 3, "b": 1}
    assert why(problem) == {"a": "rationed", "b": "rationed"}


def test_all_or_nothing_gives_way_where_others_fill_the_units_better():
    # 5 units: b's 4 would leave 1 of them; a and c fill all five.
    problem = PoolProblem(
        (member("a", 3, 6, 3), member("b", 4, 5, 4), member("c", 2, 4.5)), (bid("s", 5, (1, 2)),)
    )
    assert outcome(problem)[0] == {"a": 3, "c": 2}
    assert why(problem) == {"b": "minimum"}


def test_what_is_left_over_may_be_less_than_a_minimum():
    problem = PoolProblem((member("a", 1.5, 10, 1.5), member("b", 0.75, 9, 0.75)), (bid("s", 2, (1, 4)),))
    assert decide(problem).surplus_quantity == M // 2
    assert why(problem) == {"b": "minimum"}


def test_a_minimum_of_one_grain_is_none():
    members = tuple(member(name, 2, 5, 1) for name in "abc")
    assert outcome(PoolProblem(members, (bid("s", 2, (1, 3)),), M))[0] == {"a": 1, "b": 1}


def test_a_pool_too_hard_to_prove_says_so():
    # 100 who all bear 5 and want odd parts of units or nothing: which of them fill 100 units is a needle in a haystack.
    sizes = [(7_919 * at * at + 104_729 * at) % 4_999_999 + 100_001 for at in range(100)]
    members = tuple(Member(str(at), f"{at:03d}", size, 5 * M, size) for at, size in enumerate(sizes))
    problem = PoolProblem(members, (bid("s", 100, (1, 4)),))
    award = decide(problem)
    assert (award.bought, award.proof.status) == (100, "feasible")
    assert award.proof.bound == -100 * M * M  # all 100 units used: 500 - 400
    assert 0 < award.proof.gap == 100 * M * M - award.surplus < M * M // 1000
    with pytest.raises(Unproved):
        share(problem, award, "shapley")


def test_a_member_goes_down_to_its_minimum_so_that_another_reaches_its_own():
    # 12 units: a's 10 leave 2; with 7 for a, b has its 5: 70 + 40 is more than 100.
    problem = PoolProblem((member("a", 10, 10, 1), member("b", 5, 8, 5)), (bid("s", 12, (1, 2)),))
    assert outcome(problem)[0] == {"a": 7, "b": 5}


def test_a_member_at_any_price_comes_first_and_adds_nothing_to_the_surplus():
    problem = PoolProblem(
        (member("a", 2, 50), member("b", 3)),
        (bid("s", 2, (1, 10)), bid("t", 1, (1, 900)), bid("u", 9, (1, 901))),
    )
    # b's three units cost 10 + 10 + 900; with a's two more they cost 2,722, above a's 50 a unit.
    assert outcome(problem) == ({"b": 3}, {"s": 2, "t": 1}, 306.666667)
    assert decide(problem).surplus == -920 * M * M
    assert why(problem) == {"a": "out_of_price"}


# Units, and parts of them


def test_parts_of_a_unit_are_bought_whole_and_paid_by_all():
    problem = PoolProblem((member("a", 1.25, 10), member("b", 1.25, 8)), (bid("s", 9, (1, 4)),))
    award = decide(problem)
    assert (award.bought, award.quantity, award.surplus_quantity) == (3, 2_500_000, 500_000)
    assert (award.total, award.price, award.payments) == (12 * M, 4_800_000, (6 * M, 6 * M))


def test_more_is_bought_where_that_is_cheaper_and_who_wants_more_gets_it():
    # 95 units cost 9,500, and 101 cost 9,090 (mechanisms.md, all-units): nobody wants the last six.
    seller = (bid("s", 200, (1, 100), (101, 90)),)
    award = decide(PoolProblem((member("a", 95, 100),), seller, M))
    assert (award.bought, award.quantity, award.surplus_quantity, award.total) == (
        101,
        95 * M,
        6 * M,
        9090 * M,
    )
    assert award.price == 95_684_211  # half-even of 9,090 / 95
    # b would take four of them, at a limit below what a unit costs but not below the price then, 9,090 / 99.
    award = decide(PoolProblem((member("a", 95, 100), member("b", 4, 92)), seller, M))
    assert (award.served, award.surplus_quantity) == ((95 * M, 4 * M), 2 * M)
    # At a limit of 91 it would be below: then nobody has them.
    problem = PoolProblem((member("a", 95, 100), member("b", 4, 91)), seller, M)
    assert (decide(problem).served, why(problem)) == ((95 * M, 0), {"b": "out_of_price"})


def test_remainders_are_shared_to_the_last_micro_credit_within_every_limit():
    # 10 micro-credits over three equal members with a limit that 10/3 just keeps.
    problem = PoolProblem(
        tuple(Member(name, name, M, 4) for name in "cab"),
        (UnitBid("s", "0", 3, 1, ((1, 5), (2, 4), (3, 3))),),
        M,
    )
    assert decide(problem).payments == (3, 3, 3)
    dear = replace(problem, bids=(UnitBid("s", "0", 2, 1, ((1, 3),)), UnitBid("t", "1", 1, 1, ((1, 4),))))
    award = decide(dear)
    assert (award.total, award.price, award.payments) == (10, 3, (3, 4, 3))  # a has the least key


def test_a_pool_without_bids_or_members_or_a_bearable_price_buys_nothing():
    nobody = decide(PoolProblem((), (bid("s", 3, (1, 2)),)))
    assert (nobody.bought, nobody.total, nobody.price) == (0, 0, 0)
    none = PoolProblem((member("a", 1, 5), member("b", 1)), ())
    assert why(none) == {"a": "no_bids", "b": "no_bids"}
    dear = PoolProblem((member("a", 1, 5),), (bid("s", 3, (1, 6)),))
    assert (decide(dear).total, why(dear)) == (0, {"a": "out_of_price"})


# How suppliers are paid


def test_uniform_pays_the_first_rejected_unit_cost():
    # Three units at 2, 3, 4 are worth 8 each; the fourth, at 7, is rejected and sets the price.
    sellers = bid("s", 1, (1, 2)), bid("t", 1, (1, 3)), bid("u", 1, (1, 4)), bid("v", 1, (1, 7))
    problem = PoolProblem((member("a", 3, 18),), sellers, M, "uniform")
    # 3 units at 7 save 54 - 21 = 33, more than two at 4, which save 36 - 8 = 28.
    assert outcome(problem) == ({"a": 3}, {"s": 1, "t": 1, "u": 1}, 7)
    assert decide(problem).supplier_payments == (7 * M, 7 * M, 7 * M, 0)
    cheap = replace(problem, members=(member("a", 3, 8),))
    # At a limit of 8: 3 at 7 save 3, two at 4 save 8, one at 3 saves 5. Less is bought because more raises the price.
    assert (outcome(cheap), why(cheap)) == (({"a": 2}, {"s": 1, "t": 1}, 4), {"a": "cost_of_more"})


def test_uniform_counts_a_suppliers_own_rejected_units_and_pays_the_last_accepted_where_none_is():
    problem = PoolProblem((member("a", 2, 9),), (bid("s", 5, (1, 4)), bid("t", 1, (1, 2))), M, "uniform")
    assert decide(problem).supplier_payments == (4 * M, 4 * M)
    short = PoolProblem((member("a", 9, 9),), problem.bids, M, "uniform")
    assert (decide(short).units, decide(short).supplier_payments) == ((5, 1), (20 * M, 4 * M))


def test_a_unit_dearer_than_every_limit_does_not_set_the_price():
    sellers = bid("s", 1, (1, 10)), bid("t", 1, (1, 100))
    problem = PoolProblem((member("a", 1, 50),), sellers, M, "uniform")
    assert decide(problem).supplier_payments == (10 * M, 0)
    assert decide(replace(problem, members=(member("a", 1, 100),))).supplier_payments == (100 * M, 0)
    assert decide(replace(problem, members=(member("a", 1),))).supplier_payments == (100 * M, 0)


def test_uniform_refuses_tiers_and_pools_refuse_weights():
    tiered = PoolProblem((member("a", 1, 5),), (bid("s", 3, (1, 6), (2, 3)),), M, "uniform")
    with pytest.raises(DoesNotFit, match="unit costs that rise"):
        decide(tiered)
    weighted = PoolProblem((member("a", 1, 5),), (UnitBid("s", "0", 1, 1, ((1, 2),), extra=1),))
    with pytest.raises(DoesNotFit, match="weights"):
        decide(weighted)


# How members share


def shapley(members, bids):
    return paid(PoolProblem(members, bids, M), "shapley")


def test_shapley_gives_the_whole_discount_to_nobody_alone():
    # Alone: 10 - 6 = 4 each. Together 20 - 8 = 12. So each adds (4 + 8) / 2 = 6 and pays 4.
    seller = (bid("s", 2, (1, 6), (2, 4)),)
    assert shapley((member("a", 1, 10), member("b", 1, 10)), seller) == {"a": 4, "b": 4}
    # b at 5 gets nothing alone. Together 15 - 8 = 7: a adds 4 first or 7 last, b 0 or 3.
    assert shapley((member("a", 1, 10), member("b", 1, 5)), seller) == {"a": 4.5, "b": 3.5}


def test_who_lets_the_others_bear_the_price_is_paid_for_it_by_them():
    # Ten units at 1 each or none. v(a) = 0, as 10/9 > 1.05; v(b) = 0; v(ab) = 9.45 + 1 - 10 = 0.45, half each.
    seller = (bid("s", 10, (1, 1), least=10),)
    assert shapley((member("a", 9, 1.05), member("b", 1, 1)), seller) == {"a": 9.225, "b": 0.775}
    # At a limit of 10 a needs nobody: v(a) = 80, v(ab) = 81.
    assert shapley((member("a", 9, 10), member("b", 1, 1)), seller) == {"a": 9.5, "b": 0.5}


def test_a_charge_below_nothing_is_nothing_and_what_is_too_much_is_taken_off_the_others():
    # Ten units at 100 each or none: only all three together bear 100. 999 + 840 + 100 - 1,000 = 939, or 313 each.
    # c would pay 100 - 313: it pays nothing. a and b would pay 686 + 527 = 1,213: they pay 1000/1213 of it.
    members = member("a", 1, 999), member("b", 8, 105), member("c", 1, 100)
    assert shapley(members, (bid("s", 10, (1, 100), least=10),)) == {"a": 565.539984, "b": 434.460016}


def test_rules_that_need_a_limit_refuse_a_served_member_without_one():
    problem = PoolProblem((member("a", 1), member("b", 1, 5)), (bid("s", 2, (1, 2)),))
    for rule in ("proportional", "shapley"):
        with pytest.raises(DoesNotFit, match="limit"):
            share(problem, decide(problem), rule)
    assert paid(problem) == {"a": 2, "b": 2}
    # One that is not served is no hindrance.
    rest = PoolProblem((member("a", 9, None, 9), member("b", 1, 5)), (bid("s", 2, (1, 2)),))
    assert paid(rest, "proportional") == paid(rest, "shapley") == {"b": 2}


def crowd(units, limits, *sellers):
    members = tuple(member(f"m{at:02d}", units, limit) for at, limit in enumerate(limits))
    return PoolProblem(members, sellers, M)


def test_sampled_values_are_exact_where_nobody_changes_what_another_adds():
    problem = crowd(2, range(5, 5 + MOST_EXACT + 3), bid("s", 90, (1, 4)))
    shares = share(problem, decide(problem), "shapley", b"nonce", 2)
    assert (set(shares.payments), set(shares.errors)) == ({8 * M}, {0})


def test_an_order_and_its_reverse_make_up_for_each_other_where_costs_rise_evenly():
    # The k-th unit costs k, so who joins k-th adds 20 - k: with the reverse that is the same for everybody.
    sellers = [UnitBid(str(unit), f"{unit:064d}", 1, 1, ((1, unit * M),)) for unit in range(1, 16)]
    problem = crowd(1, [20] * 15, *sellers)
    shares = share(problem, decide(problem), "shapley", b"nonce", 2)
    assert (set(shares.payments), set(shares.errors)) == ({8 * M}, {0})


def test_sampled_values_are_as_near_to_the_true_ones_as_they_say():
    # Fifteen alike, so each pays a fifteenth: 20 units at 4 (a tier) and 10 at 5.
    problem = crowd(2, [9] * (MOST_EXACT + 3), bid("s", 20, (1, 6), (12, 4)), bid("t", 20, (1, 5)))
    award = decide(problem)
    shares = share(problem, award, "shapley", b"nonce", 50)
    assert sum(shares.payments) == award.total
    assert 0 < min(shares.errors) <= max(shares.errors) < award.total // 15 // 5
    off = [
        abs(paid - award.total / 15) / error
        for paid, error in zip(shares.payments, shares.errors, strict=True)
    ]
    assert max(off) < 3.5
    assert 0.7 < sum(each * each for each in off) / len(off) < 1.4


def test_samples_follow_the_nonce_and_nothing_else():
    limits = [5 + at % 7 for at in range(MOST_EXACT + 8)]
    problem = crowd(2, limits, bid("s", 20, (1, 6), (12, 4)), bid("t", 20, (1, 5)))
    award = decide(problem)
    assert sum(map(bool, award.served)) > MOST_EXACT
    first = share(problem, award, "shapley", b"one", 20)
    assert first == share(problem, award, "shapley", b"one", 20)
    assert first != share(problem, award, "shapley", b"two", 20)
    turned = replace(problem, members=problem.members[::-1])
    assert share(turned, decide(turned), "shapley", b"one", 20).payments == first.payments[::-1]
    with pytest.raises(ValueError, match="2 samples"):
        share(problem, award, "shapley", b"one", 1)
    with pytest.raises(TooLarge, match="samples"):
        share(problem, award, "shapley", b"one", 250_000)


# The threshold, and what nobody can mean


def test_a_threshold_counts_owners_once_and_all_their_quantity():
    acme = replace(member("a", 3, 5), owner="acme"), replace(member("b", 3, 5), owner="acme")
    assert not threshold_met(acme, owners=2, quantity=0)
    assert threshold_met(acme, owners=1, quantity=6 * M)
    assert not threshold_met(acme, owners=1, quantity=6 * M + 1)
    assert threshold_met((*acme, member("c", 1)), owners=2, quantity=7 * M)


@pytest.mark.parametrize(
    ("members", "grain", "says"),
    [
        ((member("a", 1), member("a", 2)), 1, "one key"),
        ((member("a", 1, None, 2),), 1, "less than its minimum"),
        ((Member("a", "a", 0),), 1, "nothing"),
        ((member("a", 1.5),), M, "part of a grain"),
        ((member("a", 2, None, 1.5),), M, "part of a grain"),
        ((member("a", 1),), 3, "whole number of grains"),
    ],
)
def test_members_that_contradict_themselves_are_refused(members, grain, says):
    with pytest.raises(ValueError, match=says):
        decide(PoolProblem(members, (), grain))


def test_a_pool_beyond_the_limits_is_refused():
    with pytest.raises(TooLarge, match="10,000 members"):
        decide(crowd(1, [1] * (MOST_MEMBERS + 1)))
    with pytest.raises(TooLarge, match="table"):
        decide(PoolProblem((member("a", 90_000_000, 5),), (bid("s", 90_000_000, (1, 3)),)))
