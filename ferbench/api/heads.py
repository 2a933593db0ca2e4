"""Heads for backbones: perceptrons, trained by gradients, and scikit-learn's classifiers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
COSTS = (0.01, 0.1, 1.0)  # of equals the first is kept


def perceptron(widths: tuple[int, ...], dropout: float = 0.0, activation: str = "relu") -> tuple[nn.Sequential, nn.Linear]:
    """Fully connected layers of these widths with torch's own initialization, an activation between them, dropout before the last.

    Returned as the body [B,widths[0]] -> [B,widths[-2]] and the classifier -> [B,widths[-1]] of an EmbeddingNetwork.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        classifier = nn.Linear(inputs, outputs)
        layers += [classifier, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-2], nn.Dropout(dropout)), classifier


def classifiers(kind: str) -> list[ClassifierMixin]:
    """Classifiers on standardized features: "svm" (linear, one per C), or "logistic-regression" (multinomial, scikit-learn's defaults)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if kind == "logistic-regression":
        return [make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))]
    return [make_pipeline(StandardScaler(), SVC(C=cost, kernel="linear", break_ties=True)) for cost in COSTS]
