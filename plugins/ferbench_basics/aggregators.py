"""Aggregators: softmax scores [T,C] of a clip's frames -> [C], which sums to one.

The fixed rules are those of Kittler et al. 1998, On combining classifiers, with frames in the place of classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import Aggregator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEAST = 1e-12  # a score below counts as this: one frame alone cannot rule a class out


def _shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[C] scaled to sum to one; evenly where all are 0."""
    total = values.sum()
    return values / total if total > 0 else values + 1 / len(values)


@dataclass(frozen=True)
class Majority(Aggregator):
    """Majority vote: the class that is most often a frame's best; ties go to the higher mean score."""

    name = "majority"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(votes + mean / 2) / (T + 1/2): sums to one, and half a mean score never outweighs a vote. [T,C] -> [C]."""
        import numpy as np

        scores = np.asarray(scores, np.float64)
        votes = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1])
        return (votes + scores.mean(axis=0) / 2) / (len(scores) + 0.5)


@dataclass(frozen=True)
class Mean(Aggregator):
    """Mean scores: the mean of the frames' softmax scores."""

    name = "mean"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        import numpy as np

        return np.asarray(scores, np.float64).mean(axis=0)


@dataclass(frozen=True)
class Median(Aggregator):
    """Median score of each class."""

    name = "median"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        import numpy as np

        return _shares(np.median(scores, axis=0))


@dataclass(frozen=True)
class Max(Aggregator):
    """Highest score of each class: the frame that is surest decides."""

    name = "max"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        return _shares(scores.max(axis=0))


@dataclass(frozen=True)
class Product(Aggregator):
    """Product of experts: the frames' scores multiplied, that is the mean of their logarithms."""

    name = "product"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """exp of the mean log score, scaled: a geometric mean, so that long clips do not underflow. [T,C] -> [C]."""
        import numpy as np

        logs = np.log(np.maximum(scores, LEAST)).mean(axis=0)
        return _shares(np.exp(logs - logs.max()))


@dataclass(frozen=True)
class TrimmedMean(Aggregator):
    """Mean score of each class without its most extreme frames; `cut` is the share left out at either end."""

    name = "trimmed-mean"
    cut: Annotated[float, Meta(ge=0, lt=0.5)] = 0.1

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]; floor(cut T) frames at either end."""
        from scipy.stats import trim_mean

        return _shares(trim_mean(scores, self.cut, axis=0))


@dataclass(frozen=True)
class Confidence(Aggregator):
    """Mean score, frames weighted by how sure they are: 1 - entropy / log C, to the power `sharpness`."""

    name = "confidence"
    sharpness: Annotated[float, Meta(ge=0)] = 1.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]; the plain mean where no frame is sure of anything."""
        import numpy as np

        sure = 1 + (scores * np.log(np.maximum(scores, LEAST))).sum(axis=1) / np.log(max(2, scores.shape[1]))  # [T]
        weights = np.clip(sure, 0, 1) ** self.sharpness
        return _shares((weights if weights.sum() > 0 else np.ones(len(scores))) @ scores)


@dataclass(frozen=True)
class Rising(Aggregator):
    """Mean score, frames weighted more the later they come: clips run from neutral to the apex. Weights are (t / T) to a `power`."""

    name = "rising"
    power: Annotated[float, Meta(ge=0)] = 1.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]; t = 1 ... T."""
        import numpy as np

        return _shares((np.arange(1, len(scores) + 1) / len(scores)) ** self.power @ scores)


@dataclass(frozen=True)
class LastFrame(Aggregator):
    """The last frame's scores: the apex, where clips end with it."""

    name = "last-frame"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        return scores[-1]
