"""Time and chance: the only file that reads either."""

import random
import secrets
import time
from datetime import UTC, datetime

_ALPHABET = (
    "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud and copied by hand without mistakes
)

_LETTERS = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))  # the one that each byte stands for


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """Return the present moment, in UTC."""
        return datetime.now(UTC)


class RandomIds:
    """Unguessable ids and nonces from the operating system."""

    def token(self) -> str:
        """Return 10 characters, 50 bits."""
        return secrets.token_bytes(10).translate(_LETTERS).decode()

    def nonce(self) -> str:
        """Return 32 random bytes as 64 hex digits."""
        return secrets.token_hex(32)


def jitter() -> float:
    """Return a number from 0 to 1, to spread retries."""
    return random.random()  # noqa: S311 - not a secret


def stopwatch() -> float:
    """Return seconds since some moment, to measure how long something takes."""
    return time.perf_counter()
