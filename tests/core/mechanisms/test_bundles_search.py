"""The search for the best plan, whichever way it goes: the core first or not, ties one by one or by aims."""

from functools import cache
from hashlib import sha256
from itertools import product
from random import Random

import pytest

from market_core.mechanisms import bundles_search
from market_core.mechanisms.bundles_part import Part, Supply, Want

SEEDS = range(40)


@cache
def market(seed):
    """Return ten wants of whole amounts and coarse worths, so that many plans nearly tie and some do."""
    random = Random(seed)
    wants = []
    for place in range(10):
        amounts = tuple(random.choice([0, 1, 2, 5, 9]) for _ in range(2))
        amounts = amounts if any(amounts) else (1, 1)
        key = sha256(f"{seed} {place}".encode()).hexdigest()
        most = 1 if seed % 2 else random.choice([1, 1, 2])
        wants.append(Want(place, f"{place}", key, amounts, sum(amounts) * 5 + random.randint(-3, 3), most))
    supplies = tuple(
        Supply([(random.randint(6, 14), 1), (random.randint(2, 6), 3), (4, 5)]) for _ in range(2)
    )
    return Part(tuple(sorted(wants, key=lambda want: want.key)), supplies)


@cache
def expected(seed):
    """Return the best plan of all."""
    part = market(seed)
    counts = product(*(range(want.most + 1) for want in part.wants))
    plans = ({w.position: n for w, n in zip(part.wants, each, strict=True) if n} for each in counts)
    allowed = [plan for plan in plans if part.allows(plan)]
    most = max(map(part.value, allowed))
    best = [plan for plan in allowed if part.value(plan) == most]
    return min(best, key=part.tie_order), len(best)


@pytest.mark.parametrize(
    ("core", "many", "few"),
    [(30, 100, 4), (2, 100, 4), (2, 100, 0), (2, 0, 0)],
    ids=["no core", "a small core", "ties by aims", "no proof ahead"],
)
def test_every_way_leads_to_the_brute_force_plan(monkeypatch, core, many, few):
    monkeypatch.setattr(bundles_search, "CORE", core)
    monkeypatch.setattr(bundles_search, "MANY", many)
    monkeypatch.setattr(bundles_search, "FEW", few)
    for seed in SEEDS:
        found = bundles_search.best(market(seed), None)
        assert (found.plan, found.gap, found.settled) == (expected(seed)[0], 0, True)


def test_some_of_these_markets_tie_and_some_do_not():
    ties = [expected(seed)[1] for seed in SEEDS]
    assert ties.count(1) > 5
    assert max(ties) > 3


def test_a_core_alone_may_miss_the_best_plan(monkeypatch):
    monkeypatch.setattr(bundles_search, "CORE", 2)
    missed = 0
    for seed in SEEDS:
        piece, *_ = bundles_search.pieces(market(seed), by_owner=False)
        search = bundles_search._Search(piece, None)
        plan = search._improved({})
        assert piece.value({}) <= piece.value(plan) <= market(seed).value(expected(seed)[0])
        missed += market(seed).value(plan) < market(seed).value(expected(seed)[0])
    assert 0 < missed < len(SEEDS)
