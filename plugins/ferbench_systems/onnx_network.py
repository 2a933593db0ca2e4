"""Runs a network in an ONNX file, with OpenCV or ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ferbench import FerbenchError
from ferbench_systems.onnx_engines import ENGINES, Run
from ferbench_systems.onnx_file import Signature, read_signature

if TYPE_CHECKING:
    from ferbench_systems.onnx import ONNXNetwork


FILE, READS_AS, OUTPUT, CLASSES, SCORES, ENGINE = (
    f"backbone.{name}" for name in ("file", "reads_as", "output", "classes", "scores", "engine")
)
LEAST = 1e-12  # a probability of 0 has no logarithm
ROUNDING = 1e-3  # of probabilities
PROBES = 3
DIFFERENCE = 1e-2  # between engines, as a share of the largest value


class ONNXModule(nn.Module):
    """[B,C,size,size] on any device -> [B,A]."""

    def __init__(self, run: Run, described: ONNXNetwork) -> None:
        super().__init__()
        self.run, self.described = run, described

    def forward(self, x: Tensor) -> Tensor:
        """Logits, or logarithms of probabilities; raises FerbenchError if what should be probabilities is none."""
        outputs = self.values(x)
        if self.described.scores == "logits":
            return outputs
        if len(outputs) and not (outputs.min() >= -ROUNDING and outputs.max() <= 1 + ROUNDING):
            values = f"values from {float(outputs.min()):.3g} to {float(outputs.max()):.3g}, which are no probabilities"
            raise FerbenchError(f"{self.described.file} gives {values}", where=SCORES, hint="set scores: logits")
        return outputs.clamp_min(LEAST).log()

    def values(self, x: Tensor) -> Tensor:
        """The values that are answers; one picture at a time, since many files fix the size of the batch."""
        x = x.flip(1) if self.described.declared.order == "bgr" else x
        x = x.permute(0, 2, 3, 1) if self.described.declared.layout == "nhwc" else x
        pictures = np.ascontiguousarray(x.float().cpu().numpy())
        outputs = [self.run(picture[None]).reshape(-1) for picture in pictures]
        expected, kept = self.described.values, self.described.kept
        if wrong := next((len(values) for values in outputs if len(values) != expected), 0):
            problem = f"{self.described.file} gives {wrong} values, and {expected} classes are named"
            raise FerbenchError(problem, where=CLASSES, hint="name all its values in their order, with null for one that is no answer")
        return torch.from_numpy(np.array(outputs, np.float32).reshape(-1, expected)[:, kept]).to(x.device)


def load_network(described: ONNXNetwork) -> ONNXModule:
    """Load a file; raises FerbenchError if it is missing, reads or gives something else than described, or cannot be run."""
    try:
        signature = read_signature(Path(described.file).read_bytes())
    except FileNotFoundError as error:
        raise FerbenchError(f"no file {described.file}", where=FILE, hint="give the path of an ONNX file") from error
    except (ValueError, IsADirectoryError) as error:
        raise FerbenchError(f"cannot read {described.file} as ONNX ({error})", where=FILE, hint="give the path of an ONNX file") from error
    _check_signature(described, signature)
    run = ENGINES[described.engine](described.file, _choose_output(described, signature))
    return ONNXModule(run, described)


def check_network(described: ONNXNetwork) -> None:
    """Load a file and run it on noise; raises FerbenchError if its values are not as described, or depend on the engine."""
    module = load_network(described)
    noise = _draw_noise(described)
    values = module.values(noise)
    if not values.isfinite().all():
        raise FerbenchError(f"{described.file} gives values that are NaN or infinite", where=FILE)
    sums_are_1 = torch.allclose(values.sum(1), torch.ones(len(values)), atol=ROUNDING)
    if described.scores == "logits" and values.shape[1] > 1 and values.min() >= 0 and sums_are_1:
        raise FerbenchError(f"{described.file} gives probabilities, not logits", where=SCORES, hint="set scores: probabilities")
    module(noise)
    _compare_engines(described, noise, values)


def _check_signature(described: ONNXNetwork, signature: Signature) -> None:
    """Raise FerbenchError unless the file is whole, and has one input, of the name and shape that are declared."""
    file, declared = described.file, described.declared
    if signature.files:  # OpenCV would end the process, and a change of the other file would change no key
        problem = f"{file} keeps its weights in another file, {', '.join(signature.files[:3])}"
        raise FerbenchError(problem, where=FILE, hint=f"write one file: onnx.save(onnx.load({Path(file).name!r}), 'whole.onnx')")
    if declared.name and declared.name not in signature.inputs:
        problem = f"{file} has no input {declared.name!r}: expected {' or '.join(signature.inputs)}"
        raise FerbenchError(problem, where=f"{READS_AS}.name", hint="leave it out if the file has one input")
    if len(signature.inputs) != 1:
        raise FerbenchError(f"{file} has {len(signature.inputs)} inputs, {', '.join(signature.inputs)}: expected one", where=FILE)
    ((name, shape),) = signature.inputs.items()
    given = _shape_of(described)
    if shape and (len(shape) != 4 or any(own not in (None, size) for own, size in zip(shape, given, strict=True))):
        own = " x ".join("?" if size is None else str(size) for size in shape)
        problem = f"{file} reads {own} as {name!r}, and {' x '.join(map(str, given))} is declared ({declared.order}, {declared.layout})"
        raise FerbenchError(problem, where=READS_AS, hint="set size, order and layout to those of the network, which must read one picture")


def _choose_output(described: ONNXNetwork, signature: Signature) -> str:
    """The name of the output that holds the answers."""
    names, output = ", ".join(signature.outputs), described.output
    if output and output not in signature.outputs:
        raise FerbenchError(f"{described.file} has no output {output!r}: expected one of {names}", where=OUTPUT)
    if not output and len(signature.outputs) != 1:
        problem = f"{described.file} has {len(signature.outputs)} outputs, {names}: expected the name of the one with the answers"
        raise FerbenchError(problem, where=OUTPUT, hint=f"set output: {signature.outputs[0] if signature.outputs else 'NAME'}")
    return output or signature.outputs[0]


def _compare_engines(described: ONNXNetwork, noise: Tensor, values: Tensor) -> None:
    """Raise FerbenchError if OpenCV gives other values than ONNX Runtime, where that is installed: OpenCV computes some layers wrongly."""
    if described.engine == "onnxruntime" or find_spec("onnxruntime") is None:
        return
    try:
        expected = load_network(replace(described, engine="onnxruntime")).values(noise)
    except FerbenchError:  # a file that is too new for it cannot be compared
        return
    difference, largest = float((values - expected).abs().max()), float(expected.abs().max())
    if difference > DIFFERENCE * largest:
        problem = f"OpenCV computes {described.file} wrongly: its values differ from ONNX Runtime's by {difference:.2g}, of {largest:.2g}"
        raise FerbenchError(problem, where=ENGINE, hint="set engine: onnxruntime")


def _shape_of(described: ONNXNetwork) -> tuple[int, int, int, int]:
    channels, size = (1 if described.declared.order == "gray" else 3), described.declared.size
    return (1, channels, size, size) if described.declared.layout == "nchw" else (1, size, size, channels)


def _draw_noise(described: ONNXNetwork) -> Tensor:
    """Pictures [PROBES,C,size,size] as the module reads them: of noise, and normalized as declared."""
    declared = described.declared
    channels = 1 if declared.order == "gray" else 3
    mean, std = declared.mean or (0.0,) * channels, declared.std or (1.0,) * channels
    shape = (PROBES, channels, declared.size, declared.size)
    pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0)) * declared.maximum
    normalized = (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    return normalized.flip(1) if declared.order == "bgr" else normalized
