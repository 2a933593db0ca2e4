"""Fits that read the same features of the same labeled clips are computed one after the other, so that these are read once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

from ferbench.execution.context import Context, Job, StageProgress
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import Fit
from ferbench.stages.fits import Resources, compute_fit, load_fit_cost
from ferbench.stages.inputs import Inputs, load_inputs
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.history import History


def drive_fits(context: Context, jobs: Sequence[Job]) -> None:
    """Compute the missing fits; fails models whose fit fails."""
    with context.reporter.track("fits", "fits") as update:
        progress = StageProgress(len(jobs), update)
        for group in rotate(group_by(jobs, lambda job: _identify_inputs(job.fit))):
            worker = _Worker(context, group[0].fit, progress)
            for _ in context.scheduler.complete("fits", group, lambda job: job.fit.key, worker.work):
                progress.add()


def _identify_inputs(fit: Fit) -> Hashable:
    """Equal for fits with equal inputs: two protocols may read the same features in folds of the same number, of other clips or labels."""
    return fit.split.key, fit.classes, fit.fold, fit.features, fit.views


@dataclass
class _Worker:
    """Computes the fits of one group, which share their inputs."""

    context: Context
    first: Fit
    progress: StageProgress

    @cached_property
    def inputs(self) -> Inputs:
        return load_inputs(self.first, self.context.store)

    def work(self, job: Job) -> None:
        self.context.failures.attempt([job.model], lambda: self._compute(job))

    def _compute(self, job: Job) -> None:
        fit, store = job.fit, self.context.store
        checkpoints = Checkpoints(store, fit.key, self.context.checkpoint_interval)

        def on_epoch(epoch: int, history: History) -> None:
            note = f"{fit.label}, epoch {epoch} of {fit.recipe.epochs}: validation {history.validation_accuracy[-1]:.2f}"
            self.progress.update(self.progress.done + min(1, epoch / fit.recipe.epochs), self.progress.total, note)

        resources = Resources(self.context.device, on_epoch, checkpoints, self.context.provenance, self.context.compile_if_asked)
        store.write("fits", fit.key, compute_fit, fit, self.inputs, resources)
        checkpoints.clear()
        self.context.costs.add("fits", job.model, load_fit_cost(fit.key, store))
