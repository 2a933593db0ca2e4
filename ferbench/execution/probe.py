"""Measures a few items of every kind of work that a store's history does not know, so that a run's cost can be told before it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from ferbench.execution.progress import Tell
from ferbench.plan.planner import Fit, Network, Row, Work
from ferbench.stages import crops, features
from ferbench.stages import fits as fit
from ferbench.stages.inputs import Inputs
from ferbench.store import costs as history
from ferbench.store.costs import Cost
from ferbench.store.entries import Store
from ferbench.training.loop import epoch_of
from ferbench.training.optimizers import optimizer_of

CLIPS = 4
STEPS = 3


def calibrate(rows: Iterable[Row], store: Store, device: torch.device, tell: Tell) -> None:
    """Makes the crops of some clips (they stay in the store), and times their features and some training steps."""
    known = history.load(store)
    networks: dict[tuple[str, ...], Network] = {}
    for network in (each for row in rows for each in row.network.all if not each.members):
        if any(known.a_unit(stage, kind) is None for stage, kind in network.kinds.items()):
            networks.setdefault(tuple(network.kinds.values()), network)
    for done, network in enumerate(networks.values(), 1):
        costs = _measured(network, store, device)
        new = {(stage, network.kinds[stage]): cost for stage, cost in costs.items() if known.a_unit(stage, network.kinds[stage]) is None}
        history.add(store, new)
        known = history.load(store)
        tell(done, len(networks))


def _measured(network: Network, store: Store, device: torch.device) -> dict[str, Cost]:
    job = network.fits[0]
    train = job.split.folds[job.fold].train
    clips = [train[len(train) * n // CLIPS] for n in range(min(CLIPS, len(train)))]
    found = {clip.id: clip for clip in network.split.clips}
    for clip in clips:
        crops.make(found[clip], job.crops[clip], network.cell.preprocessing, store)
    made = [store.manifest("crops", job.crops[clip]) for clip in clips]
    frames = sum(len(each["facts"]["indices"]) for each in made)
    costs = {"crops": Cost(frames, sum(each["facts"]["seconds"] for each in made), _bytes(made))}
    if "features" in network.kinds:
        module = features.build(job, store, device, clips)
        start = time.perf_counter()
        works = [Work(job.features[clip], clip, None, 0) for clip in clips]
        arrays = list(features.reading(job, store)(module, works, device))
        costs["features"] = Cost(frames, time.perf_counter() - start, sum(array.nbytes for array in arrays))
    else:
        arrays = [crops.load(job.crops[clip], store) for clip in clips]
    return {**costs, "fits": _steps(job, torch.from_numpy(np.concatenate([array for array in arrays if len(array)])), device)}


def _steps(job: Fit, x: torch.Tensor, device: torch.device) -> Cost:
    """The cost of a frame and epoch, from some steps on the frames given, over and over; what an estimator costs is not known before."""
    cell, classes = job.cell, len(job.cell.protocol.classes)
    model = cell.backbone.trainable(tuple(x.shape[1:]), cell.protocol.classes)
    if not isinstance(model, nn.Module) or not any(p.requires_grad for p in model.parameters()):
        return Cost(1, 0.0, 0.0)
    by_clip = cell.backbone.reads == "clips"
    items, length = cell.recipe.batch_size * STEPS, max(1, len(x) // CLIPS) if by_clip else 1
    rows = torch.arange(items * length)
    spans = {str(item): slice(item * length, (item + 1) * length) for item in range(items)}
    inputs = Inputs(x[rows % len(x)], rows // length % classes, spans)
    inputs.move(device)
    part = inputs.training(list(spans), cell.recipe.augmentation if cell.backbone.frozen() is None else None, by_clip)
    learner = fit.learner_of(job, model, [1] * classes, device)
    optimizer, generator = optimizer_of(learner.parameters, cell.recipe), torch.Generator()
    epoch_of(learner, part, optimizer, generator)  # the first is slow
    start = time.perf_counter()
    epoch_of(learner, part, optimizer, generator)
    return Cost(len(rows), time.perf_counter() - start, 0.0, sum(p.numel() for p in model.parameters()))


def _bytes(manifests: Sequence[Mapping]) -> int:
    return sum(size for manifest in manifests for size, _ in manifest["files"].values())
