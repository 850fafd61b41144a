"""Several auctions awarded in one call: the answers a buyer and its bidders get, and large ones beside the market."""

import pytest

from market_core import together
from market_core.commands import AwardAuction, ReportOutcome
from server.service import Service
from server.stores.memory import MemoryStore
from tests.server import workers
from tests.server.shell import Counted, Shop, market, said, sound


async def a_morning(shop: Shop, **terms) -> list[str]:
    """Two tasks for which ann is best, who does one at a time; return their ids."""
    await shop.ask("register_agent", agent="ann", max_concurrent=1)
    ids = [await shop.create(task=task, **terms) for task in ("Fix the build", "Tidy up")]
    for auction_id, ann, bob in zip(ids, (1, 2), (5, 9), strict=True):
        await shop.bid(auction_id, "ann", ann)
        await shop.bid(auction_id, "bob", bob)
    return ids


async def test_an_award_of_several_says_who_does_what_for_how_much_and_why():
    async with market() as shop:
        first, second = await a_morning(shop)
        text, made = await shop.both("award", agent="buyer", auction_id=first, together_with=[second])
        rows = [(row["auction_id"], row["agent"], row["payment"]) for row in made["winners"]]
        assert rows == [(first, "bob", 5), (second, "ann", 2)]
        assert (made["total_payment"], made["status"], made["ranked"]) == (7, "awarded", 4)
        assert made["proof"] == {"status": "optimal", "gap": 0, "bound": 7, "solver": "augmenting paths"}
        assert text.startswith(
            "2 of 2 auctions awarded for 7 credits. Within what each provider takes at a time, "
        )
        text = await shop.text("get_auction", agent="ann", auction_id=first)
        assert f"decided together: {first}, {second}, within what each provider takes at a time" in text
        assert "what would have won was not computed" in text
        text, seen = await shop.both("get_agent", agent_id="ann")
        assert (seen["running"], seen["max_concurrent"]) == (1, 1)
        assert "running: 1 work (won, neither delivered nor reported on); at most 1 at a time" in text


async def test_a_preview_shows_both_rules_and_changes_nothing():
    async with market() as shop:
        ids = await a_morning(shop, max_price=20)
        for auction_id in ids:
            await shop.ask("close_auction", agent="buyer", auction_id=auction_id)
        ask = {"agent": "buyer", "auction_id": ids[0], "together_with": ids[1:]}
        text, made = await shop.both("preview_award", **ask)
        # Z = 7. Without ann: 5 + 9. Without bob: 1 + 20 (ann does the first, the other stays at its max_price).
        assert [(r["payment_rule"], r["payment"], r["premium"]) for r in made["rules"]] == [
            ("pay_as_bid", 7, 0),
            ("vcg", 9 + 19, 21),
        ]
        assert text.startswith("2 of 2 auctions would be awarded (pay_as_bid, their rule).")
        assert await shop.both("preview_award", **ask) == (text, made)


async def test_what_finds_nobody_stays_closed_and_is_awarded_later():
    async with market() as shop:
        await shop.ask("register_agent", agent="ann", max_concurrent=1)
        urgent = await shop.create(priority=5)
        other, empty = await shop.create(), await shop.create()
        await shop.bid(urgent, "ann", 9)
        await shop.bid(other, "ann", 1)
        text, made = await shop.both("award", agent="buyer", auction_id=other, together_with=[urgent, empty])
        assert (made["status"], made["left"], made["unsold"]) == ("closed", [other], [empty])
        assert [row["auction_id"] for row in made["winners"]] == [urgent]
        assert f"Still closed, with bids but without a winner: {other}." in text
        await shop.ask("report_outcome", agent="buyer", auction_id=urgent, success=True)
        made = await shop.ask("award", agent="buyer", auction_id=other, together_with=[])
        assert made["winners"][0]["agent"] == "ann"


async def test_the_same_award_under_a_key_is_made_once():
    async with market() as shop:
        first, second = await a_morning(shop)
        ask = {"agent": "buyer", "auction_id": first, "together_with": [second], "idempotency_key": "k"}
        assert await shop.both("award", **ask) == await shop.both("award", **ask)


