"""Duplicates are looked for once for all models that read the same frames of the same people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ferbench.execution.context import Context, StageProgress
from ferbench.plan.guards import Duplicates, load_duplicates
from ferbench.plan.models import Model
from ferbench.stages.duplicates import compute_duplicates


def find_unsearched(context: Context, models: Sequence[Model]) -> list[Model]:
    """One model for each set of frames that was not searched for duplicates yet."""
    first = {model.duplicates: model for model in reversed(models)}
    return [model for model in first.values() if context.store.find("duplicates", model.duplicates) is None]


def drive_duplicates(context: Context, models: Sequence[Model]) -> bool:
    """Find out which frames of different people are copies of each other; returns whether any model has some."""
    models = [model for model in models if not context.failures.of(model)]
    missing = find_unsearched(context, models)
    with context.reporter.track("near-duplicates", "clips") as update:
        progress = StageProgress(sum(len(model.split.clips) for model in missing), update)
        for model in context.scheduler.complete("duplicates", missing, lambda model: model.duplicates, partial(_compute, context)):
            progress.add(len(model.split.clips))
    found = {key: load_duplicates(key, context.store) for key in dict.fromkeys(model.duplicates for model in models)}
    for model in missing:
        _report(context, found[model.duplicates])
    return any(duplicates and duplicates.pairs for duplicates in found.values())


def _compute(context: Context, model: Model) -> None:
    context.store.write("duplicates", model.duplicates, compute_duplicates, model, context.store, context.executor.run_all)


def _report(context: Context, duplicates: Duplicates | None) -> None:
    """Warn of what the search cannot tell."""
    if duplicates and duplicates.skipped:
        frames = f"{duplicates.skipped:,} of {duplicates.skipped + duplicates.compared:,} frames"
        context.reporter.warn(f"{frames} are not searched for near-duplicates: their crops are smaller than 16 pixels or have no contrast")
    if duplicates and duplicates.is_limited:
        context.reporter.warn("so many frames look alike that only the most similar ones were searched for near-duplicates")
