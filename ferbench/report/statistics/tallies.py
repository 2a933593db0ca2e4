"""Tallies: how many clips of each person and class rows answer rightly; intervals and tests are computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ferbench.report.statistics.bootstrap import weigh_people

CELLS_AT_ONCE = 20_000_000  # draws times rows times classes


@dataclass(frozen=True)
class Tally:
    """The answers of R rows to the same clips of P people and C classes.

    `correct` [R,P,C] is the number of right answers, a mean over seeds if a row has several; `total` [P,C] is the number of clips. Only
    people and classes with clips are counted. People are resampled, not clips: those of a person are not independent of each other.
    """

    correct: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def people(self) -> int:
        """The number of people."""
        return len(self.total)

    @property
    def clips(self) -> int:
        """The number of clips."""
        return int(self.total.sum())

    @property
    def uar(self) -> NDArray[np.float64]:
        """Unweighted average recall [R]: the mean over classes of sum_p correct / sum_p total."""
        return (self.correct.sum(1) / self.total.sum(0)).mean(-1)

    @property
    def war(self) -> NDArray[np.float64]:
        """Accuracy over clips [R]."""
        return self.correct.sum((1, 2)) / self.total.sum()

    @cached_property
    def drawn_uar(self) -> NDArray[np.float32]:
        """The UAR of each row in each draw of people, [R,B]. A class without a clip in a draw does not count in that draw."""
        total = weigh_people(self.total)  # [B,C]
        is_present = total > 0
        scale = is_present / np.maximum(total, 1) / is_present.sum(1, keepdims=True)  # [B,C]
        size = max(1, CELLS_AT_ONCE // scale.size)
        parts = (self.correct[start : start + size] for start in range(0, len(self.correct), size))
        return np.concatenate([_draw_part(scale.astype(np.float32), part) for part in parts])

    def pool_classes(self) -> Tally:
        """The same answers as if there were one class: its UAR is the WAR of this one."""
        return Tally(self.correct.sum(2, keepdims=True), self.total.sum(1, keepdims=True))

    def select(self, rows: Sequence[int] | slice) -> Tally:
        """The tally of some rows."""
        return replace(self, correct=self.correct[rows])

    def absent_share(self) -> float:
        """The share of draws in which a class has no clip."""
        return float((weigh_people(self.total) == 0).any(1).mean())


def _draw_part(scale: NDArray[np.float32], correct: NDArray[np.float64]) -> NDArray[np.float32]:
    """[B,C] and [R,P,C] -> [R,B]."""
    rows, people, classes = correct.shape
    drawn = weigh_people(correct.transpose(1, 0, 2).reshape(people, rows * classes))  # [B,RC]
    return np.ascontiguousarray(np.einsum("brc,bc->rb", drawn.reshape(len(scale), rows, classes), scale))


def make_tally(person: NDArray[np.int64], true: NDArray[np.int64], correct: NDArray[np.float64]) -> Tally:
    """Tally the answers to N clips: `person` and `true` class [N], numbers from 0 in any order, and whether rows are right, [R,N].

    A share in `correct` is that of the seeds that are right.
    """
    _, person = np.unique(person, return_inverse=True)
    _, true = np.unique(true, return_inverse=True)
    shape = (int(person.max()) + 1, int(true.max()) + 1)
    cell = np.ravel_multi_index((person, true), shape)
    total = np.bincount(cell, minlength=shape[0] * shape[1])
    counts = np.array([np.bincount(cell, row, total.size) for row in correct], float)
    return Tally(counts.reshape(-1, *shape), total.reshape(shape).astype(float))
