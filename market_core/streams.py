"""The streams of a market: what they are called, and what state each kind has."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.book import Resource
from market_core.capability import Capability
from market_core.events import Event
from market_core.rejections import Rejection
from market_core.values import name_of, owner_of

State = Auction | Resource | Agent | Capability
States = Mapping[str, State]


class Decision(NamedTuple):
    """The events of a command by stream, and the streams that must not have moved meanwhile (`guards`)."""

    events: dict[str, list[Event]]
    guards: tuple[str, ...] = ()
    refused: Mapping[str, Rejection] = MappingProxyType({})
    """Streams of a many-stream command in which nothing happened, with the reason."""


def auction_stream(auction_id: str) -> str:
    """Return the stream of an auction."""
    return f"auction/{auction_id}"


@lru_cache(maxsize=1024)  # each event and row of a resource asks for it
def resource_stream(name: str) -> str:
    """Return the stream of a resource, whatever way its name is written."""
    return f"resource/{name_of(name)}"


def agent_stream(agent_id: str) -> str:
    """Return the stream of an agent."""
    return f"agent/{agent_id}"


def capability_stream(name: str) -> str:
    """Return the stream of a capability, by its normalised name."""
    return f"capability/{name}"


def record_streams(agent: str) -> tuple[str, ...]:
    """Return the streams that an agent's work and outcomes are entered in: its own and its owner's, which may be one."""
    return tuple(dict.fromkeys((agent_stream(agent), agent_stream(owner_of(agent)))))
