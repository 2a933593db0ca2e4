"""The thesis's split of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ferbench import Clip, Fold, Protocol, splitting
from ferbench.types import Positive, Seed


@dataclass(frozen=True)
class Thesis(Protocol):
    """One split of people, stratified by class, in the proportions of the thesis.

    The thesis has 631 training, 202 test and 21 validation clips. A corpus of another size is split in the same proportions.
    """

    name = "thesis"
    train: Positive = 631
    test: Positive = 202
    validation: Positive = 21
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold; raises FerbenchError for fewer than three people."""
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        return [splitting.split_once(clips, **shares, seed=self.seed, where="protocol thesis")]
