"""Crops are computed in the background, while features of finished crops are computed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import NamedTuple

from ferbench.corpora.groups import ClipGroup
from ferbench.execution.context import Context
from ferbench.execution.executor import GROUPS_AT_ONCE
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import Model, TrainedModel
from ferbench.stages.crops import compute_crops
from ferbench.store.costs import Cost


class _Job(NamedTuple):
    """The missing crops of a group, and a model that needs them."""

    key: str
    group: ClipGroup
    model: TrainedModel
    result: Future[None]


@dataclass
class CropsDriver:
    """Starts the missing crops; other drivers wait for those that they need."""

    context: Context
    jobs: dict[str, _Job] = field(default_factory=dict)  # by key
    waiting: deque[_Job] = field(default_factory=deque)
    finished: list[float] = field(default_factory=list)  # seconds from the start until the crops of a group were done
    stopped: Event = field(default_factory=Event)

    def start(self, models: Sequence[Model], read: Iterable[str]) -> None:
        """Start all missing crops; those that this run will `read` are verified first.

        Each process begins at a random group, so that two processes rarely wait for each other.
        """
        to_read = set(read)
        for first, *_ in group_by(models, lambda model: model.crops):
            for name in rotate(list(first.groups.by_name)):
                key = first.crops[name]
                if key not in self.jobs and self._is_missing(key, key in to_read):
                    self.jobs[key] = _Job(key, first.groups.by_name[name], first.trained[0], Future())
        self.waiting.extend(self.jobs.values())
        begin = time.monotonic()
        for job in self.jobs.values():
            job.result.add_done_callback(lambda _: self.finished.append(time.monotonic() - begin))
        for _ in range(min(GROUPS_AT_ONCE, len(self.jobs))):
            self.context.executor.start(self._work)

    def stop(self) -> None:
        """Start no more crops, and wait for no other process: the run ends."""
        self.stopped.set()

    def wait_for(self, keys: Iterable[str]) -> None:
        """Wait until these are stored; raises the exception of the first that failed."""
        for key in keys:
            if key in self.jobs:
                self.jobs[key].result.result()

    def finish(self, models: Sequence[Model]) -> None:
        """Wait for all crops, and fail the models whose crops failed."""
        sizes = {job.result: len(job.group.clips) for job in self.jobs.values()}
        done = 0
        with self.context.reporter.track("crops", "clips", spent=max(self.finished, default=0.0)) as update:
            for result in as_completed(sizes):
                done += sizes[result]
                update(done, sum(sizes.values()))
        for group in group_by(models, lambda model: model.crops):
            self.context.failures.attempt(group, partial(self.wait_for, group[0].crops.by_group.values()))

    def _is_missing(self, key: str, will_be_read: bool) -> bool:
        return self.context.store.find("crops", key, facts_only=not will_be_read) is None

    def _work(self) -> None:
        """Compute crops until none are left. Groups that another process computes are looked at again later."""
        busy, since = 0, time.monotonic()
        while not self.stopped.is_set():
            try:
                job = self.waiting.popleft()
            except IndexError:
                return
            try:
                is_done = self._compute(job)
                busy = 0 if is_done else busy + 1
                if busy > len(self.waiting):
                    self.context.scheduler.wait("crops", job.key, since)
            except BaseException as error:  # whoever waits for it raises it
                job.result.set_exception(error)
                continue
            if is_done:
                job.result.set_result(None)
                since = time.monotonic()
            else:
                self.waiting.append(job)

    def _compute(self, job: _Job) -> bool:
        """Compute and store the crops of a group, unless another process does; returns whether they are stored."""
        store, executor = self.context.store, self.context.executor
        with store.claim("crops", job.key) as is_claimed:
            if is_claimed:
                entry = store.write("crops", job.key, compute_crops, job.group, job.model.cell.preprocessing, executor.run_all)
                self.context.costs.add("crops", job.model, entry.read_run(Cost))
        return is_claimed or store.has("crops", job.key)
