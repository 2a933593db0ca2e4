"""Any network in an ONNX file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from ferbench import File, Frozen, Input, System
from ferbench.types import Count

if TYPE_CHECKING:
    import torch

RANGES: tuple[tuple[Literal[1, 255], tuple[float, ...], tuple[float, ...]], ...] = (
    (1, (), ()),
    (255, (), ()),
    (1, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    (1, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)
"""Maximum, mean and std that an audit tries."""


@dataclass(frozen=True)
class ONNXInput:
    """What the network reads: (x - mean) / std, with x from 0 to `maximum`, in the order of channels `order`, as `layout`.

    `name` is that of the input in the file; it may be left out, since the file must have one input.
    """

    size: Count = 224
    order: Literal["rgb", "bgr", "gray"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"
    maximum: Literal[1, 255] = 1
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class ONNXNetwork(Frozen):
    """[B,C,size,size] -> [B,A]: the logits of the answers, or the logarithms of their probabilities.

    The network gives so many `values`, of which those with the numbers `kept` are answers.
    """

    file: File
    declared: ONNXInput
    values: int
    kept: tuple[int, ...]
    scores: str
    output: str
    engine: str

    @property
    def is_calibrated(self) -> bool:
        """Never."""
        return False

    def build(self, crops: torch.Tensor | None) -> torch.nn.Module:  # noqa: ARG002
        """Load the network; raises FerbenchError if it is missing, reads something else than declared, or cannot be run."""
        from ferbench_systems.onnx_network import load_network

        return load_network(self)


@dataclass(frozen=True)
class ONNX(System):
    """A finished network in an ONNX file, run by OpenCV, or by ONNX Runtime if that is the `engine`.

    `classes` are its answers in the order of its values, with null for a value that is no answer, such as valence; `scores` is what these
    are: "logits" or "probabilities". `reads_as` says what it reads, and `output` which of several outputs holds the answers. `data` says
    what it was trained on, for the tables. Before a clip is decoded, the file is run on noise; if ONNX Runtime is installed, OpenCV must
    give the same values.
    """

    name = "onnx"

    file: File = ""
    classes: tuple[str | None, ...] = ()
    reads_as: ONNXInput = field(default_factory=ONNXInput)
    scores: Literal["logits", "probabilities"] = "logits"
    output: str = ""
    engine: Literal["opencv", "onnxruntime"] = "opencv"
    data: str = ""

    def __post_init__(self) -> None:
        answers = self.answers()
        if not self.file or not answers:
            raise ValueError(
                f"file is {self.file!r} and classes {list(self.classes)}: expected a file, and the answers in the order of its values"
            )
        if repeated := next((name for name in answers if answers.count(name) > 1), ""):
            raise ValueError(f"classes names {repeated!r} twice: expected each answer once; `labels` can map two answers to one class")
        if not all(self.reads_as.std or [1]):
            raise ValueError(f"std is {list(self.reads_as.std)}: expected numbers other than 0")
        for name, values in (("mean", self.reads_as.mean), ("std", self.reads_as.std)):
            if values and len(values) != self._channels:
                raise ValueError(f"{name} has {len(values)} values: expected {self._channels}, one for each channel")

    def answers(self) -> tuple[str, ...]:
        """In the order of its values."""
        return tuple(name for name in self.classes if name is not None)

    def alternatives(self) -> list[ONNX]:
        """The other order of the channels, and other ranges of values."""
        own = self.reads_as
        orders: dict[str, Literal["rgb", "bgr"]] = {"rgb": "bgr", "bgr": "rgb"}
        swapped = [replace(own, order=orders[own.order])] if own.order in orders else []
        scaled = replace(own, maximum=1 if own.maximum == 255 else 255)
        ranges = [replace(own, maximum=maximum, mean=mean[: self._channels], std=std[: self._channels]) for maximum, mean, std in RANGES]
        return [replace(self, reads_as=other) for other in (*swapped, scaled, *ranges) if other != own]

    def trained_on(self) -> str:
        """What the user says."""
        return self.data or "unknown data"

    def check_weights(self) -> None:
        """Run the network on noise."""
        from ferbench_systems.onnx_network import check_network

        check_network(self.frozen())

    def input(self) -> Input:
        """In the units of ferbench, which gives values from 0 to 1."""
        declared, channels = self.reads_as, self._channels
        mean, std = declared.mean or (0.0,) * channels, declared.std or (1.0,) * channels
        values = ([value / declared.maximum for value in numbers] for numbers in (mean, std))
        if declared.order == "bgr":
            values = (numbers[::-1] for numbers in values)
        scaled_mean, scaled_std = (tuple(numbers) for numbers in values)
        return Input(declared.size, channels, scaled_mean, scaled_std)

    def frozen(self) -> ONNXNetwork:
        """All of it."""
        kept = tuple(number for number, name in enumerate(self.classes) if name is not None)
        return ONNXNetwork(self.file, self.reads_as, len(self.classes), kept, self.scores, self.output, self.engine)

    @property
    def _channels(self) -> Literal[1, 3]:
        return 1 if self.reads_as.order == "gray" else 3
