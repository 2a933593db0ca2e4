"""Descriptors of single frames with a classifier behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from msgspec import Meta

from ferbench import Backbone, EmbeddingNetwork, Estimators, FerbenchError, Frozen, Input
from ferbench.types import Count, Positive, Shape
from ferbench_classic.descriptors import Dynamics, Geometry, Gradients, Gradients3D, Patterns, Values

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin
    from torch import nn


@dataclass(frozen=True)
class Described(Backbone):
    """What the backbones below share: a gray input, and a classifier. A registered class adds the descriptor.

    `classifier`: "svm" with `kernel` (rbf, chi2 for histograms, linear), "knn", "random-forest" or "logistic-regression". `c` is the
    inverse strength of regularisation of SVM and logistic regression, `neighbours` those of k-NN; what is left out is chosen on the
    validation people. "mlp" is a network instead, trained by the recipe: batch normalisation, `hidden` units with ReLU, dropout 0.5.
    """

    classifier: Literal["svm", "knn", "random-forest", "logistic-regression", "mlp"] = "svm"
    kernel: Literal["rbf", "chi2", "linear"] = "rbf"
    c: Positive | None = None
    neighbours: Count | None = None
    trees: Count = 300
    hidden: Count = 128
    size: Annotated[int, Meta(ge=16)] = 112

    shares: ClassVar[bool] = False  # whether the descriptor is made of histograms that sum to 1

    def input(self) -> Input:
        """Gray, values 0 to 1."""
        return Input(self.size, 1, (0.0,), (1.0,))

    def trainable(self, classes: Sequence[str]) -> EmbeddingNetwork | Estimators:
        """Classifiers, of which the best on the validation frames is kept; or a network, [B,D] -> logits."""
        if self.classifier == "mlp":
            return EmbeddingNetwork(lambda shape: self._network(shape, len(classes)))
        return Estimators(self._candidates)

    def _candidates(self) -> list[ClassifierMixin]:
        from ferbench_classic.classifiers import candidates

        return candidates(self.classifier, self.kernel, self.c, self.neighbours, self.trees, self.shares)

    def _network(self, shape: Shape, classes: int) -> tuple[nn.Module, nn.Linear]:
        from torch import nn

        from ferbench import heads

        normalization = nn.BatchNorm1d(shape[0], eps=1e-10, momentum=None)
        body, classifier = heads.perceptron((shape[0], self.hidden, classes), 0.5)
        return nn.Sequential(normalization, body), classifier


@dataclass(frozen=True)
class LBP(Described):
    """Local binary patterns (Ojala et al. 2002): histograms of uniform patterns in a grid of fields, each summing to 1.

    `points` on circles of the `radii` in pixels, the histograms of several joined; `grid` x `grid` fields.
    """

    name = "lbp"
    points: Count = 8
    radii: Annotated[tuple[Annotated[float, Meta(gt=0, le=64)], ...], Meta(min_length=1)] = (2.0,)
    grid: Annotated[int, Meta(ge=1, le=64)] = 7

    shares: ClassVar[bool] = True

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier."""
        return Patterns(self.points, self.radii, self.grid)


@dataclass(frozen=True)
class HOG(Described):
    """Histograms of oriented gradients (Dalal & Triggs 2005), by scikit-image; `cell` in pixels, `block` in cells."""

    name = "hog"
    orientations: Count = 9
    cell: Count = 14
    block: Count = 2

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier. FerbenchError where a block is larger than the crop."""
        if self.cell * self.block > self.size:
            raise FerbenchError(
                f"a block of {self.block} cells of {self.cell} pixels exceeds the crop of {self.size} pixels", where="backbone.cell"
            )
        return Gradients(self.orientations, self.cell, self.block)


@dataclass(frozen=True)
class Pixels(Described):
    """The pixels themselves: what every other system has to beat."""

    name = "pixels"
    size: Annotated[int, Meta(ge=1)] = 48

    def frozen(self) -> Frozen:
        """The gray values in a row."""
        return Values()


@dataclass(frozen=True)
class LBPTOP(Described):
    """LBP on three orthogonal planes (Zhao & Pietikainen 2007): how texture changes, in one histogram a clip.

    `points` on circles of `radius` pixels, and frames, in the planes XY, XT and YT; `grid` x `grid` fields.
    """

    name = "lbp-top"
    points: Count = 8
    radius: Annotated[int, Meta(ge=1, le=8)] = 1
    grid: Annotated[int, Meta(ge=1, le=64)] = 5

    shares: ClassVar[bool] = True

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier. FerbenchError where a circle is wider than the crop."""
        if 2 * self.radius + self.grid > self.size:
            what = f"a radius of {self.radius} leaves no pixel for each of {self.grid} fields of a crop of {self.size} pixels"
            raise FerbenchError(what, where="backbone.radius")
        return Dynamics(self.points, self.radius, self.grid)


@dataclass(frozen=True)
class Gradients3(Described):
    """Histograms of 3-D gradients by region of the face (after Polikovsky et al. 2009): one descriptor a clip.

    Directions in the planes XY, XT and YT in `bins`, for each of `grid` x `grid` regions.
    """

    name = "gradients-3d"
    bins: Count = 8
    grid: Annotated[int, Meta(ge=1, le=64)] = 4

    def frozen(self) -> Frozen:
        """The histograms: equal for every classifier."""
        return Gradients3D(self.bins, self.grid)


@dataclass(frozen=True)
class Landmarks(Described):
    """The corpus's own landmarks (ck+ ships 68 points), freed of place, size and rotation.

    `features`: "displacement" of each point from the clip's first selected frame to its last, one descriptor a clip; or the "shape" of
    each frame.
    """

    name = "landmarks"
    features: Literal["displacement", "shape"] = "displacement"

    def frozen(self) -> Frozen:
        """The coordinates: equal for every classifier."""
        return Geometry(self.features == "displacement")
