"""Cells -> networks and rows: what a benchmark needs, under which keys, and what shares it. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ferbench.axes import AXES
from ferbench.benchmark import Benchmark, Cell
from ferbench.components import Aggregator, Clip, Preprocessor
from ferbench.folds import Split, split
from ferbench.identity import code_digest, component_identity, key
from ferbench.stages.index import Corpus
from ferbench.store import Store


@dataclass(frozen=True)
class Fit:
    """The trainable part of one backbone on one fold; `features` gives the key of each clip's features (crops if nothing is frozen)."""

    cell: Cell
    split: Split
    fold: int
    crops: Mapping[str, str]
    features: Mapping[str, str]

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Class of each clip."""
        return {c.id: c.label for c in self.split.clips}

    @cached_property
    def key(self) -> str:
        """Identity of what the fit gives."""
        cell, fold = self.cell, self.split.folds[self.fold]
        parts = [[(clip, self.labels[clip], self.features[clip]) for clip in part] for part in (fold.train, fold.validation, fold.test)]
        identity = [component_identity(cell.backbone), component_identity(cell.loss), cell.recipe, cell.seed, cell.protocol.classes]
        prepares = ["ferbench.stages.features"] if cell.backbone.frozen() is None else []  # crops are made input in the fit
        return key("fits", code_digest("ferbench.stages.fit", "ferbench.training", *prepares), identity, parts)


@dataclass(frozen=True)
class Network:
    """A combination but for its aggregator: fitted once for each fold, scored by every aggregator."""

    cell: Cell
    corpora: tuple[Corpus, ...]
    split: Split
    crops: Mapping[str, str]
    fits: tuple[Fit, ...]

    @property
    def standin(self) -> bool:
        """Whether any corpus was rendered by ferbench."""
        return any(corpus.standin for corpus in self.corpora)

    @cached_property
    def fingerprint(self) -> str:
        """Identity of the protocol: rows are ranked together only where it is equal."""
        cell = self.cell
        selection = [component_identity(s) for s in cell.preprocessing if type(s).select is not Preprocessor.select]
        corpora = [[c.name, c.digest, c.standin] for c in self.corpora]
        return key(
            cell.protocol.classes, dict(cell.protocol.labels), corpora, selection, self.split.folds, "pooled", cell.recipe.checkpoint
        )


@dataclass(frozen=True)
class Row:
    """One network and one aggregator."""

    benchmark: str
    labels: Mapping[str, str]
    network: Network
    aggregator: Aggregator

    @cached_property
    def key(self) -> str:
        """Identity of the row; labels and benchmark are part of it, since the tables show them."""
        code = code_digest("ferbench.scoring", "ferbench.metrics")
        fits = [fit.key for fit in self.network.fits]
        return key("rows", code, fits, component_identity(self.aggregator), self.labels, self.benchmark, self.network.fingerprint)


@dataclass
class Planner:
    """Makes the rows of a benchmark; what combinations share is made once."""

    benchmark: Benchmark
    corpora: Mapping[str, tuple[Corpus, ...]]  # by label of the dataset axis
    store: Store
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Every combination."""
        for cell in self.benchmark.cells():
            yield Row(self.benchmark.name, cell.labels, self._network(cell), cell.aggregator)

    def _network(self, cell: Cell) -> Network:
        axes = [axis for axis in AXES if axis != "aggregator"]
        return self._once(("network", *(cell.labels[axis] for axis in axes)), self._make_network, cell)

    def _make_network(self, cell: Cell) -> Network:
        labels, corpora = cell.labels, self.corpora[cell.labels["dataset"]]
        parts = self._once(("split", labels["dataset"], labels["protocol"]), split, cell.protocol, corpora, self.store)
        crops = self._once(
            ("crops", labels["dataset"], labels["protocol"], labels["preprocessing"]),
            crop_keys,
            parts.clips,
            corpora,
            cell.preprocessing,
        )
        fits = tuple(Fit(cell, parts, fold, crops, self._features(cell, parts, crops, fold)) for fold in range(len(parts.folds)))
        return Network(cell, corpora, parts, crops, fits)

    def _features(self, cell: Cell, parts: Split, crops: Mapping[str, str], fold: int) -> Mapping[str, str]:
        """Equal frozen parts (and, where they are calibrated, equal folds) share one mapping, hence the work."""
        frozen = cell.backbone.frozen()
        if frozen is None:
            return crops
        training = [crops[clip] for clip in parts.folds[fold].train] if frozen.calibrated else None
        base = key("features", code_digest("ferbench.stages.features"), component_identity(frozen), cell.backbone.input(), training)
        return self._once(("features", base, id(crops)), lambda: {clip: key(base, crop) for clip, crop in crops.items()})

    def _once(self, name: tuple[Any, ...], make: Callable[..., Any], *args: Any) -> Any:
        if name not in self._made:
            self._made[name] = make(*args)
        return self._made[name]


def crop_keys(clips: Sequence[Clip], corpora: Sequence[Corpus], steps: Sequence[Preprocessor]) -> dict[str, str]:
    """The crops key of each clip: all that a step can see of it, its content, the steps and the stage's code."""
    digests = {clip: digest for corpus in corpora for clip, digest in corpus.digests.items()}
    pipeline = key("crops", code_digest("ferbench.stages.crops", "ferbench.media"), [component_identity(step) for step in steps])
    return {c.id: key(pipeline, digests[c.id], [c.id, c.subject, c.label, c.length, c.apex, dict(c.facts)]) for c in clips}
