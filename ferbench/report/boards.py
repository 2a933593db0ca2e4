"""Boards: the rows of a record as ranked tables, one per protocol fingerprint. All output formats are made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ferbench.api.text import escape_line
from ferbench.benchmark.axes import AXES
from ferbench.store.records import PublishedRow, Record
from ferbench.store.rows import DoneRow, FailedRow, StoredRow

REHEARSAL = "REHEARSAL on stand-in corpora: these results say nothing about the real ones"

Kind = Literal["best", "measured", "published", "failed"]
Classes = Mapping[str, str]
"""From the name of a class to the heading of its column."""


@dataclass(frozen=True)
class Line:
    """One line of a board: its cells by column, and its kind of row."""

    cells: Mapping[str, str]
    kind: Kind


def _make_line(cells: Mapping[str, str], kind: Kind) -> Line:
    return Line({column: escape_line(cell) for column, cell in cells.items()}, kind)


@dataclass(frozen=True)
class Board:
    """The rows of one fingerprint, ranked by UAR, each followed by the published rows that match it.

    The first `label_columns` columns identify the row: its rank, and the axes on which rows differ.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    label_columns: int
    lines: tuple[Line, ...]
    standin: bool


def make_boards(record: Record) -> list[Board]:
    """One board per fingerprint, in the order of the rows."""
    groups: dict[str, list[StoredRow]] = {}
    for row in record["rows"]:
        groups.setdefault(row["fingerprint"], []).append(row)
    return [_make_board(record, rows) for rows in groups.values()]


def _make_board(record: Record, rows: Sequence[StoredRow]) -> Board:
    first, axes = rows[0], varying_axes([row["labels"] for row in rows])
    classes = _shorten_names(first["classes"])
    done = sorted((row for row in rows if row["status"] == "done"), key=_ranking, reverse=True)
    failed = [row for row in rows if row["status"] == "failed"]
    lines = [line for row in done for line in _ranked_lines(row, done, record["published"], axes, classes)]
    published = [reference for row in done for reference in _matching(record["published"], row)]
    standin = any(row["standin"] for row in rows)
    legend = _legend(classes, published, done, failed)
    precisions = " and ".join(sorted({row["precision"] for row in rows}))
    identity = f"fingerprint {first['fingerprint'][:12]}; computed in {precisions}"
    caption = [first["protocol"], _shared_labels(first, axes), *legend, identity]
    return Board(
        title=escape_line(record["benchmark"]) + (f" · {REHEARSAL}" if standin else ""),
        caption="\n".join(map(escape_line, caption)),
        columns=("#", *axes, "WAR", "UAR", "F1", *classes.values(), "cover", "epoch", "sec"),
        label_columns=1 + len(axes),
        lines=(*lines, *[_make_line(_failed_cells(row, axes), "failed") for row in failed]),
        standin=standin,
    )


def _ranked_lines(
    row: DoneRow, done: Sequence[DoneRow], published: Sequence[PublishedRow], axes: Iterable[str], classes: Classes
) -> list[Line]:
    """The line of a row, then those of the published rows that match it. A row is best if it beats all others."""
    rank = 1 + sum(_ranking(other) > _ranking(row) for other in done)
    is_best = rank == 1 and len(done) > 1 and _ranking(done[1]) < _ranking(row)
    line = _make_line(_measured_cells(row, rank, axes, classes), "best" if is_best else "measured")
    return [line, *[_make_line(_published_cells(reference, axes, classes), "published") for reference in _matching(published, row)]]


def _matching(published: Sequence[PublishedRow], row: DoneRow) -> list[PublishedRow]:
    return [reference for reference in published if reference["match"].items() <= row["labels"].items()]


def _ranking(row: DoneRow) -> tuple[float, float]:
    """Rows are ranked by this; equal rows share a rank."""
    return row["uar"], row["war"]


