"""A clearing as it is recorded: in one event, or a large one in several, none of which is huge."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from market_core.clearings import Cleared
from market_core.events import ClearingContinued, Event, Fill, Fills, LeftOut, Proof, ResourceCleared
from market_core.mechanisms.procurement import Proof as Proved
from market_core.terms import ClearingRule, Policy
from market_core.values import MICRO, from_micros

IN_ONE = 4_000
"""Fills and entries left out up to which a clearing is one event; a part has at most so many of each."""
_FIRST = 100  # of each in the first event of a large clearing, which is what answers show


def events(made: Cleared, at: datetime, by: str, policy: Policy, rule: ClearingRule) -> list[Event]:
    """Return the events of a clearing, which belong together: ResourceCleared, then whatever does not fit into it."""
    demand, offers, left_out = _fills(made, 0), _fills(made, 1), _left_out(made)
    counts = [len(demand.agents), len(offers.agents), len(left_out)]
    first = IN_ONE if sum(counts) <= IN_ONE else _FIRST
    cleared = ResourceCleared(
        at,
        by,
        from_micros(made.price),
        tuple(rows(_part(demand, 0, first))),
        tuple(rows(_part(offers, 0, first))),
        made.mechanism,
        policy,
        rule,
        left_out[:first],
        from_micros(made.market_surplus),
        None if made.offer_price == made.price else from_micros(made.offer_price),
        _proof(made.proof),
    )
    begins = range(first, max(counts), IN_ONE)
    return [
        cleared,
        *(
            ClearingContinued(
                at,
                part,
                1 + len(begins),
                _part(demand, begin, begin + IN_ONE),
                _part(offers, begin, begin + IN_ONE),
                left_out[begin : begin + IN_ONE],
            )
            for part, begin in enumerate(begins, 2)
        ),
    ]


def rows(fills: Fills) -> Iterator[Fill]:
    """Return the fills of columns one by one."""
    for entry_id, agent, quantity, payment, reason, saving in zip(
        fills.entry_ids,
        fills.agents,
        fills.quantities,
        fills.payments,
        fills.reasons,
        fills.savings,
        strict=True,
    ):
        saved = None if saving is None else from_micros(saving)
        yield Fill(entry_id, agent, from_micros(quantity), from_micros(payment), reason, saved)


def _part(fills: Fills, begin: int, end: int) -> Fills:
    return Fills(
        fills.entry_ids[begin:end],
        fills.agents[begin:end],
        fills.quantities[begin:end],
        fills.payments[begin:end],
        fills.reasons[begin:end],
        fills.savings[begin:end],
    )


def _proof(made: Proved | None) -> Proof | None:
    if made is None:
        return None
    return Proof(made.status, from_micros(made.gap), from_micros(made.bound), made.solver)


def _fills(made: Cleared, side: int) -> Fills:
    """Return the fills of one side in the order of agents and ids, which tells nothing about arrival."""
    entries, quantities = (made.demand, made.offers)[side], made.quantities[side]
    by_agent: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        if quantities[place]:
            by_agent.setdefault(entry.agent, []).append(place)
    places: list[int] = []
    for agent in sorted(by_agent):  # far fewer comparisons than of all entries at once
        places += sorted(by_agent[agent], key=lambda place: entries[place].entry_id)
    filled = [entries[place] for place in places]
    amounts = [quantities[place] for place in places]
    payments = [made.payments[side][place] for place in places]
    return Fills(
        tuple([entry.entry_id for entry in filled]),
        tuple([entry.agent for entry in filled]),
        tuple(amounts),
        tuple(payments),
        tuple([made.reasons[side][place] for place in places]),
        _savings(side, [made.limits[side][place] for place in places], amounts, payments),
    )


def _savings(
    side: int, limits: Sequence[int], quantities: Sequence[int], payments: Sequence[int]
) -> tuple[int | None, ...]:
    """Return how much better than its limit each did, as in `clearings.saving`."""
    columns = zip(limits, quantities, payments, strict=True)
    if side:
        return tuple([None if x < 0 else max(0, paid - x * q // MICRO) for x, q, paid in columns])
    return tuple([None if x < 0 else -(-x * q // MICRO) - paid for x, q, paid in columns])


def _left_out(made: Cleared) -> tuple[LeftOut, ...]:
    """Return who got nothing though the price did not speak against it."""
    found: list[LeftOut] = []
    for side, entries in enumerate((made.demand, made.offers)):
        columns = enumerate(zip(made.quantities[side], made.reasons[side], strict=True))
        found += [
            LeftOut(entries[place].entry_id, entries[place].agent, reason)
            for place, (quantity, reason) in columns
            if not quantity and reason not in ("", "out_of_price", "no_partner")
        ]
    return tuple(sorted(found, key=lambda row: (row.agent, row.entry_id)))
