"""Where VGG16's weights come from: a file, or the ImageNet weights that torchvision publishes."""

from __future__ import annotations

import sys
from http.client import HTTPException
from pathlib import Path

import torch

from ferbench import FerbenchError, weights

# torchvision's VGG16_Weights.IMAGENET1K_V1. Said here so that a torchvision which does not match torch cannot stand in the way.
URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
HASH_PREFIX = "397923af"


def state(source: str) -> dict[str, torch.Tensor]:
    """The state dict of "imagenet" or of a file, on the CPU; FerbenchError where there is none."""
    return weights.state(imagenet_file() if source == "imagenet" else source)


def imagenet_file() -> Path:
    """The ImageNet weights in torch's own download folder, fetched when they are not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with weights.socket_timeout():
            torch.hub.download_url_to_file(URL, str(path), HASH_PREFIX, progress=sys.stderr.isatty())
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the checksum is wrong
        raise FerbenchError(
            f"VGG16's ImageNet weights are not at {path}, and {URL} could not be fetched ({error})",
            where=weights.WHERE,
            hint="put the file there, or --set backbone.weights=FILE, or --set backbone.weights=calibrated-random",
        ) from error
    return path


def fill(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copies `state` into the convolutions; FerbenchError with the first misfits. Entries of other parts of the network are ignored."""
    weights.fill(module, state, "torchvision's names for vgg16, without batch normalisation: features.0.weight …")
