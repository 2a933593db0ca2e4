"""Rows over several corpora: UAR on each, average ranks, and which of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from ferbench.api.errors import FerbenchError, join_names
from ferbench.report.comparison import Comparison, compare_rows
from ferbench.report.matching import Match
from ferbench.report.statistics.ranks import RankSummary, combine_stouffer, summarize_ranks

Board = tuple[str, str]
"""The benchmark and the fingerprint of a table."""


@dataclass(frozen=True)
class Across:
    """K rows on N tables: `uar` [N][K], the ranks of the rows, and if there are two, their comparison on each table with a combined p."""

    rows: tuple[str, ...]
    tables: tuple[str, ...]
    uar: tuple[tuple[float, ...], ...]
    summary: RankSummary
    comparisons: tuple[Comparison, ...]
    p: float | None


def compare_across(texts: Sequence[str], found: Sequence[Sequence[Match]]) -> Across:
    """Compare rows on the tables that hold all of them. Raises FerbenchError if there are fewer than two, or a row is ambiguous on one."""
    by_board = [_by_board(text, matches) for text, matches in zip(texts, found, strict=True)]
    boards = [board for board in by_board[0] if all(board in each for each in by_board)]
    if len(boards) < 2:
        hint = "give two rows of one table, or run the benchmark on more corpora"
        raise FerbenchError(f"{len(boards)} tables hold all {len(texts)} rows: expected at least two, one per corpus", hint=hint)
    grid = [[each[board] for each in by_board] for board in boards]
    _check_corpora([line[0] for line in grid])
    uar = tuple(tuple(mean(row["uar"] for row in match.rows) for match in line) for line in grid)
    comparisons = tuple(compare_rows(*line) for line in grid) if len(texts) == 2 else ()
    return Across(
        rows=tuple(texts),
        tables=tuple(_name_table(line[0]) for line in grid),
        uar=uar,
        summary=summarize_ranks(np.array(uar)),
        comparisons=comparisons,
        p=_combine(comparisons) if comparisons else None,
    )


def _check_corpora(matches: Sequence[Match]) -> None:
    """Raise FerbenchError if two tables are of the same corpus: their people would count twice."""
    tables: dict[object, str] = {}
    for match in matches:
        corpora = match.first["identity"]["dataset"]
        assert isinstance(corpora, dict)
        for name, corpus in corpora.items():
            other = tables.setdefault(corpus["content"], _name_table(match))
            if other != _name_table(match):
                problem = f"the tables {other} and {_name_table(match)} both hold the corpus {name}, whose people would count twice"
                raise FerbenchError(problem, hint="compare tables of different corpora, or one with --benchmark")


def _combine(comparisons: Sequence[Comparison]) -> float:
    differences = [each.difference.value for each in comparisons]
    return combine_stouffer([each.p for each in comparisons], differences, [each.people for each in comparisons])


def _by_board(text: str, matches: Sequence[Match]) -> dict[Board, Match]:
    boards: dict[Board, Match] = {}
    for match in matches:
        board = (match.first["benchmark"], match.first["fingerprint"])
        if board in boards:
            names = join_names([each.describe() for each in (boards[board], match)])
            raise FerbenchError(f"{text!r} matches several rows of one table: {names}", hint="name more axes, as in backbone=vgg16")
        boards[board] = match
    return boards


def _name_table(match: Match) -> str:
    labels = match.first["labels"]
    return " · ".join([match.first["benchmark"], labels["dataset"], labels["protocol"]])


def draw_diagram(across: Across, file: Path) -> None:
    """Draw a critical-difference diagram: average ranks on an axis, and a bar over rows that Nemenyi's test cannot separate."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ranks, names = across.summary.ranks, across.rows
    order = sorted(range(len(ranks)), key=lambda number: ranks[number])
    figure = Figure(figsize=(7, 1.4 + 0.3 * len(ranks)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for height, number in enumerate(order):
        axes.plot([ranks[number]] * 2, [0, -1 - height], color="black", linewidth=0.8)
        axes.annotate(
            f"{names[number]} ({ranks[number]:.2f})", (ranks[number], -1 - height), (4, 0), textcoords="offset points", va="center"
        )
    for height, (low, high) in enumerate(find_cliques([ranks[number] for number in order], across.summary.critical_difference)):
        axes.plot([low - 0.03, high + 0.03], [0.35 + 0.3 * height] * 2, color="black", linewidth=3)
    axes.set_xlim(0.8, len(ranks) + 0.8)
    axes.set_ylim(-1 - len(ranks), 2)
    axes.set_xticks(range(1, len(ranks) + 1))
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.spines[["left", "right", "bottom"]].set_visible(False)
    axes.set_title(
        f"average rank over {len(across.tables)} corpora; critical difference {across.summary.critical_difference:.2f}", fontsize=10
    )
    figure.savefig(file, format="png")


def find_cliques(ranks: Sequence[float], critical_difference: float) -> list[tuple[float, float]]:
    """The longest stretches of sorted ranks that are not separated: no longer than the critical difference, of two rows or more."""
    stretches = [(low, max(high for high in ranks if high - low <= critical_difference)) for low in ranks]
    return [(low, high) for low, high in dict.fromkeys(stretches) if high > low and not any(a < low and high <= b for a, b in stretches)]
