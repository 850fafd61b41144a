"""What the mechanisms with several winners share: the buyer's limits, proofs, and why there is no answer.

Amounts are whole micro-credits, shares are millionths; a bidder is named by its owner-independent agent id.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Limits:
    """What the buyer asks of the set of winners; None or 0 asks for nothing.

    Winners are bidders. `max_share`: no bidder gets more than that part of the units or lots bought.
    `max_spend_share`: none more than that part of the sum of the winners' costs.
    """

    max_winners: int | None = None
    min_winners: int = 0
    max_share: int | None = None
    max_spend_share: int | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """How far a decision is proved best. `bound`: no decision has a score below it; `gap` = score - bound."""

    status: Literal["optimal", "feasible"]
    gap: int
    bound: int
    solver: str


class Unsolved(Exception):  # noqa: N818 - what follows says why
    """The mechanism has no answer to give."""


class Infeasible(Unsolved):
    """No set of bids satisfies the limits; `limits` names a smallest set of them that conflicts."""

    def __init__(self, limits: tuple[str, ...]) -> None:
        super().__init__(limits)
        self.limits = limits


class NoCompetition(Unsolved):
    """Without `bidder` less could be bought, so nothing bounds what it is paid."""

    def __init__(self, bidder: str) -> None:
        super().__init__(bidder)
        self.bidder = bidder


class DoesNotFit(Unsolved):
    """The payment rule does not fit these bids; `why` is a phrase."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unproved(Unsolved):
    """A payment needs a solve that was not proved optimal in time; `gap` in micro-credits."""

    def __init__(self, gap: int) -> None:
        super().__init__(gap)
        self.gap = gap


class TooLarge(Unsolved):
    """The instance is beyond the limits; `limit` is a phrase that says which."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit
