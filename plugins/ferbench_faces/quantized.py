"""Weights of TensorFlow.js: bytes, of which each stands for a number between a minimum and a maximum of its tensor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench import FerbenchError, models

if TYPE_CHECKING:
    import torch


def read_quantized(file: Path) -> Mapping[str, torch.Tensor]:
    """Read one tensor after the other, as the manifest of face-api's landmark network says; a byte b stands for b * scale + min."""
    import numpy as np
    import torch

    from ferbench_faces.models import FACE_API_LANDMARKS_MANIFEST

    manifest = json.loads(models.find(FACE_API_LANDMARKS_MANIFEST).read_bytes())
    content, start, state = file.read_bytes(), 0, {}
    for entry in manifest[0]["weights"]:
        count, quantization = int(np.prod(entry["shape"])), entry.get("quantization")
        kind = np.dtype(quantization["dtype"] if quantization else entry["dtype"])
        values = np.frombuffer(content, kind, count, start).astype(np.float64).reshape(entry["shape"])
        if quantization:
            values = values * quantization["scale"] + quantization["min"]
        state[entry["name"]] = torch.from_numpy(values).float()
        start += count * kind.itemsize
    if start != len(content):
        raise FerbenchError(f"{file} has {len(content)} bytes, but its manifest describes {start}")
    return state
