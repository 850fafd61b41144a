"""What every projection gives: rows of lists and notices, their JSON, and moments as numbers."""

from datetime import UTC, datetime, timedelta

from pydantic_core import to_json

from server.ports import Ended, Lessened, Notice, Summary

Projected = Summary | Notice | Ended | Lessened
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def json_of(body: object) -> str:
    """Return the body of a row or a notice as JSON."""
    return to_json(body).decode()


def epoch(moment: datetime) -> int:
    """Return a moment as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(microseconds: int) -> datetime:
    """Return the moment that `epoch` gave the number of."""
    return _EPOCH + timedelta(microseconds=microseconds)
