"""Clearings that take long to search: solved beside the market, which goes on, and decided on the book as it then is."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from market_core.commands import DeclareResource, Lapse, OfferResources, RequestResources
from market_core.mechanisms import clearing_choices
from market_core.mechanisms.clearing_crossing import Worth
from market_core.mechanisms.solve import solve
from server import scheduler
from server.ports import SolverGone
from server.scheduler import _carry_out_due, keep_time
from server.solver import ProcessSolver
from server.stores.memory import MemoryStore
from server.stores.sqlite import SqliteStore
from tests.server.hard import Gate, Gone, a_hard_book
from tests.server.shell import Hand, market, said, sound
from tests.server.test_solving import children
from tests.server.workers import services

CLEAR = {"agent": "c", "resources": ["gpu"]}
ONE_MORE = {"quantity": 363, "min_quantity": 363, "unit_price": "4.002"}
SERVED = {"a2": 153, "a5": 165, "a6": 162}


def served(answer: dict) -> dict[str, float]:
    (made,) = answer["clearings"]
    return {row["agent"]: row["quantity"] for row in made["allocations"]}


async def kinds(store, stream: str = "resource/gpu") -> list[str]:
    return [json.loads(event.body)["type"] for event in await store.load(stream)]


async def test_others_are_answered_while_a_hard_clearing_is_solved():
    async with market() as shop:
        await a_hard_book(shop.service)
        shop.service.solver = gate = Gate()
        made = []

        async def clear() -> None:
            made.append(await shop.ask("aggregate_demand", **CLEAR))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clear)
            await gate.asked.wait()
            # Whoever asks for anything else has its answer now: nothing here opens the gate.
            assert await shop.create()
            seen = await shop.ask("get_resource", resource="gpu")
            assert seen["demand"]["entries"] == 9
            await shop.ask("request_resources", agent="z", resource="tokens", quantity=1)
            await shop.ask("offer_resources", agent="y", resource="tokens", quantity=1, unit_price=1)
            assert (await shop.ask("aggregate_demand", agent="x", resources=["tokens"]))["clearings"]
            assert not made
            gate.opened.set()
        assert served(made[0]) == SERVED
        assert made[0]["clearings"][0]["proof"]["status"] == "optimal"
        assert len(gate.questions) == 1
        await sound(shop.store)


async def test_a_book_that_changes_meanwhile_is_solved_again():
    async with market() as shop:
        await a_hard_book(shop.service)
        shop.service.solver = gate = Gate()
        made = []

        async def clear() -> None:
            made.append(await shop.ask("aggregate_demand", **CLEAR, idempotency_key="k"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clear)
            await gate.asked.wait()
            best = {"quantity": 25, "min_quantity": 25, "max_unit_price": 6}
            await shop.ask("request_resources", agent="late", resource="gpu", **best)
            gate.opened.set()
        assert len(gate.questions) == 2
        assert "late" in served(made[0])
        assert await shop.ask("aggregate_demand", **CLEAR, idempotency_key="k") == made[0]
        assert len(gate.questions) == 2
        await sound(shop.store)


async def test_what_the_search_does_not_depend_on_may_change_meanwhile():
    async with market() as shop:
        await a_hard_book(shop.service)
        shop.service.solver = gate = Gate()
        mine = (await shop.ask("offer_resources", agent="p", resource="gpu", quantity=1, unit_price=9))[
            "offer_id"
        ]
        made = []

        async def clear() -> None:
            made.append(await shop.ask("aggregate_demand", **CLEAR))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clear)
            await gate.asked.wait()
            again = {"quantity": 1, "unit_price": 9, "replaces": mine}
            await shop.ask("offer_resources", agent="p", resource="gpu", **again)
            gate.opened.set()
        assert (len(gate.questions), served(made[0])) == (1, SERVED)


async def test_a_book_that_never_rests_is_busy_in_the_end_and_as_it_was():
    async with market() as shop:
        await a_hard_book(shop.service)

        class Restless(Gate):
            async def solve(self, question):
                self.questions.append(question)
                more = RequestResources(
                    agent="m", resource="gpu", quantity=1, max_unit_price=len(self.questions)
                )
                await shop.service.execute(more, said)
                return solve(question)

        shop.service.solver = restless = Restless()
        result = await shop.call("aggregate_demand", **CLEAR)
        assert (result.structured_content["code"], result.structured_content["transient"]) == ("busy", True)
        assert len(restless.questions) == 4
        assert "resource_cleared" not in await kinds(shop.store)


async def test_a_solver_that_is_gone_changes_nothing_and_may_be_asked_again():
    async with market() as shop:
        await a_hard_book(shop.service)
        shop.service.solver = Gone(1)
        refusal = await shop.refusal("aggregate_demand", **CLEAR)
        assert (refusal["code"], refusal["transient"]) == ("solver_gone", True)
        assert served(await shop.ask("aggregate_demand", **CLEAR)) == SERVED


async def test_a_solver_that_is_wrong_decides_nothing():
    async with market() as shop:
        await a_hard_book(shop.service)

        class Wrong:
            async def solve(self, question):
                made = solve(question)
                worth = Worth(made.award.worth.surplus - 1, made.award.worth.traded)
                return replace(made, award=replace(made.award, worth=worth))

        shop.service.solver = Wrong()
        result = await shop.call("aggregate_demand", **CLEAR)
        assert result.structured_content["code"] == "internal_error"
        assert "resource_cleared" not in await kinds(shop.store)
        shop.service.solver = Gone(0)
        assert served(await shop.ask("aggregate_demand", **CLEAR)) == SERVED


async def test_what_is_not_proved_in_time_is_said_in_the_answer_and_in_the_record():
    async with market() as shop:
        await a_hard_book(shop.service)
        await shop.ask("offer_resources", agent="s2", resource="gpu", **ONE_MORE)

        class Hurried:
            async def solve(self, question):
                return solve(question, 0.02)

        shop.service.solver = Hurried()
        text, answer = await shop.both("aggregate_demand", **CLEAR)
        (made,) = answer["clearings"]
        assert (made["proof"]["status"], made["proof"]["gap"] > 0) == ("feasible", True)
        assert "bound" not in made["proof"]  # the surplus would tell limits
        assert (
            f"feasible: the best found in time, at most {made['proof']['gap']} credits less surplus" in text
        )
        recorded = json.loads((await shop.store.load("resource/gpu"))[-1].body)
        assert recorded["proof"]["status"] == "feasible"
        await sound(shop.store)


async def test_where_no_trade_is_found_in_time_it_is_refused():
    async with market() as shop:
        await a_hard_book(shop.service)

        class NoTime:
            async def solve(self, question):
                return solve(question, 0)

        shop.service.solver = NoTime()
        refusal = await shop.refusal("aggregate_demand", **CLEAR)
        assert refusal["code"] == "nothing_to_clear"
        assert refusal["facts"]["why"].endswith("were found in the time there is")


async def test_several_resources_are_each_solved_and_cleared_at_once():
    async with market() as shop:
        await a_hard_book(shop.service)
        await a_hard_book(shop.service, "tpu")
        shop.service.solver = solver = Gone(0)
        answer = await shop.ask("aggregate_demand", agent="c", resources=["gpu", "tpu", "none"])
        assert [row["resource"] for row in answer["clearings"]] == ["gpu", "tpu"]
        assert [row["resource"] for row in answer["not_cleared"]] == ["none"]
        assert len(solver.questions) == 2


async def test_where_one_of_several_books_has_changed_all_are_solved_again():
    async with market() as shop:
        await a_hard_book(shop.service)
        for agent, tool, price in (
            ("b", "request_resources", "max_unit_price"),
            ("p", "offer_resources", "unit_price"),
        ):
            await shop.ask(tool, agent=agent, resource="files", quantity=1, **{price: 3})
        shop.service.solver = gate = Gate()
        made = []

        async def clear() -> None:
            made.append(await shop.ask("aggregate_demand", agent="c", resources=["gpu", "files"]))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(clear)
            await gate.asked.wait()
            late = {"quantity": 25, "min_quantity": 25, "max_unit_price": 6}
            await shop.ask("request_resources", agent="late", resource="gpu", **late)
            gate.opened.set()
        assert [row["resource"] for row in made[0]["clearings"]] == ["gpu", "files"]
        assert (len(gate.questions), made[0]["not_cleared"]) == (2, [])


async def test_a_look_says_what_was_not_computed_and_asks_no_solver():
    async with market() as shop:
        await a_hard_book(shop.service)
        await shop.ask("offer_resources", agent="s2", resource="gpu", **ONE_MORE)
        shop.service.solver = solver = Gone(1)
        text, seen = await shop.both("get_resource", resource="gpu")
        rows = {row["policy"]: row for row in seen["preview"]}
        assert rows["efficient"] == {"policy": "efficient", "not_computed": True}
        assert "quantity" in rows["fair"]
        assert ("unmet" in seen, solver.questions) == (False, [])
        assert "What efficient would give was not computed" in text


async def test_a_large_book_with_minimums_is_read_beside_the_event_loop(monkeypatch):
    monkeypatch.setattr("market_core.handle._LONG_CHOICES", 2)
    async with market() as shop:
        await a_hard_book(shop.service)
        assert served(await shop.ask("aggregate_demand", **CLEAR)) == SERVED
        await sound(shop.store)


# What is due


async def standing(service) -> None:
    await service.execute(DeclareResource(resource="gpu", at_quantity=1000), said)
    await a_hard_book(service)


async def test_the_scheduler_solves_a_standing_clearing_while_other_deadlines_go_on():
    clock, store = Hand(), MemoryStore()
    async with services(store, clock=clock) as (service,):
        service.solver = gate = Gate()
        await standing(service)
        brief = OfferResources(
            agent="s", resource="tokens", quantity=1, unit_price=1, available_until="2026-11-23T12:01:00Z"
        )
        await service.execute(brief, said)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, service)
            await gate.asked.wait()
            clock.wait(60)
            await service.execute(
                RequestResources(agent="z", resource="files", quantity=1, needed_by="2026-11-23T13:00:00Z"),
                said,
            )
            with anyio.fail_after(5):
                while "entries_lapsed" not in await kinds(store, "resource/tokens"):
                    await store.watch()
            assert "resource_cleared" not in await kinds(store)
            gate.opened.set()
            with anyio.fail_after(5):
                while "resource_cleared" not in await kinds(store):
                    await store.watch()
            tasks.cancel_scope.cancel()
        assert (await kinds(store))[-2:] == ["clearing_due", "resource_cleared"]
        assert len(gate.questions) == 1
        await sound(store)


async def test_two_schedulers_make_one_standing_clearing_of_a_hard_book():
    clock, store = Hand(), MemoryStore()
    async with services(store, "t", "u", clock=clock) as (one, other):
        await standing(one)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_carry_out_due, one)
            tasks.start_soon(_carry_out_due, other)
        assert (await kinds(store)).count("resource_cleared") == 1
        await sound(store)


async def test_a_scheduler_whose_solver_is_gone_tries_again(monkeypatch, caplog):
    monkeypatch.setattr(scheduler, "_TRY_AGAIN", 0)
    clock, store = Hand(), MemoryStore()
    async with services(store, clock=clock) as (service,):
        service.solver = gone = Gone(2)
        await standing(service)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_time, service)
            with anyio.fail_after(5):
                while "resource_cleared" not in await kinds(store):
                    await store.watch()
            tasks.cancel_scope.cancel()
        assert len(gone.questions) == 3
        assert "could not be solved now: killed" in caplog.text


async def test_what_lapses_is_recorded_though_a_hard_clearing_is_due_and_not_solved():
    clock, store = Hand(), MemoryStore()
    async with services(store, clock=clock) as (service,):
        await standing(service)
        brief = {"quantity": 1, "max_unit_price": 5, "needed_by": "2026-11-23T12:01:00Z"}
        await service.execute(RequestResources(agent="z", resource="gpu", **brief), said)
        clock.wait(60)
        await service.execute(Lapse(stream="resource/gpu"), said)  # without what it would need
        assert (await kinds(store))[-1] == "entries_lapsed"
        await _carry_out_due(service)
        assert (await kinds(store))[-2:] == ["clearing_due", "resource_cleared"]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_hard_clearing_is_replayed_without_solving(kind, tmp_path, monkeypatch):
    store = MemoryStore() if kind == "memory" else SqliteStore(str(tmp_path / "market.db"))
    async with services(store) as (service,):
        service.solver = Gone(0)
        await a_hard_book(service)
        async with market(store=store) as shop:
            await shop.ask("aggregate_demand", **CLEAR)
        monkeypatch.setattr(clearing_choices, "Search", None)  # nobody searches any more
        await sound(store)
        async with services(store) as (again,):
            left = await again.see(["resource/gpu"], lambda states, _: set(states["resource/gpu"].demand))
        assert len(left) == 6
    await store.close()


async def test_a_look_at_a_large_book_is_the_same_beside_the_event_loop(monkeypatch):
    async with market() as shop:
        await a_hard_book(shop.service)
        await shop.ask("request_bundle", agent="ann", bundle={"gpu": 1, "memory": 2}, max_payment=5)
        brief = {"quantity": 1, "max_unit_price": 5, "needed_by": "2026-11-23T12:01:00Z"}
        await shop.ask("request_resources", agent="z", resource="gpu", **brief)
        shop.clock.wait(60)  # what is over is not recorded yet
        before = [
            await shop.both("get_resource", agent=agent, resource="gpu") for agent in ("a1", "ann", "x")
        ]
        monkeypatch.setattr("server.asking._MANY", 0)
        assert before == [
            await shop.both("get_resource", agent=agent, resource="gpu") for agent in ("a1", "ann", "x")
        ]
        assert await shop.refused("get_resource", resource="nothing") == "unknown_resource"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the worker through /proc")
async def test_a_worker_that_is_killed_changes_nothing_and_the_next_one_solves_it():
    async with market() as shop:
        await a_hard_book(shop.service)
        worker = ProcessSolver(10)

        class Killed:
            async def solve(self, question):
                before = children()
                await worker.solve(question)  # which starts the worker
                (process,) = children() - before
                os.kill(
                    process, signal.SIGSTOP
                )  # so that it has the question and no answer when it is killed
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(kill, process)
                    try:
                        await worker.solve(question)
                    except SolverGone as gone:
                        why = gone
                raise why

        async def kill(process: int) -> None:
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            os.kill(process, signal.SIGKILL)

        shop.service.solver = Killed()
        with anyio.fail_after(60):
            assert await shop.refused("aggregate_demand", **CLEAR) == "solver_gone"
            shop.service.solver = worker
            assert served(await shop.ask("aggregate_demand", **CLEAR)) == SERVED
