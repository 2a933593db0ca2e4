"""Paired tests: against enumeration, scipy and statsmodels, and their error rate in simulations."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from ferbench.report.statistics.comparisons import correct_holm, least_p, run_mcnemar_test, run_permutation_test
from ferbench.report.statistics.tallies import Tally


def make_rows(people: int, seed: int, rows: int = 2) -> Tally:
    generator = np.random.default_rng(seed)
    total = generator.integers(1, 4, (people, 3)).astype(float)
    return Tally(np.stack([np.floor(generator.random((people, 3)) * (total + 1)) for _ in range(rows)]), total)


def studentize(change, total):
    """The difference in UAR over its standard error, by a loop over people, from changes and totals [P,C]."""
    counts = total.sum(0)
    recall = change.sum(0) / counts
    influences = [np.mean((change[p] - recall * total[p]) / counts) for p in range(len(total))]
    return abs(recall.mean()) / max(np.sqrt(np.sum(np.square(influences))), 1e-5)


@pytest.mark.parametrize("people", [2, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_exact_test_is_an_enumeration_of_exchanges(people, seed):
    tally = make_rows(people, seed)
    change = tally.correct[1] - tally.correct[0]
    observed = studentize(change, tally.total)
    signs = product([1, -1], repeat=people)
    extreme = [studentize(change * np.array(each)[:, None], tally.total) >= observed * (1 - 1e-4) for each in signs]
    assert run_permutation_test(tally)[1] == np.mean(extreme)


@pytest.mark.parametrize("people", [9, 13, 40])
def test_agrees_with_scipy_where_people_have_as_many_clips(people):
    """With one class and as many clips of each person, the studentized difference orders exchanges as the difference itself does."""
    correct = np.random.default_rng(people).integers(0, 7, (2, people, 1)).astype(float)
    tally = Tally(correct, np.full((people, 1), 6.0))
    result = stats.permutation_test(
        (correct[0, :, 0], correct[1, :, 0]),
        lambda x, y, axis: (x - y).sum(axis=axis),
        permutation_type="samples",
        n_resamples=20_000 if people > 13 else np.inf,
        rng=np.random.default_rng(0),
    )
    assert run_permutation_test(tally)[1] == pytest.approx(result.pvalue, abs=0.015 if people > 13 else 1e-9)


def test_rows_that_are_good_at_other_classes():
    """Rows with equal UAR reject in about 5 %, although each is good where the other is bad; each person shows one class."""
    generator, rejected = np.random.default_rng(4), []
    total = np.repeat(np.eye(2), 30, axis=0) * 3
    for _ in range(400):
        correct = np.stack(
            [generator.binomial(3, np.broadcast_to(chances, total.shape)) * (total > 0) for chances in ([0.8, 0.3], [0.3, 0.8])]
        )
        rejected.append(run_permutation_test(Tally(correct.astype(float), total))[1] <= 0.05)
    assert 0.02 <= np.mean(rejected) <= 0.08


def test_least_p():
    correct = np.zeros((2, 8, 1))
    correct[1] = 1
    assert run_permutation_test(Tally(correct, np.ones((8, 1))))[1] == least_p(8, 2) == 2 / 256
    assert least_p(40, 2) == 1 / 10_001
    assert least_p(40, 1000) * 999 < 0.05


def test_a_row_is_as_good_as_itself():
    tally = make_rows(20, 0, rows=1)
    assert run_permutation_test(Tally(np.concatenate([tally.correct, tally.correct]), tally.total)).tolist() == [1, 1]


def test_random_exchanges_never_give_a_p_of_zero():
    correct = np.zeros((2, 60, 1))
    correct[1] = 1
    assert run_permutation_test(Tally(correct, np.ones((60, 1))))[1] == 1 / 10_001


@pytest.mark.parametrize("people", [10, 13, 20, 40])
def test_errors_of_the_first_kind(people):
    """Two rows of equal ability reject at 5 % in 5 % of 1,000 simulations, though people differ in ability and in their clips."""
    generator = np.random.default_rng(2)
    rejected = []
    for _ in range(1000):
        total = generator.integers(0, 4, (people, 6))
        total[0] = 1  # every class is tested
        ability = 1 / (1 + np.exp(-generator.normal(0.5, 1, (people, 1))))
        correct = generator.binomial(np.stack([total, total]), ability)
        rejected.append(run_permutation_test(Tally(correct.astype(float), total.astype(float)))[1] <= 0.05)
    assert 0.035 <= np.mean(rejected) <= 0.065


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 0), (3, 9), (20, 31), (7, 7)])
def test_mcnemar_is_that_of_statsmodels_and_scipy(first, second):
    expected = mcnemar([[10, first], [second, 10]], exact=True).pvalue if first + second else 1.0
    assert run_mcnemar_test(first, second) == pytest.approx(min(1, expected))
    if first + second:
        assert run_mcnemar_test(first, second) == pytest.approx(stats.binomtest(first, first + second).pvalue)


@pytest.mark.parametrize("p", [[], [0.04], [0.01, 0.04, 0.03], [0.2, 0.2, 0.001, 0.9, 0.04], [1, 1], [0.0, 0.5]])
def test_holm_is_that_of_statsmodels(p):
    expected = multipletests(p, method="holm")[1].tolist() if p else []
    assert correct_holm(p) == pytest.approx(expected)
