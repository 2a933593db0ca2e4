"""Refuses combinations that cannot work, before anything is computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import get_args

from ferbench.api.clips import Fold, Input
from ferbench.api.components import Component, EmbeddingLoss, Loss
from ferbench.api.errors import FerbenchError, PluginError, blame_plugin, location, shorten
from ferbench.api.networks import Backbone, EmbeddingNetwork, Estimators, FinishedSystem, Frozen, Fusion, Network, Trainable
from ferbench.api.recipe import Recipe, validation_need
from ferbench.store.keys import find_identity_problem


def trainable_of(backbone: Backbone, classes: tuple[str, ...]) -> Trainable:
    """Return what the backbone trains; raises PluginError if it returns anything other than one of the four kinds."""
    with blame_plugin(backbone.title, type(backbone)):
        trainable = backbone.trainable(classes)
    if not isinstance(trainable, Trainable):
        kinds = ", ".join(kind.__name__ for kind in get_args(Trainable))
        raise PluginError(
            f"{backbone.title}: trainable() returns {type(trainable).__name__}: expected one of {kinds}", where=location(type(backbone))
        )
    return trainable


def frozen_of(backbone: Backbone) -> Frozen | None:
    """The frozen part; raises PluginError if it is neither a Frozen nor None, or if its fields do not tell it apart from others."""
    with blame_plugin(backbone.title, type(backbone)):
        frozen = backbone.frozen()
    if not isinstance(frozen, Frozen | None):
        raise PluginError(
            f"{backbone.title}: frozen() returns {type(frozen).__name__}: expected a Frozen or None", where=location(type(backbone))
        )
    if frozen is not None:
        _check_identity(f"the frozen part of {backbone.title}", frozen)
    return frozen


def is_calibrated(backbone: Backbone, frozen: Frozen) -> bool:
    """Whether the frozen part looks at training crops."""
    with blame_plugin(f"the frozen part of {backbone.title}", type(frozen)):
        return frozen.is_calibrated


def input_of(backbone: Backbone) -> Input:
    """The declared input; raises PluginError if it is not an Input."""
    with blame_plugin(backbone.title, type(backbone)):
        declared = backbone.input()
    if not isinstance(declared, Input):
        raise PluginError(f"{backbone.title}: input() returns {type(declared).__name__}: expected an Input", where=location(type(backbone)))
    return declared


def members_of(fusion: Fusion) -> tuple[Backbone | Fusion, ...]:
    """The members of a fusion; raises PluginError unless they are one or more other backbones."""
    with blame_plugin(fusion.title, type(fusion)):
        members = tuple(fusion.members())
    wrong = [type(member).__name__ for member in members if not isinstance(member, Backbone | Fusion)]
    if wrong or not members or fusion in members:
        value = f"{wrong[0]} among its members" if wrong else "itself as a member" if members else "no members"
        raise PluginError(f"{fusion.title}: members() returns {value}: expected other backbones", where=location(type(fusion)))
    for member in members:
        _check_identity(member.title, member)
    return members


def check_combination(backbone: Backbone, loss: Loss | EmbeddingLoss, recipe: Recipe, classes: tuple[str, ...]) -> None:
    """Raise FerbenchError if loss, recipe and backbone cannot be combined."""
    trainable, frozen = trainable_of(backbone, classes), frozen_of(backbone)
    input_of(backbone)
    _check_kind(backbone, trainable, frozen)
    others_of(backbone, classes)
    if backbone.reads == "clips":
        _check_frames_per_clip(backbone)
    _check_loss(backbone, loss, trainable)
    if recipe.augmentation:
        _check_augmentation(backbone, trainable, frozen)


def check_validation(backbone: Backbone, recipe: Recipe, classes: tuple[str, ...], folds: Sequence[Fold]) -> None:
    """Raise FerbenchError if a network needs validation people and a fold has none."""
    if not isinstance(trainable_of(backbone, classes), Network | EmbeddingNetwork):
        return
    number = next((number for number, fold in enumerate(folds) if not fold.validation), None)
    if number is not None and (need := validation_need(recipe)):
        purpose, otherwise = need
        raise FerbenchError(f"fold {number} has no validation people {purpose}", hint=f"add some in the protocol, or {otherwise}")


def unused_axes(backbone: Backbone | Fusion, classes: tuple[str, ...]) -> set[str]:
    """The axes that have no effect on a backbone: a finished system is not trained, and a scikit-learn classifier has no recipe."""
    if isinstance(backbone, Fusion):
        return set.intersection(*(unused_axes(member, classes) for member in members_of(backbone)))
    match trainable_of(backbone, classes):
        case FinishedSystem():
            return {"loss", "recipe", "seed"}
        case Estimators():
            return {"recipe"}
    return set()


def _check_identity(title: str, component: Component | Frozen) -> None:
    """Raise PluginError if the fields of a component that no plugin registered do not tell it apart from others."""
    if problem := find_identity_problem(type(component)):
        raise PluginError(f"{title}: {type(component).__name__} {problem}", where=location(type(component)))


def _check_kind(backbone: Backbone, trainable: Trainable, frozen: Frozen | None) -> None:
    """Only networks can read whole clips, and a system that is not trained must be frozen."""
    kind = type(trainable).__name__
    if backbone.reads == "clips" and not isinstance(trainable, Network | EmbeddingNetwork):
        raise PluginError(
            f"{backbone.title} reads clips and trains {kind}: expected Network or EmbeddingNetwork", where=location(type(backbone))
        )
    if isinstance(trainable, FinishedSystem) and frozen is None:
        raise PluginError(f"{backbone.title} is a FinishedSystem without a frozen part", where=location(type(backbone)))


def check_fusion(fusion: Fusion, classes: tuple[str, ...]) -> None:
    """Raise FerbenchError if a member can give answers besides the classes: members are weighed class by class."""
    for member in members_of(fusion):
        if isinstance(member, Backbone) and (others := others_of(member, classes)):
            answers = f"{member.title} can also answer {', '.join(others)}"
            raise FerbenchError(f"{fusion.title}: {answers}: expected members that answer with the protocol's classes alone")


def others_of(backbone: Backbone, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The answers that a backbone can give besides the classes; raises PluginError for one that is also a class, or is named twice."""
    trainable = trainable_of(backbone, classes)
    others = trainable.others if isinstance(trainable, FinishedSystem) else ()
    if repeated := next((name for name, count in Counter([*classes, *others]).items() if count > 1), ""):
        raise PluginError(f"{backbone.title}: its FinishedSystem names {repeated!r} twice", where=location(type(backbone)))
    return others


