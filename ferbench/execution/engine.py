"""Computes everything that pending rows need and the store lacks, stage by stage; a failure fails only its own rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from ferbench.api.errors import FerbenchError
from ferbench.api.networks import Backbone
from ferbench.execution.context import Context, Job
from ferbench.execution.drivers.crops import CropsDriver
from ferbench.execution.drivers.duplicates import drive_duplicates, find_unsearched
from ferbench.execution.drivers.features import drive_features, find_missing_features
from ferbench.execution.drivers.fits import drive_fits, drive_weights
from ferbench.execution.drivers.fused_fits import drive_fused_fits
from ferbench.execution.drivers.rows import drive_rows
from ferbench.execution.scheduler import group_by
from ferbench.plan.inputs import store_inputs
from ferbench.plan.models import Fit, Model, Row, TrainedModel
from ferbench.store.entries import Store
from ferbench.store.files import to_json
from ferbench.store.keys import make_key
from ferbench.store.records import PlannedWork, plan_path
from ferbench.store.rows import FailedRow


def compute_rows(rows: Sequence[Row], context: Context) -> list[FailedRow]:
    """Compute and store the rows; returns those that failed. Raises FerbenchError if no row can be computed."""
    try:
        return _compute_rows(rows, context)
    finally:
        context.costs.save()


def _compute_rows(rows: Sequence[Row], context: Context) -> list[FailedRow]:
    _store_plan(rows, context.store)
    compute_models([row.model for row in rows], context)
    return list(drive_rows(context, rows))


def compute_models(wanted: Sequence[Model], context: Context) -> None:
    """Compute and store the fits of the models; raises FerbenchError if none can be computed."""
    models = _submodels(wanted)
    jobs = _compute_inputs(models, context, lambda fit: context.store.find("fits", fit.key) is None)
    drive_fits(context, jobs)
    drive_fused_fits(context, models)
    context.failures.raise_if_all_failed(models)


def keep_weights(wanted: Sequence[Model], context: Context) -> None:
    """Store the weights of these models, whose fits are stored: fits without weights are repeated.

    Raises the error of the first that fails, such as a fit that gives other scores than the stored ones.
    """
    models = _submodels(wanted)
    try:
        drive_weights(context, _compute_inputs(models, context, context.lacks_weights))
    finally:
        context.costs.save()
    if error := next(filter(None, map(context.failures.of, models)), None):
        raise error


def search_duplicates(rows: Sequence[Row], context: Context) -> bool:
    """Compute the inputs of the rows, and search their frames for duplicates; returns whether there are any.

    Raises FerbenchError if no row can be computed.
    """
    _store_plan(rows, context.store)
    return search_models([row.model for row in rows], context)


def search_models(wanted: Sequence[Model], context: Context) -> bool:
    """Compute the inputs of the models, and search their frames for duplicates, as `search_duplicates` does for rows."""
    models = _submodels(wanted)
    try:
        _compute_inputs(models, context, lambda fit: context.store.find("fits", fit.key) is None, find_unsearched(context, models))
        return drive_duplicates(context, models)
    finally:
        context.costs.save()


def _compute_inputs(
    models: Sequence[Model], context: Context, is_missing: Callable[[Fit], bool], unsearched: Sequence[Model] = ()
) -> list[Job]:
    """Compute and store the crops and features of the models that have not failed; returns the missing fits.

    All crops of the `unsearched` will be read.
    """
    models = [model for model in models if not context.failures.of(model)]
    if not models:
        return []
    trained = [model for model in models if isinstance(model, TrainedModel)]
    jobs = [Job(model, fit) for model in trained for fit in model.fits if is_missing(fit)]
    _check_backbones(context, jobs)
    for model in models:
        store_inputs(model, context.store)
    missing = find_missing_features(context, jobs)
    crops = CropsDriver(context)
    try:
        crops.start(models, [*_crops_to_read(jobs, missing), *(key for model in unsearched for key in model.crops.by_group.values())])
        drive_features(context, jobs, crops, missing)
        crops.finish(models)
    finally:
        crops.stop()
    context.failures.raise_if_all_failed(models)
    return jobs


def _submodels(wanted: Iterable[Model]) -> list[Model]:
    """These models, each once and after those that it is fused from."""
    return list({model.key: model for each in wanted for model in each.submodels}.values())


def _store_plan(rows: Sequence[Row], store: Store) -> None:
    """Store what the rows will be computed from: if the run is stopped, `store gc` keeps what is there."""
    models = _submodels(row.model for row in rows)
    plan: PlannedWork = {
        "fits": [fit.key for model in models for fit in model.fits],
        "inputs": _distinct(keys.digest for model in models for keys in model.inputs),
        "index": _distinct(corpus.digest for model in models for corpus in model.corpora),
        "tested": _distinct(model.split.tested_key for model in models),
    }
    is_rehearsal = any(row.model.has_standin for row in rows)
    for benchmark in _distinct(row.benchmark for row in rows):
        store.write_file(plan_path(benchmark, is_rehearsal), to_json(plan))


def _distinct(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))


def _crops_to_read(jobs: Sequence[Job], missing: Collection[str]) -> Iterator[str]:
    """The keys of the crops that missing features or fits are computed from, or calibrated on."""
    for _, fit in jobs:
        groups = {task.group for task in fit.feature_tasks() if task.key in missing} if fit.frozen else set(fit.groups.by_name)
        if fit.frozen and fit.frozen.is_calibrated and groups:
            groups |= {fit.groups.owners[clip] for clip in fit.split.folds[fit.fold].train}
        yield from (fit.crops[group] for group in groups)


def _check_backbones(context: Context, jobs: Sequence[Job]) -> None:
    """Fail now if weights are missing or do not fit, not after hours of decoding."""
    unfinished = [job for job in jobs if not all(context.store.has("features", task.key) for task in job.fit.feature_tasks())]
    for group in group_by(unfinished, lambda job: make_key(job.model.identity["backbone"])):
        models: list[Model] = [job.model for job in group]
        context.failures.attempt(models, lambda backbone=group[0].fit.backbone: _check_backbone(backbone))  # type: ignore[misc]
        if isinstance(error := context.failures.of(models[0]), FerbenchError):
            raise error


def _check_backbone(backbone: Backbone) -> None:
    backbone.check_weights()
    frozen = backbone.frozen()
    if frozen is not None and not frozen.is_calibrated:
        frozen.build(None)
