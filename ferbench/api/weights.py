"""Helpers for backbones: load weights from files, and draw random weights from a seed."""

from __future__ import annotations

import hashlib
import inspect
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4
from zipfile import is_zipfile

import safetensors
import safetensors.torch
import torch

from ferbench.api import models
from ferbench.api.errors import FerbenchError
from ferbench.api.models import ModelFile
from ferbench.api.paths import expand_home

SETTING = "backbone.weights"
TIMEOUT = 10.0  # seconds to wait for a server


def load_state(file: str | Path) -> dict[str, torch.Tensor]:
    """Load the state dict in a .safetensors, .pth or .pt file, on the CPU; raises FerbenchError if there is none. Runs no code of the file.

    A checkpoint may hold it as `state_dict`, and its names may begin with the "module." of torch's DataParallel.
    """
    path = expand_home(file)
    if not path.is_file():
        raise FerbenchError(
            f"no weights at {path}; expected a .safetensors, .pth or .pt file, or imagenet, random, calibrated-random",
            where=SETTING,
            hint="correct the path, or use random weights: --set backbone.weights=random",
        )
    content = _read(path)
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if isinstance(state, dict) and all(isinstance(value, torch.Tensor) for value in state.values()):
        return {name.removeprefix("module."): value for name, value in state.items()}
    kind = f"a dict with {', '.join(map(str, list(content)[:4]))}" if isinstance(content, dict) else type(content).__name__
    raise FerbenchError(f"{path} holds {kind}; expected a state dict, which maps names to tensors", where=SETTING)


def load_model(model: ModelFile) -> dict[str, torch.Tensor]:
    """Load the state dict of a model file, on the CPU.

    What its `convert` makes is kept as safetensors in ferbench's cache, until a module in the folder of `convert` is edited.

    Raises FerbenchError if the file is not on this machine.
    """
    path = models.find(model)
    if model.convert is None:
        return load_state(path)
    code = _hash_modules_beside(Path(inspect.getfile(model.convert)))
    converted = models.cache_folder() / "converted" / f"{model.name}-{model.sha256[:12]}-{code[:12]}.safetensors"
    with suppress(OSError, safetensors.SafetensorError):  # there is none yet, or it is damaged
        return safetensors.torch.load_file(converted)
    state = {name: tensor.contiguous() for name, tensor in model.convert(path).items()}
    with suppress(OSError):  # it is made again next time
        _write_whole(converted, safetensors.torch.save(state))
    return state


def _hash_modules_beside(module: Path) -> str:
    """The hash of a module and those in its folder, among which the code of a conversion may be spread."""
    hashes = map(models.hash_file, sorted({module, *module.parent.glob("*.py")}))
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and then rename it, so that nobody reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_file = path.with_name(f"{path.name}.{uuid4().hex[:8]}.part")
    try:
        partial_file.write_bytes(content)
        partial_file.replace(path)
    finally:
        partial_file.unlink(missing_ok=True)


def load_into(module: torch.nn.Module, state: Mapping[str, torch.Tensor], expected: str, others: tuple[str, ...] | None = None) -> None:
    """Copy `state` into the module; raises FerbenchError with the first misfits, and with what was `expected`.

    Ignores entries that the module lacks; if `others` are given, only those whose names begin with one of them.
    """
    own = module.state_dict()
    misfits = [misfit for name, value in own.items() if (misfit := describe_misfit(name, value, state.get(name)))]
    if others is not None:
        misfits += [f"{name} is not part of this network" for name in state if name not in own and not name.startswith(others)]
    if misfits:
        more = f" and {len(misfits) - 3} more" if len(misfits) > 3 else ""
        raise FerbenchError(f"the weights do not fit: {'; '.join(misfits[:3])}{more}", where=SETTING, hint=f"expected {expected}")
    module.load_state_dict({name: state[name] for name in own})


def describe_misfit(name: str, parameter: torch.Tensor, value: torch.Tensor | None) -> str:
    """Say why `value` cannot be loaded into the parameter `name`; empty if it can."""
    if value is None:
        return f"{name} is missing"
    return "" if value.shape == parameter.shape else f"{name} is {list(value.shape)}, expected {list(parameter.shape)}"


@contextmanager
def random_seed(seed: int) -> Iterator[None]:
    """Draw random numbers on the CPU from `seed` inside the block; afterwards the generator continues as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would set the GPU's too
        yield


@contextmanager
def socket_timeout(seconds: float = TIMEOUT) -> Iterator[None]:
    """Limit how long downloads wait for a server: torch sets no timeout, and could wait for minutes on a dead connection."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read(path: Path) -> object:
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path))
    except Exception as error:  # readers raise many kinds of errors, and each means that this is not a file of weights
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise FerbenchError(
            f"cannot read {path} as weights ({reason})", where=SETTING, hint="expected a state dict: .safetensors, or torch.save's .pth"
        ) from error
