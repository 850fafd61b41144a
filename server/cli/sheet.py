"""How commands show things to people: rich tables on a terminal, plain aligned text everywhere else."""

import io
import sys
import textwrap
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

from market_core.values import clean, plain

_LONGEST = 60  # characters of a cell; tasks and names are other people's


def word(value: object) -> str:
    r"""Return a value as the text of one cell: one line, nothing that could steer a terminal.

    >>> word(None), word(0.50), word(True), word("two\\nlines")
    ('-', '0.5', 'yes', 'two lines')
    """
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return plain(value)
        case int() | float():
            return plain(Decimal(repr(value)))
        case list() | tuple():
            return ", ".join(word(item) for item in value) or "-"
        case dict():
            return ", ".join(f"{word(key)}: {word(item)}" for key, item in value.items()) or "-"
    return " ".join(clean(str(value)).split())


class Sheet:
    """Standard output, for people. `width`: where prose is broken that is not on a terminal; 0 for nowhere."""

    def __init__(self, width: int = 0) -> None:
        self._width = width
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a task in Japanese must not stop a Latin-1 pipe
        self.console = _console() if sys.stdout.isatty() else None

    def heading(self, text: str) -> None:
        """Write a heading, with space above it."""
        self._write(f"\n{text}", "bold cyan")
        if self.console is None:
            print("-" * len(text))

    def say(self, text: str, style: str = "") -> None:
        """Write a paragraph."""
        if self._width and self.console is None:
            text = textwrap.fill(text, self._width, break_long_words=False, break_on_hyphens=False)
        self._write(text, style)

    def lines(self, text: str) -> None:
        """Write lines as they are."""
        self._write(text, "")

    def table(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[object]],
        right: Collection[str] = (),
        best: int | None = None,
    ) -> None:
        """Write a table; the columns `right` are aligned to the right, row number `best` stands out."""
        cells = [[textwrap.shorten(word(value), _LONGEST, placeholder="…") for value in row] for row in rows]
        if self.console is None:
            print("\n".join(["", *_plain_table(heads, cells, right), ""]), flush=True)
            return
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        table = Table(box=SIMPLE_HEAD, header_style="dim")
        for head in heads:
            table.add_column(Text(head), justify="right" if head in right else "left")
        for position, row in enumerate(cells):
            table.add_row(*map(Text, row), style="green" if position == best else None)
        self.console.print(table)

    def facts(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Write names with their values, those without a value left out."""
        told = [(name, word(value)) for name, value in pairs if value not in (None, "", [], {})]
        width = max((len(name) for name, _ in told), default=0)
        self.lines("\n".join(f"{name:<{width}}  {value}" for name, value in told))

    def _write(self, text: str, style: str) -> None:
        if self.console is None:
            print(text, flush=True)
            return
        from rich.text import Text

        self.console.print(Text(text, style))


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _plain_table(heads: Sequence[str], cells: list[list[str]], right: Collection[str]) -> list[str]:
    from rich.cells import cell_len

    rows = [list(heads), *cells]
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(heads))]
    rows.insert(1, ["-" * width for width in widths])

    def placed(text: str, column: int) -> str:
        space = " " * (widths[column] - cell_len(text))
        return space + text if heads[column] in right else text + space

    return ["  ".join(placed(text, column) for column, text in enumerate(row)).rstrip() for row in rows]
