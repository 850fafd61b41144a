"""What the world tells the core along with a command: the time, a fresh id, chance."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from market_core.mechanisms.solve import Question, Solution


class Windows(NamedTuple):
    """The operator's times for outcomes, in seconds; what was decided by them is recorded with it.

    A report may be changed until `amend_for` after the first, disputed until `dispute_for` after the latest. Work
    without a report is overdue `grace` after its estimated time.
    """

    amend_for: Decimal = Decimal(24 * 3600)
    dispute_for: Decimal = Decimal(3 * 24 * 3600)
    grace: Decimal = Decimal(3600)


class Facts(NamedTuple):
    """`now` in UTC; `token`, the unguessable part of any id this command makes; `nonce`, 32 random bytes in hex.

    `clock` is False where nobody tells the time (the embedded market): then nothing may depend on it.
    `solutions` answer the questions of an award or a clearing that take long to solve; they are checked. Where there is
    none for the bids as they stand, they are solved now, which may take long, so only where `may_solve` allows it.
    """

    now: datetime
    token: str = ""
    nonce: str = ""
    clock: bool = True
    solutions: tuple[Solution, ...] = ()
    may_solve: bool = True
    windows: Windows = Windows()

    def answer(self, asked: Question) -> Solution | None:
        """Return the solution to a question, None where there is none."""
        return next((each for each in self.solutions if each.answers(asked)), None)
