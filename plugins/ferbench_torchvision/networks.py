"""torchvision's networks without their last layer, and ZFNet."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from http.client import HTTPException
from typing import Any

import torch
from torch import nn
from torchvision import models
from torchvision.models import video

from ferbench import FerbenchError, weights

IMAGENET = (224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
AUXILIARY = ("googlenet", "inception_v3")  # have second heads, which are trained on ImageNet alone
CLASSES = (400, 1000)  # of Kinetics and ImageNet
WIDTH = "embedding_width"


def image_input(model: str) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size in pixels, mean and std that the published weights were trained with."""
    if model == "zfnet":
        return IMAGENET
    how = _published(model, models).transforms()
    return how.crop_size[0], tuple(how.mean), tuple(how.std)


def image_tag(model: str) -> str:
    """The name of the weights that torchvision publishes for a network; empty where there are none."""
    return "" if model == "zfnet" else str(_published(model, models).name)


def image_trunk(model: str, source: str, seed: int, tag: str) -> nn.Module:
    """[B,3,H,W] -> what the network gives its last layer [B,D]; FerbenchError where weights are missing or do not fit."""
    options = {"aux_logits": False, "init_weights": source == "random"} if model in AUXILIARY else {}
    if model == "zfnet":
        return _trunk(zfnet, model, source, seed)
    _check(model, models)
    published = models.get_model_weights(model)[tag] if source == "imagenet" else None
    if published is not None:
        options.pop("init_weights", None)
    return _trunk(lambda: models.get_model(model, weights=published, **options), model, source, seed)


def video_input(model: str) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size in pixels, mean and std that the published weights were trained with."""
    how = _published(model, video).transforms()
    return how.crop_size[0], tuple(how.mean), tuple(how.std)


def video_tag(model: str) -> str:
    """The name of the weights that torchvision publishes for a network."""
    return str(_published(model, video).name)


def video_trunk(model: str, source: str, seed: int, tag: str) -> nn.Module:
    """[B,3,T,H,W] -> what the network gives its last layer [B,D]; FerbenchError where weights are missing or do not fit."""
    _check(model, video)
    published = models.get_model_weights(model)[tag] if source == "kinetics" else None
    return _trunk(lambda: models.get_model(model, weights=published), model, source, seed)


def zfnet() -> nn.Sequential:
    """Zeiler & Fergus 2014, figure 3: AlexNet with a first layer of 7x7 at stride 2. [B,3,224,224] -> [B,1000].

    Response normalisation stands where theirs did; the last pool gives 6x6 fields whatever the size of the input.
    """
    convolutions = nn.Sequential(
        nn.Conv2d(3, 96, 7, 2, 1), nn.ReLU(True), nn.MaxPool2d(3, 2, 1), nn.LocalResponseNorm(5, 1e-4, 0.75, 2),
        nn.Conv2d(96, 256, 5, 2), nn.ReLU(True), nn.MaxPool2d(3, 2, 1), nn.LocalResponseNorm(5, 1e-4, 0.75, 2),
        nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU(True),
        nn.Conv2d(384, 384, 3, 1, 1), nn.ReLU(True),
        nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(True), nn.MaxPool2d(3, 2), nn.AdaptiveAvgPool2d(6),
    )  # fmt: skip
    classifier = nn.Sequential(
        nn.Dropout(0.5), nn.Linear(256 * 36, 4096), nn.ReLU(True),
        nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(True), nn.Linear(4096, 1000),
    )  # fmt: skip
    return nn.Sequential(convolutions, nn.Flatten(), classifier)


def embedding_width(trunk: nn.Module) -> int:
    """How many values a trunk gives: what its last layer would read."""
    return int(trunk.get_buffer(WIDTH))


@torch.inference_mode()
def check_input(trunk: nn.Module, model: str, shape: tuple[int, ...]) -> None:
    """Raise FerbenchError if the network cannot read an input of this shape, [C,H,W] or [C,T,H,W]."""
    trunk.eval()
    try:
        embedding = trunk(torch.zeros(1, *shape))
    except Exception as error:  # each network has its own way to fail
        *_, height, width = shape
        frames = f"{shape[1]} frames of " if len(shape) == 4 else ""
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise FerbenchError(
            f"torchvision's {model} cannot read {frames}{height}x{width} pixels: {reason}",
            where="backbone.size",
            hint="leave `size` and `frames` out to use what its published weights were trained with",
        ) from error
    if embedding.shape[1:] != (embedding_width(trunk),):
        raise FerbenchError(f"torchvision's {model} gives no embedding but {list(embedding.shape[1:])}", where="backbone.model")


def _published(model: str, kind: Any) -> Any:
    """torchvision's own choice of a network's weights; FerbenchError for a name that it does not have."""
    _check(model, kind)
    return models.get_model_weights(model).DEFAULT


def _check(model: str, kind: Any) -> None:
    known = models.list_models(module=kind)
    if model not in known:
        close = get_close_matches(model, known, n=3)
        told = f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(known)}"
        raise FerbenchError(f"torchvision has no network {model!r} of this kind; {told}", where="backbone.model")


def _trunk(build: Callable[[], nn.Module], model: str, source: str, seed: int) -> nn.Module:
    """The network without its last layer, with weights."""
    try:
        with weights.seeded(seed), weights.socket_timeout():
            network = build()
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the checksum is wrong
        raise FerbenchError(
            f"torchvision's weights for {model} could not be had: {error}",
            where=weights.WHERE,
            hint="--set backbone.weights=FILE, or --set backbone.weights=random",
        ) from error
    last = _cut(network, model)
    if source not in ("imagenet", "kinetics", "random"):
        weights.fill(network, weights.state(source), f"the state dict of torchvision's {model}", (f"{last}.", "aux"))
    return network


def _cut(network: nn.Module, model: str) -> str:
    """Replace the last layer, which classifies, by nothing; returns its name, and notes what it would read."""
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.Conv3d)]
    name, last = layers[-1]
    if (last.out_features if isinstance(last, nn.Linear) else last.out_channels) not in CLASSES:
        raise FerbenchError(f"torchvision's {model} does not end with a layer that classifies", where="backbone.model")
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    width = last.in_features if isinstance(last, nn.Linear) else last.in_channels
    network.register_buffer(WIDTH, torch.tensor(width), persistent=False)
    return name
