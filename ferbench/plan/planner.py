"""Cells -> networks and rows: what a benchmark needs, under which keys, and what shares it. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ferbench.api.components import Aggregator, Clip, Frozen, Fusion, Preprocessor
from ferbench.api.errors import calling
from ferbench.api.recipe import Augmentation
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.folds import Split, split
from ferbench.corpora.index import Corpus, identity
from ferbench.store.entries import Store, to_json
from ferbench.store.keys import code_digest, component_identity, key

Identity = Mapping[str, Any]
LEARNING = (
    "stages.fits stages.inputs training.estimators training.loop training.optimizers training.sampling training.streaming training.device "
    "api.heads api.weights"
)
FIT_CODE = [f"ferbench.{module}" for module in LEARNING.split()]


class Work(NamedTuple):
    """Features of one clip, of a view of it where the clip is changed."""

    key: str
    clip: str
    change: Augmentation | None
    view: int


@dataclass(frozen=True)
class Fit:
    """The trainable part of one backbone on one fold; `features` gives the key of each clip's features (crops if nothing is frozen).

    `views` gives those of the fold's training clips, once for each stored view of the recipe's augmentation.
    """

    key: str
    cell: Cell
    split: Split
    fold: int
    crops: Mapping[str, str]
    features: Mapping[str, str]
    views: tuple[Mapping[str, str], ...] = ()
    members: tuple[Fit, ...] = ()  # whose scores are fused, where the backbone is a Fusion

    def works(self) -> Iterator[Work]:
        """The features of all clips, and of the views."""
        for view, keys in enumerate((self.features, *self.views)):
            yield from (Work(key, clip, self.cell.recipe.augmentation if view else None, view) for clip, key in keys.items())

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Class of each clip."""
        return {c.id: c.label for c in self.split.clips}


@dataclass(frozen=True)
class Network:
    """A combination but for its aggregator: fitted once for each fold, scored by every aggregator.

    `identity` tells by axis what it is made of; `fingerprint` is that of the protocol: rows are ranked together only where it is equal.
    `kinds` names by stage what is computed, on whatever clips: works of one kind cost alike. `members` are what a Fusion fuses.
    """

    cell: Cell
    corpora: tuple[Corpus, ...]
    split: Split
    crops: Mapping[str, str]
    fits: tuple[Fit, ...]
    identity: Identity
    fingerprint: str
    kinds: Mapping[str, str]
    members: tuple[Network, ...] = ()

    @property
    def all(self) -> tuple[Network, ...]:
        """Its members, and theirs, and itself: in the order in which they can be made."""
        return (*(each for member in self.members for each in member.all), self)

    @property
    def standin(self) -> bool:
        """Whether any corpus was rendered by ferbench."""
        return any(corpus.standin for corpus in self.corpora)

    @cached_property
    def stages(self) -> dict[str, str]:
        """One digest a stage over the keys of its entries: equal ones mean that all its work is shared."""
        features = {"features": key(list(self.inputs)[1:])} if "features" in self.kinds else {}
        return {"crops": next(iter(self.inputs)), **features, "fits": key([f.key for f in self.fits])}

    @cached_property
    def inputs(self) -> dict[str, Mapping[str, str]]:
        """The keys of its crops, then those of each fold's features, by their digest."""
        fits = [f for network in self.all for f in network.fits]
        mappings = {id(each): each for each in (self.crops, *(keys for f in fits for keys in (f.features, *f.views)))}
        return {key(each): each for each in mappings.values()}


@dataclass(frozen=True)
class Row:
    """One network and one aggregator; labels and benchmark are part of its key, since the tables show them."""

    key: str
    benchmark: str
    labels: Mapping[str, str]
    network: Network
    aggregator: Aggregator
    identity: Identity


