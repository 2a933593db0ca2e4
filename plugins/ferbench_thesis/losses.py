"""Cross-entropy, plain and weighted by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from ferbench import Loss

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy: the mean of -log p(true class)."""

    name = "cross-entropy"

    def class_weights(self, counts: Sequence[int]) -> Sequence[float] | None:  # noqa: ARG002
        """None: every frame counts the same."""
        return None

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:  # noqa: ARG002
        """Logits [B,C], target [B] -> scalar."""
        from torch import nn

        return nn.CrossEntropyLoss()


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
    has weight 0.
    """

    name = "weighted-cross-entropy"
    weights: Literal["balanced", "inverse", "inverse-sqrt", "effective-number"] = "balanced"
    beta: Annotated[float, Meta(ge=0, lt=1)] = 0.999

    def class_weights(self, counts: Sequence[int]) -> Sequence[float]:
        """One weight a class; 0 for a class without frames."""
        present = sum(count > 0 for count in counts)
        raw = [self._cost(count) if count else 0.0 for count in counts]
        scale = sum(counts) / present if self.weights == "balanced" else present / sum(raw)
        return [scale * cost for cost in raw]

    def build(self, counts: Sequence[int]) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
        """A module, logits [B,C], target [B] -> scalar; its weights [C] move with it to a device."""
        import torch

        return torch.nn.CrossEntropyLoss(torch.tensor(self.class_weights(counts), dtype=torch.float32))

    def _cost(self, count: int) -> float:
        match self.weights:
            case "inverse-sqrt":
                return 1 / sqrt(count)
            case "effective-number":
                return (1 - self.beta) / (1 - self.beta**count)
            case _:
                return 1 / count
