"""The instances of the benchmarks: the same everywhere, whole, and of the geometry that they are named after."""

import doctest
import hashlib
import json
import random
import sys
from collections import Counter, defaultdict
from fractions import Fraction
from importlib import import_module
from itertools import chain, combinations, pairwise, permutations
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# The benchmarks are scripts, which find one another by plain names.
sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))
dice = import_module("dice")
generators = import_module("generators")
network = import_module("network")
Dice, GENERATORS = dice.Dice, generators.GENERATORS

every_distribution = pytest.mark.parametrize("name", GENERATORS)
WHOLE_BIDDER = {"regions": 6, "arbitrary": 6, "matching": 10, "scheduling": 8, "paths": 5, "l4": 1}
SIZES = [(8, 1), (9, 30), (16, 40), (50, 100)]


def offered(name, seed=1, lots=64, bids=250):
    """The bids of an instance without those that only cover, by bidder: {lots: cost}."""
    by_bidder = defaultdict(dict)
    for bidder, bundle, cost in getattr(generators, name)(seed, lots, bids, cover=False).bids:
        by_bidder[bidder][bundle] = cost
    return list(by_bidder.values())


def bundles(name, **sizes):
    return [bundle for offers in offered(name, **sizes) for bundle in offers]


# The same everywhere


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("regions", "be288a487e6cd3b2"),
        ("arbitrary", "25d31ea1046aa170"),
        ("matching", "5fe66d3a081008b2"),
        ("scheduling", "0d74391741926832"),
        ("paths", "a50992704fd02a29"),
        ("l4", "fab3510ae19e9daf"),
    ],
)
def test_a_seed_gives_the_instance_that_it_always_gave(name, digest):
    instance = GENERATORS[name](7, 16, 20)
    bids = [[bidder, sorted(bundle), cost] for bidder, bundle, cost in instance.bids]
    content = json.dumps([instance.name, instance.lots, bids], separators=(",", ":"))
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest
    assert GENERATORS[name](7, 16, 20) == instance
    assert GENERATORS[name](8, 16, 20).bids != instance.bids


@every_distribution
def test_all_chance_comes_from_the_one_sequence_that_is_promised_not_to_change(name, monkeypatch):
    as_always = GENERATORS[name](3, 16, 20)
    only_random = SimpleNamespace(Random=lambda seed: SimpleNamespace(random=random.Random(seed).random))
    monkeypatch.setattr(dice, "random", only_random)
    assert GENERATORS[name](3, 16, 20) == as_always


def test_no_draw_leaves_its_range_even_at_the_end_of_the_sequence(monkeypatch):
    for drawn in (0.0, 1 - 2**-53):
        last = SimpleNamespace(Random=lambda seed, drawn=drawn: SimpleNamespace(random=lambda: drawn))
        monkeypatch.setattr(dice, "random", last)
        end = bool(drawn)
        assert [Dice(1).below(n) for n in (1, 3, 10**15 + 1)] == [end * (n - 1) for n in (1, 3, 10**15 + 1)]
        assert Dice(1).between(3, 9) == (9 if end else 3)
        assert Dice(1).weighted([0, 2, 0, 3, 0]) == (3 if end else 1)
        assert Dice(1).some([5, 6, 7], 2) == ([7, 6] if end else [5, 6])
        assert Dice(1).run(90, 4) == (1 if end else 4)
        assert Dice(1).spread(1_000) == (1_500 if end else 500)


# Whole


@every_distribution
@pytest.mark.parametrize(("lots", "bids"), SIZES)
def test_an_instance_has_the_bids_asked_for_from_whole_bidders_then_one_for_each_lot(name, lots, bids):
    instance = GENERATORS[name](2, lots, bids)
    own, covering = instance.bids[:-lots], instance.bids[-lots:]
    assert instance.lots == lots
    assert bids <= len(own) < bids + WHOLE_BIDDER[name]
    assert [bundle for _, bundle, _ in covering] == [frozenset({lot}) for lot in range(lots)]
    bidders = [bidder for bidder, _, _ in own]
    assert list(dict.fromkeys(bidders)) == list(range(max(bidders) + 1))
    assert [bidder for bidder, _, _ in covering] == list(range(max(bidders) + 1, max(bidders) + 1 + lots))
    assert max(Counter(bidders).values()) <= WHOLE_BIDDER[name]


