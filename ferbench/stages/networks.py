"""Builds the network of a fit from its backbone, joins it with the loss, and checks both before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ferbench.api.components import EmbeddingLoss, Loss
from ferbench.api.errors import PluginError, blame_plugin, location
from ferbench.api.networks import Backbone, EmbeddingNetwork, Network
from ferbench.plan.models import Classifier, Fit
from ferbench.stages.images import normalize
from ferbench.training.items import Items
from ferbench.training.learner import BodyAndClassifier, Learner
from ferbench.training.streaming import read_batches
from ferbench.types import Shape


def build_network(backbone: Backbone, trainable: Network | EmbeddingNetwork, shape: Shape) -> nn.Module:
    """Build the network for items of this shape; raises PluginError if the backbone builds anything else."""
    with blame_plugin(backbone.title, type(backbone)):
        built: object = trainable.build(shape)
    if isinstance(trainable, EmbeddingNetwork):
        return BodyAndClassifier(*_unpack(backbone, built))
    if not isinstance(built, nn.Module):
        raise PluginError(
            f"{backbone.title}: its Network builds {type(built).__name__}: expected an nn.Module", where=location(type(backbone))
        )
    return built


def build_learner(fit: Fit, network: nn.Module, counts: Sequence[int], device: torch.device) -> Learner:
    """Put the network and its loss on the device; `counts` are the training items of each class."""
    reads_embedding = isinstance(fit.loss, EmbeddingLoss)
    with blame_plugin(fit.loss.title, type(fit.loss)):
        loss: object = _build_loss(fit.loss, network, counts)
    if not callable(loss):
        raise PluginError(f"{fit.loss.title}: build() returns {type(loss).__name__}: expected a function", where=location(type(fit.loss)))
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss
    frames_per_clip = fit.backbone.frames_per_clip() if fit.reads_clips else None
    return Learner(network.to(device), loss, make_preparation(fit), fit.recipe, device, frames_per_clip, reads_embedding)


def check_learner(fit: Fit, learner: Learner, items: Items) -> None:
    """Pass two items through network and loss before hours of training; raises PluginError naming the one that breaks its contract.

    Gradients are recorded, since this call creates the weights of lazy layers.
    """
    learner.network.eval()
    target = items.y[:2]
    if not len(target):
        return
    rows, mask = items.rows(torch.arange(len(target)), learner.frames_per_clip, torch.Generator())
    x = next(iter(read_batches(items.x, [rows], learner.device)))
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        with blame_plugin(fit.backbone.title, type(fit.backbone)):
            logits, *embedding = learner.outputs(x, mask)
        _check_network(fit, learner.network, logits, len(target))
        with blame_plugin(fit.loss.title, type(fit.loss)):
            loss: object = learner.loss(logits, target.to(learner.device), *embedding)
    _check_loss(fit, loss)


def _build_loss(loss: Loss | EmbeddingLoss, network: nn.Module, counts: Sequence[int]) -> Callable[..., Tensor]:
    if isinstance(loss, EmbeddingLoss):
        assert isinstance(network, BodyAndClassifier)  # the plan refuses other networks
        return loss.build(counts, network.classifier.in_features)
    return loss.build(counts)


def _check_network(fit: Fit, network: nn.Module, logits: Tensor, items: int) -> None:
    check_logits(fit, tuple(logits.shape), items)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        problem = "its Network has no weights to train: expected trainable() to return a FinishedSystem"
    elif not logits.isfinite().all():
        problem = "its network gives values that are NaN or infinite before training"
    elif not logits.requires_grad:
        problem = "no gradient reaches the weights of its network"
    else:
        return
    raise PluginError(f"{fit.backbone.title}: {problem}", where=location(type(fit.backbone)))


def _check_loss(fit: Fit, loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.ndim:
        problem = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        problem += ": expected a scalar tensor"
    elif not loss.isfinite():
        problem = f"{loss.item()} before training: expected a finite number"
    elif not loss.requires_grad:
        problem = "a value without gradient: expected one that depends on the logits"
    else:
        return
    raise PluginError(f"{fit.loss.title} gives {problem}", where=location(type(fit.loss)))


def check_logits(fit: Classifier, shape: Shape, items: int) -> None:
    """Raise PluginError unless the shape is that of one logit per item and class, and one for each other answer."""
    answers = len(fit.classes) + len(fit.others)
    if len(shape) and shape[1:] != (answers,):
        values = "x".join(map(str, shape[1:])) or "1"
        problem = f"gives {values} values per item: expected {answers}, one per class{' and other answer' if fit.others else ''}"
    elif shape != (items, answers):
        problem = f"gives outputs of shape {list(shape)} for {items} items: expected {[items, answers]}"
    else:
        return
    raise PluginError(f"{fit.backbone.title} {problem}", where=location(type(fit.backbone)))


def make_preparation(fit: Classifier) -> Callable[[Tensor], Tensor]:
    """Crops are normalized on the device; features are read as they are stored."""
    if fit.frozen is not None:
        return lambda batch: batch
    declared = fit.backbone.input()
    return lambda batch: normalize(batch, declared)


def _unpack(backbone: Backbone, parts: object) -> tuple[nn.Module, nn.Linear]:
    match parts:
        case (nn.Module() as body, nn.Linear() as classifier):
            return body, classifier
    type_names = ", ".join(type(part).__name__ for part in parts) if isinstance(parts, tuple) else type(parts).__name__
    raise PluginError(
        f"{backbone.title}: its EmbeddingNetwork builds {type_names}: expected an nn.Module and an nn.Linear",
        where=location(type(backbone)),
    )
