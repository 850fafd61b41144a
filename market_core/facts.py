"""What the world tells the core along with a command: the time, a fresh id, chance."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """`now` in UTC; `token`, the unguessable part of any id this command makes; `nonce`, 32 random bytes in hex.

    `clock` is False where nobody tells the time (the embedded market): then nothing may depend on it.
    """

    now: datetime
    token: str = ""
    nonce: str = ""
    clock: bool = True