@every_distribution
@pytest.mark.parametrize(("lots", "bids"), SIZES)
def test_every_bid_is_for_some_of_the_lots_at_a_whole_positive_cost(name, lots, bids):
    instance = GENERATORS[name](3, lots, bids)
    for bidder, bundle, cost in instance.bids:
        assert (type(bidder), type(bundle), type(cost)) == (int, frozenset, int)
        assert bundle
        assert bundle <= set(range(lots))
        assert 0 < cost < 10**12
    assert len({(bidder, bundle) for bidder, bundle, _ in instance.bids}) == len(instance.bids)


@every_distribution
def test_covering_bids_are_dear_and_can_be_left_out(name):
    instance = GENERATORS[name](4, 32, 100)
    plain = getattr(generators, "decay" if name == "l4" else name)(4, 32, 100, cover=False)
    assert plain.bids == instance.bids[:-32]
    average = Fraction(sum(c for *_, c in plain.bids), sum(len(bundle) for _, bundle, _ in plain.bids))
    covering = [cost for *_, cost in instance.bids[-32:]]
    assert all(2 * average - 3 <= cost <= 3 * average for cost in covering)
    assert len(set(covering)) > 16


@every_distribution
@pytest.mark.parametrize(("lots", "bids"), [(0, 5), (-1, 5), (8, 0)])
def test_an_instance_of_nothing_is_refused(name, lots, bids):
    with pytest.raises(ValueError, match="at least"):
        GENERATORS[name](1, lots, bids)


@pytest.mark.parametrize("name", ["regions", "arbitrary", "scheduling", "paths", "l4"])
@pytest.mark.parametrize("lots", [1, 2, 3, 4, 5, 6, 7])
def test_few_lots_are_enough(name, lots):
    assert len(GENERATORS[name](1, lots, 4).bids) >= 4 + lots


def test_a_flight_needs_two_slots_at_each_airport():
    assert len(GENERATORS["matching"](1, 8, 4).bids) >= 12
    with pytest.raises(ValueError, match="matching needs at least 8 lots, not 7"):
        GENERATORS["matching"](1, 7, 4)


# Costs: bundles have economies of scope


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.integers(0, 1_000), min_size=45, max_size=45),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_set_up_for_two_bundles_never_costs_more_than_one_for_each(size, other, drawn):
    ties = dict(zip(combinations(range(10), 2), drawn, strict=True))

    def cost(lots):
        return generators.setup(len(lots), sum(ties[pair] for pair in combinations(lots, 2)))

    one, two = range(size), range(size, size + other)
    assert max(cost(one), 0) <= generators._SETUP * size
    assert cost([*one, *two]) <= cost(one) + cost(two)


@pytest.mark.parametrize("name", ["regions", "arbitrary", "scheduling", "paths"])
def test_a_lot_costs_less_in_a_large_bundle_than_alone(name):
    per_lot = defaultdict(list)
    for seed in range(4):
        for offers in offered(name, seed=seed):
            for bundle, cost in offers.items():
                per_lot[len(bundle) >= 5].append(Fraction(cost, len(bundle)))
    small, large = (sum(per_lot[is_large]) / len(per_lot[is_large]) for is_large in (False, True))
    assert large < small * Fraction(95, 100)


@pytest.mark.parametrize("name", ["regions", "arbitrary"])
def test_substitutes_are_as_large_start_within_the_first_and_cost_at_most_half_as_much_again(name):
    several = 0
    for offers in offered(name):
        (first, cost), *others = offers.items()
        several += bool(others)
        assert all(len(bundle) == len(first) for bundle, _ in others)
        assert all(2 * other <= 3 * cost for _, other in others)
        assert all(bundle & first for bundle, _ in others)
    assert several > 20


# Regions


def king(one, other, columns):
    """Are two plots neighbours, counting diagonals? Told from their rows and columns."""
    (row, column), (down, across) = divmod(one, columns), divmod(other, columns)
    return one != other and abs(row - down) <= 1 and abs(column - across) <= 1


