"""Fit: the trainable part of a backbone on one fold with one loss, recipe and seed; stores its frame scores and history."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ferbench.checkpoints import Checkpoints
from ferbench.components import Backbone, Input
from ferbench.device import roomy
from ferbench.errors import FerbenchError, PluginError
from ferbench.plan import Fit
from ferbench.recipe import Augmentation
from ferbench.stages import crops, features
from ferbench.store import Store, read_json, to_json
from ferbench.streamed import SHARE, Streamed, available
from ferbench.training import Change, History, Part, logits_of, train


@dataclass(frozen=True)
class Inputs:
    """The frames of a fold, in memory if there is room: training frames view by view, those of validation, of test.

    x [views*N+M,...]; y [N+M] without the views; `rows` tells which of the latter each clip owns.
    """

    x: torch.Tensor | Streamed
    y: torch.Tensor
    rows: Mapping[str, slice]
    views: int = 1
    seconds: float = 0.0  # that making the features took

    def training(self, clips: Sequence[str]) -> Part:
        """All training frames, in all views."""
        rows = self._rows(clips)
        return Part(self._x(slice(0, self.views * rows.stop)), self.y[rows])

    def part(self, clips: Sequence[str]) -> Part:
        """Frames of these clips, which follow each other behind the training clips; no copy."""
        rows, before = self._rows(clips), len(self.x) - len(self.y)
        return Part(self._x(slice(rows.start + before, rows.stop + before)), self.y[rows])

    def _rows(self, clips: Sequence[str]) -> slice:
        return slice(self.rows[clips[0]].start, self.rows[clips[-1]].stop) if clips else slice(0, 0)

    def _x(self, rows: slice) -> torch.Tensor | Streamed:
        return self.x.part(rows) if isinstance(self.x, Streamed) else self.x[rows]


def load_inputs(fit: Fit, store: Store, device: torch.device) -> Inputs:
    """Reads the stored features (or crops) of a fold's clips; onto a GPU that has room for them."""
    fold = fit.split.folds[fit.fold]
    frozen = fit.cell.backbone.frozen() is not None
    clips = [*fold.train, *fold.validation, *fold.test]
    arrays = [(features.load if frozen else crops.load)(fit.features[clip], store) for clip in clips]
    changed = [features.load(view[clip], store) for view in fit.views for clip in fold.train]
    full = [a for a in (*changed, *arrays) if len(a)]
    if len(shapes := {a.shape[1:] for a in full}) != 1:
        told = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes)[:3]) or "nothing"
        raise FerbenchError(
            f"the frames of the fold's clips come as {told}: expected one shape", hint="end the preprocessing with gray and resize"
        )
    ends = np.cumsum([len(a) for a in arrays])
    rows = {clip: slice(int(end) - len(a), int(end)) for clip, a, end in zip(clips, arrays, ends, strict=True)}
    y = np.repeat([fit.cell.protocol.classes.index(fit.labels[clip]) for clip in clips], [len(a) for a in arrays])
    seconds = sum(store.facts("features", work.key)["seconds"] for work in fit.works()) if frozen else 0.0
    fits = sum(a.nbytes for a in full) < SHARE * available()
    x = torch.from_numpy(np.concatenate(full)) if fits else Streamed(full)
    x = x.to(device) if isinstance(x, torch.Tensor) and roomy(device, x) else x
    return Inputs(x, torch.from_numpy(y), rows, 1 + len(fit.views), seconds)


def compute(
    folder: Path,
    fit: Fit,
    inputs: Inputs,
    device: torch.device,
    tell: Callable[[int, History], None],
    checkpoints: Checkpoints,
    made: Mapping[str, Any],
    compiled: Callable[[nn.Module], nn.Module] = lambda module: module,
) -> dict[str, Any]:
    """Trains and scores into `folder`: scores.npy [N,C] (softmax, validation and test frames), clips.json, history.json.

    `made` is the provenance to keep with them; `compiled` makes a network faster where that is asked for.
    """
    start = time.perf_counter()
    cell, fold, classes = fit.cell, fit.split.folds[fit.fold], len(fit.cell.protocol.classes)
    _seed(cell.seed % 2**32)
    training, validation = inputs.training(fold.train), inputs.part(fold.validation)
    if cell.recipe.augmentation and inputs.views == 1:
        training = replace(training, change=_changes(inputs, fold.train, cell.recipe.augmentation))
    counts = torch.bincount(training.y, minlength=classes).tolist()
    model = cell.backbone.trainable(tuple(inputs.x.shape[1:]), cell.protocol.classes)
    scored = [*fold.validation, *fold.test]
    x = inputs.part(scored).x
    if model is None:
        history, scores = History(), _finished(cell.backbone, x, classes).softmax(1).numpy()
    elif isinstance(model, nn.Module):
        model = compiled(model.to(device))
        history, scores = _fit_network(fit, model, training, validation, x, counts, device, tell, checkpoints)
    else:
        history, scores = _fit_estimator(fit, model, training, validation, x, counts)
    if scores.shape != (len(x), classes):
        raise PluginError(f"backbone {cell.backbone.name} gives {scores.shape[1:]} values a frame: expected {classes}, one a class")
    np.save(folder / "scores.npy", scores.astype(np.float32))
    (folder / "history.json").write_bytes(to_json(asdict(history)))
    lengths = {clip: inputs.rows[clip].stop - inputs.rows[clip].start for clip in scored}
    (folder / "clips.json").write_bytes(to_json(lengths))
    weights = sum(p.numel() for p in model.parameters()) if isinstance(model, nn.Module) else 0
    return {
        "seconds": time.perf_counter() - start,
        "features seconds": inputs.seconds,
        "training frames": counts,
        "epochs": len(history.loss),
        "weights": weights,
        "made": made,
    }


