"""Turns the combinations of a benchmark into rows: which models and fits they need, under which keys. Computes nothing."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from ferbench.api.components import Preprocessor
from ferbench.api.errors import plugin_call
from ferbench.api.networks import Backbone, Fusion
from ferbench.benchmark.axes import AXES, MODEL_AXES
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.corpus import Corpus, identify_corpus
from ferbench.corpora.folds import Split, split
from ferbench.plan import keys
from ferbench.plan.checks import check_combination, frozen_of
from ferbench.plan.models import Fit, FusedFit, FusedModel, Identity, KeySet, Model, Row, TrainedModel
from ferbench.store.entries import Store
from ferbench.store.files import to_json
from ferbench.store.keys import identify_component, make_key
from ferbench.store.rows import InputKeys

T = TypeVar("T")


class _Common(NamedTuple):
    """What every model has, in the order of Model's fields."""

    cell: Cell
    corpora: tuple[Corpus, ...]
    split: Split
    crops: KeySet
    identity: Identity
    fingerprint: str


@dataclass
class Planner:
    """Makes the rows of a benchmark. What combinations share is made once; nothing else is remembered, so large grids stay small."""

    benchmark: Benchmark
    corpora: Mapping[str, tuple[Corpus, ...]]  # by label of the dataset axis
    store: Store
    _shared: dict[Hashable, object] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Every combination, in the order of the axes; the aggregators of a model follow each other.

        Raises FerbenchError for a combination that cannot work.
        """
        model, base = None, ""
        for cell in self.benchmark.cells():
            if model is None or any(cell.labels[axis] != model.cell.labels[axis] for axis in MODEL_AXES):
                model = self._model(cell)
                base = keys.row_base([fit.key for fit in model.fits], self.benchmark.name, model.fingerprint)
            aggregator = self._identity("aggregator", cell)
            identities = {**model.identity, "aggregator": aggregator}
            entry = keys.row_key(base, aggregator, cell.labels)
            yield Row(entry, self.benchmark.name, cell.labels, model, cell.aggregator, identities)

    def _model(self, cell: Cell) -> Model:
        """The model of a combination, whose backbone is trained or fused from members."""
        corpora = self.corpora[cell.labels["dataset"]]
        parts = self._once(("split", *_labels(cell, "dataset", "protocol")), lambda: split(cell.protocol, corpora, self.store))
        identities = {axis: self._identity(axis, cell) for axis in MODEL_AXES}
        steps = _labels(cell, "dataset", "protocol", "preprocessing")
        crops = self._once(("crops", *steps), lambda: keys.crop_keys(parts.clips, corpora, identities["preprocessing"]))
        fingerprint = self._once(("fingerprint", *steps, cell.recipe.checkpoint), lambda: self._fingerprint(cell, corpora, parts))
        common = _Common(cell, corpora, parts, crops, identities, fingerprint)
        return self._fused(cell.backbone, common) if isinstance(cell.backbone, Fusion) else self._trained(cell.backbone, common)

    def _trained(self, backbone: Backbone, common: _Common) -> TrainedModel:
        cell = common.cell
        combination = _labels(cell, "protocol", "backbone", "loss", "recipe")
        self._once(("check", *combination), lambda: check_combination(backbone, cell.loss, cell.recipe, cell.protocol.classes))
        folds = tuple(self._fit(backbone, common, fold) for fold in range(len(common.split.folds)))
        kinds = self._once(("kinds", *_labels(cell, "preprocessing", "backbone", "recipe")), lambda: _kinds(backbone, common))
        return TrainedModel(*common, folds, kinds)

    def _fused(self, fusion: Fusion, common: _Common) -> FusedModel:
        """A model for each member, under a label of its own, and one for all of them."""
        cell = common.cell
        with plugin_call(fusion.title, type(fusion)):
            members = tuple(fusion.members())
        names = tuple(f"{number} {member.name}" for number, member in enumerate(members, 1))
        labels = [{**cell.labels, "backbone": f"{cell.labels['backbone']} [{name}]"} for name in names]
        models = tuple(self._model(replace(cell, backbone=m, labels=own)) for m, own in zip(members, labels, strict=True))
        folds = []
        for fold in range(len(common.split.folds)):
            fits = tuple(model.fits[fold] for model in models)
            entry = keys.fused_fit_key(common.identity["backbone"], [fit.key for fit in fits])
            folds.append(FusedFit(entry, fusion, cell.protocol.classes, common.split, fold, names, fits))
        return FusedModel(*common, tuple(folds), models)

    def _fit(self, backbone: Backbone, common: _Common, fold: int) -> Fit:
        cell, parts = common.cell, common.split
        features = self._features(backbone, common, fold)
        inputs = self._once(("inputs", features, parts.key, fold), lambda: keys.inputs_digest(parts, fold, features))
        augmentation, reads_crops = cell.recipe.augmentation, features.stage == "crops"
        views: tuple[KeySet, ...] = ()
        if augmentation and not reads_crops:
            training = parts.folds[fold].train
            views = self._once(("views", features, parts.key, fold, augmentation), lambda: keys.view_keys(features, training, augmentation))
        own = [common.identity[axis] for axis in ("backbone", "loss", "recipe")] + [cell.seed, cell.protocol.classes]
        own += [backbone.input()] if reads_crops else []
        entry = keys.fit_key(own, inputs, views, reads_crops, augments_crops=bool(augmentation) and reads_crops)
        ingredients = (backbone, cell.loss, cell.recipe, cell.seed, cell.protocol.classes)
        return Fit(entry, " ".join(_labels(cell, "backbone", "loss")), *ingredients, parts, fold, common.crops, features, views)

    def _features(self, backbone: Backbone, common: _Common, fold: int) -> KeySet:
        """Equal frozen parts (and, if they are calibrated, equal training crops) share their features."""
        place = (*_labels(common.cell, "dataset", "protocol", "preprocessing", "backbone"), fold)
        base = self._once(("features of", *place), lambda: _features_base(backbone, common, fold))
        return self._once(("features", base, common.crops), lambda: keys.feature_keys(base, common.crops)) if base else common.crops

    def _fingerprint(self, cell: Cell, corpora: Sequence[Corpus], parts: Split) -> str:
        selection = [identify_component(step) for step in cell.preprocessing if type(step).select is not Preprocessor.select]
        return keys.fingerprint(cell.protocol, corpora, selection, parts, cell.recipe.checkpoint)

    def _identity(self, axis: str, cell: Cell) -> object:
        """What the choice on an axis is: parameters, source, and a corpus's content."""
        return self._once(("identity", axis, cell.labels[axis]), lambda: self._describe(axis, cell))

    def _describe(self, name: str, cell: Cell) -> object:
        axis, value = AXES[name], getattr(cell, name)
        if axis.choice == "merged":
            return {c.name: identify_corpus(d, c) for d, c in zip(value, self.corpora[cell.labels[name]], strict=True)}
        if axis.choice == "piped":
            return [{"step": step.name, **identify_component(step)} for step in value]
        if axis.section:  # what is None is left out, so that a new field which may be None leaves stored fits valid
            return {field: each for field, each in asdict(value).items() if each is not None}
        return value if axis.number else identify_component(value)

    def _once(self, name: Hashable, make: Callable[[], T]) -> T:
        if name not in self._shared:
            self._shared[name] = make()
        return cast("T", self._shared[name])