def varying_axes(rows: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The axes on which rows differ, given their labels; if there is none, the first axis after those that determine the data."""
    varying = tuple(axis for axis in AXES if len({labels[axis] for labels in rows}) > 1)
    return varying or tuple(axis.name for axis in AXES.values() if not axis.in_data)[:1]


def _shared_labels(row: StoredRow, axes: Sequence[str]) -> str:
    """The labels of the other axes, without the corpora, which the line on the protocol names."""
    shared = [axis for axis in AXES if axis not in axes and AXES[axis].choice != "merged"]
    return "all rows: " + ", ".join(f"{axis} {row['labels'][axis]}" for axis in shared)


def _shorten_names(classes: Sequence[str]) -> dict[str, str]:
    """The shortest distinct prefixes of the class names, at least two letters long."""
    length = 2
    while len({name[:length] for name in classes}) < len(classes):
        length += 1
    return {name: escape_line(name[:length]) for name in classes}


def _measured_cells(row: DoneRow, rank: int, axes: Iterable[str], classes: Classes) -> dict[str, str]:
    coverage = row["coverage"]["frames"]
    return {
        "#": str(rank),
        **{axis: row["labels"][axis] for axis in axes},
        **{"WAR": percent(row["war"]), "UAR": percent(row["uar"]), "F1": percent(row["macro_f1"])},
        **{heading: percent(row["recall"][name], 0) for name, heading in classes.items()},
        "cover": "–" if coverage is None else percent(coverage, 0),
        "epoch": _epoch_range(row["epochs"]),
        "sec": f"{sum(row['seconds'].values()):.0f}",
    }


def _published_cells(row: PublishedRow, axes: Iterable[str], classes: Classes) -> dict[str, str]:
    """If the source does not say whether its accuracy is WAR or UAR, both columns show it with a question mark."""
    ambiguous = None if row.get("accuracy") is None else f"{percent(row['accuracy'])}?"
    return {
        "#": "",
        **{axis: "published" if number == 0 else "" for number, axis in enumerate(axes)},
        "WAR": ambiguous or percent(row.get("war")),
        "UAR": ambiguous or percent(row.get("uar")),
        **{heading: percent(row["recall"].get(name), 0) for name, heading in classes.items()},
    }


def _failed_cells(row: FailedRow, axes: Iterable[str]) -> dict[str, str]:
    return {"#": "✗", **{axis: row["labels"][axis] for axis in axes}, "WAR": "failed"}


def _legend(classes: Classes, published: Sequence[PublishedRow], done: Sequence[DoneRow], failed: Sequence[FailedRow]) -> list[str]:
    """The lines below a board."""
    headings = ", ".join(f"{heading} {name}" for name, heading in classes.items())
    metrics = "WAR: accuracy over clips; UAR: mean recall; F1: macro F1"
    lines = [f"in %: {metrics}; recall of {headings}; cover: frames with a face; sec: seconds, including shared work"]
    if done and (untested := [name for name, value in done[0]["recall"].items() if value is None]):
        count = len(done[0]["recall"])
        lines.append(f"UAR and F1 over {count - len(untested)} of {count} classes; not tested: {', '.join(untested)}")
    if lost := {clip for row in done for clip in row["clips_lost"]}:
        lines.append(f"left out: {len(lost)} clips without a readable frame; a row that lacks one is not scored on it")
    for source in dict.fromkeys(reference["source"] for reference in published):
        is_ambiguous = any(reference.get("accuracy") is not None for reference in published if reference["source"] == source)
        lines.append(f"published: {source}" + ("; ?: the source does not say whether it is WAR or UAR" if is_ambiguous else ""))
    lines += [f"failed: {' '.join(r['labels'].values())}: {r['error']}: {r['message']} (log: {r['log']})" for r in failed]
    return lines


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage without the % sign; empty for None."""
    return "" if share is None else f"{100 * share:.{digits}f}"


def _epoch_range(epochs: Sequence[int]) -> str:
    """The chosen epoch, or the lowest and the highest of all folds."""
    if not any(epochs):
        return "–"  # nothing with epochs was trained
    return str(epochs[0]) if len(set(epochs)) == 1 else f"{min(epochs)}-{max(epochs)}"
