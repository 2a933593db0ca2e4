"""Fit: the trainable part of a backbone on one fold with one loss, recipe and seed; stores its frame scores and history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ferbench.api.components import Backbone, Input, Loss
from ferbench.api.errors import FerbenchError, PluginError
from ferbench.plan.planner import Fit
from ferbench.stages import features
from ferbench.stages.inputs import Inputs
from ferbench.store.entries import Store, read_json, to_json
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.estimators import fit_estimator
from ferbench.training.loop import History, Learner, Part, logits_of, train
from ferbench.training.streaming import Streamed


@dataclass(frozen=True)
class Run:
    """What a fit is given by the run that it is part of.

    `made` is the provenance to keep with it; `compiled` makes a network faster where that is asked for.
    """

    device: torch.device
    tell: Callable[[int, History], None]
    checkpoints: Checkpoints
    made: Mapping[str, Any]
    compiled: Callable[[nn.Module], nn.Module] = lambda module: module


def compute(folder: Path, fit: Fit, inputs: Inputs, run: Run) -> dict[str, Any]:
    """Trains and scores into `folder`: scores.npy [M,C] (softmax of validation and test items), clips.json, history.json."""
    start = time.perf_counter()
    cell, fold, classes = fit.cell, fit.split.folds[fit.fold], fit.cell.protocol.classes
    _seed(cell.seed % 2**32)
    model = cell.backbone.trainable(tuple(inputs.x.shape[1:]), classes)
    by_clip = cell.backbone.reads == "clips"
    if isinstance(model, nn.Module):
        inputs.move(run.device)
    elif by_clip:
        raise PluginError(f"backbone {cell.backbone.name} reads clips and trains {type(model).__name__}: expected an nn.Module")
    scored = [*fold.validation, *fold.test]
    training = inputs.training(fold.train, cell.recipe.augmentation, by_clip)
    parts = (training, inputs.part(fold.validation, by_clip), inputs.part(scored, by_clip))
    counts = torch.bincount(training.y, minlength=len(classes)).tolist()
    if model is None:
        history, scores = History(), _finished(cell.backbone, parts[2].x, len(classes)).softmax(1).numpy()
    elif isinstance(model, nn.Module):
        learner = learner_of(fit, run.compiled(model), counts, run.device)
        history, scores = _fit_network(learner, parts, cell.seed, run)
    else:
        history, scores = fit_estimator(model, cell.loss, counts, parts)
    if scores.shape[1:] != (len(classes),):
        given = "x".join(map(str, scores.shape[1:]))
        raise PluginError(f"backbone {cell.backbone.name} gives {given} values a frame: expected {len(classes)}, one a class")
    np.save(folder / "scores.npy", scores.astype(np.float32))
    (folder / "history.json").write_bytes(to_json(asdict(history)))
    lengths = inputs.lengths(scored)
    (folder / "clips.json").write_bytes(to_json({clip: min(1, n) for clip, n in lengths.items()} if by_clip else lengths))
    return {
        "seconds": time.perf_counter() - start,
        "features seconds": inputs.seconds,
        "training frames": training.frames,
        "epochs": len(history.loss),
        "weights": sum(p.numel() for p in model.parameters()) if isinstance(model, nn.Module) else 0,
        "made": run.made,
    }


def learner_of(fit: Fit, model: nn.Module, counts: list[int], device: torch.device) -> Learner:
    """A network and its loss on the device; `counts` are the training items of each class."""
    backbone, kind, features = fit.cell.backbone, fit.cell.loss, None
    if kind.reads == "features":
        features, last = list[torch.Tensor](), _last(model, kind)
        last.register_forward_pre_hook(lambda _, given: features.append(given[0]))
        loss = kind.build(counts, last.in_features)
    else:
        loss = kind.build(counts)
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss
    return Learner(model.to(device), loss, prepare_of(backbone), fit.cell.recipe, device, backbone.draws(), features)


def _last(model: nn.Module, loss: Loss) -> nn.Linear:
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        what = f"loss {loss.name} reads what the last fully connected layer reads, and {type(model).__name__} has none"
        raise FerbenchError(what, hint="choose another loss for this backbone")
    return layers[-1]


def prepare_of(backbone: Backbone) -> Callable[[torch.Tensor], torch.Tensor]:
    """Stored features are what a network reads; crops are normalised, on the device."""
    if backbone.frozen() is not None:
        return lambda batch: batch
    declared: Input = backbone.input()
    return lambda batch: features.prepare(batch, declared)


def scores(key: str, store: Store) -> tuple[dict[str, np.ndarray], History]:
    """Scores [T,C] (float64) of each validation and test clip, T frames or 1 where whole clips are read; and the history."""
    folder = store.find("fits", key)
    if folder is None:
        raise FileNotFoundError(f"fit {key}")
    values = np.load(folder / "scores.npy").astype(np.float64)
    lengths = read_json(folder / "clips.json")
    parts = np.split(values, np.cumsum(list(lengths.values()))[:-1])
    return dict(zip(lengths, parts, strict=True)), History(**read_json(folder / "history.json"))


def _seed(seed: int) -> None:
    """All generators that a model may draw from; torch.manual_seed takes 5 ms for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


def _finished(backbone: Backbone, x: torch.Tensor | Streamed, classes: int) -> torch.Tensor:
    """The logits [N,C] that a frozen part gave itself."""
    if x.shape[1:] != (classes,):
        given = "x".join(map(str, x.shape[1:]))
        raise PluginError(
            f"backbone {backbone.name} trains nothing, and its frozen part gives {given} values a frame: expected {classes}, one a class",
            hint="let `trainable` return a module that picks and orders the classes it is given",
        )
    return x.cpu() if isinstance(x, torch.Tensor) else x.whole()


def _fit_network(learner: Learner, parts: tuple[Part, Part, Part], seed: int, run: Run) -> tuple[History, np.ndarray]:
    training, validation, scored = parts
    order = torch.Generator().manual_seed(seed)
    history = train(learner, training, validation, order, run.tell, run.checkpoints) if learner.parameters else History()
    return history, logits_of(learner, scored).softmax(1).numpy()
