"""Late fusion of several backbones' scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import Backbone, FerbenchError, Fusion

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS = 10  # a weight is a multiple of a tenth
LEAST = 1e-12


@dataclass(frozen=True)
class LateFusion(Fusion):
    """Late fusion: a weighted mean of the scores of several backbones, each fitted by itself.

    `of` lists the backbones, written as on the axis. `weights`, one for each, or those multiples of a tenth that are best on the
    validation people: by accuracy, then by the mean log score of the true class, then the most even ones. Without validation people all
    weigh the same.
    """

    name = "fusion"
    of: tuple[Backbone | Fusion, ...] = ()
    weights: tuple[Annotated[float, Meta(ge=0)], ...] | None = None

    def members(self) -> Sequence[Backbone | Fusion]:
        """At least two; FerbenchError where there are fewer, or another number of weights."""
        if len(self.of) < 2:
            raise FerbenchError(f"a fusion of {len(self.of)} backbones: expected two or more", where="backbone.of")
        if self.weights is not None and (len(self.weights) != len(self.of) or not any(self.weights)):
            raise FerbenchError(
                f"weights {list(self.weights)} of {len(self.of)} backbones: expected one for each, not all of them 0",
                where="backbone.weights",
            )
        return self.of

    def weigh(self, scores: NDArray[np.float64], target: NDArray[np.int64]) -> NDArray[np.float64]:
        """[M,N,C], [N] -> [M]."""
        import numpy as np

        if self.weights is not None:
            return np.array(self.weights)
        if not len(target):
            return np.ones(len(scores))

        def goodness(weights: NDArray[np.float64]) -> tuple[float, float, float]:
            fused = np.tensordot(weights, scores, 1)  # [N,C]
            logs = np.log(np.maximum(fused[np.arange(len(target)), target], LEAST))
            return float((fused.argmax(1) == target).mean()), float(logs.mean()), -float((weights**2).sum())

        return max((np.array(each) / STEPS for each in shares(len(scores), STEPS)), key=goodness)


def shares(parts: int, whole: int) -> Iterator[tuple[int, ...]]:
    """Every way to deal so many wholes to so many parts."""
    if parts == 1:
        yield (whole,)
        return
    for first in range(whole + 1):
        yield from ((first, *rest) for rest in shares(parts - 1, whole - first))
