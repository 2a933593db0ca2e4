"""Tallies: how many clips of each person and class rows answer rightly; intervals and tests are computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


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

    def pool_classes(self) -> Tally:
        """The same answers as if there were one class: its UAR is the WAR of this one."""
        return Tally(self.correct.sum(2, keepdims=True), self.total.sum(1, keepdims=True))

    def select(self, rows: Sequence[int] | slice) -> Tally:
        """The tally of some rows."""
        return replace(self, correct=self.correct[rows])

    def contributions(self) -> NDArray[np.float64]:
        """What each person adds to the UAR of a row, [R,P]: sum_c correct / (C sum_p total). Their sum is the UAR."""
        return (self.correct / self.total.sum(0)).mean(-1)


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
