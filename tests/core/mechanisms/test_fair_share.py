"""One resource shared fairly, on published and hand-worked cases."""

import pytest

from market_core.mechanisms.clearing import Entry
from market_core.mechanisms.fair_share import Member, Shares, share
from market_core.mechanisms.fair_share_filling import Claim
from market_core.mechanisms.fair_share_minimum import fill_above

M = 1_000_000


def member(name, quantity, limit=None, weight=1, priority=0, minimum=0):
    """Return a demand in units and credits; `name` is owner or owner/id."""
    owner, _, rest = name.partition("/")
    most = None if limit is None else int(limit * M)
    return Member((name, rest), owner, int(quantity * M), most, int(weight * M), priority, int(minimum * M))


def offers(*rows):
    return [
        Entry((f"s{i}", ""), int(q * M), None if a is None else int(a * M)) for i, (q, a) in enumerate(rows)
    ]


def bought(demand, supply, policy="fair", grain=1):
    """Return what each demand gets of a supply without a price, in units."""
    made = share(demand, offers((supply, None)), policy, grain)
    return None if made is None else [quantity / M for quantity in made.demand]


def priced(demand, rows, policy="fair"):
    """Return the price and the quantities of both sides in units, and the reasons."""
    made = share(demand, offers(*rows), policy)
    if made is None:
        return None
    return made.price / M, [q / M for q in made.demand], [q / M for q in made.offers], list(made.reasons)


@pytest.mark.parametrize(
    ("supply", "quantities", "weights", "shares"),
    [
        # Keshav (1997), An Engineering Approach to Computer Networking
        (10, [2, 2.6, 4, 5], [1, 1, 1, 1], [2, 2.6, 2.7, 2.7]),
        # the same, weighted
        (16, [4, 2, 10, 4], [2.5, 4, 0.5, 1], [4, 2, 6, 4]),
        # by hand: level 2 per weight; then the one that wants less leaves a level of 2.5
        (12, [9, 9, 9], [3, 2, 1], [6, 4, 2]),
        (12, [9, 9, 9], [0.001, 1000, 1000], [0.000006, 5.999997, 5.999997]),
        (12, [1, 9, 9], [2, 3, 1], [1, 8.25, 2.75]),
        # as much as all want, and more
        (12, [4, 4, 4], [1, 5, 9], [4, 4, 4]),
        (20, [4, 4, 4], [1, 5, 9], [4, 4, 4]),
        (1, [4], [1], [1]),
    ],
)
def test_who_asks_for_less_than_its_part_gets_it_and_the_rest_is_shared_by_weight(
    supply, quantities, weights, shares
):
    demand = [
        member(name, quantity, weight=weight)
        for name, quantity, weight in zip("abcd", quantities, weights, strict=False)
    ]
    assert bought(demand, supply) == pytest.approx(shares)


def test_the_published_shares_are_exact_to_the_micro_unit():
    demand = [member(name, quantity) for name, quantity in zip("abcd", (2, 2.6, 4, 5), strict=True)]
    made = share(demand, offers((10, None)), "fair")
    assert made == Shares(
        price=0,
        traded=10 * M,
        demand=(2 * M, 2_600_000, 2_700_000, 2_700_000),
        offers=(10 * M,),
        payments=(0, 0, 0, 0),
        receipts=(0,),
        reasons=(None, None, "rationed", "rationed"),
    )


def test_a_rest_that_does_not_divide_goes_to_the_largest_fraction_then_to_the_first_owner():
    made = share([member(name, 1) for name in "cab"], offers((1, None)), "fair")
    assert made.demand == (333_333, 333_334, 333_333)
    # 10 units by 3 : 2 : 2 are 4.29, 2.86, 2.86
    demand = [member(name, 9, weight=w) for name, w in zip("abc", (3, 2, 2), strict=True)]
    assert bought(demand, 10, grain=M) == [4, 3, 3]
    assert bought([member(name, 9) for name in "cab"], 7, grain=M) == [2, 3, 2]


