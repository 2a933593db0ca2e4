"""Protocols: cross-validation by person, one split by person, and the splits that a corpus publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ferbench import Clip, FerbenchError, Fold, Protocol, splitting
from ferbench.types import NonNegative, Positive, Seed, ShareBelowOne
from ferbench_basics.folding import hold_out, make_folds

SPLITS = ("train", "validation", "test")
MAX_PEOPLE = 1000  # of `loso`: each fold lists all clips


@dataclass(frozen=True)
class KFold(Protocol):
    """Cross-validation with `k` folds of people, stratified by class.

    Every clip is tested once. Of the people that a fold does not test, the share `validation` (by clips) is held out to choose the
    checkpoint.
    """

    name = "kfold"
    k: Annotated[int, Meta(ge=2)] = 5
    validation: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return `k` folds; raises FerbenchError for fewer than `k` people, or fewer than two to train and validate on."""
        parts = splitting.split_people(clips, [1.0] * self.k, self.seed, cover=range(self.k), where="protocol kfold")
        return make_folds(parts, self.validation, self.seed, "protocol kfold")


@dataclass(frozen=True)
class Modulo(Protocol):
    """Cross-validation with `k` folds: the i-th person in name order is tested in fold i mod k.

    With the seven classes of CK+ and k = 10, this is the usual protocol of that corpus. Of the people that a fold does not test, the share
    `validation` (by clips) is held out to choose the checkpoint, stratified by class.
    """

    name = "modulo"
    k: Annotated[int, Meta(ge=2)] = 10
    validation: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return `k` folds; raises FerbenchError for fewer than `k` people."""
        people = sorted({clip.subject for clip in clips})
        if len(people) < self.k:
            message = f"{len(people)} people have clips of the classes: expected at least {self.k}"
            raise FerbenchError(message, where="protocol modulo", hint="ask for fewer folds: --set protocol.k=5")
        fold_of = {person: position % self.k for position, person in enumerate(people)}
        parts = [[clip for clip in clips if fold_of[clip.subject] == fold] for fold in range(self.k)]
        return make_folds(parts, self.validation, self.seed, "protocol modulo")


@dataclass(frozen=True)
class LOSO(Protocol):
    """Leave one subject out: each person is tested in a fold of their own.

    Of the other people, the share `validation` (by clips) is held out to choose the checkpoint, stratified by class.
    """

    name = "loso"
    validation: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold per person, in the order of names; raises FerbenchError for more people than can be folds."""
        people = sorted({clip.subject for clip in clips})
        if len(people) > MAX_PEOPLE:
            message = f"{len(people):,} people would be as many folds: expected at most {MAX_PEOPLE:,}"
            raise FerbenchError(message, where="protocol loso", hint="choose kfold, or a protocol that follows the published split")
        parts = [[clip for clip in clips if clip.subject == person] for person in people]
        return make_folds(parts, self.validation, self.seed, "protocol loso")


@dataclass(frozen=True)
class HoldOut(Protocol):
    """One split of people, stratified by class, with these proportions of clips in the three parts."""

    name = "holdout"
    train: Positive = 0.7
    test: Positive = 0.2
    validation: NonNegative = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold; raises FerbenchError for fewer people than parts."""
        shares = {"train": self.train, "validation": self.validation, "test": self.test}
        return [splitting.split_once(clips, **shares, seed=self.seed, where="protocol holdout")]


@dataclass(frozen=True)
class Fixed(Protocol):
    """The corpus's own split into training and test clips, or its own folds.

    Reads the clips' facts: `split` (train, validation or test), or `fold`; each fold is tested once. If no clip of a corpus is listed as
    test, its validation clips are tested, as in published figures on AFEW. If the corpus lists no validation clips, the share `held_out`
    of the training part (by clips) is held out for it, by person.
    """

    name = "fixed"
    follows_published_split = True
    held_out: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold, or the corpus's own; raises FerbenchError if a clip has neither, so that none is dropped silently."""
        if all("fold" in clip.facts for clip in clips):
            numbers = sorted({clip.facts["fold"] for clip in clips}, key=str)
            tests = [[clip for clip in clips if clip.facts["fold"] == number] for number in numbers]
            return make_folds(tests, self.held_out, self.seed, "protocol fixed")
        if unlisted := [clip for clip in clips if clip.facts.get("split") not in SPLITS]:
            raise _unlisted_error(unlisted)
        tested = {splitting.corpus_of(clip.id) for clip in clips if clip.facts["split"] == "test"}
        parts: dict[object, list[Clip]] = {name: [] for name in SPLITS}
        for clip in clips:
            split = clip.facts["split"]
            parts["test" if split == "validation" and splitting.corpus_of(clip.id) not in tested else split].append(clip)
        return [self._fold(parts["train"], parts["validation"], parts["test"])]

    def _fold(self, train: Sequence[Clip], validation: Sequence[Clip], test: Sequence[Clip]) -> Fold:
        if validation:
            return splitting.make_fold(train, validation, test)
        return hold_out(test, train, self.held_out, self.seed, "protocol fixed")


def _unlisted_error(clips: Sequence[Clip]) -> FerbenchError:
    values = Counter(f"split {clip.facts['split']!r}" if "split" in clip.facts else "no split" for clip in clips)
    splits = ", ".join(f"{value} ({count} clips)" for value, count in sorted(values.items()))
    return FerbenchError(
        f"protocol fixed: found {splits}, such as {clips[0].id}: expected split {', '.join(SPLITS)} of every clip, or a fold of every clip",
        hint="choose a corpus that publishes its split (afew, dfew, ferv39k), or the protocol kfold",
    )
