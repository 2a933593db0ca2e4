"""Histograms of local binary patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern


def histograms(image: NDArray[np.uint8], points: int, radius: float, grid: int) -> NDArray[np.float64]:
    """uint8 [H,W] -> [grid*grid*P], field by field in rows; P = points * (points - 1) + 3 uniform patterns and one for all others."""
    codes = local_binary_pattern(image, points, radius, "nri_uniform").astype(int)
    bins = points * (points - 1) + 3
    fields = [field for band in np.array_split(codes, grid, 0) for field in np.array_split(band, grid, 1)]
    return np.concatenate([np.bincount(field.ravel(), minlength=bins) / max(1, field.size) for field in fields])
