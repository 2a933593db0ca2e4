"""The network of face-api.js that finds 68 landmarks, in torch."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ferbench import weights
from ferbench_faces.models import FACE_API_LANDMARKS

SIZE = 112  # pixels of the network's input
MEAN = (122.782, 117.001, 104.298)  # of red, green and blue, 0 to 255

State = Mapping[str, Tensor]


def locate_points(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    """68 points [68,2] in an RGB image [112,112,3], as shares of its side; raises FerbenchError without the model."""
    pixels = torch.from_numpy(square).float().permute(2, 0, 1)[None]  # [1,3,112,112]
    with torch.inference_mode():
        answers: NDArray[np.float32] = forward((pixels - torch.tensor(MEAN).view(3, 1, 1)) / 255, load_state()).numpy()
    return answers.reshape(68, 2)


def forward(x: Tensor, state: State) -> Tensor:
    """[B,3,112,112] -> [B,136]: four blocks of four convolutions that halve the size, mean over the remaining 7 x 7, one linear layer."""
    for block in range(4):
        x = _dense_block(x, {name.removeprefix(f"dense{block}/"): value for name, value in state.items()})
    x = F.avg_pool2d(x, 7, 2).flatten(1)  # [B,256]
    return x @ state["fc/weights"] + state["fc/bias"]


def _dense_block(x: Tensor, state: State) -> Tensor:
    """Each convolution reads the sum of all outputs before it."""
    total = F.relu(_convolve(x, state, "conv0", 2))
    for name in ("conv1", "conv2", "conv3"):
        total = total + _convolve(F.relu(total), state, name, 1)
    return F.relu(total)


def _convolve(x: Tensor, state: State, name: str, stride: int) -> Tensor:
    """A convolution, separable except for the first, with TensorFlow's padding: at stride 2, only right and below."""
    x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
    if f"{name}/filters" in state:
        return F.conv2d(x, state[f"{name}/filters"].permute(3, 2, 0, 1), state[f"{name}/bias"], stride)
    x = F.conv2d(x, state[f"{name}/depthwise_filter"].permute(2, 3, 0, 1), None, stride, groups=x.shape[1])
    return F.conv2d(x, state[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), state[f"{name}/bias"])


@lru_cache(maxsize=1)
def load_state() -> State:
    """The weights by name, in TensorFlow's layout; raises FerbenchError without the model."""
    return weights.load_model(FACE_API_LANDMARKS)
