"""Fit: the trained part of a backbone on one fold with one loss, recipe and seed; stores its scores and history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import nn

from ferbench.api.components import Loss
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location, shorten
from ferbench.api.networks import EmbeddingNetwork, Estimators, FinishedSystem, Network
from ferbench.plan.models import Fit
from ferbench.stages.inputs import Inputs
from ferbench.stages.networks import build_learner, build_network, check_learner
from ferbench.stages.parts import EstimatorPart, NetworkPart, Part, Scores, SystemPart, build_candidates
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content, Entry
from ferbench.store.rows import FitHistory, Provenance
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.estimators import fit_best_estimator
from ferbench.training.history import History
from ferbench.training.items import Items
from ferbench.training.loop import OnEpoch, train

KeepPart = Callable[[Part, Items, Scores], None]
"""Called with the trained part of a fit, and the items that it scored with their scores."""


@dataclass(frozen=True)
class Resources:
    """The environment of a fit: device, progress callback, checkpoints, and the provenance to record.

    `compile` compiles a network if the user asks for it; `keep` stores the trained part if its weights are to be kept.
    """

    device: torch.device
    on_epoch: OnEpoch
    checkpoints: Checkpoints
    provenance: Provenance
    compile: Callable[[nn.Module], nn.Module] = lambda module: module
    keep: KeepPart | None = None


@dataclass(frozen=True)
class FitFacts:
    """The result of a fit, with its scores: the number of scores of each clip, the history, and the number of trained weights."""

    clips: dict[str, int]
    history: FitHistory
    weights: int = 0


@dataclass(frozen=True)
class FitRun:
    """How a fit was computed: its seconds, those of its features and of each epoch; `frame_epochs` is frames times epochs."""

    seconds: float
    features_seconds: float
    epoch_seconds: list[float]
    frame_epochs: int
    provenance: Provenance


@dataclass(frozen=True)
class _Result:
    history: History
    part: Part
    weights: int = 0


@dataclass(frozen=True)
class _FoldItems:
    training: Items
    validation: Items
    to_score: Items  # validation, then test
    counts: Sequence[int]  # training items of each class


def compute_fit(fit: Fit, inputs: Inputs, resources: Resources) -> Content:
    """Train, and score the validation and test items."""
    start = time.perf_counter()
    fold = fit.split.folds[fit.fold]
    if isinstance(fit.trainable, Network | EmbeddingNetwork):
        inputs.move(resources.device)
    items = _select_items(fit, inputs)
    result = _compute_result(fit, items, resources)
    scores = result.part.score(items.to_score)
    _check_scores(fit, scores, len(items.to_score.y))
    if resources.keep:
        resources.keep(result.part, items.to_score, scores)
    lengths = inputs.lengths([*fold.validation, *fold.test])
    score_counts = {clip: min(1, length) for clip, length in lengths.items()} if fit.reads_clips else lengths
    frame_epochs = items.training.frames * max(1, len(result.history.loss))
    run = FitRun(time.perf_counter() - start, inputs.feature_seconds, result.history.seconds, frame_epochs, resources.provenance)
    return pack_scores(scores, score_counts, result.history, run, result.weights)


def pack_scores(scores: Scores, counts: Mapping[str, int], history: History, run: FitRun, weights: int = 0) -> Content:
    """The entry of a fit: scores [M,C], the number of scores of each clip, and the history."""
    course = {name: value for name, value in asdict(history).items() if name != "seconds"}
    return Content({"scores": scores.astype(np.float32)}, {"clips": counts, "history": course, "weights": weights}, run)


def load_scores(key: str, store: Store) -> tuple[dict[str, Scores], FitHistory]:
    """Load the scores [T,C] of each validation and test clip, T frames or 1 if whole clips are read; and the history."""
    entry = find_fit(key, store)
    facts = entry.read_facts(FitFacts)
    by_clip = np.split(entry.array("scores").astype(np.float64), np.cumsum(list(facts.clips.values()))[:-1])
    return dict(zip(facts.clips, by_clip, strict=True)), facts.history


def find_fit(key: str, store: Store) -> Entry:
    """Open a fit; raises FerbenchError if it is not in the store."""
    entry = store.find("fits", key)
    if entry is None:
        raise FerbenchError(f"the stored fit {key[:12]} is damaged or missing", hint="run the same command again to recompute it")
    return entry


def load_fit_cost(key: str, store: Store) -> Cost:
    """The cost of a fit in the store; raises FerbenchError if it is not there."""
    entry = find_fit(key, store)
    run = entry.read_run(FitRun)
    return Cost(run.frame_epochs, run.seconds, entry.size, entry.read_facts(FitFacts).weights)


def seed_generators(seed: int) -> None:
    """Seed every generator that a model may draw from; torch.manual_seed takes 5 ms for devices that do not exist."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


