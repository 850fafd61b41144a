"""Demand bought together: who wants what, who sells, and what came of it. No algorithm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from market_core.mechanisms.multi_unit_bids import UnitBid
from market_core.mechanisms.procurement import Proof

SupplierRule = Literal["pay_as_bid", "uniform"]
Reason = Literal["", "no_bids", "out_of_price", "minimum", "rationed", "cost_of_more"]


@dataclass(frozen=True, slots=True)
class Member:
    """One agent's demand in a pool; `owner` is whose it is, `key` (unique text) decides ties.

    `quantity` in micro-units; `limit`: the most it pays per unit, in micro-credits, None for any price. It takes
    nothing or at least `minimum` micro-units: 0 for any part, the quantity itself for all or nothing.
    """

    owner: str
    key: str
    quantity: int
    limit: int | None = None
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class PoolProblem:
    """Members and the bids of their bulk auction, each in any order.

    The auction sells whole units of the resource: quantities and tiers of `bids` count units, costs are
    micro-credits per unit. Members are served in multiples of `grain` micro-units: 1 where the resource is
    divisible, 1,000,000 where it is whole; their quantities and minimums are such multiples.
    `payment_rule` is how the suppliers are paid.
    """

    members: tuple[Member, ...]
    bids: tuple[UnitBid, ...]
    grain: int = 1
    payment_rule: SupplierRule = "pay_as_bid"


@dataclass(frozen=True, slots=True)
class PoolAward:
    """What a pool buys and who gets it; tuples stand at the positions of their members or bids.

    `served`: micro-units for each member, `reasons`: why it got less than it asked, "" where it did not.
    `payments`: what each member pays at the one price. `units`, `supplier_payments`: what each bid sells and is
    paid; `tiers`: the from_quantity of the tier that it reached, 0 for losers. Payments are micro-credits and
    sum to `total` on both sides.

    `bought` whole units, `quantity` micro-units served; `surplus_quantity` micro-units are bought and paid, and
    wanted by no member who could have them. `price` per unit: total / quantity, half-even (payments are made of
    the exact one). `surplus`: the sum of limit x served over members with a limit, less the total; in millionths
    of a micro-credit, so that it is exact. `proof` has its negative as score.

    `no_bids`: nobody sells. `out_of_price`: the limit is below the price (or nothing was bought). `minimum`:
    there was something for it, but less than its minimum. `rationed`: everything on offer was bought.
    `cost_of_more`: buying more would have cost more than it was worth, or broken a limit.
    """

    served: tuple[int, ...]
    reasons: tuple[Reason, ...]
    payments: tuple[int, ...]
    units: tuple[int, ...]
    tiers: tuple[int, ...]
    supplier_payments: tuple[int, ...]
    bought: int
    quantity: int
    surplus_quantity: int
    total: int
    price: int
    surplus: int
    proof: Proof


def threshold_met(members: Sequence[Member], owners: int, quantity: int) -> bool:
    """Return whether the members have enough distinct owners and ask for enough micro-units together.

    >>> both = Member("acme", "1", 3), Member("acme", "2", 4)
    >>> threshold_met(both, owners=1, quantity=7), threshold_met(both, owners=2, quantity=7)
    (True, False)
    """
    distinct = {member.owner for member in members}
    return len(distinct) >= owners and sum(member.quantity for member in members) >= quantity
