"""Refuses combinations that cannot work, before anything is computed."""

from __future__ import annotations

from typing import get_args

from ferbench.api.components import EmbeddingLoss, Loss
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location
from ferbench.api.networks import Backbone, EmbeddingNetwork, Estimators, FinishedSystem, Frozen, Network, Trainable
from ferbench.api.recipe import Recipe


def trainable_of(backbone: Backbone, classes: tuple[str, ...]) -> Trainable:
    """Return what the backbone trains; raises PluginError if it returns anything else than one of the four kinds."""
    with blame_plugin(backbone.title, type(backbone)):
        trainable = backbone.trainable(classes)
    if not isinstance(trainable, Trainable):
        kinds = ", ".join(kind.__name__ for kind in get_args(Trainable))
        raise PluginError(
            f"{backbone.title}: trainable() returns {type(trainable).__name__}: expected one of {kinds}", where=location(type(backbone))
        )
    return trainable


def frozen_of(backbone: Backbone) -> Frozen | None:
    """Return the frozen part; raises PluginError if it is neither a Frozen nor None."""
    with blame_plugin(backbone.title, type(backbone)):
        frozen = backbone.frozen()
    if not isinstance(frozen, Frozen | None):
        raise PluginError(
            f"{backbone.title}: frozen() returns {type(frozen).__name__}: expected a Frozen or None", where=location(type(backbone))
        )
    return frozen


def check_combination(backbone: Backbone, loss: Loss | EmbeddingLoss, recipe: Recipe, classes: tuple[str, ...]) -> None:
    """Raise FerbenchError if loss, recipe and backbone cannot be combined."""
    trainable, frozen = trainable_of(backbone, classes), frozen_of(backbone)
    _check_kind(backbone, trainable, frozen)
    _check_loss(backbone, loss, trainable)
    if recipe.augmentation:
        _check_augmentation(backbone, trainable, frozen)


def _check_kind(backbone: Backbone, trainable: Trainable, frozen: Frozen | None) -> None:
    """Only networks can read whole clips, and a system that is not trained must be frozen."""
    kind = type(trainable).__name__
    if backbone.reads == "clips" and not isinstance(trainable, Network | EmbeddingNetwork):
        raise PluginError(
            f"{backbone.title} reads clips and trains {kind}: expected Network or EmbeddingNetwork", where=location(type(backbone))
        )
    if isinstance(trainable, FinishedSystem) and frozen is None:
        raise PluginError(f"{backbone.title} is a FinishedSystem without a frozen part", where=location(type(backbone)))


def _check_loss(backbone: Backbone, loss: Loss | EmbeddingLoss, trainable: Trainable) -> None:
    """A loss that has no effect must not give a row that looks as if it had one."""
    others = "leave the combination out with `only`, or choose another loss"
    if isinstance(trainable, FinishedSystem):
        return  # nothing is trained, whatever the loss
    if isinstance(loss, EmbeddingLoss) and not isinstance(trainable, EmbeddingNetwork):
        raise FerbenchError(f"{loss.title} reads the embedding of a network, but {backbone.title} has none", hint=others)
    if isinstance(trainable, Estimators) and not (isinstance(loss, Loss) and loss.only_weighs_classes):
        raise FerbenchError(
            f"{loss.title} with {backbone.title}: a scikit-learn classifier has its own loss and takes only class weights, "
            "so every such row would be that of cross-entropy",
            hint="leave the combination out with `only`, or choose cross-entropy, weighted or not, without smoothing",
        )


def _check_augmentation(backbone: Backbone, trainable: Trainable, frozen: Frozen | None) -> None:
    hint = "leave recipe.augmentation out"
    if isinstance(trainable, Estimators) and frozen is None:
        raise FerbenchError(f"{backbone.title}: a scikit-learn classifier on crops cannot be trained on augmented ones", hint=hint)
    if frozen is not None and frozen.reads == "landmarks":
        raise FerbenchError(f"{backbone.title} reads landmarks, but augmentation changes images", where="recipe.augmentation", hint=hint)
