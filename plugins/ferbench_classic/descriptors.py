"""Descriptors as frozen parts: of frames [B,1,H,W] with values 0 to 1, of a clip, or of its landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench import Frozen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Descriptor(Frozen):
    """A descriptor is computed from each item by itself, without training crops."""

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True)
class LBPHistograms(Descriptor):
    """Uniform local binary patterns: [B,1,H,W] -> [B, radii * grid * grid * (points * (points - 1) + 3)]."""

    points: int
    radii: tuple[float, ...]
    grid: int

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module with scikit-image's patterns ("nri_uniform": rotations are told apart)."""
        from ferbench_classic.numpy_module import ImageFunction
        from ferbench_classic.patterns import lbp_histograms

        return ImageFunction(lambda image: lbp_histograms(image, self.points, self.radii, self.grid))


@dataclass(frozen=True)
class HOGDescriptor(Descriptor):
    """Histograms of oriented gradients: [B,1,H,W] -> [B,D]; blocks are L2-normalized and clipped at 0.2."""

    orientations: int
    cell: int
    block: int

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module around scikit-image's hog."""
        from skimage.feature import hog

        from ferbench_classic.numpy_module import ImageFunction

        sizes = {"pixels_per_cell": (self.cell, self.cell), "cells_per_block": (self.block, self.block)}
        return ImageFunction(lambda image: hog(image, self.orientations, block_norm="L2-Hys", **sizes))


@dataclass(frozen=True)
class LBPTOPHistograms(Descriptor):
    """LBP-TOP of a clip: [T,1,H,W] -> [1, 3 * grid * grid * (points * (points - 1) + 3)]."""

    points: int
    radius: int
    grid: int

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module without parameters."""
        from ferbench_classic.numpy_module import ClipFunction
        from ferbench_classic.volumes import lbp_top

        return ClipFunction(lambda volume: lbp_top(volume, self.points, self.radius, self.grid))


@dataclass(frozen=True)
class GradientHistograms3D(Descriptor):
    """Histograms of 3-D gradients of a clip: [T,1,H,W] -> [1, 3 * grid * grid * bins]."""

    bins: int
    grid: int

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module without parameters."""
        from ferbench_classic.numpy_module import ClipFunction
        from ferbench_classic.volumes import gradient_histograms

        return ClipFunction(lambda volume: gradient_histograms(volume, self.bins, self.grid))


@dataclass(frozen=True)
class LandmarkDescriptor(Descriptor):
    """Aligned landmarks: [T,P,2] -> [T,2P], or their displacement from the first frame to the last, [1,2P]."""

    displacement: bool

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "landmarks"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module without parameters."""
        from ferbench_classic.geometry import describe_displacement, describe_shapes
        from ferbench_classic.numpy_module import ClipFunction

        return ClipFunction(describe_displacement if self.displacement else describe_shapes)


@dataclass(frozen=True)
class PixelValues(Descriptor):
    """[B,1,H,W] -> [B,H*W]."""

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Build a module without parameters."""
        from torch import nn

        return nn.Flatten()
