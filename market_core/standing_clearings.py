"""Standing clearings: when a resource is cleared without anybody asking, as its operator has set it."""

from datetime import datetime, timedelta

from market_core.book import Resource, members
from market_core.values import micros


def next_clearing(book: Resource) -> datetime | None:
    """Return when the book is due to be cleared, None where nothing new has been posted since it last was.

    At a quantity it is due as soon as so much is asked for; every so many seconds at whole periods from the
    declaration, the first one after the posting. A period that was carried out does not come again.
    """
    if book.stirred_at is None:
        return None
    if book.at_quantity is not None and _asked(book) >= micros(book.at_quantity):
        return book.stirred_at
    if book.every is None or book.declared_at is None:
        return None
    after = max(book.stirred_at, book.cleared_for or book.declared_at)
    return _period(book, after, 1)


def period_at(book: Resource, now: datetime) -> datetime:
    """Return the beginning of the period that `now` is in, `now` itself where there are no periods."""
    return now if book.every is None else _period(book, now, 0)


def _period(book: Resource, moment: datetime, ahead: int) -> datetime:
    assert book.every is not None
    assert book.declared_at is not None
    every = timedelta(microseconds=micros(book.every))
    return book.declared_at + ((moment - book.declared_at) // every + ahead) * every


def _asked(book: Resource) -> int:
    """Return how much is asked for and in no pool, in micro-units."""
    pooled = sum(entry.left_micros for pool_id in book.pools for entry in members(book, pool_id))
    return book.demand_sums.micros - pooled
