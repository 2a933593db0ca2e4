"""Fits that read the same features follow each other, so that these are read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ferbench.execution.context import Context, Counter, Job
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import Fit
from ferbench.stages.fits import Resources, compute_fit
from ferbench.stages.inputs import Inputs, load_inputs
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.history import History


def drive_fits(context: Context, jobs: Sequence[Job]) -> None:
    """Compute the fits that are missing; fails models whose fit fails."""
    with context.reporter.stage("fits", "fits") as update:
        counter = Counter(len(jobs), update)
        for group in rotate(group_by(jobs, lambda job: (job.fit.features, job.fit.views, job.fit.fold))):
            worker = _Worker(context, group[0].fit, counter)
            for _ in context.scheduler.complete("fits", group, lambda job: [job.fit.key], worker.work):
                counter.add()


@dataclass
class _Worker:
    """Computes the fits of one group, which share their inputs."""

    context: Context
    first: Fit
    counter: Counter

    @cached_property
    def inputs(self) -> Inputs:
        return load_inputs(self.first, self.context.store)

    def work(self, job: Job, _: Sequence[str]) -> None:
        self.context.failures.attempt([job.model], lambda: self._compute(job.fit))
        self.context.costs.add("fits", job.model, [job.fit.key] if self.context.store.has("fits", job.fit.key) else [])

    def _compute(self, fit: Fit) -> None:
        store = self.context.store
        checkpoints = Checkpoints(store, fit.key, self.context.checkpoint)

        def report(epoch: int, history: History) -> None:
            note = f"{fit.label}, epoch {epoch} of {fit.recipe.epochs}: validation {history.validation_accuracy[-1]:.2f}"
            self.counter.update(self.counter.done + min(1, epoch / fit.recipe.epochs), self.counter.total, note)

        resources = Resources(self.context.device, report, checkpoints, self.context.origin, self.context.compiled)
        store.write_entry("fits", fit.key, compute_fit, fit, self.inputs, resources)
        checkpoints.clear()
