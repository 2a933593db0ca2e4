"""Turns the combinations of a benchmark into rows: which models and fits they need, under which keys. Computes no stage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import NamedTuple

from ferbench.api.components import EmbeddingLoss, Preprocessor, Protocol
from ferbench.api.errors import FerbenchError
from ferbench.api.networks import Backbone, FinishedSystem, Fusion
from ferbench.benchmark.axes import AXES, MODEL_AXES
from ferbench.benchmark.grid import Benchmark, Cell
from ferbench.corpora.corpus import Corpus, identify_corpus
from ferbench.corpora.folds import Split, split_clips
from ferbench.corpora.groups import Groups
from ferbench.plan import keys
from ferbench.plan.checks import (
    check_combination,
    check_fusion,
    check_validation,
    frozen_of,
    input_of,
    is_calibrated,
    members_of,
    trainable_of,
    unused_axes,
)
from ferbench.plan.guards import Guarded, Guards
from ferbench.plan.memo import Memo
from ferbench.plan.models import Fit, FusedFit, FusedModel, Identity, KeySet, Model, Row, TrainedModel
from ferbench.plan.precision import Precision
from ferbench.store.entries import Store
from ferbench.store.keys import identify_component, make_key

LEAVE_OUT = "leave the combination out with `only`"


class _ModelFields(NamedTuple):
    """The fields that every model has, in the order of Model's."""

    cell: Cell
    corpora: tuple[Corpus, ...]
    split: Split
    groups: Groups
    crops: KeySet
    identity: Identity
    fingerprint: str
    duplicates: str
    leaks: tuple[str, ...]