def store_inputs(model: Model, store: Store) -> None:
    """Keep the keys of what a model is made from, by clip: `store gc` needs them, and `why` compares rows by them."""
    for keys_of_stage in model.inputs:
        store.ensure_entry("inputs", keys_of_stage.digest, _write_inputs, keys_of_stage)


def _write_inputs(folder: Path, keys_of_stage: KeySet) -> None:
    inputs: InputKeys = {"stage": keys_of_stage.stage, "keys": dict(keys_of_stage.by_clip)}
    (folder / "keys.json").write_bytes(to_json(inputs))


def _features_base(backbone: Backbone, common: _Common, fold: int) -> str:
    """What the keys of all features on a fold have in common; empty if nothing is frozen."""
    frozen = frozen_of(backbone)
    if frozen is None:
        return ""
    with plugin_call(backbone.title, type(backbone)):
        declared = backbone.input()
    training = [common.crops[clip] for clip in common.split.folds[fold].train] if frozen.calibrated else None
    return keys.features_key(frozen, declared, training)


def _kinds(backbone: Backbone, common: _Common) -> dict[str, str]:
    frozen, identity = backbone.frozen(), common.identity
    features = {"features": make_key(identify_component(frozen), backbone.input())} if frozen else {}
    return {
        "crops": make_key(identity["preprocessing"]),
        **features,
        "fits": make_key(identity["backbone"], common.cell.recipe.augmentation),
    }


def _labels(cell: Cell, *axes: str) -> tuple[str, ...]:
    return tuple(cell.labels[axis] for axis in axes)