def test_an_owner_with_many_demands_counts_once():
    one = [member("a", 6), member("b", 6)]
    many = [member("a/1", 1), member("a/2", 2), member("a/3", 3), member("b", 6)]
    assert bought(one, 6) == [3, 3]
    assert bought(many, 6) == [0.5, 1, 1.5, 3]  # in proportion to quantity
    assert bought(many, 6, grain=M) == [1, 1, 1, 3]  # the halves: the first key


def test_the_highest_weight_of_an_owner_counts_for_all_its_demands():
    assert bought([member("a/1", 6, weight=2), member("a/2", 6, weight=1), member("b", 9)], 9) == [3, 3, 3]


def test_a_weight_of_zero_gets_what_all_others_leave():
    demand = [member("a", 4, weight=0), member("b", 5), member("c", 9, weight=0)]
    assert bought(demand, 11) == [3, 5, 3]
    made = share(demand, offers((5, None)), "fair")
    assert (made.demand, made.reasons) == ((0, 5 * M, 0), ("no_supply", None, "no_supply"))
    assert bought([member("a", 4, weight=0), member("b", 4, weight=0)], 2) == [1, 1]
    least = member("a", 9, weight=0.000001), member("b", 9, weight=0.000003), member("c", 9, weight=0)
    assert bought(least, 4) == [1, 3, 0]


def test_a_higher_priority_comes_first_and_within_one_all_is_fair():
    demand = [member("a", 5), member("b", 4, priority=2), member("c", 5), member("d", 9, priority=-1)]
    made = share(demand, offers((8, None)), "priority")
    assert [q / M for q in made.demand] == [2, 4, 2, 0]
    assert made.reasons == ("rationed", None, "rationed", "no_supply")
    assert bought(demand, 8, "fair") == [2, 2, 2, 2]


def test_a_zero_weight_comes_last_within_its_own_priority_only():
    demand = [member("a", 5, weight=0, priority=1), member("b", 5, priority=1), member("c", 5)]
    assert bought(demand, 12, "priority") == [5, 5, 2]


@pytest.mark.parametrize(
    ("demand", "rows", "outcome"),
    [
        # 3 at 4 do not cover 8, 3 + 7 at 6 do: the last ask is sold in part
        (
            [("a", 5, 9), ("b", 3, 7)],
            [(3, 4), (7, 6)],
            (6, [5, 3], [3, 5], [None, None]),
        ),
        # a limit below the price stays out; without it the first ask that covers is enough
        (
            [("a", 5, 9), ("b", 3, 5)],
            [(3, 4), (7, 6)],
            (6, [5, 0], [3, 2], [None, "out_of_price"]),
        ),
        # no ask covers: the highest, and what there is is shared
        (
            [("a", 5, 9), ("b", 3, None), ("c", 9, 6)],
            [(3, 4), (7, 6)],
            (6, [3.5, 3, 3.5], [3, 7], ["rationed", None, "rationed"]),
        ),
        # a limit equal to the price reaches it
        ([("a", 2, 4)], [(3, 4)], (4, [2], [2], [None])),
        # an ask that nobody's limit reaches is no price: the highest that somebody would pay
        ([("a", 9, 5)], [(3, 4), (7, 6)], (4, [3], [3, 0], ["rationed"])),
        # equal asks sell in proportion to quantity
        ([("a", 2, 9)], [(3, 4), (1, 4)], (4, [2], [1.5, 0.5], [None])),
        # for nothing
        ([("a", 2, 0)], [(1, 0), (1, None)], (0, [2], [1, 1], [None])),
        # nothing trades
        ([("a", 2, 3)], [(3, 4)], None),
        ([], [(3, 4)], None),
        ([("a", 2, 3)], [], None),
    ],
    ids=str,
)
def test_all_pay_the_lowest_ask_at_which_the_offers_cover_the_demand(demand, rows, outcome):
    assert priced([member(*row) for row in demand], rows) == outcome


