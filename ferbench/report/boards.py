"""Boards: rankings as tables of text. The terminal, Markdown and LaTeX are made from them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ferbench.api.text import escape_line
from ferbench.benchmark.axes import varying_axes
from ferbench.report.legend import REHEARSAL, Classes, describe_board
from ferbench.report.published import compare, matching
from ferbench.report.results import RankedRecord, Ranking, Result
from ferbench.report.statistics.intervals import Estimate
from ferbench.store.records import PublishedRow
from ferbench.store.rows import DoneRow, FailedRow

UAR, WAR = "UAR [95 %]", "WAR [95 %]"
FIGURES = (UAR, "val", WAR, "F1")
OTHER_COLUMNS = ("cover", "seeds", "sd", "epoch", "steps", "p", "sec")
MARKS = {"best": "★ ", "tied": "≈ "}
WIDE = 0.1  # if all intervals of a board are wider, their bounds are whole percentages

Kind = Literal["best", "tied", "measured", "published", "failed"]


@dataclass(frozen=True)
class Line:
    """One line of a board: its cells by column, and its kind of row."""

    cells: Mapping[str, str]
    kind: Kind


@dataclass(frozen=True)
class Board:
    """The results of one fingerprint, ranked by UAR, each followed by the published rows that match it.

    The first `label_columns` columns identify a result: its rank, and the axes on which results differ. The `figures` columns after them
    stay beside them in a narrow terminal, as far as there is room.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    label_columns: int
    figures: int
    lines: tuple[Line, ...]
    standin: bool


def make_boards(ranked: RankedRecord) -> list[Board]:
    """One board per fingerprint, in the order of the rows."""
    return [_make_board(ranked, ranking) for ranking in ranked.rankings]


def _make_board(ranked: RankedRecord, ranking: Ranking) -> Board:
    record, rows = ranked.record, ranking.rows
    axes = varying_axes([result.labels for result in ranking.results] + [row["labels"] for row in ranking.failed])
    classes = name_columns(rows[0]["classes"], taken=("#", *axes, *FIGURES, *OTHER_COLUMNS))
    published = () if _is_standin(ranking) else record["published"]
    digits = _interval_digits(ranking.results)
    lines = [line for result in ranking.results for line in _result_lines(result, ranking, record["published"], axes, classes, digits)]
    caption = describe_board(ranking, record["published"], axes, classes, compares=bool(published))
    return Board(
        title=title_of(ranked, ranking),
        caption="\n".join(map(escape_line, caption)),
        columns=("#", *axes, *FIGURES, *classes.values(), "cover", *_seed_columns(ranking.results), "epoch", "steps", "p", "sec"),
        label_columns=1 + len(axes),
        figures=len(FIGURES),
        lines=(*lines, *[_make_line(_failed_cells(row, axes), "failed") for row in ranking.failed]),
        standin=_is_standin(ranking),
    )


def title_of(ranked: RankedRecord, ranking: Ranking) -> str:
    """The benchmark, and whether its rows are those of a rehearsal."""
    return escape_line(ranked.record["benchmark"]) + (f" · {REHEARSAL}" if _is_standin(ranking) else "")


def _is_standin(ranking: Ranking) -> bool:
    return any(row["standin"] for row in ranking.rows)


def _seed_columns(results: Sequence[Result]) -> tuple[str, ...]:
    """The number of seeds and the spread over them, if there are several."""
    return ("seeds", "sd") if any(len(result.rows) > 1 for result in results) else ()


def _make_line(cells: Mapping[str, str], kind: Kind) -> Line:
    return Line({column: escape_line(cell) for column, cell in cells.items()}, kind)


def _result_lines(
    result: Result, ranking: Ranking, published: Sequence[PublishedRow], axes: Iterable[str], classes: Classes, digits: int
) -> list[Line]:
    """The line of a result, then those of the published rows that match it."""
    own = _make_line(_measured_cells(result, kind := find_kind(result, ranking), axes, classes, digits), kind)
    compares = not _is_standin(ranking)
    return [own, *[_make_line(_published_cells(row, result, axes, classes, compares), "published") for row in matching(published, result)]]


def find_kind(result: Result, ranking: Ranking) -> Kind:
    """A star for a result that is better than all others; if some cannot be separated from it, they are marked as a group."""
    tied = sum(other.is_tied for other in ranking.results)
    if not result.is_tied or len(ranking.results) == 1:
        return "measured"
    return "best" if tied == 1 else "tied"


