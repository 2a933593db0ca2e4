"""mini-XCEPTION: separable convolutions with residuals (Arriaga et al. 2017, figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ferbench import models
from ferbench_systems.padding import pad_as_tensorflow

WIDTHS = (8, 16, 32, 64, 128)
ANSWERS = 7
EPSILON = 1e-3  # of Keras's batch normalization


class Module(nn.Module):
    """Two separable convolutions and pooling, beside a 1x1 convolution; both halve the size."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.residual = nn.Conv2d(inputs, outputs, 1, 2, bias=False)
        self.residual_norm = nn.BatchNorm2d(outputs, EPSILON)
        self.depthwise1 = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        self.pointwise1 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, EPSILON)
        self.depthwise2 = nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs, bias=False)
        self.pointwise2 = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """[B,C,H,W] -> [B,D,ceil(H/2),ceil(W/2)]."""
        y = F.relu(self.norm1(self.pointwise1(self.depthwise1(x))))
        y = self.norm2(self.pointwise2(self.depthwise2(y)))
        pooled = F.max_pool2d(pad_as_tensorflow(y, 3, 2, -torch.inf), 3, 2)
        output: Tensor = pooled + self.residual_norm(self.residual(x))
        return output


class MiniXceptionModule(nn.Module):
    """[B,1,64,64] -> [B,7]."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.first_norm = nn.Conv2d(1, WIDTHS[0], 3, bias=False), nn.BatchNorm2d(WIDTHS[0], EPSILON)
        self.second, self.second_norm = nn.Conv2d(WIDTHS[0], WIDTHS[0], 3, bias=False), nn.BatchNorm2d(WIDTHS[0], EPSILON)
        self.modules_ = nn.ModuleList(Module(*pair) for pair in pairwise(WIDTHS))
        self.last = nn.Conv2d(WIDTHS[-1], ANSWERS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = F.relu(self.first_norm(self.first(x)))
        x = F.relu(self.second_norm(self.second(x)))
        for module in self.modules_:
            x = module(x)
        logits: Tensor = self.last(x).mean((2, 3))
        return logits


def build_network(state: Mapping[str, Tensor]) -> MiniXceptionModule:
    """The network with these weights, which have its names."""
    network = MiniXceptionModule()
    network.load_state_dict(dict(state))
    return network.eval().requires_grad_(False)


def read_layers(file: Path) -> dict[str, Tensor]:
    """Read the weights of a Keras file, under this network's names."""
    state: dict[str, Tensor] = {}
    with models.import_h5py().File(file) as content:
        for own, layer, kernel in _convolutions():
            values = torch.from_numpy(content[f"model_weights/{layer}/{layer}_1/{kernel}:0"][:])
            state[f"{own}.weight"] = values.permute(2, 3, 0, 1) if kernel == "depthwise_kernel" else values.permute(3, 2, 0, 1)
        state["last.bias"] = torch.from_numpy(content["model_weights/conv2d_7/conv2d_7_1/bias:0"][:])
        for own, number in _norms():
            folder = content[f"model_weights/batch_normalization_{number}/batch_normalization_{number}_1"]
            parts = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
            state |= {f"{own}.{part}": torch.from_numpy(folder[f"{name}:0"][:]) for part, name in parts.items()}
            state[f"{own}.num_batches_tracked"] = torch.tensor(0)
    return state


def _convolutions() -> list[tuple[str, str, str]]:
    """The name of each convolution here, its layer in Keras, and the name of its kernel there."""
    named = [("first", "conv2d_1", "kernel"), ("second", "conv2d_2", "kernel"), ("last", "conv2d_7", "kernel")]
    for number in range(len(WIDTHS) - 1):
        own = f"modules_.{number}"
        named.append((f"{own}.residual", f"conv2d_{number + 3}", "kernel"))
        for part in (1, 2):
            layer = f"separable_conv2d_{2 * number + part}"
            named += [(f"{own}.{kind}{part}", layer, f"{kind}_kernel") for kind in ("depthwise", "pointwise")]
    return named


def _norms() -> list[tuple[str, int]]:
    """The name of each batch normalization here, and its number in Keras: that of the residual comes before those beside it."""
    inner = [
        (f"modules_.{n}.{part}", 3 * n + 3 + offset) for n in range(4) for offset, part in enumerate(("residual_norm", "norm1", "norm2"))
    ]
    return [("first_norm", 1), ("second_norm", 2), *inner]
