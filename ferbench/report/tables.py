"""Boards as tables in a terminal; numbers are never wrapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from ferbench.report.boards import Board
from ferbench.report.cards import GAP, make_card

STYLES = {"best": "bold green", "tied": "green", "measured": "", "published": "italic dim", "failed": "red"}
MAX_WORD = 24  # characters; longer words of labels may be broken
JOINED_LABELS = "row"


@dataclass(frozen=True)
class BoardTables:
    """Boards, which rich prints as tables that fit the width of the console."""

    boards: Sequence[Board]

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        for board in self.boards:
            yield from _render_board(board, options.max_width)


def _render_board(board: Board, width: int) -> list[RenderableType]:
    """One table if it fits; else one with labels and figures, and as many as the details need. No number is ever broken."""
    heading = Text(board.title, style="bold yellow" if board.standin else "bold")
    caption = Text(board.caption, style="dim")
    if _natural_width(board, board.columns) <= width:
        return [heading, _make_table(board, board.columns), caption, Text()]
    main = board.columns[: board.label_columns + _count_figures(board, width)]
    details = board.columns[len(main) :]
    tables = [_make_table(board, columns) for columns in _pack(board, details, width)] if details else []
    return [heading, *_render_main(board, main, width), *tables, caption, Text()]


def _count_figures(board: Board, width: int) -> int:
    """How many figures fit beside the labels; all where even one does not, since the labels then change their form."""
    counts = range(board.figures, 0, -1)
    return next((count for count in counts if _least_width(board, board.columns[: board.label_columns + count]) <= width), board.figures)


def _render_main(board: Board, columns: tuple[str, ...], width: int) -> list[RenderableType]:
    """A table of labels and figures; where words of labels do not fit, the labels share a column, and where that is too narrow, a line."""
    joined = ("#", JOINED_LABELS, *columns[board.label_columns :])
    for candidate in (columns, joined):
        if _least_width(board, candidate) <= width:
            return [_make_table(board, candidate)]
    cards = zip(board.lines, *[_cells(board, column, joined) for column in joined], strict=True)
    return [
        make_card(f"{rank} {label}".strip(), zip(joined[2:], cells, strict=True), width, STYLES[line.kind])
        for line, rank, label, *cells in cards
    ]


def _least_width(board: Board, columns: Sequence[str]) -> int:
    """The width of a table of these columns if labels are wrapped between words."""
    return sum(_word_width(board, column, columns) + GAP for column in columns) - GAP


def _word_width(board: Board, column: str, columns: Sequence[str]) -> int:
    """The width that a column needs: of a label, that of its longest word; of a number, the whole number."""
    cells = (column, *_cells(board, column, columns))
    return max(min(len(word), MAX_WORD) for cell in cells for word in cell.split()) if _is_label(board, column) else max(map(len, cells))


def _is_label(board: Board, column: str) -> bool:
    return column == JOINED_LABELS or column in board.columns[1 : board.label_columns]


def _pack(board: Board, details: Sequence[str], width: int) -> list[tuple[str, ...]]:
    """Distribute the detail columns over as few tables as fit the width, each with the rank."""
    tables: list[tuple[str, ...]] = [("#",)]
    for column in details:
        if len(tables[-1]) > 1 and _natural_width(board, (*tables[-1], column)) > width:
            tables.append(("#",))
        tables[-1] += (column,)
    return tables


def _natural_width(board: Board, columns: Sequence[str]) -> int:
    """The width of a table of these columns if nothing is wrapped."""
    widths = [max(map(len, (column, *_cells(board, column, columns)))) for column in columns]
    return sum(widths) + GAP * (len(columns) - 1)


def _make_table(board: Board, columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        is_label, width = _is_label(board, column), _word_width(board, column, columns)
        table.add_column(column, justify="left" if is_label else "right", overflow="fold", no_wrap=not is_label, min_width=width)
    rows = zip(*[_cells(board, column, columns) for column in columns], strict=True)
    for line, cells in zip(board.lines, rows, strict=True):
        if any(cells[1:]):  # a published row has few details
            table.add_row(*map(Text, cells), style=STYLES[line.kind])
    return table


def _cells(board: Board, column: str, columns: Sequence[str]) -> list[str]:
    """The cells of a column, in a table of these columns."""
    labels = board.columns[1 : board.label_columns]
    has_labels = JOINED_LABELS in columns or any(label in columns for label in labels)
    cells = []
    for line in board.lines:
        cell = line.cells.get(column, "")
        if column == JOINED_LABELS:
            cell = " · ".join(filter(None, (line.cells.get(label, "") for label in labels)))
        elif column == "#" and line.kind == "published" and not has_labels:
            cell = "pub."
        cells.append(cell)
    return cells or [""]
