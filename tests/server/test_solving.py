"""Awards that take long to solve: solved beside the market, with the auction closed first, and never half decided."""

import json
import os
import random
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from market_core import Code, Rejection
from market_core.mechanisms.combinatorial import LotBid, LotProblem
from market_core.mechanisms.multi_unit import UnitBid, UnitProblem
from market_core.mechanisms.procurement import Infeasible, Limits, NoCompetition, TooLarge, Unproved
from market_core.mechanisms.solve import Question, check, solve
from market_core.sets import refusal
from server.identity import Identity
from server.ports import SolverGone
from server.protocol import build
from server.service import Service
from server.solver import ProcessSolver
from server.stores.memory import MemoryStore
from tests.server.shell import Counted, Hand, Shop, market, plainly

LOTS = [{"id": f"l{n:02}"} for n in range(20)]


def rows(auction_id: str, number: int = 60) -> list[dict]:
    """Return bids on sets of up to four of twenty lots, and a dear one on each lot so that all can be bought."""
    dice = random.Random(7)
    sets = [sorted(dice.sample(range(20), dice.randint(1, 4))) for _ in range(number)]
    made = [
        {
            "agent": f"a{n}",
            "cost": len(chosen) * dice.randint(5, 15),
            "lots": [f"l{lot:02}" for lot in chosen],
        }
        for n, chosen in enumerate(sets)
    ]
    made += [{"agent": f"z{lot}", "cost": 40, "lots": [f"l{lot:02}"]} for lot in range(20)]
    return [{"auction_id": auction_id, **row} for row in made]


async def a_large_one(shop: Shop, **terms) -> str:
    auction_id = await shop.create(lots=LOTS, **terms)
    made = await shop.ask("submit_bids", agent="a0", bids=rows(auction_id))
    assert made["refused"] == 0
    return auction_id


class Broken:
    """A solver that ends before it has an answer, so many times."""

    def __init__(self, times: int, inner) -> None:
        self.times, self.inner = times, inner

    async def solve(self, question):
        if self.times:
            self.times -= 1
            raise SolverGone("killed")
        return await self.inner.solve(question)


async def test_a_large_auction_is_solved_and_awarded_with_a_proof():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        text, made = await shop.both("award", agent="buyer", auction_id=auction_id)
        bought = sorted(lot for winner in made["winners"] for lot in winner["lots"])
        assert set(bought) == {lot["id"] for lot in LOTS}
        assert made["proof"]["status"] == "optimal"
        assert made["total_payment"] == made["proof"]["bound"] == sum(w["cost"] for w in made["winners"])
        assert "no other set of bids has a lower total score" in text
        loser = next(
            row for row in made["ranking"] if row["bid_id"] not in {w["bid_id"] for w in made["winners"]}
        )
        text = await shop.text("get_auction", agent=loser["agent"], auction_id=auction_id)
        assert "what would have won was not computed" in text


async def test_a_solver_that_is_gone_leaves_the_auction_closed_and_it_can_be_awarded_again():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        shop.service.solver = Broken(1, shop.service.solver)
        result = await shop.call("award", agent="buyer", auction_id=auction_id)
        assert (result.structured_content["code"], result.structured_content["transient"]) == (
            "solver_gone",
            True,
        )
        assert (await shop.ask("get_auction", auction_id=auction_id))["status"] == "closed"
        assert (await shop.ask("award", agent="buyer", auction_id=auction_id))["status"] == "awarded"


async def test_a_solver_that_is_wrong_decides_nothing():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        inner = shop.service.solver

        class Wrong:
            async def solve(self, question):
                made = await inner.solve(question)
                return replace(made, payments=tuple(2 * payment for payment in made.payments[::-1]))

        shop.service.solver = Wrong()
        result = await shop.call("award", agent="buyer", auction_id=auction_id)
        assert result.structured_content["code"] == "internal_error"
        assert (await shop.ask("get_auction", auction_id=auction_id))["status"] == "closed"
        shop.service.solver = inner
        assert (await shop.ask("award", agent="buyer", auction_id=auction_id))["status"] == "awarded"


async def test_an_award_of_other_bids_than_were_solved_for_is_not_made():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        inner = shop.service.solver

        class Meanwhile:
            async def solve(self, question):
                solution = await inner.solve(question)
                shop.clock.wait(60)  # the validity of a bid is over
                return solution

        lapsing = {"agent": "brief", "auction_id": auction_id, "cost": 1, "lots": ["l00"], "valid_for": 60}
        await shop.ask("submit_bid", **lapsing)
        shop.service.solver = Meanwhile()
        assert (await shop.call("award", agent="buyer", auction_id=auction_id)).structured_content[
            "code"
        ] == "busy"
        shop.service.solver = inner
        made = await shop.ask("award", agent="buyer", auction_id=auction_id)
        assert "brief" not in {winner["agent"] for winner in made["winners"]}


