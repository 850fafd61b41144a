"""Words and helpers that every answer about a resource's book uses."""

from market_core.book import Resource
from market_core.handle import States, resource_stream

_BECAUSE = {
    "rationed": "there is not enough at this price",
    "minimum": "its minimum or tiers, or another's, could not be met",
    "below_minimum": "its share would be below its minimum",
    "no_supply": "nothing was left when its turn came",
    "out_of_price": "its limit does not reach the price",
    "no_bids": "nobody offered to supply",
    "cost_of_more": "serving it would have cost the members more than it is worth",
    "lost": "others together were worth more",
    "no_limit": "it has no max_payment, which policy efficient goes by",
}


_BECAUSE_BUNDLED = {
    "rationed": "what was left did not hold more of it",
    "no_supply": "one of it needs more than is offered",
    "out_of_price": "its max_payment does not reach what its resources cost",
    "lost": "others together were worth more; what max_payment would have won was not computed",
}


def because_of_bundle(reason: str) -> str:
    """Return why a demand for a bundle got less than it asked."""
    return _BECAUSE_BUNDLED.get(reason) or because_of(reason)


def because_of(reason: str | None, *, seller: bool = False) -> str:
    """Return why an entry got less than it asked, in words; empty where it did not."""
    if seller and reason == "rationed":
        return "no more was needed"
    return _BECAUSE.get(reason or "", reason or "")


def book_of(states: States, name: str) -> Resource:
    """Return the book of a resource out of loaded states."""
    book = states[resource_stream(name)]
    assert isinstance(book, Resource)  # by its stream's name
    return book
