"""What landmarks tell: shapes freed of place, size and rotation, and how they change. Points [T,P,2]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

Points = NDArray[np.floating]
EYES = (slice(36, 42), slice(42, 48))  # of the 68 points that CK+ ships


def aligned(points: Points) -> Points:
    """Each frame's centroid at 0 and its size (root of the summed squares) 1; the first frame's eyes level, the others turned to fit it.

    With other than 68 points the first frame stays as it is turned. Orthogonal Procrustes analysis, without reflection.
    """
    centred = points - points.mean(1, keepdims=True)
    scaled = centred / np.maximum(np.linalg.norm(centred, axis=(1, 2), keepdims=True), 1e-9)
    if points.shape[1] == 68:
        left, right = (scaled[0, eye].mean(0) for eye in EYES)
        angle = np.arctan2(right[1] - left[1], right[0] - left[0])
        scaled = scaled @ _turn(angle)
    return np.stack([frame @ _rotation(frame, scaled[0]) for frame in scaled])


def shapes(points: Points) -> Points:
    """[T,P,2] -> [T,2P]."""
    return aligned(points).reshape(len(points), -1)


def displacement(points: Points) -> Points:
    """From the first frame to the last: [T,P,2] -> [1,2P]."""
    both = aligned(points)
    return (both[-1] - both[0]).reshape(1, -1)


def _rotation(points: Points, onto: Points) -> Points:
    """The matrix R for which points @ R comes nearest to `onto`, a rotation."""
    matrix, _ = orthogonal_procrustes(points, onto)
    if np.linalg.det(matrix) > 0:
        return matrix
    u, _, v = np.linalg.svd(points.T @ onto)
    return u @ np.diag([1, -1]) @ v


def _turn(angle: float) -> Points:
    """Row vectors times it are turned by -angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
