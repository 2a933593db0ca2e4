"""timm's descriptions of its networks, and networks with random weights."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ferbench import FerbenchError, weights

CALIBRATION_BATCH = 64


def import_timm() -> Any:
    """Import timm; raises FerbenchError if it, or the torchvision that it needs, cannot be imported."""
    try:
        import timm
    except (ImportError, RuntimeError, AttributeError) as error:  # a torchvision built for another torch raises the latter two
        raise FerbenchError(
            f"timm cannot be imported ({error}); it needs a torchvision that matches torch {torch.__version__}",
            where="backbone timm",
            hint="install torch and torchvision together, from one index: pip install --force-reinstall torch torchvision timm",
        ) from error
    return timm


def describe(model: str) -> Any:
    """timm's description of a network and its weights; raises FerbenchError for an unknown name."""
    timm = import_timm()
    architecture, _, tag = model.partition(".")
    if not timm.is_model(architecture) or "/" in model:
        close = get_close_matches(model, timm.list_models(), n=3)
        expected = f"did you mean {' or '.join(close)}?" if close else "expected a name from timm.list_models()"
        raise FerbenchError(f"timm {timm.__version__} has no model {model!r}; {expected}", where="backbone.model")
    try:
        return timm.get_pretrained_cfg(model, allow_unregistered=False)
    except RuntimeError as error:
        tags = [name.partition(".")[2] for name in timm.list_models(f"{architecture}.*", pretrained=True)]
        raise FerbenchError(
            f"timm has no weights {tag!r} for {architecture}; known: {', '.join(tags) or 'none'}", where="backbone.model"
        ) from error


def add_tag(model: str) -> str:
    """The name with the tag of its weights: if a later timm changes the default, its features get another key."""
    tag = describe(model).tag
    return model if "." in model or not tag else f"{model}.{tag}"


def native_input(model: str, channels: int) -> tuple[int, tuple[float, ...], tuple[float, ...]]:
    """Size in pixels, mean and std that the published weights were trained with; reads no weights."""
    cfg = describe(model)
    if channels == 1:
        return cfg.input_size[-1], (sum(cfg.mean) / len(cfg.mean),), (sum(cfg.std) / len(cfg.std),)
    return cfg.input_size[-1], tuple(cfg.mean), tuple(cfg.std)


def creation_options(model: str, channels: int, size: int | None) -> dict[str, Any]:
    """Arguments of timm.create_model for a network without classifier. Transformers need to know the image size."""
    cfg = describe(model)
    is_other_size = size is not None and size != cfg.input_size[-1]
    return {"num_classes": 0, "in_chans": channels} | ({"img_size": size} if cfg.fixed_input_size and is_other_size else {})


def random_network(model: str, options: dict[str, Any], seed: int) -> nn.Module:
    """The network with timm's random initialization, which depends on `seed` only."""
    with weights.random_seed(seed):
        trunk: nn.Module = import_timm().create_model(model, pretrained=False, **options)
    return trunk


@torch.no_grad()
def calibrate(trunk: nn.Module, crops: torch.Tensor | None, model: str) -> None:
    """Set the statistics of each batch normalization to those of normalized training crops [N,C,H,W]; moves the trunk to their device.

    Scales become 1: residual networks start with some at 0, which would leave whole blocks without effect.
    """
    norms = [module for module in trunk.modules() if isinstance(module, _BatchNorm)]
    if not norms:
        raise FerbenchError(
            f"calibrated-random needs a network with batch normalization, but timm's {model} has none",
            where="backbone.weights",
            hint="use --set backbone.weights=random, or another model",
        )
    if crops is None or len(crops) < 2:
        raise FerbenchError("calibrated-random weights need at least two training crops", where="backbone.weights")
    trunk.to(crops.device).eval()
    for norm in norms:
        norm.reset_parameters()  # scale 1, shift 0, no statistics yet
        norm.momentum = None  # the mean over all batches
        norm.train()
    for batch in crops.tensor_split(math.ceil(len(crops) / CALIBRATION_BATCH)):  # of nearly equal sizes, never a single crop
        trunk(batch)
    for norm in norms:
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        variance[variance <= 1e-10 * mean.square()] = 1  # a constant channel: dividing by its std would amplify rounding errors
