"""Solving in a process of its own: started when first needed, kept warm, limited in time, and killable.

The event loop never waits for a mechanism, and a mechanism that runs wild ends without taking the market along.
"""

import anyio

from market_core.mechanisms.solve import Question, Solution, solve
from server.ports import SolverGone

_ROUNDS = 6  # payments take several solves; together they may take so many times the limit of one


class ProcessSolver:
    """Answers questions in a worker process, one at a time, each solve within `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._one = anyio.Lock()
        self._worker = anyio.CapacityLimiter(1)

    async def solve(self, question: Question) -> Solution:
        """Return the answer. Raises the mechanism's Unsolved, or SolverGone; cancelling it kills the worker."""
        import anyio.to_process  # noqa: PLC0415 - few servers ever need it

        async with self._one:  # waiting for others is not solving
            try:
                with anyio.fail_after(_ROUNDS * self._seconds):
                    return await anyio.to_process.run_sync(
                        solve, question, self._seconds, cancellable=True, limiter=self._worker
                    )
            except (TimeoutError, anyio.BrokenWorkerProcess) as error:
                raise SolverGone(str(error) or "out of time") from error
