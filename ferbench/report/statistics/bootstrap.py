"""The bootstrap over people: whole people are drawn with replacement, and nothing inside them."""

from __future__ import annotations

from functools import cache, lru_cache
from math import exp, lgamma, log, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
DRAWS = 5_000
DRAWN_PEOPLE = 5_000_000  # of all draws together; above 1,000 people there are fewer draws ...
MIN_DRAWS = 1_000  # ... but not fewer than this
CELLS_AT_ONCE = 5_000_000  # draws, or exchanges, times people
BLOCK = 100  # draws that are made at once, so that those of thousands of people need little memory
SEED = 20220  # equal answers give equal intervals


@lru_cache(maxsize=2)
def draw_people(people: int) -> NDArray[np.uint8]:
    """How often each person is drawn, [B,P]; lines sum to the number of people. Every call draws the same, so that rows can be compared."""
    draws = int(np.clip(DRAWN_PEOPLE // people, MIN_DRAWS, DRAWS))
    generator = np.random.default_rng(SEED)
    counts = np.empty((draws, people), np.uint8)  # of thousands of people, these are many
    for start in range(0, draws, BLOCK):
        part = counts[start : start + BLOCK]
        part[:] = _count_drawn(generator, *part.shape)
    return counts


def _count_drawn(generator: np.random.Generator, draws: int, people: int) -> NDArray[np.int64]:
    places = generator.integers(people, size=(draws, people)) + np.arange(draws)[:, None] * people
    return np.bincount(places.ravel(), minlength=draws * people).reshape(draws, people)


def weigh_people(values: NDArray[np.floating]) -> NDArray[np.float32]:
    """The sums [B,K] of values [P,K] of people over those who are drawn."""
    drawn, single = draw_people(len(values)), values.astype(np.float32)
    size = max(1, CELLS_AT_ONCE // len(values))
    return np.concatenate([drawn[start : start + size].astype(np.float32) @ single for start in range(0, len(drawn), size)])


def percentile_levels(people: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The percentiles that bound an interval: expanded ones, since those of the plain bootstrap are too narrow for few people.

    The lower one is Phi(-t sqrt(n / (n - 1))) with n people and the quantile t of Student's distribution with n - 1 degrees of freedom
    (Hesterberg 2015, What teachers should know about the bootstrap).
    """
    t = student_quantile((1 + confidence) / 2, people - 1)
    lower = NormalDist().cdf(-t * sqrt(people / (people - 1)))
    return lower, 1 - lower


@cache
def student_quantile(level: float, freedom: int) -> float:
    """A quantile above the median of Student's t with so many degrees of freedom; importing scipy's takes as long as a whole table.

    Newton's method on the integral of the density, by Gauss and Legendre's rule; a test compares it with scipy.
    """
    points, weights = np.polynomial.legendre.leggauss(100)
    scale = exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2) - log(freedom * pi) / 2)

    def density(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)

    t = NormalDist().inv_cdf(level)
    for _ in range(50):
        below = 0.5 + t / 2 * float(weights @ density(t * (points + 1) / 2))
        t += (level - below) / float(density(np.array(t)))
    return t
