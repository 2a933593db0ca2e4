"""Cross-entropy, plain and weighted by class, and focal loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import EmbeddingLoss, Loss

if TYPE_CHECKING:
    import torch


Weights = Literal["balanced", "inverse", "inverse-sqrt", "effective-number"]
Smoothing = Annotated[float, Meta(ge=0, lt=1)]


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy: the mean of -log p(true class).

    With `smoothing` s the target is 1 - s + s / K for the true class and s / K for each other one of K (Szegedy et al. 2016).
    """

    name = "cross-entropy"
    smoothing: Smoothing = 0.0

    @property
    def only_weighs_classes(self) -> bool:
        """Without smoothing."""
        return not self.smoothing

    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:  # noqa: ARG002
        """None: every frame counts the same."""
        return None

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:  # noqa: ARG002
        """Logits [B,C], target [B] -> scalar."""
        from torch import nn

        return nn.CrossEntropyLoss(label_smoothing=self.smoothing)


@dataclass(frozen=True)
class WeightedCrossEntropy(Loss):
    """Cross-entropy in which rare classes cost more: the mean of -w log p(true class), divided by the mean of the batch's w.

    With n_c training frames in class c, N in all and K classes that have any, `weights` is

    - `balanced`: w = N / (K n_c), the mean over frames being 1 (scikit-learn's "balanced", after King & Zeng 2001);
    - `inverse`: w = 1 / n_c;
    - `inverse-sqrt`: w = 1 / sqrt(n_c) (as in Mahajan et al. 2018);
    - `effective-number`: w = (1 - beta) / (1 - beta^n_c) (Cui et al. 2019);

    the last three scaled so that the K weights sum to K, as Cui et al. do. Since a batch divides by its weights, a network sees their
    ratios only, and `inverse` trains it as `balanced` does; the scale reaches scikit-learn classifiers. A class without training frames
    has weight 0. `smoothing` is that of cross-entropy.
    """

    name = "weighted-cross-entropy"
    weights: Weights = "balanced"
    beta: Annotated[float, Meta(ge=0, lt=1)] = 0.999
    smoothing: Smoothing = 0.0

    @property
    def only_weighs_classes(self) -> bool:
        """Without smoothing."""
        return not self.smoothing

    def class_weights(self, counts: Sequence[int]) -> Sequence[float]:
        """One weight a class; 0 for a class without frames."""
        return costs(counts, self.weights, self.beta)

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """A module, logits [B,C], target [B] -> scalar; its weights [C] move with it to a device."""
        import torch

        weights = torch.tensor(self.class_weights(counts), dtype=torch.float32)
        return torch.nn.CrossEntropyLoss(weights, label_smoothing=self.smoothing)


@dataclass(frozen=True)
class Focal(Loss):
    """Focal loss (Lin et al. 2017): the mean of -w (1 - p)^gamma log p for the probability p of the true class.

    `weights` gives w as in weighted-cross-entropy, or none: w = 1. gamma 0 is cross-entropy, but for its division by the batch's w.
    """

    name = "focal"
    gamma: Annotated[float, Meta(ge=0)] = 2.0
    weights: Weights | None = None
    beta: Annotated[float, Meta(ge=0, lt=1)] = 0.999

    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:
        """One weight a class, or None."""
        return costs(counts, self.weights, self.beta) if self.weights else None

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """A module, logits [B,C], target [B] -> scalar."""
        from ferbench_basics.focal import FocalLoss

        return FocalLoss(self.gamma, self.class_weights(counts))


@dataclass(frozen=True)
class Center(EmbeddingLoss):
    """Center loss (Wen et al. 2016): cross-entropy + weight / 2 times the mean squared distance of embeddings to their class's center.

    The embedding is what the network's last layer reads. The centers start at 0 and are trained by the recipe's optimizer, instead of by a
    rule of their own.
    """

    name = "center"
    weight: Annotated[float, Meta(ge=0)] = 0.01

    def build(self, counts: Sequence[int], width: int) -> Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]:
        """A module with a center [width] per class: logits [B,C], target [B], embeddings [B,width] -> scalar."""
        from ferbench_basics.center import CenterLoss

        return CenterLoss(len(counts), width, self.weight)


def costs(counts: Sequence[int], weights: Weights, beta: float) -> list[float]:
    """The weights that WeightedCrossEntropy tells of."""
    present = sum(count > 0 for count in counts)
    raw = [_cost(count, weights, beta) if count else 0.0 for count in counts]
    scale = sum(counts) / present if weights == "balanced" else present / sum(raw)
    return [scale * cost for cost in raw]


def _cost(count: int, weights: Weights, beta: float) -> float:
    match weights:
        case "inverse-sqrt":
            return 1 / sqrt(count)
        case "effective-number":
            return (1 - beta) / (1 - beta**count)
        case _:
            return 1 / count
