"""Descriptors as frozen parts: [B,1,H,W] of values 0 to 1 -> [B,D]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ferbench import Frozen

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Uncalibrated(Frozen):
    """Looks at no training crop."""

    @property
    def calibrated(self) -> bool:
        """False."""
        return False


@dataclass(frozen=True)
class Patterns(Uncalibrated):
    """Uniform local binary patterns: [B,1,H,W] -> [B, radii * grid * grid * (points * (points - 1) + 3)]."""

    points: int
    radii: tuple[float, ...]
    grid: int

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """scikit-image's patterns ("nri_uniform": rotations count), their histograms ours."""
        from ferbench_classic.numpy_module import EachImage
        from ferbench_classic.patterns import histograms

        return EachImage(lambda image: histograms(image, self.points, self.radii, self.grid))


@dataclass(frozen=True)
class Gradients(Uncalibrated):
    """[B,1,H,W] -> [B,D]: scikit-image's hog, blocks normalised by L2 with clipping at 0.2."""

    orientations: int
    cell: int
    block: int

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Nothing is trained."""
        from skimage.feature import hog

        from ferbench_classic.numpy_module import EachImage

        sizes = {"pixels_per_cell": (self.cell, self.cell), "cells_per_block": (self.block, self.block)}
        return EachImage(lambda image: hog(image, self.orientations, block_norm="L2-Hys", **sizes))


@dataclass(frozen=True)
class Dynamics(Uncalibrated):
    """LBP-TOP of a clip: [T,1,H,W] -> [1, 3 * grid * grid * (points * (points - 1) + 3)]."""

    points: int
    radius: int
    grid: int

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Nothing is trained."""
        from ferbench_classic.numpy_module import EachClip
        from ferbench_classic.volumes import lbp_top

        return EachClip(lambda volume: lbp_top(volume, self.points, self.radius, self.grid))


@dataclass(frozen=True)
class Gradients3D(Uncalibrated):
    """Histograms of 3-D gradients of a clip: [T,1,H,W] -> [1, 3 * grid * grid * bins]."""

    bins: int
    grid: int

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "clips"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Nothing is trained."""
        from ferbench_classic.numpy_module import EachClip
        from ferbench_classic.volumes import gradients

        return EachClip(lambda volume: gradients(volume, self.bins, self.grid))


@dataclass(frozen=True)
class Geometry(Uncalibrated):
    """Aligned landmarks: [T,P,2] -> [T,2P], or their displacement from the first frame to the last, [1,2P]."""

    displacement: bool

    reads: ClassVar[Literal["frames", "clips", "landmarks"]] = "landmarks"

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Nothing is trained."""
        from ferbench_classic.geometry import displacement, shapes
        from ferbench_classic.numpy_module import EachClip

        return EachClip(displacement if self.displacement else shapes)


@dataclass(frozen=True)
class Values(Uncalibrated):
    """[B,1,H,W] -> [B,H*W]."""

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Nothing is trained."""
        from torch import nn

        return nn.Flatten()
