"""Awards that take long to solve: solved beside the market, with the auction closed first, and never half decided."""

import random
import sys

import anyio
import pytest

from market_core import Code, Rejection
from market_core.mechanisms.combinatorial import LotBid, LotProblem
from market_core.mechanisms.procurement import Infeasible, NoCompetition, TooLarge, Unproved
from market_core.mechanisms.solve import Question, solve
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
