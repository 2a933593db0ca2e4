"""Systems from before deep networks: descriptors of a face or a clip, and classifiers of scikit-learn's on them."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_classic.backbones import HOG, LBP, LBPTOP, Gradients3, Landmarks, Pixels


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Backbone]], None]) -> None:
    """Descriptors, each with any of the classifiers."""
    for backbone in (LBP, HOG, Pixels, LBPTOP, Gradients3, Landmarks):
        register(backbone)
