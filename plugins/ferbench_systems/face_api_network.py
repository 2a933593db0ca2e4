"""face-api.js's expression network: four dense blocks of separable convolutions, and one layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ferbench_systems.padding import pad_as_tensorflow

WIDTHS = (3, 32, 64, 128, 256)
ANSWERS = 7


class SeparableConvolution(nn.Module):
    """A 3x3 convolution of each channel, then a 1x1 convolution; padded as TensorFlow does."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(inputs, inputs, 3, stride, groups=inputs, bias=False)
        self.pointwise = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] -> [B,D,H/stride,W/stride]."""
        output: Tensor = self.pointwise(self.depthwise(pad_as_tensorflow(x, 3, self.stride)))
        return output


class DenseBlock(nn.Module):
    """Four convolutions, of which each reads the sum of all outputs before it; the first one halves the size."""

    def __init__(self, inputs: int, outputs: int, *, is_first: bool) -> None:
        super().__init__()
        self.is_first = is_first
        self.conv0 = nn.Conv2d(inputs, outputs, 3, 2) if is_first else SeparableConvolution(inputs, outputs, 2)
        self.conv1, self.conv2, self.conv3 = (SeparableConvolution(outputs, outputs, 1) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] -> [B,D,H/2,W/2]."""
        total = first = F.relu(self.conv0(pad_as_tensorflow(x, 3, 2) if self.is_first else x))
        for convolution in (self.conv1, self.conv2, self.conv3):
            total = total + convolution(F.relu(total) if total is not first else first)
        return F.relu(total)


class ExpressionNetwork(nn.Module):
    """[B,3,112,112] -> [B,7]."""

    def __init__(self) -> None:
        super().__init__()
        pairs = pairwise(WIDTHS)
        self.blocks = nn.ModuleList(DenseBlock(inputs, outputs, is_first=inputs == 3) for inputs, outputs in pairs)
        self.fc = nn.Linear(WIDTHS[-1], ANSWERS)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.fc(x.mean((2, 3)))  # 7x7 values
        return logits


def build_network(state: Mapping[str, Tensor]) -> ExpressionNetwork:
    """The network with these weights, which have its names."""
    network = ExpressionNetwork()
    network.load_state_dict(dict(state))
    return network.eval().requires_grad_(False)


def name_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """From TensorFlow's names and layouts to this network's."""
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        block, _, rest = name.partition("/")
        if block == "fc":
            state["fc.weight" if rest == "weights" else "fc.bias"] = tensor.T if rest == "weights" else tensor
            continue
        convolution, _, part = rest.partition("/")
        own = f"blocks.{block.removeprefix('dense')}.{convolution}"
        is_plain = block == "dense0" and convolution == "conv0"
        if part == "bias":
            state[f"{own}.bias" if is_plain else f"{own}.pointwise.bias"] = tensor
        elif part == "depthwise_filter":  # [h,w,C,1] -> [C,1,h,w]
            state[f"{own}.depthwise.weight"] = tensor.permute(2, 3, 0, 1)
        else:  # [h,w,in,out] -> [out,in,h,w]
            state[f"{own}.weight" if is_plain else f"{own}.pointwise.weight"] = tensor.permute(3, 2, 0, 1)
    return {name: tensor.contiguous() for name, tensor in state.items()}


def split_tensors(content: bytes, manifest: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """The tensors in a file of TensorFlow.js; those of bytes are q * scale + min."""
    tensors, position = dict[str, Tensor](), 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        coding, count = entry.get("quantization"), int(torch.tensor(entry["shape"]).prod())
        size = count * (1 if coding else 4)
        part = torch.frombuffer(bytearray(content[position : position + size]), dtype=torch.uint8 if coding else torch.float32)
        position += size
        values = part.float() * coding["scale"] + coding["min"] if coding else part
        tensors[entry["name"]] = values.reshape(entry["shape"])
    if position != len(content):
        raise ValueError(f"{len(content)} bytes of weights: expected {position}")
    return tensors
