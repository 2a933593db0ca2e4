"""Counts the work that the missing rows need, and estimates its cost from what similar work took in this store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ferbench.api.networks import EmbeddingNetwork, Network
from ferbench.corpora.selection import select_frames
from ferbench.plan.forecast import Forecast, WorkUnit
from ferbench.plan.models import Fit, KeySet, Model, Row, TrainedModel
from ferbench.store import records
from ferbench.store.costs import CostHistory
from ferbench.store.entries import Store

WEIGHT_SIZE = 4  # bytes, of float32
TRAINED_WEIGHT = WEIGHT_SIZE * 5  # bytes: float32 weight, gradient, two moments of Adam, the best epoch's


def forecast(
    rows: Iterable[Row], history: CostHistory, store: Store, retry_failed: bool = False, keeps: Callable[[Row], bool] = lambda _: False
) -> Forecast:
    """Forecast a run; the rows are read once, and only missing ones are kept. `keeps` says whether the weights of a row are stored."""
    return _Estimator(history, store, keeps).forecast(rows, retry_failed)


@dataclass
class _Estimator:
    history: CostHistory
    store: Store
    keeps: Callable[[Row], bool]
    units: dict[str, WorkUnit] = field(default_factory=dict)
    frames: dict[KeySet, _FrameCounts] = field(default_factory=dict)  # by crops
    counted_keys: set[str] = field(default_factory=set)  # missing entries that are part of a unit

    def forecast(self, rows: Iterable[Row], retry_failed: bool) -> Forecast:
        result = Forecast(units=self.units)
        for row in rows:
            result.total += 1
            if self.keeps(row):
                self._add_weights(row.model)
            if self.store.has("rows", row.key):
                result.stored += 1
            elif not retry_failed and records.has_failed(row.key, self.store):
                result.failed += 1
            else:
                result.missing_rows.append((row.labels, tuple(dict.fromkeys(self._units_of(row.model)))))
        return result

    def _units_of(self, model: Model) -> Iterator[str]:
        """The keys of the units that a model needs."""
        for trained in model.trained:
            frames = self._count_frames(trained)
            yield self._add_keys(trained.crops, trained.cost_kinds["crops"], frames)
            for fit in trained.fits:
                yield from self._units_of_fit(fit, trained, frames)

    def _units_of_fit(self, fit: Fit, model: TrainedModel, frames: _FrameCounts) -> Iterator[str]:
        if fit.key not in self.units and self.store.has("fits", fit.key):
            return
        for keys in (fit.features, *fit.views) if model.frozen else ():
            yield self._add_keys(keys, model.cost_kinds["features"], frames)
        if fit.key not in self.units:
            self.units[fit.key] = self._estimate_fit(fit, model, frames)
        yield fit.key

    def _add_weights(self, model: Model) -> None:
        """Weights cost no time if they are stored with a new fit; that of a stored fit is repeated."""
        for trained, fit in [(each, fit) for each in model.trained for fit in each.fits]:
            key, is_stored = f"weights of {fit.key}", self.store.has("weights", fit.key)
            if fit.has_weights and key not in self.units:
                repeated = self._estimate_fit(fit, trained, self._count_frames(trained))
                seconds = repeated.seconds if self.store.has("fits", fit.key) else 0.0
                cost = self.history.unit_cost("fits", trained.cost_kinds["fits"])
                size = WEIGHT_SIZE * cost.weights if cost and cost.weights else None
                self.units[key] = WorkUnit("weights", 1, int(not is_stored), seconds, size)

    def _add_keys(self, keys: KeySet, kind: str, frames: _FrameCounts) -> str:
        """Add the unit of a key set when it is first seen, and return its key."""
        if keys.digest not in self.units:
            missing = {name: k for name, k in keys.by_group.items() if k not in self.counted_keys and not self.store.has(keys.stage, k)}
            self.counted_keys.update(missing.values())
            cost, count = self.history.unit_cost(keys.stage, kind), sum(map(frames.of_group, missing))
            known = (cost.seconds * count, cost.bytes * count) if cost else (None, None)
            self.units[keys.digest] = WorkUnit(keys.stage, len(keys.by_group), len(missing), *known)
        return keys.digest

    def _estimate_fit(self, fit: Fit, model: TrainedModel, frames: _FrameCounts) -> WorkUnit:
        cost = self.history.unit_cost("fits", model.cost_kinds["fits"])
        if cost is None:
            return WorkUnit("fits", 1, 1, None, None)
        fold = fit.split.folds[fit.fold]
        training, others = (sum(map(frames.of_clip, clips)) for clips in (fold.train, (*fold.validation, *fold.test)))
        steps = training * (fit.recipe.epochs if isinstance(fit.trainable, Network | EmbeddingNetwork) else 1)
        inputs = self.history.unit_cost(fit.features.stage, model.cost_kinds[fit.features.stage])
        read = (inputs.bytes if inputs else 0) * (training * (1 + len(fit.views)) + others)
        return WorkUnit("fits", 1, 1, cost.seconds * steps, cost.bytes * steps, read + TRAINED_WEIGHT * cost.weights)

    def _count_frames(self, model: Model) -> _FrameCounts:
        return self.frames.setdefault(model.crops, _FrameCounts(model))


@dataclass(frozen=True)
class _FrameCounts:
    """How many frames the pipeline of a model selects; nothing is decoded."""

    model: Model
    counts: dict[str, int] = field(default_factory=dict)  # by clip

    def of_clip(self, clip: str) -> int:
        if clip not in self.counts:
            groups, steps = self.model.groups, self.model.cell.preprocessing
            self.counts[clip] = len(select_frames(groups.by_name[groups.owners[clip]].clips[clip], steps))
        return self.counts[clip]

    def of_group(self, group: str) -> int:
        return sum(map(self.of_clip, self.model.groups.by_name[group].clips))
