"""Records as CSV, Markdown, LaTeX, JSON data and flat rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from ferbench.api.text import escape_line
from ferbench.report.boards import Board, Line
from ferbench.report.published import describe_source
from ferbench.report.results import RankedRecord, Ranking, Result, fold_mean
from ferbench.report.statistics.intervals import Estimate
from ferbench.store.records import PublishedRow
from ferbench.store.rows import DoneRow, FailedRow, StoredRow

Cell = str | float | bool | None

FIGURES: dict[str, Callable[[DoneRow], float | None]] = {
    "validation_uar": lambda row: row["validation"] and row["validation"]["uar"],
    "validation_war": lambda row: row["validation"] and row["validation"]["war"],
    "covered_uar": lambda row: row["covered_only"] and row["covered_only"]["uar"],
    "covered_war": lambda row: row["covered_only"] and row["covered_only"]["war"],
    "macro_f1": lambda row: row["macro_f1"],
    "kappa": lambda row: row["kappa"],
    "log_loss": lambda row: row["score_metrics"] and row["score_metrics"]["log_loss"],
    "brier": lambda row: row["score_metrics"] and row["score_metrics"]["brier"],
    "calibration_error": lambda row: row["score_metrics"] and row["score_metrics"]["calibration_error"],
    "top2": lambda row: row["score_metrics"] and row["score_metrics"]["top2"],
    "coverage_frames": lambda row: row["coverage"]["frames"],
    "coverage_clips": lambda row: row["coverage"]["clips"],
}
"""The columns of CSV files and data frames that are means over the seeds."""

EMPHASIZED = ("best", "tied")
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
    "★": r"$\star$",
    "≈": r"$\approx$",
}


def to_csv(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Flat rows as CSV; shares are from 0 to 1. A text that would be a formula gets an apostrophe in front."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writerow({column: escape_line(column) for column in columns})
    writer.writerows({column: escape_formula(cell) for column, cell in row.items()} for row in rows)
    return text.getvalue()


def to_markdown(boards: Sequence[Board]) -> str:
    """Boards as Markdown tables."""
    return "\n".join(map(_markdown, boards))


def to_latex(boards: Sequence[Board]) -> str:
    """Boards as LaTeX tables (booktabs)."""
    return "\n".join(map(_latex, boards))


def to_data(ranked: RankedRecord) -> list[dict[str, object]]:
    """The rows as they are stored, each with the result that it is a seed of, None if it failed; then the published rows.

    Their components are left out, which name folders of this machine.
    """
    record = ranked.record
    pairs = [(result, ranking) for ranking in ranked.rankings for result in ranking.results]
    results = {row["key"]: describe_result(result, ranking) for result, ranking in pairs for row in result.rows}
    shown = [{name: value for name, value in row.items() if name != "components"} for row in record["rows"]]
    rows: list[dict[str, object]] = [{"kind": "measured", **row, "result": results.get(str(row["key"]))} for row in shown]
    sources = [{"benchmark": record["benchmark"], **row, "notes": describe_source([row])} for row in record["published"]]
    return rows + [{"kind": "published", **row} for row in sources]


def describe_result(result: Result, ranking: Ranking) -> dict[str, object]:
    """A result as plain data: what tables show beside its rows."""
    return {
        "rank": result.rank,
        "seeds": [row["key"] for row in result.rows],
        **{name: asdict(estimate) for name, estimate in (("uar", result.uar), ("war", result.war))},
        "spread_over_seeds": result.spread,
        "fold_mean_uar": fold_mean(result),
        "difference_to_best": result.difference and asdict(result.difference),
        "p": result.p,
        "tied_with_best": result.is_tied,
        "smallest_difference": ranking.smallest_difference,
        "people": ranking.people,
        "clips": ranking.clips,
    }


def flatten_record(ranked: RankedRecord) -> list[dict[str, Cell]]:
    """Results without nesting, a mean over the seeds where there are several; then failed rows, then published ones."""
    rows = [_flatten(result, ranking) for ranking in ranked.rankings for result in ranking.results]
    rows += [_flatten_failed(row) for ranking in ranked.rankings for row in ranking.failed]
    return rows + [_flatten_published(ranked.record["benchmark"], row) for row in ranked.record["published"]]


def _flatten(result: Result, ranking: Ranking) -> dict[str, Cell]:
    first = result.rows[0]
    return {
        **{"benchmark": first["benchmark"], "kind": "measured", "status": "done", "rank": result.rank, **result.labels},
        **flatten_estimate("uar", result.uar),
        **flatten_estimate("war", result.war),
        **{name: result.average(figure) for name, figure in FIGURES.items()},
        **_average_by_class(result, "recall", "recall"),
        **_average_by_class(result, "precision", "class_precision"),
        "fold_mean_uar": fold_mean(result),
        "seeds": len(result.rows),
        "spread_over_seeds": result.spread,
        "difference_to_best": None if result.difference is None else result.difference.value,
        "p": result.p,
        "tied_with_best": result.is_tied,
        "smallest_difference": ranking.smallest_difference,
        "epochs": " ".join(str(epoch) for row in result.rows for epoch in row["epochs"]),
        "steps": " ".join(str(steps) for row in result.rows for steps in row["steps"]),
        **{f"seconds_{stage}": sum(row["seconds"].get(stage, 0) for row in result.rows) for stage in first["seconds"]},
        **{"people": ranking.people, "clips": first["clips"]},
        **_describe_identity(first),
        "error": None,
        "key": " ".join(row["key"] for row in result.rows),
    }


def _describe_identity(row: StoredRow) -> dict[str, Cell]:
    return {
        "standin": row["standin"],
        "leaks": " ".join(row["leaks"]),
        "trained_on": "; ".join(row["trained_on"]),
        "fingerprint": row["fingerprint"],
        "precision": row["precision"],
    }


def _average_by_class(result: Result, prefix: str, figure: Literal["recall", "class_precision"]) -> dict[str, Cell]:
    def of_class(name: str) -> Callable[[DoneRow], float | None]:
        return lambda row: row[figure][name]

    return {f"{prefix}_{name}": result.average(of_class(name)) for name in result.rows[0]["classes"]}


def flatten_estimate(name: str, estimate: Estimate | None) -> dict[str, Cell]:
    """A figure and its interval as three columns."""
    value, low, high = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _flatten_failed(row: FailedRow) -> dict[str, Cell]:
    head: dict[str, Cell] = {"benchmark": row["benchmark"], "kind": "measured", "status": "failed", **row["labels"]}
    return {**head, "uar": None, "war": None, **_describe_identity(row), "error": f"{row['error']}: {row['message']}", "key": row["key"]}


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
        "notes": describe_source([row]),
    }


def escape_formula(cell: Cell) -> Cell:
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
        emphasized = [f"**{cell}**" if cell and line.kind in EMPHASIZED else cell for cell in cells]
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
    return " & ".join(rf"\bfseries {cell}" if line.kind in EMPHASIZED else cell for cell in cells) + r" \\"


def escape_latex(text: str, special: Mapping[str, str] = LATEX_ESCAPES) -> str:
    """Escape the characters that are special in LaTeX."""
    return "".join(special.get(character, f"\\{character}" if character in "&%$#_{}" else character) for character in text)
