"""Components that compute nothing, so that what remains of a run's time is ferbench's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ferbench


@ferbench.hookimpl
def register_datasets(register: Callable[[type], None]) -> None:
    """One corpus."""
    register(Nothing)


@ferbench.hookimpl
def register_backbones(register: Callable[[type], None]) -> None:
    """One backbone."""
    register(NoOp)


@dataclass(frozen=True)
class Nothing(ferbench.Dataset):
    """PERSON/LABEL.png."""

    name = "nothing"
    classes = ("black", "white")
    citation = license = access = "made by the measurement"
    folders = ("nothing",)

    def clips(self) -> Iterator[ferbench.Clip]:
        """One frame a clip."""
        for image in sorted(Path(self.root).glob("*/*.png")):
            yield ferbench.Clip(f"{image.parent.name}/{image.stem}", image.parent.name, image.stem, images=(image,))


@dataclass(frozen=True)
class NoOp(ferbench.Backbone):
    """The mean pixel as logit; nothing is trained."""

    name = "no-op"
    number: int = 0

    def input(self) -> ferbench.Input:
        """Four pixels square."""
        return ferbench.Input(4, 1, (0.5,), (0.5,))

    def frozen(self) -> None:
        """Nothing."""
        return

    def trainable(self, classes: Sequence[str]) -> ferbench.Network:  # noqa: ARG002
        """A module without parameters."""
        import torch

        class Mean(torch.nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:  # [B,1,4,4] -> [B,2]
                mean = x.mean((1, 2, 3))
                return torch.stack([-mean, mean], 1)

        return ferbench.Network(lambda _: Mean())
