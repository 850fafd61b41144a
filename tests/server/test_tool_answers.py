"""What each tool answers when it is called right: the whole content, worked out by hand."""

import hashlib

import anyio
import pytest

from tests.server.shell import NOON, Counted, contents, market

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


def nonce(made: int) -> str:
    """Return the nonce that the counted ids give after `made` tokens."""
    ids = Counted()
    ids.made = made
    return ids.nonce()


def commitment(auction_id: str, made: int) -> str:
    """SHA-256("tie" | auction_id | nonce), as published at creation."""
    return hashlib.sha256(b"tie" + auction_id.encode() + bytes.fromhex(nonce(made))).hexdigest()


@MODES
async def test_an_auction_from_creation_to_report(mode):
    async with market(mode) as shop:
        card = {"capabilities": ["Code Review", "code-review", "Rust"], "attributes": {"Language": "rust"}}
        assert await shop.ask("register_agent", agent="ann", description="fast", **card) == {
            "agent": "ann",
            "description": "fast",
            "capabilities": ["code-review", "rust"],
            "attributes": {"language": "rust"},
            "open_auctions": {},
        }
        made = await shop.ask(
            "create_auction",
            agent="buyer",
            task="Review",
            requirements={"capabilities": ["code review"]},
            max_price=20,
            payment_rule="second_price",
            scoring={"time_price": 0.01},
            closes_in=60,
        )
        assert made == {
            "auction_id": "auc_t2",
            "status": "open",
            "closes_at": "2026-11-23T12:01:00Z",
            "tie_break_commitment": commitment("auc_t2", 2),
            "eligible_providers": ["ann"],
        }
        bob = await shop.ask("register_agent", agent="bob", capabilities=["code review"])
        assert bob["open_auctions"] == {"code-review": 1}
        asked = {"auction_id": "auc_t2", "estimated_time": 100}
        assert await shop.ask("submit_bid", agent="ann", cost=12.5, **asked) == {
            "bid_id": "bid_t2_t4",
            "auction_id": "auc_t2",
            "status": "standing",
            "cost": 12.5,
            "score": 13.5,
        }
        await shop.ask("submit_bid", agent="bob", cost=15, **asked)
        assert await shop.ask(
            "submit_bid", agent="bob", cost="14", valid_for=3600, replaces="bid_t2_t5", **asked
        ) == {
            "bid_id": "bid_t2_t6",
            "auction_id": "auc_t2",
            "status": "standing",
            "cost": 14,
            "score": 15,
            "replaced": "bid_t2_t5",
            "valid_until": "2026-11-23T13:00:00Z",
        }
        row = {
            "auction_id": "auc_t2",
            "status": "open",
            "task": "Review",
            "buyer": "buyer",
            "bids": 2,
            "max_price": 20,
            "payment_rule": "second_price",
            "capabilities": ["code-review"],
            "closes_at": "2026-11-23T12:01:00Z",
        }
        assert await shop.ask("list_auctions", capability="Code_Review", status="open") == {
            "auctions": [row],
            "total": 1,
        }
        assert await shop.ask("list_auctions", capability="rust") == {"auctions": [], "total": 0}
        shop.clock.wait(60)
        assert (await shop.ask("list_auctions"))["auctions"] == [{**row, "status": "closed"}]
        ranking = [
            {
                "rank": 1,
                "agent": "ann",
                "bid_id": "bid_t2_t4",
                "cost": 12.5,
                "score": 13.5,
                "estimated_time": 100,
            },
            {
                "rank": 2,
                "agent": "bob",
                "bid_id": "bid_t2_t6",
                "cost": 14,
                "score": 15,
                "estimated_time": 100,
            },
        ]
        assert await shop.ask("preview_award", agent="buyer", auction_id="auc_t2") == {
            "auction_id": "auc_t2",
            "ranking": ranking,
            "ranked": 2,
            "rules": [
                {"payment_rule": "second_price", "winner": "ann", "payment": 14, "premium": 1.5},
                {"payment_rule": "pay_as_bid", "winner": "ann", "payment": 12.5, "premium": 0},
            ],
        }
        winner = {"agent": "ann", "bid_id": "bid_t2_t4", "payment": 14}
        awarded = await shop.ask("award", agent="buyer", auction_id="auc_t2")
        assert awarded.pop("explanation").startswith(
            "It has the lowest score of 2 bids: score 13.5 at a cost of 12.5."
        )
        assert awarded == {
            "auction_id": "auc_t2",
            "status": "awarded",
            "winners": [{**winner, "cost": 12.5}],
            "total_payment": 14,
            "ranking": ranking,
            "ranked": 2,
            "proof": {"status": "optimal", "gap": 0},
            "nonce": nonce(2),
        }
        public = {
            "auction_id": "auc_t2",
            "status": "awarded",
            "task": "Review",
            "buyer": "buyer",
            "requirements": {"capabilities": ["code-review"]},
            "max_price": 20,
            "payment_rule": "second_price",
            "scoring": {"time_price": 0.01},
            "closes_at": "2026-11-23T12:01:00Z",
            "bids": 2,
            "tie_break_commitment": commitment("auc_t2", 2),
            "winners": [winner],
            "ranked": 2,
            "nonce": nonce(2),
        }
        assert await shop.ask("get_auction", auction_id="auc_t2") == public
        assert await shop.ask("get_auction", auction_id="auc_t2", agent="buyer") == public | {
            "winners": [{**winner, "cost": 12.5}],
            "ranking": ranking,
        }
        assert await shop.ask("get_auction", auction_id="auc_t2", agent="bob") == public | {
            "own_bid": {
                "bid_id": "bid_t2_t6",
                "cost": 14,
                "score": 15,
                "rank": 2,
                "lower_cost_would_have_won": True,
            },
        }
        reported = {"success": True, "actual_time": 90, "quality": 0.9, "note": "good", "reference": "pr/7"}
        assert await shop.ask("report_outcome", agent="buyer", auction_id="auc_t2", **reported) == {
            "auction_id": "auc_t2",
            "provider": "ann",
            "state": "reported",
            "success": True,
            "estimated_time": 100,
            "actual_time": 90,
            "until": "2026-11-24T12:01:00Z",
            "record": {"reported": 1, "successes": 1, "failures": 0},
        }
        seen = await shop.ask("get_auction", auction_id="auc_t2")
        while_it_may_change = {
            "change_until": "2026-11-24T12:01:00Z",
            "dispute_until": "2026-11-26T12:01:00Z",
        }
        assert seen["outcome"] == {"provider": "ann", **reported, **while_it_may_change}
        ann = await shop.ask("get_agent", agent_id="ann")
        last_at = "2026-11-23T12:01:00Z"
        # Beta(1, 1) and one success: 2 of 3, from the square root of 0.05 to that of 0.95
        estimated = {
            "awards": 1,
            "successes": 1,
            "failures": 0,
            "success": [0.666667, 0.223607, 0.974679],
            "time_ratio": [0.981741, 0.574552, 1.677508],
            "quality_ratio": [1, 0.698511, 1.301489],
            "evidence": 1,
            "last_at": last_at,
        }
        assert ann["record"] == {
            "reported": 1,
            "successes": 1,
            "failures": 0,
            "estimates": [estimated, {"capability": "code-review", **estimated}],
        }
        assert ann["last_outcomes"] == [
            {
                "auction_id": "auc_t2",
                "buyer": "buyer",
                "success": True,
                "estimated_time": 100,
                "actual_time": 90,
                "quality": 0.9,
            }
        ]
        assert await shop.ask("get_agent", capability="rust") == {
            "agents": [{"agent": "ann", "capabilities": ["code-review", "rust"], "outcomes": 1}],
            "total": 1,
        }


