"""What an award says of its payment: why so much, worked out by hand."""

import pytest

from tests.server.shell import market

LOWEST = "It has the lowest cost of {} bids: cost {}."
WOULD_HAVE_WON = "second_price: it is paid the cost at which "


@pytest.mark.parametrize(
    ("costs", "max_price", "payment", "reasons"),
    [
        (
            {"a/x": 1, "a/y": 2},
            9,
            9,
            (
                f"{LOWEST.format(2, 1)} All bids are of one owner. second_price without another owner's bid: "
                "it is paid max_price; no competition set the payment."
            ),
        ),
        (
            {"a/x": 1},
            None,
            1,
            (
                "It was the only bid that counted: cost 1. second_price without another owner's bid: "
                "it is paid its own cost, as there is no max_price; no competition set the payment."
            ),
        ),
        (
            {"ann": 1, "bob": 9},
            9,
            9,
            (
                f"{LOWEST.format(2, 1)} The runner-up's score is 9, 8 more. "
                f"{WOULD_HAVE_WON}its score would equal the runner-up's."
            ),
        ),
    ],
)
async def test_a_second_price_is_explained_by_who_set_it(costs, max_price, payment, reasons):
    async with market() as shop:
        limit = {} if max_price is None else {"max_price": max_price}
        made = await shop.ask(
            "create_auction", agent="buyer", task="Review", payment_rule="second_price", **limit
        )
        for agent, cost in costs.items():
            await shop.ask("submit_bid", agent=agent, auction_id=made["auction_id"], cost=cost)
        award = await shop.ask("award", agent="buyer", auction_id=made["auction_id"])
    assert (award["total_payment"], award["explanation"]) == (payment, reasons)


async def test_a_max_price_below_the_runner_ups_level_is_said_to_apply():
    async with market() as shop:
        scoring = {"time_price": 1}
        made = await shop.ask(
            "create_auction",
            agent="buyer",
            task="Review",
            payment_rule="second_price",
            max_price=5,
            scoring=scoring,
        )
        # Scores 3 + 1 and 5 + 4: ann is as good as bob up to a cost of 8, but max_price is 5.
        for agent, cost, seconds in (("ann", 3, 1), ("bob", 5, 4)):
            bid = {"auction_id": made["auction_id"], "cost": cost, "estimated_time": seconds}
            await shop.ask("submit_bid", agent=agent, **bid)
        award = await shop.ask("award", agent="buyer", auction_id=made["auction_id"])
    assert award["total_payment"] == 5
    assert award["explanation"].endswith(
        f"{WOULD_HAVE_WON}it would just have won, at most max_price, which applies."
    )
