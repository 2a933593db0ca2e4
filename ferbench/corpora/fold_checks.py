"""Checks the folds of a protocol, and collects warnings about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

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
    """Raise PluginError if a clip is unknown, repeated or tested in two folds, or a part is empty; guards look for leaks between parts."""
    if problem := _folds_problem(folds, {clip.id for clip in clips}):
        raise PluginError(f"{protocol.title}{problem}", where=location(type(protocol)))


def check_kept_folds(folds: Sequence[Fold], protocol: Protocol) -> None:
    """Raise FerbenchError if a part of a fold held nothing but clips that are dropped after folding."""
    for number, fold in enumerate(folds):
        if empty := next((name for name, part in (("training", fold.train), ("test", fold.test)) if not part), ""):
            classes = join_names(protocol.drop_after_folding)
            problem = f"{protocol.title}: without {classes}, which drop_after_folding lists, fold {number} has no {empty} clip"
            raise FerbenchError(problem, hint="ask for fewer folds, or leave drop_after_folding out: other classes are then dropped before")


def _folds_problem(folds: Sequence[Fold], known: Collection[str]) -> str:
    """Describe the first problem, with the number of the fold; empty if the folds are right."""
    if not folds:
        return ": no folds"
    for number, fold in enumerate(folds):
        if problem := _fold_problem(fold, known):
            return f", fold {number}: {problem}"
    clip, count = Counter(clip for fold in folds for clip in fold.test).most_common(1)[0]
    return f": clip {clip} is tested in two folds" if count > 1 else ""


def _fold_problem(fold: Fold, known: Collection[str]) -> str:
    """Describe a clip that is unknown, or repeated in a part, or a part that is empty; empty if there is none."""
    for name, part in fold.parts.items():
        if unknown := next((clip for clip in part if clip not in known), None):
            return f"unknown clip {unknown!r} in {name}"
        if len(set(part)) < len(part):
            return f"clip {Counter(part).most_common(1)[0][0]!r} is listed twice in {name}"
    return next((f"its {name} part is empty" for name in ("train", "test") if not fold.parts[name]), "")


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
    """Warn of classes that are trained and in no test part."""
    trained, tested = ({labels[clip] for fold in folds for clip in fold.parts[part]} for part in ("train", "test"))
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
