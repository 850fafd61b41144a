"""What must be solved before a command for resources can be decided: asked of a solver beside the market."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from market_core import bundling, pools, resource
from market_core.auction import Auction
from market_core.book import Resource
from market_core.commands import AggregateDemand, Lapse
from market_core.facts import Facts
from market_core.mechanisms.solve import Question
from market_core.rejections import Rejection
from market_core.streams import States, resource_stream
from market_core.values import resource_of


def questions(command: AggregateDemand | Lapse, states: States, now: datetime) -> tuple[Question, ...]:
    """Return the questions whose answers `handle` takes as `facts.solutions`; none where it is quick, or will refuse."""
    if isinstance(command, Lapse):
        return _of_lapse(command, states, now)
    books = {name: states[resource_stream(name)] for name in command.resources}
    known = {name: book for name, book in books.items() if isinstance(book, Resource)}
    match command.via:
        case "offers":
            return tuple(each for book in known.values() for each in _of_book(command, book, now))
        case "bundles":
            return _of_bundles(command, known, now)
    return ()


def _of_lapse(command: Lapse, states: States, now: datetime) -> tuple[Question, ...]:
    match states[command.stream]:
        case Resource() as book:
            return _of_book(command, book, now)
        case Auction() as auction if pools.is_due(auction, Facts(now)):
            bought = states[f"resource/{resource_of(auction.terms.pool)}"]
            assert isinstance(bought, Resource)  # by its stream's name
            asked = pools.question(auction, bought, now)
            return () if asked is None else (asked,)
    return ()


def _of_book(command: AggregateDemand | Lapse, book: Resource, now: datetime) -> tuple[Question, ...]:
    asked = None
    with suppress(Rejection):  # the command itself says it
        asked = resource.question(command, book, now)
    return () if asked is None else (asked,)


def _of_bundles(
    command: AggregateDemand, books: Mapping[str, Resource], now: datetime
) -> tuple[Question, ...]:
    asked = None
    with suppress(Rejection):  # likewise
        asked = bundling.question(bundling.case(books, command, now))
    return () if asked is None or bundling.is_small(asked) else (asked,)
