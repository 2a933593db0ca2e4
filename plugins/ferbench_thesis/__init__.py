"""What only the thesis uses: VGG16 with a full or a reduced head, its frame selection and its split of people."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_thesis.protocol import Thesis
from ferbench_thesis.selection import SecondHalf
from ferbench_thesis.vgg16 import VGG16, ReducedVGG16
from ferbench_thesis.vgg16_models import PUBLISHED

Register = Callable[[type], None]


@ferbench.hookimpl
def register_preprocessors(register: Register) -> None:
    """Register the thesis's frame selection."""
    register(SecondHalf)


@ferbench.hookimpl
def register_backbones(register: Register) -> None:
    """Register VGG16 with its full and its reduced head."""
    register(VGG16)
    register(ReducedVGG16)


@ferbench.hookimpl
def register_protocols(register: Register) -> None:
    """Register the thesis's split of people."""
    register(Thesis)


@ferbench.hookimpl
def register_models(register: Callable[[ferbench.ModelFile], None]) -> None:
    """Register the files of weights of VGG16."""
    for model in PUBLISHED.values():
        register(model)
