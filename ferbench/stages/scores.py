"""Rows: stored scores -> predictions -> metrics, with the facts that show how far to trust them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from ferbench.api.components import Aggregator
from ferbench.api.errors import FerbenchError, PluginError, location
from ferbench.api.splitting import corpus_of
from ferbench.benchmark.cells import describe_cell
from ferbench.plan.memo import Memo
from ferbench.plan.models import KeySet, Model, Row
from ferbench.report.statistics.metrics import compute_metrics, compute_score_metrics
from ferbench.stages.crops import CropFacts, load_crops, load_facts
from ferbench.stages.fits import FitFacts, FitRun, find_fit, load_scores
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.rows import (
    Coverage,
    FailedRow,
    Metrics,
    PartMetrics,
    PlannedRow,
    Provenance,
    RowDescription,
    RowResult,
    RowRun,
)

CropFactsByClip = Mapping[str, CropFacts]
ScoresByFrame = Mapping[str, NDArray[np.float64]]
"""The scores [T,C] of the T frames of each clip."""

ScoresByClip = Mapping[str, NDArray[np.float64]]
"""The scores [C] of each clip, after aggregation; those of other answers come last."""


@dataclass
class Scorer:
    """Scores rows; files that several rows need are read once."""

    store: Store
    memo: Memo = field(default_factory=Memo)

    def score(self, row: Row) -> Content:
        """Compute the row's metrics over the test clips of all folds, pooled; a clip without a readable frame is left out and counted.

        Raises FerbenchError if no test clip has one.
        """
        model = row.model
        fits = [load_scores(fit.key, self.store) for fit in model.fits]
        tested = [_aggregate(row, frames, fold.test) for (frames, _), fold in zip(fits, model.split.folds, strict=True)]
        validation = [_aggregate(row, frames, fold.validation) for (frames, _), fold in zip(fits, model.split.folds, strict=True)]
        scores = {clip: values for fold in tested for clip, values in fold.items()}
        if not scores:
            raise FerbenchError("no test clip has a readable frame", hint="the warnings of the run explain why")
        facts = self._facts(model)
        covered = {clip: values for clip, values in scores.items() if facts[clip].is_covered}
        true, by_clip = _true_classes(scores, model), np.array(list(scores.values()))
        result: RowResult = {
            "status": "done",
            **_describe_plan(row),
            **_evaluate([scores], model),
            "tested": model.split.tested_key,
            "others": list(model.others),
            "score_metrics": compute_score_metrics(true, by_clip),
            "covered_only": _summarize([covered], model),
            "validation": _summarize(validation, model),
            "coverage": self.memo.get(("coverage", model.crops, model.split.key), lambda: measure_coverage(facts)),
            "unreadable": {clip: fact.problems for clip, fact in facts.items() if fact.problems},
            "clips_lost": [clip for clip, fact in facts.items() if not fact.indices],
            "fold_uar": [_evaluate([fold], model)["uar"] for fold in tested if fold],
            "epochs": [history["chosen_epoch"] for _, history in fits],
            "steps": [self._count_steps(model, fold) for fold in range(len(model.fits))],
        }
        positions = [number for number, clip in enumerate(model.split.tested) if clip in scores]
        arrays = {"scores": by_clip, "clip": np.array(positions), "covered": np.array([clip in covered for clip in scores])}
        return Content(arrays, result, self._describe_run(row))

    def _count_steps(self, model: Model, fold: int) -> int:
        """The steps of the optimizer on a fold, up to the chosen epoch; those of all members of a fusion."""
        histories = [find_fit(trained.fits[fold].key, self.store).read_facts(FitFacts).history for trained in model.trained]
        return sum(history["chosen_epoch"] * history["steps_per_epoch"] for history in histories)

    def _facts(self, model: Model) -> CropFactsByClip:
        keys, clips = model.crops, model.split.clips
        by_clip = self.memo.get(("facts", keys), lambda: load_facts(keys, self.store))
        return {clip.id: by_clip[clip.id] for clip in clips}

    def _describe_run(self, row: Row) -> RowRun:
        """The row's identity; seconds by stage, in which shared work counts in full; and the provenance of the fits."""
        model = row.model
        seconds = {"crops": self.memo.get(("seconds", model.crops), lambda: self._crop_seconds(model.crops))}
        fits = [fit for trained in model.trained for fit in trained.fits]
        runs = {fit.key: find_fit(fit.key, self.store).read_run(FitRun) for submodel in model.submodels for fit in submodel.fits}
        if any(fit.frozen for fit in fits):
            by_features = {fit.features: runs[fit.key].features_seconds for fit in fits}
            seconds["features"] = sum(by_features.values())
        seconds["fit"] = sum(run.seconds for run in runs.values())
        provenance = [runs[fit.key].provenance for fit in model.fits]
        cell = replace(model.cell, aggregator=row.aggregator)  # rows share models, whose cell is that of the first one
        components = describe_cell(cell, {corpus.name: corpus.root for corpus in model.corpora})
        return {"identity": _describe_identity(row), "components": components, "seconds": seconds, "provenance": provenance}

    def _crop_seconds(self, crops: KeySet) -> float:
        return sum(load_crops(key, self.store, facts_only=True).entry.read_run(Cost).seconds for key in crops.by_group.values())


def describe_failure(row: Row, error: BaseException, log: str, provenance: Provenance) -> FailedRow:
    """Describe a row that failed: class and message of the exception, and the file with its traceback."""
    return {
        "status": "failed",
        **describe_row(row),
        "error": type(error).__name__,
        "message": str(error),
        "log": log,
        "provenance": [provenance],
    }


