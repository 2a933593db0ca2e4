"""Builds the network of a fit from its backbone, joins it with the loss, and checks both before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ferbench.api.components import EmbeddingLoss
from ferbench.api.errors import PluginError, location
from ferbench.api.networks import Backbone, EmbeddingNetwork, Network
from ferbench.plan.models import Fit
from ferbench.stages.images import normalize
from ferbench.training.items import Items
from ferbench.training.learner import BodyAndClassifier, Learner
from ferbench.training.streaming import read_batches
from ferbench.types import Shape


def build_network(backbone: Backbone, trainable: Network | EmbeddingNetwork, shape: Shape) -> nn.Module:
    """Build the network for items of this shape; raises PluginError if the backbone builds anything else."""
    if isinstance(trainable, EmbeddingNetwork):
        body, classifier = _unpack(backbone, trainable.build(shape))
        return BodyAndClassifier(body, classifier)
    module: object = trainable.build(shape)
    if not isinstance(module, nn.Module):
        raise PluginError(
            f"{backbone.title}: its Network builds {type(module).__name__}: expected an nn.Module", where=location(type(backbone))
        )
    return module


def build_learner(fit: Fit, network: nn.Module, counts: Sequence[int], device: torch.device) -> Learner:
    """Put the network and its loss on the device; `counts` are the training items of each class."""
    loss: Callable[..., Tensor]
    reads_embedding = isinstance(fit.loss, EmbeddingLoss)
    if isinstance(fit.loss, EmbeddingLoss):
        assert isinstance(network, BodyAndClassifier)  # the plan refuses other networks
        loss = fit.loss.build(counts, network.classifier.in_features)
    else:
        loss = fit.loss.build(counts)
    loss = loss.to(device) if isinstance(loss, nn.Module) else loss
    frames_per_clip = fit.backbone.frames_per_clip() if fit.reads_clips else None
    return Learner(network.to(device), loss, _make_preparation(fit), fit.recipe, device, frames_per_clip, reads_embedding)


def check_learner(fit: Fit, learner: Learner, items: Items) -> None:
    """Pass one item through network and loss before hours of training; raises PluginError naming the one that breaks its contract."""
    if not len(items.y):
        return
    learner.network.eval()
    rows, mask = items.rows(torch.tensor([0]), learner.frames_per_clip, torch.Generator())
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        x = next(iter(read_batches(items.x, [rows], learner.device)))
        logits, *embedding = learner.outputs(x, mask)
        check_logits(fit, tuple(logits.shape[1:]), len(fit.classes))
        loss: object = learner.loss(logits, items.y[:1].to(learner.device), *embedding)
    if not isinstance(loss, Tensor) or loss.ndim:
        value = f"a tensor of shape {list(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise PluginError(f"{fit.loss.title} gives {value}: expected a scalar tensor", where=location(type(fit.loss)))


def check_logits(fit: Fit, shape: Shape, classes: int) -> None:
    """Raise PluginError unless each item has one logit per class."""
    if shape != (classes,):
        values = "x".join(map(str, shape)) or "1"
        raise PluginError(
            f"{fit.backbone.title} gives {values} values per item: expected {classes}, one per class", where=location(type(fit.backbone))
        )


def _make_preparation(fit: Fit) -> Callable[[Tensor], Tensor]:
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