def _seed(seed: int) -> None:
    """All generators that a model may draw from; torch.manual_seed takes 5 ms for devices that are not there."""
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed)
    random.seed(seed)


def scores(key: str, store: Store) -> tuple[dict[str, np.ndarray], History]:
    """Frame scores [T,C] (float64) of each validation and test clip, and the history."""
    folder = store.find("fits", key)
    if folder is None:
        raise FileNotFoundError(f"fit {key}")
    values = np.load(folder / "scores.npy").astype(np.float64)
    lengths = read_json(folder / "clips.json")
    parts = np.split(values, np.cumsum(list(lengths.values()))[:-1])
    return dict(zip(lengths, parts, strict=True)), History(**read_json(folder / "history.json"))


def _finished(backbone: Backbone, x: torch.Tensor | Streamed, classes: int) -> torch.Tensor:
    """The logits [N,C] that a frozen part gave itself."""
    if x.shape[1:] != (classes,):
        given = "x".join(map(str, x.shape[1:]))
        raise PluginError(
            f"backbone {backbone.name} trains nothing, and its frozen part gives {given} values a frame: expected {classes}, one a class",
            hint="let `trainable` return a module that picks and orders the classes it is given",
        )
    return x.cpu() if isinstance(x, torch.Tensor) else x.read(torch.arange(len(x)))


def _fit_network(
    fit: Fit,
    model: nn.Module,
    training: Part,
    validation: Part,
    x: torch.Tensor | Streamed,
    counts: list[int],
    device: torch.device,
    tell: Callable[[int, History], None],
    checkpoints: Checkpoints,
) -> tuple[History, np.ndarray]:
    loss = fit.cell.loss.build(counts)
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss
    prepare = prepare_of(fit.cell.backbone)
    generator = torch.Generator().manual_seed(fit.cell.seed)
    if not any(p.requires_grad for part in (model, loss) if isinstance(part, nn.Module) for p in part.parameters()):
        return History(), logits_of(model, x, device, prepare).softmax(1).numpy()
    history = train(model, loss, training, validation, fit.cell.recipe, device, prepare, generator, tell, checkpoints)
    return history, logits_of(model, x, device, prepare).softmax(1).numpy()


def prepare_of(backbone: Backbone) -> Callable[[torch.Tensor], torch.Tensor]:
    """Stored features are what a network reads; crops are normalised, on the device."""
    if backbone.frozen() is not None:
        return lambda batch: batch
    declared: Input = backbone.input()
    return lambda batch: features.prepare(batch, declared)


def _changes(inputs: Inputs, clips: Sequence[str], how: Augmentation) -> Change:
    """Changes training crops where no views of them are stored: in every epoch anew."""
    from ferbench.augmentation import augmented_rows  # imports torchvision

    owners = [clip for clip in clips for _ in range(inputs.rows[clip].stop - inputs.rows[clip].start)]
    return lambda crops, rows, epoch: augmented_rows(crops, how, [owners[row] for row in rows.tolist()], epoch)


def _fit_estimator(
    fit: Fit, candidates: Any, training: Part, validation: Part, x: torch.Tensor | Streamed, counts: list[int]
) -> tuple[History, np.ndarray]:
    """A scikit-learn classifier, or the best of several on the validation frames; the loss gives them sample weights."""
    if training.change:
        what = f"{fit.cell.backbone.name} fits a scikit-learn classifier on crops, which an augmentation would change in every epoch"
        raise FerbenchError(what, hint="leave recipe.augmentation out, or give the backbone a frozen part: its views are stored")
    weights = fit.cell.loss.class_weights(counts)
    parts = (training.x, validation.x, x)
    if any(isinstance(part, Streamed) for part in parts):
        what = "the features exceed the memory, and a scikit-learn classifier needs them whole"
        raise FerbenchError(what, hint="choose a head that is trained by gradients")
    flat = [part.flatten(1).cpu().numpy() for part in parts if isinstance(part, torch.Tensor)]  # [N,D] each
    target = training.y.repeat(len(training.x) // max(1, len(training.y))).numpy()  # for each view
    candidates = candidates if isinstance(candidates, list) else [candidates]
    if len(candidates) > 1 and not len(validation.y):
        raise FerbenchError(
            f"no validation frames to choose one of {len(candidates)} classifiers on",
            hint="give the protocol validation people, or the backbone the parameters that are chosen",
        )
    history = History()
    for estimator in candidates:
        estimator.fit(flat[0], target, **_sample_weight(estimator, weights, target))
        history.accuracy.append(float(estimator.score(flat[0], target)))
        if len(validation.y):
            history.validation_accuracy.append(float(estimator.score(flat[1], validation.y.numpy())))
    best = candidates[int(np.argmax(history.validation_accuracy)) if len(candidates) > 1 else 0]
    history.parameters = _differing(best, candidates)
    scores = np.zeros((len(flat[2]), len(counts)))
    scores[:, best.classes_] = best.predict_proba(flat[2])  # a class without training frames scores 0
    return history, scores


def _differing(best: Any, candidates: Sequence[Any]) -> dict[str, float | str]:
    """The parameters of the best classifier that others have otherwise."""
    given = [each.get_params() for each in candidates]
    plain = {name: value for name, value in best.get_params().items() if isinstance(value, int | float | str)}
    return {name: value for name, value in plain.items() if any(other.get(name) != value for other in given)}


def _sample_weight(estimator: Any, weights: Sequence[float] | None, target: np.ndarray) -> dict[str, np.ndarray]:
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise FerbenchError(f"{type(last).__name__} takes no class weights", hint="give it a loss without them: cross-entropy")
    name = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return {name: np.asarray(weights)[target]}
