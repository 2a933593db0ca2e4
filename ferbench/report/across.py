"""Rows over several corpora: UAR on each, average ranks, and which of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import numpy as np

from ferbench.report.comparison import Comparison, compare_rows
from ferbench.report.matching import Matches
from ferbench.report.shared_tables import LeftOut, check_poolable, find_shared_tables
from ferbench.report.statistics.ranks import RankSummary, combine_stouffer, summarize_ranks


@dataclass(frozen=True)
class Across:
    """K rows on N tables: `uar` [N][K], the ranks of the rows, and if there are two, their comparison on each table with a combined p.

    `leaks` [N] are those that each table allows, `failed_seeds` [N][K] counts seeds; `left_out` are tables that lack one of the rows.
    """

    rows: tuple[str, ...]
    tables: tuple[str, ...]
    standin: bool
    leaks: tuple[tuple[str, ...], ...]
    uar: tuple[tuple[float, ...], ...]
    summary: RankSummary
    comparisons: tuple[Comparison, ...]
    p: float | None
    failed_seeds: tuple[tuple[int, ...], ...]
    left_out: tuple[LeftOut, ...]


def compare_across(searches: Sequence[Matches]) -> Across:
    """Compare rows on the tables that hold all of them. Raises FerbenchError for fewer than two, or tables that cannot be pooled."""
    tables = find_shared_tables(searches)
    check_poolable(tables)
    uar = tuple(tuple(mean(row["uar"] for row in match.rows) for match in line) for line in tables.matches)
    comparisons = tuple(compare_rows(*line) for line in tables.matches) if len(searches) == 2 else ()
    firsts = [line[0].first for line in tables.matches]
    return Across(
        rows=tuple(search.text for search in searches),
        tables=tables.names,
        standin=firsts[0]["standin"],
        leaks=tuple(tuple(row["leaks"]) for row in firsts),
        uar=uar,
        summary=summarize_ranks(np.array(uar)),
        comparisons=comparisons,
        p=_combine(comparisons) if comparisons else None,
        failed_seeds=tuple(tuple(len(match.failed) for match in line) for line in tables.matches),
        left_out=tables.left_out,
    )


def _combine(comparisons: Sequence[Comparison]) -> float:
    differences = [each.difference.value for each in comparisons]
    return combine_stouffer([each.p for each in comparisons], differences, [each.people for each in comparisons])


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
