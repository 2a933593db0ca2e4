"""Leaderboards: the rows of a record as ranked tables, one for each protocol fingerprint."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

REHEARSAL = "REHEARSAL on stand-in corpora: says nothing of the real ones"


@dataclass(frozen=True)
class Line:
    """One line of a table: cells by column, and how to show it."""

    cells: Mapping[str, str]
    kind: str  # best, measured, published, failed


@dataclass(frozen=True)
class Board:
    """The rows of one fingerprint, ranked by UAR, published rows beside those they match."""

    title: str
    caption: str
    columns: tuple[str, ...]
    identity: int  # leading columns that say which row it is
    lines: tuple[Line, ...]
    standin: bool


def boards(record: Mapping[str, Any]) -> list[Board]:
    """One board a fingerprint; a benchmark's boards stand in the order of its rows."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in record["rows"]:
        groups.setdefault(row["fingerprint"], []).append(row)
    return [_board(record, rows) for rows in groups.values()]


def show(record: Mapping[str, Any], console: Console) -> RenderableType:
    """The record's boards as rich tables that fit the console's width."""
    return Group(*[part for board in boards(record) for part in _tables(board, console)])


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Every row, measured and published, one line each; shares are 0 to 1."""
    rows = [row for record in records for row in flat(record)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(records: Sequence[Mapping[str, Any]]) -> str:
    """The boards as Markdown tables."""
    return "\n".join(_markdown(board) for record in records for board in boards(record))


def as_latex(records: Sequence[Mapping[str, Any]]) -> str:
    """The boards as LaTeX tables (booktabs)."""
    return "\n".join(_latex(board) for record in records for board in boards(record))


def flat(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a record without nesting: axes, metrics, recall_CLASS, coverage, epochs, seconds, identity."""
    return [_flat(row) for row in record["rows"]] + [_flat_published(record, p) for p in record["published"]]


def with_published(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a record as they are stored, then the published ones."""
    measured = [{"kind": "measured", **row} for row in record["rows"]]
    return measured + [{"kind": "published", "benchmark": record["benchmark"], **row} for row in record["published"]]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    coverage = row.get("coverage", {})
    return {
        "benchmark": row["benchmark"],
        "kind": "measured",
        "status": row["status"],
        **row["labels"],
        **{name: row.get(name) for name in ("war", "uar", "macro_f1")},
        **{f"recall_{name}": value for name, value in row.get("recall", {}).items()},
        "coverage_frames": coverage.get("frames"),
        "coverage_clips": coverage.get("clips"),
        "epochs": " ".join(map(str, row.get("epochs", []))),
        **{f"seconds_{stage}": value for stage, value in row.get("seconds", {}).items()},
        "clips": row.get("clips"),
        "standin": row["standin"],
        "fingerprint": row["fingerprint"],
        "error": f"{row['error']}: {row['message']}" if row["status"] == "failed" else None,
        "key": row["key"],
    }


def _flat_published(record: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    recall = {f"recall_{name}": value for name, value in published.get("recall", {}).items()}
    metrics = {name: published[name] for name in ("war", "uar") if published.get(name) is not None}
    both = {"accuracy": published["accuracy"]} if published.get("accuracy") is not None else {}
    return {
        "benchmark": record["benchmark"],
        "kind": "published",
        "status": "published",
        **published["match"],
        **metrics,
        **both,
        **recall,
        "source": published["source"],
    }


def _board(record: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> Board:
    done = sorted((r for r in rows if r["status"] == "done"), key=_figures, reverse=True)
    failed = [r for r in rows if r["status"] == "failed"]
    axes = _varying(record, rows)
    classes = _short(rows[0]["classes"])
    lines, shown = [], []
    for row in done:
        rank = 1 + sum(_figures(other) > _figures(row) for other in done)
        alone = rank == 1 and len(done) > 1 and _figures(done[1]) < _figures(row)
        lines.append(Line(_measured(row, rank, axes, classes), "best" if alone else "measured"))
        for published in (p for p in record["published"] if p["match"].items() <= row["labels"].items()):
            lines.append(Line(_published(published, axes, classes), "published"))
            shown.append(published)
    lines += [Line(_failed(row, axes), "failed") for row in failed]
    standin = any(row["standin"] for row in rows)
    fixed = ", ".join(f"{axis} {rows[0]['labels'][axis]}" for axis in record["axes"] if axis not in axes and axis != "dataset")
    return Board(
        title=record["benchmark"] + (f" · {REHEARSAL}" if standin else ""),
        caption="\n".join([rows[0]["protocol"], f"all rows: {fixed}", *_legend(classes, shown, failed, rows[0])]),
        columns=("#", *axes, "WAR", "UAR", "F1", *classes.values(), "cover", "epoch", "sec"),
        identity=1 + len(axes),
        lines=tuple(lines),
        standin=standin,
    )


def _figures(row: Mapping[str, Any]) -> tuple[float, float]:
    """What rows are ranked by; equal ones share a rank."""
    return row["uar"], row["war"]


def _varying(record: Mapping[str, Any], rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The axes on which the benchmark's rows differ; at least the backbone's."""
    varying = tuple(axis for axis in record["axes"] if len({row["labels"][axis] for row in rows}) > 1)
    return varying or ("backbone",)


def _short(classes: Sequence[str]) -> dict[str, str]:
    """The shortest beginnings, of two letters or more, that tell the classes apart."""
    length = 2
    while len({name[:length] for name in classes}) < len(classes):
        length += 1
    return {name: name[:length] for name in classes}


def _measured(row: Mapping[str, Any], rank: int, axes: Iterable[str], classes: Mapping[str, str]) -> dict[str, str]:
    coverage = row["coverage"]["frames"]
    return {
        "#": str(rank),
        **{axis: row["labels"][axis] for axis in axes},
        **{"WAR": _percent(row["war"]), "UAR": _percent(row["uar"]), "F1": _percent(row["macro_f1"])},
        **{short: _percent(row["recall"][name], 0) for name, short in classes.items()},
        "cover": "–" if coverage is None else _percent(coverage, 0),
        "epoch": _range(row["epochs"]),
        "sec": f"{sum(row['seconds'].values()):.0f}",
    }


def _published(row: Mapping[str, Any], axes: Iterable[str], classes: Mapping[str, str]) -> dict[str, str]:
    """Where the source does not say which accuracy it gives, the figure stands under both with a question mark."""
    unsure = None if row.get("accuracy") is None else f"{_percent(row['accuracy'])}?"
    return {
        "#": "",
        **{axis: "published" if number == 0 else "" for number, axis in enumerate(axes)},
        "WAR": unsure or _percent(row.get("war")),
        "UAR": unsure or _percent(row.get("uar")),
        **{short: _percent(row.get("recall", {}).get(name), 0) for name, short in classes.items()},
    }


def _failed(row: Mapping[str, Any], axes: Iterable[str]) -> dict[str, str]:
    return {"#": "✗", **{axis: row["labels"][axis] for axis in axes}, "WAR": "failed"}


def _legend(
    classes: Mapping[str, str], published: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]], row: Mapping[str, Any]
) -> list[str]:
    recall = ", ".join(f"{short} {name}" for name, short in classes.items())
    lines = [
        f"%: WAR accuracy over clips, UAR mean recall, F1 macro; recall of {recall}; cover: frames with a face; sec: shared work included"
    ]
    if untested := [name for name, value in row.get("recall", {}).items() if value is None]:
        lines.append(
            f"UAR and F1 over {len(row['recall']) - len(untested)} of {len(row['recall'])} classes; not tested: {', '.join(untested)}"
        )
    for source in dict.fromkeys(p["source"] for p in published):
        unsure = any(p.get("accuracy") is not None for p in published if p["source"] == source)
        lines.append(f"published: {source}" + ("; ? the source does not say whether WAR or UAR" if unsure else ""))
    lines += [f"failed: {' '.join(r['labels'].values())}: {r['error']}: {r['message']} (log: {r['log']})" for r in failed]
    return [*lines, f"fingerprint {row['fingerprint'][:12]}"]


