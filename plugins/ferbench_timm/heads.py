"""What stands behind the pooled features."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn


def perceptron(widths: tuple[int, ...], dropout: float) -> nn.Sequential:
    """Fully connected layers of these widths, ReLU between, dropout before the last; torch's own initialisation."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-2], nn.Dropout(dropout), layers[-2])


def logistic_regression() -> Any:
    """Standardised features, multinomial logistic regression with an L2 penalty; scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
