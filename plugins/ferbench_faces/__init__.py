"""More preprocessing of faces: detection by small networks, alignment by the eyes, CLAHE."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_faces import models
from ferbench_faces.alignment import Align
from ferbench_faces.blazeface import BlazeFace, MediaPipeFace
from ferbench_faces.contrast import CLAHE
from ferbench_faces.yunet import YuNet


@ferbench.hookimpl
def register_preprocessors(register: Callable[[type[ferbench.Preprocessor]], None]) -> None:
    """Register detectors and image steps."""
    for step in (YuNet, BlazeFace, MediaPipeFace, Align, CLAHE):
        register(step)


@ferbench.hookimpl
def register_models(register: Callable[[ferbench.ModelFile], None]) -> None:
    """Register the files of the networks."""
    for model in models.ALL:
        register(model)
