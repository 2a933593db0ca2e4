"""Runs a network in an ONNX file with OpenCV."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ferbench import FerbenchError

if TYPE_CHECKING:
    from ferbench_systems.onnx import ONNXInput

FILE, INPUT, CLASSES = "backbone.file", "backbone.reads_as", "backbone.classes"
LEAST = 1e-12  # a probability of 0 has no logarithm


class ONNXModule(nn.Module):
    """[B,C,size,size] on any device -> [B,A]."""

    def __init__(self, network: Any, declared: ONNXInput, scores: str) -> None:
        super().__init__()
        self.network, self.declared, self.scores = network, declared, scores
        self.lock = threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        """Logits, or logarithms of probabilities; one picture at a time, since many files fix the size of the batch."""
        if self.declared.order == "bgr":
            x = x.flip(1)
        if self.declared.layout == "nhwc":
            x = x.permute(0, 2, 3, 1)
        pictures = np.ascontiguousarray(x.float().cpu().numpy())
        outputs = torch.from_numpy(np.stack([self._run(picture[None]) for picture in pictures])).to(x.device)
        return outputs.clamp_min(LEAST).log() if self.scores == "probabilities" else outputs

    def _run(self, picture: np.ndarray) -> np.ndarray:
        with self.lock:
            self.network.setInput(picture, self.declared.name)
            output = self.network.forward()
        return np.array(output, np.float32).reshape(-1)  # of a buffer that the next call overwrites


def load_network(file: str, declared: ONNXInput, answers: int, scores: str) -> ONNXModule:
    """Load a file and run it once; raises FerbenchError if it is missing, cannot be run, or gives another number of values."""
    if not Path(file).is_file():
        raise FerbenchError(f"no file {file}", where=FILE, hint="give the path of an ONNX file")
    try:
        network = cv2.dnn.readNetFromONNX(str(file))
    except cv2.error as error:
        raise FerbenchError(f"OpenCV {cv2.__version__} cannot read {file} as ONNX ({_reason(error)})", where=FILE) from error
    module = ONNXModule(network, declared, scores)
    channels = 1 if declared.order == "gray" else 3
    try:
        with torch.inference_mode():
            output = module(torch.zeros(1, channels, declared.size, declared.size))
    except cv2.error as error:
        shape = f"{channels} x {declared.size} x {declared.size}, {declared.layout}"
        named = f" as the input {declared.name!r}" if declared.name else ""
        hint = "set size, order, layout or name of `reads_as` to those of the network"
        raise FerbenchError(f"{file} cannot read {shape}{named} ({_reason(error)})", where=INPUT, hint=hint) from error
    if output.shape[1] != answers:
        raise FerbenchError(f"{file} gives {output.shape[1]} values, and {answers} classes are named", where=CLASSES)
    return module


def _reason(error: cv2.error) -> str:
    """The sentence in an error of OpenCV."""
    return str(error.err or error).strip().partition("\n")[0][:200]