def measure_coverage(facts: CropFactsByClip) -> Coverage:
    """Compute the shares of frames and of clips in which a face was found, None if no step looked for one; and count frames."""
    searched = [fact.has_face for fact in facts.values() if fact.has_face is not None]
    frames = sum(map(len, searched))
    return {
        "frames": sum(map(sum, searched)) / frames if frames else None,
        "clips": sum(map(any, searched)) / len(searched) if searched else None,
        "frames_used": sum(len(fact.indices) for fact in facts.values()),
        "frames_unreadable": sum(len(fact.problems) for fact in facts.values()),
    }


def describe_row(row: Row) -> RowDescription:
    """Describe what the row is a result of."""
    return {**_describe_plan(row), "identity": _describe_identity(row)}


def _describe_identity(row: Row) -> dict[str, object]:
    identity: dict[str, object] = msgspec.to_builtins(row.identity)
    return identity


def _describe_plan(row: Row) -> PlannedRow:
    model = row.model
    folds, people = model.split.folds, model.split.people
    return {
        "key": row.key,
        "benchmark": row.benchmark,
        "labels": dict(row.labels),
        "standin": model.has_standin,
        "fingerprint": model.fingerprint,
        "precision": str(model.identity["precision"]),
        "classes": list(model.cell.protocol.classes),
        "protocol": _describe_protocol(model),
        "trained_on": sorted({text for trained in model.trained if (text := trained.fits[0].backbone.trained_on())}),
        "leaks": list(model.leaks),
        "fits": [fit.key for fit in model.fits],
        "all_fits": [fit.key for submodel in model.submodels for fit in submodel.fits],
        "folds": [{"train": people(f.train), "validation": people(f.validation), "test": people(f.test)} for f in folds],
        "people_known": all(corpus.names_people for corpus in model.corpora),
        "stages": model.stage_digests,
        "inputs": [keys.digest for keys in model.inputs],
    }


def _evaluate(folds: Sequence[ScoresByClip], model: Model) -> Metrics:
    """Compute the metrics over the clips of these folds; a validation clip may be in several of them."""
    true = np.concatenate([_true_classes(fold, model) for fold in folds])
    predicted = np.array([values.argmax() for fold in folds for values in fold.values()])
    return compute_metrics(true, predicted, model.cell.protocol.classes, len(model.others))


def _summarize(folds: Sequence[ScoresByClip], model: Model) -> PartMetrics | None:
    """The most important metrics over the clips of these folds; None if there is none."""
    if not any(folds):
        return None
    metrics = _evaluate(folds, model)
    return {"war": metrics["war"], "uar": metrics["uar"], "clips": metrics["clips"]}


def _aggregate(row: Row, frames: ScoresByFrame, clips: Sequence[str]) -> ScoresByClip:
    """The scores of these clips, from those of their frames."""
    return {clip: aggregate_clip(row.aggregator, clip, frames[clip]) for clip in clips if len(frames[clip])}


def _true_classes(clips: Iterable[str], model: Model) -> NDArray[np.int64]:
    classes, labels = model.cell.protocol.classes, model.split.labels
    return np.array([classes.index(labels[clip]) for clip in clips], np.int64)


def aggregate_clip(aggregator: Aggregator, clip: str, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores [C] of a clip from those of its frames, [T,C]; raises PluginError unless the aggregator returns one number per class."""
    prediction = np.asarray(aggregator(scores))
    if prediction.dtype.kind not in "fiub":
        raise PluginError(f"{aggregator.title} gives {prediction.dtype} for {clip}: expected numbers", where=location(type(aggregator)))
    if prediction.shape != scores.shape[1:] or not np.isfinite(prediction).all():
        problem = f"shape {list(prediction.shape)}" if prediction.shape != scores.shape[1:] else "values that are NaN or infinite"
        raise PluginError(
            f"{aggregator.title} gives {problem} for {clip}: expected {scores.shape[1]} numbers, one per class",
            where=location(type(aggregator)),
        )
    return prediction.astype(np.float64)


def _describe_protocol(model: Model) -> str:
    """Describe the protocol in one line, for the head of a table."""
    cell, folds = model.cell, model.split.folds
    sizes = "/".join(str(_total(clips)) for clips in zip(*[(f.train, f.validation, f.test) for f in folds], strict=True))
    pooling = "1 fold" if len(folds) == 1 else f"{len(folds)} folds, pooled"
    checkpoint = "best on validation people" if cell.recipe.checkpoint == "best" else "last epoch"
    clips = f"{len(model.split.clips)} clips, {_describe_people(model)}, {len(cell.protocol.classes)} classes"
    corpora = f"{_describe_corpora(model)}: {clips}"
    return f"{corpora} · protocol {cell.protocol.name}, {pooling}, {sizes} clips train/validation/test · checkpoint: {checkpoint}"


def _describe_corpora(model: Model) -> str:
    """Name the corpora; if training and test clips come from different ones, say which come from where."""
    folds = model.split.folds
    trained = {corpus_of(clip) for fold in folds for clip in (*fold.train, *fold.validation)}
    tested = {corpus_of(clip) for fold in folds for clip in fold.test}
    train, test = (" + ".join(corpus.name for corpus in model.corpora if corpus.name in names) for names in (trained, tested))
    return train if train == test else f"trained on {train}, tested on {test}"


def _describe_people(model: Model) -> str:
    unknown = [corpus.name for corpus in model.corpora if not corpus.names_people]
    if not unknown:
        return f"{len({clip.subject for clip in model.split.clips})} people"
    return "people unknown" if len(unknown) == len(model.corpora) else f"people of {' + '.join(unknown)} unknown"


def _total(clips: Iterable[Sequence[str]]) -> int:
    return sum(map(len, clips))
