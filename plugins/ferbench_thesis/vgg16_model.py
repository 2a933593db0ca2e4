"""VGG16 (Simonyan and Zisserman, 2015, configuration D) convolutions with torchvision's names; calibration."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from ferbench import FerbenchError, weights
from ferbench_thesis.vgg16_weights import fill

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
CALIBRATION_BATCH = 16
CALIBRATION_BYTES = 2**30


def loaded_convolutions(state: dict[str, torch.Tensor]) -> nn.Module:
    """The convolutions with weights from a state dict of the whole VGG16."""
    module = empty_convolutions()
    fill(module, state)
    return module.eval().requires_grad_(False)


def random_convolutions(seed: int) -> nn.Module:
    """He-initialised convolutions."""
    module = empty_convolutions()
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)
    return module.eval().requires_grad_(False)


def calibrated_convolutions(seed: int, crops: torch.Tensor | None) -> nn.Module:
    """He-initialised convolutions, calibrated on normalised training crops [N,3,H,W]; on their device."""
    if crops is None or not len(crops):
        raise FerbenchError("calibrated-random weights need training crops, and there are none", where=weights.WHERE)
    module = random_convolutions(seed).to(crops.device)
    calibrate(module.get_submodule("features"), crops)
    return module


def empty_convolutions() -> nn.Sequential:
    """[B,3,H,W] -> [B,25088], on the CPU and with memory that nothing was written to yet."""
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


def front(whole: nn.Module, trained: int) -> nn.Module:
    """The convolutions but for the last `trained` of the five blocks; all of them, pooled and flattened, where none is."""
    return whole if not trained else _features(whole)[: _start(trained)]


def back(whole: nn.Module, trained: int, head: nn.Module) -> nn.Sequential:
    """What follows the front: the last blocks, to be trained, pooling, and the head."""
    blocks = _features(whole)[_start(trained) :].requires_grad_(True)
    parts = OrderedDict(features=blocks, avgpool=nn.AdaptiveAvgPool2d(7), flatten=nn.Flatten(), head=head)
    return nn.Sequential(parts)


def _features(whole: nn.Module) -> nn.Sequential:
    features = whole.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    return features


def _start(trained: int) -> int:
    """Index of the first layer of the last `trained` blocks: each holds a ReLU for every convolution, and a pooling layer."""
    return sum(2 * len(block) + 1 for block in BLOCKS[: len(BLOCKS) - trained])


@torch.no_grad()
def calibrate(layers: nn.Module, crops: torch.Tensor) -> None:
    """Gives each convolution's output channels mean 0 and variance 1 over the crops, folded into weight and bias.

    Random ReLU layers add a large part that all images share, from which a head hardly learns. One pass of the crops is enough, as their
    activations are kept, standardised in place, and handed to the next layer.
    """
    batches = list(evenly_spaced(crops).split(CALIBRATION_BATCH))
    for layer in layers.children():
        for i, batch in enumerate(batches):
            batches[i] = layer(batch)
        if isinstance(layer, nn.Conv2d):
            standardise(layer, batches)


def evenly_spaced(crops: torch.Tensor) -> torch.Tensor:
    """As many of the crops as have first activations (the largest: 64 channels of float32) within 1 GiB; 83 of 224x224."""
    room = max(1, CALIBRATION_BYTES // (4 * BLOCKS[0][0] * crops.shape[2] * crops.shape[3]))
    if len(crops) <= room:
        return crops
    return crops[torch.linspace(0, len(crops) - 1, room).long().to(crops.device)]


def standardise(layer: nn.Conv2d, batches: list[torch.Tensor]) -> None:
    """Changes the layer, and its outputs `batches` of [b,C,h,w] in place; a channel that is constant only loses its mean."""
    count = sum(batch[:, 0].numel() for batch in batches)
    mean = torch.stack([batch.sum((0, 2, 3), dtype=torch.float64) for batch in batches]).sum(0) / count  # [C]
    for batch in batches:
        batch.sub_(mean.float()[:, None, None])
    variance = torch.stack([batch.square().sum((0, 2, 3), dtype=torch.float64) for batch in batches]).sum(0) / count  # [C]
    # What rounding leaves of a constant channel lies far below this share of its mean.
    varies = variance > 1e-10 * mean.square()
    deviation = torch.where(varies, variance.sqrt(), 1.0).float()
    for batch in batches:
        batch.div_(deviation[:, None, None])
    assert layer.bias is not None
    layer.weight.div_(deviation[:, None, None, None])
    layer.bias.sub_(mean.float()).div_(deviation)
