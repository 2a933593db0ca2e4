"""A plugin of corpora and protocols that leak, as published loaders and lists do."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import ferbench


@ferbench.hookimpl
def register_datasets(register):
    register(Listed)
    register(Other)


@ferbench.hookimpl
def register_protocols(register):
    register(ByImage)
    register(BestOnTest)
    register(TestsTraining)
    register(Last)


@dataclass(frozen=True)
class Listed(ferbench.Dataset):
    """Folders PERSON/LABEL/TAKE of images; lists.json says which clips are for training, and which for test."""

    name = "listed"
    classes = ("happiness", "surprise")
    citation = license = "made up"
    access = "The tests make it."
    folders = ("listed",)

    def clips(self):
        lists = Path(self.root) / "lists.json"
        splits = json.loads(lists.read_text()) if lists.is_file() else {}
        for take in sorted(Path(self.root).glob("*/*/*")):
            person, label, number = take.relative_to(self.root).parts
            name = f"{person}/{label}/{number}"
            facts = {"split": splits[name]} if name in splits else {}
            yield ferbench.Clip(name, person, label, images=tuple(sorted(take.glob("*.png"))), facts=facts)


@dataclass(frozen=True)
class Other(Listed):
    """Another corpus of the same layout."""

    name = "other"
    folders = ("other",)


@dataclass(frozen=True)
class ByImage(ferbench.Protocol):
    """Two folds of clips, whoever is in them."""

    name = "by-image"
    seed: int = 0

    def folds(self, clips):
        ids = np.random.default_rng(self.seed).permutation([clip.id for clip in clips]).tolist()
        parts = tuple(ids[::2]), tuple(ids[1::2])
        return [ferbench.Fold(parts[1 - test], (), parts[test]) for test in (0, 1)]


@dataclass(frozen=True)
class BestOnTest(ferbench.Protocol):
    """The first two people are tested, and the checkpoint is chosen on them."""

    name = "best-on-test"

    def folds(self, clips):
        tested = sorted({clip.subject for clip in clips})[:2]
        test = tuple(clip.id for clip in clips if clip.subject in tested)
        return [ferbench.Fold(tuple(clip.id for clip in clips if clip.id not in test), test, test)]


@dataclass(frozen=True)
class TestsTraining(ferbench.Protocol):
    """Tests one clip that it trains on, too."""

    name = "tests-training"

    def folds(self, clips):
        (fold,) = BestOnTest(self.classes).folds(clips)
        return [replace(fold, validation=(), train=(*fold.train, fold.test[0]))]


@dataclass(frozen=True)
class Last(ferbench.Protocol):
    """The last person is tested, the others train."""

    name = "last"

    def folds(self, clips):
        last = max(clip.subject for clip in clips)
        train = tuple(clip.id for clip in clips if clip.subject != last)
        return [ferbench.Fold(train, (), tuple(clip.id for clip in clips if clip.subject == last))]
