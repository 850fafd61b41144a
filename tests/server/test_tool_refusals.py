"""Every refusal that a caller can meet, through a client: its code, what to do next, and that nothing changed."""

import json

import pytest

from market_core import Code
from market_core.commands import DeclareResource
from tests.server.shell import Shop, market, said

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])
LATER = "2026-11-23T12:10:00Z"
UNSEEN = {"not_your_bid", "not_your_entry"}  # nothing may tell that such a thing exists
NOT_FROM_A_CALL = {
    "busy",
    "store_unavailable",
    "store_broken",
    "no_clock",
    "resource_in_use",
    "unknown_agent",
    "too_many_bids",
    "too_many_own_bids",
    "too_large",
    "payment_rule_does_not_fit",
    "not_proved",
    "solver_gone",
}


async def failures(shop: Shop, ids: dict[str, str]) -> None:
    """Add auctions whose winner p failed, and disputed it in some; in `old` that was days ago."""
    for name in ("disputed", "settled", "again", "old"):
        shop.clock.wait(-4 * 24 * 3600 if name == "old" else 0)
        ids[name] = await shop.create()
        await shop.bid(ids[name], "p", 5)
        if name == "again":
            await shop.bid(ids[name], "q", 6)
        await shop.ask("award", agent="buyer", auction_id=ids[name])
        await shop.ask("report_outcome", agent="buyer", auction_id=ids[name], success=False)
        if name in ("disputed", "settled"):
            asked = {"agent": "p", "auction_id": ids[name]}
            await shop.ask("report_outcome", **asked, dispute=True, note="it is there")
    shop.clock.wait(4 * 24 * 3600)
    await shop.ask("report_outcome", agent="p", auction_id=ids["settled"], dispute=False)
    await shop.ask("award", agent="buyer", auction_id=ids["again"], instead_of="p")


async def a_busy_market(shop: Shop) -> dict[str, str]:
    """Fill a market with an auction in every state, and two books; return the ids by name."""
    ids = {
        "open": await shop.create(max_price=10),
        "timed": await shop.create(closes_in=600),
        "over": await shop.create(closes_in=60),
        "closed": await shop.create(),
        "awarded": await shop.create(max_price=10),
        "reported": await shop.create(),
        "unsold": await shop.create(),
        "cancelled": await shop.create(),
        "invited": await shop.create(invite=["p", "acme/a"]),
        "skilled": await shop.create(requirements={"capabilities": ["Code Review"]}),
        "picky": await shop.create(requirements={"attributes": {"language": "python", "cores": {"min": 4}}}),
        "fast": await shop.create(scoring={"time_price": 0.1}),
        "good": await shop.create(scoring={"quality_price": 5}),
        "dear": await shop.create(scoring={"time_price": 999_999_999}),
    }
    for name in ("open", "timed", "over", "closed", "awarded", "reported"):
        ids[f"bid of p in {name}"] = await shop.bid(ids[name], "p", 5)
    ids["withdrawn"] = await shop.bid(ids["open"], "r", 6)
    await shop.ask("withdraw", agent="r", id=ids["withdrawn"])
    ids["replaced"] = await shop.bid(ids["open"], "q", 6)
    ids["bid of q in open"] = await shop.bid(ids["open"], "q", 7)
    await shop.ask("close_auction", agent="buyer", auction_id=ids["closed"])
    for name in ("awarded", "reported", "unsold"):
        await shop.ask("award", agent="buyer", auction_id=ids[name])
    await shop.ask("report_outcome", agent="buyer", auction_id=ids["reported"], success=True)
    await shop.ask("withdraw", agent="buyer", id=ids["cancelled"])
    for name, more in {"demand": {}, "gone": {}, "lapsed": {"needed_by": "2026-11-23T12:01:00Z"}}.items():
        asked = {"agent": "p", "resource": "gpu", "quantity": 2, "max_unit_price": 3, **more}
        ids[name] = (await shop.ask("request_resources", **asked))["demand_id"]
    await shop.ask("withdraw", agent="p", id=ids["gone"])
    asked = {"agent": "q", "resource": "gpu", "quantity": 2, "unit_price": 4}
    ids["offer"] = (await shop.ask("offer_resources", **asked))["offer_id"]
    await shop.ask("request_resources", agent="p", resource="cpu", quantity=1)
    await shop.service.execute(DeclareResource(resource="fixed", policy="fair"), said)
    ids["pooled"] = (await shop.ask("request_resources", agent="p", resource="seats", quantity=1))[
        "demand_id"
    ]
    await shop.ask("aggregate_demand", agent="p", resources=["seats"], via="auction", closes_in=60)
    ids["waiting"] = (await shop.ask("request_resources", agent="q", resource="desks", quantity=1))[
        "demand_id"
    ]
    pool = await shop.ask("aggregate_demand", agent="p", resources=["desks"], via="auction", closes_in=900)
    ids["pool"] = pool["auction_id"]
    rule = {"start": 1, "step": 1, "every": 10}
    for name in ("dutch", "taken"):
        ids[name] = await shop.create(format="dutch", schedule=rule, max_price=10)
    await shop.ask("submit_bid", agent="p", auction_id=ids["taken"], take=True)
    ids["ranked"] = await shop.create(format="open")
    ids["leading"] = await shop.bid(ids["ranked"], "p", 5)
    lots = [{"id": "roof"}, {"id": "walls"}]
    for name in ("lots", "uncontested", "conflicting", "shared"):
        more = {"uncontested": {"payment_rule": "vcg"}, "conflicting": {"constraints": {"min_winners": 3}}}
        ids[name] = await shop.create(lots=lots, **more.get(name, {}))
        for agent, lot in (("p", "roof"), ("q", "walls")):
            await shop.bid(ids[name], agent, 5, lots=[lot])
    await shop.ask("award", agent="buyer", auction_id=ids["shared"])
    for name in ("conflicting", "uncontested"):  # an award would, before it is refused
        await shop.ask("close_auction", agent="buyer", auction_id=ids[name])
    ids["roof_of_p"] = await shop.bid(ids["lots"], "p", 4, lots=["roof"])
    await shop.bid(ids["lots"], "p", 4, lots=["walls"])
    ids["uniform"] = await shop.create(quantity=3, payment_rule="uniform")
    ids["reliable"] = await shop.create(min_reliability=0.5)
    ids["settling"] = await shop.create(scoring={"failure_price": 9, "settle_confidence": 5})
    await failures(shop, ids)
    shop.clock.wait(60)
    return ids


