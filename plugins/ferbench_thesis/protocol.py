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
        shares = (self.train, self.test, self.validation)
        train, test, validation = splitting.split_people(clips, shares, self.seed, cover=(0, 1), where="protocol thesis")
        return [Fold(train=_ids(train), validation=_ids(validation), test=_ids(test))]


def _ids(clips: Sequence[Clip]) -> tuple[str, ...]:
    return tuple(sorted(clip.id for clip in clips))
