"""Counts the work that the missing rows need, and estimates its cost from what similar work took in this store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ferbench.api.networks import EmbeddingNetwork, Network
from ferbench.corpora.selection import select_frames
from ferbench.plan.forecast import Forecast, WorkUnit
from ferbench.plan.models import Fit, KeySet, Model, Row, TrainedModel
from ferbench.store import records
from ferbench.store.costs import CostHistory
from ferbench.store.entries import Store

TRAINED_WEIGHT = 4 * 5  # bytes: float32 weight, gradient, two moments of Adam, the best epoch's


def forecast(rows: Iterable[Row], history: CostHistory, store: Store, retry_failed: bool = False) -> Forecast:
    """Forecast a run; the rows are read once, and only missing ones are kept."""
    return _Estimator(history, store).forecast(rows, retry_failed)


@dataclass
class _Estimator:
    history: CostHistory
    store: Store
    units: dict[str, WorkUnit] = field(default_factory=dict)
    frames: dict[KeySet, dict[str, int]] = field(default_factory=dict)  # per clip, by crops
    counted_keys: set[str] = field(default_factory=set)  # missing entries that are part of a unit

    def forecast(self, rows: Iterable[Row], retry_failed: bool) -> Forecast:
        result = Forecast(units=self.units)
        for row in rows:
            result.total += 1
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

    def _units_of_fit(self, fit: Fit, model: TrainedModel, frames: Mapping[str, int]) -> Iterator[str]:
        if fit.key not in self.units and self.store.has("fits", fit.key):
            return
        for keys in (fit.features, *fit.views) if model.frozen else ():
            yield self._add_keys(keys, model.cost_kinds["features"], frames)
        if fit.key not in self.units:
            self.units[fit.key] = self._estimate_fit(fit, model, frames)
        yield fit.key

    def _add_keys(self, keys: KeySet, kind: str, frames: Mapping[str, int]) -> str:
        """Add the unit of a key set when it is first seen, and return its key."""
        if keys.digest not in self.units:
            missing = {clip: k for clip, k in keys.by_clip.items() if k not in self.counted_keys and not self.store.has(keys.stage, k)}
            self.counted_keys.update(missing.values())
            cost, count = self.history.unit_cost(keys.stage, kind), sum(frames[clip] for clip in missing)
            known = (cost.seconds * count, cost.bytes * count) if cost else (None, None)
            self.units[keys.digest] = WorkUnit(keys.stage, len(keys.by_clip), len(missing), *known)
        return keys.digest

    def _estimate_fit(self, fit: Fit, model: TrainedModel, frames: Mapping[str, int]) -> WorkUnit:
        cost = self.history.unit_cost("fits", model.cost_kinds["fits"])
        if cost is None:
            return WorkUnit("fits", 1, 1, None, None)
        fold = fit.split.folds[fit.fold]
        training, others = (sum(frames[clip] for clip in clips) for clips in (fold.train, (*fold.validation, *fold.test)))
        steps = training * (fit.recipe.epochs if isinstance(fit.trainable, Network | EmbeddingNetwork) else 1)
        inputs = self.history.unit_cost(fit.features.stage, model.cost_kinds[fit.features.stage])
        read = (inputs.bytes if inputs else 0) * (training * (1 + len(fit.views)) + others)
        return WorkUnit("fits", 1, 1, cost.seconds * steps, cost.bytes * steps, read + TRAINED_WEIGHT * cost.weights)

    def _count_frames(self, model: Model) -> dict[str, int]:
        """How many frames of each clip the pipeline selects; nothing is decoded."""
        if model.crops not in self.frames:
            self.frames[model.crops] = {clip.id: len(select_frames(clip, model.cell.preprocessing)) for clip in model.split.clips}
        return self.frames[model.crops]
