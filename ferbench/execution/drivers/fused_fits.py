"""Fused fits are computed from the scores of their members' fits, without a device."""

from __future__ import annotations

from collections.abc import Sequence

from ferbench.execution.context import Context
from ferbench.plan.models import Fit, FusedFit, FusedModel, Model
from ferbench.stages.fusion import compute_fused_fit


def drive_fused_fits(context: Context, models: Sequence[Model]) -> None:
    """Compute the missing fused fits, each after its members, which may be fused too; fails models whose member failed."""
    store = context.store
    jobs = [(model, fit) for model in models if isinstance(model, FusedModel) for fit in model.fits if store.find("fits", fit.key) is None]

    def work(job: tuple[FusedModel, FusedFit]) -> None:
        model, fit = job
        context.failures.attempt([model], lambda: store.write("fits", fit.key, compute_fused_fit, fit, store, context.provenance))

    for depth in sorted({_depth(fit) for _, fit in jobs}):  # another process may compute the members
        for _ in context.scheduler.complete("fits", [job for job in jobs if _depth(job[1]) == depth], lambda job: job[1].key, work):
            pass


def _depth(fit: Fit | FusedFit) -> int:
    return 1 + max(map(_depth, fit.members)) if isinstance(fit, FusedFit) else 0
