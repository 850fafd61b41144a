"""Events as versioned JSON, and back; snapshots of states likewise.

A stored form is never edited. To change one: raise its number in `_FORMS`, and give `_UPCASTERS` a function
from the fields of the old form to those of the new one.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from operator import attrgetter
from typing import Any, get_args

from pydantic import TypeAdapter

from market_core import events
from market_core.book import Entry, Resource
from market_core.canonical import canonical
from market_core.events import Event
from market_core.handle import State, new_state

Fields = dict[str, Any]

_CLASSES: Mapping[str, type[Event]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", form.__name__).lower(): form for form in get_args(events.Event)
}
_NAMES: Mapping[type[Event], str] = {form: name for name, form in _CLASSES.items()}
_FORMS: Mapping[str, int] = dict.fromkeys(_CLASSES, 1) | {
    "auction_created": 4,
    "bid_submitted": 4,
    "auction_awarded": 6,
    "work_won": 3,
    "outcome_reported": 3,
    "outcome_settled": 2,
    "agent_registered": 3,
    "resource_declared": 3,
    "demand_posted": 2,
    "offer_posted": 2,
    "resource_cleared": 2,
}


def _frame(name: str, parts: Iterable[str]) -> str:
    """Return the canonical JSON of the events of a name, with %s for the text of each part."""
    texts = dict.fromkeys(parts, "%s") | {"type": canonical(name), "v": canonical(_FORMS[name])}
    return f"{{{','.join(f'{canonical(part)}:{texts[part]}' for part in sorted(texts))}}}"


_PARTS: Mapping[type[Event], Sequence[str]] = {
    form: sorted(part.name for part in fields(form)) for form in _NAMES
}
_FRAMES: Mapping[type[Event], str] = {form: _frame(name, _PARTS[form]) for form, name in _NAMES.items()}
_GETTERS: Mapping[type[Event], Callable[[Event], Sequence[object]]] = {
    form: attrgetter(*parts) for form, parts in _PARTS.items()
}


def _as_it_was(said: Fields) -> Fields:
    """What a form has added says by its default what held before."""
    return said


_UPCASTERS: Mapping[tuple[str, int], Callable[[Fields], Fields]] = {
    ("auction_created", 1): _as_it_was,
    ("auction_created", 2): _as_it_was,
    ("auction_created", 3): _as_it_was,
    ("bid_submitted", 1): _as_it_was,
    ("bid_submitted", 2): _as_it_was,
    ("bid_submitted", 3): _as_it_was,
    ("auction_awarded", 1): _as_it_was,
    ("auction_awarded", 2): _as_it_was,
    ("auction_awarded", 3): _as_it_was,
    ("auction_awarded", 4): _as_it_was,
    ("auction_awarded", 5): _as_it_was,
    ("work_won", 1): _as_it_was,
    ("work_won", 2): _as_it_was,
    ("outcome_reported", 1): _as_it_was,
    ("outcome_reported", 2): _as_it_was,
    ("outcome_settled", 1): _as_it_was,
    ("agent_registered", 1): _as_it_was,
    ("agent_registered", 2): _as_it_was,
    ("resource_declared", 1): _as_it_was,
    ("resource_declared", 2): _as_it_was,
    ("demand_posted", 1): _as_it_was,
    ("offer_posted", 1): _as_it_was,
    ("resource_cleared", 1): _as_it_was,
}

SNAPSHOT_FORM = "8"
"""Raise it whenever a state's fields change: older snapshots are then ignored."""

_IN_PART = 1_000  # entries of a state


class UnknownForm(Exception):  # noqa: N818
    """An event that this version does not know: written by a newer one."""


_ADAPTERS: dict[
    type[Any], TypeAdapter[Any]
] = {}  # made when first needed: all of them at once slow the start


def _adapter(form: type[Any]) -> TypeAdapter[Any]:
    if form not in _ADAPTERS:
        _ADAPTERS[form] = TypeAdapter(form)
    return _ADAPTERS[form]


def encode(event: Event) -> str:
    """Return the event's canonical JSON, with its `type` and form number `v`."""
    form = type(event)
    return _FRAMES[form] % tuple(map(canonical, _GETTERS[form](event)))


def decode(body: str) -> Event:
    """Return the event of a stored JSON text, brought up to the present form. Raises UnknownForm."""
    said: Fields = json.loads(body)
    name, form = said.pop("type"), said.pop("v")
    if name not in _CLASSES or form > _FORMS[name]:
        raise UnknownForm(f"event {name} version {form}")
    for older in range(form, _FORMS[name]):
        said = _UPCASTERS[name, older](said)
    event: Event = _adapter(_CLASSES[name]).validate_python(said)
    return event


def encode_state(state: State) -> str:
    """Return a state as JSON, for a snapshot. The order of mappings stays: it may say which is the oldest."""
    return _adapter(type(state)).dump_json(state).decode()


def state_parts(state: State) -> Iterator[str]:
    """Return what `encode_state` does in parts, none of which takes long. The state may change after this returns."""
    if not isinstance(state, Resource):
        return iter((encode_state(state),))
    # A quote within a text is escaped, so these are where they seem to be.
    text = encode_state(replace(state, demand={}, offers={}))
    before, _, rest = text.partition('"demand":{}')
    between, _, after = rest.partition('"offers":{}')
    sides = list(state.demand.values()), list(state.offers.values())
    return chain(
        [f'{before}"demand":{{'],
        _entries(sides[0]),
        [f'}}{between}"offers":{{'],
        _entries(sides[1]),
        [f"}}{after}"],
    )


def _entries(entries: Sequence[Entry]) -> Iterator[str]:
    """Return the entries of a mapping by their ids, some at a time."""
    for begin in range(0, len(entries), _IN_PART):
        part = {entry.entry_id: entry for entry in entries[begin : begin + _IN_PART]}
        text = _adapter(dict[str, Entry]).dump_json(part).decode()
        yield ("," if begin else "") + text[1:-1]


def decode_state(stream: str, body: str) -> State:
    """Return the state that `encode_state` wrote for `stream`."""
    form = type(new_state(stream))
    state: State = _adapter(form).validate_python(json.loads(body))
    return state
