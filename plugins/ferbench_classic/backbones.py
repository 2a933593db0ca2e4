"""Backbones: a descriptor of frames, clips or landmarks, and a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, FerbenchError, Frozen, Input
from ferbench.types import Count, Positive, Shape
from ferbench_classic.descriptors import (
    GradientHistograms3D,
    HOGDescriptor,
    LandmarkDescriptor,
    LBPHistograms,
    LBPTOPHistograms,
    PixelValues,
)

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin
    from torch import nn


@dataclass(frozen=True)
class DescriptorBackbone(Backbone):
    """What the backbones below share: a gray input and a classifier. A registered class adds the descriptor.

    `classifier`: "svm" with `kernel` (rbf, linear, or chi2 for histograms), "knn", "random-forest" (with `trees`) or "logistic-regression".
    `c` is the inverse regularization strength of SVM and logistic regression, `neighbors` the k of k-NN; if you leave them out, they are
    chosen on the validation people. "mlp" is a network instead, trained by the recipe: batch normalization, `hidden` units with ReLU,
    dropout 0.5.
    """

    classifier: Literal["svm", "knn", "random-forest", "logistic-regression", "mlp"] = "svm"
    kernel: Literal["rbf", "chi2", "linear"] = "rbf"
    c: Positive | None = None
    neighbors: Count | None = None
    trees: Count = 300
    hidden: Count = 128
    size: Annotated[int, Meta(ge=16)] = 112

    sums_to_one: ClassVar[bool] = False  # whether the descriptor consists of histograms that each sum to 1

    def input(self) -> Input:
        """Gray, values 0 to 1."""
        return Input(self.size, 1, (0.0,), (1.0,))

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Classifiers to choose from on the validation items; or a network, [B,D] -> logits."""
        if self.classifier == "mlp":
            return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))
        return Estimators(self._candidates)

    def _candidates(self) -> list[ClassifierMixin]:
        from ferbench_classic.classifiers import candidates

        return candidates(self.classifier, self.kernel, self.c, self.neighbors, self.trees, self.sums_to_one)

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench import heads

        normalization = nn.BatchNorm1d(shape[0], eps=1e-10, momentum=None)
        body, classifier = heads.make_perceptron((shape[0], self.hidden, classes), 0.5)
        return nn.Sequential(normalization, body), classifier


@dataclass(frozen=True)
class LBP(DescriptorBackbone):
    """Local binary patterns (Ojala et al. 2002): histograms over a grid of cells.

    Uniform patterns of `points` points on circles with each of the `radii` in pixels; one histogram per radius and cell of `grid` x `grid`,
    each summing to 1.
    """

    name = "lbp"
    points: Count = 8
    radii: Annotated[tuple[Annotated[float, Meta(gt=0, le=64)], ...], Meta(min_length=1)] = (2.0,)
    grid: Annotated[int, Meta(ge=1, le=64)] = 7

    sums_to_one: ClassVar[bool] = True

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier."""
        return LBPHistograms(self.points, self.radii, self.grid)


@dataclass(frozen=True)
class HOG(DescriptorBackbone):
    """Histograms of oriented gradients (Dalal & Triggs 2005).

    scikit-image's; `cell` in pixels, `block` in cells.
    """

    name = "hog"
    orientations: Count = 9
    cell: Count = 14
    block: Count = 2

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier. Raises FerbenchError if a block is larger than the crop."""
        if self.cell * self.block > self.size:
            raise FerbenchError(
                f"a block of {self.block} cells of {self.cell} pixels exceeds the crop of {self.size} pixels", where="backbone.cell"
            )
        return HOGDescriptor(self.orientations, self.cell, self.block)


@dataclass(frozen=True)
class Pixels(DescriptorBackbone):
    """Raw gray values: the baseline that every descriptor should beat."""

    name = "pixels"
    size: Count = 48

    def frozen(self) -> Frozen:
        """The gray values as a vector."""
        return PixelValues()


@dataclass(frozen=True)
class LBPTOP(DescriptorBackbone):
    """LBP on three orthogonal planes (Zhao & Pietikainen 2007), per clip.

    Uniform patterns of `points` points on circles of `radius` pixels, and frames, in the planes XY, XT and YT; one histogram per plane and
    cell of `grid` x `grid`.
    """

    name = "lbp-top"
    points: Count = 8
    radius: Annotated[int, Meta(ge=1, le=8)] = 1
    grid: Annotated[int, Meta(ge=1, le=64)] = 5

    sums_to_one: ClassVar[bool] = True

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier. Raises FerbenchError if a circle is wider than the crop."""
        if 2 * self.radius + self.grid > self.size:
            message = f"a radius of {self.radius} leaves no pixel for each of {self.grid} cells of a crop of {self.size} pixels"
            raise FerbenchError(message, where="backbone.radius")
        return LBPTOPHistograms(self.points, self.radius, self.grid)


@dataclass(frozen=True)
class Gradients3D(DescriptorBackbone):
    """Histograms of 3-D gradients (after Polikovsky et al. 2009), per clip.

    Gradient directions in the planes XY, XT and YT, in `bins` bins; one histogram per plane and cell of `grid` x `grid`.
    """

    name = "gradients-3d"
    bins: Count = 8
    grid: Annotated[int, Meta(ge=1, le=64)] = 4

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier."""
        return GradientHistograms3D(self.bins, self.grid)


@dataclass(frozen=True)
class Landmarks(DescriptorBackbone):
    """Facial landmarks, aligned: their displacement or shape.

    For corpora that ship landmarks (CK+ has 68 points), or a preprocessing with a step that finds them. Position, size and rotation are
    removed. `features`: the "displacement" of each point from the clip's first selected frame to its last, one descriptor per clip; or the
    "shape" of each frame.
    """

    name = "landmarks"
    features: Literal["displacement", "shape"] = "displacement"

    def frozen(self) -> Frozen:
        """The coordinates: equal for every classifier."""
        return LandmarkDescriptor(self.features == "displacement")
