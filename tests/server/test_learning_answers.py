"""What agents are told of records, outcomes and payments that an outcome moves."""

from tests.server.shell import market

GO = {"requirements": {"capabilities": ["go"]}}
DAY = 24 * 3600
SETTLED = {"failure_price": 10, "settle_confidence": 10}


async def bought(shop, *bids, buyer="buyer", **terms) -> str:
    """Create an auction, make bids (agent, cost, and what else they say), award it; return its id."""
    auction_id = await shop.create(agent=buyer, **terms)
    for agent, cost, *more in bids:
        await shop.bid(auction_id, agent, cost, **(more[0] if more else {}))
    await shop.ask("award", agent=buyer, auction_id=auction_id)
    return auction_id


async def test_an_agent_sees_its_standing_bids_and_others_do_not():
    async with market() as shop:
        rates = {"go": {"cost": 5, "max_concurrent": 2}}
        await shop.ask("register_agent", agent="ann", capabilities=["go"], standing_bids=rates)
        text, own = await shop.both("get_agent", agent="ann", agent_id="ann")
        assert own["standing_bids"] == rates
        assert "only you see them" in text
        assert "register_agent changes the card" in text
        for viewer in ("bob", "ann/x"):
            text, seen = await shop.both("get_agent", agent=viewer, agent_id="ann")
            assert "standing_bids" not in seen
            assert "invite asks it for a bid" in text


async def test_a_newcomer_is_called_one_until_its_owner_has_five_full_outcomes():
    async with market() as shop:
        for number in range(6):
            seen = await shop.ask("get_agent", agent="x", agent_id="acme/a") if number else {"newcomer": True}
            assert seen["newcomer"]
            auction_id = await bought(shop, ("acme/a", 2), buyer=f"b{number}")
            await shop.ask("report_outcome", agent=f"b{number}", auction_id=auction_id, success=True)
        seen = await shop.ask("get_agent", agent="x", agent_id="acme/a")
        assert "newcomer" not in seen
        await shop.ask("register_agent", agent="acme/b", capabilities=["go"])
        assert "newcomer" not in await shop.ask("get_agent", agent="x", agent_id="acme/b")


async def test_a_silent_buyer_is_seen_though_it_never_registered():
    async with market() as shop:
        auctions = [await bought(shop, ("ann", 2)) for _ in range(3)]
        for auction_id in auctions[:2]:
            await shop.ask("report_outcome", agent="ann", auction_id=auction_id, delivered=True)
        text, seen = await shop.both("get_agent", agent="ann", agent_id="buyer")
        counts = {"awards": 3, "looked_at": 3, "delivered_or_overdue_without_report": 2}
        assert seen["as_buyer"] == counts
        assert "as a buyer: 3 awards given; 2 delivered or overdue, without a report of it" in text
        await shop.ask("report_outcome", agent="buyer", auction_id=auctions[0], success=True)
        seen = await shop.ask("get_agent", agent="ann", agent_id="buyer")
        assert seen["as_buyer"]["delivered_or_overdue_without_report"] == 1
        assert (await shop.refusal("get_agent", agent="ann", agent_id="nobody"))["code"] == "unknown_agent"


async def test_a_disputed_outcome_is_marked_in_the_record_and_both_are_told_what_they_can_do():
    async with market() as shop:
        auction_id = await bought(shop, ("ann", 2), ("bob", 3))
        await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=False)
        text, seen = await shop.both("get_auction", agent="ann", auction_id=auction_id)
        assert seen["outcome"]["dispute_until"] == "2026-11-26T12:00:00Z"
        assert "dispute: true, until 2026-11-26T12:00:00Z, if not" in text
        await shop.ask("report_outcome", agent="ann", auction_id=auction_id, dispute=True)
        card = await shop.ask("get_agent", agent="bob", agent_id="ann")
        assert [row["state"] for row in card["last_outcomes"]] == ["disputed: counts for nobody"]
        assert card["record"]["disputed"] == 1
        text = await shop.text("get_agent", agent="bob", agent_id="ann")
        assert text.startswith(
            "ann: 0 successes and 0 failures reported; 1 disputed, which counts for nobody so far."
        )
        for agent, then in (
            ("ann", "dispute: false accepts the report"),
            ("buyer", "report_outcome again for ann if the report was wrong"),
            ("buyer", "award with instead_of ann"),
        ):
            text, _ = await shop.both("get_auction", agent=agent, auction_id=auction_id)
            assert then in text
        await shop.ask("report_outcome", agent="ann", auction_id=auction_id, dispute=False)
        text, _ = await shop.both("get_auction", agent="ann", auction_id=auction_id)
        assert "outcome of ann, as settled: failure" in text