def _check_loss(backbone: Backbone, loss: Loss | EmbeddingLoss, trainable: Trainable) -> None:
    """A loss that has no effect must not give a row that looks as if it had one."""
    others = "leave the combination out with `only`, or choose another loss"
    if isinstance(loss, EmbeddingLoss) and not isinstance(trainable, EmbeddingNetwork | FinishedSystem):
        raise FerbenchError(f"{loss.title} reads the embedding of a network, but {backbone.title} has none", hint=others)
    if isinstance(trainable, Estimators) and not _only_weighs_classes(loss):
        raise FerbenchError(
            f"{loss.title} with {backbone.title}: a scikit-learn classifier has its own loss and takes only class weights, "
            "so every such row would be that of cross-entropy",
            hint="leave the combination out with `only`, or choose cross-entropy, weighted or not, without smoothing",
        )


def _only_weighs_classes(loss: Loss | EmbeddingLoss) -> bool:
    with blame_plugin(loss.title, type(loss)):
        return isinstance(loss, Loss) and loss.only_weighs_classes


def _check_frames_per_clip(backbone: Backbone) -> None:
    with blame_plugin(backbone.title, type(backbone)):
        value: object = backbone.frames_per_clip()
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        problem = f"frames_per_clip() returns {shorten(value)}: expected a whole number from 1, or None"
        raise PluginError(f"{backbone.title}: {problem}", where=location(type(backbone)))


def _check_augmentation(backbone: Backbone, trainable: Trainable, frozen: Frozen | None) -> None:
    hint = "leave recipe.augmentation out"
    if isinstance(trainable, Estimators) and frozen is None:
        raise FerbenchError(f"{backbone.title}: a scikit-learn classifier on crops cannot be trained on augmented ones", hint=hint)
    if frozen is not None and frozen.reads == "landmarks":
        raise FerbenchError(f"{backbone.title} reads landmarks, but augmentation changes images", where="recipe.augmentation", hint=hint)
