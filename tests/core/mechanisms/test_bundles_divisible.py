"""Tasks that can be divided: worked by hand, against another exact solver, and against the market of one resource."""

from fractions import Fraction
from math import ceil, floor
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import clearing
from market_core.mechanisms.bundles import BundleProblem, Offer, Request, settle
from market_core.mechanisms.bundles_divisible import clear, divisible
from market_core.mechanisms.procurement import DoesNotFit

UNIT = 1_000_000
CREDIT = 1_000_000


def ask(name, bundle, limit, tasks=1, unit=UNIT):
    """A request per task, in units and micro-credits; names order the keys."""
    amounts = {resource: int(amount * unit) for resource, amount in bundle.items()}
    return Request(name, name, name.encode().hex().rjust(64, "0"), amounts, limit, True, tasks)


def offer(name, resource, quantity, price):
    return Offer(name, resource, int(quantity * UNIT), price)


def market(requests, offers, resources=2):
    return BundleProblem(tuple(requests), tuple(offers), (1,) * resources)


# --- by hand


def test_two_resources_have_the_prices_at_which_the_marginal_task_pays_just_its_limit():
    # a (1 of each, 10) is served whole, b (1 of each, 7) with what is left of the first resource, the second is plenty
    # at its ask of 2: the first costs 7 - 2.
    problem = market(
        [ask("a", {0: 1, 1: 1}, 10, 3), ask("b", {0: 1, 1: 1}, 7, 4), ask("c", {0: 1, 1: 1}, 6, 9)],
        [offer("p", 0, 5, 1), offer("q", 1, 99, 2)],
    )
    result = clear(problem)
    assert result.prices == (5, 2)
    assert result.served == (3 * UNIT, 2 * UNIT, 0)
    assert result.payments == (21, 14, 0)
    assert (result.sold, result.receipts) == ((5 * UNIT, 5 * UNIT), (25, 10))
    assert result.reasons == ("", "rationed", "out_of_price")
    assert result.surplus == 3 * 10 + 2 * 7 - 5 - 10


def test_a_dear_offer_sets_the_price_when_it_is_sold_in_part():
    problem = market(
        [ask("a", {0: 2, 1: 1}, 30, 5)], [offer("p", 0, 4, 1), offer("q", 0, 20, 6), offer("r", 1, 9, 3)]
    )
    result = clear(problem)
    assert result.prices == (6, 3)
    assert (result.sold, result.receipts) == ((4 * UNIT, 6 * UNIT, 5 * UNIT), (24, 36, 15))
    assert result.payments == (75,)


def test_where_several_prices_support_the_answer_the_middle_one_is_taken():
    # All is sold and all are served: anything from the ask of 2 to the limit of 9 will do.
    result = clear(market([ask("a", {0: 1}, 9, 3)], [offer("p", 0, 3, 2)], 1))
    assert result.prices == (Fraction(11, 2),)
    assert (result.payments, result.receipts) == ((17,), (17,))


def test_requests_alike_but_for_a_factor_share_in_proportion_to_what_they_ask():
    # The same proportions and the same limit per unit: 6 and 3 doses of (1, 2), of which there are 3.
    result = clear(
        market(
            [ask("a", {0: 2, 1: 4}, 10, 3), ask("b", {0: 1, 1: 2}, 5, 3)],
            [offer("p", 0, 3, 0), offer("q", 1, 60, 0)],
        )
    )
    assert result.served == (1 * UNIT, 1 * UNIT)
    assert result.payments == (10, 5)
    assert result.reasons == ("rationed", "rationed")


def test_a_third_of_a_task_is_rounded_down_and_the_odd_micro_task_goes_to_the_least_key():
    requests = [ask(name, {0: 1}, 6 * CREDIT) for name in "abc"]
    result = clear(market(requests, [offer("p", 0, 1, 0)], 1))
    assert result.served == (333_334, 333_333, 333_333)
    assert result.payments == (2_000_004, 1_999_998, 1_999_998)
    assert result.receipts == (6 * CREDIT,)


