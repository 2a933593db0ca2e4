"""Late fusion: the scores of several backbones, weighted."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_fusion.fusion import LateFusion


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Fusion]], None]) -> None:
    """Its members are backbones of any plugin."""
    register(LateFusion)
