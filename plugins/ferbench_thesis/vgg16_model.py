"""The convolutions of VGG16 (Simonyan and Zisserman 2015, configuration D) with torchvision's names, and their calibration."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from ferbench import FerbenchError, weights
from ferbench_thesis.vgg16_weights import load_into

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
FEATURES = 512 * 7 * 7
CALIBRATION_BATCH = 16
CALIBRATION_BYTES = 2**30


def pretrained_convolutions(state: dict[str, torch.Tensor]) -> nn.Module:
    """Convolutions with the weights in a state dict of the whole VGG16."""
    module = empty_convolutions()
    load_into(module, state)
    return module.eval().requires_grad_(False)


def random_convolutions(seed: int) -> nn.Module:
    """He-initialized convolutions."""
    module = empty_convolutions()
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return module.eval().requires_grad_(False)


def calibrated_convolutions(seed: int, crops: torch.Tensor | None) -> nn.Module:
    """He-initialized convolutions, calibrated on normalized training crops [N,3,H,W]; on the device of the crops."""
    if crops is None or not len(crops):
        raise FerbenchError("calibrated-random weights need training crops, but there are none", where=weights.SETTING)
    module = random_convolutions(seed).to(crops.device)
    calibrate(module.get_submodule("features"), crops)
    return module


def empty_convolutions() -> nn.Sequential:
    """[B,3,H,W] -> [B,25088], on the CPU, with uninitialized memory."""
    layers: list[nn.Module] = []
    channels = 3
    with torch.device("meta"):
        for block in BLOCKS:
            for width in block:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2))
    # [B,512,H/32,W/32] -> [B,512,7,7] -> [B,25088]
    parts = OrderedDict(features=nn.Sequential(*layers), avgpool=nn.AdaptiveAvgPool2d(7), flatten=nn.Flatten())
    return nn.Sequential(parts).to_empty(device="cpu")


def frozen_part(convolutions: nn.Module, trained_blocks: int) -> nn.Module:
    """The convolutions without the last `trained_blocks` of the five blocks; if that is 0, all of them, pooled and flattened."""
    return convolutions if not trained_blocks else _layers(convolutions)[: _first_trained(trained_blocks)]


def trained_part(convolutions: nn.Module, trained_blocks: int, head: nn.Module) -> nn.Sequential:
    """What follows the frozen part: the last blocks, unfrozen, pooling, and the head."""
    blocks = _layers(convolutions)[_first_trained(trained_blocks) :].requires_grad_(True)
    parts = OrderedDict(features=blocks, avgpool=nn.AdaptiveAvgPool2d(7), flatten=nn.Flatten(), head=head)
    return nn.Sequential(parts)


def _layers(convolutions: nn.Module) -> nn.Sequential:
    layers = convolutions.get_submodule("features")
    assert isinstance(layers, nn.Sequential)
    return layers


def _first_trained(trained_blocks: int) -> int:
    """Index of the first layer of the last `trained_blocks`; a block holds a ReLU per convolution, and a pooling layer."""
    return sum(2 * len(block) + 1 for block in BLOCKS[: len(BLOCKS) - trained_blocks])


@torch.no_grad()
def calibrate(layers: nn.Module, crops: torch.Tensor) -> None:
    """Give each convolution's output channels mean 0 and variance 1 over the crops, by changing its weight and bias.

    Random ReLU layers add a large part that is the same for all images, from which a head hardly learns. One pass of the crops is enough,
    because their activations are kept, standardized in place, and passed to the next layer.
    """
    batches = list(evenly_spaced(crops).split(CALIBRATION_BATCH))
    for layer in layers.children():
        for i, batch in enumerate(batches):
            batches[i] = layer(batch)
        if isinstance(layer, nn.Conv2d):
            standardize(layer, batches)


def evenly_spaced(crops: torch.Tensor) -> torch.Tensor:
    """As many of the crops as have their largest activations, the first ones (64 channels of float32), within 1 GiB: 83 of 224x224."""
    count = max(1, CALIBRATION_BYTES // (4 * BLOCKS[0][0] * crops.shape[2] * crops.shape[3]))
    if len(crops) <= count:
        return crops
    return crops[torch.linspace(0, len(crops) - 1, count).long().to(crops.device)]


def standardize(layer: nn.Conv2d, batches: list[torch.Tensor]) -> None:
    """Change the layer, and its outputs `batches` of [b,C,h,w] in place; a constant channel only loses its mean."""
    count = sum(batch[:, 0].numel() for batch in batches)
    mean = torch.stack([batch.sum((0, 2, 3), dtype=torch.float64) for batch in batches]).sum(0) / count  # [C]
    for batch in batches:
        batch.sub_(mean.float()[:, None, None])
    variance = torch.stack([batch.square().sum((0, 2, 3), dtype=torch.float64) for batch in batches]).sum(0) / count  # [C]
    # Rounding leaves a constant channel with far less variance than this share of its squared mean.
    varies = variance > 1e-10 * mean.square()
    deviation = torch.where(varies, variance.sqrt(), 1.0).float()
    for batch in batches:
        batch.div_(deviation[:, None, None])
    assert layer.bias is not None
    layer.weight.div_(deviation[:, None, None, None])
    layer.bias.sub_(mean.float()).div_(deviation)
