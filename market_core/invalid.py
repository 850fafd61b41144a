"""What pydantic finds wrong with a request, in our words: the refusal that names the field and its rule."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from market_core.commands import SubmitBid
from market_core.rejections import Code, Rejection
from market_core.terms import Bonus, Condition, Scoring

_RULES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a field here",
    "value_error": "{error}",
    "literal_error": "must be one of {expected}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be at most {le}",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}
"""What pydantic finds wrong, in our words."""
_PARTS: Mapping[str, type[BaseModel]] = {
    "scoring": Scoring,
    "attribute_bonus": Bonus,
    "attributes": Condition,
    "when": Condition,
    "bids": SubmitBid,
}
"""The parts of a request that have fields of their own, by the field they stand in."""


def invalid(error: ValidationError) -> Rejection:
    """Return the refusal that names the first field and the rule it breaks, in our words."""
    first = error.errors(include_url=False)[0]
    inside = first.get("ctx", {}).get(
        "field"
    )  # of several fields that do not fit together, the one to change
    loc = (*first["loc"], inside) if inside else first["loc"]
    where = ".".join(str(part)[:40] for part in loc) or "the arguments"
    text_too_long = first["type"] == "too_long" and isinstance(first["input"], str)
    kind = "string_too_long" if text_too_long else first["type"]
    rule = _RULES.get(kind, "is not valid here").format(**first.get("ctx", {}))
    if first["type"] == "extra_forbidden" and len(first["loc"]) > 1:
        around = next((part for part in reversed(first["loc"][:-1]) if isinstance(part, str)), "")
        if around == "requirements":
            rule += "; put it under attributes"
        elif around in _PARTS:
            rule += f"; use {', '.join(_PARTS[around].model_fields)}"
    return Rejection(Code.INVALID_VALUE, field=where, rule=rule)


_M = TypeVar("_M", bound=BaseModel)


def checked(model: type[_M], **values: object) -> _M:
    """Return the model with these values, or raise the Rejection `invalid_value` that names the first wrong one."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid(error) from None
