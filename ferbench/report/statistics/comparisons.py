"""Paired tests of two rows on the same clips, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ferbench.report.statistics.bootstrap import SEED
from ferbench.report.statistics.tallies import Tally

LEVEL = 0.05  # of a test
MAX_EXACT_PEOPLE = 13  # up to which every exchange is tried: 2^13
EXCHANGES = 10_000  # drawn, for more people
ROUNDING = 1e-6  # of single precision


def run_permutation_test(tally: Tally, reference: int = 0) -> NDArray[np.float64]:
    """p-values [R] of the hypothesis that a row and row `reference` are equally good: a permutation test by person.

    Exchanging the answers of the two rows for a person changes the sign of what this person adds to the difference of their UAR. p is the
    share of exchanges with a difference at least as large: of all of them for up to 13 people, else (1 + count) / (1 + 10,000) of random
    ones (Phipson and Smyth 2010).
    """
    contributions = tally.contributions()
    differences = contributions - contributions[reference]  # [R,P]
    signs, is_exact = _draw_exchanges(tally.people)
    observed = np.abs(differences.sum(1)) - ROUNDING
    extreme = (np.abs(differences.astype(np.float32) @ signs.T) >= observed[:, None]).sum(1)
    return extreme / len(signs) if is_exact else (extreme + 1) / (len(signs) + 1)


@lru_cache(maxsize=4)
def _draw_exchanges(people: int) -> tuple[NDArray[np.float32], bool]:
    """Signs [K,P] of exchanges, and whether they are all there are."""
    if people <= MAX_EXACT_PEOPLE:
        bits = (np.arange(2**people)[:, None] >> np.arange(people)) & 1
        return np.where(bits, np.float32(-1), np.float32(1)), True
    bits = np.random.default_rng(SEED).integers(2, size=(EXCHANGES, people), dtype=np.int8)
    return (2 * bits - 1).astype(np.float32), False


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
