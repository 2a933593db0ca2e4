"""How large a difference people can show, and how many people a difference needs."""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy.special import ndtri

from ferbench.report.statistics.comparisons import LEVEL
from ferbench.report.statistics.intervals import jackknife_variance
from ferbench.report.statistics.tallies import Tally

POWER = 0.8


def people_needed(tally: Tally) -> int | None:
    """How many people like these would separate two rows at 5 % in 80 % of studies; None if their UAR are equal.

    With the variance v of the difference d on n people: n v ((z_0.975 + z_0.8) / d)^2, the usual sample size of a paired comparison.
    """
    difference = tally.uar[1] - tally.uar[0]
    if tally.people < 2 or np.isclose(difference, 0):
        return None
    own = Tally(tally.correct[1:] - tally.correct[:1], tally.total)
    variance = float(jackknife_variance(own)[0])
    z = ndtri(1 - LEVEL / 2) + ndtri(POWER)
    return max(2, ceil(tally.people * variance * (z / difference) ** 2))