@pytest.mark.parametrize(("lots", "columns"), [(1, 1), (2, 2), (7, 4), (9, 3), (16, 4), (30, 6), (64, 8)])
def test_tied_regions_are_neighbours_on_the_grid(lots, columns):
    ties = generators.grid(Dice(5), lots)
    for one, other in combinations(range(lots), 2):
        assert ties[one][other] == ties[other][one]
        straight = (other - one == 1 and other % columns) or other - one == columns
        if straight:
            assert ties[one][other] == 1_000
        elif not king(one, other, columns):
            assert not ties[one][other]
    assert not any(ties[lot][lot] for lot in range(lots))


def test_some_diagonal_neighbours_are_tied():
    ties = generators.grid(Dice(5), 400)
    diagonal = [
        ties[a][b] > 0 for a, b in combinations(range(400), 2) if king(a, b, 20) and b - a not in {1, 20}
    ]
    assert len(diagonal) == 2 * 19 * 19
    assert 0.15 < sum(diagonal) / len(diagonal) < 0.25


def pieces(bundle, beside):
    """Return into how many connected pieces a bundle falls."""
    left, count = set(bundle), 0
    while left:
        count += 1
        reached = [left.pop()]
        for lot in reached:
            near = {other for other in left if beside(lot, other)}
            left -= near
            reached += sorted(near)
    return count


def test_a_region_is_connected_where_nothing_jumps():
    drawn = Dice(6)
    ties = generators.grid(drawn, 49)
    for size in range(1, 50):
        bundle = generators._spread(drawn, ties, [1] * 49, size - 1, size, 0)
        assert len(bundle) == size
        assert size - 1 in bundle
        assert pieces(bundle, lambda one, other: king(one, other, 7)) == 1


def test_regions_are_mostly_in_one_piece_and_now_and_then_in_more():
    found = [pieces(bundle, lambda one, other: king(one, other, 8)) for bundle in bundles("regions")]
    steps = sum(len(bundle) - 1 for bundle in bundles("regions"))
    assert 0.01 < sum(count - 1 for count in found) / steps < 0.05
    assert found.count(1) > len(found) / 2


# Arbitrary


def test_arbitrary_bundles_gather_lots_that_are_tied_more_than_others():
    drawn = Dice(1)  # the ties come first
    ties = {pair: drawn.below(1_001) for pair in combinations(range(64), 2)}
    few = [bundle for bundle in bundles("arbitrary") if len(bundle) < 5]
    within = [ties[pair] for bundle in few for pair in combinations(sorted(bundle), 2)]
    assert sum(within) / len(within) > 1.15 * sum(ties.values()) / len(ties)


# Matching


def test_a_flight_takes_off_at_one_airport_and_lands_later_at_another():
    routes = set()
    for offers in offered("matching", bids=1_000):
        legs = set()
        for bundle in offers:
            (off, leave), (on, reach) = sorted(divmod(lot, 4) for lot in bundle)  # two slots, and no more
            assert off < on
            legs.add((leave, reach))
        assert len(legs) == 1  # a bidder's bids are for one flight
        routes |= legs
    assert routes == set(generators._MILES) | {(b, a) for a, b in generators._MILES}


