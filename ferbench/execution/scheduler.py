"""Shares work with other processes on the same store, and isolates failures.

A process claims the entries that it computes. Entries that another process has claimed are left for later, and then read from the store.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ferbench.api.errors import FerbenchError, find_system_problem
from ferbench.execution.executor import Executor
from ferbench.plan.models import Model
from ferbench.store.entries import Store
from ferbench.training.device import release_memory

J = TypeVar("J")
PAUSE = 0.2  # seconds between checks of work that another process has claimed
PATIENCE = 2.0  # seconds of waiting for another process, after which the user is told


@dataclass(frozen=True)
class Scheduler:
    """Runs the jobs of a stage on an executor."""

    store: Store
    executor: Executor
    _told: set[str] = field(default_factory=set)  # the processes that the user knows this one waits for

    def complete(self, stage: str, jobs: Sequence[J], key: Callable[[J], str], work: Callable[[J], object]) -> Iterator[J]:
        """Call `work` for each job whose entry is missing, and yield each job that is done, here or by another process."""
        waiting, since = list(jobs), time.monotonic()
        while waiting:
            busy = []
            for job, is_done in self.executor.map(lambda job: self._attempt(stage, job, key(job), work), waiting):
                if is_done:
                    yield job
                else:
                    busy.append(job)
            if len(busy) < len(waiting):
                since = time.monotonic()
            else:
                self.wait(stage, key(busy[0]), since)
            waiting = busy

    def wait(self, stage: str, key: str, since: float) -> None:
        """Wait a moment for the process that computes an entry; if this goes on since long ago, tell the user once which one it is."""
        process = self.store.claimant(stage, key)
        if process and process not in self._told and time.monotonic() - since > PATIENCE:
            self._told.add(process)
            self.store.warn(f"waiting for {process}, which computes {stage}")
        time.sleep(PAUSE)

    def _attempt(self, stage: str, job: J, key: str, work: Callable[[J], object]) -> tuple[J, bool]:
        """Do the work unless another process has claimed it; returns the job, and whether its work is done."""
        with self.store.claim(stage, key) as is_claimed:
            if is_claimed:
                work(job)
        return job, is_claimed or self.store.has(stage, key)


@dataclass
class Failures:
    """The first exception of each model that failed, by the model's key."""

    errors: dict[str, BaseException] = field(default_factory=dict)

    def of(self, model: Model) -> BaseException | None:
        """The exception of a model, or of a model that it is fused from."""
        return next((self.errors[submodel.key] for submodel in model.submodels if submodel.key in self.errors), None)

    def attempt(self, models: Sequence[Model], work: Callable[[], object]) -> None:
        """Do work that these models need, unless all of them have failed; an exception fails them.

        Raises SystemProblem, such as a full disk: then the run must stop.
        """
        if all(self.of(model) for model in models):
            return
        try:
            work()
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            if problem := find_system_problem(error):
                raise problem from error
            _release_frames(error)
            for model in models:
                self.errors.setdefault(model.key, error)

    def raise_if_all_failed(self, models: Sequence[Model]) -> None:
        """Raise the first FerbenchError if all models have failed."""
        errors = [self.of(model) for model in models]
        if all(errors) and isinstance(errors[0], FerbenchError):
            raise errors[0]


def group_by(items: Iterable[J], value: Callable[[J], Hashable]) -> list[list[J]]:
    """Group items of equal value; groups are in the order of their first items."""
    groups: dict[Hashable, list[J]] = {}
    for item in items:
        groups.setdefault(value(item), []).append(item)
    return list(groups.values())


def rotate(items: Sequence[J]) -> list[J]:
    """Rotate the items to a random start, so that processes begin with different ones."""
    start = random.SystemRandom().randrange(len(items)) if items else 0
    return [*items[start:], *items[:start]]


def _release_frames(error: BaseException) -> None:
    """Free the local variables of a traceback (networks, optimizers, GPU memory); its text stays."""
    chain: BaseException | None = error
    while chain:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    release_memory()
