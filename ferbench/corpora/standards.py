"""Compares the folds that a protocol makes of a local copy with the standard ones of the corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ferbench.api.components import Protocol
from ferbench.api.errors import FerbenchError, SystemProblem
from ferbench.api.official import Official, StandardProtocol
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.figures import Figure, class_counts, compare, compare_counts, compare_fact
from ferbench.corpora.folds import Split, split_clips
from ferbench.corpora.missing import Place, find_places
from ferbench.registry.catalog import Catalog
from ferbench.registry.specs import Spec
from ferbench.store.entries import Store

TESTS = "test clips by fold"

Verdict = Literal["equal", "differ", "unknown"]


@dataclass(frozen=True)
class FoldsReport:
    """The folds of one standard protocol: what they contain beside the standard, and whether they are the standard ones.

    `problem` says why no folds can be made. `places` are the places in the order of people where a missing person would belong.
    """

    label: str
    protocol: str
    parameters: Mapping[str, object]
    by_position: bool
    verdict: Verdict
    figures: tuple[Figure, ...] = ()
    problem: str = ""
    places: tuple[Place, ...] = ()


def compare_folds(standard: StandardProtocol, official: Official, corpus: Corpus, catalog: Catalog, store: Store) -> FoldsReport:
    """Make the folds of the copy and compare them; raises FerbenchError if no plugin has this protocol."""
    protocol = catalog.build("protocol", Spec(standard.name, standard.parameters))
    assert isinstance(protocol, Protocol)
    description = standard.label, standard.name, standard.parameters, standard.by_position
    try:
        split = split_clips(protocol, [corpus], store)
    except SystemProblem:
        raise
    except FerbenchError as error:
        return FoldsReport(*description, "differ", problem=error.message)
    figures = _compare(standard, official, protocol, split, corpus.name)
    places = find_places(standard, official, protocol, split, corpus.name) if any(figure.is_wrong for figure in figures) else ()
    return FoldsReport(*description, _judge(figures), tuple(figures), places=tuple(places))


def _compare(standard: StandardProtocol, official: Official, protocol: Protocol, split: Split, corpus: str) -> list[Figure]:
    labels = Counter(clip.label for clip in split.clips)
    tests = [len(fold.test) for fold in split.folds]
    return [
        compare_fact("people", len({clip.subject for clip in split.clips}), standard.people),
        compare_fact("clips", len(split.clips), standard.clips),
        *compare_counts("clips of", labels, class_counts(official.labels, protocol, corpus)),
        compare(TESTS, tests, list(standard.tests.value) if standard.tests else None, standard.tests),
    ]


def _judge(figures: list[Figure]) -> Verdict:
    if any(figure.is_wrong for figure in figures):
        return "differ"
    is_compared = any(figure.status == "equal" and not figure.recalled for figure in figures)
    return "equal" if is_compared else "unknown"
