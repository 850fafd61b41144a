"""The baseline of the benchmarks: plain HiGHS, against a twin that tries every choice."""

import sys
from collections import defaultdict
from importlib import import_module
from itertools import product
from pathlib import Path

import pytest

# The benchmarks are scripts, which find one another by plain names.
sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
generators = import_module("generators")
raw = import_module("raw_highs")
GENERATORS, Instance, raw_highs = generators.GENERATORS, generators.Instance, raw.raw_highs

every_distribution = pytest.mark.parametrize("name", GENERATORS)


def least_cost(instance, combine):
    """Try every choice of bids, bidder by bidder, and keep the cheapest for each set of lots covered."""
    alternatives = defaultdict(list)
    for number, (bidder, bundle, cost) in enumerate(instance.bids):
        alternatives[bidder if combine == "xor" else number].append((sum(1 << lot for lot in bundle), cost))
    cheapest = {0: 0}
    for bids in alternatives.values():
        before = list(cheapest.items())
        for (covered, spent), (lots, cost) in product(before, bids):
            reached = covered | lots
            cheapest[reached] = min(cheapest.get(reached, spent + cost), spent + cost)
    return cheapest[(1 << instance.lots) - 1]


@every_distribution
@pytest.mark.parametrize("combine", ["xor", "or"])
def test_plain_highs_finds_the_least_cost(name, combine):
    instance = GENERATORS[name](1, 10, 30)
    cost, seconds, status = raw_highs(instance, combine)
    assert (cost, status) == (least_cost(instance, combine), "Optimal")
    assert seconds > 0


@pytest.mark.parametrize("seed", [0, 10])
def test_a_difference_far_below_the_default_gap_of_highs_is_not_lost(seed):
    # With its mip_rel_gap of 1e-4 HiGHS calls dearer choices of both of these Optimal.
    plain = generators.regions(seed, 12, 40)
    dear = [(bidder, bundle, cost + 10**12 * len(bundle)) for bidder, bundle, cost in plain.bids]
    instance = Instance("near ties", 12, tuple(dear))
    assert raw_highs(instance)[0] == least_cost(instance, "xor")


def of(lots, *bids):
    return Instance(
        "by hand", lots, tuple((bidder, frozenset(bundle), cost) for bidder, bundle, cost in bids)
    )


def test_bids_of_one_bidder_are_alternatives_or_add_up():
    instance = of(2, (0, {0}, 30), (0, {1}, 30), (1, {1}, 50), (2, {0, 1}, 90))
    assert raw_highs(instance)[0] == 80
    assert raw_highs(instance, "or")[0] == 60
    with pytest.raises(ValueError, match="combine is xor or or, not and"):
        raw_highs(instance, "and")


def test_a_limit_on_the_winners_is_kept():
    instance = of(2, (0, {0}, 30), (1, {1}, 50), (2, {0, 1}, 90))
    assert raw_highs(instance, most=2)[0] == 80
    assert raw_highs(instance, most=1)[0] == 90
    with pytest.raises(ValueError, match="under or a winner is not a bid"):
        raw_highs(instance, "or", most=1)


def test_one_micro_credit_decides_among_large_costs():
    large = 10**12
    assert raw_highs(of(2, (0, {0, 1}, large + 1), (1, {0}, 1), (2, {1}, large - 1)))[0] == large
    assert raw_highs(of(2, (0, {0, 1}, large - 1), (1, {0}, 1), (2, {1}, large - 1)))[0] == large - 1


def test_an_instance_that_cannot_be_covered_is_told():
    with pytest.raises(RuntimeError, match=r"by hand: no solution \(Infeasible\)"):
        raw_highs(of(2, (0, {0}, 30)))


def test_what_highs_chose_is_checked_exactly():
    instance = of(2, (0, {0}, 30), (0, {1}, 30), (1, {1}, 50))
    assert raw._checked(instance, "xor", [0, 2]) == 80
    with pytest.raises(RuntimeError, match="uncovered"):
        raw._checked(instance, "xor", [0])
    with pytest.raises(RuntimeError, match="two bids of one bidder"):
        raw._checked(instance, "xor", [0, 1])


def test_a_limit_that_leaves_no_solution_is_told():
    with pytest.raises(RuntimeError, match=r"arbitrary 64x250 seed 1: no solution \(Time limit reached\)"):
        raw_highs(GENERATORS["arbitrary"](1, 64, 250), seconds=0)
