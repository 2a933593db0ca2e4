"""Selects the frames of a clip that the preprocessing steps keep; decodes nothing."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

from ferbench.api.clips import Clip
from ferbench.api.components import Preprocessor
from ferbench.api.errors import PluginError, blame_plugin, location


def select_frames(clip: Clip, steps: Sequence[Preprocessor]) -> list[int]:
    """Return the frames that the steps keep. Raises PluginError if a step returns anything but some of the frames it was given."""
    indices = list(range(clip.length))
    if selecting := [step for step in steps if type(step).select is not Preprocessor.select]:
        anonymous = replace(clip, label="", subject="")  # so that the choice of frames cannot leak the answer
        for step in selecting:
            indices = _apply(step, anonymous, indices)
    return indices


def _apply(step: Preprocessor, clip: Clip, indices: list[int]) -> list[int]:
    with blame_plugin(f"{step.title} on {clip.id}", type(step)):
        kept = list(map(operator.index, step.select(clip, tuple(indices))))
    if not kept or kept != sorted(set(kept) & set(indices)):
        expected = f"some of the frames {indices[0]} to {indices[-1]}, in order"
        raise PluginError(f"{step.title} selects {kept[:8]} of {clip.id}: expected {expected}", where=location(type(step)))
    return kept
