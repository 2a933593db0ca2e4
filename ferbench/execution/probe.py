"""Measures a few items of each kind of work that is new to a store, so that `plan` can estimate the cost of a run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from ferbench.api.networks import EmbeddingNetwork, Network
from ferbench.plan.models import Fit, Row, TrainedModel
from ferbench.stages import features
from ferbench.stages.crops import ClipCrops, preprocess
from ferbench.stages.inputs import Inputs
from ferbench.stages.networks import build_learner, build_network
from ferbench.store.costs import Cost, add_costs, load_costs
from ferbench.store.entries import Store
from ferbench.training.loop import train_epoch
from ferbench.training.optimizers import build_optimizer
from ferbench.types import Progress

PROBED_CLIPS = 4
PROBED_STEPS = 3


def measure_costs(rows: Iterable[Row], store: Store, device: torch.device, progress: Progress) -> None:
    """Time the crops and features of some clips, and some training steps."""
    history = load_costs(store)
    models: dict[tuple[str, ...], TrainedModel] = {}
    for model in (trained for row in rows for trained in row.model.trained):
        if any(history.unit_cost(stage, kind) is None for stage, kind in model.cost_kinds.items()):
            models.setdefault(tuple(model.cost_kinds.values()), model)
    for done, model in enumerate(models.values(), 1):
        measured = {(stage, model.cost_kinds[stage]): cost for stage, cost in _measure_model(model, device).items()}
        add_costs(store, {kind: cost for kind, cost in measured.items() if history.unit_cost(*kind) is None})
        history = load_costs(store)
        progress(done, len(models))


def _measure_model(model: TrainedModel, device: torch.device) -> dict[str, Cost]:
    fit = model.fits[0]
    training = fit.split.folds[fit.fold].train
    names = [training[len(training) * n // PROBED_CLIPS] for n in range(min(PROBED_CLIPS, len(training)))]
    clips, costs = {}, {}
    start = time.perf_counter()
    for name in names:
        group = fit.groups.by_name[fit.groups.owners[name]]
        clips[name] = preprocess(group.clips[name], model.cell.preprocessing, group.files[name])
    frames = sum(len(clip.crops) for clip in clips.values())
    costs["crops"] = Cost(frames, time.perf_counter() - start, sum(clip.crops.nbytes for clip in clips.values()))
    arrays: list[np.ndarray] = [clip.crops for clip in clips.values()]
    if fit.frozen:
        arrays, costs["features"] = _measure_features(fit, clips, frames, device)
    x = torch.from_numpy(np.concatenate([array for array in arrays if len(array)]))
    return {**costs, "fits": _measure_steps(fit, x, device)}


def _measure_features(fit: Fit, clips: Mapping[str, ClipCrops], frames: int, device: torch.device) -> tuple[list[np.ndarray], Cost]:
    """Compute the features of these clips, with `frames` frames in all, and measure their cost."""
    module = features.build_module(fit, [clip.crops for clip in clips.values()], device)
    reads_landmarks = fit.frozen is not None and fit.frozen.reads == "landmarks"
    inputs = [(name, clip.landmarks if reads_landmarks and clip.landmarks is not None else clip.crops) for name, clip in clips.items()]
    start = time.perf_counter()
    arrays: list[np.ndarray] = [output for _, output in features.forward(fit, inputs, module, device)]
    return arrays, Cost(frames, time.perf_counter() - start, sum(array.nbytes for array in arrays))


def _measure_steps(fit: Fit, x: torch.Tensor, device: torch.device) -> Cost:
    """Measure the cost per frame and epoch, from a few steps on repeated frames; estimators cannot be measured this way."""
    if not isinstance(fit.trainable, Network | EmbeddingNetwork):
        return Cost(1, 0.0, 0.0)
    network = build_network(fit.backbone, fit.trainable, tuple(x.shape[1:]))
    learner = build_learner(fit, network, [1] * len(fit.classes), device)
    if not learner.parameters:
        return Cost(1, 0.0, 0.0)
    inputs = _repeat(fit, x)
    inputs.move(device)
    items = inputs.training_items(list(inputs.rows), fit.recipe.augmentation if fit.frozen is None else None, fit.reads_clips)
    optimizer, generator = build_optimizer(learner.parameters, fit.recipe), torch.Generator()
    train_epoch(learner, items, optimizer, generator)  # warm up
    start = time.perf_counter()
    train_epoch(learner, items, optimizer, generator)
    return Cost(len(inputs.y), time.perf_counter() - start, 0.0, sum(p.numel() for p in network.parameters()))


def _repeat(fit: Fit, x: torch.Tensor) -> Inputs:
    """Repeat the frames until there are enough items for the steps."""
    items, length = fit.recipe.batch_size * PROBED_STEPS, max(1, len(x) // PROBED_CLIPS) if fit.reads_clips else 1
    rows = torch.arange(items * length)
    spans = {str(item): slice(item * length, (item + 1) * length) for item in range(items)}
    return Inputs(x[rows % len(x)], rows // length % len(fit.classes), spans)
