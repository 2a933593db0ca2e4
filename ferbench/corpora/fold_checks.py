"""Checks the folds of a protocol, and collects warnings about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ferbench.api.clips import Clip, Fold
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, PluginError, join_names, location
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.labels import rename_labels


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


def check_kept_folds(folds: Sequence[Fold], protocol: Protocol) -> None:
    """Raise FerbenchError if a part of a fold held nothing but clips that are dropped after folding."""
    for number, fold in enumerate(folds):
        if empty := next((name for name, part in (("training", fold.train), ("test", fold.test)) if not part), ""):
            classes = join_names(protocol.drop_after_folding)
            problem = f"{protocol.title}: without {classes}, which drop_after_folding lists, fold {number} has no {empty} clip"
            raise FerbenchError(problem, hint="ask for fewer folds, or leave drop_after_folding out: other classes are then dropped before")


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
    """Warn of classes without clips, renamed labels that no clip has, and people who may be in train and test; `labels` are by clip."""
    warnings = [*_label_warnings(protocol, corpora), *_fold_warnings(folds, labels), *_people_warnings(protocol, corpora, folds)]
    return [f"{protocol.title}: {warning}" for warning in warnings]


def _label_warnings(protocol: Protocol, corpora: Sequence[Corpus]) -> Iterator[str]:
    """Warn of classes, and of renamed labels, that no clip has."""
    renamed = {clip.label for clip in rename_labels(protocol, corpora)}
    classes = (*protocol.classes, *protocol.drop_after_folding)
    yield from (f"no clip of {_join(corpora)} has the class {label!r}" for label in classes if label not in renamed)
    for label, name in protocol.labels.items():
        owners = [corpus for corpus in corpora if isinstance(name, str) or corpus.name == label]
        present = {clip.label for corpus in owners for clip in corpus.clips}
        absent = [old for old in ([label] if isinstance(name, str) else name) if old not in present]
        yield from (f"protocol.labels renames {old!r}, which no clip of {_join(owners)} has" for old in absent)


def _fold_warnings(folds: Sequence[Fold], labels: Mapping[str, str]) -> Iterator[str]:
    """Warn of classes that are tested without training clips, and of classes that are trained and in no test part."""
    trained, tested = set[str](), set[str]()
    for number, fold in enumerate(folds):
        train, test = ({labels[clip] for clip in part} for part in (fold.train, fold.test))
        yield from (f"fold {number}: the class {label!r} is tested but has no training clip" for label in sorted(test - train))
        trained, tested = trained | train, tested | test
    yield from (f"the class {label!r} has training clips but no test clip, so UAR leaves it out" for label in sorted(trained - tested))


def _people_warnings(protocol: Protocol, corpora: Sequence[Corpus], folds: Sequence[Fold]) -> Iterator[str]:
    """Warn of corpora that do not name people and are in train and test, unless the protocol follows their published split."""
    for corpus in corpora:
        if not corpus.names_people and not protocol.follows_published_split and _is_divided(corpus, folds):
            yield (
                f"the people of {corpus.name} are unknown: clips of one person may be in train and test, and results too high. "
                "Prefer a protocol that follows the published split"
            )


def _is_divided(corpus: Corpus, folds: Sequence[Fold]) -> bool:
    """Whether a fold tests some clips of the corpus and trains or validates on others."""
    own = {clip.id for clip in corpus.clips}
    return any(not own.isdisjoint(fold.test) and not own.isdisjoint((*fold.train, *fold.validation)) for fold in folds)


def _join(corpora: Sequence[Corpus]) -> str:
    return " + ".join(corpus.name for corpus in corpora)
