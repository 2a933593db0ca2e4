"""Which frames of a clip the preprocessing steps keep; nothing is decoded."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace

from ferbench.api.clips import Clip
from ferbench.api.components import Preprocessor
from ferbench.api.errors import PluginError, plugin_call


def select(clip: Clip, steps: Sequence[Preprocessor]) -> list[int]:
    """The frames that the steps keep; raises PluginError where a step gives something else than some of those it was given."""
    unlabelled = replace(clip, label="", subject="")  # which frames are read must not depend on what is to be found out
    selected = list(range(clip.length))
    for step in steps:
        with plugin_call(f"preprocessor {step.name} on {clip.id}"):
            chosen = list(map(operator.index, step.select(unlabelled, selected)))
        if not chosen or chosen != sorted(set(chosen) & set(selected)):
            expected = f"some of the frames {selected[0]} to {selected[-1]}, in order"
            raise PluginError(f"preprocessor {step.name} selects {chosen[:8]} of {clip.id}: expected {expected}")
        selected = chosen
    return selected
