"""Folds of a protocol on the corpora of a row, checked by the harness and kept in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, PluginError, plugin_call
from ferbench.corpora.index import Corpus
from ferbench.store.entries import Store, read_json, to_json
from ferbench.store.keys import code_digest, component_identity, key


@dataclass(frozen=True)
class Split:
    """The clips that a protocol keeps, their folds, and how many clips of other labels it leaves out."""

    key: str
    clips: tuple[Clip, ...]
    folds: tuple[Fold, ...]
    left_out: dict[str, int]

    @cached_property
    def labels(self) -> dict[str, str]:
        """Class of each clip."""
        return {c.id: c.label for c in self.clips}

    def people(self, part: Sequence[str]) -> list[str]:
        """The persons of a part, sorted."""
        subjects = {c.id: c.subject for c in self.clips}
        return sorted({subjects[clip] for clip in part})


def oddities(protocol: Protocol, corpora: Sequence[Corpus], parts: Split) -> list[str]:
    """What a reader of the figures should know: classes without a clip, or without one to learn from; labels that are not there."""
    found = {clip.label for corpus in corpora for clip in corpus.clips}
    names = " + ".join(corpus.name for corpus in corpora)
    label_of = {clip.id: clip.label for clip in parts.clips}
    told = [f"no clip of {names} carries the class {c!r}" for c in protocol.classes if c not in label_of.values()]
    told += [f"protocol.labels renames {label!r}, which no clip of {names} carries" for label in protocol.labels if label not in found]
    for number, fold in enumerate(parts.folds):
        trained = {label_of[clip] for clip in fold.train}
        unseen = sorted({label_of[clip] for clip in fold.test} - trained)
        told += [f"fold {number}: the class {c!r} is tested and has no training clip" for c in unseen]
    return [f"protocol {protocol.name}: {text}" for text in told]


def split(protocol: Protocol, corpora: Sequence[Corpus], store: Store) -> Split:
    """Maps labels, drops other classes, makes the folds and checks them; raises FerbenchError where people or clips overlap."""
    if twice := next((c for c, times in Counter(protocol.classes).items() if times > 1), ""):
        raise FerbenchError(f"protocol {protocol.name}: the class {twice!r} stands twice in classes")
    named = [replace(c, label=protocol.labels.get(c.label, c.label)) for corpus in corpora for c in corpus.clips]
    clips = tuple(c for c in named if c.label in protocol.classes)
    left_out = Counter(c.label for c in named if c.label not in protocol.classes)
    if not clips:
        hint = f"labels found: {', '.join(sorted(left_out))}; protocol.classes: {', '.join(protocol.classes)}"
        raise FerbenchError(f"no clip carries a class of the protocol {protocol.name}", hint=hint)
    _at_least_two(clips, corpora)
    seen = [[c.id, c.subject, c.label, c.length, c.apex, dict(c.facts)] for c in clips]
    entry = key("folds", code_digest("ferbench.corpora.folds"), component_identity(protocol), seen)
    folder = store.make("folds", entry, _write, protocol, clips)
    folds = tuple(Fold(*(tuple(part) for part in (f["train"], f["validation"], f["test"]))) for f in read_json(folder / "folds.json"))
    return Split(entry, clips, folds, dict(left_out))


def check(folds: Sequence[Fold], clips: Sequence[Clip], protocol: str) -> None:
    """No person in two parts of a fold, no clip unknown or twice, no clip tested twice, something to train on and to test."""
    subjects = {c.id: c.subject for c in clips}
    tested = Counter(clip for fold in folds for clip in fold.test)
    for number, fold in enumerate(folds):
        parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
        problem = _overlap(parts, subjects) or next((f"its {p} part is empty" for p in ("train", "test") if not parts[p]), "")
        if problem:
            raise PluginError(f"protocol {protocol}, fold {number}: {problem}", hint="a protocol splits people, not clips")
    if not folds or max(tested.values()) > 1:
        twice = next((clip for clip, times in tested.items() if times > 1), "")
        raise PluginError(f"protocol {protocol}: " + (f"clip {twice} is tested in two folds" if folds else "no folds"))


def _overlap(parts: dict[str, tuple[str, ...]], subjects: dict[str, str]) -> str:
    owner: dict[str, str] = {}
    seen: set[str] = set()
    for name, part in parts.items():
        for clip in part:
            if clip not in subjects:
                return f"unknown clip {clip!r} in {name}"
            if clip in seen:
                return f"clip {clip!r} stands twice"
            seen.add(clip)
            if owner.setdefault(subjects[clip], name) != name:
                return f"person {subjects[clip]!r} is in {owner[subjects[clip]]} and in {name}"
    return ""


def _at_least_two(clips: Sequence[Clip], corpora: Sequence[Corpus]) -> None:
    people = {c.subject for c in clips}
    if len(people) < 2:
        names = ", ".join(f"{c.name} at {c.root}" for c in corpora)
        raise FerbenchError(
            f"only one person, {next(iter(people))}, in {names}: training and testing need different people",
            hint="add people to the corpus, or merge corpora: dataset: [[ck+, mug]]",
        )


def _write(work: Path, protocol: Protocol, clips: Sequence[Clip]) -> dict[str, Any]:
    with plugin_call(f"protocol {protocol.name}"):
        folds = list(protocol.folds(clips))
        if wrong := next((fold for fold in folds if not isinstance(fold, Fold)), None):
            raise TypeError(f"folds() gives {type(wrong).__name__}: expected Folds")
    check(folds, clips, protocol.name)
    (work / "folds.json").write_bytes(to_json([asdict(fold) for fold in folds]))
    return {"folds": len(folds)}
