"""ferbench: which corpus, preprocessing, backbone, loss and aggregation recognise facial expressions, by how much, and is it so?

A plugin is a module with hooks; each registers component classes:

    import ferbench

    @ferbench.hookimpl
    def register_aggregators(register):
        register(LastFrame)

    class LastFrame(ferbench.Aggregator):
        \"\"\"The last frame's scores.\"\"\"
        name = "last-frame"

        def __call__(self, scores):
            return scores[-1]

Give it with `ferbench run FILE --plugin last_frame.py`, or publish it under the entry point group `ferbench`.
"""

from ferbench.components import (
    Aggregator,
    Backbone,
    Clip,
    Component,
    Dataset,
    File,
    Fold,
    Frames,
    Frozen,
    Input,
    Loss,
    Preprocessor,
    Protocol,
    Rehearsable,
    Skipped,
)
from ferbench.errors import FerbenchError, PluginError
from ferbench.hookspecs import hookimpl

__version__ = "0.1.0"
__all__ = [
    "Aggregator", "Backbone", "Clip", "Component", "Dataset", "FerbenchError", "File", "Fold", "Frames", "Frozen", "Input", "Loss",
    "PluginError", "Preprocessor", "Protocol", "Rehearsable", "Skipped", "hookimpl",
]  # fmt: skip
