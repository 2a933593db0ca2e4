"""The bootstrap over people: whole people are drawn with replacement, and nothing inside them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from ferbench.report.statistics.tallies import Tally

CONFIDENCE = 0.95
DRAWS = 10_000
DRAWN_PEOPLE = 10_000_000  # of all draws together; above 1,000 people there are fewer draws ...
MIN_DRAWS = 2_000  # ... but not fewer than this
SEED = 20220  # equal answers give equal intervals
CELLS_AT_ONCE = 4_000_000  # draws times rows times classes


def draw_uar(tally: Tally) -> Iterator[NDArray[np.float32]]:
    """Yield the UAR of some of the rows in every draw, [B,rows], until all rows are done.

    A class without a clip in a draw does not count in that draw. Every call draws the same people, so that rows can be compared.
    """
    weights = draw_people(tally.people)  # [B,P]
    total = weights @ tally.total.astype(np.float32)  # [B,C]
    is_present = total > 0
    scale = is_present / np.maximum(total, 1) / is_present.sum(1, keepdims=True)  # [B,C]
    size = max(1, CELLS_AT_ONCE // scale.size)
    for start in range(0, len(tally.correct), size):
        part = tally.correct[start : start + size]
        uar = np.zeros((len(weights), len(part)), np.float32)
        for label, factor in enumerate(scale.T):
            uar += (weights @ part[:, :, label].T.astype(np.float32)) * factor[:, None]
        yield uar


@lru_cache(maxsize=4)
def draw_people(people: int) -> NDArray[np.float32]:
    """How often each person is drawn, [B,P]; every line sums to the number of people."""
    draws = int(np.clip(DRAWN_PEOPLE // people, MIN_DRAWS, DRAWS))
    generator = np.random.default_rng(SEED)
    chosen = generator.integers(people, size=(draws, people))
    places = chosen + np.arange(draws)[:, None] * people
    return np.bincount(places.ravel(), minlength=draws * people).reshape(draws, people).astype(np.float32)


def absent_share(tally: Tally) -> float:
    """The share of draws in which a class has no clip."""
    return float(((draw_people(tally.people) @ (tally.total > 0).astype(np.float32)) == 0).any(1).mean())


def percentile_levels(people: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The percentiles that bound an interval: expanded ones, since those of the plain bootstrap are too narrow for few people.

    The lower one is Phi(-t sqrt(n / (n - 1))) with n people and the quantile t of Student's distribution with n - 1 degrees of freedom
    (Hesterberg 2015, What teachers should know about the bootstrap, section 3.5 and appendix).
    """
    t = stdtrit(people - 1, (1 + confidence) / 2)
    lower = float(ndtr(-t * np.sqrt(people / (people - 1))))
    return lower, 1 - lower
