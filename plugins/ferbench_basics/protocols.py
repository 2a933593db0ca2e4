"""Protocols: cross-validation by person, and the splits that a corpus publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ferbench import Clip, FerbenchError, Fold, Protocol, splitting
from ferbench.types import Seed, ShareBelowOne

SPLITS = ("train", "validation", "test")


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
        return _test_each(parts, self.validation, self.seed, "protocol kfold")


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
        return _test_each(parts, self.validation, self.seed, "protocol modulo")


@dataclass(frozen=True)
class Fixed(Protocol):
    """The corpus's own split into training and test clips, or its own folds.

    Reads the clips' facts: `split` (train, validation or test), or `fold`; each fold is tested once. If no clip is listed as test, the
    validation clips are tested, as in published figures on AFEW. If the corpus lists no validation clips, the share `held_out`
    of the training part (by clips) is held out for it, by person.
    """

    name = "fixed"
    held_out: ShareBelowOne = 0.1
    seed: Seed = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """Return one fold, or the corpus's own; raises FerbenchError if a clip has neither, so that none is dropped silently."""
        if all("fold" in clip.facts for clip in clips):
            numbers = sorted({clip.facts["fold"] for clip in clips}, key=str)
            tests = [[clip for clip in clips if clip.facts["fold"] == number] for number in numbers]
            return _test_each(tests, self.held_out, self.seed, "protocol fixed")
        if unlisted := [clip for clip in clips if clip.facts.get("split") not in SPLITS]:
            raise _unlisted_error(unlisted)
        parts = {name: [clip for clip in clips if clip.facts["split"] == name] for name in SPLITS}
        if not parts["test"]:
            return [self._fold(parts["train"], (), parts["validation"])]
        return [self._fold(parts["train"], parts["validation"], parts["test"])]

    def _fold(self, train: Sequence[Clip], validation: Sequence[Clip], test: Sequence[Clip]) -> Fold:
        if validation:
            return Fold(train=_ids(train), validation=_ids(validation), test=_ids(test))
        return _make_fold(test, train, self.held_out, self.seed, "protocol fixed")


def _unlisted_error(clips: Sequence[Clip]) -> FerbenchError:
    values = Counter(f"split {clip.facts['split']!r}" if "split" in clip.facts else "no split" for clip in clips)
    splits = ", ".join(f"{value} ({count} clips)" for value, count in sorted(values.items()))
    return FerbenchError(
        f"protocol fixed: found {splits}, such as {clips[0].id}: expected split {', '.join(SPLITS)} of every clip, or a fold of every clip",
        hint="choose a corpus that publishes its split (afew, dfew, ferv39k), or the protocol kfold",
    )


def _test_each(parts: Sequence[Sequence[Clip]], validation: float, seed: int, where: str) -> list[Fold]:
    """One fold per part, which tests that part."""
    return [_make_fold(test, [clip for part in parts if part is not test for clip in part], validation, seed, where) for test in parts]


def _make_fold(test: Sequence[Clip], rest: Sequence[Clip], validation: float, seed: int, where: str) -> Fold:
    """One fold that tests `test`; of `rest`, the share `validation` is held out, by person."""
    if not validation:
        return Fold(train=_ids(rest), validation=(), test=_ids(test))
    shares = (1 - validation, validation)
    train, held_out = splitting.split_people(rest, shares, seed, cover=(0,), where=f"{where}: training and validation people of a fold")
    return Fold(train=_ids(train), validation=_ids(held_out), test=_ids(test))


def _ids(clips: Sequence[Clip]) -> tuple[str, ...]:
    return tuple(sorted(clip.id for clip in clips))
