"""Conformal sets: the classes that cannot be ruled out for a new person's clip, at a confidence.

People, not clips, are taken for exchangeable, since clips of one person are alike ("subsampling once" of Dunn, Wasserman & Ramdas 2022,
Distribution-free prediction sets for two-layer hierarchical models, JASA): of each of K people one clip is drawn, and these calibrate split
conformal prediction. The nonconformity of a clip is 1 minus the score of its true class; the threshold is the r-th smallest of K, with
r = (K + 1) * confidence. Two things differ from the textbook, whose sets are too large if there are few people, and depend on one draw:

- r is not rounded up: the threshold lies between two order statistics, in the logarithm of scores, whose tail is thin.
- The thresholds of many draws are averaged. This is done in shares of the clips within a threshold, each person counting alike, not in
  scores: a network that is sure of its errors has scores near 0 and 1, and the mean of such scores holds too few clips.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
EPSILON = 1e-9  # of ranks
TOLERANCE = 1e-6  # scores that are computed again may be off by this share
TINY = 1e-300  # a score of 0, so that it has a logarithm


@dataclass(frozen=True)
class ConformalSets:
    """Sets at a confidence between 0 and 1: the classes whose score is at least `least`, which is 1 - threshold.

    It is minus infinity if there are fewer than `people_needed`: then no class can be ruled out.
    """

    confidence: float
    least: float
    people: int

    @property
    def people_needed(self) -> int:
        """The fewest people that allow to rule out a class."""
        return ceil(1 / (1 - self.confidence) - EPSILON) - 1

    @property
    def can_exclude(self) -> bool:
        """Whether any class can be ruled out."""
        return self.least > -inf

    def members(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which classes are in the set, [..., C], from scores [..., C]."""
        return np.maximum(scores, TINY) >= self.least * (1 - TOLERANCE)


def calibrate(scores: NDArray[np.float64], true: NDArray[np.int64], person: NDArray[np.int64], confidence: float) -> ConformalSets:
    """Calibrate on N clips: scores [N,C], the number of the true class [N], and a number for each person [N]."""
    values = -np.log(np.maximum(scores[np.arange(len(true)), true], TINY))  # [N], in the order of 1 - score
    _, owner, counts = np.unique(person, return_inverse=True, return_counts=True)
    people = len(counts)
    rank = (people + 1) * confidence
    if rank > people + EPSILON:
        return ConformalSets(confidence, -inf, people)
    ordered = np.sort(values)
    shares = np.cumsum(1 / (people * counts[owner][np.argsort(values)]))  # [N] of the clips up to each, people counting alike
    drawn = _draw_clips(values[np.argsort(owner, kind="stable")], counts)  # [DRAWS,K]
    within = shares[np.searchsorted(ordered, drawn, side="right") - 1]  # [DRAWS,K]
    lower = min(int(rank + EPSILON), people)
    part = max(0.0, rank - lower)
    share = (1 - part) * within[:, lower - 1].mean() + part * within[:, min(lower, people - 1)].mean()
    return ConformalSets(confidence, float(np.exp(-np.interp(share, shares, ordered))), people)


def _draw_clips(values: NDArray[np.float64], counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """Draw one clip of each person many times: [DRAWS,K], each draw in ascending order; clips of one person follow each other."""
    first = np.cumsum(counts) - counts
    drawn = values[first + (np.random.default_rng(0).random((DRAWS, len(counts))) * counts).astype(int)]
    return np.sort(drawn, axis=1)
