"""Components as source code that needs numpy and OpenCV alone, for the runner of an export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Portable:
    """What a component does, as the body of a function in Python.

    Of a preprocessing step, the function takes `images`, RGB or gray, and `boxes` (x, y, width, height) or None, and returns both; of an
    aggregator, it takes `scores` [T,C] and returns [C]. It may use `cv2`, `np`, `FOLDER`, and `fill(images, found)`, which gives frames
    whose box is None the median of the others. `files` are copied into FOLDER under these names.
    """

    body: str
    files: Mapping[str, Path] = field(default_factory=dict)
