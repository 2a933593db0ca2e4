"""Fits that read the same features of the same labeled clips are computed one after the other, so that these are read once.

Weights that are to be kept are stored with the fit. If a fit is stored without them, it is repeated.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ferbench.api.errors import FerbenchError, SystemProblem
from ferbench.execution.context import Context, Job, StageProgress
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import Fit
from ferbench.stages.fits import KeepPart, Resources, compute_fit, find_fit, load_fit_cost
from ferbench.stages.inputs import Inputs, load_inputs
from ferbench.stages.parts import Part, Scores
from ferbench.stages.weights import STAGE, check_repeated, pack_weights
from ferbench.training.checkpoints import Checkpoints
from ferbench.training.history import History
from ferbench.training.items import Items


def drive_fits(context: Context, jobs: Sequence[Job]) -> None:
    """Compute the missing fits; fails models whose fit fails."""
    with context.reporter.track("fits", "fits") as update:
        progress = StageProgress(len(jobs), update)
        for group in rotate(group_by(jobs, lambda job: _identify_inputs(job.fit))):
            worker = _Worker(context, group[0].fit, progress)
            for _ in context.scheduler.complete("fits", group, lambda job: job.fit.key, worker.work):
                progress.add()


def drive_weights(context: Context, jobs: Sequence[Job]) -> None:
    """Repeat these fits, which are stored, and store their weights; fails models whose fit gives other scores."""
    if not jobs:
        return
    with context.reporter.track("weights", "fits repeated") as update:
        progress = StageProgress(len(jobs), update)
        for group in rotate(group_by(jobs, lambda job: _identify_inputs(job.fit))):
            worker = _Worker(context, group[0].fit, progress)
            for _ in context.scheduler.complete(STAGE, group, lambda job: job.fit.key, worker.repeat):
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

    def repeat(self, job: Job) -> None:
        self.context.failures.attempt([job.model], lambda: self._repeat(job))

    def _compute(self, job: Job) -> None:
        fit, store = job.fit, self.context.store
        keep = partial(self._try_to_keep, fit) if self.context.lacks_weights(fit) else None
        checkpoints, resources = self._prepare(fit, keep)
        store.write("fits", fit.key, compute_fit, fit, self.inputs, resources)
        checkpoints.clear()
        self.context.costs.add("fits", job.model, load_fit_cost(fit.key, store))

    def _repeat(self, job: Job) -> None:
        """Repeat a stored fit for its weights, which are stored only if it gives the stored scores."""
        fit, stored = job.fit, find_fit(job.fit.key, self.context.store).array("scores")

        def keep(part: Part, items: Items, scores: Scores) -> None:
            check_repeated(fit, scores, stored)
            self._keep(fit, part, items, scores)

        checkpoints, resources = self._prepare(fit, keep)
        compute_fit(fit, self.inputs, resources)
        checkpoints.clear()

    def _try_to_keep(self, fit: Fit, part: Part, items: Items, scores: Scores) -> None:
        """A row does not depend on the weights of its fits."""
        try:
            self._keep(fit, part, items, scores)
        except SystemProblem:
            raise
        except FerbenchError as error:
            self.context.reporter.warn(error.message)

    def _keep(self, fit: Fit, part: Part, items: Items, scores: Scores) -> None:
        store = self.context.store
        store.remove(STAGE, fit.key)  # those of another version of ferbench
        store.write(STAGE, fit.key, pack_weights, fit, part, items, scores, store, self.context.device)

    def _prepare(self, fit: Fit, keep: KeepPart | None) -> tuple[Checkpoints, Resources]:
        checkpoints = Checkpoints(self.context.store, fit.key, self.context.checkpoint_interval)

        def on_epoch(epoch: int, history: History) -> None:
            note = f"{fit.label}, epoch {epoch} of {fit.recipe.epochs}: validation {history.validation_accuracy[-1]:.2f}"
            self.progress.update(self.progress.done + min(1, epoch / fit.recipe.epochs), self.progress.total, note)

        context = self.context
        return checkpoints, Resources(context.device, on_epoch, checkpoints, context.provenance, context.compile_if_asked, keep)