CALLS = {
    # Who acts
    ("create_auction", "task=t"): "agent_required",
    ("inbox", ""): "agent_required",
    ("list_auctions", "mine=true"): "agent_required",
    # Names
    ("no_such_tool", ""): "unknown_tool",
    ("get_auction", "auction_id={open} auctionid=x"): "unknown_argument",
    ("award", "agent=buyer auction_id={open} winner=p"): "unknown_argument",
    ("list_auctions", "idempotency_key=k"): "unknown_argument",
    # Unknown, or not to be seen
    ("get_auction", "auction_id=auc_x"): "unknown_auction",
    ("submit_bid", "agent=p auction_id=auc_x cost=1"): "unknown_auction",
    ("award", "agent=buyer auction_id={bid of p in open}"): "unknown_auction",
    ("withdraw", "agent=buyer id=auc_x"): "unknown_auction",
    ("withdraw", "agent=p id=bid_x_y"): "unknown_id",
    ("withdraw", "agent=p id=nonsense"): "unknown_id",
    ("withdraw", "agent=q id={bid of p in open}"): "unknown_id",
    ("withdraw", "agent=buyer id={bid of p in open}"): "unknown_id",
    ("withdraw", "agent=q id={demand}"): "unknown_id",
    ("withdraw", "agent=p id={offer}"): "unknown_id",
    ("withdraw", "agent=q id={gone}"): "unknown_id",
    ("submit_bid", "agent=q auction_id={open} cost=1 replaces={bid of p in open}"): "unknown_id",
    ("submit_bid", "agent=p auction_id={open} cost=1 replaces=bid_x_y"): "unknown_id",
    ("get_resource", "resource=nothing"): "unknown_resource",
    ("aggregate_demand", 'agent=p resources=["nothing"]'): "unknown_resource",
    ("get_agent", "agent_id=nobody"): "unknown_agent",
    # Not allowed
    ("award", "agent=p auction_id={open}"): "not_the_buyer",
    ("close_auction", "agent=p auction_id={open}"): "not_the_buyer",
    ("preview_award", "agent=p auction_id={closed}"): "not_the_buyer",
    ("preview_award", "auction_id={closed}"): "not_the_buyer",
    ("report_outcome", "agent=p auction_id={awarded} success=true"): "not_the_buyer",
    ("report_outcome", "agent=q auction_id={awarded} delivered=true"): "not_the_provider",
    ("report_outcome", "agent=buyer auction_id={reported} dispute=true"): "not_the_provider",
    ("withdraw", "agent=p id={open}"): "not_the_buyer",
    ("submit_bid", "agent=buyer auction_id={open} cost=1"): "own_auction",
    ("submit_bid", "agent=buyer/2 auction_id={open} cost=1"): "own_auction",
    ("submit_bid", "agent=Buyer auction_id={open} cost=1"): "own_auction",
    ("offer_resources", "agent=p/2 resource=gpu quantity=1 unit_price=1"): "both_sides",
    ("request_resources", "agent=Q resource=GPU quantity=1"): "both_sides",
    ("submit_bid", "agent=q auction_id={invited} cost=1"): "not_invited",
    ("submit_bid", "agent=acme auction_id={invited} cost=1"): "not_invited",
    # What is bought
    ("submit_bid", "agent=q auction_id={open} cost=5 quantity=2"): "field_does_not_fit",
    ("submit_bid", "agent=q auction_id={lots} cost=5"): "lots_required",
    ("submit_bid", 'agent=q auction_id={lots} cost=5 lots=["roof","door"]'): "unknown_lot",
    ("award", "agent=buyer auction_id={uncontested}"): "no_competition",
    ("request_resources", "agent=p resource=gpu quantity=1 priority=1"): "above_grant",
    ("aggregate_demand", 'agent=p resources=["gpu"] payment_rule=mcafee'): "clearing_rule_does_not_fit",
    ("aggregate_demand", 'agent=p resources=["fixed"] policy=efficient'): "fixed_by_operator",
    (
        "aggregate_demand",
        'agent=p resources=["gpu"] via=auction closes_in=9 threshold={{"owners":9}}',
    ): "threshold_not_met",
    ("withdraw", "agent=p id={pooled}"): "pool_closed",
    ("request_resources", "agent=q resource=desks quantity=1 replaces={waiting}"): "in_a_pool",
    ("award", "agent=p auction_id={pool}"): "pool_decides",
    ("report_outcome", "agent=p auction_id={pool} success=true"): "pool_not_reported",
    ("report_outcome", "agent=ann auction_id={pool} delivered=true"): "pool_not_reported",
    ("submit_bid", "agent=q auction_id={pool} cost=1"): "pool_member",
    ("award", "agent=buyer auction_id={conflicting}"): "constraints_conflict",
    ("award", 'agent=buyer auction_id={closed} together_with=["{conflicting}"]'): "not_together",
    ("preview_award", 'agent=buyer auction_id={closed} together_with=["{conflicting}"]'): "not_together",
    ("award", 'agent=buyer auction_id={closed} together_with=["{awarded}"]'): "auction_awarded",
    ("award", 'agent=buyer auction_id={closed} together_with=["auc_x"]'): "unknown_auction",
    ("submit_bid", "agent=p auction_id={uniform} cost=5 min_quantity=2"): "field_does_not_fit",
    ("report_outcome", "agent=buyer auction_id={shared} success=true"): "provider_required",
    ("report_outcome", "agent=buyer auction_id={shared} success=true provider=z"): "not_a_winner",
    # The state it is in
    ("submit_bid", "agent=q auction_id={taken} take=true"): "already_taken",
    ("submit_bid", "agent=p auction_id={taken} take=true"): "already_yours",
    ("submit_bid", 'agent=p/2 auction_id={lots} cost=5 lots=["walls"]'): "owner_bids_already",
    (
        "submit_bid",
        'agent=p auction_id={lots} cost=5 lots=["walls"] replaces={roof_of_p}',
    ): "two_bids_for_one",
    ("withdraw", "agent=p id={leading}"): "leading_bid",
    ("submit_bid", "agent=p auction_id={ranked} cost=5"): "bid_not_improved",
    ("submit_bid", "agent=q auction_id={ranked} cost=5 valid_for=9"): "must_bind",
    ("submit_bid", "agent=q auction_id={ranked} take=true"): "nothing_to_take",
    ("submit_bid", "agent=q auction_id={dutch} cost=5"): "take_required",
    ("submit_bid", "agent=q auction_id={dutch} take=true at_least=9"): "offer_too_low",
    ("submit_bid", "agent=p auction_id={closed} cost=1"): "auction_closed",
    ("withdraw", "agent=p id={bid of p in closed}"): "auction_closed",
    ("close_auction", "agent=buyer auction_id={closed}"): "auction_closed",
    ("close_auction", "agent=buyer auction_id={over}"): "auction_closed",
    ("submit_bid", "agent=p auction_id={awarded} cost=1"): "auction_awarded",
    ("award", "agent=buyer auction_id={awarded}"): "auction_awarded",
    ("withdraw", "agent=buyer id={awarded}"): "auction_awarded",
    ("withdraw", "agent=p id={bid of p in awarded}"): "auction_awarded",
    ("preview_award", "agent=buyer auction_id={awarded}"): "auction_awarded",
    ("award", "agent=buyer auction_id={unsold}"): "auction_unsold",
    ("report_outcome", "agent=buyer auction_id={unsold} success=true"): "auction_unsold",
    ("submit_bid", "agent=p auction_id={cancelled} cost=1"): "auction_cancelled",
    ("award", "agent=buyer auction_id={cancelled}"): "auction_cancelled",
    ("withdraw", "agent=buyer id={cancelled}"): "auction_cancelled",
    ("preview_award", "agent=buyer auction_id={open}"): "auction_open",
    ("report_outcome", "agent=buyer auction_id={open} success=true"): "not_awarded",
    ("report_outcome", "agent=buyer auction_id={over} success=true"): "not_awarded",
    ("report_outcome", "agent=buyer auction_id={old} success=false"): "outcome_reported",
    ("report_outcome", "agent=p auction_id={reported} delivered=true"): "outcome_reported",
    ("report_outcome", "agent=p auction_id={awarded} dispute=true"): "not_reported",
    ("report_outcome", "agent=p auction_id={disputed} dispute=true"): "outcome_disputed",
    ("report_outcome", "agent=p auction_id={reported} dispute=false"): "not_disputed",
    ("report_outcome", "agent=p auction_id={old} dispute=true"): "dispute_ended",
    ("report_outcome", "agent=p auction_id={settled} dispute=true"): "outcome_settled",
    ("report_outcome", "agent=buyer auction_id={settled} success=true"): "outcome_settled",
    ("award", "agent=buyer auction_id={reported} instead_of=p"): "not_failed",
    ("award", "agent=buyer auction_id={awarded} instead_of=z"): "not_a_winner",
    ("award", "agent=buyer auction_id={settled} instead_of=p"): "nobody_left",
    ("award", "agent=buyer auction_id={open} instead_of=p"): "not_awarded",
    ("award", "agent=p auction_id={settled} instead_of=p"): "not_the_buyer",
    ("award", "agent=buyer auction_id={again} instead_of=p"): "awarded_instead",
    ("submit_bid", "agent=r auction_id={open} cost=1 replaces={withdrawn}"): "bid_withdrawn",
    ("withdraw", "agent=r id={withdrawn}"): "bid_withdrawn",
    ("submit_bid", "agent=q auction_id={open} cost=1 replaces={replaced}"): "bid_replaced",
    ("withdraw", "agent=q id={replaced}"): "bid_replaced",
    ("withdraw", "agent=p id={gone}"): "entry_gone",
    ("withdraw", "agent=p id={lapsed}"): "entry_gone",
    ("aggregate_demand", 'agent=z resources=["gpu"]'): "nothing_to_clear",  # the prices do not meet
    ("aggregate_demand", 'agent=z resources=["cpu"]'): "nothing_to_clear",  # no offer
    # Time
    ("submit_bid", "agent=p auction_id={over} cost=1"): "bidding_ended",
    ("withdraw", "agent=p id={bid of p in over}"): "bidding_ended",
    ("award", "agent=buyer auction_id={timed}"): "before_deadline",
    ("close_auction", "agent=buyer auction_id={timed}"): "before_deadline",
    ("create_auction", "agent=buyer task=t closes_at=2026-11-23T12:01:00Z"): "deadline_passed",
    (
        "request_resources",
        "agent=p resource=gpu quantity=1 needed_by=2020-01-01T00:00:00Z",
    ): "deadline_passed",
    (
        "offer_resources",
        "agent=z resource=gpu quantity=1 unit_price=1 available_until=2026-11-23T12:00:59Z",
    ): "deadline_passed",
    # What the auction asks for
    ("submit_bid", "agent=p auction_id={skilled} cost=1"): "missing_capability",
    ("submit_bid", "agent=p auction_id={picky} cost=1"): "missing_attribute",
    (
        "submit_bid",
        'agent=p auction_id={picky} cost=1 attributes={{"language":"rust","cores":8}}',
    ): "missing_attribute",
    (
        "submit_bid",
        'agent=p auction_id={picky} cost=1 attributes={{"language":"python","cores":"8"}}',
    ): "missing_attribute",
    ("submit_bid", "agent=p auction_id={fast} cost=1"): "estimated_time_required",
    ("submit_bid", "agent=p auction_id={good} cost=1"): "quality_required",
    ("submit_bid", "agent=z auction_id={reliable} cost=1"): "below_min_reliability",
    ("submit_bid", "agent=p auction_id={settling} cost=1"): "confidence_required",
    ("submit_bid", "agent=p auction_id={open} cost=10.000001"): "bid_above_max_price",
    ("submit_bid", "agent=p auction_id={dear} cost=1 estimated_time=100000"): "score_out_of_range",
    ("offer_resources", "agent=p resource=x quantity=900000000 unit_price=9000"): "total_out_of_range",
}


