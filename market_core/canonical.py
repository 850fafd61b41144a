"""Canonical JSON and the chain hash: one content, one text, one digest, on every machine."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from market_core.values import plain, shown

GENESIS = "0" * 64
"""The hash before a stream's first event."""


def _plain_value(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return shown(value)
    if isinstance(value, BaseModel):
        return dict(value)
    if is_dataclass(value):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    raise TypeError(f"no canonical form for {type(value).__name__}")


_ENCODER = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,  # values have no cycles
    default=_plain_value,
)


def canonical(value: object) -> str:
    """Return the canonical JSON of `value`: keys sorted, no spaces, decimals and instants as text.

    Models and dataclasses count as mappings of their fields.

    Raises ValueError for NaN and infinity, TypeError for what JSON cannot hold.

    >>> canonical({"b": Decimal("0.50"), "a": [1, None]})
    '{"a":[1,null],"b":"0.5"}'
    """
    text_of = _TEXT_OF.get(type(value))
    return _ENCODER.encode(value) if text_of is None else text_of(value)


# What has no parts is written at once: to set the encoder going takes several times as long.
_TEXT_OF: Mapping[type, Callable[[Any], str]] = {
    str: _ENCODER.encode,
    type(None): lambda _: "null",
    bool: lambda truth: "true" if truth else "false",
    int: str,
    Decimal: lambda amount: f'"{plain(amount)}"',
    datetime: lambda moment: f'"{shown(moment)}"',
    tuple: lambda parts: _ENCODER.encode(parts) if parts else "[]",
    dict: lambda parts: _ENCODER.encode(parts) if parts else "{}",
}


def digest(*parts: bytes | str) -> str:
    """Return the SHA-256, in hex, of the parts one after another (text as UTF-8)."""
    return hashlib.sha256(
        b"".join([part.encode() if isinstance(part, str) else part for part in parts])
    ).hexdigest()


def chain_hash(previous: str, stream: str, version: int, body: str) -> str:
    """Return the hash of event number `version` (from 1) of `stream`, whose canonical JSON is `body`.

    It covers the event before it, so an edit, a swap or a gap anywhere shows in every later hash.
    """
    return hashlib.sha256(f"{previous}\0{stream}\0{version}\0{body}".encode()).hexdigest()
