"""Late fusion of the scores of several backbones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from ferbench import Backbone, Fusion
from ferbench.types import NonNegative

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 10  # candidate weights are multiples of a tenth
MIN_SCORE = 1e-12  # lower scores are raised to this before their logarithm is taken


@dataclass(frozen=True)
class LateFusion(Fusion):
    """Late fusion: a weighted mean of the scores of several backbones.

    `of`: the backbones, written as on the backbone axis; each is trained separately. `weights`: one per backbone. Without them, ferbench
    chooses the multiples of a tenth that are best on the validation people: by accuracy, then by the mean log score of the true class, then
    by evenness. Without validation people, all weights are equal.
    """

    name = "fusion"
    of: tuple[Backbone | Fusion, ...]
    weights: tuple[NonNegative, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.of) < 2:
            raise ValueError(f"of is [{', '.join(backbone.name for backbone in self.of)}]: expected two or more backbones")
        if self.weights is not None and (len(self.weights) != len(self.of) or not 0 < sum(self.weights) < inf):
            raise ValueError(
                f"weights is {list(self.weights)}: expected {len(self.of)} numbers, one per backbone, finite and not all of them 0"
            )

    def members(self) -> Sequence[Backbone | Fusion]:
        """The backbones `of`."""
        return self.of

    def weigh(self, scores: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the given weights, or the best ones. [M,N,C], [N] -> [M]."""
        import numpy as np

        if self.weights is not None:
            return np.array(self.weights)
        if not len(target):
            return np.ones(len(scores))
        candidates = (np.array(parts) / STEPS for parts in partitions(STEPS, len(scores)))
        return max(candidates, key=lambda weights: _rank(weights, scores, target))


def partitions(whole: int, count: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to split a whole number into `count` parts of 0 or more, in order."""
    if count == 1:
        yield (whole,)
        return
    for first in range(whole + 1):
        yield from ((first, *rest) for rest in partitions(whole - first, count - 1))


def _rank(weights: NDArray[np.float64], scores: NDArray[np.float64], target: NDArray[np.int64]) -> tuple[float, float, float]:
    """Accuracy, mean log score of the true class, and evenness of weights [M] for scores [M,N,C]; higher is better."""
    import numpy as np

    fused = np.tensordot(weights, scores, 1)  # [N,C]
    logs = np.log(np.maximum(fused[np.arange(len(target)), target], MIN_SCORE))
    return float((fused.argmax(1) == target).mean()), float(logs.mean()), -float((weights**2).sum())
