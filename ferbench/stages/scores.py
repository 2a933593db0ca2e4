"""Rows: stored frame scores -> predictions -> metrics, with what a reader needs to believe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ferbench.api.components import Aggregator
from ferbench.api.errors import PluginError
from ferbench.plan.planner import Network, Row
from ferbench.report.metrics import metrics
from ferbench.stages import crops
from ferbench.stages import fits as fit
from ferbench.store.entries import Store


@dataclass
class Scorer:
    """Scores rows; what several of them need is read once."""

    store: Store
    _read: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def score(self, row: Row) -> dict[str, Any]:
        """The row's metrics over the test clips of all folds, pooled; a clip without a readable frame is left out and counted."""
        network, classes = row.network, row.network.cell.protocol.classes
        predictions, epochs = self._predictions(row)
        labels = {c.id: c.label for c in network.split.clips}
        facts = self._facts(network)
        covered = [clip for clip in predictions if facts[clip].found is None or any(facts[clip].found or [])]
        result = metrics(*_pairs(list(predictions), predictions, labels, classes), classes)
        covered_only = result if len(covered) == len(predictions) else _covered_only(covered, predictions, labels, classes)
        return {
            "status": "done",
            **described(row),
            **result,
            "covered_only": covered_only and {name: covered_only[name] for name in ("war", "uar", "clips")},
            "coverage": self._once(("coverage", id(network.crops)), coverage, facts),
            "unreadable": {clip: fact.problems for clip, fact in facts.items() if fact.problems},
            "clips_lost": [clip for clip, fact in facts.items() if not fact.indices],
            "epochs": epochs,
            "seconds": self._seconds(network, facts),
            "made": [self.store.facts("fits", job.key)["made"] for job in network.fits],
        }

    def _predictions(self, row: Row) -> tuple[dict[str, int], list[int]]:
        """The predicted class of each test clip, and each fold's chosen epoch."""
        predictions: dict[str, int] = {}
        epochs = []
        for job in row.network.fits:
            scores, history = fit.scores(job.key, self.store)
            epochs.append(history.chosen)
            tested = job.split.folds[job.fold].test
            predictions |= {clip: _predicted(row.aggregator, clip, scores[clip]) for clip in tested if len(scores[clip])}
        return predictions, epochs

    def _facts(self, network: Network) -> dict[str, crops.CropFacts]:
        keys = network.crops
        return self._once(("facts", id(keys)), lambda: {clip: crops.facts(key, self.store) for clip, key in keys.items()})

    def _seconds(self, network: Network, facts: Mapping[str, crops.CropFacts]) -> dict[str, float]:
        """Seconds by stage, shared work counted in full."""
        seconds = {"crops": sum(fact.seconds for fact in facts.values())}
        jobs = [job for each in network.all for job in each.fits]
        told = [self.store.facts("fits", job.key) for job in jobs]
        if any(each.cell.backbone.frozen() is not None for each in network.all):
            shared = {id(job.features): each["features seconds"] for job, each in zip(jobs, told, strict=True)}
            seconds["features"] = sum(shared.values())
        return {**seconds, "fit": sum(each["seconds"] for each in told)}

    def _once(self, name: tuple[Any, ...], make: Callable[..., Any], *args: Any) -> Any:
        if name not in self._read:
            self._read[name] = make(*args)
        return self._read[name]


def failure(row: Row, error: BaseException, log: str) -> dict[str, Any]:
    """The row of a combination that failed: the exception's class and message, and where its traceback is."""
    return {"status": "failed", **described(row), "error": type(error).__name__, "message": str(error), "log": log}


def coverage(facts: Mapping[str, crops.CropFacts]) -> dict[str, Any]:
    """Shares of frames, and of clips, in which a face was found; None where no step looked for one. Unreadable frames are counted."""
    looked = [fact.found for fact in facts.values() if fact.found is not None]
    frames = sum(len(found) for found in looked)
    return {
        "frames": sum(map(sum, looked)) / frames if frames else None,
        "clips": sum(map(any, looked)) / len(looked) if looked else None,
        "frames_used": sum(len(fact.indices) for fact in facts.values()),
        "frames_unreadable": sum(len(fact.problems) for fact in facts.values()),
    }


def described(row: Row) -> dict[str, Any]:
    """What the row is a result of."""
    network = row.network
    cell, folds = network.cell, network.split.folds
    people = network.split.people
    return {
        "key": row.key,
        "benchmark": row.benchmark,
        "labels": dict(row.labels),
        "standin": network.standin,
        "fingerprint": network.fingerprint,
        "classes": list(cell.protocol.classes),
        "protocol": _protocol_text(network),
        "fits": [job.key for job in network.fits],
        "fused": [job.key for member in network.all[:-1] for job in member.fits],
        "folds": [{"train": people(f.train), "validation": people(f.validation), "test": people(f.test)} for f in folds],
        "identity": msgspec.to_builtins(row.identity),
        "stages": network.stages,
        "inputs": list(network.inputs),
    }


def _predicted(aggregator: Aggregator, clip: str, scores: np.ndarray) -> int:
    """The class that an aggregator makes of frame scores [T,C]; PluginError where that is no vector of C numbers."""
    made = np.asarray(aggregator(scores), dtype=float)
    if made.shape != scores.shape[1:] or not np.isfinite(made).all():
        told = f"shape {list(made.shape)}" if made.shape != scores.shape[1:] else "values that are no numbers"
        raise PluginError(f"aggregator {aggregator.name}: {told} for {clip}: expected {scores.shape[1]} numbers, one a class")
    return int(np.argmax(made))


def _covered_only(
    covered: list[str], predictions: Mapping[str, int], labels: Mapping[str, str], classes: tuple[str, ...]
) -> dict[str, Any] | None:
    return metrics(*_pairs(covered, predictions, labels, classes), classes) if covered else None


def _pairs(
    clips: list[str], predictions: Mapping[str, int], labels: Mapping[str, str], classes: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    return np.array([classes.index(labels[c]) for c in clips]), np.array([predictions[c] for c in clips])


def _protocol_text(network: Network) -> str:
    """The protocol in one line, for the head of a table."""
    cell, parts = network.cell, network.split
    people = {c.subject for c in parts.clips}
    sizes = "/".join(
        str(sum(len(part) for part in each)) for each in zip(*[(f.train, f.validation, f.test) for f in parts.folds], strict=True)
    )
    folds = "1 fold" if len(parts.folds) == 1 else f"{len(parts.folds)} folds, pooled"
    names = " + ".join(c.name for c in network.corpora)
    checkpoint = "best on validation people" if cell.recipe.checkpoint == "best" else "last epoch"
    where = f"{names}: {len(parts.clips)} clips, {len(people)} people, {len(cell.protocol.classes)} classes"
    return f"{where} · protocol {cell.protocol.name}, {folds}, {sizes} clips train/validation/test · checkpoint: {checkpoint}"
