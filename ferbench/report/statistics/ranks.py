"""Ranks of several rows over several corpora.

After Demsar 2006, Statistical comparisons of classifiers over multiple data sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ferbench.report.statistics.comparisons import LEVEL

MIN_ROWS = 3  # of Friedman's test


@dataclass(frozen=True)
class RankSummary:
    """Average ranks of K rows over N corpora, 1 the best; `p` of Friedman's test, and Nemenyi's critical difference of average ranks.

    `p` is None for two rows. `p_pairs` [K,K] are Nemenyi's p-values of pairs.
    """

    ranks: tuple[float, ...]
    p: float | None
    critical_difference: float
    p_pairs: NDArray[np.float64]


def summarize_ranks(scores: NDArray[np.float64]) -> RankSummary:
    """Rank the scores [N,K] of K >= 2 rows on each of N >= 2 corpora; higher is better, and equal ones share the mean of their ranks."""
    corpora, rows = scores.shape
    ranks = stats.rankdata(-scores, axis=1).mean(0)
    error = np.sqrt(rows * (rows + 1) / (6 * corpora))
    gaps = np.abs(ranks[:, None] - ranks) / error * np.sqrt(2)
    return RankSummary(
        ranks=tuple(ranks.tolist()),
        p=_run_friedman_test(scores) if rows >= MIN_ROWS else None,
        critical_difference=float(stats.studentized_range.ppf(1 - LEVEL, rows, np.inf) / np.sqrt(2) * error),
        p_pairs=stats.studentized_range.sf(gaps, rows, np.inf),
    )


def combine_stouffer(p: Sequence[float], differences: Sequence[float], people: Sequence[int]) -> float:
    """The two-sided p-value of a difference over several corpora, each with its p-value, weighted by the root of its people.

    Z = sum_i sqrt(n_i) z_i / sqrt(sum_i n_i), with z_i of the sign of the difference (Stouffer 1949; weights of Lipták 1958).
    """
    z = stats.norm.isf(np.asarray(p) / 2) * np.sign(differences)
    weights = np.sqrt(people)
    return float(2 * stats.norm.sf(abs((weights * z).sum()) / np.sqrt((weights**2).sum())))


def _run_friedman_test(scores: NDArray[np.float64]) -> float:
    """Friedman's test of the hypothesis that all rows are equally good; 1 if all are equal everywhere, where it is not defined."""
    if (scores == scores[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*scores.T).pvalue)
