"""Compares a local copy of a corpus with the official figures, and the folds made of it with the standard ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isclose

from ferbench.api.components import Dataset
from ferbench.api.official import Fact, Official
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.figures import Figure, Status, compare, compare_counts, compare_fact
from ferbench.corpora.missing import missing_people
from ferbench.corpora.pictures import Pictures, look_at_pictures
from ferbench.corpora.standards import FoldsReport, compare_folds
from ferbench.registry.catalog import Catalog
from ferbench.store.entries import Store
from ferbench.types import Progress

RATE_TOLERANCE = 0.001  # relative: 29.97 frames per second are written as 30000/1001 or as 29.97


@dataclass(frozen=True)
class Look:
    """What the first frames look like: the number of clips by size or frame rate, and the official ones (None: unknown)."""

    found: dict[str, int]
    official: list[str] | None
    status: Status
    source: str = ""
    recalled: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """How a copy deviates from the official figures, and what its folds are.

    `missing` are people without a labeled clip, `incomplete` people with another number of clips of a label than the official one (as
    "P003 anger 0 of 1"); both stay empty if names, or the clips of each person, are not known. `undecodable` are clips whose first frame
    cannot be read.
    """

    has_official: bool
    has_names: bool
    figures: tuple[Figure, ...]
    sizes: Look
    rates: Look
    undecodable: tuple[str, ...]
    missing: tuple[str, ...]
    incomplete: tuple[str, ...]
    protocols: tuple[FoldsReport, ...]

    @property
    def folds_differ(self) -> bool:
        """Whether the folds of a standard protocol differ from the standard ones."""
        return any(report.verdict == "differ" for report in self.protocols)


def diagnose(dataset: Dataset, corpus: Corpus, catalog: Catalog, store: Store, progress: Progress | None = None) -> Diagnosis:
    """Compare an indexed corpus with the official figures of its dataset; reads the first frame of every clip."""
    official = dataset.official or Official()
    reports = tuple(compare_folds(standard, official, corpus, catalog, store) for standard in official.protocols)
    pictures = look_at_pictures(corpus.clips, progress)
    return Diagnosis(
        has_official=dataset.official is not None,
        has_names=official.names is not None,
        figures=tuple(_name_affected(figure, reports) for figure in _compare(official, corpus)),
        sizes=_look_at_sizes(official, pictures),
        rates=_look_at_rates(official, pictures),
        undecodable=tuple(pictures.unreadable),
        missing=tuple(missing_people(official, {clip.subject for clip in corpus.clips}, corpus.name)),
        incomplete=tuple(_list_incomplete(official, corpus)),
        protocols=reports,
    )


def _compare(official: Official, corpus: Corpus) -> list[Figure]:
    skipped = Counter(item.reason for item in corpus.skipped)
    expected = official.skipped.value if official.skipped else {}
    return [
        compare_fact("people", len({clip.subject for clip in corpus.clips}), official.people),
        compare_fact("clips", len(corpus.clips), official.clips),
        *compare_counts("clips of", Counter(clip.label for clip in corpus.clips), official.labels),
        *(compare(f"skipped, {reason}", skipped[reason], count, official.skipped) for reason, count in expected.items()),
    ]


def _name_affected(figure: Figure, reports: Sequence[FoldsReport]) -> Figure:
    """Add the protocols in whose folds the same figure is wrong."""
    affected = [report.label for report in reports if any(other.name == figure.name and other.is_wrong for other in report.figures)]
    return replace(figure, affects=tuple(affected))


def _look_at_sizes(official: Official, pictures: Pictures) -> Look:
    allowed = {tuple(size) for size in official.sizes.value} if official.sizes else set()
    others = [size for size in pictures.sizes if size not in allowed]
    found = {f"{width} x {height}": count for (width, height), count in pictures.sizes.most_common()}
    return _make_look(found, [f"{width} x {height}" for width, height in sorted(allowed)], bool(others), official.sizes)


def _look_at_rates(official: Official, pictures: Pictures) -> Look:
    allowed = official.rates.value if official.rates else ()
    others = [rate for rate in pictures.rates if not any(isclose(rate, known, rel_tol=RATE_TOLERANCE) for known in allowed)]
    found = {f"{rate:g}": count for rate, count in pictures.rates.most_common()}
    return _make_look(found, [f"{rate:g}" for rate in allowed], bool(others), official.rates)


def _make_look(found: dict[str, int], official: list[str], differs: bool, fact: Fact[object] | None) -> Look:
    if fact is None or not found:
        return Look(found, official or None, "unknown")
    return Look(found, official, "differs" if differs else "equal", fact.source, fact.recalled)


def _list_incomplete(official: Official, corpus: Corpus) -> Iterator[str]:
    """People of the copy who have more or fewer clips of a label than each person has."""
    counts = Counter((clip.subject, clip.label) for clip in corpus.clips)
    each = official.each.value if official.each else {}
    for person in sorted({clip.subject for clip in corpus.clips}):
        for label, count in each.items():
            if counts[person, label] != count:
                yield f"{person.removeprefix(f'{corpus.name}/')} {label} {counts[person, label]} of {count}"
