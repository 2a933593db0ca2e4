"""Heads for backbones: perceptrons and scikit-learn classifiers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
C_VALUES = (0.01, 0.1, 1.0)  # ascending: on a tie, the first classifier is kept


def make_perceptron(widths: tuple[int, ...], dropout: float = 0.0, activation: str = "relu") -> tuple[nn.Sequential, nn.Linear]:
    """Make fully connected layers, with an activation between them and dropout before the last; torch's default initialization.

    Returns what an EmbeddingNetwork builds: a body [B,widths[0]] -> [B,widths[-2]], and a classifier -> [B,widths[-1]].
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        classifier = nn.Linear(inputs, outputs)
        layers += [classifier, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-2], nn.Dropout(dropout)), classifier


def make_classifiers(kind: str) -> list[ClassifierMixin]:
    """Make classifiers on standardized features: "svm" (linear, one per C) or "logistic-regression" (multinomial, C = 1)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    if kind == "logistic-regression":
        return [make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))]
    return [make_pipeline(StandardScaler(), SVC(C=value, kernel="linear", break_ties=True)) for value in C_VALUES]
