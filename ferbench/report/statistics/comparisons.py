"""Paired tests of two rows on the same clips, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ferbench.report.statistics.bootstrap import CELLS_AT_ONCE, SEED
from ferbench.report.statistics.tallies import Tally

LEVEL = 0.05  # of a test
MAX_EXACT_PEOPLE = 13  # up to which every exchange is tried: 2^13
EXCHANGES = 10_000  # drawn, for more people
EXCHANGES_PER_ROW = 21  # drawn at least
ROUNDING = 1e-5  # of single precision


def run_permutation_test(tally: Tally, reference: int = 0) -> NDArray[np.float64]:
    """p-values [R] of the hypothesis that a row and row `reference` are equally good: a studentized permutation test by person.

    The answers of the two rows are exchanged for some people; p is the share of exchanges whose difference in UAR, divided by its standard
    error, is at least as large: of all exchanges for up to 13 people, else (1 + count) / (1 + K) of K random ones (Phipson and Smyth 2010).
    The standard error, the root of the sum of squared influences of people, is computed for each exchange, so that the test also holds
    where rows are good at different classes (Janssen 1997).
    """
    changes = tally.correct - tally.correct[reference]  # [R,P,C]
    if not changes.any():  # as of a single row
        return np.ones(len(changes))
    exchanges, is_exact = draw_exchanges(tally.people, len(changes))
    count, size = np.zeros(len(changes)), max(1, CELLS_AT_ONCE // tally.people)
    for start in range(0, len(exchanges), size):
        signs = exchanges[start : start + size].astype(np.float32)
        count += [_count_at_least(change, tally.total, signs) for change in changes]
    return count / len(exchanges) if is_exact else (count + 1) / (len(exchanges) + 1)


def least_p(people: int, rows: int) -> float:
    """The least p-value that the best of so many rows can have against any other, before correction."""
    return 2 / 2**people if people <= MAX_EXACT_PEOPLE else 1 / (1 + _count_exchanges(rows))


def _count_at_least(change: NDArray[np.float64], total: NDArray[np.float64], signs: NDArray[np.float32]) -> int:
    """The number of exchanges [K,P] with a studentized difference at least as large as the observed one, from changes [P,C].

    With the sign s_p of a person, the recall of class c changes by r_c = sum_p s_p change_pc / n_c, and the influence of the person on the
    UAR is s_p a_p - sum_c r_c b_pc, with a_p = sum_c change_pc / (C n_c) and b_pc = total_pc / (C n_c).
    """
    if not change.any():  # as of a row and itself
        return len(signs)
    counts, classes = total.sum(0), total.shape[1]
    a, b = (change / counts).mean(1), total / (counts * classes)  # [P], [P,C]
    both = np.concatenate([change / counts, a[:, None] * b], 1)  # [P,2C]
    alike = (b.T @ b).astype(np.float32)
    statistics = []
    for parts in (signs @ both.astype(np.float32), both.sum(0)[None]):  # [K,2C], [1,2C]
        recall, mixed = parts[:, :classes], parts[:, classes:]
        variance = (a**2).sum() + (recall * (recall @ alike - 2 * mixed)).sum(1)
        statistics.append(np.abs(recall.mean(1)) / np.sqrt(np.maximum(variance, ROUNDING**2)))
    return int((statistics[0] >= statistics[1] * (1 - ROUNDING) - ROUNDING).sum())


@lru_cache(maxsize=2)
def draw_exchanges(people: int, rows: int) -> tuple[NDArray[np.int8], bool]:
    """Signs [K,P] of exchanges, and whether they are all there are."""
    if people <= MAX_EXACT_PEOPLE:
        bits = (np.arange(2**people)[:, None] >> np.arange(people)) & 1
        return (1 - 2 * bits).astype(np.int8), True
    bits = np.random.default_rng(SEED).integers(2, size=(_count_exchanges(rows), people), dtype=np.int8)
    return 2 * bits - 1, False


def _count_exchanges(rows: int) -> int:
    """Enough of them for p-values that stay below 5 % if they are corrected for so many rows."""
    return max(EXCHANGES, EXCHANGES_PER_ROW * rows)


def run_mcnemar_test(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value of McNemar's test, from the numbers of clips that only one of two rows answers rightly.

    It takes clips for independent, which those of one person are not: it is given for comparison with other work (McNemar 1947).
    """
    from scipy.stats import binomtest

    total = only_first + only_second
    return float(binomtest(only_first, total).pvalue) if total else 1.0


def correct_holm(p: Sequence[float]) -> list[float]:
    """Holm's correction of the p-values of several tests, in the same order (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    scaled = np.asarray(p, float)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return corrected.tolist()
