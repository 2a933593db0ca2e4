"""Systems from before deep learning: descriptors of faces or clips, with scikit-learn's classifiers."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_classic.backbones import HOG, LBP, LBPTOP, Gradients3D, Landmarks, Pixels


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Register one backbone per descriptor; each takes any of the classifiers."""
    for backbone in (LBP, HOG, Pixels, LBPTOP, Gradients3D, Landmarks):
        register(backbone)