@pytest.mark.parametrize("rule", ["pay_as_bid", "vcg"])
async def test_a_large_one_is_solved_beside_the_market_on_final_bids(monkeypatch, rule):
    monkeypatch.setattr(together, "_MOST_INLINE", 0)
    async with market() as shop:
        ids = await a_morning(shop, max_price=20, payment_rule=rule)
        asked, inner = [], shop.service.solver

        class Watched:
            async def solve(self, question):
                asked.append([(await shop.ask("get_auction", auction_id=each))["status"] for each in ids])
                return await inner.solve(question)

        shop.service.solver = Watched()
        made = await shop.ask("award", agent="buyer", auction_id=ids[0], together_with=ids[1:])
        assert asked == [["closed", "closed"]]
        assert made["total_payment"] == (7 if rule == "pay_as_bid" else 28)


async def test_capacity_that_changes_while_it_is_solved_is_not_decided_on(monkeypatch):
    monkeypatch.setattr(together, "_MOST_INLINE", 0)
    async with market() as shop:
        ids = await a_morning(shop)
        elsewhere = await shop.create(agent="other")
        await shop.bid(elsewhere, "ann", 1)
        inner = shop.service.solver

        class Meanwhile:
            async def solve(self, question):
                solution = await inner.solve(question)
                await shop.ask("award", agent="other", auction_id=elsewhere)  # now ann is taken
                return solution

        shop.service.solver = Meanwhile()
        ask = {"agent": "buyer", "auction_id": ids[0], "together_with": ids[1:]}
        result = await shop.call("award", **ask)
        assert (result.structured_content["code"], result.structured_content["transient"]) == ("busy", True)
        shop.service.solver = inner
        assert [row["agent"] for row in (await shop.ask("award", **ask))["winners"]] == ["bob", "bob"]


@pytest.mark.parametrize("frees", [False, True])
async def test_capacity_that_another_process_changes_is_counted_again(frees):
    class Racing(MemoryStore):
        """A store to which somebody else commits first, once."""

        meanwhile = None

        async def commit(self, batch):
            act, self.meanwhile = self.meanwhile, None
            if act:
                await act()
            return await super().commit(batch)

    store = Racing()
    async with market(store=store) as shop, Service(store, shop.clock, Counted("u")).running() as other:
        mine = await a_morning(shop)
        theirs = await shop.create(agent="other")
        await shop.bid(theirs, "ann", 1)
        command = AwardAuction(agent="other", auction_id=theirs)
        if frees:  # ann is at work, and wins nothing, until the outcome is there
            await shop.ask("award", agent="other", auction_id=theirs)
            command = ReportOutcome(agent="other", auction_id=theirs, success=True)

        async def taken():
            await other.execute(command, said)

        store.meanwhile = taken
        made = await shop.ask("award", agent="buyer", auction_id=mine[0], together_with=mine[1:])
        assert [row["agent"] for row in made["winners"]] == ["bob", "ann" if frees else "bob"]
        await sound(store)


async def test_awards_of_one_moment_do_not_count_on_the_same_capacity_twice():
    async with market() as shop:
        asked = {"requirements": {"capabilities": ["go"]}}
        once = {"go": {"cost": 5, "max_concurrent": 1}}
        await shop.ask("register_agent", agent="ann", capabilities=["go"], standing_bids=once)
        await shop.ask("register_agent", agent="bob", capabilities=["go"])
        ids = [await shop.create(**asked) for _ in range(3)]
        await shop.bid(ids[0], "bob", 4)  # so that more is read for the first than for the others
        commands = [AwardAuction(agent="buyer", auction_id=auction_id) for auction_id in ids]
        await workers.together(shop.service, *commands)
        seen = [await shop.ask("get_auction", auction_id=auction_id) for auction_id in ids]
        assert [one["status"] for one in seen] == ["awarded", "awarded", "unsold"]
        await sound(shop.store)
