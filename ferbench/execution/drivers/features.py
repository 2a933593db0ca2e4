"""Features are computed in groups of clips that are the same in every run: the last bits of a convolution depend on its batch."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from ferbench.execution.context import Context, Job, StageProgress
from ferbench.execution.drivers.crops import CropsDriver
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import FeatureTask, Fit
from ferbench.stages.features import build_frozen, store_features

GROUP_SIZE = {"cpu": 16, "cuda": 128}  # clips


def drive_features(context: Context, jobs: Sequence[Job], crops: CropsDriver) -> None:
    """Compute the missing features that these fits read; fails models whose features fail."""
    frozen = [job for job in jobs if job.fit.frozen is not None]
    tasks = {task.key for _, fit in frozen for task in fit.feature_tasks()}
    missing = {key for key in tasks if context.store.find_entry("features", key) is None}
    with context.reporter.track("features", "clip features") as update:
        progress = StageProgress(len(missing), update)
        for jobs_of_features in group_by(frozen, lambda job: job.fit.features):
            _FeaturesDriver(context, crops, progress, missing, jobs_of_features[0].fit).drive(jobs_of_features)


@dataclass
class _FeaturesDriver:
    """Computes the features of one frozen part, which is built at most once."""

    context: Context
    crops: CropsDriver
    progress: StageProgress
    missing: set[str]  # keys; shrinks as features are stored
    fit: Fit  # the first of those that read the features

    @cached_property
    def module(self) -> torch.nn.Module:
        """The frozen part, after the crops that calibrate it are computed."""
        fit = self.fit
        training = fit.split.folds[fit.fold].train if fit.frozen and fit.frozen.is_calibrated else ()
        self.crops.wait_for(fit.crops[clip] for clip in training)
        return self.context.compile_if_asked(build_frozen(fit, self.context.store, self.context.device))

    def drive(self, jobs: Sequence[Job]) -> None:
        """Compute what these jobs, all with the same features, need of them."""
        for users, tasks in _group_tasks(jobs):
            groups = _missing_groups(tasks, self.missing, GROUP_SIZE[self.context.device.type])
            if groups:
                self.context.failures.attempt([job.model for job in users], partial(self._complete, users[0], groups))
                self.missing -= {task.key for group in groups for task in group if self.context.store.has("features", task.key)}

    def _complete(self, job: Job, groups: Sequence[Sequence[FeatureTask]]) -> None:
        _ = self.module  # fails before anything is claimed
        work = partial(self._compute, job)
        for group in self.context.scheduler.complete("features", rotate(groups), lambda group: [task.key for task in group], work):
            self.progress.add(len(group), job.fit.label)

    def _compute(self, job: Job, group: Sequence[FeatureTask], claimed: Sequence[str]) -> None:
        self.crops.wait_for(job.fit.crops[task.clip] for task in group)
        tasks = [task for task in group if task.key in claimed]
        store_features(job.fit, tasks, self.module, self.context.store, self.context.device)
        self.context.costs.add("features", job.model, claimed)


def _group_tasks(jobs: Sequence[Job]) -> Iterator[tuple[Sequence[Job], Sequence[FeatureTask]]]:
    """The jobs that need the same tasks, with these: first the clips themselves, then the views of each augmentation."""
    yield jobs, [task for task in jobs[0].fit.feature_tasks() if not task.view]
    for users in group_by([job for job in jobs if job.fit.views], lambda job: job.fit.views):
        yield users, [task for task in users[0].fit.feature_tasks() if task.view]


def _missing_groups(tasks: Sequence[FeatureTask], missing: Collection[str], size: int) -> list[list[FeatureTask]]:
    """Split the tasks into groups that do not depend on what is missing, and keep the missing tasks of each."""
    groups = [[task for task in tasks[start : start + size] if task.key in missing] for start in range(0, len(tasks), size)]
    return [group for group in groups if group]
