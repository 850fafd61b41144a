"""A tool's JSON schemas, made of its models, and the arguments of a call.

The schemas are cut down to what tells a model something: they are in its context the whole time. They are made
when the documentation is written (`make docs`), and read from a file at start: making them takes as long as
everything else that a server does until it has listed its tools.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, TypedDict, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from server.errors import unknown_arguments
from server.tools.registry import AgentArgument, KeyArgument, Tool

WRITTEN = Path(__file__).with_name("schemas.json")


class Schemas(TypedDict):
    """The schemas of one tool: of its arguments, and of its structured content."""

    input: dict[str, Any]
    output: dict[str, Any]


def written_schemas() -> Mapping[str, Schemas]:
    """Return the schemas of all tools, by name, as they were written last."""
    return cast("Mapping[str, Schemas]", json.loads(WRITTEN.read_text(encoding="utf-8")))


def made_schemas(tools: Mapping[str, Tool]) -> str:
    """Return the text of the file of schemas, a line each, made of the tools' models."""
    lines = [
        f'"{name}": {{\n"input": {_line(Arguments(tool).schema())},\n"output": {_line(answer_schema(tool))}\n}}'
        for name, tool in tools.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _line(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, ensure_ascii=False)


class Caller(BaseModel):
    """What every call may say besides what it asks for."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)

    agent: AgentArgument = ""
    idempotency_key: KeyArgument = ""


class Arguments:
    """What one tool takes: its model's fields, then who acts and, where something changes, the idempotency key."""

    def __init__(self, tool: Tool) -> None:
        fields = tool.arguments.model_fields
        self._model = tool.arguments
        self.names = [name for name in fields if name != "agent"] + ["agent"]
        if tool.hints != "read":
            self.names.append("idempotency_key")
        self._structured = {name for name, field in fields.items() if not _is_text(field.annotation)}

    def schema(self) -> dict[str, Any]:
        """Return the schema that the list of tools shows."""
        made = self._model.model_json_schema()
        every = made["properties"] | Caller.model_json_schema()["properties"]
        required = [name for name in made.get("required", []) if name != "agent"]
        made |= {"properties": {name: every[name] for name in self.names}, "required": required}
        kept = {key: part for key, part in _slim(made).items() if part and key != "description"}
        # The argument says what its object is for; the object's own description would say it again.
        parts = {
            name: {key: value for key, value in part.items() if key != "description"}
            for name, part in kept.pop("$defs", {}).items()
        }
        rest, kept = _used_where_they_are(kept, parts)
        return ({"$defs": rest} if rest else {}) | kept | {"additionalProperties": False}

    def read(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Return what a call gives to the tool's model, and its idempotency key.

        Nulls count as left out, and a list or an object may come as a JSON text, as some clients send it. Raises
        the Rejection of an argument that the tool does not have, and pydantic's ValidationError for a bad caller.
        """
        said = {name: value for name, value in given.items() if value is not None}
        if not said.keys() <= set(self.names):
            raise unknown_arguments(said, self.names)
        caller = Caller.model_validate(said)
        said.pop("idempotency_key", None)
        for name in self._structured & said.keys():
            said[name] = _parsed(said[name])
        return said | {"agent": caller.agent}, caller.idempotency_key


def answer_schema(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's structured content.

    The parts' fields say by their names what they are, which keeps the list of tools short. What is used once
    stands where it is used: clients that check answers take several times as long to follow a reference.
    """
    schema: dict[str, Any] = _slim(tool.answer.model_json_schema())
    parts = {
        name: {key: value for key, value in part.items() if key not in ("description", "required")}
        for name, part in schema.pop("$defs", {}).items()
    }
    rest, schema = _used_where_they_are(schema, parts)
    return {"$defs": rest, **schema} if rest else schema


def _used_where_they_are(
    schema: dict[str, Any], parts: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parts that are used more than once, and the schema with the others where they are used."""
    uses = json.dumps([schema, parts])
    once = {name: part for name, part in parts.items() if uses.count(f'"{_PARTS}{name}"') == 1}
    rest = {name: inlined(part, once) for name, part in parts.items() if name not in once}
    return rest, inlined(schema, once)


_PARTS = "#/$defs/"


def inlined(schema: Any, parts: Mapping[str, Any]) -> Any:
    """Return a schema with references to `parts` replaced by what they name."""
    if isinstance(schema, list):
        return [inlined(item, parts) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).removeprefix(_PARTS)
    if name in parts:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return inlined({**parts[name], **rest}, parts)
    return {key: inlined(value, parts) for key, value in schema.items()}


def _is_text(annotation: Any) -> bool:
    choices = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return str in choices


def _parsed(value: Any) -> Any:
    """Return the list or object that a JSON text stands for; anything else as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value  # for the model to refuse


def _slim(schema: Any) -> Any:
    """Return a JSON schema without what tells a model nothing: titles, nulls, empty defaults, far limits."""
    if isinstance(schema, list):
        return [_slim(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _slim({**choices[0], **rest})
    return {
        key: {name: _slim(sub) for name, sub in value.items()}
        if key in ("properties", "$defs")
        else _slim(value)
        for key, value in schema.items()
        if not (
            key in ("title", "maxLength", "minLength", "maxItems", "maximum")  # refused with their rule
            or (key == "default" and (not value or isinstance(value, dict | list) or value == "0"))
            or (key in ("default", "minimum") and value == 1)
        )
    }
