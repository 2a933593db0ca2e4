"""Cross-entropy, plain and with class weights, focal loss and center loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Literal

from ferbench import EmbeddingLoss, Loss
from ferbench.types import NonNegative, ShareBelowOne

if TYPE_CHECKING:
    import torch


Weighting = Literal["balanced", "inverse", "inverse-sqrt", "effective-number"]


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy: the mean of -log p(true class).

    With `smoothing` s, the target is 1 - s + s / K for the true class and s / K for each other one of K (Szegedy et al. 2016).
    """

    name = "cross-entropy"
    smoothing: ShareBelowOne = 0.0

    @property
    def only_weighs_classes(self) -> bool:
        """Only without smoothing."""
        return not self.smoothing

    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:  # noqa: ARG002
        """None: all items count the same."""
        return None

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:  # noqa: ARG002
        """Logits [B,C], target [B] -> scalar."""
        from torch import nn

        return nn.CrossEntropyLoss(label_smoothing=self.smoothing)


@dataclass(frozen=True)
class WeightedCrossEntropy(Loss):
    """Cross-entropy with class weights: errors in rare classes cost more.

    The mean of -w log p(true class), divided by the mean of the batch's w. With n_c training items in class c, N in all, and K classes
    that have any, `weights` is

    - `balanced`: w = N / (K n_c), whose mean over items is 1 (scikit-learn's "balanced", after King & Zeng 2001);
    - `inverse`: w = 1 / n_c;
    - `inverse-sqrt`: w = 1 / sqrt(n_c) (as in Mahajan et al. 2018);
    - `effective-number`: w = (1 - beta) / (1 - beta^n_c) (Cui et al. 2019);

    the last three are scaled so that the K weights sum to K, as Cui et al. do. Because each batch divides by its weights, only their ratios
    reach a network, which `inverse` thus trains like `balanced`; the scale reaches scikit-learn classifiers. A class without training items
    has weight 0. `smoothing` is label smoothing as in cross-entropy.
    """

    name = "weighted-cross-entropy"
    weights: Weighting = "balanced"
    beta: ShareBelowOne = 0.999
    smoothing: ShareBelowOne = 0.0

    @property
    def only_weighs_classes(self) -> bool:
        """Only without smoothing."""
        return not self.smoothing

    def class_weights(self, counts: Sequence[int]) -> Sequence[float]:
        """One weight per class; 0 for a class without items."""
        return weigh_classes(counts, self.weights, self.beta)

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Build a module, logits [B,C], target [B] -> scalar; its weights [C] move to a device with it."""
        import torch

        weights = torch.tensor(self.class_weights(counts), dtype=torch.float32)
        return torch.nn.CrossEntropyLoss(weights, label_smoothing=self.smoothing)


@dataclass(frozen=True)
class Focal(Loss):
    """Focal loss (Lin et al. 2017): well-classified items count less.

    The mean of -w (1 - p)^gamma log p, where p is the probability of the true class. `weights` gives w as in weighted-cross-entropy;
    without it, w = 1. With gamma 0 this is cross-entropy, except that it does not divide by the batch's w.
    """

    name = "focal"
    gamma: NonNegative = 2.0
    weights: Weighting | None = None
    beta: ShareBelowOne = 0.999

    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:
        """One weight per class, or None."""
        return weigh_classes(counts, self.weights, self.beta) if self.weights else None

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """Build a module, logits [B,C], target [B] -> scalar."""
        from ferbench_basics.focal import FocalLoss

        return FocalLoss(self.gamma, self.class_weights(counts))


@dataclass(frozen=True)
class Center(EmbeddingLoss):
    """Center loss (Wen et al. 2016): pulls embeddings toward their class's center.

    Cross-entropy + weight / 2 times the mean squared distance of embeddings from their class's center. The embedding is what the network's
    last layer reads. The centers start at 0; the recipe's optimizer trains them, instead of an update rule of their own.
    """

    name = "center"
    weight: NonNegative = 0.01

    def build(self, counts: Sequence[int], width: int) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
        """Build a module with a center [width] per class: logits [B,C], target [B], embeddings [B,width] -> scalar."""
        from ferbench_basics.center import CenterLoss

        return CenterLoss(len(counts), width, self.weight)


def weigh_classes(counts: Sequence[int], weighting: Weighting, beta: float) -> list[float]:
    """One weight per class, by the formulas of WeightedCrossEntropy."""
    present = sum(count > 0 for count in counts)
    raw = [_raw_weight(count, weighting, beta) if count else 0.0 for count in counts]
    scale = sum(counts) / present if weighting == "balanced" else present / sum(raw)
    return [scale * weight for weight in raw]


def _raw_weight(count: int, weighting: Weighting, beta: float) -> float:
    match weighting:
        case "inverse-sqrt":
            return 1 / sqrt(count)
        case "effective-number":
            return (1 - beta) / (1 - beta**count)
        case _:
            return 1 / count
