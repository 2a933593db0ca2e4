"""How large a difference people can show, and how many people a difference needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist

import numpy as np

from ferbench.report.statistics.bootstrap import student_quantile
from ferbench.report.statistics.comparisons import LEVEL
from ferbench.report.statistics.intervals import jackknife_variance, missing_reason
from ferbench.report.statistics.tallies import Tally

POWER = 0.8
MIN_SEPARABLE = 6  # people, below whom no permutation test reaches 5 %
UARS = (0.5, 0.7, 0.9)
DISAGREEMENTS = (0.1, 0.2, 0.4)
LIKENESS = 0.1  # assumed correlation of whether two clips of one person are answered rightly


@dataclass(frozen=True)
class Reach:
    """What a protocol can show on its test clips, before any training.

    `half_widths` are those of intervals of a UAR of 50, 70 and 90 %; `differences` are the half-widths of the interval of the difference of
    two rows if one is right and the other wrong about 10, 20 and 40 % of the clips; None if even the largest difference that such rows can
    have is smaller. Both are empty, and `reason` says why, for few people.
    """

    people: int
    clips: int
    classes: Mapping[str, int]
    half_widths: Mapping[float, float]
    differences: Mapping[float, float | None]
    reason: str = ""


def forecast_reach(people: Sequence[str], labels: Sequence[str]) -> Reach:
    """Forecast the reach of a test part from the person and the class of each clip.

    The variance of a share p over n independent clips of a class is p (1 - p) / n, and of a difference with the share d of disagreement
    d / n. Both are averaged over classes and multiplied by the design effect 1 + (m - 1) r (Kish 1965), with m clips per person, the mean
    over clips, and r = 0.1, an assumption; the half-width is Student's t times the root of it.
    """
    classes, of_person = Counter(labels), Counter(people)
    if reason := missing_reason(len(of_person)):
        return Reach(len(of_person), len(labels), dict(classes), {}, {}, reason)
    per_person = sum(count**2 for count in of_person.values()) / len(labels)
    effect = 1 + (per_person - 1) * LIKENESS
    unit = sqrt(effect * sum(1 / count for count in classes.values())) / len(classes)
    t = student_quantile(1 - LEVEL / 2, len(of_person) - 1)
    half_widths = {uar: t * unit * sqrt(uar * (1 - uar)) for uar in UARS}
    widths = {share: t * unit * sqrt(share) for share in DISAGREEMENTS}
    largest = {share: _largest_difference(share, list(classes.values())) for share in DISAGREEMENTS}
    differences = {share: width if width < largest[share] else None for share, width in widths.items()}
    return Reach(len(of_person), len(labels), dict(classes), half_widths, differences)


def _largest_difference(share: float, counts: Sequence[int]) -> float:
    """The largest difference in UAR of two rows that disagree on a share of the clips: all of them in the smallest classes."""
    left, difference = share * sum(counts), 0.0
    for count in sorted(counts):
        difference += min(count, left) / (count * len(counts))
        left = max(0.0, left - count)
    return difference


def people_needed(tally: Tally) -> int | None:
    """How many people like these would separate two rows at 5 % in 80 % of studies, if the observed difference is the true one.

    None if their UAR are equal, or if fewer than two people are tested: they show no variance.

    With the variance v of the difference d on n people: n v ((z_0.975 + z_0.8) / d)^2, the usual sample size of a paired comparison.
    """
    difference = tally.uar[1] - tally.uar[0]
    if tally.people < 2 or np.isclose(difference, 0):
        return None
    own = Tally(tally.correct[1:] - tally.correct[:1], tally.total)
    variance = float(jackknife_variance(own)[0])
    z = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)
    return max(MIN_SEPARABLE, ceil(tally.people * variance * (z / difference) ** 2))