async def test_who_may_not_award_is_refused_before_anything_is_closed_or_solved():
    async with market() as shop:
        auction_id = await a_large_one(shop, closes_in=60)
        shop.service.solver = Broken(1, shop.service.solver)
        assert await shop.refused("award", agent="p", auction_id=auction_id) == "not_the_buyer"
        assert await shop.refused("award", agent="buyer", auction_id=auction_id) == "before_deadline"
        assert await shop.refused("award", agent="buyer", auction_id="auc_none") == "unknown_auction"


async def test_the_same_award_under_one_key_is_made_once():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        asked = {"agent": "buyer", "auction_id": auction_id, "idempotency_key": "k"}
        assert await shop.ask("award", **asked) == await shop.ask("award", **asked)


async def test_the_same_award_three_times_at_once_under_one_key_is_one_award_and_one_answer():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        asked = {"agent": "buyer", "auction_id": auction_id, "idempotency_key": "k"}
        told = []

        async def award() -> None:
            told.append(await shop.ask("award", **asked))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(award)
        assert told[0] == told[1] == told[2]
        events = await shop.store.load(f"auction/{auction_id}")
        assert [json.loads(event.body)["type"] for event in events][-2:] == [
            "auction_closed",
            "auction_awarded",
        ]


async def test_a_key_used_for_another_award_is_refused_before_anything_is_closed():
    async with market() as shop:
        first, second = await a_large_one(shop), await a_large_one(shop)
        await shop.ask("award", agent="buyer", auction_id=first, idempotency_key="k")
        other = {"agent": "buyer", "auction_id": second, "idempotency_key": "k"}
        assert await shop.refused("award", **other) == "idempotency_key_reused"


async def test_what_cannot_be_proved_is_refused_or_paid_as_bid_where_the_buyer_said_so():
    """Costs that differ in the 15th digit, on more lots than the table takes, are beyond a solver's floats."""
    async with market() as shop:
        for more in ({}, {"if_unproved": "pay_as_bid"}):
            dice = random.Random(3)
            priced = [{**lot, "max_price": 999_999_999} for lot in LOTS]
            auction_id = await shop.create(
                lots=priced, payment_rule="vcg", constraints={"max_winners": 6}, **more
            )
            for n in range(12):
                cost = f"999999999.{dice.randrange(10**6):06}"
                lots = [f"l{lot:02}" for lot in sorted(dice.sample(range(20), dice.randint(6, 14)))]
                await shop.bid(auction_id, f"a{n}", cost, lots=lots)
            result = await shop.call("award", agent="buyer", auction_id=auction_id)
            if not more:
                assert result.structured_content["code"] == "not_proved", result.content
                continue
            made = result.structured_content
            assert all(winner["payment"] == winner["cost"] for winner in made["winners"])
            assert made["proof"]["status"] == "feasible"
            assert "pay_as_bid, as the auction allowed" in result.content[0].text


async def test_a_preview_solves_every_rule_and_changes_nothing():
    async with market() as shop:
        auction_id = await a_large_one(shop)
        await shop.ask("close_auction", agent="buyer", auction_id=auction_id)
        made = await shop.ask("preview_award", agent="buyer", auction_id=auction_id)
        rules = {row["payment_rule"]: row for row in made["rules"]}
        assert list(rules) == ["pay_as_bid", "core", "vcg"]
        assert rules["pay_as_bid"]["payment"] <= rules["core"]["payment"] <= rules["vcg"]["payment"]
        awarded = await shop.ask("award", agent="buyer", auction_id=auction_id)
        assert awarded["total_payment"] == rules["pay_as_bid"]["payment"]


def question(seed: int = 1) -> Question:
    dice = random.Random(seed)
    bids = tuple(
        LotBid(f"a{n}", f"{n:064x}", frozenset(dice.sample(range(20), 3)), dice.randint(1, 99) * 10**6)
        for n in range(60)
    )
    return Question(LotProblem((50 * 10**6,) * 20, bids), tuple(f"b{n}" for n in range(60)), "pay_as_bid")


@pytest.mark.skipif(sys.platform == "win32", reason="worker processes are tested where they are forked")
async def test_a_process_solves_what_the_core_solves():
    solver = ProcessSolver(10)
    asked = question()
    with anyio.fail_after(60):
        assert await solver.solve(asked) == solve(asked)


async def test_the_loop_turns_while_a_process_solves_and_a_cancelled_one_is_killed():
    solver, turns = ProcessSolver(10), 0
    with anyio.move_on_after(0.3):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(solver.solve, question())
            while True:
                await anyio.sleep(0.01)
                turns += 1
    assert turns > 3
    with anyio.fail_after(60):
        assert (await solver.solve(question(2))).bids == question(2).bids


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the worker through /proc")
async def test_a_killed_worker_is_told_and_the_next_question_gets_a_new_one():
    solver, told = ProcessSolver(30), []
    before = children()
    assert (await solver.solve(question())).bids == question().bids
    (worker,) = children() - before

    async def ask() -> None:
        try:
            await solver.solve(hard())
        except SolverGone as gone:
            told.append(gone)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.sleep(0.2)
            os.kill(worker, signal.SIGKILL)
        assert len(told) == 1
        assert (await solver.solve(question(2))).bids == question(2).bids


