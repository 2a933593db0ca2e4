"""Ways to make one prediction of many scores: of a clip's frames, beside the thesis's two, and of several backbones."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_aggregators.aggregators import Confidence, LastFrame, Max, Median, Product, Rising, TrimmedMean
from ferbench_aggregators.fusion import LateFusion


@ferbench.hookimpl
def register_aggregators(register: Callable[[type[ferbench.Aggregator]], None]) -> None:
    """Each runs on stored scores."""
    for aggregator in (Median, Max, Product, TrimmedMean, Confidence, Rising, LastFrame):
        register(aggregator)


@ferbench.hookimpl
def register_backbones(register: Callable[[type[ferbench.Fusion]], None]) -> None:
    """Late fusion."""
    register(LateFusion)
