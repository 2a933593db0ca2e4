"""Annotation types for parameters; values are checked against them before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=1, lt=2**31)]
"""An integer from 1 to 2^31 - 1."""

Positive = Annotated[float, Meta(gt=0)]
"""A number above 0."""

NonNegative = Annotated[float, Meta(ge=0)]
"""A number, 0 or above."""

Share = Annotated[float, Meta(ge=0, le=1)]
"""A fraction, 0 to 1."""

ShareBelowOne = Annotated[float, Meta(ge=0, lt=1)]
"""A fraction, 0 to below 1."""

Dropout = Annotated[float, Meta(ge=0, lt=1)]
"""The probability that dropout sets a value to 0."""

Seed = Annotated[int, Meta(ge=0, lt=2**32)]
"""The seed of a random generator, 0 to 2^32 - 1."""

File = Annotated[str, Meta(extra={"file": True})]
"""A parameter that may name a file, but no folder. Keys then depend on the file's content, not on its path."""

RGB = tuple[float, float, float]
"""One number each for red, green and blue."""

Shape = tuple[int, ...]
"""The shape of one item, without the batch: (25088,) for features [B,25088]."""


@dataclass(frozen=True)
class Layer:
    """A layer of a network, by the network's own name for it, whose output is averaged in `grid` x `grid` cells."""

    layer: str
    grid: Count = 1


Progress = Callable[[int, int], None]
"""Called with (done, total) after each step of a long operation."""
