"""Heads for VGG16's convolutions: its own classifier, or a single layer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ferbench import FerbenchError, weights
from ferbench_thesis.vgg16_model import FEATURES


def check_width(features: int) -> None:
    """Raise FerbenchError if there are not as many features as VGG16's first fully connected layer reads."""
    if features != FEATURES:
        raise FerbenchError(
            f"the full head reads {FEATURES} features of a frame (512 x 7 x 7), but there are {features}",
            where="backbone.head",
            hint="for these `features`, choose head: linear or head: logistic-regression",
        )


def full_head(widths: tuple[int, int, int, int], state: Mapping[str, torch.Tensor]) -> tuple[nn.Sequential, nn.Linear]:
    """VGG16's classifier with the widths (features, hidden, units, classes), as body and last layer.

    The layers of the body start from `state` where they fit.
    """
    features, hidden, units, classes = widths
    body = nn.Sequential(
        linear_layer(features, hidden), nn.ReLU(inplace=True), nn.Dropout(0.5),
        linear_layer(hidden, units), nn.ReLU(inplace=True), nn.Dropout(0.5),
    )  # fmt: skip
    classifier = linear_layer(units, classes)
    for index in ("0", "3"):
        layer = body.get_submodule(index)
        pretrained = {name: state.get(f"classifier.{index}.{name}") for name in ("weight", "bias")}
        # Both or neither: if only the layer's input is narrower, the bias alone would fit.
        if not any(weights.describe_misfit(name, value, pretrained[name]) for name, value in layer.state_dict().items()):
            layer.load_state_dict(pretrained)
    return body, classifier


def linear_head(width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
    """A single layer: the features are the embedding."""
    return nn.Identity(), linear_layer(width, classes)


def linear_layer(inputs: int, outputs: int) -> nn.Linear:
    """A layer initialized like those of torchvision's VGG: weights N(0, 0.01), bias 0."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.normal_(layer.weight, 0, 0.01)
    nn.init.zeros_(layer.bias)
    return layer