async def test_the_time_for_changes_is_told_only_while_it_lasts():
    async with market() as shop:
        auction_id = await bought(shop, ("ann", 2))
        await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=True)
        shop.clock.wait(DAY)
        seen = await shop.ask("get_auction", agent="ann", auction_id=auction_id)
        assert seen["outcome"].keys() == {"provider", "success", "dispute_until"}
        shop.clock.wait(2 * DAY)
        text, seen = await shop.both("get_auction", agent="ann", auction_id=auction_id)
        assert seen["outcome"].keys() == {"provider", "success"}
        assert "Next: nothing; this is done." in text


async def test_where_confidence_is_settled_both_sides_hear_what_the_payment_becomes():
    async with market() as shop:
        auction_id = await shop.create(scoring=SETTLED, max_price=6)
        rows = [{"auction_id": auction_id, "cost": 6, "confidence": 1}, {"auction_id": auction_id, "cost": 9}]
        text, made = await shop.both("submit_bids", agent="sure", bids=rows)
        assert made["least_payments"] == {"0": -14}
        assert "What is left to you at least, if you win and fail" in text
        await shop.bid(auction_id, "cheap", 1, confidence=0.3)
        text, made = await shop.both("award", agent="buyer", auction_id=auction_id)
        # its cost is not the lowest: the score of a sure bid is its cost
        assert made["explanation"].startswith("It has the lowest score of 2 bids: score 6 at a cost of 6.")
        assert "to 6 after a success, to -14 after a failure: sure then owes you" in made["explanation"]
        text, made = await shop.both("report_outcome", agent="buyer", auction_id=auction_id, success=False)
        assert (made["adjustment"], made["final_payment"]) == (-20, -14)
        assert "below 0, sure owes 14" in text
        disputed = await shop.ask("report_outcome", agent="sure", auction_id=auction_id, dispute=True)
        assert "adjustment" not in disputed
        accepted = await shop.ask("report_outcome", agent="sure", auction_id=auction_id, dispute=False)
        assert (accepted["adjustment"], accepted["final_payment"]) == (-20, -14)


async def test_after_a_success_more_than_max_price_may_be_paid_and_it_is_said():
    async with market() as shop:
        auction_id = await bought(shop, ("ann", 6, {"confidence": 0.9}), scoring=SETTLED, max_price=6)
        made = await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=True)
        assert (made["adjustment"], made["final_payment"]) == (1.8, 7.8)


async def test_who_comes_next_is_whoever_an_award_would_take():
    async with market() as shop:
        rates = {"go": {"cost": 5, "max_concurrent": 1}}
        await shop.ask("register_agent", agent="full", capabilities=["go"], standing_bids=rates)
        for agent in ("ann", "bob"):
            await shop.ask("register_agent", agent=agent, capabilities=["go"])
        auction_id = await bought(shop, ("ann", 4), ("bob", 7), **GO)
        assert (await shop.ask("get_auction", agent="full", auction_id=auction_id))["own_bid"]["rank"] == 2
        await bought(shop, **GO)  # takes all the capacity of the standing bid
        made = await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=False)
        assert made["comes_next"] == ["bob"]
        again = await shop.ask("award", agent="buyer", auction_id=auction_id, instead_of="ann")
        assert [row["agent"] for row in again["winners"]] == ["bob"]


async def test_a_new_auction_that_a_standing_bid_is_in_is_one_piece_of_news():
    async with market() as shop:
        await shop.ask("register_agent", agent="ann", capabilities=["go"], standing_bids={"go": {"cost": 5}})
        await shop.create(**GO)
        news = (await shop.ask("inbox", agent="ann"))["news"]
        assert [row["what"] for row in news] == ["standing_bid_entered"]
