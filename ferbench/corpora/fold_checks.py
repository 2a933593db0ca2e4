"""Checks the folds of a protocol, and collects warnings about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, PluginError, location
from ferbench.corpora.corpus import Corpus


def check_classes(protocol: Protocol) -> None:
    """Raise FerbenchError if a class is listed twice."""
    if repeated := next((label for label, count in Counter(protocol.classes).items() if count > 1), ""):
        raise FerbenchError(f"{protocol.title}: the class {repeated!r} is listed twice in classes")


def check_people(clips: Sequence[Clip], corpora: Sequence[Corpus]) -> None:
    """Raise FerbenchError if the clips show fewer than two people."""
    people = {clip.subject for clip in clips}
    if len(people) < 2:
        names = ", ".join(f"{corpus.name} at {corpus.root}" for corpus in corpora)
        raise FerbenchError(
            f"only one person, {next(iter(people))}, in {names}: training and testing need different people",
            hint="add people to the corpus, or merge corpora: dataset: [[ck+, mug]]",
        )


def check_folds(folds: Sequence[Fold], clips: Sequence[Clip], protocol: Protocol) -> None:
    """Raise PluginError if a person is in two parts of a fold, a clip is unknown, repeated or tested twice, or a part is empty."""
    if problem := _folds_problem(folds, {clip.id: clip.subject for clip in clips}):
        hint = "a protocol splits people, not clips" if "person" in problem else ""
        raise PluginError(f"{protocol.title}{problem}", where=location(type(protocol)), hint=hint)


def _folds_problem(folds: Sequence[Fold], subjects: Mapping[str, str]) -> str:
    """Describe the first problem, with the number of the fold; empty if the folds are right."""
    if not folds:
        return ": no folds"
    for number, fold in enumerate(folds):
        if problem := _fold_problem(fold, subjects):
            return f", fold {number}: {problem}"
    clip, count = Counter(clip for fold in folds for clip in fold.test).most_common(1)[0]
    return f": clip {clip} is tested in two folds" if count > 1 else ""


def _fold_problem(fold: Fold, subjects: Mapping[str, str]) -> str:
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    return _overlap(parts, subjects) or next((f"its {name} part is empty" for name in ("train", "test") if not parts[name]), "")


def _overlap(parts: Mapping[str, Sequence[str]], subjects: Mapping[str, str]) -> str:
    """Describe a clip that is unknown or repeated, or a person in two parts; empty if there is neither."""
    part_of: dict[str, str] = {}  # by person
    seen: set[str] = set()
    for name, clip in ((name, clip) for name, part in parts.items() for clip in part):
        if clip not in subjects:
            return f"unknown clip {clip!r} in {name}"
        if clip in seen:
            return f"clip {clip!r} is listed twice"
        seen.add(clip)
        if part_of.setdefault(subjects[clip], name) != name:
            return f"person {subjects[clip]!r} is in {part_of[subjects[clip]]} and in {name}"
    return ""


def protocol_warnings(protocol: Protocol, corpora: Sequence[Corpus], labels: Mapping[str, str], folds: Sequence[Fold]) -> list[str]:
    """Warn of classes without a clip or a training clip, and of renamed labels that no clip has; `labels` are by clip."""
    warnings = [*_label_warnings(protocol, corpora, labels), *_fold_warnings(folds, labels)]
    return [f"{protocol.title}: {warning}" for warning in warnings]


def _label_warnings(protocol: Protocol, corpora: Sequence[Corpus], labels: Mapping[str, str]) -> Iterator[str]:
    names = " + ".join(corpus.name for corpus in corpora)
    present = {clip.label for corpus in corpora for clip in corpus.clips}
    yield from (f"no clip of {names} has the class {label!r}" for label in protocol.classes if label not in labels.values())
    yield from (f"protocol.labels renames {label!r}, which no clip of {names} has" for label in protocol.labels if label not in present)


def _fold_warnings(folds: Sequence[Fold], labels: Mapping[str, str]) -> Iterator[str]:
    for number, fold in enumerate(folds):
        untrained = {labels[clip] for clip in fold.test} - {labels[clip] for clip in fold.train}
        yield from (f"fold {number}: the class {label!r} is tested but has no training clip" for label in sorted(untrained))