def _percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _range(values: Sequence[int]) -> str:
    """An epoch, or the least and most over the folds."""
    if not any(values):
        return "–"  # nothing that counts epochs was trained
    return str(values[0]) if len(set(values)) == 1 else f"{min(values)}-{max(values)}"


def _tables(board: Board, console: Console) -> list[RenderableType]:
    """One table, or two where the width does not hold all columns: which row and how good, then the details by rank."""
    heading = Text(board.title, style="bold yellow" if board.standin else "bold")
    caption = Text(board.caption, style="dim")
    whole = _table(board, board.columns)
    unbounded = console.options.update(width=10_000)
    if console.measure(whole, options=unbounded).maximum <= console.width:
        return [heading, whole, caption, Text()]
    metrics = board.identity + 3
    details = _table(board, ("#", *board.columns[metrics:]))
    return [heading, _table(board, board.columns[:metrics]), details, caption, Text()]


STYLES = {"best": "bold green", "measured": "", "published": "italic dim", "failed": "red"}


def _table(board: Board, columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        words = 0 < number < board.identity and column == board.columns[number]
        table.add_column(column, justify="left" if words else "right", overflow="fold")
    for line in board.lines:
        cells = dict(line.cells)
        if line.kind == "best":
            cells["#"] = f"★ {cells['#']}"
        if line.kind == "published" and columns[1] != board.columns[1]:
            cells["#"] = "pub."
        table.add_row(*[Text(cells.get(column, "")) for column in columns], style=STYLES[line.kind])
    return table


def _markdown(board: Board) -> str:
    head = [f"**{board.title}**", "", f"| {' | '.join(board.columns)} |", f"|{'---|' * len(board.columns)}"]
    cells = [[line.cells.get(c, "").replace("|", "\\|") for c in board.columns] for line in board.lines]
    marked = [[f"**{c}**" if c and line.kind == "best" else c for c in row] for row, line in zip(cells, board.lines, strict=True)]
    return "\n".join([*head, *[f"| {' | '.join(row)} |" for row in marked], "", *[f"{c}  " for c in board.caption.split("\n")], ""])


def _latex(board: Board) -> str:
    align = "r" + "l" * (board.identity - 1) + "r" * (len(board.columns) - board.identity)
    rows = [" & ".join(_escape(line.cells.get(c, "")) for c in board.columns) + r" \\" for line in board.lines]
    marked = [
        r"\bfseries " + row.replace(" & ", r" & \bfseries ") if line.kind == "best" else row
        for row, line in zip(rows, board.lines, strict=True)
    ]
    head = " & ".join(map(_escape, board.columns)) + r" \\"
    caption = _escape(f"{board.title}. {board.caption}".replace("\n", ". "))
    lines = [r"\begin{table}", rf"\caption{{{caption}}}", rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule"]
    return "\n".join([*lines, *marked, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _escape(text: str) -> str:
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "–": "--",
        "·": r"$\cdot$",
        "✗": r"$\times$",
    }
    return "".join(special.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
