"""Pools that take long to settle: solved beside the market when their time is over, and never half settled."""

import json
from dataclasses import replace

import anyio
import pytest

from market_core import Rejection
from market_core.commands import Lapse
from market_core.mechanisms import pooling_settled
from market_core.mechanisms.solve import solve
from server import scheduler
from server.asking import asked_by
from server.scheduler import _carry_out_due, keep_time
from server.solver import ProcessSolver
from tests.server.hard import Gate, Gone
from tests.server.shell import market, said, sound
from tests.server.test_pools import bids, five_members


@pytest.fixture(autouse=True)
def hard(monkeypatch):
    """Let no pool be small."""
    monkeypatch.setattr(pooling_settled, "_FEW_CELLS", 0)


async def kinds(shop, stream: str = "resource/gpu-hours") -> list[str]:
    return [json.loads(event.body)["type"] for event in await shop.store.load(stream)]


async def test_others_are_answered_while_a_hard_pool_is_settled_by_the_scheduler():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.service.solver = gate = Gate()
        shop.clock.wait(60)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, shop.service)
            await gate.asked.wait()
            assert (await shop.ask("get_auction", auction_id=pool["auction_id"]))["status"] == "closed"
            await shop.ask("request_resources", agent="z", resource="gpu-hours", quantity=1)
            assert await shop.create()
            assert "pool_cleared" not in await kinds(shop)
            gate.opened.set()
            with anyio.fail_after(5):
                while "pool_cleared" not in await kinds(shop):
                    await shop.store.watch()
            tasks.cancel_scope.cancel()
        seen = await shop.ask("get_auction", agent="s", auction_id=pool["auction_id"])
        assert (seen["status"], seen["winners"][0]["payment"]) == ("awarded", 440)
        assert len(gate.questions) == 1  # what came into the book meanwhile has nothing to do with it
        await sound(shop.store)


async def test_bids_that_end_meanwhile_are_not_awarded():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        brief = {"cost": 1, "quantity": 110, "valid_for": 90}
        await shop.bid(pool["auction_id"], "brief", **brief)
        shop.clock.wait(60)

        class Meanwhile(Gone):
            async def solve(self, question):
                solution = await super().solve(question)
                if len(self.questions) == 1:
                    shop.clock.wait(60)
                return solution

        shop.service.solver = meanwhile = Meanwhile(0)
        await _carry_out_due(shop.service)
        seen = await shop.ask("get_auction", agent="s", auction_id=pool["auction_id"])
        assert (seen["winners"][0]["agent"], len(meanwhile.questions)) == ("s", 2)
        await sound(shop.store)


async def test_a_solver_that_is_gone_leaves_the_pool_as_it_was_until_it_is_settled(monkeypatch, caplog):
    monkeypatch.setattr(scheduler, "_TRY_AGAIN", 0)
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.service.solver = gone = Gone(2)
        shop.clock.wait(60)
        before = await kinds(shop), await kinds(shop, f"auction/{pool['auction_id']}")
        await _carry_out_due(shop.service)
        assert (await kinds(shop), await kinds(shop, f"auction/{pool['auction_id']}")) == before
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, shop.service)
            with anyio.fail_after(5):
                while "pool_cleared" not in await kinds(shop):
                    await shop.store.watch()
            tasks.cancel_scope.cancel()
        assert len(gone.questions) == 3
        assert "killed" in caplog.text


async def test_a_solver_that_is_wrong_settles_nothing(caplog):
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)

        class Wrong(Gone):
            async def solve(self, question):
                made = await super().solve(question)
                paid = made.award.shares.payments
                other = (paid[0] + 1, paid[1] - 1, *paid[2:])
                return replace(
                    made, award=replace(made.award, shares=replace(made.award.shares, payments=other))
                )

        shop.service.solver = Wrong(0)
        await _carry_out_due(shop.service)
        assert "a solution that cannot be" in caplog.text
        assert "pool_cleared" not in await kinds(shop)


async def test_without_its_answer_a_hard_pool_is_not_settled():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)
        with pytest.raises(Rejection, match="busy"):
            await shop.service.execute(Lapse(stream=f"auction/{pool['auction_id']}"), said)
        assert "pool_cleared" not in await kinds(shop)


async def test_a_hard_pool_that_nobody_supplies_lapses_without_solving():
    async with market() as shop:
        await five_members(shop)
        shop.service.solver = gone = Gone(1)
        shop.clock.wait(60)
        await _carry_out_due(shop.service)
        assert ((await kinds(shop))[-1], gone.questions) == ("pool_lapsed", [])


async def test_a_hard_pool_is_replayed_without_solving(monkeypatch):
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)
        await _carry_out_due(shop.service)
        monkeypatch.setattr(pooling_settled, "decide", None)  # nobody decides any more
        await sound(shop.store)
        recorded = json.loads((await shop.store.load("resource/gpu-hours"))[-1].body)
        assert (recorded["type"], recorded["proof"]["status"]) == ("pool_cleared", "optimal")


async def test_what_is_not_proved_in_time_is_said_to_members_and_suppliers_and_in_the_record():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)

        class Hurried(Gone):
            async def solve(self, question):
                made = await super().solve(question)
                award = made.award.award
                proof = replace(award.proof, status="feasible", gap=10**12, bound=award.proof.bound - 10**12)
                return replace(made, award=replace(made.award, award=replace(award, proof=proof)))

        shop.service.solver = Hurried(0)
        await _carry_out_due(shop.service)
        for agent, what in (("ann", "pool_bought"), ("s", "pool_supply")):
            told = {row["what"]: row["why"] for row in (await shop.ask("inbox", agent=agent))["news"]}
            assert told[what].endswith("it is the best found in time, not proved to be the best")
        recorded = json.loads((await shop.store.load("resource/gpu-hours"))[-1].body)
        assert (recorded["proof"]["status"], recorded["proof"]["gap"]) == ("feasible", "1")


async def test_a_process_settles_what_the_core_settles():
    async with market() as shop:
        pool = await five_members(shop)
        await bids(shop, pool["auction_id"])
        shop.clock.wait(60)
        (asked,) = await asked_by(shop.service, Lapse(stream=f"auction/{pool['auction_id']}"))
        with anyio.fail_after(60):
            assert await ProcessSolver(10).solve(asked) == solve(asked)
