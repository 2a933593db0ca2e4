"""Aggregators: from the softmax scores [T,C] of a clip's frames to one prediction [C] that sums to 1.

The fixed rules are those of Kittler et al. 1998, On combining classifiers, with frames in the place of classifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ferbench import Aggregator, Portable
from ferbench.types import NonNegative

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_SCORE = 1e-12  # lower scores are raised to this, so that no single frame can rule a class out


@dataclass(frozen=True)
class Majority(Aggregator):
    """Majority vote of the frames; ties go to the higher mean score."""

    name = "majority"

    def portable(self) -> Portable:
        """The votes."""
        return Portable(
            "votes = np.bincount(scores.argmax(1), minlength=scores.shape[1])\nreturn (votes + scores.mean(0) / 2) / (len(scores) + 0.5)"
        )

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(votes + mean / 2) / (T + 1/2): sums to 1, and half a mean score never outweighs a vote. [T,C] -> [C]."""
        import numpy as np

        scores = np.asarray(scores, np.float64)
        votes = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1])
        return (votes + scores.mean(axis=0) / 2) / (len(scores) + 0.5)


@dataclass(frozen=True)
class Mean(Aggregator):
    """Mean of the frame scores."""

    name = "mean"

    def portable(self) -> Portable:
        """The mean."""
        return Portable("return scores.mean(0)")

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        import numpy as np

        return np.asarray(scores, np.float64).mean(axis=0)


@dataclass(frozen=True)
class Median(Aggregator):
    """Median of the frame scores."""

    name = "median"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        import numpy as np

        return normalize(np.median(scores, axis=0))


@dataclass(frozen=True)
class Max(Aggregator):
    """Maximum of the frame scores: the most confident frame decides."""

    name = "max"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        return normalize(scores.max(axis=0))


@dataclass(frozen=True)
class Product(Aggregator):
    """Product of the frame scores, as their geometric mean."""

    name = "product"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """exp of the mean log score: unlike the product itself, it does not underflow for long clips. [T,C] -> [C]."""
        import numpy as np

        logs = np.log(np.maximum(scores, MIN_SCORE)).mean(axis=0)
        return normalize(np.exp(logs - logs.max()))


@dataclass(frozen=True)
class TrimmedMean(Aggregator):
    """Mean of the frame scores without the most extreme ones.

    `cut`: the share of frames to drop at either end, for each class by itself.
    """

    name = "trimmed-mean"
    cut: Annotated[float, Meta(ge=0, lt=0.5)] = 0.1

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Drop floor(cut T) frames at either end. [T,C] -> [C]."""
        from scipy.stats import trim_mean

        return normalize(trim_mean(scores, self.cut, axis=0))


@dataclass(frozen=True)
class Confidence(Aggregator):
    """Mean of the frame scores, weighted by the confidence of each frame.

    The confidence is 1 - entropy / log C; weights are confidences to the power `sharpness`.
    """

    name = "confidence"
    sharpness: NonNegative = 1.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]; the plain mean if every frame's confidence is 0."""
        import numpy as np

        confidence = 1 + (scores * np.log(np.maximum(scores, MIN_SCORE))).sum(axis=1) / np.log(max(2, scores.shape[1]))  # [T]
        weights = np.clip(confidence, 0, 1) ** self.sharpness
        return normalize((weights if weights.sum() > 0 else np.ones(len(scores))) @ scores)


@dataclass(frozen=True)
class Rising(Aggregator):
    """Mean of the frame scores, weighted more toward the end of the clip.

    For clips that run from neutral to the apex. Frame t of T has the weight t / T to the power `power`.
    """

    name = "rising"
    power: NonNegative = 1.0

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]; t = 1 ... T."""
        import numpy as np

        return normalize((np.arange(1, len(scores) + 1) / len(scores)) ** self.power @ scores)


@dataclass(frozen=True)
class LastFrame(Aggregator):
    """Scores of the last frame, for clips that end at the apex."""

    name = "last-frame"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """[T,C] -> [C]."""
        return scores[-1]


def normalize(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[C] scaled to sum to 1; equal values if all are 0."""
    total = values.sum()
    return values / total if total > 0 else values + 1 / len(values)
