"""What the world tells the core along with a command: the time, a fresh id, chance."""

from datetime import datetime
from typing import NamedTuple

from market_core.mechanisms.solve import Solution


class Facts(NamedTuple):
    """`now` in UTC; `token`, the unguessable part of any id this command makes; `nonce`, 32 random bytes in hex.

    `clock` is False where nobody tells the time (the embedded market): then nothing may depend on it.
    `solution` answers the question of an award that takes long to solve; it is checked. Where there is none for
    the bids as they stand, they are solved now, which may take long, so only where `may_solve` allows it.
    """

    now: datetime
    token: str = ""
    nonce: str = ""
    clock: bool = True
    solution: Solution | None = None
    may_solve: bool = True
