"""McAfee's rule on published and worked cases, and what it promises for every book."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market_core.mechanisms.clearing import COMPLETE, Clearing, Entry, clear, mcafee, reasons
from market_core.mechanisms.procurement import DoesNotFit

M = 1_000_000


def side(name, limits):
    return [Entry((f"{name}{at}/x", f"{at}"), M, round(limit * M)) for at, limit in enumerate(limits)]


def book(bids, asks):
    return side("a", bids), side("b", asks)


def traded(bids, asks):
    """Return price, the offers' price, who buys, who sells, and the market's surplus, in credits."""
    result = mcafee(*book(bids, asks))
    if result is None:
        return None
    bought, sold = ([at for at, got in enumerate(row) if got] for row in (result.demand, result.offers))
    return result.price / M, result.offer_price / M, bought, sold, result.market_surplus / M


@pytest.mark.parametrize(
    ("bids", "asks", "outcome"),
    [
        # the usual example of the rule: 4 trades at the middle of the fifth pair
        ([17, 14, 13, 9, 6], [1, 4, 5, 8, 11], (8.5, 8.5, [0, 1, 2, 3], [0, 1, 2, 3], 0)),
        # the middle of the fourth pair, 9.5, is above the limit of 9: the third pair sets both prices
        ([17, 14, 9, 8], [1, 4, 5, 11], (9, 5, [0, 1], [0, 1], 8)),
        # the middle of the third pair, 2, is below the ask of 3
        ([9, 9, 1], [3, 3, 3], (9, 3, [0], [0], 6)),
        ([9, 1], [3, 3], None),
        # the middle may be the limit or the ask itself
        ([6, 5], [2, 7], (6, 6, [0], [0], 0)),
        ([9, 1], [3, 5], (3, 3, [0], [0], 0)),
        # nobody after the last pair: without a limit half of the ask, without an ask no middle
        ([9, 9], [1, 3, 8], (4, 4, [0, 1], [0, 1], 0)),
        ([9, 8], [1, 4], (8, 4, [0], [0], 4)),
        ([9, 8, 7], [1, 4], (8, 4, [0], [0], 4)),
        ([9], [1], None),
        ([3], [4], None),
        ([], [4], None),
        ([3], [], None),
    ],
    ids=str,
)
def test_the_rule_trades_at_the_middle_of_the_next_pair_or_gives_up_the_last_trade(bids, asks, outcome):
    assert traded(bids, asks) == outcome


def test_ties_go_to_the_earlier_key_and_a_half_to_the_even_micro_credit():
    demand, offers = side("a", [9, 9, 9]), side("b", [1, 2])
    demand.reverse()
    assert mcafee(demand, offers) == Clearing(
        9 * M, M, (0, 0, M), (M, 0), (0, 0, 9 * M), (2 * M, 0), 2 * M, 7 * M, None, COMPLETE
    )
    odd = [Entry(("a", ""), M, 5), Entry(("b", ""), M, 2)], [Entry(("c", ""), M, 1), Entry(("d", ""), M, 3)]
    assert mcafee(*odd).price == 2
    odd[1][1] = replace(odd[1][1], limit=5)
    assert mcafee(*odd).price == 4  # 3.5


def test_the_trade_given_up_is_told_as_rationed():
    given_up = book([17, 14, 9, 8], [1, 4, 5, 11])
    assert reasons(*given_up, mcafee(*given_up), M) == (
        (None, None, "rationed", "out_of_price"),
        (None, None, "rationed", "out_of_price"),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"quantity": 2 * M}, "mcafee needs entries of one whole unit each"),
        ({"quantity": M // 2}, "mcafee needs entries of one whole unit each"),
        ({"minimum": 1}, "mcafee needs entries without minimums"),
        ({"tiers": ((1, 1),)}, "mcafee needs offers without tiers"),
        ({"limit": None}, "mcafee needs a limit on every demand"),
        ({"key": ("A0", "other")}, "mcafee needs owners with one entry each"),
        ({"key": ("b0/y", "other")}, "mcafee needs owners with one entry each"),
    ],
    ids=str,
)
def test_a_book_that_the_rule_does_not_fit_is_refused(change, why):
    demand, offers = book([9, 8], [1])
    demand[1] = replace(demand[1], **change)
    with pytest.raises(DoesNotFit) as refused:
        mcafee(demand, offers)
    assert refused.value.why == why


LIMITS = st.lists(st.integers(0, 6), max_size=4)


@given(LIMITS, LIMITS)
def test_nobody_trades_at_a_loss_and_what_comes_in_is_what_goes_out_and_the_surplus(bids, asks):
    demand, offers = book(bids, asks)
    result = mcafee(demand, offers)
    best = clear(demand, offers, M)
    trades = 0 if result is None else result.traded // M
    assert trades in {best.traded // M, best.traded // M - 1} if best else trades == 0
    if result is None:
        return
    assert sum(result.payments) == sum(result.receipts) + result.market_surplus
    assert result.market_surplus >= 0
    assert sum(result.demand) == sum(result.offers) == result.traded
    for entry, got, paid in zip(demand, result.demand, result.payments, strict=True):
        assert (got, paid) == (0, 0) or (got == M and paid <= entry.limit)
    for entry, got, paid in zip(offers, result.offers, result.receipts, strict=True):
        assert (got, paid) == (0, 0) or (got == M and paid >= entry.limit)


@given(LIMITS, LIMITS)
@settings(max_examples=60)
def test_nobody_gains_by_telling_another_limit(bids, asks):
    def gains(told_bids, told_asks):
        result = mcafee(*book(told_bids, told_asks))
        if result is None:
            return [0] * len(bids), [0] * len(asks)
        return (
            [
                limit * M - paid if got else 0
                for limit, got, paid in zip(bids, result.demand, result.payments, strict=True)
            ],
            [
                paid - ask * M if got else 0
                for ask, got, paid in zip(asks, result.offers, result.receipts, strict=True)
            ],
        )

    true = gains(bids, asks)
    for lie in range(8):
        for at in range(len(bids)):
            assert gains([*bids[:at], lie, *bids[at + 1 :]], asks)[0][at] <= true[0][at]
        for at in range(len(asks)):
            assert gains(bids, [*asks[:at], lie, *asks[at + 1 :]])[1][at] <= true[1][at]


@given(LIMITS, LIMITS, st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(bids, asks, random):
    def by_key(demand, offers):
        result = mcafee(demand, offers)
        return result and (
            result.price,
            result.offer_price,
            {e.key: got for e, got in zip(demand, result.payments, strict=True)},
            {e.key: got for e, got in zip(offers, result.receipts, strict=True)},
        )

    demand, offers = book(bids, asks)
    moved = [*demand], [*offers]
    for each in moved:
        random.shuffle(each)
    assert by_key(*moved) == by_key(demand, offers)
