"""More preprocessing of faces: detection by YuNet, alignment by the eyes, CLAHE."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_faces.alignment import Align
from ferbench_faces.contrast import CLAHE
from ferbench_faces.yunet import YuNet


@ferbench.hookimpl
def register_preprocessors(register: Callable[[type[ferbench.Preprocessor]], None]) -> None:
    """Register the three steps."""
    for step in (YuNet, Align, CLAHE):
        register(step)
