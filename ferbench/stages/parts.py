"""The trained part of a fit, of whichever kind: maps the features, or the crops, of items to scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ferbench.api.errors import PluginError, blame_plugin, location
from ferbench.api.networks import Estimators
from ferbench.plan.models import Classifier
from ferbench.stages.networks import check_logits
from ferbench.training.estimators import score_with_estimator
from ferbench.training.items import Items
from ferbench.training.learner import Learner, score_items
from ferbench.training.streaming import DiskFrames
from ferbench.types import Shape

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

Scores = NDArray[np.float64]


class Part(ABC):
    """A trained part."""

    @abstractmethod
    def score(self, items: Items) -> Scores:
        """The scores [M,C+K] of M items: of the classes, then of other answers."""


@dataclass(frozen=True)
class NetworkPart(Part):
    """A network; `shape` is that of one frame's features or crop."""

    learner: Learner
    shape: Shape

    def score(self, items: Items) -> Scores:
        """Softmax of the logits."""
        scores: Scores = score_items(self.learner, items).softmax(1).numpy()
        return scores


@dataclass(frozen=True)
class EstimatorPart(Part):
    """A scikit-learn classifier, the one of this number that its backbone builds; `shape` is that of one frame's features."""

    classifier: Classifier
    estimator: ClassifierMixin
    number: int
    shape: Shape

    def score(self, items: Items) -> Scores:
        """Probabilities, or what stands for them."""
        with blame_plugin(self.classifier.backbone.title, type(self.classifier.backbone)):
            return score_with_estimator(self.estimator, items, len(self.classifier.classes))


@dataclass(frozen=True)
class SystemPart(Part):
    """A finished system, whose frozen part gives logits; `build` makes a module on top of it."""

    classifier: Classifier
    build: Callable[[Shape], nn.Module] | None

    def score(self, items: Items) -> Scores:
        """Softmax of the logits."""
        logits = items.x.whole() if isinstance(items.x, DiskFrames) else items.x.cpu()
        if self.build:
            logits = self._compute_logits(self.build, logits)
        check_logits(self.classifier, tuple(logits.shape), len(items.y))
        scores: Scores = logits.softmax(1).numpy()
        return scores

    def _compute_logits(self, build: Callable[[Shape], nn.Module], x: torch.Tensor) -> torch.Tensor:
        backbone = self.classifier.backbone
        with blame_plugin(backbone.title, type(backbone)), torch.inference_mode():
            module: object = build(tuple(x.shape[1:]))
            if not isinstance(module, nn.Module):
                raise TypeError(f"its FinishedSystem builds {type(module).__name__}: expected an nn.Module")
            if any(parameter.requires_grad for parameter in module.parameters()):
                problem = "its FinishedSystem builds a module with weights to train: expected a Network, or weights that need no gradient"
                raise PluginError(f"{backbone.title}: {problem}", where=location(type(backbone)))
            logits: object = module.eval()(x.clone())  # it may change its input, which other fits read
            if not isinstance(logits, torch.Tensor):
                raise TypeError(f"its FinishedSystem gives {type(logits).__name__}: expected a tensor of logits")
        return logits


def build_candidates(classifier: Classifier, estimators: Estimators) -> Sequence[ClassifierMixin]:
    """Build the classifiers of a backbone, which are not fitted yet; raises PluginError if it builds anything else."""
    backbone = classifier.backbone
    with blame_plugin(backbone.title, type(backbone)):
        candidates: object = estimators.build()
    if not isinstance(candidates, Sequence) or not candidates:
        problem = f"{backbone.title}: its Estimators build {type(candidates).__name__}: expected a list of classifiers"
        raise PluginError(problem, where=location(type(backbone)))
    return candidates
