"""How values become text and JSON: numbers, counted nouns, tables, pages."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from market_core.values import plain, shown


def number(amount: Decimal) -> int | float:
    """Return an amount as a JSON number: exact up to 15 digits; the text always has all digits."""
    return int(amount) if amount == amount.to_integral_value() else float(amount)


Number = Annotated[Decimal, PlainSerializer(number), WithJsonSchema({"type": "number"})]
"""Credits, seconds, units or a share, as a JSON number."""
Moment = Annotated[datetime, PlainSerializer(shown), WithJsonSchema({"type": "string"})]
"""ISO 8601, UTC."""
ROWS = WithJsonSchema({"type": "array", "items": {"type": "object"}})
"""Rows whose fields another part of the schema, or another tool's, names already."""
Object = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]


def credits_text(amount: Decimal | None) -> str:
    """Return an amount of credits as text: `12.5 credits`, or `any` for None."""
    return "any" if amount is None else f"{plain(amount)} credits"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 bid`, `2 bids`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a compact table: a line of heads, a line a row, cells separated by ` | `. None is a dash."""
    return columns(heads, ([cell(value) for value in row] for row in rows))


def columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a compact table of texts that are cells already."""
    return "\n".join([" | ".join(row) for row in (heads, *rows)])


def cell(value: object, most: int = 160) -> str:
    """Return a value as the text of one cell: one line, at most `most` characters, no separator of ours."""
    match value:
        case None | "":
            return "-"
        case Decimal():
            return plain(value)
        case datetime():
            return shown(value)
    text = " ".join(str(value).replace("|", "/").split())
    return text if len(text) <= most else text[: most - 1] + "…"


_Row = TypeVar("_Row", bound=BaseModel)


def fitting(rows: Sequence[_Row]) -> list[_Row]:
    """Return the first rows, as many as leave an answer readable: about 20,000 characters of JSON."""
    kept: list[_Row] = []
    left = 20_000
    for row in rows:
        left -= len(row.model_dump_json(exclude_none=True))
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def quoted(text: str) -> str:
    """Return another agent's words so that no line of theirs can be taken for one of ours."""
    return "\n".join(f"> {line}" for line in text.splitlines())


def paged(shown_rows: int, total: int, cursor: str | None) -> str:
    """Return the line that says how much of a list this is, empty if it is all."""
    if cursor is None:
        return ""
    return f"\n{shown_rows} of {total}; for more pass cursor={cursor}"


class Part(BaseModel):
    """An answer or a part of one. Its serializer is built when it is first used: there are many."""

    model_config = ConfigDict(defer_build=True)


def joined(value: object) -> object:
    """Return a list of texts, or what is expected of a bidder, as one cell of a table."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {said:.2f}" if said is not True else name for name, said in value.items())
    return " ".join(value[:10]) + (" ..." if len(value) > 10 else "") if isinstance(value, list) else value


def compact(model: BaseModel) -> dict[str, Any] | None:
    """Return what a model says beyond its defaults, None if nothing."""
    return numbers(model.model_dump(exclude_defaults=True)) or None


def numbers(value: Any) -> Any:
    """Return a value with its decimals as JSON numbers."""
    match value:
        case Decimal():
            return number(value)
        case dict():
            return {key: numbers(item) for key, item in value.items()}
        case list() | tuple():
            return [numbers(item) for item in value]
    return value