@dataclass
class Planner:
    """Makes the rows of a benchmark; what combinations share is made once."""

    benchmark: Benchmark
    corpora: Mapping[str, tuple[Corpus, ...]]  # by label of the dataset axis
    store: Store
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Every combination, in the order of the axes; the aggregators of a network follow each other."""
        code = code_digest("ferbench.stages.scores", "ferbench.report.metrics")
        name, network, shared = self.benchmark.name, None, ""
        for cell in self.benchmark.cells():
            if network is None or any(cell.labels[axis] != network.cell.labels[axis] for axis in AXES if axis != "aggregator"):
                network = self._network(cell)
                shared = key("rows", code, [fit.key for fit in network.fits], name, network.fingerprint)
            aggregator = self._identity("aggregator", cell)
            identity = {**network.identity, "aggregator": aggregator}
            yield Row(key(shared, aggregator, cell.labels), name, cell.labels, network, cell.aggregator, identity)

    def _network(self, cell: Cell) -> Network:
        """Only what others share is remembered, so that a large grid needs no more memory than a small one."""
        labels, corpora = cell.labels, self.corpora[cell.labels["dataset"]]
        parts = self._once(("split", labels["dataset"], labels["protocol"]), split, cell.protocol, corpora, self.store)
        identity = {axis: self._identity(axis, cell) for axis in AXES if axis != "aggregator"}
        steps = (labels["dataset"], labels["protocol"], labels["preprocessing"])
        crops = self._once(("crops", *steps), crop_keys, parts.clips, corpora, identity["preprocessing"])
        members = self._members(cell)
        fits = tuple(self._fit(cell, parts, crops, fold, identity, members) for fold in range(len(parts.folds)))
        fingerprint = self._once(("fingerprint", *steps, cell.recipe.checkpoint), self._fingerprint, cell, corpora, parts)
        kinds = self._once(("kinds", *[labels[axis] for axis in ("preprocessing", "backbone", "recipe")]), self._kinds, cell, identity)
        return Network(cell, corpora, parts, crops, fits, identity, fingerprint, kinds, members)

    def _members(self, cell: Cell) -> tuple[Network, ...]:
        """A network for each member of a Fusion, under a label of its own."""
        if not isinstance(cell.backbone, Fusion):
            return ()
        with calling(f"backbone {cell.backbone.name}"):
            members = tuple(cell.backbone.members())
        labels = [{**cell.labels, "backbone": f"{cell.labels['backbone']} [{n} {m.name}]"} for n, m in enumerate(members, 1)]
        return tuple(self._network(replace(cell, backbone=m, labels=named)) for m, named in zip(members, labels, strict=True))

    def _kinds(self, cell: Cell, identity: Identity) -> dict[str, str]:
        frozen = cell.backbone.frozen()
        features = {"features": key(component_identity(frozen), cell.backbone.input())} if frozen else {}
        return {"crops": key(identity["preprocessing"]), **features, "fits": key(identity["backbone"], cell.recipe.augmentation)}

    def _fit(self, cell: Cell, parts: Split, crops: Mapping[str, str], fold: int, identity: Identity, members: Sequence[Network]) -> Fit:
        if members:
            fused = tuple(member.fits[fold] for member in members)
            name = key("fused", code_digest("ferbench.stages.fusion"), identity["backbone"], [f.key for f in fused])
            return Fit(name, cell, parts, fold, crops, {}, members=fused)
        frozen = (*[cell.labels[axis] for axis in ("dataset", "protocol", "preprocessing", "backbone")], fold)
        features = self._once(("frozen", *frozen), self._features, cell, parts, crops, fold)
        inputs = self._once(("inputs", id(features), id(parts), fold), _inputs, parts, fold, features)
        own = [identity["backbone"], identity["loss"], identity["recipe"], cell.seed, cell.protocol.classes]
        code, views = list(FIT_CODE), tuple[Mapping[str, str], ...]()
        if cell.backbone.frozen() is None:  # the fit makes crops its input
            own.append(cell.backbone.input())
            code += ["ferbench.stages.features", *["ferbench.training.augmentation"] * bool(cell.recipe.augmentation)]
        elif how := cell.recipe.augmentation:
            views = self._once(("views", id(features), id(parts), fold, how), _views, parts, fold, features, how)
        return Fit(key("fits", code_digest(*code), own, inputs, *views), cell, parts, fold, crops, features, views)

    def _features(self, cell: Cell, parts: Split, crops: Mapping[str, str], fold: int) -> Mapping[str, str]:
        """Equal frozen parts (and, where they are calibrated, equal folds) share one mapping, hence the work."""
        with calling(f"backbone {cell.backbone.name}"):
            frozen, declared = cell.backbone.frozen(), cell.backbone.input()
            if not isinstance(frozen, Frozen | None):
                raise TypeError(f"frozen() gives {type(frozen).__name__}: expected a Frozen or None")
        if frozen is None:
            return crops
        training = [crops[clip] for clip in parts.folds[fold].train] if frozen.calibrated else None
        base = key(
            "features", code_digest("ferbench.stages.features", "ferbench.api.weights"), component_identity(frozen), declared, training
        )
        return self._once(("features", base, id(crops)), lambda: {clip: key(base, crop) for clip, crop in crops.items()})

    def _fingerprint(self, cell: Cell, corpora: Sequence[Corpus], parts: Split) -> str:
        selection = [component_identity(s) for s in cell.preprocessing if type(s).select is not Preprocessor.select]
        found = [[c.name, c.digest, c.standin] for c in corpora]
        return key(cell.protocol.classes, dict(cell.protocol.labels), found, selection, parts.folds, "pooled", cell.recipe.checkpoint)

    def _identity(self, axis: str, cell: Cell) -> Any:
        """What the choice on an axis is: parameters, source, and a corpus' content."""
        return self._once(("identity", axis, cell.labels[axis]), self._describe, axis, cell)

    def _describe(self, axis: str, cell: Cell) -> Any:
        if axis == "dataset":
            return {c.name: identity(d, c) for d, c in zip(cell.dataset, self.corpora[cell.labels["dataset"]], strict=True)}
        if axis == "preprocessing":
            return [{"step": step.name, **component_identity(step)} for step in cell.preprocessing]
        value = getattr(cell, axis)
        if axis == "recipe":  # what is None is left out, so that a new field which may be None leaves stored fits valid
            return {name: each for name, each in asdict(value).items() if each is not None}
        return value if axis == "seed" else component_identity(value)

    def _once(self, name: tuple[Any, ...], make: Callable[..., Any], *args: Any) -> Any:
        if name not in self._made:
            self._made[name] = make(*args)
        return self._made[name]


