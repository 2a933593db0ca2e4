"""Ranks over several corpora, against scipy and published critical differences."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ferbench.report.across import find_cliques
from ferbench.report.statistics.ranks import combine_stouffer, summarize_ranks


def test_average_ranks_and_friedman():
    scores = np.array([[0.9, 0.8, 0.8], [0.5, 0.6, 0.1], [0.7, 0.65, 0.6], [0.3, 0.2, 0.1]])
    summary = summarize_ranks(scores)
    assert summary.ranks == pytest.approx(((1 + 2 + 1 + 1) / 4, (2.5 + 1 + 2 + 2) / 4, (2.5 + 3 + 3 + 3) / 4))
    assert summary.p == pytest.approx(stats.friedmanchisquare(*scores.T).pvalue)


@pytest.mark.parametrize(("rows", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_is_that_of_demsar(rows, quantile):
    """The quantiles of table 5 in Demsar 2006."""
    summary = summarize_ranks(np.random.default_rng(0).random((14, rows)))
    assert summary.critical_difference == pytest.approx(quantile * np.sqrt(rows * (rows + 1) / (6 * 14)), rel=1e-3)


def test_pairs_differ_where_their_ranks_are_further_apart_than_the_critical_difference():
    summary = summarize_ranks(np.random.default_rng(3).random((12, 5)) + np.arange(5) * 0.2)
    gaps = np.abs(np.subtract.outer(summary.ranks, summary.ranks))
    assert ((summary.p_pairs < 0.05) == (gaps > summary.critical_difference)).all()


def test_rows_that_are_equal_everywhere():
    summary = summarize_ranks(np.full((4, 3), 0.5))
    assert (summary.p, summary.ranks) == (1, (2, 2, 2))


def test_stouffer_is_that_of_scipy():
    p, people = [0.01, 0.2, 0.6], [50, 20, 80]
    same_sign = combine_stouffer(p, [0.1, 0.2, 0.05], people)
    one_sided = stats.combine_pvalues(np.array(p) / 2, method="stouffer", weights=np.sqrt(people)).pvalue
    assert same_sign == pytest.approx(2 * one_sided)
    assert combine_stouffer([0.01, 0.01], [0.1, -0.1], [30, 30]) == pytest.approx(1)


def test_cliques_are_the_longest_stretches():
    assert find_cliques([1.0, 1.5, 2.2, 4.0], 1.0) == [(1.0, 1.5), (1.5, 2.2)]
    assert find_cliques([1.0, 1.5, 2.0, 4.0], 1.0) == [(1.0, 2.0)]
    assert find_cliques([1.0, 3.0], 1.0) == []
