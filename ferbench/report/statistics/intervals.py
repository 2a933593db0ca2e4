"""Intervals of a figure over people."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ferbench.report.statistics.bootstrap import CONFIDENCE, percentile_levels, student_quantile
from ferbench.report.statistics.tallies import Tally

MIN_PEOPLE = 5
FEW = 5  # people who differ from most others, such as those with an error: below, a bootstrap sees too little of them


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, all from 0 to 1 (differences: -1 to 1); without an interval, `reason` says why."""

    value: float
    low: float | None = None
    high: float | None = None
    reason: str = ""

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def estimate_uar(tally: Tally) -> list[Estimate]:
    """The UAR of each row, with its interval over people.

    Expanded percentiles of the bootstrap (see `percentile_levels`); Wilson's interval where the bootstrap is too narrow: if fewer than 5
    people have an error, or a right answer, or differ from what most people contribute. No interval for fewer than 5 people.
    """
    if reason := missing_reason(tally.people):
        return [Estimate(value, reason=reason) for value in tally.uar.tolist()]
    bounds = _take_percentiles(tally.drawn_uar, tally.people)
    is_extreme = np.minimum(_count_extreme(tally), _count_different(tally)) < FEW
    if is_extreme.any():
        bounds[is_extreme] = wilson_bounds(tally.select(np.flatnonzero(is_extreme).tolist()))
    return [Estimate(value, *pair) for value, pair in zip(tally.uar.tolist(), bounds.tolist(), strict=True)]


def estimate_war(tally: Tally) -> list[Estimate]:
    """The WAR of each row, with its interval over people."""
    return estimate_uar(tally.pool_classes())


def estimate_differences(tally: Tally, reference: int = 0) -> list[Estimate]:
    """UAR of each row minus that of row `reference`, with the interval of the difference on the same draws of people.

    No interval if the difference is the same for all but fewer than 5 people, such as 0 for all others.
    """
    values = tally.uar - tally.uar[reference]
    if reason := missing_reason(tally.people):
        return [Estimate(value, reason=reason) for value in values.tolist()]
    changes = tally.correct - tally.correct[reference]
    different = np.minimum(_count_different(Tally(changes, tally.total)), changes.any(2).sum(1))
    bounds = _take_percentiles(tally.drawn_uar - tally.drawn_uar[reference], tally.people)
    figures = zip(values.tolist(), bounds.tolist(), different.tolist(), strict=True)
    return [Estimate(value, *pair) if people >= FEW else Estimate(value, reason=_few_reason(people)) for value, pair, people in figures]


def missing_reason(people: int) -> str:
    """Why there is no interval; empty if there is one."""
    if people >= MIN_PEOPLE:
        return ""
    return f"{people} {'person' if people == 1 else 'people'}: an interval needs at least {MIN_PEOPLE}"


def _few_reason(people: int) -> str:
    return f"the difference is the same for all but {people} people: an interval needs {FEW}"


def jackknife_variance(tally: Tally) -> NDArray[np.float64]:
    """The variance [R] of the UAR: (n - 1) / n times the sum of squared deviations of the UAR without each person (Efron 1982)."""
    total = tally.total.sum(0) - tally.total  # [P,C]
    correct = tally.correct.sum(1, keepdims=True) - tally.correct  # [R,P,C]
    is_present = total > 0
    without = (correct / np.maximum(total, 1)).sum(-1) / is_present.sum(-1)  # [R,P]
    return (tally.people - 1) / tally.people * ((without - without.mean(1, keepdims=True)) ** 2).sum(1)


def wilson_bounds(tally: Tally) -> NDArray[np.float64]:
    """Wilson's intervals [R,2] of the UAR with an effective number of clips (Korn and Graubard 1998).

    The effective number is p (1 - p) / variance, the variance by leaving one person out; it is at most that of independent clips, and
    scaled by (z / t)^2. If every answer is right, or none, nothing shows how alike a person's clips are: each person counts once.
    """
    value, variance = tally.uar, jackknife_variance(tally)
    independent = _effective_clips(tally.total.sum(0))
    people = min(tally.people, _effective_clips((tally.total > 0).sum(0)))
    is_certain = variance <= 0
    size = np.where(is_certain, people, np.minimum(value * (1 - value) / np.where(is_certain, 1, variance), independent))
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    return wilson_interval(value, size * (z / student_quantile((1 + CONFIDENCE) / 2, tally.people - 1)) ** 2)


def wilson_interval(value: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Wilson's score intervals [R,2] of shares `value` of `size` independent trials (Wilson 1927)."""
    z2 = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    center = (value + z2 / (2 * size)) / (1 + z2 / size)
    margin = np.sqrt(z2 * (value * (1 - value) / size + z2 / (4 * size**2))) / (1 + z2 / size)
    return np.stack([np.clip(center - margin, 0, 1), np.clip(center + margin, 0, 1)], axis=-1)


def _take_percentiles(drawn: NDArray[np.float32], people: int) -> NDArray[np.float64]:
    """The bounds [R,2] of the intervals of figures [R,B]."""
    return np.quantile(drawn, percentile_levels(people), axis=1).T.astype(float)


def _count_extreme(tally: Tally) -> NDArray[np.int64]:
    """The number [R] of people with an error, or with a right answer, whichever is smaller."""
    wrong = (tally.correct < tally.total).any(2).sum(1)
    right = (tally.correct > 0).any(2).sum(1)
    return np.minimum(wrong, right)


def _count_different(tally: Tally) -> NDArray[np.int64]:
    """The number [R] of people whose influence on the UAR is another than the most frequent one.

    The influence of a person is sum_c (correct - recall_c total) / (C n_c): 0 on average, and for all if everybody is alike.
    """
    recall = tally.correct.sum(1, keepdims=True) / tally.total.sum(0)  # [R,1,C]
    influence = ((tally.correct - recall * tally.total) / tally.total.sum(0)).mean(-1).round(9)  # [R,P]
    return np.array([tally.people - np.unique(row, return_counts=True)[1].max() for row in influence])


def _effective_clips(counts: NDArray[np.number]) -> float:
    """How many trials of one class are as good as these of C classes for a mean over classes: C^2 / sum(1 / n_c)."""
    return float(len(counts) ** 2 / (1 / counts).sum())
