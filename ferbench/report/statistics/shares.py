"""Shares of choices in a difference: how much of it each of several choices explains, with intervals over people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from ferbench.report.statistics.bootstrap import draw_people, percentile_levels
from ferbench.report.statistics.intervals import Estimate, estimate_uar, missing_reason
from ferbench.report.statistics.tallies import Tally


@dataclass(frozen=True)
class Figure:
    """The answers behind one UAR: `correct` and `total` clips [F,P,C] by fold, person and class.

    The UAR is the mean over F folds of the mean over the classes that a fold tests; F is 1 if clips are pooled.
    """

    correct: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def people(self) -> int:
        """How many people have a clip in it."""
        return int(self.total.any((0, 2)).sum())

    def pool_classes(self) -> Figure:
        """The same answers as if there were one class: the UAR is then the accuracy."""
        return Figure(self.correct.sum(-1, keepdims=True), self.total.sum(-1, keepdims=True))

    def estimate(self) -> Estimate | None:
        """The UAR and its interval as in tables; None for a mean over folds."""
        if len(self.total) > 1:
            return None
        people, classes = self.total[0].any(1), self.total[0].any(0)
        return estimate_uar(Tally(self.correct[:, people][:, :, classes], self.total[0][people][:, classes]))[0]

    def draw(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """The UAR [B] for each way to weigh people, [B,P]; a fold counts as often as its people, a class without a clip does not."""
        correct, total = (np.einsum("bp,fpc->bfc", weights, counts, optimize=True) for counts in (self.correct, self.total))
        by_fold = mean_where(correct / np.maximum(total, 1e-9), total > 0)  # [B,F]
        people = self.total.any(-1).astype(float)  # [F,P]
        share = weights @ people.T / np.maximum(people.sum(1), 1)  # [B,F]: how often a fold's people are drawn
        return (by_fold * share).sum(-1) / np.maximum(share.sum(-1), 1e-9)


@dataclass(frozen=True)
class Shares:
    """The figure without any choice and the one with all, their difference, and the share of each of k choices in it.

    `figures` are those of all 2^k combinations: bit i of a position says whether choice i is made. The shares sum to the difference.
    """

    figures: tuple[Estimate, ...]
    difference: Estimate
    shares: tuple[Estimate, ...]


def share_difference(figures: Sequence[Figure]) -> Shares:
    """Divide the difference between the last and the first of 2^k figures among k choices, each its Shapley value (Shapley 1953).

    That is the mean change that a choice makes over all orders in which the choices can be made. All figures list the same P people; only
    those with a clip in some figure are drawn. No interval if a figure is of fewer than 5 people.
    """
    figures = _drop_untested(figures)
    people = figures[0].total.shape[1]
    ones = np.ones((1, people))
    values = np.array([figure.draw(ones)[0] for figure in figures])  # [2^k]
    if reason := _missing_reason(figures):
        return _make_shares(figures, values[:, None], (0.5, 0.5), reason)
    weights = draw_people(people).astype(np.float64)
    drawn = np.array([figure.draw(weights) for figure in figures])  # [2^k,B]
    return _make_shares(figures, np.concatenate([values[:, None], drawn], 1), percentile_levels(people), "")


def shapley_values(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Shapley values [k,...] of k players from the values [2^k,...] of all coalitions; bit i of a position is player i."""
    players = range(len(values).bit_length() - 1)
    return np.array([_shapley_value(values, player, [other for other in players if other != player]) for player in players])


def mean_where(values: NDArray[np.float64], counts: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The mean over the last axis of the values that count; 0 where none does."""
    return (values * counts).sum(-1) / np.maximum(counts.sum(-1), 1)


def _drop_untested(figures: Sequence[Figure]) -> list[Figure]:
    """The figures without people who have no clip in any of them."""
    is_tested = np.any([figure.total.any((0, 2)) for figure in figures], axis=0)  # [P]
    return [Figure(figure.correct[:, is_tested], figure.total[:, is_tested]) for figure in figures]


def _missing_reason(figures: Sequence[Figure]) -> str:
    """Why there is no interval; empty if there is one."""
    fewest = min(figures, key=lambda figure: figure.people)
    reason = missing_reason(fewest.people)
    return f"one figure is of {reason}" if reason and fewest.people < figures[0].people else reason


def _shapley_value(values: NDArray[np.float64], player: int, others: Sequence[int]) -> NDArray[np.float64]:
    total = np.zeros_like(values[0])
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
        for coalition in combinations(others, size):
            position = sum(1 << member for member in coalition)
            total += weight * (values[position | 1 << player] - values[position])
    return total


def _make_shares(figures: Sequence[Figure], values: NDArray[np.float64], levels: tuple[float, float], reason: str) -> Shares:
    """Estimates from values [2^k,1+B], the observed ones first."""

    def estimate(row: NDArray[np.float64]) -> Estimate:
        if reason:
            return Estimate(float(row[0]), reason=reason)
        return Estimate(float(row[0]), *np.quantile(row[1:], levels).tolist())

    own = tuple(figure.estimate() or estimate(row) for figure, row in zip(figures, values, strict=True))
    shares = shapley_values(values)
    return Shares(own, estimate(values[-1] - values[0]), tuple(map(estimate, shares)))
