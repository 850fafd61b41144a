"""How a tool is described: once, as a model of its arguments and a function that makes its answer.

`acting` tools carry out one command: their arguments are the command's fields. `reading` tools change
nothing. The protocol layer makes MCP tools of both, so neither knows MCP.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field

from market_core.commands import AnyCommand
from server.batch import After, Answer, once
from server.identity import Identity
from server.service import Service

Hints = Literal["read", "write", "final"]
_A = TypeVar("_A", bound=BaseModel)

AgentArgument = Annotated[
    str,
    Field(max_length=129, description="your agent id, unless the server is bound"),
]
KeyArgument = Annotated[
    str,
    Field(max_length=200, description="your text: a repeated call acts once"),
]


Progress = Callable[[float, float, str], Awaitable[None]]
"""Tells the caller how far a call is: so much of so much, and a message."""


async def quiet(_done: float, _of: float, _message: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a tool works with: the market, who calls, the idempotency key, and how to tell that it takes longer."""

    service: Service
    identity: Identity
    key: str = ""
    progress: Progress = quiet


Run = Callable[[Call, dict[str, Any]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool. `arguments` is its model; `answer` the model of its structured content."""

    name: str
    title: str
    description: str
    arguments: type[BaseModel]
    answer: type[BaseModel]
    hints: Hints
    run: Run


_REGISTERED: dict[str, list[Tool]] = {}  # by module, in the order of the file


def tools_of(*modules: ModuleType) -> dict[str, Tool]:
    """Return the tools that the modules define, by name, in order."""
    return {tool.name: tool for module in modules for tool in _REGISTERED[module.__name__]}


def reply(model: BaseModel, text: str) -> Answer:
    """Return an answer: the model without its empty fields, and the text."""
    return Answer(text, model.model_dump(mode="json", exclude_none=True))


def _add(
    function: Callable[..., Any],
    title: str,
    arguments: type[BaseModel],
    answer: type[BaseModel],
    hints: Hints,
    run: Run,
) -> None:
    name = function.__name__
    made = Tool(name, title, inspect.getdoc(function) or "", arguments, answer, hints, run)
    _REGISTERED.setdefault(function.__module__, []).append(made)


def acting(
    title: str, command: type[_A], answer: type[BaseModel], hints: Hints = "write"
) -> Callable[[Callable[[_A, After], tuple[BaseModel, str]]], Callable[[_A, After], tuple[BaseModel, str]]]:
    """Register a tool that carries out `command`; the function makes its answer from what happened."""

    def register(
        function: Callable[[_A, After], tuple[BaseModel, str]],
    ) -> Callable[[_A, After], tuple[BaseModel, str]]:
        async def run(call: Call, given: dict[str, Any]) -> Answer:
            given["agent"] = call.identity.acting(given.get("agent", ""))
            asked = command.model_validate(given)
            return await call.service.execute(
                cast("AnyCommand", asked),
                lambda after: reply(*function(asked, after)),
                once(given["agent"], call.key, function.__name__, asked.model_dump),
            )

        _add(function, title, command, answer, hints, run)
        return function

    return register


def reading(
    title: str, arguments: type[_A], answer: type[BaseModel], hints: Hints = "read"
) -> Callable[
    [Callable[[_A, Call], Awaitable[tuple[BaseModel, str]]]],
    Callable[[_A, Call], Awaitable[tuple[BaseModel, str]]],
]:
    """Register a tool that looks; the function gets its arguments, with `agent` resolved to who looks."""

    def register(
        function: Callable[[_A, Call], Awaitable[tuple[BaseModel, str]]],
    ) -> Callable[[_A, Call], Awaitable[tuple[BaseModel, str]]]:
        async def run(call: Call, given: dict[str, Any]) -> Answer:
            given["agent"] = call.identity.viewing(given.get("agent", ""))
            return reply(*await function(arguments.model_validate(given), call))

        _add(function, title, arguments, answer, hints, run)
        return function

    return register


def custom(
    title: str, arguments: type[_A], answer: type[BaseModel], hints: Hints = "write"
) -> Callable[[Callable[[_A, Call], Awaitable[Answer]]], Callable[[_A, Call], Awaitable[Answer]]]:
    """Register a tool that acts in its own way: the function, given its arguments, calls the service itself."""

    def register(
        function: Callable[[_A, Call], Awaitable[Answer]],
    ) -> Callable[[_A, Call], Awaitable[Answer]]:
        async def run(call: Call, given: dict[str, Any]) -> Answer:
            given["agent"] = call.identity.acting(given.get("agent", ""))
            return await function(arguments.model_validate(given), call)

        _add(function, title, arguments, answer, hints, run)
        return function

    return register