def test_what_is_near_the_plan_of_a_flight_costs_least():
    full = 0
    for offers in offered("matching", lots=100, bids=400):
        slots = {tuple(sorted(lot // 4 for lot in bundle)): cost for bundle, cost in offers.items()}
        planned, lands = min(slots, key=slots.get)
        flight = lands - planned
        full += len(slots) == 10
        plain = slots[planned, lands]
        for (off, on), cost in slots.items():
            assert on - off >= flight
            assert planned - 1 <= off <= planned + 2
            assert lands - 1 <= on <= lands + 2
            per_cent = 100 + 10 * abs(off - planned) + 25 * max(0, on - lands)
            assert abs(cost - Fraction(plain * per_cent, 100)) < 1
    assert full > 20


# Scheduling


def test_a_shift_is_of_consecutive_slots_and_a_later_deadline_costs_more():
    later = 0
    for offers in offered("scheduling"):
        shifts = sorted((sorted(bundle), cost) for bundle, cost in offers.items())
        (length,) = {len(slots) for slots, _ in shifts}
        assert 1 <= length <= 10
        for slots, _ in shifts:
            assert slots == list(range(slots[0], slots[0] + length))
        costs = [cost for _, cost in shifts]
        assert costs == sorted(costs)
        later += costs[-1] > costs[0]
        assert costs[-1] < 2 * costs[0]
    assert later > 20


# Paths


def roads(seed, lots, places):
    """The network that an instance of paths begins with."""
    where, links = network.cities(Dice(seed), places, lots)
    return where, dict(enumerate(links))


def test_a_path_is_a_way_from_one_city_to_another_and_substitutes_have_the_same_ends():
    where, links = roads(1, 64, 32)
    several = 0
    for offers in offered("paths"):
        ends = set()
        several += len(offers) > 1
        for bundle in offers:
            steps = [links[lot] for lot in bundle]
            degrees = Counter(chain.from_iterable(steps))
            tips = sorted(city for city, degree in degrees.items() if degree == 1)
            assert len(tips) == 2
            assert set(degrees.values()) <= {1, 2}
            assert pieces(bundle, lambda a, b: bool(set(links[a]) & set(links[b]))) == 1
            length = sum(network.distance(where, *step) for step in steps)
            assert 2 * length <= 3 * network.distance(where, *tips)
            ends.add(tuple(tips))
        assert len(ends) == 1
    assert several > 20


@pytest.mark.parametrize(("links", "count"), [(1, 2), (2, 3), (3, 3), (6, 4), (9, 5), (40, 20), (64, 32)])
def test_a_network_has_exactly_the_links_asked_for_and_short_ones(links, count):
    where, made = network.cities(Dice(links), count, links)
    assert len(where) == count
    assert len(set(made)) == links
    assert made == sorted(made)
    assert all(0 <= one < other < count for one, other in made)
    lengths = [network.distance(where, *pair) for pair in combinations(range(count), 2)]
    if links == 64:
        linked = [network.distance(where, *pair) for pair in made]
        assert sum(linked) / len(linked) < sum(lengths) / len(lengths) / 2
        assert pieces(range(count), lambda one, other: network.link(one, other) in set(made)) == 1


@given(
    st.dictionaries(st.sampled_from(list(combinations(range(6), 2))), st.integers(1, 9)),
    st.integers(1, 8),
    st.none() | st.integers(0, 25),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_routes_are_the_shortest_ways_that_there_are(lengths, most, reach):
    both = lengths | {(b, a): length for (a, b), length in lengths.items()}
    ways = []
    for between in chain.from_iterable(permutations((1, 2, 3, 4), n) for n in range(5)):
        way = (0, *between, 5)
        if all(step in both for step in pairwise(way)):
            ways.append((sum(both[step] for step in pairwise(way)), way))
    within = sorted(way for way in ways if reach is None or way[0] <= reach)
    assert network.routes(6, lengths, 0, 5, most, reach) == [way for _, way in within[:most]]


# L4


def test_bundles_of_l4_stop_growing_with_the_odds_of_the_coin_and_cost_at_most_a_credit_a_lot():
    bids = generators.decay(1, 200, 4_000, cover=False).bids
    assert [bidder for bidder, _, _ in bids] == list(range(4_000))
    assert all(cost <= 1_000_000 * len(bundle) for _, bundle, cost in bids)
    alone = sum(len(bundle) == 1 for _, bundle, _ in bids) / 4_000
    assert 0.43 < alone < 0.47  # 1 - 0.55
    assert 2.15 < sum(len(bundle) for _, bundle, _ in bids) / 4_000 < 2.30  # 1 / 0.45
    shares = sum(Fraction(cost, 1_000_000 * len(bundle)) for _, bundle, cost in bids) / 4_000
    assert Fraction(48, 100) < shares < Fraction(52, 100)


@pytest.mark.parametrize("module", [dice, generators, network], ids=lambda module: module.__name__)
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0
