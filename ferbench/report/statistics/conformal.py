"""Conformal sets: the classes that cannot be ruled out for a new person's clip, at a confidence.

People, not clips, are taken for exchangeable, since clips of one person are alike ("subsampling once" of Dunn, Wasserman & Ramdas 2022,
Distribution-free prediction sets for two-layer hierarchical models, JASA): of each of K people one clip is drawn, and these calibrate split
conformal prediction. The nonconformity of a clip is 1 minus the score of its true class; the threshold is the r-th smallest of K, with
r = ceil((K + 1) * confidence). For each draw, a clip of a new person of the same population lies within it with a probability of at least
the confidence, and of at most 1 / (K + 1) more. So that chance decides less, the threshold is the mean over many draws; where the density
of nonconformities falls, as it does in their upper tail, that can only raise the probability (Jensen). Averaging p-values instead gives
sets that are too large if there are few people.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
EPSILON = 1e-9  # scores that are computed again may be off by this much


@dataclass(frozen=True)
class ConformalSets:
    """Sets at a confidence between 0 and 1: the classes whose score is at least 1 - `threshold`.

    The threshold is infinite if there are fewer than `people_needed`: then no class can be ruled out.
    """

    confidence: float
    threshold: float
    people: int

    @property
    def people_needed(self) -> int:
        """The fewest people that allow to rule out a class."""
        return ceil(1 / (1 - self.confidence) - EPSILON) - 1

    @property
    def can_exclude(self) -> bool:
        """Whether any class can be ruled out."""
        return self.threshold < inf

    def members(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which classes are in the set, [..., C], from scores [..., C]."""
        return 1 - scores <= self.threshold + EPSILON


def calibrate(scores: NDArray[np.float64], true: NDArray[np.int64], person: NDArray[np.int64], confidence: float) -> ConformalSets:
    """Calibrate on N clips: scores [N,C], the number of the true class [N], and a number for each person [N]."""
    nonconformity = 1 - scores[np.arange(len(true)), true]
    _, owner, counts = np.unique(person, return_inverse=True, return_counts=True)
    people, ordered = len(counts), nonconformity[np.argsort(owner, kind="stable")]
    rank = ceil((people + 1) * confidence - EPSILON)
    if rank > people:
        return ConformalSets(confidence, inf, people)
    first = np.cumsum(counts) - counts
    drawn = ordered[first + (np.random.default_rng(0).random((DRAWS, people)) * counts).astype(int)]  # [DRAWS,K]
    thresholds = np.partition(drawn, rank - 1, axis=1)[:, rank - 1]
    return ConformalSets(confidence, float(thresholds.mean()), people)