def note_inputs(network: Network, store: Store) -> None:
    """Keeps what a network is made from, by clip: so that it can be told what no row needs, and which clips two rows share."""
    for digest, keys in network.inputs.items():
        store.make("inputs", digest, _write_inputs, "crops" if keys is network.crops else "features", keys)


def _write_inputs(folder: Path, stage: str, keys: Mapping[str, str]) -> None:
    (folder / "keys.json").write_bytes(to_json({"stage": stage, "keys": dict(keys)}))


def crop_keys(clips: Sequence[Clip], corpora: Sequence[Corpus], steps: Sequence[Identity]) -> dict[str, str]:
    """The crops key of each clip: all that a step can see of it, its content, the steps and the stage's code."""
    digests = {clip: digest for corpus in corpora for clip, digest in corpus.digests.items()}
    pipeline = key("crops", code_digest("ferbench.stages.crops", "ferbench.corpora.decoding"), steps)
    return {c.id: key(pipeline, digests[c.id], [c.id, c.length, c.apex, dict(c.facts)]) for c in clips}


def _views(parts: Split, fold: int, features: Mapping[str, str], how: Augmentation) -> tuple[dict[str, str], ...]:
    """The keys of the training clips' views: more views leave those before them as they are."""
    changes = {name: value for name, value in asdict(how).items() if name != "views"}
    base = key("views", code_digest("ferbench.training.augmentation"), changes)
    return tuple({clip: key(base, features[clip], view) for clip in parts.folds[fold].train} for view in range(1, how.views + 1))


def _inputs(parts: Split, fold: int, features: Mapping[str, str]) -> str:
    """Digest of the labelled features of each part of a fold, in order."""
    labels, each = {c.id: c.label for c in parts.clips}, parts.folds[fold]
    return key([[(clip, labels[clip], features[clip]) for clip in part] for part in (each.train, each.validation, each.test)])
