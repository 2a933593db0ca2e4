"""What stands behind VGG16's convolutions: its own classifier, one layer, or logistic regression."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ferbench import weights


def full_head(widths: tuple[int, int, int, int], state: Mapping[str, torch.Tensor]) -> tuple[nn.Sequential, nn.Linear]:
    """VGG16's classifier of the widths (features, hidden, units, classes), as body and last layer.

    The layers of the body start from `state` where they fit.
    """
    features, hidden, units, classes = widths
    body = nn.Sequential(
        fresh_linear(features, hidden), nn.ReLU(inplace=True), nn.Dropout(0.5),
        fresh_linear(hidden, units), nn.ReLU(inplace=True), nn.Dropout(0.5),
    )  # fmt: skip
    classifier = fresh_linear(units, classes)
    for index in ("0", "3"):
        layer = body.get_submodule(index)
        saved = {name: state.get(f"classifier.{index}.{name}") for name in ("weight", "bias")}
        # Both or neither: a bias alone fits where only the layer's input is narrower.
        if not any(weights.misfit(name, value, saved[name]) for name, value in layer.state_dict().items()):
            layer.load_state_dict(saved)
    return body, classifier


def linear_head(width: int, classes: int) -> tuple[nn.Module, nn.Linear]:
    """One layer: the features are the embedding."""
    return nn.Identity(), fresh_linear(width, classes)


def fresh_linear(inputs: int, outputs: int) -> nn.Linear:
    """Initialised as torchvision's VGG is: weights N(0, 0.01), no bias."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.normal_(layer.weight, 0, 0.01)
    nn.init.zeros_(layer.bias)
    return layer
