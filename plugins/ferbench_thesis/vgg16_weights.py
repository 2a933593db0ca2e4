"""VGG16's weights, from a file or from torchvision's ImageNet weights."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import torch

from ferbench import FerbenchError, models, weights
from ferbench_thesis.vgg16_models import HED, IMAGENET


def load_state(source: str) -> dict[str, torch.Tensor]:
    """Load the state dict of "imagenet", of "hed" or of a file, on the CPU; raises FerbenchError if there is none."""
    if source == "hed":
        return weights.load_model(HED)
    return weights.load_state(_find_imagenet() if source == "imagenet" else source)


def _find_imagenet() -> Path:
    return models.locate(IMAGENET) or download(Path(torch.hub.get_dir()) / "checkpoints")


@cache  # to hash half a gigabyte once per process, not once per fit
def download(folder: Path) -> Path:
    """The file of ImageNet weights in `folder`; downloaded if it is missing or damaged."""
    import pooch

    path = folder / Path(IMAGENET.url).name
    try:
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**20, timeout=weights.TIMEOUT)
        return Path(pooch.retrieve(IMAGENET.url, f"sha256:{IMAGENET.sha256}", path.name, folder, downloader=downloader))
    except (OSError, ValueError) as error:  # ValueError: the hash is wrong
        state = "damaged at" if path.is_file() else "not at"
        raise FerbenchError(
            f"VGG16's ImageNet weights are {state} {path}, and {IMAGENET.url} could not be downloaded ({_root_cause(error)})",
            where=weights.SETTING,
            hint="put the file there, or --set backbone.weights=FILE, or --set backbone.weights=calibrated-random",
        ) from error


def _root_cause(error: BaseException) -> BaseException:
    """The error at the start of a chain: "Connection refused" instead of a nest of requests' and urllib3's errors."""
    while error.__context__ is not None:
        error = error.__context__
    return error


def load_into(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copy `state` into the convolutions, ignoring other parts of the network; raises FerbenchError with the first misfits."""
    weights.load_into(module, state, "torchvision's names for vgg16, without batch normalization: features.0.weight ...")
