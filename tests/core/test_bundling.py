"""Demand for several resources together: posted in the book of each, served from the offers, or left out and told why."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from market_core import Code, DemandAggregator, Rejection
from market_core.canonical import digest
from market_core.commands import (
    AggregateDemand,
    DeclareResource,
    Grant,
    OfferResources,
    RequestBundle,
    Withdraw,
)
from market_core.events import BundlesCleared
from market_core.facts import Facts
from market_core.handle import handle
from tests.core.world import NOON, World, later, replayed

D = Decimal
BOTH = ("gpu", "memory")


def ask(world, agent, gpu=0, memory=0, pays=None, **more):
    """Post demand for a bundle; return its id."""
    bundle = {name: amount for name, amount in (("gpu", gpu), ("memory", memory)) if amount}
    command = RequestBundle(agent=agent, bundle=bundle, max_payment=pays, **more)
    return next(iter(world.do(command).events.values()))[0].bundle_id


def aggregate(*resources, **how):
    return AggregateDemand(agent="anyone", resources=resources or BOTH, via="bundles", **how)


def cleared(world, *resources, **how) -> BundlesCleared:
    """Clear, and see that the same stands in the book of each resource."""
    events = world.do(aggregate(*resources, **how)).events
    made = [event for (event,) in events.values()]
    assert made.count(made[0]) == len(made) == len(set(resources or BOTH))
    return made[0]


def cleared_or_refused(world, policy, rule):
    try:
        return cleared(world, policy=policy, payment_rule=rule)
    except Rejection as refused:
        if refused.code not in (Code.NOTHING_TO_CLEAR, Code.CLEARING_RULE_DOES_NOT_FIT):
            raise
        return None


def paid(event):
    return {fill.agent: fill.payment for fill in event.allocations}


def got(event):
    return {fill.agent: dict(fill.quantities) for fill in event.allocations}


def sold(event):
    return {fill.entry_id.split("_")[1]: (fill.quantity, fill.payment) for fill in event.suppliers}


def whys(event):
    return {row.agent: row.reason for row in event.left_out}


def scarce(world):
    """One gpu and one memory: ann wants both, bea and cem one each."""
    world.offer("s", 1, 0, "gpu")
    world.offer("t", 1, 0, "memory")
    ask(world, "ann", 1, 1, 10)
    ask(world, "bea", 1, 0, 4)
    ask(world, "cem", 0, 1, 5)


def test_the_bundle_that_is_worth_more_is_served_and_pays_what_the_rule_says():
    # ann is worth 10, bea and cem together 9: that is what ann displaces, and all that others could offer.
    for rule, payment in (("pay_as_bid", 10), ("vcg", 9), ("core", 9)):
        world = World()
        scarce(world)
        event = cleared(world, payment_rule=rule)
        assert paid(event) == {"ann": D(payment)}
        assert got(event) == {"ann": {"gpu": D(1), "memory": D(1)}}
        assert whys(event) == {"bea": "lost", "cem": "lost"}
        assert (event.total, event.prices, event.proof.status) == (D(payment), {}, "optimal")
        assert sum(payment for _, payment in sold(event).values()) == payment
        assert event.allocations[0].saving == D(10) - payment
        assert set(world.book("gpu").bundles) != set(world.book("memory").bundles)
        assert [d.agent for d in world.book("gpu").bundles.values()] == ["bea"]
        assert not world.book("gpu").offers


def test_by_default_the_true_limit_is_the_best_one():
    world = World()
    scarce(world)
    assert cleared(world).payment_rule == "vcg"


def test_no_name_comes_first_where_tasks_are_shared():
    # One whole machine for three: the ids decide, not the names.
    for salt in ("", "x"):
        for names in (("a", "b", "c"), ("c", "b", "a")):
            world = World(salt=salt)
            world.offer("s", 1, 0, "gpu")
            for agent in names:
                ask(world, agent, 1)
            (winner,) = got(cleared(world, "gpu", policy="fair"))
            assert winner == names[_least(3)]


def _least(count):
    """Return the place of the id that comes first by its digest."""
    keys = [digest(f"bun_gpu_t{place + 2}", "True") for place in range(count)]
    return keys.index(min(keys))


def test_small_bundles_are_served_before_one_that_takes_all():
    world = World()
    world.offer("s", 8, 0, "gpu")
    ask(world, "aaa", 8)
    ask(world, "bea", 4)
    ask(world, "cem", 2)
    event = cleared(world, "gpu", policy="fair")
    assert set(got(event)) == {"bea", "cem"}
    assert whys(event) == {"aaa": "rationed"}


def test_tasks_that_divide_clear_at_one_price_for_each_resource():
    # 8 gpus for 10 tasks of 1 gpu and 2 memory, worth 9 each: the gpu is scarce, memory is not.
    world = World()
    world.offer("s", 8, 1, "gpu")
    world.offer("t", 100, 2, "memory")
    ask(world, "ann", 1, 2, 9, per_task=True, tasks=10)
    event = cleared(world)
    assert (event.payment_rule, event.prices) == ("uniform", {"gpu": D(5), "memory": D(2)})
    (fill,) = event.allocations
    assert (fill.tasks, fill.payment, fill.reason) == (D(8), D(72), "rationed")
    assert sold(event) == {"gpu": (D(8), D(40)), "memory": (D(16), D(32))}
    (rest,) = world.book("gpu").bundles.values()
    assert rest.left == 2_000_000
    assert world.book("memory").bundles[rest.bundle_id] == rest


def test_part_of_a_task_is_served_where_resources_divide_and_the_rest_later():
    world = World()
    world.offer("s", "2.5", 1, "gpu")
    ask(world, "ann", 1, 0, 3, per_task=True, tasks=4)
    assert [fill.tasks for fill in cleared(world, "gpu").allocations] == [D("2.5")]
    world.offer("s", 9, 1, "gpu")
    (fill,) = cleared(world, "gpu").allocations
    assert (fill.tasks, fill.quantities, fill.payment, fill.reason) == (
        D("1.5"),
        {"gpu": D("1.5")},
        D("1.5"),
        "",
    )
    assert not world.book().bundles
    assert world.book().ended["bun_gpu_t2"].status == "filled"


def test_fair_is_dominant_resource_fairness_at_the_asks():
    # Ghodsi et al. (2011): 9 cpus and 18 GB, tasks of <1, 4> and <3, 1>: 3 and 2 tasks.
    world = World()
    world.offer("s", 9, 0, "gpu")
    world.offer("t", 18, 0, "memory")
    ask(world, "a", 1, 4, per_task=True, tasks=100)
    ask(world, "b", 3, 1, per_task=True, tasks=100)
    event = cleared(world, policy="fair")
    assert {f.agent: f.tasks for f in event.allocations} == {"a": D(3), "b": D(2)}
    assert (event.total, event.policy, event.payment_rule) == (D(0), "fair", "uniform")


def test_fair_has_prices_where_offers_ask_for_them():
    world = World()
    world.offer("s", 4, 1, "gpu")
    world.offer("s2", 4, 2, "gpu")
    world.offer("t", 18, 3, "memory")
    ask(world, "a", 1, 1, 5, per_task=True, tasks=6)
    ask(world, "b", 1, 1, "4.5", per_task=True, tasks=6)  # 2 + 3 is too much for it
    ask(world, "c", 1, 1, per_task=True, tasks=6)
    event = cleared(world, policy="fair")
    assert event.prices == {"gpu": D(2), "memory": D(3)}
    assert paid(event) == {"a": D(20), "c": D(20)}
    assert whys(event) == {"b": "out_of_price"}


def test_priority_comes_first_as_the_operator_granted_it():
    world = World()
    world.do(Grant(owner="vip", priority=5))
    world.offer("s", 3, 0, "gpu")
    ask(world, "ann", 1, 0, per_task=True, tasks=3)
    ask(world, "vip", 1, 0, per_task=True, tasks=2)
    event = cleared(world, "gpu", policy="priority")
    assert {f.agent: f.tasks for f in event.allocations} == {"ann": D(1), "vip": D(2)}
    assert world.refused(RequestBundle(agent="ann", bundle={"gpu": 1}, priority=1)) == Code.ABOVE_GRANT


def test_whole_resources_are_shared_in_whole_tasks():
    world = World()
    world.do(DeclareResource(resource="gpu", whole=True))
    world.offer("s", 3, 0, "gpu")
    ask(world, "a", 1, per_task=True, tasks=5)
    ask(world, "b", 1, per_task=True, tasks=5)
    event = cleared(world, "gpu", policy="fair")
    assert sorted(f.tasks for f in event.allocations) == [D(1), D(2)]
    world.offer("s", 2, 1, "gpu")
    ask(world, "c", 2, 0, 7)
    assert world.refused(aggregate("gpu", payment_rule="uniform")) == Code.CLEARING_RULE_DOES_NOT_FIT
    assert world.refused(RequestBundle(agent="x", bundle={"gpu": "1.5"})) == Code.NOT_WHOLE
    assert got(cleared(world, "gpu")) == {"c": {"gpu": D(2)}}


def test_demand_without_a_limit_is_for_sharing_only():
    world = World()
    world.offer("s", 9, 1, "gpu")
    ask(world, "ann", 1)
    assert "max_payment" in world.refusal(aggregate("gpu")).message
    ask(world, "bea", 1, 0, 5)
    event = cleared(world, "gpu")
    assert (paid(event), whys(event)) == ({"bea": D(1)}, {"ann": "no_limit"})
    assert paid(cleared(world, "gpu", policy="fair")) == {"ann": D(1)}


def test_offers_with_a_minimum_take_no_part():
    world = World()
    world.offer("s", 9, 1, "gpu", min_quantity=5)
    ask(world, "bea", 1, 0, 5)
    assert "without a minimum" in world.refusal(aggregate("gpu")).message


def test_a_bundle_is_served_only_where_all_its_resources_are_named():
    world = World()
    world.offer("s", 9, 1, "gpu")
    ask(world, "ann", 1, 1, 9)
    refused = world.refusal(aggregate("gpu"))
    assert (refused.code, refused.facts["missing"]) == (Code.NOTHING_TO_CLEAR, ("memory",))
    assert "is too little, or asks too much" in world.refusal(aggregate()).message
    refused = world.refusal(aggregate("gpu", "disk"))
    assert (refused.code, refused.facts["missing"]) == (Code.UNKNOWN_RESOURCE, ("disk",))


def test_nobody_deals_with_itself_through_a_bundle():
    world = World()
    world.offer("acme/x", 1, 0, "memory")
    assert world.refused(RequestBundle(agent="acme", bundle={"gpu": 1, "memory": 1})) == Code.BOTH_SIDES
    mine = ask(world, "bea", 1, 1, 5)
    selling = OfferResources(agent="bea/x", resource="memory", quantity=1, unit_price=1)
    assert world.refused(selling) == Code.BOTH_SIDES
    world.withdraw("bea", mine)
    world.do(selling)


def test_a_withdrawn_bundle_is_gone_from_every_book():
    world = World()
    mine = ask(world, "ann", 1, 1, 5)
    assert mine.startswith("bun_gpu_")
    assert world.refused(Withdraw(agent="bea", id=mine)) == Code.UNKNOWN_ID
    world.withdraw("ann", mine)
    assert not world.book("gpu").bundles
    assert not world.book("memory").bundles
    assert world.book("memory").ended[mine].status == "withdrawn"
    assert world.refused(Withdraw(agent="ann", id=mine)) == Code.ENTRY_GONE


def test_a_bundle_lapses_in_every_book():
    world = World()
    mine = ask(world, "ann", 1, 1, 5, needed_by=later(60))
    world.offer("s", 9, 0, "gpu")
    world.offer("s", 9, 0, "memory")
    world.wait(60)
    assert world.refused(aggregate()) == Code.NOTHING_TO_CLEAR
    world.lapse("resource/gpu")
    assert {world.book(name).ended[mine].status for name in BOTH} == {"lapsed"}
    assert world.refused(Withdraw(agent="ann", id=mine)) == Code.ENTRY_GONE


def test_an_owner_has_a_hundred_bundles_in_a_book_at_most():
    world = World()
    for place in range(100):
        ask(world, f"acme/{place % 3}", 1)
    assert world.refused(RequestBundle(agent="acme", bundle={"gpu": 1})) == Code.TOO_MANY_ENTRIES
    ask(world, "acme", 0, 1)


def test_what_the_operator_fixed_binds_bundles_too():
    world = World()
    world.do(DeclareResource(resource="gpu", policy="fair"))
    world.offer("s", 9, 1, "gpu")
    ask(world, "ann", 1, 0, 5)
    assert world.refused(aggregate("gpu", policy="efficient")) == Code.FIXED_BY_OPERATOR
    assert world.refused(aggregate("gpu", payment_rule="vcg")) == Code.CLEARING_RULE_DOES_NOT_FIT
    assert cleared(world, "gpu").policy == "fair"
    world.do(DeclareResource(resource="gpu", payment_rule="mcafee", bundle_rule="pay_as_bid"))
    ask(world, "ann", 1, 0, 5)
    assert world.refused(aggregate("gpu", payment_rule="vcg")) == Code.FIXED_BY_OPERATOR
    assert cleared(world, "gpu").payment_rule == "pay_as_bid"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"bundle": {}}, "bundle"),
        ({"bundle": {"gpu": 0}}, "above 0"),
        ({"bundle": {"gpu": -1}}, "above 0"),
        ({"bundle": {"": 1}}, "bundle"),
        ({"bundle": {"GPU Hours": 1, "gpu-hours": 2}}, "twice"),
        ({"bundle": {"gpu": 1}, "tasks": 2}, "per_task"),
        ({"bundle": {"gpu": 1}, "tasks": 0, "per_task": True}, "tasks"),
        ({"bundle": {"gpu": 10**6}, "tasks": 10**6, "per_task": True}, "reaches"),
        ({"bundle": {"gpu": 1}, "max_payment": 0}, "max_payment"),
    ],
)
def test_bundles_that_mean_nothing_are_refused(fields, says):
    with pytest.raises(ValidationError) as refused:
        RequestBundle(agent="a", **fields)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"payment_rule": "mcafee"},
        {"payment_rule": "vcg", "policy": "fair"},
        {"closes_in": 5},
        {"sharing": "uniform"},
    ],
)
def test_aggregations_of_bundles_that_contradict_themselves_are_refused(fields):
    with pytest.raises(ValidationError):
        aggregate(**fields)


def test_a_time_that_is_over_and_a_total_beyond_all_bounds_are_refused():
    world = World()
    past = RequestBundle(agent="a", bundle={"gpu": 1}, needed_by=NOON)
    assert world.refused(past) == Code.DEADLINE_PASSED
    large = RequestBundle(agent="a", bundle={"gpu": 1}, max_payment=D(10) ** 8, per_task=True, tasks=10**6)
    assert world.refused(large) == Code.TOTAL_OUT_OF_RANGE


def test_a_book_tells_how_much_of_it_is_asked_for_in_bundles():
    world = World()
    mine = ask(world, "ann", 2, 1, 5, per_task=True, tasks=3)
    ask(world, "ann/x", 1)
    ask(world, "bea", 4, 1)
    seen = world.see_book("ann")
    assert (seen.bundled.entries, seen.bundled.owners, seen.bundled.quantity) == (3, 2, D(11))
    assert [demand.bundle_id for demand in seen.own_bundles] == [mine]
    assert seen.demand.entries == 0


def test_many_bundles_are_for_the_solver_where_one_is_asked_for():
    world = World()
    world.offer("s", 5, 1, "gpu")
    for place in range(13):
        ask(world, f"a{place}", 1, 0, place + 2)
    command = aggregate("gpu", payment_rule="vcg")
    states = {"resource/gpu": world.book()}
    with pytest.raises(Rejection) as refused:
        handle(states, command, Facts(world.now, may_solve=False))
    assert refused.value.code == Code.BUSY
    assert set(paid(cleared(world, "gpu", payment_rule="vcg")).values()) == {D(9)}


def test_a_program_asks_for_bundles_in_process():
    aggregator = DemandAggregator()
    aggregator.offer_resources("s", "GPU", 8, 1)
    mine = aggregator.request_bundle("ann", {"gpu": 2}, 9)
    event = aggregator.allocate_bundles(["gpu"], payment_rule="vcg")
    assert [(fill.bundle_id, fill.payment) for fill in event.allocations] == [(mine, D(2))]
    assert aggregator.see_resource("gpu").offers.quantity == 6


# All books

amounts = st.sampled_from([D(x) for x in ("0.5", "1", "2", "3.333333")])
whole = st.integers(1, 3).map(D)


@st.composite
def books(draw):
    """Offers of two resources, and demand for bundles of them."""
    fractions = draw(st.booleans())
    sizes = amounts if fractions else whole
    offers = draw(
        st.lists(
            st.tuples(st.sampled_from(BOTH), sizes, st.sampled_from([D(0), D(1), D("1.25"), D(3)])),
            max_size=5,
        )
    )
    demand = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["a", "a/x", "b", "c"]),
                sizes,
                st.none() | sizes,
                st.none() | st.sampled_from([D(1), D("2.5"), D(7), D(11)]),
                st.booleans(),
                st.integers(1, 3),
            ),
            min_size=1,
            max_size=5,
        )
    )
    return offers, demand


@settings(max_examples=150)
@given(
    books(),
    st.sampled_from(
        [
            ("efficient", "pay_as_bid"),
            ("efficient", "vcg"),
            ("efficient", "core"),
            ("efficient", "uniform"),
            ("fair", None),
            ("priority", None),
        ]
    ),
)
def test_what_goes_in_comes_out_and_nobody_is_worse_off(book, how):
    offers, demand = book
    world = World()
    for place, (name, quantity, price) in enumerate(offers):
        world.offer(f"s{place}", quantity, price, name)
    asked = {}
    for agent, gpu, memory, pays, per_task, tasks in demand:
        more = {"per_task": True, "tasks": tasks} if per_task else {}
        asked[ask(world, agent, gpu, memory or 0, pays, **more)] = (gpu, memory or 0, pays)
    world.do(DeclareResource(resource="memory"))
    world.do(DeclareResource(resource="gpu"))
    left = {name: {e: o.left for e, o in world.book(name).offers.items()} for name in BOTH}
    asks = {e: o.limit for name in BOTH for e, o in world.book(name).offers.items()}
    event = cleared_or_refused(world, *how)
    if event is None:
        return
    tiny = D("0.000001")
    assert sum(paid(event).values()) <= event.total == sum(f.payment for f in event.suppliers)
    assert sum(f.payment for f in event.allocations) == event.total
    flow = Counter()
    for fill in event.allocations:
        gpu, memory, pays = asked[fill.bundle_id]
        assert pays is None or fill.payment <= pays * fill.tasks + tiny
        for name, quantity in fill.quantities.items():
            flow[name] += quantity
            most = {"gpu": gpu, "memory": memory}[name] * fill.tasks
            assert most - 4 * tiny <= quantity <= most + 4 * tiny
    for fill in event.suppliers:
        flow[fill.entry_id.split("_")[1]] -= fill.quantity
        assert fill.quantity <= left[fill.entry_id.split("_")[1]][fill.entry_id]
        assert fill.payment >= asks[fill.entry_id] * fill.quantity - tiny
    assert not any(flow.values())
    for name in BOTH:
        assert replayed(world.log[f"resource/{name}"], f"resource/{name}") == world.book(name)