@dataclass
class Planner:
    """Plans the rows of a benchmark. Only values that combinations share are kept in memory, so that large grids stay small.

    Duplicates among frames count as leaks once they are in the store: rows are planned again after a run has searched for them.
    """

    benchmark: Benchmark
    corpora: Mapping[str, tuple[Corpus, ...]]  # by label of the dataset axis
    store: Store
    precision: Precision
    allow_leaks: Collection[str] = ()
    make_split: Callable[[Protocol, Sequence[Corpus], Store], Split] = split_clips
    memo: Memo = field(default_factory=Memo)

    def rows(self) -> Iterator[Row]:
        """Every combination, in the order of the axes; the aggregators of a model follow each other. What is not trained has one seed.

        Raises FerbenchError for a combination that cannot work, or one with a leak that is not allowed.
        """
        model, base = None, ""
        for cell in self.benchmark.cells():
            if model is None or any(cell.labels[axis] != model.cell.labels[axis] for axis in MODEL_AXES):
                self._check_unused_axes(cell)
                if self._is_repeated(cell):
                    continue
                model = self.model(cell)
                base = keys.row_base_key([fit.key for fit in model.fits], self.benchmark.name, model.fingerprint)
            aggregator = self._identity("aggregator", cell)
            identities = {**model.identity, "aggregator": aggregator, **({"leaks": model.leaks} if model.leaks else {})}
            key = keys.row_key(base, aggregator, cell.labels)
            yield Row(key, self.benchmark.name, cell.labels, model, cell.aggregator, identities)

    def _check_unused_axes(self, cell: Cell) -> None:
        """Raise FerbenchError if another choice on an axis without effect would give an equal row under another name."""
        unused = {axis for axis in self._unused_axes(cell) if not AXES[axis].repeats}
        if not unused:
            return
        if "loss" in unused and isinstance(cell.loss, EmbeddingLoss):
            raise FerbenchError(f"{cell.loss.title} reads the embedding of a network, but {cell.backbone.title} has none", hint=LEAVE_OUT)
        used = _labels(cell, *(axis for axis in MODEL_AXES if axis not in self._unused_axes(cell)))
        own = _labels(cell, *sorted(unused))
        first = self.memo.get(("first", *used, "loss" not in unused and cell.recipe.augmentation), lambda: own)
        if own != first:
            axes = " and ".join(sorted(unused))
            problem = f"{cell.backbone.title} does not use {axes}, so its rows for {' '.join(first)} and {' '.join(own)} would be equal"
            raise FerbenchError(problem, hint=LEAVE_OUT)

    def _is_repeated(self, cell: Cell) -> bool:
        """Whether an equal model with another seed was planned: a system that is not trained has one row, not one for each seed."""
        unused = self._unused_axes(cell)
        repeats = [axis for axis in sorted(unused) if AXES[axis].repeats]
        if not repeats:
            return False
        used = _labels(cell, *(axis for axis in MODEL_AXES if axis not in unused))
        own = _labels(cell, *repeats)
        return own != self.memo.get(("repeats", *used), lambda: own)

    def _unused_axes(self, cell: Cell) -> set[str]:
        return self.memo.get(("unused", *_labels(cell, "protocol", "backbone")), lambda: unused_axes(cell.backbone, cell.protocol.classes))

    def model(self, cell: Cell) -> Model:
        """The model of a combination, whose backbone is trained or fused from members."""
        corpora = self.corpora[cell.labels["dataset"]]
        folds = self.memo.get(("split", *_labels(cell, "dataset", "protocol")), lambda: self.make_split(cell.protocol, corpora, self.store))
        identities = {axis: self._identity(axis, cell) for axis in MODEL_AXES} | {"precision": self.precision}
        groups = self.memo.get(("groups", *_labels(cell, "dataset", "protocol")), lambda: _groups_of(corpora, folds))
        steps = _labels(cell, "dataset", "protocol", "preprocessing")
        crops = self.memo.get(("crops", *steps), lambda: keys.crop_keys(groups, identities["preprocessing"]))
        duplicates = self.memo.get(("duplicates", *steps), lambda: keys.duplicates_key(folds, crops))
        leaks = self._leaks(cell, folds, duplicates)
        fingerprint = self.memo.get(
            ("fingerprint", *steps, cell.recipe.checkpoint, leaks), lambda: _fingerprint(cell, corpora, folds, leaks)
        )
        shared = _ModelFields(cell, corpora, folds, groups, crops, identities, fingerprint, duplicates, leaks)
        backbone = cell.backbone
        return self._fused_model(backbone, shared) if isinstance(backbone, Fusion) else self._trained_model(backbone, shared)

    def _leaks(self, cell: Cell, split: Split, duplicates: str) -> tuple[str, ...]:
        """The leaks of a combination; raises FerbenchError if one is not allowed."""
        is_trained = "loss" not in self._unused_axes(cell)
        guarded = Guarded(_labels(cell, "dataset", "protocol"), split, self.corpora[cell.labels["dataset"]], is_trained, duplicates)
        return Guards(self.store, self.allow_leaks, self.memo).check(guarded, cell.protocol.title)

    def _trained_model(self, backbone: Backbone, shared: _ModelFields) -> TrainedModel:
        cell = shared.cell
        combination = _labels(cell, "protocol", "backbone", "loss", "recipe")
        self.memo.get(("check", *combination), lambda: check_combination(backbone, cell.loss, cell.recipe, cell.protocol.classes))
        validation = _labels(cell, "dataset", "protocol", "backbone", "recipe")
        self.memo.get(
            ("validation", *validation), lambda: check_validation(backbone, cell.recipe, cell.protocol.classes, shared.split.folds)
        )
        fits = tuple(self._fit(backbone, shared, fold) for fold in range(len(shared.split.folds)))
        kinds = self.memo.get(("kinds", *_labels(cell, "preprocessing", "backbone", "recipe")), lambda: _cost_kinds(backbone, shared))
        return TrainedModel(*shared, fits, kinds)

    def _fused_model(self, fusion: Fusion, shared: _ModelFields) -> FusedModel:
        """A model for each member, under a label of its own, and one for all of them."""
        cell = shared.cell
        check_fusion(fusion, cell.protocol.classes)
        members = members_of(fusion)
        names = tuple(f"{number} {member.name}" for number, member in enumerate(members, 1))
        # No label in a benchmark contains a line break, so a member is never taken for another backbone.
        labels = [{**cell.labels, "backbone": f"{cell.labels['backbone']}\n[{name}]"} for name in names]
        models = tuple(self.model(replace(cell, backbone=m, labels=own)) for m, own in zip(members, labels, strict=True))
        fused = []
        for fold, fits in enumerate(zip(*(model.fits for model in models), strict=True)):
            key = keys.fused_fit_key(shared.identity["backbone"], [fit.key for fit in fits])
            fused.append(FusedFit(key, fusion, cell.protocol.classes, shared.split, fold, names, fits))
        return FusedModel(*shared, tuple(fused), models)

    def _fit(self, backbone: Backbone, shared: _ModelFields, fold: int) -> Fit:
        cell, folds = shared.cell, shared.split
        features = self._features(backbone, shared, fold)
        views = self._views(backbone, features, shared, fold)
        inputs = self.memo.get(("inputs", features, folds.key, fold), lambda: keys.inputs_digest(folds, fold, features))
        reads_crops = features.stage == "crops"
        own = [shared.identity[name] for name in ("backbone", "loss", "recipe", "precision")] + [cell.seed, cell.protocol.classes]
        own += [backbone.input()] if reads_crops else []
        key = keys.fit_key(own, inputs, views, reads_crops, augments_crops=bool(cell.recipe.augmentation) and reads_crops)
        trained = (cell.loss, cell.recipe, cell.seed)
        label = " ".join(_labels(cell, "backbone", "loss")).replace("\n", " ")
        return Fit(backbone, cell.protocol.classes, key, label, *trained, folds, fold, shared.groups, shared.crops, features, views)

    def _features(self, backbone: Backbone, shared: _ModelFields, fold: int) -> KeySet:
        """Equal frozen parts (and, if they are calibrated, equal training crops) share their features."""
        place = (*_labels(shared.cell, "dataset", "protocol", "preprocessing", "backbone"), fold)
        base = self.memo.get(("features of", *place), lambda: _features_base(backbone, shared, fold))
        return self.memo.get(("features", base, shared.crops), lambda: keys.feature_keys(base, shared.crops)) if base else shared.crops

    def _views(self, backbone: Backbone, features: KeySet, shared: _ModelFields, fold: int) -> tuple[KeySet, ...]:
        """The features of the augmented training clips; crops are augmented during training instead."""
        augmentation, folds = shared.cell.recipe.augmentation, shared.split
        is_trained = not isinstance(trainable_of(backbone, shared.cell.protocol.classes), FinishedSystem)
        if not augmentation or not is_trained or features.stage == "crops":
            return ()
        name = ("views", features, folds.key, fold, augmentation)
        return self.memo.get(name, lambda: keys.view_keys(features, shared.groups.with_any_of(folds.folds[fold].train), augmentation))

    def _identity(self, axis: str, cell: Cell) -> object:
        """The identity of the choice on an axis: parameters, source, and a corpus's content."""
        return self.memo.get(("identity", axis, cell.labels[axis]), lambda: self._identify_choice(axis, cell))

    def _identify_choice(self, name: str, cell: Cell) -> object:
        axis, value = AXES[name], getattr(cell, name)
        if axis.choice == "merged":
            return {c.name: identify_corpus(d, c) for d, c in zip(value, self.corpora[cell.labels[name]], strict=True)}
        if axis.choice == "piped":
            return keys.identify_steps(value)
        if axis.section:  # fields that are None are left out, so that a new field with this default keeps stored fits valid
            return {field: item for field, item in asdict(value).items() if item is not None}
        return value if axis.number else identify_component(value)