def children() -> set[int]:
    """Return the processes that this one has started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, *_ = stat.read_text().rpartition(")")[2].split()
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(stat.parent.name))
    return found


def hard() -> Question:
    """Return a question that takes far longer than this test."""
    dice = random.Random(5)
    bids = tuple(
        LotBid(f"a{n}", f"{n:064x}", frozenset(dice.sample(range(200), 12)), dice.randint(800, 1600) * 10**6)
        for n in range(2000)
    )
    return Question(LotProblem((500 * 10**6,) * 200, bids), tuple(f"b{n}" for n in range(2000)), "pay_as_bid")


async def test_a_solver_out_of_time_is_gone():
    with pytest.raises(SolverGone):
        await ProcessSolver(0.001).solve(question())


async def test_an_award_reports_its_progress_while_it_is_solved():
    told = []

    class Slow:
        async def solve(self, asked):
            await anyio.sleep(2.2)
            return solve(asked)

    async def progress(done: float, of: float, message: str) -> None:
        told.append((of, message.partition(",")[0]))

    async with plainly(), Service(MemoryStore(), Hand(), Counted(), Slow()).running() as service:
        server = build(service, Identity())
        await server.call_tool("create_auction", {"agent": "buyer", "task": "t", "lots": LOTS})
        await server.call_tool("submit_bids", {"agent": "a0", "bids": rows("auc_t1")})
        made = await server.call_tool("award", {"agent": "buyer", "auction_id": "auc_t1"}, progress)
        assert not made.is_error, made
    assert told == [(1.0, "solving: 80 bids")] * 2


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (Infeasible(("max_share", "min_winners")), Code.CONSTRAINTS_CONFLICT),
        (NoCompetition("ann"), Code.NO_COMPETITION),
        (TooLarge("at most 10,000 bids"), Code.TOO_LARGE),
        (Unproved(1_500_000), Code.NOT_PROVED),
    ],
)
def test_every_reason_of_the_mechanism_is_a_refusal_in_words(why, code):
    made = refusal(why, "vcg")
    assert isinstance(made, Rejection)
    assert made.code == code
    assert "{" not in made.message + made.next


@pytest.mark.parametrize(
    "change",
    [
        {"bought": 9},
        {"score": 1},
        {"units": (3, 0), "bought": 3},
        {"units": (2, 1), "bought": 3},
        {"units": (0, 4), "bought": 4},
    ],
)
def test_a_solution_that_cannot_be_is_not_believed_units(change):
    bids = (UnitBid("a", "0" * 64, 2, 1, ((1, 5),)), UnitBid("b", "1" * 64, 3, 2, ((1, 7),)))
    asked = Question(UnitProblem(4, bids, 9, Limits(min_winners=2)), ("x", "y"), "pay_as_bid")
    made = solve(asked)
    check(asked, made)
    with pytest.raises(ValueError, match="cannot be"):
        check(asked, replace(made, award=replace(made.award, **change)))


@pytest.mark.parametrize(
    "change", [{"score": 1}, {"winners": (0, 1)}, {"winners": ()}, {"unbought": (0,)}, {"winners": (5,)}]
)
def test_a_solution_that_cannot_be_is_not_believed_lots(change):
    bids = tuple(LotBid("a", f"{n:064x}", frozenset({n}), 5) for n in range(2))
    asked = Question(LotProblem((9, 9), bids), ("x", "y"), "pay_as_bid")
    made = solve(asked)
    check(asked, made)
    with pytest.raises(ValueError, match="cannot be"):
        check(asked, replace(made, award=replace(made.award, **change)))


@pytest.mark.parametrize("paid", [(4, 0), (10, 0), (5, 1), (5,)])
def test_payments_that_cannot_be_are_not_believed(paid):
    lots = Question(
        LotProblem(
            (9,), (LotBid("a", "0" * 64, frozenset({0}), 5), LotBid("b", "1" * 64, frozenset({0}), 6))
        ),
        ("x", "y"),
        "vcg",
    )
    units = Question(
        UnitProblem(1, (UnitBid("a", "0" * 64, 1, 1, ((1, 5),)), UnitBid("b", "1" * 64, 1, 1, ((1, 6),))), 9),
        ("x", "y"),
        "vcg",
    )
    for asked in (lots, units):
        made = solve(asked)
        assert made.payments == (6, 0)
        check(asked, made)
        with pytest.raises(ValueError, match="cannot be"):
            check(asked, replace(made, payments=paid))


def test_a_solution_to_another_kind_of_question_is_not_believed():
    lots = Question(LotProblem((9,), (LotBid("a", "0" * 64, frozenset({0}), 5),)), ("x",), "vcg")
    units = Question(UnitProblem(1, (UnitBid("a", "0" * 64, 1, 1, ((1, 5),)),), 9), ("x",), "vcg")
    with pytest.raises(ValueError, match="another kind"):
        check(lots, solve(units))