def test_a_higher_limit_gets_no_more_and_a_higher_priority_does():
    rich, poor = member("a", 9, limit=100, priority=0), member("b", 9, limit=5, priority=1)
    assert priced([rich, poor], [(6, 4)]) == (4, [3, 3], [6], ["rationed", "rationed"])
    assert priced([rich, poor], [(6, 4)], "priority") == (4, [0, 6], [6], ["no_supply", "rationed"])


def test_totals_that_do_not_divide_are_rounded_up_once_and_split_alike():
    demand = [Member(("a", ""), "a", M, 3), Member(("b", ""), "b", M // 2, 3)]
    made = share(demand, [Entry(("s", ""), M // 2, 3), Entry(("t", ""), M, 3)], "fair")
    assert (made.price, made.payments, made.receipts) == (3, (3, 2), (2, 3))  # 4.5 rounds up to 5


def test_one_who_would_get_less_than_its_minimum_is_left_out_and_the_rest_shared_again():
    demand = [member("a", 8, minimum=5), member("b", 8, minimum=4), member("c", 8)]
    made = share(demand, offers((9, None)), "fair")
    assert [q / M for q in made.demand] == [0, 4.5, 4.5]
    assert made.reasons == ("below_minimum", "rationed", "rationed")


def test_the_minimum_that_asks_for_most_per_weight_goes_first_then_the_last_key():
    assert bought([member(name, 8, minimum=6) for name in "bca"], 10) == [0, 0, 8]
    assert bought([member("a", 8, minimum=6), member("b", 8, minimum=5, weight=0.5)], 10) == [8, 0]
    # a's second demand needs most of what a gets, then b needs more than a's first one does
    rows = [member("a/1", 10, minimum=9), member("a/2", 10, minimum=10), member("b", 15, minimum=12)]
    assert bought(rows, 20) == [10, 0, 0]


def test_a_share_rounded_up_to_its_minimum_is_enough():
    demand = [member("a", 3, minimum=2), member("b", 3, minimum=1)]
    assert bought(demand, 3, grain=M) == [2, 1]
    assert bought(demand, 3) == [0, 3]
    # 2, 2, 1; without c 3, 2: b is one short of it
    assert bought([member(name, 5, minimum=3) for name in "abc"], 5, grain=M) == [5, 0, 0]


def test_a_claim_is_left_out_until_all_others_reach_their_minimums():
    claims = [Claim((name, ""), name, 5) for name in "abc"]
    assert fill_above(5, claims, dict.fromkeys("abc", 1), [3, 3, 3]) == ([5, 0, 0], {1, 2})


def test_minimums_are_kept_from_the_highest_priority_down():
    demand = [member("a", 8, priority=1, minimum=6), member("b", 5, priority=1), member("c", 9, minimum=6)]
    assert bought(demand, 11, "priority") == [6, 5, 0]
    assert bought(demand, 12, "priority") == [7, 5, 0]
    assert bought(demand, 20, "priority") == [8, 5, 7]


def test_without_those_left_out_the_price_is_found_again():
    demand = [member("a", 10, 10, minimum=10), member("b", 4, 5)]
    assert priced(demand, [(5, 3), (4, 8)]) == (3, [0, 4], [4, 0], ["below_minimum", None])
    assert priced(demand, [(5, 3), (5, 8)]) == (8, [10, 0], [5, 5], [None, "out_of_price"])
    assert priced(demand[:1], [(5, 3), (4, 8)]) is None
    # once a is left out there is enough for b, which was rationed before
    demand = [member("a", 9, minimum=9), member("b", 6, 9)]
    assert priced(demand, [(8, 3)]) == (3, [0, 6], [6], ["below_minimum", None])


def test_two_members_with_one_key_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="one key"):
        share([member("a", 1), member("a", 1)], offers((1, 1)), "fair")
