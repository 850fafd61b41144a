"""The core never touches the world, and no amount of money is ever a float."""

import ast
from pathlib import Path

import pytest

import market_core

FOLDER = Path(market_core.__file__).parent
FILES = sorted(FOLDER.rglob("*.py"))
WORLD = {
    "asyncio", "glob", "io", "logging", "multiprocessing", "os", "pathlib", "platform", "queue",
    "random", "secrets", "shutil", "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading",
    "time", "urllib", "uuid", "locale", "getpass", "http", "anyio", "mcp", "server",
}  # fmt: skip
WORLDLY_CALLS = {
    "open",
    "print",
    "input",
    "exec",
    "eval",
    "compile",
    "breakpoint",
    "__import__",
    "id",
    "hash",
}
HEAVY = {"numpy", "highspy"}
CLOCK = {"now", "utcnow", "today", "fromtimestamp", "time", "monotonic", "perf_counter"}


def nodes(kind):
    return [
        pytest.param(node, id=f"{path.relative_to(FOLDER)}:{node.lineno}")
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, kind)
    ]


def name_of_call(node):
    return node.func.id if isinstance(node.func, ast.Name) else None


def offenders(kind, offends, *, but=()):
    found = [param.id for param in nodes(kind) if offends(*param.values)]
    return [where for where in found if where.partition(":")[0].partition("/")[2] not in but]


def solvers():
    """Return the files that give a solver its numbers or search arrays, in floats; what is found is recomputed exactly."""

    def of_a_kernel(node):
        if isinstance(node, ast.Import):
            return bool({alias.name for alias in node.names} & HEAVY)
        name = getattr(node.func, "attr", name_of_call(node)) if isinstance(node, ast.Call) else None
        return name == "Matrix"

    return {
        path.name
        for path in FOLDER.glob("mechanisms/*.py")
        if any(map(of_a_kernel, ast.walk(ast.parse(path.read_text()))))
    }


def test_there_is_code_to_look_at():
    assert len(FILES) > 15
    assert len(nodes(ast.Call)) > 300


def test_nothing_of_the_world_is_imported():
    def worldly(node):
        names = (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        return any(name.split(".")[0] in WORLD for name in names)

    assert offenders((ast.Import, ast.ImportFrom), worldly) == []


def test_only_the_standard_library_and_pydantic_are_imported():
    allowed = {
        "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "hashlib",
        "itertools", "json", "market_core", "math", "operator", "pydantic", "pydantic_core", "re", "types",
        "typing", "unicodedata", "heapq", "bisect",
    }  # fmt: skip

    def foreign(node):
        names = (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        return any(name.split(".")[0] not in allowed | HEAVY for name in names)

    assert offenders((ast.Import, ast.ImportFrom), foreign) == []


def test_what_is_heavy_is_imported_only_when_a_mechanism_needs_it():
    for path in FILES:
        tree = ast.parse(path.read_text())
        heavy = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Import) and {alias.name for alias in node.names} & HEAVY
        ]
        assert not heavy or path.parent.name == "mechanisms", path
        assert not [node for node in heavy if node in tree.body], path


def test_nobody_asks_for_the_time():
    def asks(node):
        return (
            node.attr in CLOCK
            and isinstance(node.value, ast.Name)
            and node.value.id in {"date", "datetime", "time"}
        )

    assert offenders(ast.Attribute, asks) == []


def test_nothing_is_opened_printed_or_run():
    assert offenders(ast.Call, lambda node: name_of_call(node) in WORLDLY_CALLS) == []


def test_no_float_is_made_or_written():
    assert offenders(ast.Call, lambda node: name_of_call(node) == "float", but=solvers()) == []
    assert offenders(ast.Constant, lambda node: isinstance(node.value, float), but=solvers()) == []


def test_nothing_is_divided_into_a_float():
    def true_division(node):
        return isinstance(node.op, ast.Div)

    assert offenders((ast.BinOp, ast.AugAssign), true_division, but=solvers()) == []


def test_only_exact_fractions_are_rounded():
    def of_something_else(node):
        if name_of_call(node) != "round":
            return False
        (argument, *rest) = node.args
        return bool(rest) or not (isinstance(argument, ast.Call) and name_of_call(argument) == "Fraction")

    assert offenders(ast.Call, of_something_else, but=solvers()) == []
