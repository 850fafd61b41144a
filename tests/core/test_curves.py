"""A book as curves: how much at which price, and nobody's own limit."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.curves import Step, curve, mean_limit
from market_core.observation import PolicySeen
from tests.core.world import World

D = Decimal


def book(demand=(), offers=()):
    world = World()
    for agent, quantity, limit in demand:
        world.request(agent, quantity, limit)
    for agent, quantity, ask in offers:
        world.offer(agent, quantity, ask)
    return world


def demand_of(world):
    return list(world.book().demand.values())


def test_a_curve_goes_down_in_steps_of_three_owners_and_two_digits():
    world = book([(f"a{n}", 10, 100 - 7 * n) for n in range(9)])
    # 100, 93, 86 | 79, 72, 65 | 58, 51, 44
    assert curve(demand_of(world)) == (Step(D(30), D(93)), Step(D(60), D(72)), Step(D(90), D(51)))
    assert mean_limit(demand_of(world)) == D(72)


def test_offers_go_up_and_the_rest_joins_the_last_step():
    world = book(offers=[(f"s{n}", 1, n) for n in range(1, 6)])
    assert curve(list(world.book().offers.values())) == (Step(D(5), D(3)),)


def test_no_step_is_one_owners_however_much_it_asks_for():
    world = book([("whale/x", 1000, "7.77"), ("whale/y", 500, "7.77"), ("b", 1, 5), ("c", 1, 3)])
    # Each owner counts once: (7.77 + 5 + 3) / 3 = 5.26
    assert curve(demand_of(world)) == (Step(D(1502), D("5.3")),)
    assert curve(demand_of(book([("whale/x", 1, 7), ("whale/y", 1, 7), ("b", 1, 5)]))) == ()


def test_demand_at_any_price_is_in_no_curve():
    assert curve(demand_of(book([(name, 5, None) for name in "abcd"]))) == ()
    assert mean_limit([]) is None


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(1, 50), st.integers(1, 10**6)), max_size=40)
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_curve_has_few_steps_that_fall_and_sum_to_what_has_a_limit(rows):
    entries = demand_of(book(rows)) if rows else []
    steps = curve(entries)
    assert len(steps) <= 10
    if steps:
        assert steps[-1].quantity == sum(entry.left for entry in entries)
        assert [step.quantity for step in steps] == sorted({step.quantity for step in steps})
    owners = len({entry.agent for entry in entries})
    assert bool(steps) == (owners >= 3)
    assert all(len(str(int(step.unit_price)).rstrip("0")) <= 2 for step in steps if step.unit_price >= 10)


def test_a_look_shows_what_each_policy_would_make_of_the_book():
    world = book([("a", 4, 9), ("b", 4, 6), ("c", 4, 5)], [(name, 2, 3) for name in "xyz"])
    seen = world.see_book()
    assert seen.previews == (
        PolicySeen("efficient", D(6), D(6)),
        PolicySeen("fair", D(6), D(3)),
        PolicySeen("priority", D(6), D(3)),
    )
    assert (seen.tradable, seen.price_now) == (D(6), D(6))
    assert book([("a", 4, 9)], [("x", 2, 3)]).see_book().previews == ()
