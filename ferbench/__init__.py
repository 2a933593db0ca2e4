"""ferbench benchmarks facial-expression recognition from video: which combination works, by how much, and can you trust the result?

A plugin is a module with hooks; each registers component classes:

    import ferbench

    @ferbench.hookimpl
    def register_aggregators(register):
        register(FirstFrame)

    class FirstFrame(ferbench.Aggregator):
        \"\"\"The scores of the first frame.\"\"\"
        name = "first-frame"

        def __call__(self, scores):
            return scores[0]

Load it with `ferbench run FILE --plugin first_frame.py`, or publish it under the entry point group `ferbench`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from ferbench.api import faces, heads, layers, models, splitting, weights
    from ferbench.api.clips import Clip, Files, Fold, Frames, Input, Skipped
    from ferbench.api.components import Aggregator, Component, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol, StandIn
    from ferbench.api.errors import FerbenchError, PluginError
    from ferbench.api.faces import FaceDetector, Faces
    from ferbench.api.models import ModelFile
    from ferbench.api.networks import Backbone, EmbeddingNetwork, Estimators, FinishedSystem, Frozen, Fusion, Network, Trainable
    from ferbench.api.official import Fact, Official, StandardProtocol
    from ferbench.api.portable import Portable
    from ferbench.api.systems import System
    from ferbench.registry.hookspecs import hookimpl
    from ferbench.types import File

__version__ = "0.1.0"
__all__ = [
    "Aggregator", "Backbone", "Clip", "Component", "Dataset", "EmbeddingLoss", "EmbeddingNetwork", "Estimators", "FaceDetector",
    "Faces", "Fact", "FerbenchError", "File", "Files", "FinishedSystem", "Fold", "Frames", "Frozen", "Fusion", "Input", "Loss",
    "ModelFile", "Network", "Official", "PluginError", "Portable", "Preprocessor", "Protocol", "Skipped", "StandIn", "StandardProtocol",
    "System", "Trainable", "faces", "heads", "hookimpl", "layers", "models", "run", "splitting", "weights",
]  # fmt: skip

_HOMES = {
    "api.clips": ("Clip", "Files", "Fold", "Frames", "Input", "Skipped"),
    "api.components": ("Aggregator", "Component", "Dataset", "EmbeddingLoss", "Loss", "Preprocessor", "Protocol", "StandIn"),
    "api.errors": ("FerbenchError", "PluginError"),
    "api.faces": ("FaceDetector", "Faces"),
    "api.models": ("ModelFile",),
    "api.networks": (
        "Backbone", "EmbeddingNetwork", "Estimators", "FinishedSystem", "Frozen", "Fusion", "Network", "Trainable",
    ),
    "api.official": ("Fact", "Official", "StandardProtocol"),
    "api.portable": ("Portable",),
    "api.systems": ("System",),
    "registry.hookspecs": ("hookimpl",),
    "types": ("File",),
}  # fmt: skip


if not TYPE_CHECKING:  # type checkers see the imports above

    def __getattr__(name: str) -> object:
        """Import public names when they are first used, so that `ferbench --help` is quick."""
        if name not in __all__:
            raise AttributeError(f"module 'ferbench' has no attribute {name!r}")
        if home := next((module for module, names in _HOMES.items() if name in names), ""):
            return getattr(import_module(f"ferbench.{home}"), name)
        return import_module(f"ferbench.api.{name}")


def run(
    file: str | Path,
    *,
    store: str | Path = "",
    plugins: Sequence[str | Path] = (),
    sets: str | Sequence[str] = (),
    only: str | Sequence[str] = (),
    rehearsal: bool = True,
    device: str = "auto",
    workers: int = 0,
    quiet: bool = False,
    rehash: bool = False,
    allow_leaks: str | Sequence[str] = (),
) -> pd.DataFrame:
    """Run a benchmark like `ferbench run FILE`, and return one line per row with shares from 0 to 1; published rows (`kind`) come last.

    `file` is a path or the name of a shipped benchmark, `store` the folder of the store (default: $FERBENCH_STORE or ferbench-store).
    `plugins` are plugin files; `sets` and `only` are values of --set and --only, one or several; `rehearsal` False is --no-rehearsal,
    and `rehash` reads all files of the corpora again, even if they seem unchanged; `allow_leaks` are values of --allow-leak. The process
    stays as it was: random generators, environment variables and threads are restored. Raises FerbenchError for a user error.
    """
    from ferbench.execution.restore import restore_interpreter

    with restore_interpreter():
        import pandas as pd

        from ferbench.benchmark.files import find_benchmark
        from ferbench.benchmark.grid import load_benchmark
        from ferbench.execution import runner
        from ferbench.execution.options import Options
        from ferbench.execution.progress import Reporter
        from ferbench.report.exports import flatten_record
        from ferbench.report.results import rank_record
        from ferbench.store.layout import find_store

        reporter = Reporter(quiet)
        changes = {name: [value] if isinstance(value, str) else value for name, value in (("sets", sets), ("only", only))}
        allowed = (allow_leaks,) if isinstance(allow_leaks, str) else tuple(allow_leaks)
        benchmark = load_benchmark(find_benchmark(file), plugins=plugins, **changes)
        options = Options(device, workers, rehearsal, rehash=rehash, allow_leaks=allowed)
        opened = find_store(store, reporter.warn)
        record = runner.run(benchmark, opened, options, reporter)
        return pd.DataFrame(flatten_record(rank_record(record, opened)))
