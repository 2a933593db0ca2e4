"""The labels of clips: a protocol renames those of a corpus, and names the classes that count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ferbench.api.clips import Clip
from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, join_names
from ferbench.corpora.corpus import Corpus


def check_classes(protocol: Protocol) -> None:
    """Raise FerbenchError if a class is listed twice."""
    classes = (*protocol.classes, *protocol.drop_after_folding)
    if repeated := next((label for label, count in Counter(classes).items() if count > 1), ""):
        lists = "classes and drop_after_folding" if repeated in protocol.drop_after_folding else "classes"
        raise FerbenchError(f"{protocol.title}: the class {repeated!r} is listed twice in {lists}")


def check_label_maps(protocol: Protocol, corpora: Sequence[Corpus]) -> None:
    """Raise FerbenchError if the protocol renames labels of a corpus that the dataset does not hold."""
    names = [corpus.name for corpus in corpora]
    if unknown := [name for name, value in protocol.labels.items() if isinstance(value, Mapping) and name not in names]:
        problem = f"{protocol.title}: labels has a map for {join_names(unknown)}, but the dataset holds {join_names(names)}"
        raise FerbenchError(problem, hint="write the map under a corpus of the dataset, as in labels: {mug: {happy: happiness}}")


def rename_labels(protocol: Protocol, corpora: Sequence[Corpus]) -> list[Clip]:
    """Return the clips of all corpora under the protocol's labels."""
    return [clip for corpus in corpora for clip in _rename_labels(corpus.clips, label_map(protocol, corpus.name))]


def label_map(protocol: Protocol, corpus: str) -> dict[str, str]:
    """Return the new name of each label that is renamed in this corpus: its own map comes before the names for all corpora."""
    own = protocol.labels.get(corpus, {})
    common = {label: name for label, name in protocol.labels.items() if isinstance(name, str)}
    return common | dict(own) if isinstance(own, Mapping) else common


def _rename_labels(clips: Sequence[Clip], names: Mapping[str, str]) -> list[Clip]:
    return [replace(clip, label=names[clip.label]) if clip.label in names else clip for clip in clips]
