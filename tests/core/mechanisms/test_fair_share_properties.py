"""Fair shares of one resource against twins in exact fractions, and what holds for every share."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.clearing import Entry
from market_core.mechanisms.fair_share import Member, share
from market_core.mechanisms.fair_share_filling import max_min

M = 1_000_000
UNITS, WEIGHTS = st.integers(1, 12), st.sampled_from([1, 2, 3, 5])
POLICIES = st.sampled_from(["fair", "priority"])


@st.composite
def members(draw, most=6, priced=True, minimums=False, weights=WEIGHTS):
    """Return demands of a few owners in whole units; the weight is the owner's."""
    owned = {owner: draw(weights) * M for owner in "abcd"}
    made = []
    for number in range(draw(st.integers(1, most))):
        owner, quantity = draw(st.sampled_from("abcd")), draw(UNITS)
        made.append(
            Member(
                (owner, f"{number}"),
                owner,
                quantity * M,
                draw(st.none() | st.integers(0, 6).map(lambda limit: limit * M)) if priced else None,
                owned[owner],
                draw(st.integers(0, 2)),
                draw(st.just(0) | st.integers(1, quantity)) * M if minimums else 0,
            )
        )
    return made


@st.composite
def offers(draw):
    rows = draw(st.lists(st.tuples(UNITS, st.integers(0, 6)), max_size=4))
    return [Entry((f"s{i}", ""), units * M, ask * M) for i, (units, ask) in enumerate(rows)]


def supply(units):
    return [Entry(("s", ""), units * M, None)]


def exact_levels(amount, quantities, weights):
    """Return weighted max-min shares in fractions: grow all alike until the next one is full, again and again."""
    shares = dict.fromkeys(quantities, Fraction(0))
    left = Fraction(amount)
    growing = {o for o in quantities if quantities[o]}
    while growing and left:
        rise = min(Fraction(quantities[o] - shares[o]) / weights[o] for o in growing)
        rise = min(rise, left / sum(weights[o] for o in growing))
        for o in growing:
            shares[o] += rise * weights[o]
        left -= rise * sum(weights[o] for o in growing)
        growing = {o for o in growing if shares[o] < quantities[o]}
    return shares


def by_owner(demand, amounts):
    summed = Counter()
    for one, amount in zip(demand, amounts, strict=True):
        summed[one.owner] += amount
    return summed


def weights_of(demand):
    return {one.owner: one.weight for one in demand}


@given(members(priced=False), st.integers(1, 40), st.sampled_from([1, M]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_each_owner_is_within_one_of_its_exact_share_and_nothing_is_lost(demand, units, grain):
    made = share(demand, supply(units), "fair", grain)
    wanted = by_owner(demand, [one.quantity for one in demand])
    exact = exact_levels(units * M, wanted, weights_of(demand))
    got = by_owner(demand, made.demand)
    assert all(abs(got[o] - exact[o]) < grain for o in wanted)
    assert all(got[o] == exact[o] for o in wanted if exact[o] % grain == 0)
    assert made.traded == sum(made.demand) == min(units * M, sum(wanted.values()))
    for one, amount in zip(demand, made.demand, strict=True):  # within an owner in proportion to quantity
        assert abs(amount * wanted[one.owner] - got[one.owner] * one.quantity) < grain * wanted[one.owner]
        assert 0 <= amount <= one.quantity
        assert amount % grain == 0


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 9))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_whole_shares_of_equals_are_the_lexicographically_greatest_ascending_ones(quantities, units):
    shares = max_min(units, quantities, [1] * len(quantities), range(len(quantities)))
    total = min(units, sum(quantities))
    every = [row for row in product(*(range(q + 1) for q in quantities)) if sum(row) == total]
    assert sorted(shares) == max(sorted(row) for row in every)


