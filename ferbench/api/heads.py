"""For plugins: what stands behind features, trained by gradients or fitted by scikit-learn."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
COSTS = (0.01, 0.1, 1.0)  # of equals the first is kept


def perceptron(widths: tuple[int, ...], dropout: float = 0.0, activation: str = "relu") -> nn.Sequential:
    """Fully connected layers of these widths, an activation between, dropout before the last; torch's own initialisation."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-2], nn.Dropout(dropout), layers[-2])


def classifiers(kind: str) -> Any:
    """On standardised features: "svm" (linear, one for each C), or "logistic-regression" (multinomial, scikit-learn's defaults)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if kind == "logistic-regression":
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return [make_pipeline(StandardScaler(), SVC(C=cost, kernel="linear", break_ties=True)) for cost in COSTS]