def test_the_odd_micro_task_goes_to_the_largest_fraction_before_the_least_key():
    # A third of 1 task and of 2: 333,333 1/3 and 666,666 2/3 micro-tasks.
    result = clear(market([ask("a", {0: 1}, 6), ask("b", {0: 1}, 6, 2)], [offer("p", 0, 1, 0)], 1))
    assert result.served == (333_333, 666_667)


def test_of_bundles_that_gain_as_much_the_one_that_pays_more_is_served_though_it_is_smaller():
    # 5 - 1 for a unit of each of the first two, 4 for one of the second and three of the third, of which there is 1.
    offers = [offer("p", 0, 9, 1), offer("q", 1, 1, 0), offer("r", 2, 9, 0)]
    problem = market([ask("b", {0: 1, 1: 1}, 5), ask("a", {1: 1, 2: 3}, 4)], offers, 3)
    assert clear(problem).served == (UNIT, 0)


def test_of_different_bundles_that_tie_the_least_sum_of_keys_is_served():
    # The pair pays as much as the two single ones: 9 = 5 + 4. Names stand for keys: a < b + c < dd.
    singles = [ask("b", {0: 1}, 5), ask("c", {1: 1}, 4)]
    offers = [offer("p", 0, 1, 0), offer("q", 1, 1, 0)]
    assert clear(market([ask("a", {0: 1, 1: 1}, 9), *singles], offers)).served == (UNIT, 0, 0)
    assert clear(market([ask("dd", {0: 1, 1: 1}, 9), *singles], offers)).served == (0, UNIT, UNIT)


def test_a_task_at_its_cost_is_served():
    result = clear(market([ask("a", {0: 1, 1: 1}, 5)], [offer("p", 0, 1, 2), offer("q", 1, 1, 3)]))
    assert (result.served, result.prices, result.receipts) == ((UNIT,), (2, 3), (2, 3))


def test_without_supply_a_request_is_told_so_and_has_no_price():
    problem = market([ask("a", {0: 1, 1: 1}, 50), ask("b", {0: 1}, 1)], [offer("p", 0, 9, 2)])
    result = clear(problem)
    assert result.reasons == ("no_supply", "out_of_price")
    assert (result.prices, result.sold, result.payments) == ((None, None), (0,), (0, 0))
    nothing = clear(market([ask("a", {1: 1}, 50)], [offer("p", 0, 9, 2)]))
    assert (nothing.reasons, nothing.sold, nothing.surplus) == (("no_supply",), (0,), 0)
    assert clear(market([], [])).served == ()


def test_tasks_that_cannot_all_be_divided_have_no_prices_to_offer():
    whole = Request("a", "a", "a" * 64, {0: UNIT}, 5)
    assert not divisible(market([whole], [], 1))
    with pytest.raises(DoesNotFit):
        settle(market([whole], [], 1), "uniform")
    with pytest.raises(DoesNotFit):
        clear(BundleProblem((ask("a", {0: 1}, 5),), (), (UNIT,)))


def test_one_result_for_divided_tasks():
    problem = market([ask("a", {0: 1}, 9, 3)], [offer("p", 0, 2, 2)], 1)
    result = settle(problem, "uniform")
    assert (result.prices, result.taken, result.payments) == ((9,), ({0: 2 * UNIT},), (18,))
    assert (result.proof.status, result.proof.gap, result.proof.bound) == ("optimal", 0, 14)
    whole = settle(problem, "pay_as_bid")
    assert (whole.prices, whole.served, whole.payments) == ((None,), (2 * UNIT,), (18,))
    assert whole.receipts == (18,)


# --- against another exact solver, and one resource