@given(
    st.lists(st.tuples(st.integers(1, 10**15), st.integers(1, 10**15)), min_size=1, max_size=8),
    st.integers(0, 10**16),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_largest_quantities_and_weights_are_shared_as_exactly(rows, amount):
    quantities, weights = dict(enumerate(q for q, _ in rows)), dict(enumerate(w for _, w in rows))
    exact = exact_levels(amount, quantities, weights)
    shares = max_min(amount, [q for q, _ in rows], [w for _, w in rows], range(len(rows)))
    assert sum(shares) == min(amount, sum(quantities.values()))
    assert all(abs(one - exact[i]) < 1 for i, one in enumerate(shares))


@given(members(priced=False), st.integers(1, 40), st.sampled_from([1, M]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_nobody_does_worse_than_alone_with_its_part_and_nobody_envies(demand, units, grain):
    got = by_owner(demand, share(demand, supply(units), "fair", grain).demand)
    wanted, weights = by_owner(demand, [one.quantity for one in demand]), weights_of(demand)
    whole = sum(weights.values())
    for o in wanted:
        assert got[o] > min(wanted[o], Fraction(units * M * weights[o], whole)) - grain
        for other in wanted:  # what the other has, by the two weights, with one unit for each rounding
            envied = Fraction((got[other] - grain) * weights[o], weights[other])
            assert min(wanted[o], envied) < got[o] + grain


@given(members(priced=False), st.integers(1, 40), st.sampled_from("abcd"), UNITS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_asking_for_another_quantity_never_gets_more_of_what_is_wanted(demand, units, name, other):
    mine = [i for i, one in enumerate(demand) if one.owner == name]
    if not mine:
        return
    lying = [*demand]
    lying[mine[0]] = replace(demand[mine[0]], quantity=other * M)
    wanted = sum(demand[i].quantity for i in mine)
    honest = sum(share(demand, supply(units), "fair").demand[i] for i in mine)
    lied = sum(share(lying, supply(units), "fair").demand[i] for i in mine)
    assert min(lied, wanted) <= honest + 1


@given(members(minimums=True), offers(), POLICIES, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_order_of_demands_and_offers_makes_no_difference(demand, asked, policy, random):
    def named(one, other):
        made = share(one, other, policy, 1)
        if made is None:
            return None
        mine = zip(made.demand, made.payments, made.reasons, strict=True)
        theirs = zip(made.offers, made.receipts, strict=True)
        return (
            made.price,
            dict(zip([m.key for m in one], mine, strict=True)),
            dict(zip([e.key for e in other], theirs, strict=True)),
        )

    moved = random.sample(demand, len(demand)), random.sample(asked, len(asked))
    assert named(demand, asked) == named(*moved)


@given(members(), offers(), POLICIES, st.integers(1, 3), st.sampled_from([1, M]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_an_owner_gets_the_same_over_however_many_demands_it_is_spread(demand, asked, policy, parts, grain):
    spread = []
    for one in demand:
        units, pieces = one.quantity // M, min(parts, one.quantity // M)
        cuts = [units * i // pieces for i in range(pieces + 1)]
        for i in range(pieces):
            size = (cuts[i + 1] - cuts[i]) * M
            spread.append(replace(one, key=(f"{one.owner}/{i}", one.key[1]), quantity=size))
    first, second = share(demand, asked, policy, grain), share(spread, asked, policy, grain)
    if first is None:
        assert second is None
        return
    assert first.price == second.price
    assert by_owner(demand, first.demand) == by_owner(spread, second.demand)


def market_price(demand, asked):
    """Return the rule of the price read off its definition."""
    reached = []
    for price in sorted({e.limit for e in asked}):
        offered = sum(e.quantity for e in asked if e.limit <= price)
        wanted = sum(one.quantity for one in demand if one.limit is None or one.limit >= price)
        if wanted:
            reached.append(price)
            if offered >= wanted:
                return price
    return reached[-1] if reached else None


@given(members(), offers(), POLICIES)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_price_is_the_defined_one_and_nobody_trades_at_a_loss(demand, asked, policy):
    made, price = share(demand, asked, policy), market_price(demand, asked)
    if made is None:
        assert price is None
        return
    assert made.price == price
    offered = sum(e.quantity for e in asked if e.limit <= price)
    able = [one for one in demand if one.limit is None or one.limit >= price]
    assert made.traded == sum(made.demand) == sum(made.offers) == min(offered, sum(o.quantity for o in able))
    assert sum(made.payments) == sum(made.receipts) == -(-price * made.traded // M)
    for one, got, paid, why in zip(demand, made.demand, made.payments, made.reasons, strict=True):
        assert (why == "out_of_price") == (one not in able)
        assert (why is None) == (got == one.quantity)
        assert got == 0 or one.limit is None or paid <= -(-one.limit * got // M)
    for ask, sold, received in zip(asked, made.offers, made.receipts, strict=True):
        assert sold == 0 or received >= ask.limit * sold // M
        dearer = [s for e, s in zip(asked, made.offers, strict=True) if e.limit > ask.limit]
        assert sold == ask.quantity or not any(dearer)  # merit order


@given(members(weights=st.integers(0, 2)), offers())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_priorities_are_passes_over_what_is_left(demand, asked):
    made = share(demand, asked, "priority")
    if made is None:
        return
    left = sum(e.quantity for e in asked if e.limit <= made.price)
    for level, weighted in product((2, 1, 0), (True, False)):
        here = [
            (one, got, why)
            for one, got, why in zip(demand, made.demand, made.reasons, strict=True)
            if one.priority == level and (one.weight > 0) == weighted and why != "out_of_price"
        ]
        rank = [one for one, _, _ in here]
        wanted = by_owner(rank, [one.quantity for one in rank])
        exact = exact_levels(left, wanted, {one.owner: one.weight or 1 for one in rank})
        got = by_owner(rank, [amount for _, amount, _ in here])
        assert all(abs(got[o] - exact[o]) < 1 for o in wanted)
        short = {why for one, amount, why in here if amount < one.quantity}
        assert short <= {"rationed" if left else "no_supply"}
        left -= sum(got.values())


def one_at_a_time(demand, units, policy):
    """Return who is left out, read off the rule: the most asking one of the first turn that falls short."""
    out = set()
    while True:
        inside = [one for one in demand if one.key not in out]
        made = share([replace(one, minimum=0) for one in inside], supply(units), policy) if inside else None
        short = [] if made is None else [o for o, q in zip(inside, made.demand, strict=True) if q < o.minimum]
        if not short:
            return out
        first = max(one.priority for one in short) if policy == "priority" else 0

        def asks(one, inside=inside, first=first):
            peers = [p for p in inside if p.owner == one.owner and (policy == "fair" or p.priority == first)]
            owned = sum(p.quantity for p in peers)
            return Fraction(one.minimum * owned, one.quantity * one.weight), one.key

        out.add(max((one for one in short if policy == "fair" or one.priority == first), key=asks).key)


@given(members(priced=False, minimums=True), st.integers(1, 40), POLICIES)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_who_is_left_out_is_the_one_at_a_time_answer(demand, units, policy):
    out = one_at_a_time(demand, units, policy)
    made = share(demand, supply(units), policy)
    if made is None:
        assert len(out) == len(demand)
        return
    assert {one.key for one, why in zip(demand, made.reasons, strict=True) if why == "below_minimum"} == out
    rest = [replace(one, minimum=0) for one in demand if one.key not in out]
    inside = [q for one, q in zip(demand, made.demand, strict=True) if one.key not in out]
    assert tuple(inside) == share(rest, supply(units), policy).demand


@given(members(minimums=True), offers(), POLICIES, st.sampled_from([1, M]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_everybody_gets_nothing_or_its_minimum_at_a_price_that_it_bears(demand, asked, policy, grain):
    made = share(demand, asked, policy, grain)
    if made is None:
        return
    for one, got, why in zip(demand, made.demand, made.reasons, strict=True):
        assert got >= one.minimum or got == 0
        assert (why is None) == (got == one.quantity)
        assert got == 0 or one.limit is None or one.limit >= made.price
    assert sum(made.demand) == sum(made.offers)
    assert sum(made.payments) == sum(made.receipts)
    inside = [one for one, why in zip(demand, made.reasons, strict=True) if why != "below_minimum"]
    assert made.price == market_price(inside, asked)