def arguments(text: str, ids: dict[str, str]) -> dict[str, object]:
    """Read `name=value name=value`; a value that is JSON is meant as such, ids stand in braces."""
    pairs = []
    for word in text.replace(" of p in ", "~").replace(" of q in ", "^").split():
        name, _, value = word.replace("~", " of p in ").replace("^", " of q in ").partition("=")
        filled = value.format(**ids)
        try:
            pairs.append((name, json.loads(filled)))
        except ValueError:
            pairs.append((name, filled))
    return dict(pairs)


@MODES
async def test_every_wrong_call_is_refused_with_its_own_code_and_changes_nothing(mode, golden):
    async with market(mode) as shop:
        ids = await a_busy_market(shop)
        told = {call: await shop.refusal(call[0], **arguments(call[1], ids)) for call in CALLS}
        assert {call: refusal["code"] for call, refusal in told.items()} == CALLS
        texts = [
            f"{tool}({asked})\n    {refusal['code']}: {refusal['message']}.\n    Next: {refusal['next']}.\n"
            for (tool, asked), refusal in told.items()
        ]
        golden("refusals.txt", "\n".join(texts))


def test_the_table_above_knows_every_code_that_a_call_can_meet():
    elsewhere = {
        "not_your_agent",
        "idempotency_key_reused",
        "invalid_value",
        "not_whole",
        "too_many_entries",
        "book_full",
    }
    assert {code.value for code in Code} - set(CALLS.values()) - elsewhere <= UNSEEN | NOT_FROM_A_CALL


