"""Who delivers how much to whom after a clearing: one split that adds up, in the order of agents and ids."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from market_core.events import BundlesCleared, Fill, PoolCleared, ResourceCleared
from market_core.values import from_micros, micros, plain, resource_of

MOST_FILLS = 200
"""Of a larger clearing nobody is told partners: aggregate_demand's answer and get_resource have the sums."""
_LISTED = 20  # partners named in a notice
Part = tuple[str, str, Decimal]
"""Entry, agent, quantity."""


def partners(event: ResourceCleared | BundlesCleared | PoolCleared) -> dict[str, str]:
    """Return for each entry (of a pool's supplier: each bid) whom it deals with, as a text; {} where it is large."""
    if len(event.allocations) + len(event.suppliers) > MOST_FILLS:
        return {}
    if isinstance(event, BundlesCleared):
        found: dict[str, list[str]] = {}
        for name in event.resources:
            takers = [
                (fill.bundle_id, fill.agent, fill.quantities[name])
                for fill in event.allocations
                if name in fill.quantities
            ]
            sellers = _parts(fill for fill in event.suppliers if resource_of(fill.entry_id) == name)
            for entry, text in _texts(takers, sellers).items():
                found.setdefault(entry, []).append(f"{name} {text}" if entry.startswith("bun_") else text)
        return {entry: "; ".join(texts) for entry, texts in found.items()}
    return _texts(_parts(event.allocations), _parts(event.suppliers))


def _parts(fills: Iterable[Fill]) -> list[Part]:
    return [(fill.entry_id, fill.agent, fill.quantity) for fill in fills]


def _texts(takers: Sequence[Part], sellers: Sequence[Part]) -> dict[str, str]:
    told: dict[str, list[str]] = {}
    for taker, seller, quantity in _split(takers, sellers):
        told.setdefault(taker[0], []).append(f"{seller[1]} {plain(quantity)}")
        told.setdefault(seller[0], []).append(f"{taker[1]} {plain(quantity)}")
    own = {part[0] for part in sellers}
    return {entry: f"{'to' if entry in own else 'from'} {_listed(texts)}" for entry, texts in told.items()}


def _split(takers: Sequence[Part], sellers: Sequence[Part]) -> Iterable[tuple[Part, Part, Decimal]]:
    """Pair both sides from their beginnings; what sellers have beyond the takers is nobody's."""
    waiting = [(part, micros(part[2])) for part in reversed(takers)]
    for seller in sellers:
        left = micros(seller[2])
        while left and waiting:
            taker, wanted = waiting.pop()
            moved = min(left, wanted)
            yield taker, seller, from_micros(moved)
            left -= moved
            if wanted > moved:
                waiting.append((taker, wanted - moved))


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return f"{', '.join(texts[:_LISTED])}{more}"
