"""Late fusion of several backbones."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_fusion.fusion import LateFusion


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Fusion]], None]) -> None:
    """Register late fusion, whose members are backbones of any plugin."""
    register(LateFusion)
