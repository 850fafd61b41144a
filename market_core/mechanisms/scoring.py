"""A bid's score (its quality-adjusted cost) and the one tie-break."""

from collections.abc import Mapping, Sequence

from market_core.canonical import canonical, digest
from market_core.values import MICRO, half_even


def score(
    cost: int,
    *,
    time: int = 0,
    time_price: int = 0,
    quality: int = 0,
    quality_price: int = 0,
    bonus: int = 0,
    risk: int = 0,
) -> int:
    """Return cost + time_price x time - quality_price x quality - bonus + risk, in micro-credits; lower is better.

    `cost`, `bonus` in micro-credits; `time` in microseconds and `time_price` in micro-credits per second;
    `quality` in millionths and `quality_price` in micro-credits for quality 1; `risk`, the expected cost of a
    failure, in millionths of a micro-credit (failure_price x its chance in millionths). The sum is exact and
    is rounded once, half-even. It may be negative. Being absolute, a score never depends on other bids.
    Source: the scoring rules of Che (1993), "Design competition through multidimensional auctions".

    >>> score(10_000_000, time=60_000_000, time_price=50_000, quality=900_000, quality_price=2_000_000)
    11200000
    """
    if not time_price and not quality_price and not risk:
        return cost - bonus
    terms = (cost - bonus) * MICRO + time_price * time - quality_price * quality + risk
    return half_even(terms, MICRO)


def meets(
    value: bool | int | float | str | None,
    *,
    equals: bool | int | float | str | None = None,
    least: int | float | None = None,
    most: int | float | None = None,
    any_of: Sequence[bool | int | float | str] = (),
    optional: bool = False,
) -> bool:
    """Return whether an attribute's value is as wanted. A missing one (None) is so only if `optional`.

    Text compares without case; true/false, numbers and text are three types and never equal each other.

    >>> meets("Python", equals="python"), meets(1, equals=True), meets(3, least=2), meets(None, equals=1)
    (True, False, True, False)
    """
    if value is None:
        return optional
    if least is not None or most is not None:
        if isinstance(value, bool | str):
            return False
        return (least is None or value >= least) and (most is None or value <= most)
    wanted = any_of if equals is None else (equals,)
    return any(_comparable(value) == _comparable(one) for one in wanted)


def _comparable(value: bool | int | float | str) -> tuple[str, object]:
    if isinstance(value, bool):
        return "truth", value
    if isinstance(value, str):
        return "text", value.casefold()
    return "number", value


def commitment(auction_id: str, nonce: str) -> str:
    """Return SHA-256("tie" | auction_id | nonce), in hex: published at creation, it fixes the tie-break.

    `nonce` is hex; its bytes are hashed. Anyone can check it once the nonce is out.
    """
    return digest("tie", auction_id, bytes.fromhex(nonce))


def tie_key(nonce: str, auction_id: str, bidder: str, content: Mapping[str, object]) -> str:
    """Return SHA-256(nonce | 0 | auction_id | 0 | bidder | 0 | canonical content), in hex; the least wins.

    `content` holds what may decide (cost, time, quality, attributes): no free text, no id, no arrival.
    """
    return digest(bytes.fromhex(nonce), "\0", auction_id, "\0", bidder, "\0", canonical(content))
