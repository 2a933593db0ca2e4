"""Features are computed for groups of clips that are the same in every run: a convolution's last bits depend on its batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache

import torch

from ferbench.execution.context import Context, Counter, Job
from ferbench.execution.drivers.crops import CropsDriver
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import FeatureTask, Fit
from ferbench.stages.features import build_frozen, store_features

GROUP_SIZE = {"cpu": 16, "cuda": 128}  # clips


def drive_features(context: Context, jobs: Sequence[Job], crops: CropsDriver) -> None:
    """Compute what is missing of the features that these fits read; fails models whose features fail."""
    frozen = [job for job in jobs if job.fit.frozen is not None]
    missing = {task.key for _, fit in frozen for task in fit.feature_tasks() if context.store.find_entry("features", task.key) is None}
    with context.reporter.stage("features", "clips") as update:
        counter = Counter(len(missing), update)
        for sharing in group_by(frozen, lambda job: job.fit.features):
            build = cache(lambda fit=sharing[0].fit: _build(context, fit, crops))
            for users, tasks in _tasks(sharing):
                groups = _missing_groups(tasks, missing, GROUP_SIZE[context.device.type])
                if groups:
                    _drive_group(context, users, groups, build, crops, counter)
                    missing = {key for key in missing if not context.store.has("features", key)}


def _drive_group(
    context: Context,
    users: Sequence[Job],
    groups: Sequence[Sequence[FeatureTask]],
    build: Callable[[], torch.nn.Module],
    crops: CropsDriver,
    counter: Counter,
) -> None:
    model, fit = users[0]

    def work(group: Sequence[FeatureTask], claimed: Sequence[str]) -> None:
        crops.wait_for(fit.crops[task.clip] for task in group)
        store_features(fit, [task for task in group if task.key in claimed], build(), context.store, context.device)
        context.costs.add("features", model, claimed)

    def complete() -> None:
        build()  # before anything is claimed
        for group in context.scheduler.complete("features", rotate(groups), lambda group: [task.key for task in group], work):
            counter.add(len(group), fit.label)

    context.failures.attempt([job.model for job in users], complete)


def _build(context: Context, fit: Fit, crops: CropsDriver) -> torch.nn.Module:
    """The frozen part, once the crops are there that it is calibrated on."""
    training = fit.split.folds[fit.fold].train if fit.frozen and fit.frozen.calibrated else ()
    crops.wait_for(fit.crops[clip] for clip in training)
    return context.compiled(build_frozen(fit, context.store, context.device))


def _tasks(jobs: Sequence[Job]) -> Iterator[tuple[Sequence[Job], Sequence[FeatureTask]]]:
    """What fits with the same features need of them, and which fits do: first the clips themselves, then each augmentation's views."""
    yield jobs, [task for task in jobs[0].fit.feature_tasks() if not task.view]
    for users in group_by([job for job in jobs if job.fit.views], lambda job: job.fit.views):
        yield users, [task for task in users[0].fit.feature_tasks() if task.view]


def _missing_groups(tasks: Sequence[FeatureTask], missing: Collection[str], size: int) -> list[list[FeatureTask]]:
    """The missing tasks, in groups that do not depend on what is missing."""
    groups = [[task for task in tasks[start : start + size] if task.key in missing] for start in range(0, len(tasks), size)]
    return [group for group in groups if group]
