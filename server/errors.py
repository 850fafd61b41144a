"""The only translation from failures to MCP results."""

import json
import logging
import secrets
from collections.abc import Awaitable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from market_core.invalid import invalid
from market_core.rejections import Code, Rejection
from market_core.values import plain
from server.ports import SolverGone, StoreBroken, StoreUnavailable

log = logging.getLogger("agent_market")
_T = TypeVar("_T")


def refusal(rejection: Rejection) -> CallToolResult:
    """Return a refusal as a tool result: a text for the model, and the same as data."""
    content: dict[str, Any] = {
        "code": rejection.code.value,
        "message": rejection.message,
        "facts": {name: _plain(value) for name, value in rejection.facts.items()},
        "next": rejection.next,
        "transient": rejection.transient,
    }
    if rejection.transient:
        content["retry_after"] = rejection.facts.get("seconds", 1)
    missing = rejection.facts.get("missing")
    named = f"\nmissing: {json.dumps(missing, ensure_ascii=False)}" if missing else ""
    text = f"Refused ({rejection.code}): {rejection.message}.{named}\nNext: {rejection.next}."
    return CallToolResult(is_error=True, content=[TextContent(text=text)], structured_content=content)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    return [str(item) for item in value] if isinstance(value, list | tuple) else value


def failure(error: Exception, where: str) -> CallToolResult:
    """Return any failure as a tool result. What is our own bug gets an incident id, its details only the log."""
    match error:
        case Rejection():
            return refusal(error)
        case ValidationError():
            return refusal(invalid(error))
        case StoreUnavailable():
            log.error("%s: the store failed: %s", where, error)
            return refusal(Rejection(Code.STORE_UNAVAILABLE))
        case SolverGone():
            log.error("%s: the solver is gone: %s", where, error)
            return refusal(Rejection(Code.SOLVER_GONE))
        case StoreBroken():
            log.error("%s: the store is broken: %s", where, error)
            return refusal(Rejection(Code.STORE_BROKEN))
    incident = secrets.token_hex(4)
    log.error("%s: incident %s", where, incident, exc_info=error)
    text = (
        f"Internal error (incident {incident}): this is a fault of the market, not of the call. "
        "Whether the call took effect: look before you repeat it, or repeat it with the same idempotency_key."
    )
    content = {"code": "internal_error", "incident": incident, "message": text, "transient": False}
    return CallToolResult(is_error=True, content=[TextContent(text=text)], structured_content=content)


async def caught(work: Awaitable[_T], where: str) -> _T | CallToolResult:
    """Return what `work` returns, or its failure as a tool result."""
    try:
        return await work
    except Exception as error:
        return failure(error, where)


def _like(name: str, known: Iterable[str]) -> list[str]:
    """Return the known name that is most like `name`, if any is."""
    from difflib import get_close_matches  # noqa: PLC0415 - nothing else needs it, and a server starts without

    return get_close_matches(name, list(known), n=1)


def unknown_tool(name: str, known: Iterable[str]) -> Rejection:
    """Return the refusal of a tool that does not exist; its name is repeated only if it is one's plain misspelling."""
    close = _like(name, known)
    return Rejection(Code.UNKNOWN_TOOL, tool="of this name", tools=close or sorted(known))


_MEANT: Mapping[str, tuple[str, ...]] = {
    "title": ("task",),
    "name": ("task", "resource"),
    "budget": ("max_price", "max_unit_price"),
    "price": ("cost", "unit_price", "max_price", "max_unit_price"),
    "bid": ("cost",),
    "amount": ("cost", "quantity"),
    "deadline": ("closes_at", "needed_by", "available_until"),
    "capabilities": ("requirements",),
    "attributes": ("requirements",),
    "time": ("estimated_time", "actual_time"),
    "auction_id": ("id",),
    "bid_id": ("id",),
    "demand_id": ("id",),
    "offer_id": ("id",),
    "id": ("auction_id", "agent_id"),
    "resource": ("resources",),
    "provider": ("agent_id",),
}
"""What other words for an argument may mean, best first."""


def _meant(name: str, allowed: list[str]) -> list[str]:
    """Return the argument that a wrong name means, if it can be told."""
    meant = [word for word in _MEANT.get(name, ()) if word in allowed]
    return meant[:1] or _like(name, allowed)


def unknown_arguments(given: Iterable[str], allowed: Iterable[str]) -> Rejection:
    """Return the refusal of a call with arguments that the tool does not have."""
    names = list(allowed)
    unknown = sorted(set(given) - set(names))
    close = {name: _meant(name, names) for name in unknown}
    told = [
        f"{name[:40]!r} (did you mean {c[0]}?)" if (c := close[name]) else repr(name[:40]) for name in unknown
    ]
    return Rejection(Code.UNKNOWN_ARGUMENT, unknown=told[:10], allowed=names)
