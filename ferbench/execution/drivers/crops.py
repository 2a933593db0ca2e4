"""Crops are computed by all cores, while features are computed of those that are there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field

from ferbench.execution.context import Context
from ferbench.execution.scheduler import group_by, rotate
from ferbench.plan.models import Model
from ferbench.stages.crops import store_crops


@dataclass
class CropsDriver:
    """Starts what is missing; others wait for the crops that they need."""

    context: Context
    futures: dict[str, Future[None]] = field(default_factory=dict)  # by key
    finished: list[float] = field(default_factory=list)  # seconds from the start to the end of each clip's

    def start(self, models: Sequence[Model]) -> None:
        """Start everything that is missing, from another clip on in every process, so that two have little to wait for."""
        store, begin = self.context.store, time.monotonic()
        for first, *_ in group_by(models, lambda model: model.crops):
            for clip in rotate(first.split.clips):
                key = first.crops[clip.id]
                if key not in self.futures and store.find_entry("crops", key) is None:
                    future = self.context.executor.start(store_crops, clip, key, first.cell.preprocessing, store)
                    future.add_done_callback(lambda _: self.finished.append(time.monotonic() - begin))
                    self.futures[key] = future

    def wait_for(self, keys: Iterable[str]) -> None:
        """Until these are there; raises what computing one of them raised."""
        for key in keys:
            if key in self.futures:
                self.futures[key].result()

    def finish(self, models: Sequence[Model]) -> None:
        """Wait for all; models whose crops failed have failed."""
        with self.context.reporter.stage("crops", "clips", spent=max(self.finished, default=0.0)) as update:
            for done, _ in enumerate(as_completed(self.futures.values()), 1):
                update(done, len(self.futures))
        for group in group_by(models, lambda model: model.crops):
            keys = [key for key in group[0].crops.by_clip.values() if key in self.futures]
            self.context.failures.attempt(group, lambda keys=keys: self.wait_for(keys))  # type: ignore[misc]
            self.context.costs.add("crops", group[0].trained[0], [key for key in keys if self.context.store.has("crops", key)])
