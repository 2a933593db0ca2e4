"""Components that compute nothing, so that the time of a run is ferbench's own overhead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ferbench

if TYPE_CHECKING:
    import torch


@ferbench.hookimpl
def register_datasets(register: Callable[[type], None]) -> None:
    """Register one corpus."""
    register(TinyImages)


@ferbench.hookimpl
def register_backbones(register: Callable[[type], None]) -> None:
    """Register one backbone."""
    register(NoOp)


@dataclass(frozen=True)
class TinyImages(ferbench.Dataset):
    """Single images, PERSON/LABEL.png."""

    name = "tiny-images"
    classes = ("black", "white")
    citation = license = access = "written by measure.py"
    folders = ("tiny-images",)

    def clips(self) -> Iterator[ferbench.Clip]:
        """Clips of one frame."""
        for image in sorted(Path(self.root).glob("*/*.png")):
            yield ferbench.Clip(f"{image.parent.name}/{image.stem}", image.parent.name, image.stem, images=(image,))


@dataclass(frozen=True)
class NoOp(ferbench.Backbone):
    """The mean pixel as logit, with a weight that is trained for one epoch."""

    name = "no-op"
    number: int = 0

    def input(self) -> ferbench.Input:
        """Four pixels square."""
        return ferbench.Input(4, 1, (0.5,), (0.5,))

    def frozen(self) -> None:
        """None: nothing is frozen."""
        return

    def trainable(self, classes: Sequence[str]) -> ferbench.Network:  # noqa: ARG002
        """A network with one weight, since one without any is refused."""
        return ferbench.Network(build_mean)


def build_mean(shape: tuple[int, ...]) -> torch.nn.Module:  # noqa: ARG001
    """The network; torch is imported only when it is needed, so that a finished run starts quickly."""
    import torch

    class Mean(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B,1,4,4] -> [B,2]
            mean = self.scale * x.mean((1, 2, 3))
            return torch.stack([-mean, mean], 1)

    return Mean()
