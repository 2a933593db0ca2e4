"""Shares work with other processes on the same store, and keeps failures apart.

A process claims what it computes, leaves what another one has claimed for later, and takes it from the store once it is there.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ferbench.api.errors import FerbenchError, StoreError
from ferbench.execution.executor import Executor
from ferbench.plan.models import Model
from ferbench.store.entries import Store
from ferbench.training.device import release_memory

J = TypeVar("J")
PAUSE = 0.2  # seconds between looks at what another process is computing


@dataclass(frozen=True)
class Scheduler:
    """Runs the jobs of a stage on an executor."""

    store: Store
    executor: Executor

    def complete(
        self, stage: str, jobs: Sequence[J], keys: Callable[[J], Sequence[str]], work: Callable[[J, Sequence[str]], None]
    ) -> Iterator[J]:
        """Call `work(job, claimed keys)` for each job with missing entries, and yield each job that is done, here or by another process."""

        def attempt(job: J) -> tuple[J, bool]:
            with self.store.claim_missing(stage, keys(job)) as claimed:
                if claimed:
                    work(job, claimed)
            return job, all(key in claimed or self.store.has(stage, key) for key in keys(job))

        waiting = list(jobs)
        while waiting:
            busy = []
            for job, is_done in self.executor.map(attempt, waiting):
                if is_done:
                    yield job
                else:
                    busy.append(job)
            if len(busy) == len(waiting):
                time.sleep(PAUSE)
            waiting = busy


@dataclass
class Failures:
    """The first exception of each model that failed, by the model's key."""

    errors: dict[str, BaseException] = field(default_factory=dict)

    def of(self, model: Model) -> BaseException | None:
        """The exception of a model, or of one that it is fused from."""
        return next((self.errors[part.key] for part in model.parts if part.key in self.errors), None)

    def attempt(self, models: Sequence[Model], work: Callable[[], object]) -> None:
        """Do work that these models need, unless all of them failed before; an exception fails them.

        Raises StoreError: if the store cannot be written, nothing can go on.
        """
        if all(self.of(model) for model in models):
            return
        try:
            work()
        except StoreError:
            raise
        except (Exception, SystemExit) as error:  # a plugin may raise anything
            _release_frames(error)
            for model in models:
                self.errors.setdefault(model.key, error)

    def raise_if_all_failed(self, models: Sequence[Model]) -> None:
        """Raise the FerbenchError for which no model can be computed."""
        errors = [self.of(model) for model in models]
        if all(errors) and isinstance(errors[0], FerbenchError):
            raise errors[0]


def group_by(items: Iterable[J], value: Callable[[J], Hashable]) -> list[list[J]]:
    """Items of equal value together, in the order in which they first appear."""
    groups: dict[Hashable, list[J]] = {}
    for item in items:
        groups.setdefault(value(item), []).append(item)
    return list(groups.values())


def rotate(items: Sequence[J]) -> list[J]:
    """The items from a random start on, so that several processes begin at different ones."""
    start = random.SystemRandom().randrange(len(items)) if items else 0
    return [*items[start:], *items[:start]]


def _release_frames(error: BaseException) -> None:
    """Free what the frames of a traceback hold: networks, optimizers, a GPU's memory. The lines stay."""
    chain: BaseException | None = error
    while chain:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    release_memory()
