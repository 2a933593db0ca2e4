"""The protocol that trains on some corpora and tests on others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from ferbench import Clip, FerbenchError, Fold, Protocol, splitting
from ferbench.types import Seed, ShareBelowOne
from ferbench_basics.folding import hold_out

Corpora = Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class CrossCorpus(Protocol):
    """Trains on some corpora of a merged dataset and tests on the others.

    Every corpus of the dataset is named in `train` or `test`. Of the people in the training corpora, the share `validation` (by clips) is
    held out to choose the checkpoint.
    """

    name = "cross-corpus"
    train: Corpora = field(kw_only=True)
    test: Corpora = field(kw_only=True)
    validation: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold; raises FerbenchError for a corpus that is unknown, or that is in neither list or in both."""
        present = dict.fromkeys(splitting.corpus_of(clip.id) for clip in clips)
        if problem := self._find_problem(present):
            hint = f"corpora with clips of the classes: {', '.join(present)}"
            raise FerbenchError(f"protocol cross-corpus: {problem}", hint=hint)
        train, test = ([clip for clip in clips if splitting.corpus_of(clip.id) in names] for names in (self.train, self.test))
        return [hold_out(test, train, self.validation, self.seed, "protocol cross-corpus")]

    def _find_problem(self, present: Collection[str]) -> str:
        """Say how the two lists do not fit the corpora; empty if they do."""
        counts = Counter((*self.train, *self.test))
        if repeated := [name for name, count in counts.items() if count > 1]:
            return f"{', '.join(repeated)} is listed twice in train and test: expected each corpus once"
        if unknown := [name for name in counts if name not in present]:
            return f"train and test list {', '.join(unknown)}, of which the dataset has no clip of the classes"
        if unlisted := [name for name in present if name not in counts]:
            return f"{', '.join(unlisted)} is neither in train nor in test: expected every corpus of the dataset in one of them"
        return ""