@MODES
async def test_demand_and_offers_from_posting_to_clearing(mode):
    async with market(mode) as shop:
        assert await shop.ask("get_resource") == {"resources": [], "total": 0}
        side = {"entries": 1, "owners": 1}
        until = "2026-11-23T13:00:00Z"
        asked = {"resource": "GPU hours", "quantity": 10, "max_unit_price": 3, "needed_by": until}
        nothing = {"entries": 0, "owners": 0, "quantity": 0}
        posted = await shop.ask("request_resources", agent="ann", **asked)
        assert {name: posted[name] for name in ("demand_id", "quantity", "demand", "offers")} == {
            "demand_id": "dem_gpu-hours_t1",
            "quantity": 10,
            "demand": side | {"quantity": 10},
            "offers": nothing,
        }
        offered = {"resource": "gpu-hours", "quantity": "4", "unit_price": 1}
        posted = await shop.ask("offer_resources", agent="bob", **offered)
        assert (posted["offer_id"], posted["offers"]) == ("off_gpu-hours_t2", side | {"quantity": 4})
        seen = await shop.ask("get_resource", resource="Gpu Hours", agent="ann")
        assert seen["own"] == [
            {"id": "dem_gpu-hours_t1", "kind": "demand", "left": 10, "limit": 3, "until": until}
        ]
        assert "preview" not in seen  # fewer than three owners on a side
        (cleared,) = (await shop.ask("aggregate_demand", agent="carl", resources=["gpu hours"]))["clearings"]
        # The offer is all sold and the marginal demand not: the price is what that demand pays, 3.
        assert {name: value for name, value in cleared.items() if name != "resource"} == {
            "clearing_price": 3,
            "quantity": 4,
            "total_payment": 12,
            "allocated": 1,
            "allocations": [
                {
                    "agent": "ann",
                    "demand_id": "dem_gpu-hours_t1",
                    "quantity": 4,
                    "payment": 12,
                    "reason": "rationed",
                }
            ],
            "sold": 1,
            "suppliers": [{"agent": "bob", "offer_id": "off_gpu-hours_t2", "quantity": 4, "payment": 12}],
            "unmet": 6,
            "policy": "efficient",
            "payment_rule": "uniform",
        }
        seen = await shop.ask("get_resource", resource="gpu-hours")
        assert seen["last_clearings"] == [
            {
                "at": "2026-11-23T12:00:00Z",
                "by": "carl",
                "policy": "efficient",
                "quantity": 4,
                "clearing_price": 3,
                "buyers": 1,
                "sellers": 1,
            }
        ]
        assert await shop.ask("withdraw", agent="ann", id="dem_gpu-hours_t1") == {
            "id": "dem_gpu-hours_t1",
            "status": "withdrawn",
        }
        assert (await shop.ask("get_resource", resource="gpu-hours"))["demand"] == nothing