@MODES
async def test_what_one_may_not_see_is_refused_byte_for_byte_like_what_does_not_exist(mode):
    async with market(mode) as shop:
        ids = await a_busy_market(shop)
        pairs = [
            ("withdraw", {"agent": "q", "id": ids["bid of p in open"]}, {"agent": "q", "id": "bid_t1_none"}),
            ("withdraw", {"agent": "q", "id": ids["demand"]}, {"agent": "q", "id": "dem_gpu_none"}),
            ("withdraw", {"agent": "q", "id": ids["gone"]}, {"agent": "q", "id": "dem_none_none"}),
            ("withdraw", {"agent": "p", "id": ids["offer"]}, {"agent": "p", "id": "off_gpu_none"}),
            ("withdraw", {"agent": "q", "id": ids["withdrawn"]}, {"agent": "q", "id": "bid_none_none"}),
            *(
                (
                    "submit_bid",
                    {"agent": "q", "auction_id": ids[auction], "cost": 1, "replaces": replaces},
                    {"agent": "q", "auction_id": ids[auction], "cost": 1, "replaces": "bid_t1_none"},
                )
                for auction in ("open", "closed", "awarded", "cancelled", "invited")
                for replaces in (ids["bid of p in open"], ids["withdrawn"])
            ),
        ]
        for tool, seen, unseen in pairs:
            one, other = await shop.call(tool, **seen), await shop.call(tool, **unseen)
            assert one.is_error
            assert one.model_dump_json() == other.model_dump_json()


