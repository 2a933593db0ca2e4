"""Crops are computed in the background, while features of finished crops are computed."""

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
    """Starts the missing crops; other drivers wait for those that they need."""

    context: Context
    futures: dict[str, Future[None]] = field(default_factory=dict)  # by key
    finished: list[float] = field(default_factory=list)  # seconds from the start until the crops of a clip were done

    def start(self, models: Sequence[Model]) -> None:
        """Start all missing crops; each process begins at a random clip, so that two processes rarely wait for each other."""
        store, begin = self.context.store, time.monotonic()
        for first, *_ in group_by(models, lambda model: model.crops):
            for clip in rotate(first.split.clips):
                key = first.crops[clip.id]
                if key not in self.futures and store.find_entry("crops", key) is None:
                    future = self.context.executor.start(store_crops, clip, key, first.cell.preprocessing, store)
                    future.add_done_callback(lambda _: self.finished.append(time.monotonic() - begin))
                    self.futures[key] = future

    def wait_for(self, keys: Iterable[str]) -> None:
        """Wait until these are stored; raises the exception of the first that failed."""
        for key in keys:
            if key in self.futures:
                self.futures[key].result()

    def finish(self, models: Sequence[Model]) -> None:
        """Wait for all crops, and fail the models whose crops failed."""
        with self.context.reporter.track("crops", "clips", spent=max(self.finished, default=0.0)) as update:
            for done, _ in enumerate(as_completed(self.futures.values()), 1):
                update(done, len(self.futures))
        for group in group_by(models, lambda model: model.crops):
            keys = [key for key in group[0].crops.by_clip.values() if key in self.futures]
            self.context.failures.attempt(group, lambda keys=keys: self.wait_for(keys))  # type: ignore[misc]
            self.context.costs.add("crops", group[0].trained[0], [key for key in keys if self.context.store.has("crops", key)])