@MODES
async def test_an_inbox_says_where_one_stands_and_what_is_new_once(mode):
    async with market(mode) as shop:
        await shop.ask("register_agent", agent="ann", capabilities=["review"])
        await shop.ask("inbox", agent="ann")
        auction_id = await shop.create(requirements={"capabilities": ["review"]})
        first = await shop.ask("inbox", agent="ann")
        assert [(news["what"], news["id"]) for news in first["news"]] == [("auction_created", auction_id)]
        bid_id = await shop.bid(auction_id, "ann", 5)
        await shop.bid(auction_id, "ann", 4)
        buyer = await shop.ask("inbox", agent="buyer")
        assert [(news["what"], news["id"]) for news in buyer["news"]] == [("bid_submitted", auction_id)]
        assert [row["bids"] for row in buyer["auctions"]] == [1]
        await shop.ask("award", agent="buyer", auction_id=auction_id)
        ann = await shop.ask("inbox", agent="ann", cursor=first["next_cursor"])
        assert [news["what"] for news in ann["news"]] == ["auction_closed", "bid_won"]
        assert [(row["auction_id"], row["payment"]) for row in ann["to_deliver"]] == [(auction_id, 4)]
        assert (await shop.ask("inbox", agent="ann", cursor=ann["next_cursor"]))["news"] == []
        buyer = await shop.ask("inbox", agent="buyer")
        assert (buyer["credits_promised"], buyer["auctions"]) == (4, [])
        assert [(row["provider"], row["payment"]) for row in buyer["to_report"]] == [("ann", 4)]
        await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=False)
        assert (await shop.ask("inbox", agent="buyer"))["credits_promised"] == 0
        assert bid_id == "bid_t2_t3"


@MODES
async def test_who_waits_in_an_inbox_hears_at_once_and_not_of_its_own_doing(mode):
    async with market(mode) as shop:
        auction_id = await shop.create()
        cursor = (await shop.ask("inbox", agent="buyer"))["next_cursor"]
        heard = []

        async def wait(**more) -> None:
            heard.append(await shop.ask("inbox", agent="buyer", wait=50, **more))

        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                tasks.start_soon(lambda: wait(cursor=cursor))
                for _ in range(50):
                    await anyio.lowlevel.checkpoint()
                await shop.ask("create_auction", agent="buyer", task="its own")
                assert heard == []
                await shop.bid(auction_id, "p", 5)
        assert [[news["what"] for news in answer["news"]] for answer in heard] == [["bid_submitted"]] * 2


@MODES
async def test_lists_are_paged_without_gap_or_overlap(mode):
    async with market(mode) as shop:
        made = [await shop.create(task=f"task {n}") for n in range(7)]
        seen, cursor = [], ""
        while cursor is not None:
            text, page = await shop.both("list_auctions", limit=3, cursor=cursor)
            assert page["total"] == 7
            seen += [row["auction_id"] for row in page["auctions"]]
            cursor = page.get("next_cursor")
            assert (cursor is None) or f"{len(page['auctions'])} of 7; for more pass cursor={cursor}" in text
        assert seen == made[::-1]


@MODES
async def test_reading_changes_nothing(mode):
    async with market(mode) as shop:
        auction_id = await shop.create(closes_in=60)
        await shop.bid(auction_id, "p", 5)
        shop.clock.wait(60)
        before = await contents(shop.store)
        for viewer in ("", "p", "buyer"):
            named = {"agent": viewer} if viewer else {}
            await shop.ask("get_auction", auction_id=auction_id, **named)
            await shop.ask("list_auctions", **named)
            await shop.ask("get_resource", **named)
            await shop.ask("get_agent", **named)
        await shop.ask("inbox", agent="p")
        await shop.ask("preview_award", agent="buyer", auction_id=auction_id)
        assert await contents(shop.store) == before
        assert shop.clock.now() == NOON.replace(minute=1)