@MODES
async def test_a_refusal_that_waiting_can_help_says_so_and_how_long(mode):
    async with market(mode) as shop:
        auction_id = await shop.create(closes_in=90)
        refusal = await shop.refusal("award", agent="buyer", auction_id=auction_id)
        assert (refusal["code"], refusal["transient"], refusal["retry_after"]) == (
            "before_deadline",
            True,
            90,
        )
        assert refusal["facts"]["closes_at"] == "2026-11-23T12:01:30Z"
        refusal = await shop.refusal("award", agent="p", auction_id=auction_id)
        assert (refusal["transient"], "retry_after" in refusal) == (False, False)


@MODES
async def test_a_server_bound_to_one_agent_acts_and_looks_only_for_it(mode):
    async with market(mode, bound="acme/a") as shop:
        auction_id = (await shop.ask("create_auction", task="t"))["auction_id"]
        assert (await shop.ask("get_auction", auction_id=auction_id))["buyer"] == "acme/a"
        await shop.ask("create_auction", task="t", agent="acme/a")
        assert (await shop.ask("inbox"))["agent"] == "acme/a"
        calls = {
            "create_auction": {"task": "t"},
            "submit_bid": {"auction_id": auction_id, "cost": 1},
            "get_auction": {"auction_id": auction_id},
            "list_auctions": {},
            "get_resource": {},
            "get_agent": {},
            "inbox": {},
        }
        for tool, given in calls.items():
            for other in ("acme", "acme/b", "q"):
                assert await shop.refused(tool, agent=other, **given) == "not_your_agent"
        row = {"auction_id": auction_id, "cost": 1}
        answer = await shop.ask("submit_bids", bids=[row, {**row, "agent": "q"}])
        assert [row["code"] for row in answer["refusals"]] == ["own_auction", "not_your_agent"]


