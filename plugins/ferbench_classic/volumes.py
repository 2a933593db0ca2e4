"""Descriptors of a clip as a volume of gray values, uint8 [T,H,W]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

Volume = NDArray[np.uint8]


def lbp_top(volume: Volume, points: int, radius: int, grid: int) -> NDArray[np.float64]:
    """LBP on three orthogonal planes (Zhao & Pietikainen 2007) -> [3*grid*grid*P], P = points * (points - 1) + 3.

    Uniform patterns in the planes XY, XT and YT around every voxel that has `radius` neighbors on all sides, in histograms over
    grid x grid cells and all of the time, each summing to 1. A clip that is too short is extended by its first and last frame.
    """
    missing = max(0, 2 * radius + 1 - len(volume))
    volume = np.pad(volume, ((missing // 2, missing - missing // 2), (0, 0), (0, 0)), "edge")
    inside = slice(radius, -radius)

    def pattern_codes(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
        return np.stack([local_binary_pattern(plane, points, radius, "nri_uniform") for plane in planes]).astype(np.int64)

    xy = pattern_codes(volume)  # [T,H,W]
    xt = pattern_codes(volume.transpose(1, 0, 2)).transpose(1, 0, 2)  # planes [T,W], one per y
    yt = pattern_codes(volume.transpose(2, 0, 1)).transpose(1, 2, 0)  # planes [T,H], one per x
    bins = points * (points - 1) + 3
    return np.concatenate([_histograms(codes[inside, inside, inside], bins, grid) for codes in (xy, xt, yt)])


def gradient_histograms(volume: Volume, bins: int, grid: int) -> NDArray[np.float64]:
    """Histograms of 3-D gradients (after Polikovsky et al. 2009) -> [3*grid*grid*bins].

    The direction of the gradient in each of the planes XY, XT and YT, weighted by its length there, over grid x grid cells and all of the
    time; each histogram has length 1, or is 0 where nothing changes.
    """
    values = volume.astype(np.float64)
    t = np.gradient(values, axis=0) if len(values) > 1 else np.zeros_like(values)
    y, x = np.gradient(values, axis=(1, 2))
    histograms = []
    for first, second in ((x, y), (x, t), (y, t)):
        codes = ((np.arctan2(second, first) + np.pi) / (2 * np.pi) * bins).astype(np.int64) % bins
        for code, weight in zip(_cells(codes, grid), _cells(np.hypot(first, second), grid), strict=True):
            histogram = np.bincount(code.ravel(), weight.ravel(), bins)
            histograms.append(histogram / max(float(np.linalg.norm(histogram)), 1e-9))
    return np.concatenate(histograms)


def _histograms(codes: NDArray[np.int64], bins: int, grid: int) -> NDArray[np.float64]:
    cells = _cells(codes, grid)
    return np.concatenate([np.bincount(cell.ravel(), minlength=bins) / max(1, cell.size) for cell in cells])


def _cells(values: NDArray, grid: int) -> list[NDArray]:
    """[T,H,W] -> grid * grid cells, in rows."""
    return [cell for band in np.array_split(values, grid, 1) for cell in np.array_split(band, grid, 2)]
