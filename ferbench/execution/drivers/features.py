"""Features are computed group by group, each as soon as its crops are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch

from ferbench.execution.context import Context, Job, StageProgress
from ferbench.execution.drivers.crops import CropsDriver
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import FeatureTask, Fit
from ferbench.stages.features import build_frozen, compute_features
from ferbench.store.costs import Cost

MissingFeatures = dict[str, int]
"""The number of clips of each missing group of features, by key."""


def find_missing_features(context: Context, jobs: Sequence[Job]) -> MissingFeatures:
    """The features that these fits read and the store lacks; stored ones are verified."""
    missing: MissingFeatures = {}
    verified: set[str] = set()
    for job in jobs:
        for task in job.fit.feature_tasks() if job.fit.frozen else ():
            if task.key not in missing and task.key not in verified:
                if context.store.find("features", task.key) is None:
                    missing[task.key] = len(job.fit.groups.by_name[task.group].clips)
                else:
                    verified.add(task.key)
    return missing


def drive_features(context: Context, jobs: Sequence[Job], crops: CropsDriver, missing: MissingFeatures) -> None:
    """Compute the missing features that these fits read; fails models whose features fail."""
    frozen = [job for job in jobs if job.fit.frozen is not None]
    with context.reporter.track("features", "clip features") as update:
        progress = StageProgress(sum(missing.values()), update)
        for jobs_of_features in group_by(frozen, lambda job: job.fit.features):
            _FeaturesDriver(context, crops, progress, missing, jobs_of_features[0].fit).drive(jobs_of_features)


@dataclass
class _FeaturesDriver:
    """Computes the features of one frozen part, which is built at most once."""

    context: Context
    crops: CropsDriver
    progress: StageProgress
    missing: MissingFeatures  # shrinks as features are stored
    fit: Fit  # the first of those that read the features

    @cached_property
    def module(self) -> torch.nn.Module:
        """The frozen part, after the crops that calibrate it are computed."""
        fit = self.fit
        training = fit.split.folds[fit.fold].train if fit.frozen and fit.frozen.is_calibrated else ()
        self.crops.wait_for({fit.crops[fit.groups.owners[clip]] for clip in training})
        return self.context.compile_if_asked(build_frozen(fit, self.context.store, self.context.device))

    def drive(self, jobs: Sequence[Job]) -> None:
        """Compute what these jobs, all with the same features, need of them."""
        for users, tasks in _group_tasks(jobs):
            if needed := [task for task in tasks if task.key in self.missing]:
                self.context.failures.attempt([job.model for job in users], partial(self._complete, users[0], needed))

    def _complete(self, job: Job, tasks: Sequence[FeatureTask]) -> None:
        _ = self.module  # fails before anything is claimed
        for task in self.context.scheduler.complete("features", rotate(tasks), lambda task: task.key, partial(self._compute, job)):
            self.progress.add(self.missing.pop(task.key), job.fit.label)

    def _compute(self, job: Job, task: FeatureTask) -> None:
        self.crops.wait_for([job.fit.crops[task.group]])
        store, device = self.context.store, self.context.device
        entry = store.write("features", task.key, compute_features, job.fit, task, self.module, store, device)
        self.context.costs.add("features", job.model, entry.read_run(Cost))


def _group_tasks(jobs: Sequence[Job]) -> Iterator[tuple[Sequence[Job], Sequence[FeatureTask]]]:
    """The jobs that need the same tasks, with these: first the clips themselves, then the views of each augmentation."""
    yield jobs, [task for task in jobs[0].fit.feature_tasks() if not task.view]
    for users in group_by([job for job in jobs if job.fit.views], lambda job: job.fit.views):
        yield users, [task for task in users[0].fit.feature_tasks() if task.view]
