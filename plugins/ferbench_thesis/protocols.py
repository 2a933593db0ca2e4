"""The thesis's split and k folds, both of people and stratified by class; and a corpus's own lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from ferbench import Clip, FerbenchError, Fold, Protocol
from ferbench_thesis.splitting import split

Share = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True)
class Thesis(Protocol):
    """One split of people, stratified by class towards the thesis's 631 training, 202 test and 21 validation clips.

    The three figures are proportions: corpora of other sizes are split alike.
    """

    name = "thesis"
    train: Share = 631
    test: Share = 202
    validation: Share = 21
    seed: int = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """One fold; raises FerbenchError for fewer than three people."""
        shares = (self.train, self.test, self.validation)
        train, test, validation = split(clips, shares, self.seed, cover=(0, 1), where="protocol thesis")
        return [Fold(train=_ids(train), validation=_ids(validation), test=_ids(test))]


@dataclass(frozen=True)
class KFold(Protocol):
    """`k` folds of people, stratified by class; every clip is tested once.

    Of the people that a fold does not test, the share `validation` (by clips) is set aside to choose the checkpoint.
    """

    name = "kfold"
    k: Annotated[int, Meta(ge=2)] = 5
    validation: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    seed: int = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """`k` folds; raises FerbenchError for fewer than `k` people, or fewer than two beside a tested part."""
        parts = split(clips, [1.0] * self.k, self.seed, cover=range(self.k), where="protocol kfold")
        return [
            around(test, [clip for part in parts if part is not test for clip in part], self.validation, self.seed, "protocol kfold")
            for test in parts
        ]


@dataclass(frozen=True)
class Modulo(Protocol):
    """`k` folds of people by their position: sorted by name, the person at position i is tested in fold i mod k.

    With the seven classes of CK+ and k = 10 this is the corpus's usual protocol. Of the people that a fold does not test, the share
    `validation` (by clips) is set aside to choose the checkpoint, stratified.
    """

    name = "modulo"
    k: Annotated[int, Meta(ge=2)] = 10
    validation: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    seed: int = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """`k` folds; raises FerbenchError for fewer than `k` people."""
        people = sorted({clip.subject for clip in clips})
        if len(people) < self.k:
            what = f"found {len(people)} people with clips of the classes, need at least {self.k}"
            raise FerbenchError(what, where="protocol modulo", hint="ask for fewer folds: --set protocol.k=5")
        fold_of = {person: position % self.k for position, person in enumerate(people)}
        parts = [[clip for clip in clips if fold_of[clip.subject] == fold] for fold in range(self.k)]
        return [
            around(test, [clip for part in parts if part is not test for clip in part], self.validation, self.seed, "protocol modulo")
            for test in parts
        ]


@dataclass(frozen=True)
class Fixed(Protocol):
    """The corpus's own lists: train and test clips, or folds of which each is tested once.

    A clip's facts tell it: `split` (train, validation or test), or `fold`. Where no clip is listed as test, `validation` is tested, as
    published figures on AFEW are. To choose the checkpoint the share `held_out` (by clips, by people) of the training part is set aside
    where there is no list for it.
    """

    name = "fixed"
    held_out: Annotated[float, Meta(ge=0, lt=1)] = 0.1
    seed: int = 0

    def folds(self, clips: Sequence[Clip]) -> list[Fold]:
        """One fold, or as many as the corpus has; FerbenchError where a clip tells neither split nor fold."""
        if lost := [clip.id for clip in clips if clip.facts.get("split", clip.facts.get("fold")) is None]:
            what = f"protocol fixed: {len(lost)} clips tell neither split nor fold ({lost[0]}, ...)"
            raise FerbenchError(what, hint="choose a corpus with lists of its own (afew, dfew, ferv39k), or the protocol kfold")
        if all("fold" in clip.facts for clip in clips):
            numbers = sorted({clip.facts["fold"] for clip in clips}, key=str)
            tests = [[clip for clip in clips if clip.facts["fold"] == number] for number in numbers]
            return [self._fold([clip for part in tests if part is not test for clip in part], (), test) for test in tests]
        parts = {name: [clip for clip in clips if clip.facts.get("split") == name] for name in ("train", "validation", "test")}
        if not parts["test"]:
            return [self._fold(parts["train"], (), parts["validation"])]
        return [self._fold(parts["train"], parts["validation"], parts["test"])]

    def _fold(self, train: Sequence[Clip], validation: Sequence[Clip], test: Sequence[Clip]) -> Fold:
        if validation:
            return Fold(train=_ids(train), validation=_ids(validation), test=_ids(test))
        return around(test, train, self.held_out, self.seed, "protocol fixed")


def around(test: Sequence[Clip], rest: Sequence[Clip], validation: float, seed: int, where: str) -> Fold:
    """A fold with this tested part; of the rest the share `validation` is set aside by people."""
    if not validation:
        return Fold(train=_ids(rest), validation=(), test=_ids(test))
    shares = (1 - validation, validation)
    train, held_out = split(rest, shares, seed, cover=(0,), where=f"{where}: training and validation people of a fold")
    return Fold(train=_ids(train), validation=_ids(held_out), test=_ids(test))


def _ids(clips: Sequence[Clip]) -> tuple[str, ...]:
    return tuple(sorted(clip.id for clip in clips))
