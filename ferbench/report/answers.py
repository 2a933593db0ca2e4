"""Answers: what a row predicts for each tested clip, read from the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ferbench.api.errors import StoreError
from ferbench.store.entries import Store
from ferbench.store.entry_format import Entry
from ferbench.store.rows import ClipTable, DoneRow


class AnswersLost(StoreError):
    """An entry that the answers of a row are read from is damaged or missing; a run computes it again."""


@dataclass(frozen=True)
class Answers:
    """The answers of a row to N clips, in the order of the folds.

    `position` [N] says which of the `tested` clips they are: those with a readable frame. `scores` [N,C+K] are those of the classes, then
    of other answers; `covered` [N] says in which clips a face was found.
    """

    classes: tuple[str, ...]
    tested: ClipTable
    position: NDArray[np.int64]
    scores: NDArray[np.float64]
    covered: NDArray[np.bool_]

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The predicted class of each clip, [N]; numbers from C on are other answers."""
        return self.scores.argmax(1)

    @cached_property
    def true(self) -> NDArray[np.int64]:
        """The true class of each clip, [N]."""
        labels = np.array([self.classes.index(label) for label in self.tested["labels"]])
        return labels[self.position]

    @cached_property
    def person(self) -> NDArray[np.int64]:
        """A number for the person in each clip, [N]."""
        return np.unique(np.array(self.tested["people"]), return_inverse=True)[1][self.position]

    @cached_property
    def fold(self) -> NDArray[np.int64]:
        """The fold that tests each clip, [N]."""
        return np.array(self.tested["folds"])[self.position]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each answer is right, [N]."""
        return self.predicted == self.true

    def names(self) -> list[str]:
        """The id of each clip."""
        return [self.tested["ids"][position] for position in self.position]

    def select(self, chosen: NDArray[np.bool_]) -> Answers:
        """The answers to some of the clips, chosen by [N]."""
        return replace(self, position=self.position[chosen], scores=self.scores[chosen], covered=self.covered[chosen])


@dataclass
class AnswerReader:
    """Reads answers; the tested clips of a split, which rows share, are read once."""

    store: Store

    def __post_init__(self) -> None:
        self._tested: dict[str, ClipTable] = {}

    def read(self, row: DoneRow) -> Answers:
        """Read the answers of a row; raises AnswersLost if they are damaged or missing."""
        tested, entry = self.read_tested(row), self._find("rows", row["key"])
        position, scores, covered = (entry.array(name) for name in ("clip", "scores", "covered"))
        return Answers(tuple(row["classes"]), tested, position, scores, covered)

    def read_tested(self, row: DoneRow) -> ClipTable:
        """Read the tested clips of a row; raises AnswersLost if they are damaged or missing."""
        if row["tested"] not in self._tested:
            self._tested[row["tested"]] = self._find("tested", row["tested"]).read_facts(ClipTable)
        return self._tested[row["tested"]]

    def _find(self, stage: str, key: str) -> Entry:
        entry = self.store.find(stage, key)
        if entry is None:
            what = "the answers of a row" if stage == "rows" else "the list of the tested clips"
            raise AnswersLost(f"{what} ({stage} {key[:12]}) cannot be read from the store", hint="run the benchmark again")
        return entry
