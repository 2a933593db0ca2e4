"""Where VGG16's weights come from: a file, or the ImageNet weights that torchvision publishes."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from zipfile import is_zipfile

import safetensors.torch
import torch

from ferbench import FerbenchError

# torchvision's VGG16_Weights.IMAGENET1K_V1. Said here so that a torchvision which does not match torch cannot stand in the way.
URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
HASH_PREFIX = "397923af"
WHERE = "backbone.weights"
TIMEOUT = 10.0  # seconds without an answer


def state(weights: str) -> dict[str, torch.Tensor]:
    """The state dict of "imagenet" or of a file, on the CPU; FerbenchError where there is none."""
    path = imagenet_file() if weights == "imagenet" else Path(weights).expanduser()
    if not path.is_file():
        raise FerbenchError(
            f"no weights at {path}; expected a .safetensors, .pth or .pt file, or imagenet, random, calibrated-random",
            where=WHERE,
            hint="mend the path, or --set backbone.weights=calibrated-random",
        )
    return checked(read(path), path)


def imagenet_file() -> Path:
    """The ImageNet weights in torch's own download folder, fetched when they are not there."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(URL).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket_timeout(TIMEOUT):
            torch.hub.download_url_to_file(URL, str(path), HASH_PREFIX, progress=sys.stderr.isatty())
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the checksum is wrong
        raise FerbenchError(
            f"VGG16's ImageNet weights are not at {path}, and {URL} could not be fetched ({error})",
            where=WHERE,
            hint="put the file there, or --set backbone.weights=FILE, or --set backbone.weights=calibrated-random",
        ) from error
    return path


@contextmanager
def socket_timeout(seconds: float) -> Iterator[None]:
    """torch's download sets no timeout of its own and would wait on a silent network for minutes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def read(path: Path) -> object:
    """What the file holds, without running any code of it."""
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # the readers raise many kinds, and each means that this is no file of weights
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise FerbenchError(
            f"cannot read {path} as weights ({reason})", where=WHERE, hint="expected a state dict: .safetensors, or torch.save's .pth"
        ) from error


def checked(held: object, path: Path) -> dict[str, torch.Tensor]:
    """The same, if it is a state dict."""
    if isinstance(held, dict) and all(isinstance(value, torch.Tensor) for value in held.values()):
        return held
    keys = f"a dict with {', '.join(map(str, list(held)[:4]))}" if isinstance(held, dict) else type(held).__name__
    raise FerbenchError(f"{path} holds {keys}; expected a state dict, names to tensors", where=WHERE)


def fill(module: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copies `state` into the module; FerbenchError with the first misfits. Entries of other parts of the network are ignored."""
    own = module.state_dict()
    misfits = [misfit(name, value, state.get(name)) for name, value in own.items()]
    told = [text for text in misfits if text]
    if told:
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        raise FerbenchError(
            f"the weights do not fit VGG16: {'; '.join(told[:3])}{more}",
            where=WHERE,
            hint="expected torchvision's names for vgg16, without batch normalisation: features.0.weight …",
        )
    module.load_state_dict({name: state[name] for name in own})


def misfit(name: str, wanted: torch.Tensor, given: torch.Tensor | None) -> str:
    """Why a tensor cannot be used, or nothing."""
    if given is None:
        return f"{name} is missing"
    return "" if given.shape == wanted.shape else f"{name} is {list(given.shape)}, expected {list(wanted.shape)}"