def optimum(problem):
    """Return the largest surplus in micro-credits by the textbook tableau in fractions, smallest index first."""
    resources, offers = len(problem.grains), problem.offers
    gains = [Fraction(each.max_payment) for each in problem.requests] + [
        Fraction(-o.ask, UNIT) for o in offers
    ]
    rows = []
    for resource in range(resources):
        left = [Fraction(each.bundle.get(resource, 0)) for each in problem.requests]
        rows.append((left + [Fraction(-(o.resource == resource)) for o in offers], Fraction(0)))
    for place, most in enumerate([r.tasks for r in problem.requests] + [o.quantity for o in offers]):
        rows.append(([Fraction(place == each) for each in range(len(gains))], Fraction(most)))
    count = len(rows)
    table = [left + [Fraction(i == j) for j in range(count)] + [b] for i, (left, b) in enumerate(rows)]
    last, basis = gains + [Fraction(0)] * (count + 1), [len(gains) + i for i in range(count)]
    while any(gain > 0 for gain in last[:-1]):
        column = next(c for c, gain in enumerate(last[:-1]) if gain > 0)
        row = min(
            (i for i in range(count) if table[i][column] > 0),
            key=lambda i: (table[i][-1] / table[i][column], basis[i]),
        )
        table[row] = [x / table[row][column] for x in table[row]]
        for i in range(count):
            if i != row and table[i][column]:
                table[i] = [x - table[i][column] * t for x, t in zip(table[i], table[row], strict=True)]
        last = [x - last[column] * t for x, t in zip(last, table[row], strict=True)]
        basis[row] = column
    return -last[-1]


@st.composite
def markets(draw, most=5, resources=3):
    count = draw(st.integers(1, resources))
    unit = draw(st.sampled_from([UNIT, 333_333]))
    scale = draw(st.sampled_from([1, 1, CREDIT, 10**12 + 39]))
    requests = []
    for name in range(draw(st.integers(0, most))):
        bundle = draw(st.dictionaries(st.integers(0, count - 1), st.integers(1, 4), min_size=1))
        limit = draw(st.integers(0, 12)) * scale
        requests.append(ask(f"b{name}", bundle, limit, draw(st.integers(1, 3)), unit))
    offers = [
        Offer(
            f"o{name}",
            draw(st.integers(0, count - 1)),
            draw(st.integers(1, 9)) * draw(st.sampled_from([UNIT, 500_001])),
            draw(st.integers(0, 4)) * scale,
        )
        for name in range(draw(st.integers(0, most)))
    ]
    return market(requests, offers, count)


@given(markets())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_division_is_optimal_and_its_prices_support_it(problem):
    result = clear(problem)
    assert result.surplus == optimum(problem)
    check(problem, result)