@MODES
async def test_limits_on_entries_and_whole_units_are_kept(mode):
    async with market(mode) as shop:
        await shop.service.execute(DeclareResource(resource="slots", whole=True), said)
        assert (
            await shop.refused("request_resources", agent="p", resource="slots", quantity=1.5) == "not_whole"
        )
        for n in range(100):
            await shop.ask("request_resources", agent=f"p/{n}", resource="slots", quantity=1)
        assert (
            await shop.refused("request_resources", agent="p", resource="Slots", quantity=1)
            == "too_many_entries"
        )
        await shop.ask("request_resources", agent="q", resource="slots", quantity=1)


@MODES
async def test_rows_of_many_bids_are_judged_each_alone_and_in_order(mode):
    async with market(mode) as shop:
        auction_id = await shop.create(max_price=10)
        rows = [
            {"auction_id": auction_id, "cost": 5},
            {"auction_id": auction_id, "cost": 11},
            {"auction_id": "auc_none", "cost": 1},
            {"auction_id": auction_id, "cost": 4, "agent": "q"},
            {"auction_id": auction_id, "cost": 3},
        ]
        answer = await shop.ask("submit_bids", agent="p", bids=rows)
        assert (answer["accepted"], answer["refused"]) == (3, 2)
        assert answer["bid_ids"] == ["bid_t1_t2", "", "", "bid_t1_t5", "bid_t1_t6"]
        assert [row["code"] for row in answer["refusals"]] == ["bid_above_max_price", "unknown_auction"]
        alone = await shop.refusal("submit_bid", agent="p", **rows[1])
        assert answer["refusals"][0] == {"index": 1, "code": alone["code"], "message": alone["message"]}
        assert answer["next"][alone["code"]] == alone["next"]
        assert (await shop.ask("get_auction", auction_id=auction_id))["bids"] == 2
