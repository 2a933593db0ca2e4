"""Where a network's weights come from: a file, or the place where timm publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import safetensors.torch
import torch

from ferbench import FerbenchError
from ferbench_timm.model import described, library

WHERE = "backbone.weights"
TIMEOUT = 10.0  # seconds without an answer
HINT = "--set backbone.weights=FILE, or --set backbone.weights=calibrated-random"


def pretrained(model: str, options: dict[str, Any]) -> torch.nn.Module:
    """The network with the weights that timm publishes, from the download folder or the network."""
    cfg = described(model)
    if not cfg.has_weights:
        raise FerbenchError(f"timm publishes no weights for {model}", where=WHERE, hint=HINT)
    try:
        probe(cfg.hf_hub_id)
        trunk: torch.nn.Module = library().create_model(model, pretrained=True, **options)
    except Exception as error:  # of urllib, of either generation of huggingface_hub, of timm
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(f"timm's weights for {model} could not be had: {reason}{sought(cfg)}", where=WHERE, hint=HINT) from error
    return trunk


def probe(repository: str | None) -> None:
    """Raises quickly where the hub does not answer and the weights are not in its folder: left alone, it tries for most of a minute."""
    import huggingface_hub
    from huggingface_hub.utils import get_session

    files = ("model.safetensors", "pytorch_model.bin")
    if not repository or any(isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str) for file in files):
        return
    get_session().head(huggingface_hub.hf_hub_url(repository, files[0]), timeout=TIMEOUT)


def sought(cfg: Any) -> str:
    """Where the weights are published and where a copy of them is looked for."""
    from huggingface_hub import constants

    if cfg.hf_hub_id:
        return f" (https://huggingface.co/{cfg.hf_hub_id}, looked for in {constants.HF_HUB_CACHE})"
    return f" ({cfg.url}, looked for in {Path(torch.hub.get_dir()) / 'checkpoints'})"


def load(trunk: torch.nn.Module, weights: str) -> None:
    """Fills the trunk from a file; FerbenchError where it is missing, unreadable or of another network."""
    path = Path(weights).expanduser()
    if not path.is_file():
        raise FerbenchError(
            f"no weights at {path}; expected a .safetensors, .pth or .pt file, or imagenet, random, calibrated-random",
            where=WHERE,
            hint="mend the path, or --set backbone.weights=calibrated-random",
        )
    fill(trunk, checked(read(path), path))


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


def fill(trunk: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Copies `state` into the trunk; FerbenchError with the first misfits. The classifier's entries are ignored."""
    own = trunk.state_dict()
    told = [text for name, value in own.items() if (text := misfit(name, value, state.get(name)))]
    classifiers = classifier_names(trunk)
    told += [f"{name} is not of this network" for name in state if name not in own and not name.startswith(classifiers)]
    if told:
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        raise FerbenchError(
            f"the weights do not fit: {'; '.join(told[:3])}{more}", where=WHERE, hint="expected the state dict of backbone.model in timm"
        )
    trunk.load_state_dict({name: state[name] for name in own})


def classifier_names(trunk: Any) -> tuple[str, ...]:
    """The layers that timm left out of the trunk."""
    names = trunk.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def misfit(name: str, wanted: torch.Tensor, given: torch.Tensor | None) -> str:
    """Why a tensor cannot be used, or nothing."""
    if given is None:
        return f"{name} is missing"
    return "" if given.shape == wanted.shape else f"{name} is {list(given.shape)}, expected {list(wanted.shape)}"
