"""VGG16's weights, from a file or from torchvision's ImageNet weights."""

from __future__ import annotations

import sys
from http.client import HTTPException
from pathlib import Path

import torch

from ferbench import FerbenchError, weights

# torchvision's VGG16_Weights.IMAGENET1K_V1. Repeated here, so that a torchvision that does not match torch does no harm.
URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
HASH_PREFIX = "397923af"


def load_state(source: str) -> dict[str, torch.Tensor]:
    """Load the state dict of "imagenet" or of a file, on the CPU; raises FerbenchError if there is none."""
    return weights.load_state(imagenet_file() if source == "imagenet" else source)


def imagenet_file() -> Path:
    """The file of ImageNet weights in torch's download folder; downloaded if it is not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with weights.socket_timeout():
            torch.hub.download_url_to_file(URL, str(path), HASH_PREFIX, progress=sys.stderr.isatty())
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the checksum is wrong
        raise FerbenchError(
            f"VGG16's ImageNet weights are not at {path}, and {URL} could not be downloaded ({error})",
            where=weights.WHERE,
            hint="put the file there, or --set backbone.weights=FILE, or --set backbone.weights=calibrated-random",
        ) from error
    return path


def load_into(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copy `state` into the convolutions, ignoring other parts of the network; raises FerbenchError with the first misfits."""
    weights.load_into(module, state, "torchvision's names for vgg16, without batch normalization: features.0.weight ...")
