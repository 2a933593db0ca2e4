"""Loads the trained parts of a stored row. Fits whose weights are not stored are repeated; they must give the stored scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError
from ferbench.api.networks import Backbone, Frozen, Fusion
from ferbench.benchmark.cells import rebuild_cell
from ferbench.benchmark.document import Document
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.index import index_corpus
from ferbench.corpora.location import locate_corpus, missing_error
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.runner import open_context, resolve_device_of
from ferbench.plan.models import Classifier, Model
from ferbench.plan.planner import Planner
from ferbench.plan.precision import precision_of
from ferbench.registry.catalog import Catalog
from ferbench.registry.specs import Place
from ferbench.store.contents import STANDINS
from ferbench.store.entries import Store
from ferbench.store.keys import identify_component, make_key
from ferbench.store.needs import standin_name
from ferbench.store.rows import DoneRow

if TYPE_CHECKING:
    import torch

    from ferbench.stages.trained import Chain, Trained

CHANGED = "run the benchmark again: its row is then that of today"


@dataclass(frozen=True)
class TrainedLoader:
    """Loads rows of a store; `catalog` has the components that they were made of, those of plugin files included."""

    store: Store
    catalog: Catalog
    options: Options
    reporter: Reporter

    def load(self, row: DoneRow, fold: int | None = None) -> Trained:
        """Load a row, with the chains of all folds, or of one.

        Raises FerbenchError if a component changed since the row was computed, or if a fit that must be repeated gives other scores.
        """
        from ferbench.stages.trained import Trained
        from ferbench.training.device import select_device

        folds, cell = _choose_folds(row, fold), _rebuild(row, self.catalog)
        if isinstance(cell.backbone, Backbone) and not Classifier(cell.backbone, tuple(row["classes"])).has_weights:
            folds = folds[:1]  # nothing is trained, so all are equal
        with self.store.use():
            self._complete(row, cell, folds)
            builder = _ChainBuilder(row, self.store, select_device(resolve_device_of(self.options).device))
            chains = tuple(builder.build(cell.backbone, number) for number in folds)
        return Trained(row, tuple(row["classes"]), tuple(row["others"]), cell.preprocessing, cell.aggregator, folds, chains)

    def plan(self, row: DoneRow) -> Model:
        """The model of a row, with its corpora where they are now; raises FerbenchError if its fits are others by now."""
        with self.store.use():
            return self._plan(row, _rebuild(row, self.catalog))

    def _complete(self, row: DoneRow, cell: Cell, folds: Sequence[int]) -> None:
        """Repeat the fits whose weights are missing."""
        from ferbench.stages.weights import find_weights

        fits = [(Classifier(own, tuple(row["classes"])), key) for number in folds for own, key in _list_fits(row, cell.backbone, number)]
        needed = [key for classifier, key in fits if classifier.has_weights]
        missing = {key for key in needed if find_weights(key, self.store) is None}
        if not missing:
            return
        from ferbench.execution.engine import keep_weights

        self.reporter.line(f"{len(missing)} of {len(needed)} fits have no stored weights and are repeated")
        options = resolve_device_of(self.options)
        if (precision := precision_of(options.device)) != row["precision"]:
            problem = f"it was computed in {row['precision']}, but {options.device} computes in {precision}"
            hint = "choose another --device, or run with --keep on that machine"
            raise FerbenchError(f"the fits of the row {row['key'][:12]} cannot be repeated: {problem}", hint=hint)
        model = self._plan(row, cell)
        with open_context(self.store, options, self.reporter) as context:
            context.kept = missing
            keep_weights([model], context)

    def _plan(self, row: DoneRow, cell: Cell) -> Model:
        """The model of a row; raises FerbenchError if its fits are others by now."""
        corpora = {cell.labels["dataset"]: tuple(self._index(dataset) for dataset in cell.dataset)}
        benchmark = Benchmark(row["benchmark"], "", Document(Place(), {}), self.catalog, {}, (), None, ())
        planner = Planner(benchmark, corpora, self.store, precision_of(resolve_device_of(self.options).device), row["leaks"])
        model = planner.model(cell)
        if [fit.key for fit in model.fits] != row["fits"]:
            reason = "the corpus, a component or ferbench itself changed since the row was computed"
            raise FerbenchError(f"the fits of the row {row['key'][:12]} cannot be repeated: {reason}", hint=CHANGED)
        return model

    def _index(self, dataset: Dataset) -> Corpus:
        """Index a corpus where it was, or where it is now; a stand-in in this store."""
        copy = self.store.root / STANDINS / standin_name(dataset.root)
        folders = [Path(dataset.root), copy, locate_corpus(replace(dataset, root=""))]
        folder = next((folder for folder in folders if folder and folder.is_dir()), None)
        if folder is None:
            raise missing_error(dataset, option="put it where it was")
        with self.reporter.track(f"index {dataset.name}", "files") as update:
            return index_corpus(replace(dataset, root=str(folder)), self.store, progress=update)


@dataclass
class _ChainBuilder:
    """Builds the chains of a row; equal frozen parts are built once."""

    row: DoneRow
    store: Store
    device: torch.device

    def __post_init__(self) -> None:
        self._frozen: list[tuple[Frozen, torch.nn.Module]] = []

    def build(self, backbone: Backbone | Fusion, fold: int) -> Chain:
        """The chain of a fold."""
        return self._build(backbone, iter(_list_keys(self.row, fold)))

    def _build(self, backbone: Backbone | Fusion, keys: Iterator[str]) -> Chain:
        from ferbench.stages.fits import load_scores
        from ferbench.stages.trained import FusedChain

        if isinstance(backbone, Backbone):
            return self._build_trained(Classifier(backbone, tuple(self.row["classes"])), next(keys))
        members = tuple(self._build(member, keys) for member in backbone.members())
        _, history = load_scores(next(keys), self.store)
        return FusedChain(members, tuple(map(float, history["parameters"].values())))

    def _build_trained(self, classifier: Classifier, key: str) -> Chain:
        from ferbench.stages.features import build_module
        from ferbench.stages.parts import SystemPart
        from ferbench.stages.trained import TrainedChain
        from ferbench.stages.weights import find_weights, load_calibration, load_part

        entry = find_weights(key, self.store)
        part = load_part(classifier, entry, self.device) if entry else SystemPart(classifier, getattr(classifier.trainable, "build", None))
        module = next((module for frozen, module in self._frozen if frozen == classifier.frozen), None)
        if module is None and classifier.frozen:
            module = build_module(classifier, load_calibration(entry), self.device)
            if not classifier.frozen.is_calibrated:
                self._frozen.append((classifier.frozen, module))
        return TrainedChain(classifier, module, part, self.device)


def _rebuild(row: DoneRow, catalog: Catalog) -> Cell:
    """The combination of a row; raises FerbenchError unless its components are those that the row was made of."""
    where = f"row {row['key'][:12]}"
    if "components" not in row:
        raise FerbenchError(f"an older version of ferbench wrote the {where}, without its parameters", hint=CHANGED)
    cell = rebuild_cell(row["components"], row["labels"], catalog, where)
    identities = {
        "preprocessing": [{"step": step.name, **identify_component(step)} for step in cell.preprocessing],
        "backbone": identify_component(cell.backbone),
        "aggregator": identify_component(cell.aggregator),
    }
    for axis, identity in identities.items():
        if make_key(msgspec.to_builtins(identity)) != make_key(row["identity"][axis]):
            problem = f"its {axis} ({row['labels'][axis]}) has other code, or reads another file, than when the row was computed"
            raise FerbenchError(problem, where=where, hint=f"{CHANGED}; `ferbench why` names what changed")
    return cell


def _choose_folds(row: DoneRow, fold: int | None) -> tuple[int, ...]:
    count = len(row["fits"])
    if fold is not None and not 0 <= fold < count:
        raise FerbenchError(f"fold {fold} of a row with {count} folds: expected 0 to {count - 1}", where="--fold")
    return tuple(range(count)) if fold is None else (fold,)


def _list_keys(row: DoneRow, fold: int) -> list[str]:
    """The keys of the fits of a fold: those of the members of a fusion, then its own."""
    count = len(row["fits"])
    keys = row["all_fits"]
    return [keys[number * count + fold] for number in range(len(keys) // count)]


def _list_fits(row: DoneRow, backbone: Backbone | Fusion, fold: int) -> Iterator[tuple[Backbone, str]]:
    """The backbones that are trained on a fold, with the keys of their fits."""
    keys = iter(_list_keys(row, fold))

    def walk(part: Backbone | Fusion) -> Iterator[tuple[Backbone, str]]:
        if isinstance(part, Backbone):
            yield part, next(keys)
            return
        for member in part.members():
            yield from walk(member)
        next(keys)

    yield from walk(backbone)
