"""Scores stored rows again: other aggregators, frames and classes, from the frame scores of their fits; nothing is trained or stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ferbench.api.components import Aggregator
from ferbench.api.errors import FerbenchError, join_names
from ferbench.benchmark.rescoring import EVERYTHING, Rescoring, Window
from ferbench.report.answers import AnswerReader, Answers
from ferbench.report.matching import describe_labels, find_matches
from ferbench.report.results import RankedRecord, rank_rows
from ferbench.report.statistics.metrics import compute_metrics, compute_score_metrics
from ferbench.stages.fits import load_scores
from ferbench.stages.scores import aggregate_clip
from ferbench.store.entries import Store
from ferbench.store.keys import make_key
from ferbench.store.records import Record
from ferbench.store.rows import ClipTable, DoneRow

Frames = Mapping[str, NDArray[np.float64]]
"""The scores [T,C+K] of the frames of each clip."""


@dataclass(frozen=True)
class Classes:
    """Classes, some of them merged: `groups` are the numbers of the old classes that each new one holds."""

    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]

    def merge(self, scores: NDArray[np.float64], old: int) -> NDArray[np.float64]:
        """The scores [T,C'+K] of the new classes, sums of those of the old ones, from [T,C+K]; other answers stay."""
        merged = [scores[:, list(group)].sum(1) for group in self.groups]
        return np.stack([*merged, *scores[:, old:].T], axis=1)

    def rename(self, label: str, old: Sequence[str]) -> str:
        """The new class of an old one."""
        return next(name for name, group in zip(self.names, self.groups, strict=True) if old.index(label) in group)


@dataclass
class RescoredAnswers(AnswerReader):
    """The answers of rows that are not stored, by key."""

    answers: dict[str, Answers] = field(default_factory=dict)

    def read(self, row: DoneRow) -> Answers:
        """The answers of a row."""
        return self.answers[row["key"]]


def rescore(rescoring: Rescoring, store: Store) -> list[RankedRecord]:
    """Score the rows again and rank those of each benchmark, each window with its own table. Raises FerbenchError if no row matches.

    Rows of two benchmarks never share a table: they may have equal labels, and would be taken for seeds of each other.
    """
    searches = [find_matches(text, store, rescoring.benchmark) for text in rescoring.rows]
    rows = {row["key"]: row for search in searches for match in search.found for row in match.rows}
    for failed in {row["key"]: row for search in searches for row in search.failed}.values():
        store.warn(f"left out, since it failed: {describe_labels(failed)}, seed {failed['labels']['seed']}: {failed['error']}")
    groups: dict[tuple[str, bool], dict[tuple[str, ...], DoneRow]] = {}
    for row in rows.values():
        groups.setdefault((row["benchmark"], row["standin"]), {}).setdefault(tuple(row["fits"]), row)
    return [_rescore_models(list(models.values()), rescoring, store) for models in groups.values()]


def _rescore_models(models: Sequence[DoneRow], rescoring: Rescoring, store: Store) -> RankedRecord:
    """All new rows of a benchmark, given one row of each model."""
    reader = RescoredAnswers(store)
    rows = [new for row in models for new in _rescore_model(row, rescoring, reader)]
    record: Record = {
        "benchmark": f"{models[0]['benchmark']} · scored again",
        "rehearsal": models[0]["standin"],
        "description": "",
        "rows": list(rows),
        "failures": {},
        "published": [],
        "corpora": [],
    }
    return RankedRecord(record, rank_rows(rows, reader))


def _rescore_model(row: DoneRow, rescoring: Rescoring, reader: RescoredAnswers) -> Iterator[DoneRow]:
    """All new rows of a model, given one of its rows."""
    classes = merge_classes(row["classes"], rescoring.merge)
    stored = AnswerReader(reader.store).read(row)
    frames: dict[str, NDArray[np.float64]] = {}
    for number, fit in enumerate(row["fits"]):
        scores, _ = load_scores(fit, reader.store)
        tested = [clip for clip, fold in zip(stored.tested["ids"], stored.tested["folds"], strict=True) if fold == number]
        frames |= {clip: classes.merge(scores[clip], len(row["classes"])) for clip in tested if len(scores[clip])}
    table: ClipTable = {**stored.tested, "labels": [classes.rename(label, row["classes"]) for label in stored.tested["labels"]]}
    for window in rescoring.windows:
        for label, aggregator in rescoring.aggregators.items():
            new = _describe(row, classes, window, label)
            reader.answers[new["key"]] = _answer(aggregator, frames, window, classes, table, stored)
            yield _evaluate(new, reader.answers[new["key"]])


def merge_classes(old: Sequence[str], merge: Mapping[str, Sequence[str]]) -> Classes:
    """The classes after merging, in their old order; raises FerbenchError for an unknown class, or if fewer than two are left."""
    if unknown := [label for labels in merge.values() for label in labels if label not in old]:
        raise FerbenchError(f"merge names {join_names(unknown)}: the rows have the classes {join_names(list(old))}")
    new_of = {label: new for new, labels in merge.items() for label in labels}
    names = tuple(dict.fromkeys(new_of.get(label, label) for label in old))
    if len(names) < 2:
        raise FerbenchError(f"merge leaves one class, {names[0]}: expected at least two")
    return Classes(names, tuple(tuple(n for n, label in enumerate(old) if new_of.get(label, label) == name) for name in names))


def _answer(aggregator: Aggregator, frames: Frames, window: Window, classes: Classes, table: ClipTable, stored: Answers) -> Answers:
    scores = [aggregate_clip(aggregator, clip, window.take(frames[clip])) for clip in stored.names()]
    return Answers(classes.names, table, stored.position, np.array(scores), stored.covered)


def _describe(row: DoneRow, classes: Classes, window: Window, aggregator: str) -> DoneRow:
    """The new row without its metrics: of another fingerprint, if frames or classes are others."""
    is_changed = window.kind != EVERYTHING or list(classes.names) != row["classes"]
    merged = f", classes {', '.join(classes.names)}" if list(classes.names) != row["classes"] else ""
    fingerprint = make_key("rescored", row["fingerprint"], window.label, classes.groups) if is_changed else row["fingerprint"]
    return {
        **row,
        "key": make_key("rescored", row["fits"], row["benchmark"], window.label, classes.names, classes.groups, aggregator),
        "labels": {**row["labels"], "aggregator": aggregator},
        "classes": list(classes.names),
        "fingerprint": fingerprint,
        "protocol": f"{row['protocol']} · scored again: {window.label} frames{merged}",
        "validation": None,
        "covered_only": None,
    }


def _evaluate(row: DoneRow, answers: Answers) -> DoneRow:
    names, others = tuple(row["classes"]), len(row["others"])
    metrics = compute_metrics(answers.true, answers.predicted, names, others)
    folds = [answers.select(answers.fold == fold) for fold in np.unique(answers.fold)]
    fold_uar = [compute_metrics(fold.true, fold.predicted, names, others)["uar"] for fold in folds]
    return {**row, **metrics, "score_metrics": compute_score_metrics(answers.true, answers.scores), "fold_uar": fold_uar}
