"""Money, quantities, durations, instants, names and ids: parsing, limits, rounding.

Everything that enters the core passes through one of the annotated types below, so a value inside the
core is always finite, bounded and exact. Messages name the rule; the caller adds the field's name.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, localcontext
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, WithJsonSchema

MICRO = 1_000_000
"""Micro-credits in a credit, and micro-units in a unit: the grain of every amount."""
AMOUNT_LIMIT = Decimal(1_000_000_000)
"""Money and quantities stay below this."""
TOTAL_LIMIT = Decimal(1_000_000_000_000)
"""Totals (unit price x quantity) stay below this."""
DURATION_LIMIT = Decimal(366 * 24 * 3600 * 10)
"""Durations stay below ten years, in seconds."""
MARKET = "market"
"""Who acts when no agent does: deadlines, and the operator of the database."""

EXACT = Context(prec=60, Emax=999_999, Emin=-999_999)
"""Where decimals are calculated with: the context of whoever embeds the core may round."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_SHORT = re.compile(r"-?\d+\.\d{1,6}", re.ASCII)  # a float written so, as most are, is fine as it stands
_MOST_DIGITS = 25  # below the 28 digits of a decimal context, so that no step below can round


def exact(value: object) -> Decimal:
    """Return `value`, a number or a decimal string, as the decimal it is written as.

    A float counts as the shortest text that reads back as it, so 0.1 is one tenth.
    Raises ValueError for booleans, text that is no number, NaN, infinity and more than 6 decimal places.
    """
    # A float of another library may call itself otherwise.
    if isinstance(value, float) and _SHORT.fullmatch(text := float.__repr__(value)):
        return Decimal(text)
    number = _as_written(value)
    if not number.is_finite():
        raise ValueError("must be a finite number")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)  # finite, so the exponent is a number
    if len(digits) + max(exponent, 0) > _MOST_DIGITS:
        raise ValueError("has too many digits")
    if exponent < -6:
        number = EXACT.normalize(number)
        exponent = number.as_tuple().exponent
        assert isinstance(exponent, int)
        if exponent < -6:
            rounded = plain(EXACT.quantize(number, Decimal("0.000001")))
            raise ValueError(f"must have at most 6 decimal places; the nearest is {rounded}")
    return number


def _as_written(value: object) -> Decimal:
    """Return a number as a decimal, if it is one: finite or not, however long."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    if isinstance(value, int):
        if value.bit_length() > 80:
            raise ValueError("is too large")
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(float.__repr__(value))
    if isinstance(value, str):
        if len(value) > 64 or not _NUMBER.fullmatch(value.strip()):
            raise ValueError("must be a finite number")
        return Decimal(value.strip())
    raise ValueError("must be a number")


def _amount(
    low: Decimal, low_included: bool, high: Decimal, high_included: bool, unit: str
) -> BeforeValidator:
    """Return the validator of an exact amount between `low` and `high`; `unit` where a caller may mistake it."""

    def check(value: object) -> Decimal:
        try:
            number = exact(value)
        except ValueError as error:
            raise ValueError(f"{error} ({unit})" if unit else str(error)) from None
        if number < low or (number == low and not low_included):
            raise ValueError(f"must be {low} or more" if low_included else f"must be above {low}")
        if number > high or (number == high and not high_included):
            raise ValueError(f"must be at most {high}" if high_included else f"must be below {high:,}")
        return number

    return BeforeValidator(check)


_ZERO, _ONE = Decimal(0), Decimal(1)
_NUMBER_SCHEMA = WithJsonSchema({"type": "number"})

Money = Annotated[Decimal, _amount(_ZERO, True, AMOUNT_LIMIT, False, ""), _NUMBER_SCHEMA]
"""Credits: 0 or more, at most 6 decimal places, below 1,000,000,000."""
PositiveMoney = Annotated[Decimal, _amount(_ZERO, False, AMOUNT_LIMIT, False, ""), _NUMBER_SCHEMA]
"""Credits above 0."""
Quantity = Annotated[Decimal, _amount(_ZERO, False, AMOUNT_LIMIT, False, ""), _NUMBER_SCHEMA]
"""Units of a resource: above 0, at most 6 decimal places, below 1,000,000,000."""
Duration = Annotated[
    Decimal, _amount(_ZERO, False, DURATION_LIMIT, False, "seconds, such as 300"), _NUMBER_SCHEMA
]
"""Seconds: above 0, below ten years."""
Share = Annotated[Decimal, _amount(_ZERO, True, _ONE, True, "from 0 to 1"), _NUMBER_SCHEMA]
"""A number from 0 to 1."""
PositiveShare = Annotated[Decimal, _amount(_ZERO, False, _ONE, True, "above 0, up to 1"), _NUMBER_SCHEMA]
"""A part of a whole: above 0, up to 1."""


def micros(amount: Decimal) -> int:
    """Return `amount` in millionths. Exact for every value that `exact` accepts and every total."""
    return int(EXACT.scaleb(amount, 6))


def micros_of_each(amounts: Iterable[Decimal | None]) -> list[int]:
    """Return amounts in millionths, as `micros` does, and -1 for None: quicker for many."""
    with localcontext(EXACT):
        return [-1 if amount is None else int(amount * MICRO) for amount in amounts]


def from_micros(amount: int) -> Decimal:
    """Return `amount` millionths as a decimal without trailing zeros. Exact below 10**28."""
    whole, rest = divmod(amount, MICRO)
    return EXACT.normalize(EXACT.scaleb(Decimal(amount), -6)) if rest else Decimal(whole)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of amounts, whatever decimal context the caller works in."""
    return from_micros(sum(micros(amount) for amount in amounts))


