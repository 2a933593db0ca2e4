"""Splits the clips of corpora into the folds of a protocol; folds are checked and stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, blame_plugin, shorten
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.fold_checks import check_folds, check_kept_folds, check_people
from ferbench.corpora.labels import check_classes, check_label_maps, rename_labels
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.keys import identify_component, make_key
from ferbench.store.rows import ClipTable
from ferbench.store.versions import VERSIONS


@dataclass(frozen=True)
class Split:
    """The clips of the protocol's classes, their folds, and the number of clips of each class that is left out."""

    key: str
    clips: tuple[Clip, ...]
    folds: tuple[Fold, ...]
    other_classes: dict[str, int]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Return the class of each clip."""
        return {clip.id: clip.label for clip in self.clips}

    @cached_property
    def tested_key(self) -> str:
        """The key of what is stored about the tested clips."""
        return make_key("tested", self.key)

    @property
    def tested(self) -> list[str]:
        """The tested clips of all folds, in their order."""
        return [clip for fold in self.folds for clip in fold.test]

    @cached_property
    def unassigned(self) -> dict[str, list[str]]:
        """Clips that are in no part of any fold, and those in no part of one fold; without empty lists."""
        assigned = [{*fold.train, *fold.validation, *fold.test} for fold in self.folds]
        anywhere = set().union(*assigned)
        groups = {"in no part of any fold": [clip.id for clip in self.clips if clip.id not in anywhere]}
        for number, ids in enumerate(assigned):
            elsewhere = anywhere - ids
            groups[f"in no part of fold {number}"] = [clip.id for clip in self.clips if clip.id in elsewhere]
        return {group: ids for group, ids in groups.items() if ids}

    def people(self, part: Sequence[str]) -> list[str]:
        """Return the people of a part, sorted."""
        subjects = {clip.id: clip.subject for clip in self.clips}
        return sorted({subjects[clip] for clip in part})


def split_clips(protocol: Protocol, corpora: Sequence[Corpus], store: Store, *, by_person: bool = True) -> Split:
    """Rename labels, drop other classes, split, and check the folds. Raises FerbenchError if no clip is left or a fold breaks a rule.

    Clips of the classes in `drop_after_folding` take part in the split, and are dropped from its folds. If not `by_person`, the protocol
    takes each clip for a person of its own, as published code often does.
    """
    check_classes(protocol)
    check_label_maps(protocol, corpora)
    renamed = rename_labels(protocol, corpora)
    clips = tuple(clip for clip in renamed if clip.label in protocol.classes)
    other_classes = Counter(clip.label for clip in renamed if clip.label not in protocol.classes)
    if not clips:
        hint = f"labels found: {', '.join(sorted(other_classes))}; protocol.classes: {', '.join(protocol.classes)}"
        raise FerbenchError(f"no clip has a class of the {protocol.title}", hint=hint)
    check_people(clips, corpora)
    taking_part = {*protocol.classes, *protocol.drop_after_folding}
    candidates = tuple(clip for clip in renamed if clip.label in taking_part)
    if not by_person:
        candidates = tuple(replace(clip, subject=clip.id) for clip in candidates)
    key = _folds_key(protocol, candidates)
    folds = store.ensure("folds", key, _compute, protocol, candidates).read_facts(tuple[Fold, ...])
    split = Split(key, clips, folds, dict(other_classes))
    store.ensure("tested", split.tested_key, _describe_tested, split)
    return split


def _folds_key(protocol: Protocol, clips: Sequence[Clip]) -> str:
    """Return the key of the folds, from everything that a protocol can see of the clips."""
    visible = [[clip.id, clip.subject, clip.label, clip.length, clip.apex, dict(clip.facts)] for clip in clips]
    return make_key("folds", VERSIONS["folds"], identify_component(protocol), visible)


def _compute(protocol: Protocol, clips: Sequence[Clip]) -> Content:
    with blame_plugin(protocol.title, type(protocol)):
        folds = list(protocol.folds(clips))
        if wrong := next((fold for fold in folds if not isinstance(fold, Fold)), None):
            raise TypeError(f"folds() returns {type(wrong).__name__}: expected Folds")
        for part in (part for fold in folds for part in (fold.train, fold.validation, fold.test)):
            if not isinstance(part, list | tuple) or not all(isinstance(clip, str) for clip in part):
                raise TypeError(f"a part of a fold is {shorten(part)}: expected the ids of clips")
    check_folds(folds, clips, protocol)
    kept = {clip.id for clip in clips if clip.label in protocol.classes}
    folds = [_keep_clips(fold, kept) for fold in folds]
    check_kept_folds(folds, protocol)
    return Content(facts=[asdict(fold) for fold in folds])


def _describe_tested(split: Split) -> Content:
    """What reports need to know of the tested clips."""
    by_id = {clip.id: clip for clip in split.clips}
    tested = [(number, by_id[clip]) for number, fold in enumerate(split.folds) for clip in fold.test]
    facts: ClipTable = {
        "ids": [clip.id for _, clip in tested],
        "people": [clip.subject for _, clip in tested],
        "labels": [clip.label for _, clip in tested],
        "folds": [number for number, _ in tested],
        "facts": [dict(clip.facts) for _, clip in tested],
    }
    return Content(facts=facts)


def _keep_clips(fold: Fold, kept: Collection[str]) -> Fold:
    train, validation, test = (tuple(clip for clip in part if clip in kept) for part in (fold.train, fold.validation, fold.test))
    return Fold(train, validation, test)
