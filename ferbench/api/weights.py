"""For plugins: weights from files and seeds."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import is_zipfile

import safetensors.torch
import torch

from ferbench.api.errors import FerbenchError

WHERE = "backbone.weights"
TIMEOUT = 10.0  # seconds without an answer


def state(file: str | Path) -> dict[str, torch.Tensor]:
    """The state dict in a .safetensors, .pth or .pt file, on the CPU; FerbenchError where there is none. No code of the file is run.

    It may stand as `state_dict` in a checkpoint, and its names may begin with the "module." of torch's DataParallel.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FerbenchError(
            f"no weights at {path}; expected a .safetensors, .pth or .pt file, or imagenet, random, calibrated-random",
            where=WHERE,
            hint="mend the path, or --set backbone.weights=random",
        )
    held = _read(path)
    inner = held.get("state_dict", held) if isinstance(held, dict) else held
    if isinstance(inner, dict) and all(isinstance(value, torch.Tensor) for value in inner.values()):
        return {name.removeprefix("module."): value for name, value in inner.items()}
    keys = f"a dict with {', '.join(map(str, list(held)[:4]))}" if isinstance(held, dict) else type(held).__name__
    raise FerbenchError(f"{path} holds {keys}; expected a state dict, names to tensors", where=WHERE)


def fill(module: torch.nn.Module, state: Mapping[str, torch.Tensor], expected: str, others: tuple[str, ...] | None = None) -> None:
    """Copies `state` into the module; FerbenchError with the first misfits, and with what was `expected`.

    Entries that the module lacks are ignored; where `others` are given, only if their names begin with one of these.
    """
    own = module.state_dict()
    told = [text for name, value in own.items() if (text := misfit(name, value, state.get(name)))]
    if others is not None:
        told += [f"{name} is not of this network" for name in state if name not in own and not name.startswith(others)]
    if told:
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        raise FerbenchError(f"the weights do not fit: {'; '.join(told[:3])}{more}", where=WHERE, hint=f"expected {expected}")
    module.load_state_dict({name: state[name] for name in own})


def misfit(name: str, wanted: torch.Tensor, given: torch.Tensor | None) -> str:
    """Why a tensor cannot be used, or nothing."""
    if given is None:
        return f"{name} is missing"
    return "" if given.shape == wanted.shape else f"{name} is {list(given.shape)}, expected {list(wanted.shape)}"


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """What is drawn on the CPU inside is drawn from `seed`, whatever was drawn before; what is drawn behind it does not notice."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would set the GPU's too
        yield


@contextmanager
def socket_timeout(seconds: float = TIMEOUT) -> Iterator[None]:
    """torch's download sets no timeout of its own and would wait on a silent network for minutes."""
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
    except Exception as error:  # the readers raise many kinds, and each means that this is no file of weights
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        raise FerbenchError(
            f"cannot read {path} as weights ({reason})", where=WHERE, hint="expected a state dict: .safetensors, or torch.save's .pth"
        ) from error
