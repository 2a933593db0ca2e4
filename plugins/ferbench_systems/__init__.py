"""Finished systems as backbones: networks that others trained to recognize expressions, of which nothing is trained here."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_systems.face_api import FaceAPI
from ferbench_systems.mini_xception import MiniXception
from ferbench_systems.models import MODELS
from ferbench_systems.onnx import ONNX


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register the systems."""
    for system in (FaceAPI, MiniXception, ONNX):
        register(system)


@ferbench.hookimpl
def register_models(register: Callable[[ferbench.ModelFile], None]) -> None:
    """Register the files of the systems."""
    for model in MODELS:
        register(model)
