"""Fair shares of several resources with prices: worked cases, and the mechanism of one resource as a twin."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms import fair_share, fair_share_priced
from market_core.mechanisms.bundles_problem import Offer
from market_core.mechanisms.clearing import Entry
from market_core.mechanisms.fair_share_bundles import Bundle
from market_core.mechanisms.fair_share_priced import share_priced
from market_core.mechanisms.procurement import TooLarge

M = 1_000_000


def task(name, *amounts, tasks=1, **more):
    return Bundle((name, "1"), name, tuple(amount * M for amount in amounts), tasks, **more)


def offer(key, resource, quantity, ask):
    return Offer(key, resource, quantity * M, ask * M)


def test_only_the_scarce_resource_gets_dearer():
    # gpu: 2 at 1, 9 at 4; memory: 9 at 1. Four tasks want 4 gpus: the gpu rises to 4, memory stays.
    demand = [task("a", 1, 1, tasks=2), task("b", 1, 1, tasks=2)]
    offers = [offer("p", 0, 2, 1), offer("q", 0, 9, 4), offer("r", 1, 9, 1)]
    made = share_priced(demand, [None, None], offers, (1, 1), "fair", "divisible")
    assert made.prices == (4 * M, M)
    assert (made.payments, made.sold, made.receipts) == (
        (10 * M, 10 * M),
        (2 * M, 2 * M, 4 * M),
        (8 * M, 8 * M, 4 * M),
    )


def test_a_price_does_not_rise_beyond_everybody_who_wants_it():
    demand = [task("a", 1, 0, tasks=5), task("b", 0, 1, tasks=5)]
    offers = [offer("p", 0, 2, 1), offer("q", 0, 9, 4), offer("r", 1, 9, 1)]
    made = share_priced(demand, [3 * M, 3 * M], offers, (1, 1), "fair", "divisible")
    assert (made.prices, made.tasks, made.reasons) == ((M, M), (2 * M, 5 * M), ("rationed", ""))


def test_where_two_prices_together_would_leave_nobody_the_first_rises_alone():
    demand = [task("a", 1, 1, tasks=4)]
    offers = [offer(f"{r}{ask}", r, 1 if ask == 1 else 9, ask) for r in (0, 1) for ask in (1, 2)]
    made = share_priced(demand, [3 * M], offers, (1, 1), "fair", "divisible")
    assert (made.prices, made.tasks) == ((2 * M, M), (M,))


def test_who_needs_what_nobody_offers_is_told_so():
    demand = [task("a", 1, 1), task("b", 1, 0)]
    made = share_priced(demand, [None, None], [offer("p", 0, 9, 0)], (1, 1), "fair", "whole")
    assert (made.reasons, made.prices) == (("no_supply", ""), (0, None))


def test_nothing_trades_where_no_limit_reaches_the_lowest_asks():
    assert share_priced([task("a", 1)], [M], [offer("p", 0, 9, 2)], (1,), "fair", "whole") is None
    assert share_priced([task("a", 4)], [None], [offer("p", 0, 3, 0)], (1,), "fair", "whole") is None


def test_too_many_asks_are_refused(monkeypatch):
    monkeypatch.setattr(fair_share_priced, "MOST_STEPS", 3)
    offers = [offer(str(ask), 0, 1, ask) for ask in range(4)]
    with pytest.raises(TooLarge):
        share_priced([task("a", 1)], [None], offers, (1,), "fair", "divisible")


prices = st.integers(0, 4)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.none() | prices), min_size=1, max_size=5
    ),
    st.lists(st.tuples(st.integers(1, 9), prices), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from(["fair", "priority"]),
)
def test_one_resource_is_priced_and_shared_as_by_itself(asked, offered, whole, policy):
    grain = M if whole else 1
    members = [
        fair_share.Member((owner, str(place)), owner, quantity * M, None if limit is None else limit * M)
        for place, (owner, quantity, limit) in enumerate(asked)
    ]
    entries = [Entry(("s", str(place)), q * M, ask * M) for place, (q, ask) in enumerate(offered)]
    alone = fair_share.share(members, entries, policy, grain)
    demand = [Bundle(m.key, m.owner, (M,), m.quantity // M) for m in members]
    offers = [Offer(str(place), 0, q * M, ask * M) for place, (q, ask) in enumerate(offered)]
    made = share_priced(
        demand, [m.limit for m in members], offers, (grain,), policy, "whole" if whole else "divisible"
    )
    assert (made is None) == (alone is None)
    if made is None:
        return
    assert made.prices == (alone.price,)
    assert sum(made.payments) == sum(made.receipts)
    by_owner, twin = {}, {}
    for place, member in enumerate(members):
        by_owner[member.owner] = by_owner.get(member.owner, 0) + made.amounts[place][0]
        twin[member.owner] = twin.get(member.owner, 0) + alone.demand[place]
    # A divisible filling leaves up to a micro-unit for each demand, a whole one gives a unit to another.
    most = M if whole else len(asked)
    assert all(abs(by_owner[owner] - twin[owner]) <= most for owner in twin)
