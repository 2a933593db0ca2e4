"""Reads the landmarks that a corpus ships: text files with one point `x y` per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip
from ferbench.store.files import open_regular

Points = NDArray[np.float32]


def read_landmarks(clip: Clip, indices: Sequence[int]) -> tuple[dict[int, Points], dict[int, str]]:
    """Return the landmarks [P,2] of each frame, and for each frame whose landmarks cannot be used, the reason.

    A frame is left out unless it has the clip's most common number of points.
    """
    points, problems = dict[int, Points](), dict[int, str]()
    for index in indices:
        try:
            points[index] = _read_points(clip.landmarks[index])
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            problems[index] = f"{clip.landmarks[index].name}: no landmarks ({reason})"
    usual = Counter(map(len, points.values())).most_common(1)[0][0] if points else 0
    for index in [index for index, each in points.items() if len(each) != usual or not len(each)]:
        count = len(points.pop(index))
        problems[index] = f"{clip.landmarks[index].name}: {count} landmarks, but most frames of the clip have {usual}"
    return points, problems


def _read_points(file: Path) -> Points:
    with open_regular(file) as opened:
        lines = opened.read().decode(errors="replace").splitlines()
    return np.array([[float(number) for number in line.split()] for line in lines if line.strip()], np.float32).reshape(-1, 2)