def _groups_of(corpora: Sequence[Corpus], split: Split) -> Groups:
    """The groups that hold the clips of a split."""
    return Groups({name: group for corpus in corpora for name, group in corpus.groups.items()}).with_any_of(clip.id for clip in split.clips)


def _fingerprint(cell: Cell, corpora: Sequence[Corpus], folds: Split, leaks: Sequence[str]) -> str:
    selection = [identify_component(step) for step in cell.preprocessing if type(step).select is not Preprocessor.select]
    return keys.fingerprint(cell.protocol, corpora, selection, folds, cell.recipe.checkpoint, leaks)


def _features_base(backbone: Backbone, shared: _ModelFields, fold: int) -> str:
    """The part that the keys of all features on a fold share; empty if nothing is frozen."""
    frozen = frozen_of(backbone)
    if frozen is None:
        return ""
    declared = input_of(backbone)
    calibration = _calibration(shared, fold) if is_calibrated(backbone, frozen) else None
    return keys.features_base_key(frozen, declared, calibration, shared.identity["precision"])


def _calibration(shared: _ModelFields, fold: int) -> object:
    """The training clips of a fold, in order, and the keys of their crops."""
    training = shared.split.folds[fold].train
    return [training, {group: shared.crops[group] for group in shared.groups.with_any_of(training).by_name}]


def _cost_kinds(backbone: Backbone, shared: _ModelFields) -> dict[str, str]:
    frozen, identity = backbone.frozen(), shared.identity
    features = {"features": make_key(identify_component(frozen), backbone.input())} if frozen else {}
    return {
        "crops": make_key(identity["preprocessing"]),
        **features,
        "fits": make_key(identity["backbone"], shared.cell.recipe.augmentation),
    }


def _labels(cell: Cell, *axes: str) -> tuple[str, ...]:
    return tuple(cell.labels[axis] for axis in axes)
