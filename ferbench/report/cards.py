"""Tables for terminals of any width: where the columns do not fit, each row becomes a block of lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

GAP = 2  # characters between two cells


@dataclass(frozen=True)
class FittingTable:
    """A table of numbers, with names in its first column; no cell is ever wrapped or cut."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*map(Text, row))
        if self._width <= options.max_width:
            yield table
        else:
            yield from [make_card(row[0], zip(self.columns[1:], row[1:], strict=True), options.max_width) for row in self.rows]

    @property
    def _width(self) -> int:
        columns = zip(self.columns, *self.rows, strict=True)
        return sum(max(map(len, cells)) + GAP for cells in columns) - GAP


def make_card(title: str, cells: Iterable[tuple[str, str]], width: int, style: str = "") -> Text:
    """A title, and below it every cell that is not empty after its heading, as many on a line as fit."""
    lines = [title]
    for pair in [f"{heading} {cell}" for heading, cell in cells if cell]:
        if len(lines) > 1 and len(lines[-1]) + GAP + len(pair) <= width:
            lines[-1] += " " * GAP + pair
        else:
            lines.append(" " * GAP + pair)
    return Text("\n".join(lines), style=style)
