"""Events -> what lists need of them (summaries) and who should hear of them (notices).

Notices hold only what everybody may know of the thing they are about; a receipt, sent to one agent, also its saving.
Topics: an agent's id, `owner:NAME` for all agents of an owner, `cap:NAME` for agents with a capability, an auction's id
and `resource/NAME` for all who have something there.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from market_core.agent import Agent
from market_core.auction import Auction
from market_core.book import Resource
from market_core.capability import Capability
from market_core.events import (
    Event,
    OwnerObserved,
    PriorLearned,
    StandingChanged,
)
from market_core.handle import State
from server.projection.agents import of_agent
from server.projection.auctions import of_auction
from server.projection.books import book_row, bundle_text, of_book
from server.projection.rows import Projected, epoch, moment_of

__all__ = ["Projected", "bundle_text", "epoch", "moment_of", "project"]


def project(state: State, events: Iterable[Event]) -> list[Projected]:
    """Return the summaries and notices of `events`, after which their stream is in `state`; a later summary counts."""
    rows: list[Projected] = []
    for event in events:
        rows += _MADE_OF[type(state)][type(event)](event, state)
    if isinstance(state, Resource) and (state.every is not None or state.at_quantity is not None):
        rows.append(book_row(state))  # anything may change when it is due to be cleared
    return rows


def _silent(_event: object, _known: Capability) -> list[Projected]:
    """What a capability has learned is read where it is used, and told to nobody."""
    return []


_MADE_OF: Mapping[type[State], Mapping[Any, Callable[..., list[Projected]]]] = {
    Auction: of_auction.registry,  # asked at once: a dispatch takes its time, and events have no subclasses
    Resource: of_book.registry,
    Agent: of_agent.registry,
    Capability: {OwnerObserved: _silent, PriorLearned: _silent, StandingChanged: _silent},
}
