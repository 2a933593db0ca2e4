"""Reads the landmarks that a corpus ships: text files with one point `x y` per line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferbench.api.clips import Clip
from ferbench.api.errors import shorten
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.verification import read_indexed

Points = NDArray[np.float32]


def read_landmarks(clip: Clip, indices: Sequence[int], digests: Sequence[str]) -> tuple[dict[int, Points], dict[int, str]]:
    """Return the landmarks [P,2] of each frame, and for each frame whose landmarks cannot be used, the reason, without the name of a file.

    A frame is left out unless it has the clip's most common number of points. `digests` are those of the clip's files when it was indexed;
    raises FerbenchError if a file that is read changed since then.
    """
    own = digests[len(clip.images) :]
    points, problems = dict[int, Points](), dict[int, str]()
    for index in indices:
        try:
            points[index] = _parse_points(read_indexed(clip.landmarks[index], own[index]))
        except Unreadable as problem:
            problems[index] = f"landmarks: {problem.reason}"
        except ValueError as error:
            problems[index] = f"no landmarks ({error})"
    usual = Counter(map(len, points.values())).most_common(1)[0][0] if points else 0
    for index in [index for index, each in points.items() if len(each) != usual or not len(each)]:
        count = len(points.pop(index))
        problems[index] = f"{count} landmarks, but most frames of the clip have {usual}"
    return points, problems


def _parse_points(content: bytes) -> Points:
    """Parse lines of `x y`; raises ValueError for any other."""
    lines = [line for line in content.decode(errors="replace").splitlines() if line.strip()]
    points = [[float(number) for number in line.split()] for line in lines]
    if wrong := next((line for line, point in zip(lines, points, strict=True) if len(point) != 2), ""):
        raise ValueError(f"{shorten(wrong)}: expected x and y")
    return np.array(points, np.float32).reshape(-1, 2)