def check(problem, result):
    """Each price supports what is served and sold, and every amount is rounded as the docstring says."""
    worth = cost = Fraction(0)
    for place, request in enumerate(problem.requests):
        worth += Fraction(request.max_payment * result.served[place], UNIT)
        cost_at_prices = [
            result.prices[r] * amount for r, amount in request.bundle.items() if result.prices[r] is not None
        ]
        due, limit = sum(cost_at_prices, Fraction(0)), request.max_payment * UNIT
        all_priced = len(cost_at_prices) == len(request.bundle)
        if 0 < result.served[place] < request.tasks * UNIT:
            assert (all_priced, due) == (True, limit)
        elif result.served[place]:
            assert due <= limit
        elif all_priced:
            assert due >= limit
        assert result.payments[place] <= ceil(Fraction(request.max_payment * result.served[place], UNIT))
        assert result.reasons[place] in ("", "rationed", "out_of_price", "no_supply")
        assert (result.reasons[place] == "") == (result.served[place] == request.tasks * UNIT)
        exact = {r: amount * result.served[place] // UNIT for r, amount in request.bundle.items()}
        assert result.taken[place] == exact
    for place, each in enumerate(problem.offers):
        sold, price = result.sold[place], result.prices[each.resource]
        cost += Fraction(each.ask * sold, UNIT)
        assert 0 <= sold <= each.quantity
        assert result.receipts[place] >= floor(Fraction(each.ask * sold, UNIT))
        if price is not None and each.ask > price:
            assert not sold
        if price is not None and each.ask < price:
            # What rounding leaves: less than two micro-tasks of each request.
            slack = sum(2 * r.bundle.get(each.resource, 0) // UNIT + 2 for r in problem.requests)
            assert each.quantity - sold <= slack
    for resource in range(len(problem.grains)):
        supplied = sum(s for o, s in zip(problem.offers, result.sold, strict=True) if o.resource == resource)
        assert supplied == sum(taken.get(resource, 0) for taken in result.taken)
        assert (result.prices[resource] is None) == (not supplied)
    assert sum(result.payments) == sum(result.receipts)
    rounding = sum((2 * Fraction(r.max_payment, UNIT) for r in problem.requests), Fraction(0))
    dear = (
        sum(Fraction(max(o.ask for o in problem.offers), UNIT) * len(r.bundle) for r in problem.requests)
        if problem.offers
        else 0
    )
    assert abs(worth - cost - result.surplus) <= rounding + dear


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_a_large_market_is_mended_from_where_the_solver_ends(seed, tied):
    random = Random(seed)
    requests = []
    for place in range(150):
        bundle = {r: random.randint(1, 9) for r in random.sample(range(3), random.randint(1, 3))}
        limit = sum(bundle.values()) * (CREDIT if tied else random.randint(CREDIT // 2, 2 * CREDIT))
        requests.append(ask(f"{place}", bundle, limit, random.randint(1, 9)))
    offers = [
        offer(f"{place}", place % 3, 40, CREDIT if tied else random.randint(0, CREDIT)) for place in range(30)
    ]
    problem = market(requests, offers, 3)
    result = clear(problem)
    assert result.solver.startswith("HiGHS")
    check(problem, result)
    value = sum(Fraction(r.max_payment * n, UNIT) for r, n in zip(requests, result.served, strict=True))
    cost = sum(Fraction(o.ask * n, UNIT) for o, n in zip(offers, result.sold, strict=True))
    assert abs(value - cost - result.surplus) < 100
    moved = clear(BundleProblem(tuple(reversed(requests)), tuple(reversed(offers)), problem.grains))
    assert (moved.prices, moved.served[::-1]) == (result.prices, result.served)


@given(markets(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_the_order_of_requests_and_offers_makes_no_difference(problem, random):
    requests, offers = list(problem.requests), list(problem.offers)
    random.shuffle(requests)
    random.shuffle(offers)
    one, other = clear(problem), clear(BundleProblem(tuple(requests), tuple(offers), problem.grains))
    assert (one.prices, one.surplus) == (other.prices, other.surplus)
    for name in ("served", "taken", "payments", "reasons"):
        assert by_key(problem.requests, getattr(one, name)) == by_key(requests, getattr(other, name))
    for name in ("sold", "receipts"):
        assert by_key(problem.offers, getattr(one, name)) == by_key(offers, getattr(other, name))


def by_key(entries, values):
    return {each.key: value for each, value in zip(entries, values, strict=True)}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5)), max_size=6),
    st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9)), max_size=6),
)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_with_one_resource_it_is_the_call_market(wanted, offered):
    # Even limits and asks, so that the midpoint needs no rounding.
    requests = [ask(f"b{i}", {0: 1}, 2 * limit, tasks) for i, (limit, tasks) in enumerate(wanted)]
    offers = [offer(f"o{i}", 0, quantity, 2 * price) for i, (price, quantity) in enumerate(offered)]
    result = clear(market(requests, offers, 1))
    demand = [clearing.Entry((r.key, ""), r.tasks * UNIT, r.max_payment) for r in requests]
    supply = [clearing.Entry((o.key, ""), o.quantity, o.ask) for o in offers]
    expected = clearing.clear(demand, supply)
    if expected is None:
        assert not any(result.sold)
    else:
        assert result.prices == (expected.price,)
        assert (result.served, result.sold) == (expected.demand, expected.offers)
        assert (result.payments, result.receipts) == (expected.payments, expected.receipts)
