"""Who delivers how much to whom: everybody its own quantity, no more than one story."""

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from market_core.events import BundleFill, BundlesCleared, Fill, ResourceCleared
from server.partners import MOST_FILLS, _split, partners
from tests.server.shell import NOON

D = Decimal


def fills(prefix, *rows):
    return tuple(Fill(f"{prefix}_gpu_{agent}", agent, D(quantity), D(1)) for agent, quantity in rows)


def cleared(takers, sellers):
    return ResourceCleared(NOON, "x", D(1), fills("dem", *takers), fills("off", *sellers), "clearing/1")


def test_each_side_hears_of_the_other_with_its_quantities():
    assert partners(cleared([("a", 3), ("b", 4)], [("s", 5), ("t", 2)])) == {
        "dem_gpu_a": "from s 3",
        "dem_gpu_b": "from s 2, t 2",
        "off_gpu_s": "to a 3, b 2",
        "off_gpu_t": "to b 2",
    }


def test_of_a_large_clearing_nobody_is_told_partners():
    many = [(f"a{n}", 1) for n in range(MOST_FILLS)]
    assert partners(cleared(many, [("s", MOST_FILLS)])) == {}
    told = partners(cleared(many[1:], [("s", MOST_FILLS - 1)]))
    assert told["off_gpu_s"].endswith(" and 179 more")


def test_bundles_hear_of_each_resource():
    event = BundlesCleared(
        NOON,
        "x",
        ("cpu", "gpu"),
        "efficient",
        "vcg",
        {},
        (BundleFill("bun_cpu_a", "a", D(1), {"cpu": D(2), "gpu": D(1)}, D(1)),),
        (Fill("off_cpu_s", "s", D(2), D(1)), Fill("off_gpu_t", "t", D(1), D(0))),
        (),
        D(1),
        "bundles/1",
    )
    assert partners(event) == {
        "bun_cpu_a": "cpu from s 2; gpu from t 1",
        "off_cpu_s": "to a 2",
        "off_gpu_t": "to a 1",
    }


amounts = st.lists(st.integers(1, 5).map(D), max_size=5)


@given(amounts, amounts)
def test_the_split_adds_up_on_both_sides(wanted, offered):
    takers = [(f"d{n}", f"a{n}", amount) for n, amount in enumerate(wanted)]
    sellers = [(f"o{n}", f"s{n}", amount) for n, amount in enumerate(offered)]
    got, sold = Counter(), Counter()
    for taker, seller, quantity in _split(takers, sellers):
        assert quantity > 0
        got[taker] += quantity
        sold[seller] += quantity
    assert all(got[part] <= part[2] for part in takers)
    assert all(sold[part] <= part[2] for part in sellers)
    assert sum(got.values()) == sum(sold.values()) == min(sum(wanted), sum(offered))
