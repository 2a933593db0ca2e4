"""What is the thesis's alone: VGG16 with a full or a reduced head, its frame selection and its split of people."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_thesis.protocol import Thesis
from ferbench_thesis.selection import SecondHalf
from ferbench_thesis.vgg16 import VGG16, ReducedVGG16

Register = Callable[[type], None]


@ferbench.hookimpl
def register_preprocessors(register: Register) -> None:
    """The second half of a clip."""
    register(SecondHalf)


@ferbench.hookimpl
def register_backbones(register: Register) -> None:
    """VGG16 with its full and its reduced head."""
    register(VGG16)
    register(ReducedVGG16)


@ferbench.hookimpl
def register_protocols(register: Register) -> None:
    """The split towards 631/202/21 clips."""
    register(Thesis)
