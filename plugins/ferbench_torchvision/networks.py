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
AUXILIARY = ("googlenet", "inception_v3")  # have auxiliary heads, which only help to train on ImageNet
CLASS_COUNTS = (400, 1000)  # of Kinetics and ImageNet
WIDTH = "embedding_width"


def image_input(model: str) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size in pixels, mean and std that the published weights were trained with."""
    if model == "zfnet":
        return IMAGENET
    preset = _published(model, models).transforms()
    return preset.crop_size[0], tuple(preset.mean), tuple(preset.std)


def image_tag(model: str) -> str:
    """The name of the weights that torchvision publishes for a network; empty if there are none."""
    return "" if model == "zfnet" else str(_published(model, models).name)


def image_trunk(model: str, source: str, seed: int, tag: str) -> nn.Module:
    """[B,3,H,W] -> the input of the network's last layer [B,D]; raises FerbenchError if weights are missing or do not fit."""
    options = {"aux_logits": False, "init_weights": source == "random"} if model in AUXILIARY else {}
    if model == "zfnet":
        return _build_trunk(zfnet, model, source, seed)
    _check_name(model, models)
    pretrained = models.get_model_weights(model)[tag] if source == "imagenet" else None
    if pretrained is not None:
        options.pop("init_weights", None)
    return _build_trunk(lambda: models.get_model(model, weights=pretrained, **options), model, source, seed)


def video_input(model: str) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size in pixels, mean and std that the published weights were trained with."""
    preset = _published(model, video).transforms()
    return preset.crop_size[0], tuple(preset.mean), tuple(preset.std)


def video_tag(model: str) -> str:
    """The name of the weights that torchvision publishes for a network."""
    return str(_published(model, video).name)


def video_trunk(model: str, source: str, seed: int, tag: str) -> nn.Module:
    """[B,3,T,H,W] -> the input of the network's last layer [B,D]; raises FerbenchError if weights are missing or do not fit."""
    _check_name(model, video)
    pretrained = models.get_model_weights(model)[tag] if source == "kinetics" else None
    return _build_trunk(lambda: models.get_model(model, weights=pretrained), model, source, seed)


def zfnet() -> nn.Sequential:
    """Zeiler & Fergus 2014, figure 3: AlexNet with 7x7 kernels at stride 2 in its first layer. [B,3,H,W] -> [B,1000].

    Response normalization is where theirs was; the last pooling gives 6x6 values for any size of input.
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
    """The number of values that a trunk returns: what its last layer would read."""
    return int(trunk.get_buffer(WIDTH))


@torch.inference_mode()
def check_input(trunk: nn.Module, model: str, shape: tuple[int, ...]) -> None:
    """Raise FerbenchError if the network cannot read an input of this shape, [C,H,W] or [C,T,H,W]."""
    trunk.eval()
    try:
        embedding = trunk(torch.zeros(1, *shape))
    except Exception as error:  # networks fail in different ways
        *_, height, width = shape
        frames = f"{shape[1]} frames of " if len(shape) == 4 else ""
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise FerbenchError(
            f"torchvision's {model} cannot read {frames}{height}x{width} pixels: {reason}",
            where="backbone.size",
            hint="leave out `size` and `frames` to use those of its published weights",
        ) from error
    if embedding.shape[1:] != (embedding_width(trunk),):
        raise FerbenchError(f"torchvision's {model} returns {list(embedding.shape[1:])}, not an embedding", where="backbone.model")


def _published(model: str, kind: Any) -> Any:
    """torchvision's default weights for a network; raises FerbenchError for an unknown name."""
    _check_name(model, kind)
    return models.get_model_weights(model).DEFAULT


def _check_name(model: str, kind: Any) -> None:
    names = models.list_models(module=kind)
    if model not in names:
        close = get_close_matches(model, names, n=3)
        expected = f"did you mean {' or '.join(close)}?" if close else f"expected one of {', '.join(names)}"
        raise FerbenchError(f"torchvision has no network {model!r} of this kind; {expected}", where="backbone.model")


def _build_trunk(build: Callable[[], nn.Module], model: str, source: str, seed: int) -> nn.Module:
    """Build the network, remove its last layer and load its weights."""
    try:
        with weights.random_seed(seed), weights.socket_timeout():
            network = build()
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the checksum is wrong
        raise FerbenchError(
            f"torchvision's weights for {model} could not be downloaded: {error}",
            where=weights.SETTING,
            hint="--set backbone.weights=FILE, or --set backbone.weights=random",
        ) from error
    last = remove_last_layer(network, model)
    if source not in ("imagenet", "kinetics", "random"):
        weights.load_into(network, weights.load_state(source), f"the state dict of torchvision's {model}", (f"{last}.", "aux"))
    return network


def remove_last_layer(network: nn.Module, model: str) -> str:
    """Remove the last layer, which classifies, and record the width of its input in a buffer; returns its name."""
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d | nn.Conv3d)]
    name, last = layers[-1]
    if (last.out_features if isinstance(last, nn.Linear) else last.out_channels) not in CLASS_COUNTS:
        raise FerbenchError(f"torchvision's {model} does not end in a layer that classifies", where="backbone.model")
    parent, _, own = name.rpartition(".")
    setattr(network.get_submodule(parent), own, nn.Identity())
    width = last.in_features if isinstance(last, nn.Linear) else last.in_channels
    network.register_buffer(WIDTH, torch.tensor(width), persistent=False)
    return name
