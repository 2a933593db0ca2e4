"""Landmarks without position, size and rotation, and how they move. Points [T,P,2]."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

Points = NDArray[np.floating]
EYES = (slice(36, 42), slice(42, 48))  # of the 68 points that CK+ ships


def align(points: Points) -> Points:
    """Move each frame's centroid to 0, scale its size (root of the summed squares) to 1, and rotate it to fit the first frame.

    The first frame is rotated so that its eyes are level; with other than 68 points, it keeps its rotation. Orthogonal Procrustes
    analysis, without reflection.
    """
    centered = points - points.mean(1, keepdims=True)
    scaled = centered / np.maximum(np.linalg.norm(centered, axis=(1, 2), keepdims=True), 1e-9)
    if points.shape[1] == 68:
        left, right = (scaled[0, eye].mean(0) for eye in EYES)
        angle = np.arctan2(right[1] - left[1], right[0] - left[0])
        scaled = scaled @ _rotation(angle)
    return np.stack([frame @ _best_rotation(frame, scaled[0]) for frame in scaled])


def describe_shapes(points: Points) -> Points:
    """Each frame's aligned points: [T,P,2] -> [T,2P]."""
    return align(points).reshape(len(points), -1)


def describe_displacement(points: Points) -> Points:
    """The displacement of aligned points from the first frame to the last: [T,P,2] -> [1,2P]."""
    frames = align(points)
    return (frames[-1] - frames[0]).reshape(1, -1)


def _best_rotation(points: Points, target: Points) -> Points:
    """The rotation matrix R for which points @ R is closest to `target`."""
    matrix, _ = orthogonal_procrustes(points, target)
    if np.linalg.det(matrix) > 0:
        return matrix
    u, _, v = np.linalg.svd(points.T @ target)
    return u @ np.diag([1, -1]) @ v


def _rotation(angle: float) -> Points:
    """The matrix R for which points @ R are rotated by -angle."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
