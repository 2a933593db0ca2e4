"""What stands behind the pooled features."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any

import torch
from torch import nn


def perceptron(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Fully connected layers of these widths, ReLU between, dropout before the last; torch's own initialisation."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-2], nn.Dropout(dropout), layers[-2])


@torch.inference_mode()
def width(blocks: nn.Module, shape: tuple[int, ...]) -> int:
    """How many values blocks in eval mode make of an input [*shape]; not every network of timm's tells it truly."""
    (values,) = blocks(torch.zeros(1, *shape)).shape[1:]
    return int(values)


def in_line(blocks: nn.Module, head: nn.Module) -> nn.Sequential:
    """Blocks that are trained too, and the head behind them."""
    return nn.Sequential(OrderedDict(blocks=blocks, head=head))


def logistic_regression() -> Any:
    """Standardised features, multinomial logistic regression with an L2 penalty; scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
