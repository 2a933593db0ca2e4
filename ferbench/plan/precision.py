"""The device that a name means, and the precision that it computes in: a part of the keys of features and fits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16"]

# A GPU computes matrix products and convolutions in bfloat16 (what stays in float32 uses TF32).
PRECISIONS: dict[str, Precision] = {"cpu": "float32", "cuda": "bfloat16"}
# Files of drivers: NVIDIA's, on boards and under Windows too, and AMD's.
DRIVERS = ("/proc/driver/nvidia", "/dev/nvidia*", "/dev/nvhost*", "/dev/nvgpu*", "/dev/nvmap", "/dev/dxg", "/dev/kfd")


def resolve_device(name: str) -> str:
    """Return the name of the device that computes: "auto" is the GPU if there is one. Imports torch only if there may be one."""
    if name != "auto":
        return name
    if not may_have_gpu():
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(device: str) -> Precision:
    """Return the precision that a device computes in."""
    return PRECISIONS["cpu" if device == "cpu" else "cuda"]


def may_have_gpu(root: str = "/") -> bool:
    """Whether a driver of a GPU is installed, judged by the files below `root`; other systems than Linux may always have one."""
    return sys.platform != "linux" or any(True for pattern in DRIVERS for _ in Path(root).glob(pattern.removeprefix("/")))
