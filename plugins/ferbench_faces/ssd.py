"""Decodes what BlazeFace and its relatives answer: a single-shot detector (SSD) on two grids of anchors."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import ferbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

GRIDS = ((8, 2), (16, 6))  # pixels between the anchors of a grid, and anchors at each place
MAX_OVERLAP = 0.3  # intersection over union; boxes that overlap by more are one face


@lru_cache
def make_anchors(size: int) -> Numbers:
    """The centers of all anchors [N,2] for an input of `size` pixels square, as shares of its side; row by row."""
    import numpy as np

    centers = []
    for stride, count in GRIDS:
        places = (np.arange(size // stride) + 0.5) * stride / size
        grid = np.stack(np.meshgrid(places, places), -1).reshape(-1, 2)
        centers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(centers)


def decode(raw: Numbers, size: int) -> Numbers:
    """Faces [N,8,2] as shares of the side: top left corner, size, 6 points.

    `raw` [N,16] are the center, the size and the points in pixels; all but the size are relative to the anchor.
    """
    import numpy as np

    pairs = raw.reshape(-1, 8, 2).astype(np.float64) / size
    centers = make_anchors(size)
    points = pairs[:, 2:] + centers[:, None]
    return np.concatenate([(pairs[:, 0] + centers - pairs[:, 1] / 2)[:, None], pairs[:, 1:2], points], 1)


def merge_overlapping(faces: Numbers, scores: Numbers) -> tuple[Numbers, Numbers]:
    """One face [8,2] for each group of overlapping boxes: their mean, weighted by the scores; the highest scores first.

    Blending in place of non-maximum suppression, as in section 3.3 of the paper on BlazeFace: steadier boxes in videos.
    """
    import numpy as np

    merged, best = [], []
    order = np.argsort(-scores, kind="stable")
    faces, scores = faces[order], scores[order]
    while len(faces):
        boxes = faces[:, :2].reshape(-1, 4)
        same = ferbench.faces.measure_overlaps(boxes[:1], boxes)[0] > MAX_OVERLAP
        same[0] = True  # a box without area overlaps nothing
        merged.append(np.average(faces[same], axis=0, weights=scores[same]))
        best.append(scores[0])
        faces, scores = faces[~same], scores[~same]
    return np.array(merged).reshape(-1, 8, 2), np.array(best)