@MODES
async def test_in_an_open_auction_a_bid_is_answered_with_its_rank(mode):
    async with market(mode) as shop:
        rule = {"by": 60, "within": 30, "min_decrement": 0.5}
        auction_id = await shop.create(format="open", closes_in=100, extension=rule)
        first = await shop.ask("submit_bid", agent="p", auction_id=auction_id, cost=5)
        assert (first["rank"], "closes_at" in first) == (1, False)
        text, second = await shop.both("submit_bid", agent="q", auction_id=auction_id, cost=6)
        assert second["rank"] == 2
        assert "Rank 2 of 2 bids." in text
        assert text.endswith(
            "Next: submit_bid with a lower cost to improve your rank; inbox with wait says whether you won."
        )
        shop.clock.wait(80)
        text, third = await shop.both("submit_bid", agent="q", auction_id=auction_id, cost=4)
        assert (third["rank"], third["closes_at"]) == (1, "2026-11-23T12:02:40Z")
        assert "You took the lead late, so bidding now ends at 2026-11-23T12:02:40Z." in text
        seen = await shop.ask("get_auction", agent="p", auction_id=auction_id)
        assert (seen["format"], seen["own_bid"]["rank"], seen["closes_at"]) == (
            "open",
            2,
            "2026-11-23T12:02:40Z",
        )
        assert seen["extension"] == rule
        news = {row["what"] for row in (await shop.ask("inbox", agent="p"))["news"]}
        assert {"outbid", "deadline_extended"} <= news
        (row,) = (await shop.ask("list_auctions"))["auctions"]
        assert (row["format"], row["closes_at"]) == ("open", "2026-11-23T12:02:40Z")


@MODES
async def test_a_dutch_auction_is_decided_by_the_first_who_takes_its_offer(mode):
    async with market(mode) as shop:
        rule = {"start": 2, "step": 1.5, "every": 10}
        text, made = await shop.both(
            "create_auction", agent="buyer", task="t", format="dutch", max_price=6, schedule=rule
        )
        assert "The first provider to take the offer wins, at once" in text
        auction_id = made["auction_id"]
        shop.clock.wait(10)
        text, seen = await shop.both("get_auction", auction_id=auction_id)
        assert (seen["offered"], seen["schedule"]) == (3.5, rule)
        assert "rises by 1.5 every 10 seconds up to max_price, now 3.5" in text
        text, won = await shop.both("submit_bid", agent="p", auction_id=auction_id, take=True, at_least=3)
        assert (won["status"], won["payment"], won["cost"]) == ("won", 3.5, 3.5)
        assert text.startswith(f"Taken: you won {auction_id} and are paid 3.5 credits.")
        text, after = await shop.both("get_auction", auction_id=auction_id)
        assert (after["status"], after["winners"][0]["payment"]) == ("awarded", 3.5)
        (news,) = (await shop.ask("inbox", agent="buyer"))["news"]
        assert (news["what"], news["id"]) == ("offer_taken", auction_id)
        await shop.ask("report_outcome", agent="buyer", auction_id=auction_id, success=True)


@MODES
async def test_a_loser_learns_its_threshold_under_any_rule_where_the_auction_reveals_it(mode):
    async with market(mode) as shop:
        told = {}
        for reveal in ("payments", "threshold"):
            auction_id = await shop.create(payment_rule="second_price", reveal=reveal)
            for agent, cost in (("p", 5), ("q", 7)):
                await shop.bid(auction_id, agent, cost)
            await shop.ask("award", agent="buyer", auction_id=auction_id)
            own = (await shop.ask("get_auction", agent="q", auction_id=auction_id))["own_bid"]
            told[reveal] = own.get("winning_threshold")
        assert told == {"payments": None, "threshold": 5}


@MODES
async def test_the_inbox_says_what_was_won_of_lots_and_units(mode):
    async with market(mode) as shop:
        plain = await shop.create()
        await shop.bid(plain, "p", 5)
        house = await shop.create(lots=[{"id": "Roof"}, {"id": "walls"}])
        await shop.bid(house, "p", 5, lots=["roof"])
        await shop.bid(house, "q", 5, lots=["walls"])
        bricks = await shop.create(quantity=10)
        await shop.bid(bricks, "p", 5, quantity=4)
        for auction_id in (plain, house, bricks):
            await shop.ask("award", agent="buyer", auction_id=auction_id)
        text, seen = await shop.both("inbox", agent="p")
        assert {row["auction_id"]: row.get("won") for row in seen["to_deliver"]} == {
            plain: None,
            house: "roof",
            bricks: "4 units",
        }
        assert "auction_id | provider | buyer | payment | task | won" in text
        assert (await shop.ask("get_auction", auction_id=bricks))["unbought"] == 6
