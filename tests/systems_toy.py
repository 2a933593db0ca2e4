"""A finished system for the toy corpus: it looks at brightness and at horizontal stripes, which it takes for vertical ones if turned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import ferbench


@ferbench.hookimpl
def register_backbones(register):
    register(Looking)


@dataclass(frozen=True)
class Look(ferbench.Frozen):
    maximum: float

    @property
    def is_calibrated(self) -> bool:
        return False

    def build(self, crops):
        from torch import nn

        maximum = self.maximum

        class Module(nn.Module):
            """Dark below 1/3, light above 2/3, with values from 0 to 1; striped if rows differ more than columns."""

            def forward(self, x):
                import torch

                values = x[:, 0] * maximum
                mean = values.mean((1, 2))
                striped = values.mean(2).std(1) - values.mean(1).std(1)
                return torch.stack([0.45 - mean, mean - 0.55, 4 * striped - 0.2, torch.full_like(mean, -9)], 1) * 20

        return Module()


@dataclass(frozen=True)
class Looking(ferbench.System):
    """Looks at brightness and stripes."""

    name = "looking"
    maximum: Literal[1, 10] = 1

    def answers(self):
        return "dim", "bright", "striped", "happy"

    def alternatives(self):
        return [Looking(self.labels, 10 if self.maximum == 1 else 1)]

    def trained_on(self):
        return "nothing, it is a formula"

    def input(self):
        return ferbench.Input(20, 1, (0.0,), (1.0,))

    def frozen(self):
        return Look(float(self.maximum))