def _select_items(fit: Fit, inputs: Inputs) -> _FoldItems:
    fold, by_clip = fit.split.folds[fit.fold], fit.reads_clips
    training = inputs.training_items(fold.train, fit.recipe.augmentation, by_clip)
    counts = torch.bincount(training.y, minlength=len(fit.classes)).tolist()
    to_score = inputs.items(list(dict.fromkeys([*fold.validation, *fold.test])), by_clip)
    return _FoldItems(training, inputs.items(fold.validation, by_clip), to_score, counts)


def _compute_result(fit: Fit, items: _FoldItems, resources: Resources) -> _Result:
    """Train and score whichever kind of trainable the backbone has."""
    seed_generators(fit.seed % 2**32)
    match fit.trainable:
        case Estimators() as estimators:
            return _fit_estimators(fit, estimators, items)
        case FinishedSystem() as system:
            return _Result(History(), SystemPart(fit, system.build))
        case trainable:
            return _train_network(fit, trainable, items, resources)


def _train_network(fit: Fit, trainable: Network | EmbeddingNetwork, items: _FoldItems, resources: Resources) -> _Result:
    network = build_network(fit.backbone, trainable, tuple(items.training.x.shape[1:]))
    learner = build_learner(fit, network, items.counts, resources.device)
    check_learner(fit, learner, items.training)
    resources.compile(network)
    order = torch.Generator().manual_seed(fit.seed)
    history = train(learner, items.training, items.validation, order, resources.on_epoch, resources.checkpoints)
    part = NetworkPart(learner, tuple(items.training.x.shape[1:]))
    return _Result(history, part, sum(p.numel() for p in network.parameters()))


def _fit_estimators(fit: Fit, estimators: Estimators, items: _FoldItems) -> _Result:
    assert isinstance(fit.loss, Loss)  # the plan refuses any other
    with blame_plugin(fit.loss.title, type(fit.loss)):
        weights = fit.loss.class_weights(items.counts)
    _check_class_weights(fit, weights)
    candidates = build_candidates(fit, estimators)
    with blame_plugin(fit.backbone.title, type(fit.backbone)):
        history, number = fit_best_estimator(candidates, weights, items.training, items.validation)
    return _Result(history, EstimatorPart(fit, candidates[number], number, tuple(items.training.x.shape[1:])))


def _check_class_weights(fit: Fit, weights: Sequence[float] | None) -> None:
    """Raise PluginError unless there is one weight per class, at least 0."""
    if weights is None:
        return
    values = np.asarray(weights)
    if values.shape != (len(fit.classes),) or values.dtype.kind not in "fiu" or not (np.isfinite(values).all() and (values >= 0).all()):
        problem = f"class_weights() returns {shorten(weights)}: expected {len(fit.classes)} numbers, at least 0"
        raise PluginError(f"{fit.loss.title}: {problem}", where=location(type(fit.loss)))


def _check_scores(fit: Fit, scores: Scores, items: int) -> None:
    """Raise PluginError now, since wrong scores would otherwise look like a failure of the aggregator."""
    expected = (items, len(fit.classes) + len(fit.others))
    if scores.shape != expected:
        problem = f"scores of shape {list(scores.shape)}: expected {list(expected)}"
    elif not np.isfinite(scores).all():
        problem = f"{int((~np.isfinite(scores)).any(1).sum())} of {items} items scores that are NaN or infinite"
    elif (scores < 0).any():
        problem = "scores below 0"
    else:
        return
    raise PluginError(f"{fit.backbone.title} gives {problem}", where=location(type(fit.backbone)))
