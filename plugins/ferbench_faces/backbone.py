"""The 52 blendshapes of MediaPipe's Face Landmarker and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench import Backbone, Estimators, Frozen, Input
from ferbench_faces.models import FACE_LANDMARKER

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class BlendshapeFeatures(Frozen):
    """Landmarks [T,478,2] -> blendshapes [T,52]."""

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "landmarks"

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module around the network, which OpenCV runs."""
        from ferbench_faces.blendshapes import Blendshapes

        return Blendshapes()


@dataclass(frozen=True)
class BlendshapeBackbone(Backbone):
    """The 52 blendshapes of MediaPipe's Face Landmarker, such as mouthSmileLeft, and a classifier.

    The preprocessing must find 478 landmarks, with the step face-landmarker. `head`: "logistic-regression", or "svm" (linear; C is chosen
    on the validation people), on standardized features.
    """

    name = "blendshapes"
    head: Literal["logistic-regression", "svm"] = "logistic-regression"

    def input(self) -> Input:
        """Of crops, which it does not read."""
        return Input(112, 1, (0.0,), (1.0,))

    def trained_on(self) -> str:
        """What the networks for landmarks and blendshapes were trained on."""
        return FACE_LANDMARKER.trained_on

    def frozen(self) -> BlendshapeFeatures:
        """The blendshapes: equal for both classifiers."""
        return BlendshapeFeatures()

    def trainable(self, classes: Sequence[str]) -> Estimators:  # noqa: ARG002
        """Classifiers of blendshapes [N,52]."""
        from ferbench import heads

        return Estimators(lambda: heads.make_classifiers(self.head))