def plain(amount: Decimal) -> str:
    """Return `amount` without exponent and trailing zeros: the one way an amount is written as text.

    >>> plain(Decimal("500")), plain(Decimal("0.50")), plain(Decimal("0"))
    ('500', '0.5', '0')
    """
    text = EXACT.to_sci_string(amount)  # the quick way, but for exponents
    if "E" in text:
        text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def plain_micros(amount: int) -> str:
    """Return millionths, 0 or more, as `plain` writes the amount.

    >>> plain_micros(12_500_000), plain_micros(7_000_000), plain_micros(1)
    ('12.5', '7', '0.000001')
    """
    text = str(amount)
    if amount < MICRO:
        text = text.rjust(7, "0")
    rest = text[-6:].rstrip("0")
    return f"{text[:-6]}.{rest}" if rest else text[:-6]


def half_even(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded to the nearest integer, halves to the even one."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    whole, rest = divmod(numerator, denominator)
    return whole + (2 * rest > denominator or (2 * rest == denominator and whole % 2))


def largest_remainder(total: int, weights: Sequence[int], order: Sequence[object] | None = None) -> list[int]:
    """Split the integer `total` in proportion to `weights`; the parts sum to `total` exactly.

    Each part is its exact share rounded down; what is left goes one by one to the largest fractional
    parts, ties in ascending `order` (default: position). Returns one part per weight; no part differs
    from its exact share by 1 or more. Source: Hamilton's method of apportionment.

    >>> largest_remainder(10, [1, 1, 1])
    [4, 3, 3]
    """
    whole = sum(weights)
    if whole == 0:
        if total:
            raise ValueError("nothing to split the total over")
        return [0 for _ in weights]
    return _rounded([total * weight for weight in weights], whole, total, order)


def rounded_up_together(
    numerators: Sequence[int], denominator: int, order: Sequence[object] | None = None
) -> list[int]:
    """Round the amounts numerators[i] / denominator to integers that sum to their exact sum, rounded up.

    Every amount is rounded down or up, never further; the largest fractional parts go up, ties in ascending
    `order` (default: position).

    >>> rounded_up_together([15, 15, 10], 10)
    [2, 1, 1]
    """
    return _rounded(numerators, denominator, -(-sum(numerators) // denominator), order)


def _rounded(
    numerators: Sequence[int], denominator: int, total: int, order: Sequence[object] | None
) -> list[int]:
    parts = [numerator // denominator for numerator in numerators]
    more = total - sum(parts)
    if more > 0:
        keys: Sequence[Any] = range(len(parts)) if order is None else order
        by_fraction = sorted(range(len(parts)), key=lambda i: (-(numerators[i] % denominator), keys[i]))
        for i in by_fraction[:more]:
            parts[i] += 1
    return parts


def instant(value: object) -> datetime:
    """Return an ISO 8601 text or an aware datetime as a UTC datetime.

    Raises ValueError where the zone is missing: a deadline without one means another moment elsewhere.
    """
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            moment = None
    if not isinstance(moment, datetime):
        raise ValueError("must be an ISO 8601 instant such as 2026-11-23T12:00:00Z")
    if moment.tzinfo is None:
        raise ValueError("must say its time zone: end it with Z for UTC")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


@lru_cache(maxsize=256)  # what happens together is written with one moment, again and again
def shown(moment: datetime) -> str:
    """Return `moment` as ISO 8601 in UTC with a Z, to the second where it is a whole one."""
    text = moment.astimezone(UTC).isoformat(timespec="auto" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


Instant = Annotated[
    datetime, BeforeValidator(instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment in UTC; text at the edge."""

_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
# Letters and marks that show nothing: joiners, fillers, variation selectors.
_BLANK = frozenset(
    (
        0x34F,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x2800,
        0x3164,
        0xFFA0,
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)


def clean(text: str) -> str:
    """Return `text` in NFC without control, invisible, unassigned and private characters, outer space cut.

    Line breaks and tabs stay. What is removed could hide words from a person or steer a terminal.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    unix = text.replace("\r\n", "\n")
    visible = "".join(c for c in unix if c in "\n\t" or not _hidden(c))
    return unicodedata.normalize("NFC", visible).strip()


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _INVISIBLE or ord(character) in _BLANK


def _text(least: int, most: int, one_line: bool) -> BeforeValidator:
    """Return the validator of a cleaned text of `least` to `most` characters."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("must be text")
        text = clean(value)
        if one_line:
            text = " ".join(text.split())
        if len(text) < least:
            raise ValueError("must not be empty")
        if len(text) > most:
            raise ValueError(f"must have at most {most:,} characters; it has {len(text):,}")
        return text

    return BeforeValidator(check)


TaskText = Annotated[str, _text(1, 200, True), WithJsonSchema({"type": "string"})]
"""One line of 1 to 200 characters."""
LongText = Annotated[str, _text(0, 4000, False), WithJsonSchema({"type": "string"})]
"""Free text of at most 4,000 characters; never part of a decision."""
ShortText = Annotated[str, _text(0, 200, True), WithJsonSchema({"type": "string"})]
"""One line of at most 200 characters; may be empty."""

_NAME_LIMIT = 64


def name_of(text: str) -> str:
    """Return the name that `text` means: case, spaces and punctuation make no difference.

    `+` and `#` stay, so that "C++" and "C#" are two capabilities.

    >>> name_of("GPU Hours"), name_of("gpu-hours"), name_of("C++")
    ('gpu-hours', 'gpu-hours', 'c++')
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", clean(text)).casefold())
    # Marks are parts of letters in many scripts, so they stay.
    kept = (c if c in "+#" or unicodedata.category(c)[0] in "LMN" else " " for c in folded)
    return "-".join("".join(kept).split())


def _shown_name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    text = " ".join(clean(value).split())
    if not name_of(text):
        raise ValueError("must have a letter or a digit")
    if max(len(text), len(name_of(text))) > _NAME_LIMIT:
        raise ValueError(f"must have at most {_NAME_LIMIT} characters")
    return text


ShownName = Annotated[str, BeforeValidator(_shown_name), WithJsonSchema({"type": "string"})]
"""A name as it was written: 1 to 64 characters with a letter or digit. `name_of` gives what it means."""
Name = Annotated[
    str, BeforeValidator(_shown_name), AfterValidator(name_of), WithJsonSchema({"type": "string"})
]
"""A capability's, attribute's or resource's name, normalised."""

_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63})?", re.ASCII)


def agent_id(value: object) -> str:
    """Return `value` as an agent's id; raise ValueError with the rule that it breaks."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be an agent's id, such as claude or acme/reviewer-2")
    return _agent_id(value.strip())


@lru_cache(maxsize=1024)  # a call says who acts, then its arguments do, then the next call
def _agent_id(text: str) -> str:
    if not _AGENT.fullmatch(text):
        raise ValueError(
            "must be an agent's id: letters, digits, '.', '_', '-', at most 64 of them, "
            "with an owner before one '/' if you like"
        )
    if owner_of(text) == MARKET:
        raise ValueError("must not be 'market': the market itself acts under that name")
    return text


def owner_of(agent: str) -> str:
    """Return the owner of an agent id: `acme` for `acme` and `acme/x`. Case makes no difference here.

    >>> owner_of("Acme/reviewer-2")
    'acme'
    """
    return agent.partition("/")[0].lower()


AgentId = Annotated[str, BeforeValidator(agent_id), WithJsonSchema({"type": "string"})]
"""Who: letters, digits and . _ - (1 to 64), optionally `owner/` in front."""

ObjectId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
"""The id of an auction, a bid, a demand or an offer, as the market gave it."""


def _scalar(value: object) -> bool | int | float | str:
    if isinstance(value, str):
        text = " ".join(clean(value).split())
        if not 0 < len(text) <= 200:
            raise ValueError("must be text of 1 to 200 characters")
        return text
    if isinstance(value, bool | int):
        if abs(value) >= 10**15:
            raise ValueError("must be below 10^15")
        return value
    if isinstance(value, float) and math.isfinite(value) and abs(value) < 10**15:
        return value
    raise ValueError("must be true, false, a finite number or text")


Scalar = Annotated[
    bool | int | float | str,
    BeforeValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
"""An attribute's value: true/false, a number, or a short text. Compared, never calculated with."""


def bid_id_in(auction_id: str, token: str) -> str:
    """Return the id of a bid: it names its auction, so that a bid is found without a search."""
    return f"bid_{auction_id.removeprefix('auc_')}_{token}"


def auction_of(bid_id: str) -> str:
    """Return the auction that a bid's id names (nothing says yet that either exists)."""
    return "auc_" + bid_id.removeprefix("bid_").rpartition("_")[0]


def entry_id_in(prefix: str, resource: str, token: str) -> str:
    """Return the id of a demand (`dem`), of one for a bundle (`bun`), an offer (`off`) or a pool (`pool`): it names a resource."""
    return f"{prefix}_{resource}_{token}"


def resource_of(entry_id: str) -> str:
    """Return the resource that the id of a demand, an offer or a pool names."""
    return entry_id.partition("_")[2].rpartition("_")[0]
