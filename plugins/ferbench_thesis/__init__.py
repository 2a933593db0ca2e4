"""The thesis's pipeline as a plugin: frame selection, Viola-Jones, equalisation, VGG16, weighted losses, votes and its split.

Every part works in other benchmarks as well, and docs/preprocessing.md and docs/protocols.md tell what each does to the letter.
"""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_thesis.aggregators import Majority, Mean
from ferbench_thesis.faces import Crop, ViolaJones
from ferbench_thesis.gray import Gray
from ferbench_thesis.images import Equalize, Resize
from ferbench_thesis.losses import Center, CrossEntropy, Focal, WeightedCrossEntropy
from ferbench_thesis.protocols import Fixed, KFold, Modulo, Thesis
from ferbench_thesis.selection import Apex, Last, SecondHalf, Uniform
from ferbench_thesis.vgg16 import VGG16, ReducedVGG16

Register = Callable[[type], None]


@ferbench.hookimpl
def register_preprocessors(register: Register) -> None:
    """Frame selections, the face detector and what is done to a picture."""
    for step in (SecondHalf, Last, Apex, Uniform, ViolaJones, Crop, Gray, Equalize, Resize):
        register(step)


@ferbench.hookimpl
def register_backbones(register: Register) -> None:
    """VGG16, with its full and its reduced head."""
    register(VGG16)
    register(ReducedVGG16)


@ferbench.hookimpl
def register_losses(register: Register) -> None:
    """Cross-entropy, plain and weighted by class, and focal loss."""
    for loss in (CrossEntropy, WeightedCrossEntropy, Focal, Center):
        register(loss)


@ferbench.hookimpl
def register_aggregators(register: Register) -> None:
    """The two testing methods."""
    register(Majority)
    register(Mean)


@ferbench.hookimpl
def register_protocols(register: Register) -> None:
    """The split towards 631/202/21, and k folds."""
    register(Thesis)
    register(KFold)
    register(Modulo)
    register(Fixed)
