"""What most benchmarks use: frame selection, face detection by Viola and Jones, image steps, losses, aggregators, protocols."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_basics.aggregators import Confidence, LastFrame, Majority, Max, Mean, Median, Product, Rising, TrimmedMean
from ferbench_basics.crop import Crop
from ferbench_basics.cross_corpus import CrossCorpus
from ferbench_basics.gray import Gray
from ferbench_basics.images import Equalize, Resize
from ferbench_basics.losses import Center, CrossEntropy, Focal, WeightedCrossEntropy
from ferbench_basics.protocols import LOSO, Fixed, HoldOut, KFold, Modulo
from ferbench_basics.selection import Apex, Last, Uniform
from ferbench_basics.turns import Mirror, Rotate, SwapChannels
from ferbench_basics.viola_jones import ViolaJones

Register = Callable[[type], None]


@ferbench.hookimpl
def register_preprocessors(register: Register) -> None:
    """Register frame selections, the face detector and image steps."""
    for step in (Last, Apex, Uniform, ViolaJones, Crop, Gray, Equalize, Resize, Rotate, Mirror, SwapChannels):
        register(step)


@ferbench.hookimpl
def register_losses(register: Register) -> None:
    """Register cross-entropy, plain and weighted, focal loss and center loss."""
    for loss in (CrossEntropy, WeightedCrossEntropy, Focal, Center):
        register(loss)


@ferbench.hookimpl
def register_aggregators(register: Register) -> None:
    """Register the rules that turn frame scores into a prediction."""
    for aggregator in (Majority, Mean, Median, Max, Product, TrimmedMean, Confidence, Rising, LastFrame):
        register(aggregator)


@ferbench.hookimpl
def register_protocols(register: Register) -> None:
    """Register cross-validation, single splits, and training and testing on different corpora."""
    for protocol in (KFold, Modulo, LOSO, HoldOut, Fixed, CrossCorpus):
        register(protocol)
