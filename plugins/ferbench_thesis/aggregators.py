"""From the scores of a clip's frames to one prediction: the thesis's two testing methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ferbench import Aggregator

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
