"""Records as CSV, Markdown, LaTeX, JSON data and flat rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

from ferbench.api.text import escape_line
from ferbench.report.boards import Board, Line, make_boards
from ferbench.store.records import PublishedRow, Record
from ferbench.store.rows import StoredRow

Cell = str | float | bool | None

FORMULA = ("=", "+", "-", "@")  # a spreadsheet takes a cell that begins with one of these for a formula
MARKDOWN_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$]")
LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "–": "--",
    "·": r"$\cdot$",
    "✗": r"$\times$",
}


def to_csv(records: Sequence[Record]) -> str:
    """One line per row, measured or published; shares are from 0 to 1. A text that would be a formula gets an apostrophe in front."""
    rows = [row for record in records for row in flatten_record(record)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerow({column: escape_line(column) for column in columns})
    writer.writerows({column: _escape_formula(cell) for column, cell in row.items()} for row in rows)
    return text.getvalue()


def to_markdown(records: Sequence[Record]) -> str:
    """The boards as Markdown tables."""
    return "\n".join(_markdown(board) for record in records for board in make_boards(record))


def to_latex(records: Sequence[Record]) -> str:
    """The boards as LaTeX tables (booktabs)."""
    return "\n".join(_latex(board) for record in records for board in make_boards(record))


def to_data(record: Record) -> list[dict[str, object]]:
    """The measured rows as they are stored, then the published ones."""
    measured: list[dict[str, object]] = [{"kind": "measured", **row} for row in record["rows"]]
    return measured + [{"kind": "published", "benchmark": record["benchmark"], **row} for row in record["published"]]


def flatten_record(record: Record) -> list[dict[str, Cell]]:
    """Rows without nesting: labels, metrics, recall_CLASS, coverage, epochs, seconds, fingerprint and key; published rows last."""
    return [_flatten(row) for row in record["rows"]] + [_flatten_published(record["benchmark"], row) for row in record["published"]]


def _flatten(row: StoredRow) -> dict[str, Cell]:
    head: dict[str, Cell] = {"benchmark": row["benchmark"], "kind": "measured", "status": row["status"], **row["labels"]}
    facts: dict[str, Cell] = {"standin": row["standin"], "fingerprint": row["fingerprint"], "precision": row["precision"]}
    tail: dict[str, Cell] = {**facts, "error": None, "key": row["key"]}
    if row["status"] == "failed":
        return {**head, "war": None, "uar": None, "macro_f1": None, **tail, "error": f"{row['error']}: {row['message']}"}
    return {
        **head,
        **{"war": row["war"], "uar": row["uar"], "macro_f1": row["macro_f1"]},
        **{f"recall_{name}": value for name, value in row["recall"].items()},
        "coverage_frames": row["coverage"]["frames"],
        "coverage_clips": row["coverage"]["clips"],
        "epochs": " ".join(map(str, row["epochs"])),
        **{f"seconds_{stage}": value for stage, value in row["seconds"].items()},
        "clips": row["clips"],
        **tail,
    }


def _flatten_published(benchmark: str, row: PublishedRow) -> dict[str, Cell]:
    figures = {"war": row["war"], "uar": row["uar"], "accuracy": row["accuracy"]}
    return {
        "benchmark": benchmark,
        "kind": "published",
        "status": "published",
        **row["match"],
        **{name: value for name, value in figures.items() if value is not None},
        **{f"recall_{name}": value for name, value in row["recall"].items()},
        "source": row["source"],
    }


def _escape_formula(cell: Cell) -> Cell:
    """The cell; a text that a spreadsheet would compute gets an apostrophe in front, which shows it as it is."""
    if not isinstance(cell, str):
        return cell
    text = escape_line(cell)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def escape_markdown(text: str) -> str:
    """Escape the characters that are special in Markdown and HTML."""
    return MARKDOWN_SPECIAL.sub(r"\\\g<0>", text)


def _cells(board: Board, line: Line) -> list[str]:
    return [line.cells.get(column, "") for column in board.columns]


def _markdown(board: Board) -> str:
    columns = " | ".join(map(escape_markdown, board.columns))
    head = [f"**{escape_markdown(board.title)}**", "", f"| {columns} |", f"|{'---|' * len(board.columns)}"]
    lines = []
    for line in board.lines:
        cells = map(escape_markdown, _cells(board, line))
        emphasized = [f"**{cell}**" if cell and line.kind == "best" else cell for cell in cells]
        lines.append(f"| {' | '.join(emphasized)} |")
    return "\n".join([*head, *lines, "", *[f"{escape_markdown(caption)}  " for caption in board.caption.split("\n")], ""])


def _latex(board: Board) -> str:
    align = "r" + "l" * (board.label_columns - 1) + "r" * (len(board.columns) - board.label_columns)
    caption = escape_latex(f"{board.title}. {board.caption}".replace("\n", ". "))
    head = " & ".join(map(escape_latex, board.columns)) + r" \\"
    top = [r"\begin{table}", rf"\caption{{{caption}}}", rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule"]
    return "\n".join([*top, *[_latex_line(board, line) for line in board.lines], r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex_line(board: Board, line: Line) -> str:
    cells = map(escape_latex, _cells(board, line))
    return " & ".join(rf"\bfseries {cell}" if line.kind == "best" else cell for cell in cells) + r" \\"


def escape_latex(text: str, special: Mapping[str, str] = LATEX_ESCAPES) -> str:
    """Escape the characters that are special in LaTeX."""
    return "".join(special.get(character, f"\\{character}" if character in "&%$#_{}" else character) for character in text)