def name_columns(classes: Sequence[str], taken: Collection[str]) -> dict[str, str]:
    """The headings of the columns of classes: short names, unless another column has this heading."""
    return {name: f"recall {short}" if short in taken else short for name, short in shorten_names(classes).items()}


def shorten_names(classes: Sequence[str]) -> dict[str, str]:
    """The shortest distinct prefixes of the class names, at least two letters long."""
    length = 2
    while len({name[:length] for name in classes}) < len(classes):
        length += 1
    return {name: escape_line(name[:length]) for name in classes}


def _measured_cells(result: Result, kind: Kind, axes: Iterable[str], classes: Classes, digits: int) -> dict[str, str]:
    cover = result.average(lambda row: row["coverage"]["frames"])
    validation = result.average(lambda row: row["validation"] and row["validation"]["uar"])
    return {
        "#": f"{MARKS.get(kind, '')}{result.rank}",
        **{axis: result.labels[axis] for axis in axes},
        UAR: format_estimate(result.uar, digits),
        "val": percent(validation) or "–",
        WAR: format_estimate(result.war, digits),
        "F1": percent(result.average(lambda row: row["macro_f1"])),
        **{heading: percent(_recall(result, name), 0) for name, heading in classes.items()},
        "cover": "–" if cover is None else percent(cover, 0),
        "seeds": str(len(result.rows)),
        "sd": percent(result.spread),
        "epoch": format_range([epoch for row in result.rows for epoch in row["epochs"]]),
        "steps": format_range([steps for row in result.rows for steps in row["steps"]]),
        "p": "" if result.p is None else format_p(result.p),
        "sec": f"{sum(sum(row['seconds'].values()) for row in result.rows):.0f}",
    }


def _recall(result: Result, name: str) -> float | None:
    def figure(row: DoneRow) -> float | None:
        return row["recall"][name]

    return result.average(figure)


def _published_cells(row: PublishedRow, result: Result, axes: Iterable[str], classes: Classes, compares: bool) -> dict[str, str]:
    """If the source does not say whether its accuracy is WAR or UAR, both columns show it with a question mark."""
    return {
        "#": "",
        **{axis: "published" if number == 0 else "" for number, axis in enumerate(axes)},
        UAR: _published_cell(row["uar"], row["accuracy"], result.uar, compares),
        WAR: _published_cell(row["war"], row["accuracy"], result.war, compares),
        **{heading: percent(row["recall"].get(name), 0) for name, heading in classes.items()},
    }


def _published_cell(figure: float | None, accuracy: float | None, estimate: Estimate, compares: bool) -> str:
    value = accuracy if figure is None else figure
    if value is None:
        return ""
    text = percent(value) + ("?" if figure is None else "")
    return f"{text} {compare(value, estimate)}".strip() if compares else text


def _failed_cells(row: FailedRow, axes: Iterable[str]) -> dict[str, str]:
    return {"#": "✗", **{axis: row["labels"][axis] for axis in axes}, UAR: "failed"}


def _interval_digits(results: Sequence[Result]) -> int:
    """Digits after the point of the bounds of intervals: none if all intervals are wide."""
    widths = [width for result in results for estimate in (result.uar, result.war) if (width := estimate.half_width) is not None]
    return 0 if all(2 * width > WIDE for width in widths) else 1


def format_estimate(estimate: Estimate, digits: int) -> str:
    """A figure as a percentage, with its interval: 65.4 [58–72]."""
    if estimate.low is None:
        return percent(estimate.value)
    return f"{percent(estimate.value)} [{percent(estimate.low, digits)}–{percent(estimate.high, digits)}]"


def percent(share: float | None, digits: int = 1) -> str:
    """A share as a percentage without the % sign; empty for None."""
    return "" if share is None else f"{100 * share:.{digits}f}"


def format_points(difference: float) -> str:
    """A difference of shares in percentage points, with its sign; what rounds to 0 is +0.0."""
    return f"{100 * difference:+z.1f}"


def format_p(p: float) -> str:
    """A p-value: .034, or <.001."""
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def format_range(numbers: Sequence[int]) -> str:
    """The lowest and the highest number of all folds and seeds, or the only one; a dash if nothing with epochs was trained."""
    if not any(numbers):
        return "–"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}-{high}"
