"""Histograms of local binary patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern


def lbp_histograms(image: NDArray[np.uint8], points: int, radii: Sequence[float], grid: int) -> NDArray[np.float64]:
    """uint8 [H,W] -> [R*grid*grid*P], by radius, then cell by cell, in rows.

    P = points * (points - 1) + 3: one bin per uniform pattern, and one for all others.
    """
    return np.concatenate([_histograms(image, points, radius, grid) for radius in radii])


def _histograms(image: NDArray[np.uint8], points: int, radius: float, grid: int) -> NDArray[np.float64]:
    codes = local_binary_pattern(image, points, radius, "nri_uniform").astype(int)
    bins = points * (points - 1) + 3
    cells = [cell for band in np.array_split(codes, grid, 0) for cell in np.array_split(band, grid, 1)]
    return np.concatenate([np.bincount(cell.ravel(), minlength=bins) / max(1, cell.size) for cell in cells])
