"""The context that the drivers of a run share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import NamedTuple

import torch

from ferbench.execution.executor import Executor
from ferbench.execution.progress import NotedProgress, Reporter
from ferbench.execution.provenance import describe_provenance
from ferbench.execution.scheduler import Failures, Scheduler
from ferbench.plan.models import Fit, TrainedModel
from ferbench.stages.weights import find_weights
from ferbench.store.costs import Cost, add_costs
from ferbench.store.entries import Store
from ferbench.store.rows import Provenance


class Job(NamedTuple):
    """A missing fit, and the model that needs it."""

    model: TrainedModel
    fit: Fit


@dataclass
class CostLog:
    """The costs of this run's work, by stage and kind; added to those of the store when `save` is called."""

    store: Store
    costs: dict[tuple[str, str], Cost] = field(default_factory=dict)
    _guard: Lock = field(default_factory=Lock)  # several threads compute crops

    def add(self, stage: str, model: TrainedModel, cost: Cost) -> None:
        """Add the cost of an entry that was stored."""
        kind = (stage, model.cost_kinds[stage])
        with self._guard:
            self.costs[kind] = self.costs.get(kind, Cost()) + cost

    def save(self) -> None:
        """Add the costs since the last call to those of the store."""
        with self._guard:
            costs, self.costs = self.costs, {}
        add_costs(self.store, costs)


@dataclass
class Context:
    """A run over a store.

    `checkpoint_interval` is the seconds between checkpoints of a fit; `kept` are the keys of the fits whose weights are to be stored.
    """

    store: Store
    reporter: Reporter
    device: torch.device
    executor: Executor
    workers: int
    checkpoint_interval: float = 60.0
    compile: bool = False
    kept: Collection[str] = ()
    failures: Failures = field(default_factory=Failures)

    @cached_property
    def scheduler(self) -> Scheduler:
        """Shares work with other processes."""
        return Scheduler(self.store, self.executor)

    @cached_property
    def costs(self) -> CostLog:
        """Records what the work costs."""
        return CostLog(self.store)

    @cached_property
    def provenance(self) -> Provenance:
        """Where and with what this run computes."""
        return describe_provenance(self.device, self.workers, self.compile)

    def lacks_weights(self, fit: Fit) -> bool:
        """Whether the weights of a fit are to be stored and are not."""
        return fit.key in self.kept and fit.has_weights and find_weights(fit.key, self.store) is None

    def compile_if_asked(self, module: torch.nn.Module) -> torch.nn.Module:
        """Compile the module at its first call if the user asks for it; the names of its weights stay the same."""
        if self.compile:
            module.compile()
        return module


@dataclass
class StageProgress:
    """The finished steps of a stage."""

    total: float
    update: NotedProgress
    done: float = 0

    def add(self, steps: float = 1, note: str = "") -> None:
        """Add finished steps and report progress."""
        self.done += steps
        self.update(self.done, self.total, note)
