"""More preprocessing of faces: detection and landmarks by small networks, alignment by the eyes, CLAHE; blendshapes as features."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_faces import models
from ferbench_faces.alignment import Align
from ferbench_faces.backbone import BlendshapeBackbone
from ferbench_faces.blazeface import BlazeFace, MediaPipeFace
from ferbench_faces.contrast import CLAHE
from ferbench_faces.landmarker import FaceLandmarker
from ferbench_faces.landmarks68 import FaceAPILandmarks
from ferbench_faces.yunet import YuNet


@ferbench.hookimpl
def register_preprocessors(register: Callable[[type[ferbench.Preprocessor]], None]) -> None:
    """Register detectors, steps that find landmarks, and image steps."""
    for step in (YuNet, BlazeFace, MediaPipeFace, FaceLandmarker, FaceAPILandmarks, Align, CLAHE):
        register(step)


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register blendshapes with a classifier."""
    register(BlendshapeBackbone)


@ferbench.hookimpl
def register_models(register: Callable[[ferbench.ModelFile], None]) -> None:
    """Register the files of the networks."""
    for model in models.ALL:
        register(model)
